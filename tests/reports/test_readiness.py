"""Whether a report is ready, as a table of polls."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from airflow_provider_linkedin_capi.reports.readiness import (
    ReportSnapshot,
    Verdict,
    Wait,
    judge,
    seconds_to_next_poll,
    window_complete_at,
)
from airflow_provider_linkedin_capi.reports.report import Report
from airflow_provider_linkedin_capi.reports.request import ReportRequest

COMPLETE_AT = 1_000_000.0


def report(*conversions: int) -> Report:
    request = ReportRequest(
        account="urn:li:sponsoredAccount:1",
        start=dt.date(2026, 11, 1),
        end=dt.date(2026, 11, 1),
        fields=("externalWebsiteConversions",),
    )
    return Report(request, "USD", [{"external_website_conversions": number} for number in conversions])


def poll(shown: Report, *, hours_left: float = 1.0, before: ReportSnapshot | None = None, **wait: Any) -> Verdict:
    now = COMPLETE_AT - hours_left * 3600
    return judge(shown, Wait(complete_at=COMPLETE_AT, deadline=COMPLETE_AT * 2, **wait), before, now)


@pytest.mark.parametrize(
    ("shown", "at_least", "hours_left", "ready", "closed"),
    [
        (report(), None, 1, False, False),
        (report(), None, 0, False, True),
        (report(0), None, 1, True, False),
        (report(), 0, 1, True, False),
        (report(3, 4), 8, 1, False, False),
        (report(3, 4), 8, -1, False, True),
        (report(3, 4), 7, 1, True, False),
        (report(3, 4), 7, -1, True, False),
    ],
)
def test_rows_are_ready_when_they_hold_enough(
    shown: Report, at_least: int | None, hours_left: float, ready: bool, closed: bool
) -> None:
    verdict = poll(shown, hours_left=hours_left, min_conversions=at_least)

    assert (verdict.ready, verdict.window_closed) == (ready, closed)
    assert ("may still attribute conversions until 1970-01-12 13:46 UTC (72 hours)" in verdict.message) is not (
        ready or closed
    )


def test_a_final_report_is_ready_only_when_its_time_has_come() -> None:
    early = poll(report(5), ready_when="final", hours_left=0.1)
    assert not early.ready
    assert "final from 1970-01-12 13:46 UTC on" in early.message
    assert poll(report(5), ready_when="final", hours_left=0).ready
    assert poll(report(), ready_when="final", hours_left=0).window_closed


def test_settled_means_unchanged_over_the_whole_time() -> None:
    first = poll(report(5), ready_when="settled", settle_for=3600, hours_left=9)
    assert not first.ready
    changed = poll(report(6), ready_when="settled", settle_for=3600, hours_left=8, before=first.snapshot)
    assert not changed.ready
    same = poll(report(6), ready_when="settled", settle_for=3600, hours_left=7.5, before=changed.snapshot)
    assert not same.ready
    assert "unchanged for 1800 of 3600 s" in same.message
    assert poll(report(6), ready_when="settled", settle_for=3600, hours_left=7, before=same.snapshot).ready


def test_rows_that_change_are_not_settled_though_their_sum_is() -> None:
    first = poll(report(5, 1), ready_when="settled", settle_for=10, hours_left=9)

    assert not poll(report(1, 5), ready_when="settled", settle_for=10, hours_left=8, before=first.snapshot).ready


def test_nothing_does_not_settle() -> None:
    first = poll(report(), ready_when="settled", settle_for=10, hours_left=9)

    assert not poll(report(), ready_when="settled", settle_for=10, hours_left=8, before=first.snapshot).ready


def test_settling_takes_two_polls_at_least() -> None:
    first = poll(report(5), ready_when="settled", settle_for=0, hours_left=9)

    assert not first.ready
    assert poll(report(5), ready_when="settled", settle_for=0, hours_left=8.9, before=first.snapshot).ready


def test_a_day_is_complete_72_hours_after_its_end() -> None:
    assert window_complete_at(dt.date(2026, 11, 1)) == dt.datetime(2026, 11, 5, tzinfo=dt.UTC)


def test_pauses_grow_from_two_minutes_to_the_poll_interval() -> None:
    pauses, waited = [], 0.0
    while waited < 3600:
        pauses.append(seconds_to_next_poll(waited, 900))
        waited += pauses[-1]

    assert pauses[:6] == [120, 120, 240, 480, 900, 900]
    assert seconds_to_next_poll(0, 5) == 5
