"""What was sent compared with what LinkedIn attributed, by period and rule."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from airflow_provider_linkedin_capi.api import urns
from airflow_provider_linkedin_capi.api.value_lists import literal
from airflow_provider_linkedin_capi.exceptions import ConfigurationError
from airflow_provider_linkedin_capi.reports.metrics import Kind
from airflow_provider_linkedin_capi.reports.report import Column
from airflow_provider_linkedin_capi.reports.request import periods

if TYPE_CHECKING:
    from collections.abc import Iterable

    from airflow_provider_linkedin_capi.reports.report import Report, Row
    from airflow_provider_linkedin_capi.reports.request import ReportRequest

#: Metrics that a reconciled report needs.
FIELDS = (
    "externalWebsiteConversions",
    "externalWebsitePostClickConversions",
    "externalWebsitePostViewConversions",
    "conversionValueInLocalCurrency",
)

COLUMNS = (
    Column("ad_account_id", Kind.COUNT, key=True),
    Column("time_granularity", Kind.TEXT, key=True),
    Column("start_date", Kind.DATE, key=True),
    Column("end_date", Kind.DATE, key=True),
    Column("conversion", Kind.TEXT, key=True),
    Column("conversion_id", Kind.COUNT),
    Column("conversion_name", Kind.TEXT),
    Column("sent", Kind.COUNT),
    Column("accepted", Kind.COUNT),
    Column("attributed", Kind.COUNT),
    Column("post_click", Kind.COUNT),
    Column("post_view", Kind.COUNT),
    Column("value", Kind.MONEY),
    Column("currency", Kind.TEXT),
    Column("match_share", Kind.DECIMAL),
)

Period = tuple[dt.date, dt.date]


@dataclass(slots=True)
class Sent:
    """How many different events left for LinkedIn, and how many of them it accepted."""

    sent: int = 0
    accepted: int = 0


#: By the first day of a period and the rule's URN.
SentCounts = dict[tuple[dt.date, str], Sent]
#: From a first moment and the one after the last: by URN of the rule, how many events were sent and accepted.
CountEvents = Callable[[dt.datetime, dt.datetime], Mapping[str, tuple[int, int]]]


def check(request: ReportRequest) -> None:
    """Refuse a report that does not distinguish rules, or does not count conversions.

    :raises ConfigurationError: it cannot be reconciled.
    """
    if request.finder == "attributedRevenueMetrics" or "CONVERSION" not in request.pivots:
        raise ConfigurationError(
            "reconcile compares conversions by rule: give pivot CONVERSION, alone or among others, and another finder "
            "than attributedRevenueMetrics"
        )


def given_counts(counts: Mapping[Any, Any], request: ReportRequest) -> SentCounts:
    """Return counts that the user gave for the whole window: events by rule, or ``sent`` and ``accepted`` of each.

    :raises ConfigurationError: they are not counts, or the report has several periods they could belong to.
    """
    counts = literal(counts, name="sent_counts")
    if not isinstance(counts, Mapping):
        raise ConfigurationError(f"sent_counts is {type(counts).__name__}: give a mapping from rule to count")
    if len(periods(request)) > 1:
        raise ConfigurationError(
            "sent_counts count a whole window, and this report has several periods: choose time_granularity ALL or a "
            "window of one period, or give results_table"
        )
    found: SentCounts = {}
    for rule, count in counts.items():
        both = count if isinstance(count, Mapping) else {"sent": count, "accepted": count}
        try:
            found[request.start, urns.conversion_rule(rule)] = Sent(int(both["sent"]), int(both["accepted"]))
        except (KeyError, TypeError) as error:
            raise ConfigurationError(
                f'sent_counts for rule {rule} is {count!r}: give a number, or {{"sent": 812, "accepted": 800}}'
            ) from error
    return found


def ledger_counts(count: CountEvents, request: ReportRequest) -> SentCounts:
    """Count the events of a ledger by period and rule.

    A conversion belongs to the UTC day on which it happened, as in LinkedIn's reports.

    :param count: counts the ledger's events between two moments.
    """
    found: SentCounts = {}
    for first, last in periods(request):
        begin = dt.datetime.combine(first, dt.time(), dt.UTC)
        end = dt.datetime.combine(last + dt.timedelta(days=1), dt.time(), dt.UTC)
        found |= {(first, rule): Sent(*counts) for rule, counts in count(begin, end).items()}
    return found


def reconcile(report: Report, sent: SentCounts, names: Mapping[str, str]) -> list[Row]:
    """Return a row for each period and rule with events sent or conversions attributed.

    :param report: with pivot CONVERSION and :data:`FIELDS`; rows of further pivots are added up.
    :param sent: what was sent; rules that are missing in ``names`` belong to other ad accounts.
    :param names: the account's rules, by URN.
    """
    request = report.request
    ends = dict(periods(request))
    found: dict[tuple[dt.date, str], Row] = {}

    def row_of(start: dt.date, rule: str) -> Row:
        return found.setdefault(
            (start, rule),
            {
                "ad_account_id": urns.number(request.account),
                "time_granularity": request.granularity,
                "start_date": start,
                "end_date": ends[start],
                "conversion": rule,
                "conversion_id": urns.number(rule),
                "conversion_name": names.get(rule),
                "sent": 0,
                "accepted": 0,
                "attributed": 0,
                "post_click": 0,
                "post_view": 0,
                "value": Decimal(0),
                "currency": report.currency,
                "match_share": None,
            },
        )

    for (start, rule), counts in sent.items():
        if rule in names and (not request.rules or rule in request.rules):
            row_of(start, rule).update(sent=counts.sent, accepted=counts.accepted)
    for attributed in report.rows:
        row = row_of(_period_of(attributed["start_date"], ends), attributed["conversion"])
        row["attributed"] += attributed["external_website_conversions"]
        row["post_click"] += attributed["external_website_post_click_conversions"]
        row["post_view"] += attributed["external_website_post_view_conversions"]
        row["value"] += attributed["conversion_value_in_local_currency"]
    for row in found.values():
        row["match_share"] = _share(row)
    return [found[key] for key in sorted(found)]


def by_rule(rows: Iterable[Row]) -> list[Row]:
    """Return the rows of all periods added up, one for each rule."""
    found: dict[str, Row] = {}
    for row in rows:
        total = found.setdefault(
            row["conversion"],
            {
                "conversion": row["conversion"],
                "conversion_name": row["conversion_name"],
                **dict.fromkeys(("sent", "accepted", "attributed", "post_click", "post_view"), 0),
                "value": Decimal(0),
            },
        )
        for name in ("sent", "accepted", "attributed", "post_click", "post_view", "value"):
            total[name] += row[name]
    return [{**total, "match_share": _share(total)} for total in found.values()]


def _share(row: Row) -> Decimal | None:
    return (Decimal(row["attributed"]) / row["accepted"]).quantize(Decimal("0.000001")) if row["accepted"] else None


def _period_of(day: dt.date, starts: Iterable[dt.date]) -> dt.date:
    """Return the period of a day; LinkedIn may date a period by its own first day, before the window's."""
    return max((start for start in starts if start <= day), default=min(starts))
