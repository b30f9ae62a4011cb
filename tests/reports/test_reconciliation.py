"""What was sent compared with what was attributed."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any

import pytest

from airflow_provider_linkedin_capi.reports.reconciliation import Sent, by_rule, given_counts, ledger_counts, reconcile
from airflow_provider_linkedin_capi.reports.report import Report
from airflow_provider_linkedin_capi.reports.request import ReportRequest

ONE, TWO, FOREIGN = (f"urn:lla:llaPartnerConversion:{number}" for number in (1, 2, 3))
NAMES = {ONE: "CRM purchase", TWO: "CRM lead"}
FIRST, SECOND = dt.date(2026, 11, 1), dt.date(2026, 11, 2)


def asked(**changes: Any) -> ReportRequest:
    return ReportRequest(**{"account": "urn:li:sponsoredAccount:5012345", "start": FIRST, "end": SECOND, **changes})


def attributed(day: dt.date, rule: str, conversions: int, value: str = "1.10", **more: Any) -> dict[str, Any]:
    return {
        "start_date": day,
        "conversion": rule,
        "external_website_conversions": conversions,
        "external_website_post_click_conversions": conversions - 1,
        "external_website_post_view_conversions": 1,
        "conversion_value_in_local_currency": Decimal(value),
        **more,
    }


def test_a_ledger_is_counted_by_utc_days() -> None:
    def count(begin: dt.datetime, end: dt.datetime) -> dict[str, tuple[int, int]]:
        assert (end - begin, begin.tzinfo, begin.time()) == (dt.timedelta(days=1), dt.UTC, dt.time())
        return {ONE: (begin.day * 10, begin.day)}

    assert ledger_counts(count, asked()) == {(FIRST, ONE): Sent(10, 1), (SECOND, ONE): Sent(20, 2)}


def test_a_ledger_is_counted_over_a_whole_window() -> None:
    def count(begin: dt.datetime, end: dt.datetime) -> dict[str, tuple[int, int]]:
        return {ONE: ((end - begin).days, 0)}

    assert ledger_counts(count, asked(granularity="ALL")) == {(FIRST, ONE): Sent(2, 0)}


def test_sent_and_attributed_are_joined_by_day_and_rule() -> None:
    report = Report(asked(), "USD", [attributed(FIRST, ONE, 3), attributed(SECOND, ONE, 2)])
    sent = {(FIRST, ONE): Sent(12, 9), (FIRST, TWO): Sent(5, 5), (FIRST, FOREIGN): Sent(7, 7)}

    rows = reconcile(report, sent, NAMES)

    shown = (
        "start_date",
        "conversion_name",
        "sent",
        "accepted",
        "attributed",
        "post_click",
        "post_view",
        "match_share",
    )
    assert [tuple(row[name] for name in shown) for row in rows] == [
        (FIRST, "CRM purchase", 12, 9, 3, 2, 1, Decimal("0.333333")),
        (FIRST, "CRM lead", 5, 5, 0, 0, 0, Decimal(0)),
        (SECOND, "CRM purchase", 0, 0, 2, 1, 1, None),
    ]


def test_rules_that_were_not_asked_for_are_left_out() -> None:
    sent = {(FIRST, ONE): Sent(12, 9), (FIRST, TWO): Sent(5, 5)}

    assert [row["conversion"] for row in reconcile(Report(asked(rules=(TWO,)), None, []), sent, NAMES)] == [TWO]


def test_rows_of_further_pivots_are_added_up() -> None:
    report = Report(
        asked(pivots=("CAMPAIGN", "CONVERSION")),
        "USD",
        [attributed(FIRST, ONE, 3, "1.10", campaign="a"), attributed(FIRST, ONE, 4, "2.20", campaign="b")],
    )

    [row] = reconcile(report, {}, NAMES)

    assert (row["attributed"], row["post_view"], row["value"]) == (7, 2, Decimal("3.30"))


def test_days_are_added_up_by_rule() -> None:
    report = Report(asked(), "USD", [attributed(FIRST, ONE, 3), attributed(SECOND, ONE, 2)])

    [total] = by_rule(reconcile(report, {(FIRST, ONE): Sent(12, 9), (SECOND, ONE): Sent(2, 1)}, NAMES))

    assert (total["sent"], total["accepted"], total["attributed"]) == (14, 10, 5)
    assert (total["value"], total["match_share"]) == (Decimal("2.20"), Decimal("0.5"))


def test_given_counts_are_of_one_period() -> None:
    whole = asked(granularity="ALL")

    assert given_counts({1: 5, ONE.replace("1", "2"): {"sent": 9, "accepted": 8}}, whole) == {
        (FIRST, ONE): Sent(5, 5),
        (FIRST, TWO): Sent(9, 8),
    }
    with pytest.raises(ValueError, match="has several periods"):
        given_counts({1: 5}, asked())
