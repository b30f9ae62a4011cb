"""Triggers that were stored by an earlier version go on: ``stored_by_0_1_0.json`` is what release 0.1.0 stored."""

from __future__ import annotations

import asyncio
import datetime as dt
import json
import time
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_linkedin_capi.exceptions import ConfigurationError
from airflow_provider_linkedin_capi.reports.readiness import ReportSnapshot, Wait, WaitingReport
from airflow_provider_linkedin_capi.reports.request import ReportRequest
from airflow_provider_linkedin_capi.triggers.analytics import AnalyticsReportTrigger
from tests.support.attribution import CAMPAIGN, OTHER_CAMPAIGN, days_ago, deliver

if TYPE_CHECKING:
    from airflow_provider_linkedin_capi.hooks.linkedin_conversions import LinkedInConversionsHook
    from airflow_provider_linkedin_capi.sandbox.server import SandboxServer

RULE = 104012


def stored_by_0_1_0() -> dict[str, Any]:
    """``classpath`` and ``kwargs`` of the trigger, and the ``event`` it left for the sensor."""
    stored: dict[str, Any] = json.loads(Path(__file__).with_name("stored_by_0_1_0.json").read_text())
    return stored


def recent(stored: dict[str, Any], **wait: Any) -> dict[str, Any]:
    """Arguments or event, with days and times moved to where they can still be waited for."""
    day = str(days_ago(3))
    times = {"complete_at": time.time() + 3600, "deadline": time.time() + 10}
    return {
        **stored,
        "request": {**stored["request"], "start": day, "end": day},
        "wait": {**stored["wait"], **times, **wait},
    }


@pytest.fixture
def attributed(sandbox: SandboxServer, linkedin: str, hook: LinkedInConversionsHook) -> int:
    """Conversions of the stored rule and of another one; how many the stored rule has."""
    sandbox.world.add_rule(RULE, campaigns=[CAMPAIGN, OTHER_CAMPAIGN])
    sandbox.world.add_rule(104004, campaigns=[CAMPAIGN])
    other = sandbox.world.add_rule(campaigns=[CAMPAIGN])
    deliver(hook, RULE, days_ago(3), 40)
    deliver(hook, other, days_ago(3), 40)
    return sandbox.world.attributed_totals(rule=RULE).conversions


def fired(path: str, arguments: dict[str, Any]) -> dict[str, Any]:
    """The event of a trigger, made as the triggerer makes it."""
    module, _, name = path.rpartition(".")
    trigger = getattr(__import__(module, fromlist=[name]), name)(**arguments)

    async def run() -> list[Any]:
        return [event.payload async for event in trigger.run()]

    [payload] = asyncio.run(run())
    return dict(payload)


def test_arguments_of_0_1_0_are_read_field_by_field() -> None:
    arguments = stored_by_0_1_0()["kwargs"]
    waiting = WaitingReport.restored({name: arguments[name] for name in ("request", "wait", "sighting")})

    assert waiting == WaitingReport(
        request=ReportRequest(
            account="urn:li:sponsoredAccount:5012345",
            start=dt.date(2026, 11, 20),
            end=dt.date(2026, 11, 21),
            fields=("externalWebsiteConversions", "conversionValueInLocalCurrency"),
            rules=("urn:lla:llaPartnerConversion:104012", "urn:lla:llaPartnerConversion:104004"),
            campaigns=("urn:li:sponsoredCampaign:345396001", "urn:li:sponsoredCampaign:345396002"),
            names=True,
        ),
        wait=Wait(
            ready_when="settled", min_conversions=2, settle_for=86400.0, complete_at=1795910400.0, deadline=1796300000.5
        ),
        snapshot=ReportSnapshot(digest="0123456789abcdef0123456789abcdef", since=1795600000.25),
    )


def test_a_trigger_of_0_1_0_keeps_waiting_for_its_own_rules(attributed: int) -> None:
    stored = stored_by_0_1_0()
    waiting = {**recent(stored["kwargs"], ready_when="rows"), "poll_interval": 0.05}

    enough = fired(stored["classpath"], recent(waiting, min_conversions=attributed, ready_when="rows"))
    more = fired(
        stored["classpath"],
        recent(waiting, min_conversions=attributed + 1, ready_when="rows", deadline=time.time() + 0.5),
    )

    assert (enough["status"], more["status"]) == ("ready", "timeout")
    assert enough["request"]["rules"] == stored["kwargs"]["request"]["rules"]


def test_the_snapshot_of_0_1_0_counts_for_settling(attributed: int) -> None:
    stored = stored_by_0_1_0()
    first = fired(stored["classpath"], {**recent(stored["kwargs"], ready_when="rows"), "poll_interval": 0.05})
    seen = {**first["snapshot"], "since": time.time() - 90_000}

    again = {**recent(stored["kwargs"]), "poll_interval": 0.05, "sighting": seen}

    assert fired(stored["classpath"], again)["status"] == "ready"


def test_the_sensor_resumes_from_an_event_of_0_1_0(attributed: int) -> None:
    from airflow_provider_linkedin_capi.sensors.analytics import AnalyticsReportSensor

    sensor = AnalyticsReportSensor(task_id="wait", first_day="{{ ds }}", last_day="{{ ds }}")
    pushed: dict[str, Any] = {}
    context: Any = {"ti": SimpleNamespace(xcom_push=pushed.__setitem__)}

    rows = sensor.execute_complete(context, recent(stored_by_0_1_0()["event"], ready_when="rows"))

    assert [row["conversion_id"] for row in rows] == [RULE]
    assert pushed["totals"]["external_website_conversions"] == attributed


def test_arguments_that_this_version_stores_stay_as_they_are() -> None:
    """What is stored today has to be read by later versions: this changes together with ``STORED_VERSION`` only."""
    kwargs = stored_by_0_1_0()["kwargs"]
    waiting = WaitingReport.restored({name: kwargs[name] for name in ("request", "wait", "sighting")})
    trigger = AnalyticsReportTrigger("linkedin_capi_default", poll_interval=900.0, **waiting.stored())

    assert trigger.serialize() == (
        "airflow_provider_linkedin_capi.triggers.analytics.AnalyticsReportTrigger",
        {
            "linkedin_conn_id": "linkedin_capi_default",
            "poll_interval": 900.0,
            "version": 2,
            "request": kwargs["request"],
            "wait": kwargs["wait"],
            "snapshot": kwargs["sighting"],
        },
    )


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"request": {"conversion_rule_urns": ["urn:lla:llaPartnerConversion:1"]}}, "conversion_rule_urns"),
        ({"wait": {"patience": 5}}, "patience"),
        ({"version": 99}, "version 99 is newer than 2"),
        ({"version": "two"}, "two|not supported"),
        ({"request": {"start": "soon"}}, "start"),
    ],
    ids=["unknown field of the report", "unknown field of the wait", "newer version", "no version", "no date"],
)
def test_what_cannot_be_read_is_refused_instead_of_widened(linkedin: str, change: dict[str, Any], named: str) -> None:
    kwargs = stored_by_0_1_0()["kwargs"]
    waiting = WaitingReport.restored({name: kwargs[name] for name in ("request", "wait", "sighting")}).stored()
    changed = {name: {**waiting[name], **value} if isinstance(value, dict) else value for name, value in change.items()}
    stored = {**waiting, **changed}

    with pytest.raises(ConfigurationError, match=named):
        WaitingReport.restored(stored)
    event = fired(stored_by_0_1_0()["classpath"], {"linkedin_conn_id": linkedin, "poll_interval": 0.05, **stored})
    assert event["status"] == "error"
    assert "clear the task" in event["message"]
