"""What a report is asked for is checked before LinkedIn is."""

from __future__ import annotations

import datetime as dt
from typing import Any

import msgspec
import pytest

from airflow_provider_linkedin_capi.reports.request import (
    ReportRequest,
    months_before,
    periods,
    report_request,
    utc_time,
    whole_periods,
)

TODAY = dt.date(2026, 11, 22)
ACCOUNT = "urn:li:sponsoredAccount:5012345"


def asked(**changes: Any) -> ReportRequest:
    return report_request(
        **{"account": ACCOUNT, "start_date": "2026-11-01", "end_date": "2026-11-03", "today": TODAY, **changes}
    )


def test_one_pivot_goes_to_analytics_and_several_to_statistics() -> None:
    assert asked().finder == "analytics"
    assert asked(pivot="CAMPAIGN,CONVERSION") == asked(pivot=["campaign", "conversion"])
    assert asked(pivot=["CAMPAIGN", "CONVERSION"]).finder == "statistics"


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"start_date": "2026-11-04"}, "first day 2026-11-04 is after its last 2026-11-03"),
        ({"time_granularity": "WEEKLY"}, "'WEEKLY' is none of ALL, DAILY"),
        ({"finder": "attribution"}, "'attribution' is none of analytics, statistics"),
        ({"pivot": "CONVERSIONS"}, "CONVERSIONS is none of"),
        ({"pivot": []}, "at least one pivot"),
        ({"pivot": ["CAMPAIGN", "CAMPAIGN"]}, "each only once"),
        ({"pivot": ["ACCOUNT", "CAMPAIGN", "CREATIVE", "CONVERSION"]}, "at most 3 pivots, not 4"),
        ({"pivot": ["ACCOUNT", "CAMPAIGN"], "finder": "analytics"}, "at most 1 pivot, not 2"),
        ({"pivot": ["MEMBER_INDUSTRY", "CAMPAIGN"]}, "MEMBER_INDUSTRY works only alone"),
        ({"fields": []}, "no fields"),
        ({"fields": ["dateRange", "pivotValues"]}, "no fields"),
        ({"fields": ["pivotValue"]}, "pivotValue is gone from the API"),
        ({"fields": ["cost in usd"]}, "'cost in usd' is not the name of a field"),
        ({"pivot": "CAMPAIGN", "conversion_rules": ["urn:lla:llaPartnerConversion:1"]}, "only with pivot CONVERSION"),
        ({"pivot": "CREATIVE", "fill_zeros": True}, "only of the pivots CONVERSION and CAMPAIGN"),
        ({"finder": "attributedRevenueMetrics", "campaigns": 1}, "covers a whole ad account"),
        ({"finder": "attributedRevenueMetrics", "fill_zeros": True}, "nothing for revenue ratios"),
        ({"start_date": "tomorrow"}, "'tomorrow' is not a date"),
        ({"start_date": None}, "None is not a date"),
        ({"campaigns": "urn:li:sponsoredAccount:1"}, "not the id of a campaign"),
    ],
)
def test_what_linkedin_would_refuse_or_misunderstand_is_named(changes: dict[str, Any], problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        asked(**changes)


def test_all_problems_are_named_at_once() -> None:
    with pytest.raises(ValueError, match=r"WEEKLY.*no fields"):
        asked(time_granularity="WEEKLY", fields=[])


@pytest.mark.parametrize(
    ("changes", "first"),
    [
        ({}, dt.date(2026, 5, 22)),
        ({"time_granularity": "MONTHLY"}, dt.date(2024, 11, 22)),
        ({"time_granularity": "ALL"}, dt.date(2016, 11, 22)),
        ({"time_granularity": "ALL", "pivot": "MEMBER_INDUSTRY"}, dt.date(2024, 11, 22)),
        ({"pivot": "MEMBER_INDUSTRY"}, dt.date(2026, 5, 22)),
    ],
    ids=["daily", "monthly", "all", "demographic", "demographic daily"],
)
def test_what_linkedin_no_longer_keeps_is_refused_with_the_first_day_to_be_had(
    changes: dict[str, Any], first: dt.date
) -> None:
    asked(start_date=first, **changes)

    with pytest.raises(ValueError, match=f"first day to be had is {first}"):
        asked(start_date=first - dt.timedelta(days=1), **changes)


def test_daily_rows_that_are_gone_can_be_had_by_month() -> None:
    with pytest.raises(ValueError, match="ask for MONTHLY"):
        asked(start_date="2026-01-01")


@pytest.mark.parametrize(
    ("written", "day"),
    [
        ("2026-11-01", dt.date(2026, 11, 1)),
        (" 2026-11-01 ", dt.date(2026, 11, 1)),
        ("2026-11-01T23:30:00-02:00", dt.date(2026, 11, 2)),
        ("2026-11-01 00:00:00+00:00", dt.date(2026, 11, 1)),
        ("2026-11-01T00:00:00Z", dt.date(2026, 11, 1)),
        (dt.date(2026, 11, 1), dt.date(2026, 11, 1)),
        (dt.datetime(2026, 11, 1, 12), dt.date(2026, 11, 1)),
        (dt.datetime(2026, 11, 1, 23, 30, tzinfo=dt.timezone(-dt.timedelta(hours=2))), dt.date(2026, 11, 2)),
    ],
)
def test_days_are_utc_days(written: Any, day: dt.date) -> None:
    assert utc_time(written).date() == day


def test_windows_of_months_and_years_are_widened_to_whole_ones_as_far_as_today() -> None:
    some = (dt.date(2026, 10, 5), dt.date(2026, 11, 7))
    assert whole_periods(*some, "DAILY", TODAY) == some
    assert whole_periods(*some, "MONTHLY", TODAY) == (dt.date(2026, 10, 1), TODAY)
    assert whole_periods(dt.date(2024, 2, 3), dt.date(2024, 2, 4), "MONTHLY", TODAY) == (
        dt.date(2024, 2, 1),
        dt.date(2024, 2, 29),
    )
    assert whole_periods(*some, "YEARLY", TODAY) == (dt.date(2026, 1, 1), TODAY)


def test_periods_cover_the_window_without_gap_or_overlap() -> None:
    month = asked(start_date="2026-09-20", end_date="2026-11-03", time_granularity="MONTHLY")
    assert [(str(first), str(last)) for first, last in periods(month)] == [
        ("2026-09-20", "2026-09-30"),
        ("2026-10-01", "2026-10-31"),
        ("2026-11-01", "2026-11-03"),
    ]
    assert [str(first) for first, _ in periods(asked())] == ["2026-11-01", "2026-11-02", "2026-11-03"]
    assert periods(asked(time_granularity="ALL")) == [(dt.date(2026, 11, 1), dt.date(2026, 11, 3))]


def test_a_request_survives_json() -> None:
    request = asked(campaigns=[1, "2"], conversion_rules=["urn:lla:llaPartnerConversion:1"], names=True)

    assert msgspec.convert(msgspec.json.decode(msgspec.json.encode(request)), ReportRequest) == request


@pytest.mark.parametrize(
    ("day", "months", "earlier"),
    [("2026-08-31", 6, "2026-02-28"), ("2026-01-15", 1, "2025-12-15"), ("2026-11-22", 24, "2024-11-22")],
)
def test_months_are_counted_by_the_calendar(day: str, months: int, earlier: str) -> None:
    assert months_before(dt.date.fromisoformat(day), months) == dt.date.fromisoformat(earlier)
