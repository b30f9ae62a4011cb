"""What a report is asked for is checked before LinkedIn is."""

from __future__ import annotations

import datetime as dt
import logging
from typing import Any

import msgspec
import pytest

from airflow_provider_linkedin_capi.exceptions import ConfigurationError
from airflow_provider_linkedin_capi.reports.request import (
    ReportRequest,
    months_before,
    periods,
    report_days,
    report_request,
    rule_references,
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


def test_objective_type_goes_to_the_finder_that_takes_it() -> None:
    assert asked(pivot="OBJECTIVE_TYPE").finder == "statistics"


def test_retired_fields_are_left_out_with_a_warning(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        request = asked(fields="clicks,totalEngagements,pivotValue,dateRange")

    assert request.fields == ("clicks", "totalEngagements")
    assert "no longer has the field pivotValue" in caplog.text


@pytest.mark.parametrize(
    "written", [[1, 2], ["1", "2"], "1,2", " 1, 2 ", "[1, 2]", '["1", "2"]', "['1', 2]", "(1, 2)", {1, 2}, iter([1, 2])]
)
def test_ids_may_be_a_list_or_its_text(written: Any) -> None:
    assert asked(campaigns=written).campaigns == ("urn:li:sponsoredCampaign:1", "urn:li:sponsoredCampaign:2")


@pytest.mark.parametrize("written", ["[337643194", "[1, x]", "{1: }", "[" * 5000])
def test_text_that_is_almost_a_list_is_refused(written: str) -> None:
    with pytest.raises(ConfigurationError, match="campaigns starts like a list or mapping"):
        asked(campaigns=written)


@pytest.mark.parametrize(
    ("written", "rules"),
    [
        (None, []),
        ("", []),
        ([], []),
        (104012, [104012]),
        ("104012", ["104012"]),
        ("1,2", ["1", "2"]),
        ("[1, 'CRM lead']", [1, "CRM lead"]),
        ({"LEAD": 1, "PURCHASE": 2}, [1, 2]),
        ("{'LEAD': 1, 'PURCHASE': 2}", [1, 2]),
        ("Lead, qualified", ["Lead, qualified"]),
        ("[EU] Purchase", ["[EU] Purchase"]),
    ],
)
def test_rules_may_be_lists_mappings_or_their_text_and_names_stay_whole(written: Any, rules: list[Any]) -> None:
    assert rule_references(written) == rules


FIRST, LAST, AIRFLOWS = "{{ ds }}", dt.date(2026, 11, 3), dt.datetime(2026, 1, 1, tzinfo=dt.UTC)


@pytest.mark.parametrize(
    ("given", "days"),
    [
        ((FIRST, LAST, None, None), (FIRST, LAST, {})),
        ((None, None, FIRST, LAST), (FIRST, LAST, {})),
        ((FIRST, LAST, AIRFLOWS, None), (FIRST, LAST, {"start_date": AIRFLOWS})),
        ((FIRST, LAST, AIRFLOWS, AIRFLOWS), (FIRST, LAST, {"start_date": AIRFLOWS, "end_date": AIRFLOWS})),
    ],
)
def test_start_date_is_the_reports_only_without_first_day(given: Any, days: Any) -> None:
    assert report_days(*given) == days


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        ((None, None, None, None), "Give first_day and last_day"),
        ((None, None, FIRST, None), "Give first_day and last_day"),
        ((FIRST, None, None, None), "Give both first_day and last_day"),
        ((FIRST, None, None, LAST), "Give both first_day and last_day"),
        ((FIRST, LAST, FIRST, None), "given twice: as first_day and last_day, and as start_date='{{ ds }}'"),
        ((FIRST, LAST, AIRFLOWS, LAST), "given twice: as first_day and last_day, and as end_date="),
    ],
)
def test_days_that_are_missing_or_given_twice_are_refused(given: Any, problem: str) -> None:
    with pytest.raises(ConfigurationError, match=problem):
        report_days(*given)


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"start_date": "2026-11-04"}, "first day 2026-11-04 is after its last 2026-11-03"),
        ({"time_granularity": "WEEKLY"}, "'WEEKLY' is not one of ALL, DAILY"),
        ({"finder": "attribution"}, "'attribution' is not one of analytics, statistics"),
        ({"pivot": "CONVERSIONS"}, "CONVERSIONS is not one of"),
        ({"pivot": []}, "at least one pivot"),
        ({"pivot": ["CAMPAIGN", "CAMPAIGN"]}, "each pivot only once"),
        ({"pivot": ["ACCOUNT", "CAMPAIGN", "CREATIVE", "CONVERSION"]}, "at most 3 pivots, not 4"),
        ({"pivot": ["ACCOUNT", "CAMPAIGN"], "finder": "analytics"}, "at most 1 pivot, not 2"),
        ({"pivot": ["MEMBER_INDUSTRY", "CAMPAIGN"]}, "MEMBER_INDUSTRY works alone only"),
        ({"fields": []}, "no fields"),
        ({"fields": ["dateRange", "pivotValues"]}, "no fields"),
        ({"fields": ["pivotValue"]}, "no fields"),
        ({"fields": ["cost in usd"]}, "'cost in usd' is not the name of a field"),
        ({"pivot": "CAMPAIGN", "conversion_rules": ["urn:lla:llaPartnerConversion:1"]}, "needs pivot CONVERSION"),
        ({"pivot": "CREATIVE", "fill_zeros": True}, "the pivots CONVERSION and CAMPAIGN only"),
        ({"finder": "attributedRevenueMetrics", "campaigns": 1}, "covers a whole ad account"),
        ({"finder": "attributedRevenueMetrics", "fill_zeros": True}, "ratios, which fill_zeros cannot fill in"),
        ({"start_date": "tomorrow"}, "'tomorrow' is not a date"),
        ({"start_date": None}, "None is not a date"),
        ({"campaigns": "urn:li:sponsoredAccount:1"}, "not the id of a campaign"),
    ],
)
def test_what_linkedin_would_refuse_is_refused(changes: dict[str, Any], problem: str) -> None:
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
def test_a_window_beyond_retention_names_the_first_available_day(changes: dict[str, Any], first: dt.date) -> None:
    asked(start_date=first, **changes)

    with pytest.raises(ValueError, match=f"first day available is {first}"):
        asked(start_date=first - dt.timedelta(days=1), **changes)


def test_daily_rows_beyond_retention_point_to_monthly_ones() -> None:
    with pytest.raises(ValueError, match="choose time_granularity MONTHLY"):
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


def test_months_and_years_are_widened_to_whole_ones_until_today() -> None:
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
