"""``/adAnalytics``: reports computed from the events that were accepted.

Rows exist where conversions were attributed; impressions, clicks and costs are made up for those campaigns and
days, always the same ones.
"""

from __future__ import annotations

import calendar
import datetime as dt
import math
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from airflow_provider_linkedin_capi.sandbox import answers, attribution, report_pivots, report_request
from airflow_provider_linkedin_capi.sandbox.report_fields import FIELDS
from airflow_provider_linkedin_capi.sandbox.report_request import Period
from airflow_provider_linkedin_capi.sandbox.rest import Method
from airflow_provider_linkedin_capi.sandbox.rule_schema import LEAD_TYPES

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from airflow_provider_linkedin_capi.sandbox.answers import Answer
    from airflow_provider_linkedin_capi.sandbox.attribution import Group
    from airflow_provider_linkedin_capi.sandbox.rest import RestRequest
    from airflow_provider_linkedin_capi.sandbox.world import World

#: Rows older than this are gone, by granularity, in days.
RETENTION_DAYS = {"DAILY": 184, "MONTHLY": 731, "YEARLY": 731, "ALL": 3_653}
#: Demographic rows with fewer conversions are suppressed.
DEMOGRAPHIC_THRESHOLD = 3


@dataclass(slots=True)
class Row:
    """One element of a report before its fields are chosen."""

    period: Period
    pivot_values: tuple[str, ...]
    groups: list[Group] = field(default_factory=list)

    @property
    def conversions(self) -> int:
        """All attributed conversions."""
        return sum(group.conversions for group in self.groups)


# Finders


def find_analytics(request: RestRequest) -> Answer:
    """One pivot."""
    pivot = report_request.enum(request, "pivot")
    if pivot is None:
        raise answers.short(400, "Parameter 'pivot' is required")
    if not report_pivots.known(pivot, request.version):
        raise answers.parameter("pivot")
    return _report(request, (pivot,))


def find_statistics(request: RestRequest) -> Answer:
    """Up to three pivots, none of them demographic."""
    pivots = report_request.pivots_of(request)
    for index, pivot in enumerate(pivots):
        if pivot.startswith("MEMBER_"):
            raise answers.parameter(f"pivots_{index}", "FIELD_INVALID", "Invalid value for field")
    return _report(request, pivots)


def find_revenue(request: RestRequest) -> Answer:
    """Revenue of accounts with a connected CRM."""
    pivots = report_request.pivots_of(request)
    period = report_request.date_range(request)
    account = report_request.revenue_account(request)
    fields = report_request.fields_of(request, frozenset({"revenueAttributionMetrics", "dateRange", "pivotValues"}))
    if account not in request.world.settings.crm_accounts or not request.may_read(account):
        return _answer(request, [], fields)
    groups = attribution.groups(request.world, start=period.start, end=period.end)
    rows = _rows(request.world, [group for group in groups if group.account == account], pivots, "ALL", period)
    return _answer(request, [{**_named(row), "revenueAttributionMetrics": _revenue(row)} for row in rows], fields)


def _report(request: RestRequest, pivots: tuple[str, ...]) -> Answer:
    granularity = report_request.enum(request, "timeGranularity")
    if granularity is None:
        raise answers.short(400, "Parameter 'timeGranularity' is required")
    if granularity not in RETENTION_DAYS:
        raise answers.parameter("timeGranularity")
    period = report_request.date_range(request)
    fields = report_request.fields_of(request, FIELDS)
    world = request.world
    oldest = world.clock.today() - dt.timedelta(days=RETENTION_DAYS[granularity])
    start = max(period.start, oldest)
    groups = report_request.chosen(request, attribution.groups(world, start=start, end=period.end))
    rows = _rows(world, groups, pivots, granularity, period)
    if any(pivot.startswith("MEMBER_") for pivot in pivots):
        rows = [row for row in rows if row.conversions >= DEMOGRAPHIC_THRESHOLD]
    elements = [{**_named(row), **_metrics(world, row, pivots)} for row in rows]
    return _answer(request, report_request.in_order(request, elements), fields)


def _answer(request: RestRequest, elements: Sequence[Mapping[str, Any]], fields: Sequence[str]) -> Answer:
    world = request.world
    world.throttle.count_values(len(elements) * len(fields))
    # A longer report is cut off without a word.
    shown = elements[: world.settings.max_report_elements]
    wanted = [{name: element[name] for name in fields if name in element} for element in shown]
    return answers.elements(wanted, paging={"start": 0, "count": 10, "links": []})


