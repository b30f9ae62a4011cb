"""The report trigger by itself: its events and its deadline."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_linkedin_capi.api import limits
from airflow_provider_linkedin_capi.reports.readiness import ReportSnapshot, Wait, WaitingReport
from airflow_provider_linkedin_capi.reports.request import ReportRequest
from airflow_provider_linkedin_capi.triggers.analytics import AnalyticsReportTrigger
from tests.support.attribution import CAMPAIGN, days_ago, deliver

if TYPE_CHECKING:
    from airflow_provider_linkedin_capi.hooks.linkedin_conversions import LinkedInConversionsHook
    from airflow_provider_linkedin_capi.sandbox.server import SandboxServer

Make = Callable[..., AnalyticsReportTrigger]


@pytest.fixture
def make(linkedin: str) -> Make:
    """``make(**wait)`` builds a trigger for a report of three days ago."""

    def trigger(
        *, poll_interval: float = 0.05, snapshot: ReportSnapshot | None = None, patience: float = 10, **wait: Any
    ) -> AnalyticsReportTrigger:
        request = ReportRequest(account="urn:li:sponsoredAccount:5012345", start=days_ago(3), end=days_ago(3))
        wanted = Wait(**{"complete_at": time.time() + 3600, "deadline": time.time() + patience, **wait})
        return AnalyticsReportTrigger(
            linkedin_conn_id=linkedin,
            poll_interval=poll_interval,
            **WaitingReport(request=request, wait=wanted, snapshot=snapshot).stored(),
        )

    return trigger


def fired(trigger: AnalyticsReportTrigger) -> dict[str, Any]:
    """The payload of the one event that a trigger fires."""

    async def run() -> list[Any]:
        return [event.payload async for event in trigger.run()]

    [payload] = asyncio.run(run())
    assert json.loads(json.dumps(payload)) == payload
    return payload


@pytest.fixture
def delivered(sandbox: SandboxServer, hook: LinkedInConversionsHook) -> int:
    """Conversions that reports show at once; how many are attributed."""
    deliver(hook, sandbox.world.add_rule(campaigns=[CAMPAIGN]), days_ago(3), 40)
    return sandbox.world.attributed_totals().conversions


def test_a_trigger_is_rebuilt_from_what_it_serialises(make: Make, linkedin: str) -> None:
    from airflow.providers.common.compat.sdk import BaseHook  # noqa: F401 - Airflow is set up

    trigger = make(ready_when="settled", settle_for=5.0, min_conversions=3, snapshot=ReportSnapshot("a", 1.5))
    path, arguments = trigger.serialize()

    stored = json.loads(json.dumps(arguments))
    module, _, name = path.rpartition(".")
    again = getattr(__import__(module, fromlist=[name]), name)(**stored)

    assert type(again) is AnalyticsReportTrigger
    assert again.serialize() == (path, arguments)


def test_nothing_secret_is_in_its_arguments_or_events(make: Make, delivered: int) -> None:
    trigger = make()

    assert "sandbox-token" not in json.dumps([trigger.serialize()[1], fired(trigger)])


def test_it_fires_when_the_report_is_ready_without_the_rows(make: Make, delivered: int) -> None:
    payload = fired(make(min_conversions=delivered))

    assert payload["status"] == "ready"
    assert set(payload) == {"status", "request", "wait", "snapshot", "version"}


def test_it_sleeps_before_the_first_poll(sandbox: SandboxServer, make: Make, delivered: int) -> None:
    sandbox.world.requests.clear()
    began = time.time()

    fired(make(poll_interval=0.5))

    first = next(iter(sandbox.world.requests))
    assert first.received_at - began >= 0.5


def test_it_polls_until_there_is_enough(sandbox: SandboxServer, hook: LinkedInConversionsHook, make: Make) -> None:
    sandbox.world.settings.report_delay_seconds = 0.6
    deliver(hook, sandbox.world.add_rule(campaigns=[CAMPAIGN]), days_ago(3), 40)

    assert fired(make())["status"] == "ready"

    polls = [request for request in sandbox.world.requests if request.path == "/rest/adAnalytics"]
    assert len(polls) > 2


def test_the_deadline_is_a_point_in_time_so_a_restart_adds_nothing(
    sandbox: SandboxServer, make: Make, delivered: int
) -> None:
    sandbox.world.requests.clear()
    trigger = make(patience=-1)

    assert fired(AnalyticsReportTrigger(**trigger.serialize()[1]))["status"] == "timeout"
    assert not sandbox.world.requests


def test_a_long_poll_interval_does_not_outlast_the_deadline(make: Make) -> None:
    assert fired(make(poll_interval=3600, patience=0.3))["status"] == "timeout"


def test_a_final_report_is_polled_once_when_its_time_has_come(
    sandbox: SandboxServer, make: Make, delivered: int
) -> None:
    sandbox.world.requests.clear()

    assert fired(make(ready_when="final", complete_at=time.time() + 0.5))["status"] == "ready"

    polls = [request for request in sandbox.world.requests if request.path == "/rest/adAnalytics"]
    assert len(polls) == 1


def test_it_fires_when_the_72_hours_end_without_rows(sandbox: SandboxServer, make: Make) -> None:
    assert fired(make(complete_at=time.time()))["status"] == "window_closed"


def test_the_workers_snapshot_counts_for_settling(make: Make, delivered: int) -> None:
    first = fired(make())
    seen = ReportSnapshot(first["snapshot"]["digest"], time.time() - 3600)

    payload = fired(make(ready_when="settled", settle_for=3600, snapshot=seen))

    assert (payload["status"], payload["snapshot"]["since"]) == ("ready", seen.since)


def test_a_refusal_goes_back_to_the_worker(sandbox: SandboxServer, make: Make) -> None:
    sandbox.world.revoke_token()

    assert fired(make())["status"] == "refused"


def test_a_report_that_linkedin_cuts_off_goes_back_to_the_worker(
    sandbox: SandboxServer, make: Make, delivered: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "MAX_ANALYTICS_ELEMENTS", 1)
    sandbox.world.entities.campaigns = {CAMPAIGN: sandbox.world.entities.campaigns[CAMPAIGN]}

    assert fired(make())["status"] == "refused"


def test_a_passing_failure_is_polled_again(sandbox: SandboxServer, make: Make, delivered: int) -> None:
    fault = sandbox.world.faults.add("throttle", path="/rest/adAnalytics", window="DAY", times=1)

    assert fired(make())["status"] == "ready"
    assert fault.matched == 1


def test_an_expired_token_is_renewed_while_waiting(
    sandbox: SandboxServer, connect: Any, make: Make, delivered: int
) -> None:
    connect(
        "linkedin_capi_default",
        conn_type="linkedin_capi",
        host=sandbox.url,
        login="sandbox-client",
        password="sandbox-secret",
        extra={
            "access_token": "sandbox-token",
            "refresh_token": "sandbox-refresh",
            "oauth_base_url": f"{sandbox.url}/oauth/v2",
        },
    )
    sandbox.world.expire_token()

    assert fired(make())["status"] == "ready"


def test_a_missing_connection_is_an_event_not_a_crash(make: Make) -> None:
    trigger = make()
    trigger.linkedin_conn_id = "no_such_connection"

    payload = fired(trigger)

    assert payload["status"] == "error"
    assert "no_such_connection" in payload["message"]


def test_others_on_the_event_loop_continue_meanwhile(sandbox: SandboxServer, make: Make, delivered: int) -> None:
    """Polling a slow LinkedIn holds up nobody else."""
    sandbox.world.settings.latency_seconds = 0.8

    async def turns() -> int:
        trigger = make(poll_interval=0.05)
        waiting = asyncio.ensure_future(trigger.run().__anext__())
        count = 0
        while not waiting.done():
            await asyncio.sleep(0.01)
            count += 1
        assert (await waiting).payload["status"] == "ready"
        return count

    # Five before the poll, and a loop that stood still while LinkedIn took its time would turn no more often.
    assert asyncio.run(turns()) > 12


def test_cancelling_ends_it_at_once(make: Make) -> None:
    async def cancelled() -> None:
        waiting = asyncio.ensure_future(make(poll_interval=60).run().__anext__())
        await asyncio.sleep(0.05)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asyncio.wait_for(waiting, timeout=1)

    asyncio.run(cancelled())


def test_progress_is_logged(sandbox: SandboxServer, make: Make, delivered: int, capfd: pytest.CaptureFixture[str],
                            caplog: pytest.LogCaptureFixture) -> None:  # fmt: skip
    with caplog.at_level("INFO"):
        fired(make())

    assert f"1 rows, {delivered} attributed conversions" in caplog.text + capfd.readouterr().out