# Rows


def _rows(
    world: World, groups: Iterable[Group], pivots: tuple[str, ...], granularity: str, period: Period
) -> list[Row]:
    rows: dict[tuple[Any, ...], Row] = {}
    for group in groups:
        own_period = _period(group.day, granularity, period)
        values = tuple(report_pivots.value(world, pivot, group) for pivot in pivots)
        row = rows.setdefault((own_period.start, values), Row(own_period, values))
        row.groups.append(group)
    return [rows[key] for key in sorted(rows)]


def _period(day: dt.date, granularity: str, whole: Period) -> Period:
    if granularity == "ALL":
        return whole
    if granularity == "DAILY":
        return Period(day, day)
    if granularity == "MONTHLY":
        first, last = day.replace(day=1), day.replace(day=calendar.monthrange(day.year, day.month)[1])
    else:
        first, last = day.replace(month=1, day=1), day.replace(month=12, day=31)
    return Period(max(first, whole.start), min(last, whole.end))


def _named(row: Row) -> dict[str, Any]:
    return {"pivotValues": list(row.pivot_values), "dateRange": row.period.wire()}


def _metrics(world: World, row: Row, pivots: tuple[str, ...]) -> dict[str, Any]:
    clicked = sum(group.conversions for group in row.groups if group.clicked)
    qualified = sum(
        group.conversions for group in row.groups if world.rules[group.rule]["type"] in LEAD_TYPES - {"LEAD"}
    )
    metrics: dict[str, Any] = {
        "externalWebsiteConversions": row.conversions,
        "externalWebsitePostClickConversions": clicked,
        "externalWebsitePostViewConversions": row.conversions - clicked,
        "conversionValueInLocalCurrency": _decimal(sum((group.value for group in row.groups), Decimal(0))),
        "qualifiedLeads": qualified,
        "impressions": 0,
        "clicks": 0,
        "costInLocalCurrency": "0",
        "costInUsd": "0",
    }
    if "CONVERSION" not in pivots:
        shown = {(group.campaign, group.day) for group in row.groups}
        views = [1_000 + report_pivots.draw("shown", campaign, day) % 9_000 for campaign, day in shown]
        impressions = sum(views)
        clicks = sum(view // 150 for view in views)
        currency = world.entities.accounts[row.groups[0].account]["currency"]
        cost = Decimal(clicks) * Decimal("4.35")
        in_usd = (cost * attribution.EXCHANGE_RATES.get(currency, Decimal(1))).quantize(Decimal("0.01"))
        metrics |= {
            "impressions": impressions,
            "clicks": clicks,
            "landingPageClicks": clicks,
            "costInLocalCurrency": _decimal(cost),
            "costInUsd": _decimal(in_usd),
        }
        if qualified:
            metrics["costPerQualifiedLead"] = _decimal(cost / qualified)
    return metrics


def _revenue(row: Row) -> dict[str, Any]:
    won = row.conversions // 5
    value = sum((group.value for group in row.groups), Decimal(0))
    return {
        "returnOnAdSpend": "1.9",
        "revenueWonInUsd": _decimal(value),
        "closedWonOpportunities": won,
        "openOpportunities": row.conversions - won,
        "opportunityAmountInUsd": _decimal(value * 2),
        "opportunityWinRate": _decimal(Decimal(won) / row.conversions),
        "averageDealSizeInUsd": _decimal(value / won) if won else "0",
        "averageDaysToClose": "31",
    }


def _decimal(amount: Decimal) -> str:
    """A number as LinkedIn writes it: text with the tail of a binary sum."""
    return f"{math.nextafter(float(amount), math.inf):.17f}" if amount else "0"


_SCOPES = frozenset({"r_ads_reporting"})
_SELECTION = frozenset(
    [
        "dateRange",
        "timeGranularity",
        "accounts",
        "campaignGroups",
        "campaigns",
        "creatives",
        "shares",
        "companies",
        "campaignType",
        "objectiveType",
        "sortBy",
    ]
)

METHODS = {
    "FINDER-analytics": Method(find_analytics, _SCOPES, _SELECTION | {"pivot"}),
    "FINDER-statistics": Method(find_statistics, _SCOPES, _SELECTION | {"pivots"}),
    "FINDER-attributedRevenueMetrics": Method(find_revenue, _SCOPES, frozenset({"pivots", "dateRange", "account"})),
}
