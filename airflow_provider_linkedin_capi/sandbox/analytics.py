"""``/adAnalytics``: reports computed from the events that were accepted.

Rows exist where conversions were attributed; impressions, clicks and costs are made up for those campaigns and
days, always the same ones.
"""

from __future__ import annotations

import calendar
import datetime as dt
import math
from collections import defaultdict
from dataclasses import dataclass, field
from decimal import Decimal
from hashlib import blake2b
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from airflow_provider_linkedin_capi.sandbox import answers, attribution, restli
from airflow_provider_linkedin_capi.sandbox.entities import (
    ACCOUNT_PREFIX,
    CAMPAIGN_GROUP_PREFIX,
    CAMPAIGN_PREFIX,
    RULE_PREFIX,
    id_of,
)
from airflow_provider_linkedin_capi.sandbox.report_fields import FIELDS
from airflow_provider_linkedin_capi.sandbox.rest import Method
from airflow_provider_linkedin_capi.sandbox.rules import LEAD_TYPES

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from airflow_provider_linkedin_capi.sandbox.answers import Answer
    from airflow_provider_linkedin_capi.sandbox.attribution import Group
    from airflow_provider_linkedin_capi.sandbox.rest import RestRequest
    from airflow_provider_linkedin_capi.sandbox.world import World

MAX_FIELDS = 20
MAX_PIVOTS = 3
#: Rows older than this are gone, by granularity, in days.
RETENTION_DAYS = {"DAILY": 184, "MONTHLY": 731, "YEARLY": 731, "ALL": 3_653}
#: Demographic rows with fewer conversions are suppressed.
DEMOGRAPHIC_THRESHOLD = 3
CREATIVE_PREFIX = "urn:li:sponsoredCreative"
DESIGNATED_MARKET_AREA_SINCE = 202609

_ENTITY_PIVOTS = frozenset(
    {"ACCOUNT", "CAMPAIGN", "CAMPAIGN_GROUP", "CONVERSION", "CREATIVE", "COMPANY", "SHARE", "OBJECTIVE_TYPE"}
)
#: Values of pivots about which this server knows nothing, drawn by campaign and day.
_DRAWN_PIVOTS = {
    "CARD_INDEX": ("0", "1", "2"),
    "CONVERSATION_NODE": ("urn:li:sponsoredConversationNode:1",),
    "CONVERSATION_NODE_OPTION_INDEX": ("0", "1"),
    "EVENT_STAGE": ("PRE_EVENT", "DURING_EVENT", "POST_EVENT"),
    "IMPRESSION_DEVICE_TYPE": ("DESKTOP_WEB", "MOBILE_APP", "MOBILE_WEB"),
    "PLACEMENT_NAME": ("PLACEMENT_FEED", "PLACEMENT_RIGHT_RAIL"),
    "SERVING_LOCATION": ("ON_PLATFORM", "OFF_PLATFORM"),
    "MEMBER_COMPANY": ("urn:li:organization:1441", "urn:li:organization:1035"),
    "MEMBER_COMPANY_SIZE": ("SIZE_2_TO_10", "SIZE_11_TO_50", "SIZE_51_TO_200"),
    "MEMBER_COUNTRY_V2": ("urn:li:geo:103644278", "urn:li:geo:101282230"),
    "MEMBER_COUNTY": ("urn:li:geo:105080838", "urn:li:geo:102095887"),
    "MEMBER_DESIGNATED_MARKET_AREA": ("urn:li:geo:90000070", "urn:li:geo:90000084"),
    "MEMBER_INDUSTRY": ("urn:li:industry:4", "urn:li:industry:6"),
    "MEMBER_JOB_FUNCTION": ("urn:li:function:8", "urn:li:function:25"),
    "MEMBER_JOB_TITLE": ("urn:li:title:9", "urn:li:title:25201"),
    "MEMBER_REGION_V2": ("urn:li:geo:90000070", "urn:li:geo:90009735"),
    "MEMBER_SENIORITY": ("urn:li:seniority:4", "urn:li:seniority:5"),
}
PIVOTS = _ENTITY_PIVOTS | _DRAWN_PIVOTS.keys()

_SORT_FIELDS = {
    "COST_IN_LOCAL_CURRENCY": "costInLocalCurrency",
    "IMPRESSIONS": "impressions",
    "CLICKS": "clicks",
    "ONE_CLICK_LEADS": "oneClickLeads",
    "OPENS": "opens",
    "SENDS": "sends",
    "EXTERNAL_WEBSITE_CONVERSIONS": "externalWebsiteConversions",
}
_CAMPAIGN_TYPES = frozenset({"TEXT_AD", "SPONSORED_UPDATES", "SPONSORED_INMAILS", "DYNAMIC"})


@dataclass(frozen=True, slots=True)
class Period:
    """Days, both inclusive."""

    start: dt.date
    end: dt.date

    def wire(self) -> dict[str, dict[str, int]]:
        """As it stands in answers."""
        days = {"start": self.start, "end": self.end}
        return {name: {"year": day.year, "month": day.month, "day": day.day} for name, day in days.items()}


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
    pivot = _enum(request, "pivot")
    if pivot is None:
        raise answers.short(400, "Parameter 'pivot' is required")
    if not _known_pivot(pivot, request.version):
        raise answers.parameter("pivot")
    return _report(request, (pivot,))


def find_statistics(request: RestRequest) -> Answer:
    """Up to three pivots, none of them demographic."""
    pivots = _pivots(request)
    for index, pivot in enumerate(pivots):
        if pivot.startswith("MEMBER_"):
            raise answers.parameter(f"pivots_{index}", "FIELD_INVALID", "Invalid value for field")
    return _report(request, pivots)


def find_revenue(request: RestRequest) -> Answer:
    """Revenue of accounts with a connected CRM."""
    pivots = _pivots(request)
    period = _date_range(request)
    account = _revenue_account(request)
    fields = _fields(request, frozenset({"revenueAttributionMetrics", "dateRange", "pivotValues"}))
    if account not in request.world.settings.crm_accounts or not request.may_read(account):
        return _answer(request, [], fields)
    groups = attribution.groups(request.world, start=period.start, end=period.end)
    rows = _rows(request.world, [group for group in groups if group.account == account], pivots, "ALL", period)
    return _answer(request, [{**_named(row), "revenueAttributionMetrics": _revenue(row)} for row in rows], fields)


def _report(request: RestRequest, pivots: tuple[str, ...]) -> Answer:
    granularity = _enum(request, "timeGranularity")
    if granularity is None:
        raise answers.short(400, "Parameter 'timeGranularity' is required")
    if granularity not in RETENTION_DAYS:
        raise answers.parameter("timeGranularity")
    period = _date_range(request)
    fields = _fields(request, FIELDS)
    world = request.world
    oldest = world.clock.today() - dt.timedelta(days=RETENTION_DAYS[granularity])
    start = max(period.start, oldest)
    groups = _chosen(request, attribution.groups(world, start=start, end=period.end))
    rows = _rows(world, groups, pivots, granularity, period)
    if any(pivot.startswith("MEMBER_") for pivot in pivots):
        rows = [row for row in rows if row.conversions >= DEMOGRAPHIC_THRESHOLD]
    elements = [{**_named(row), **_metrics(world, row, pivots)} for row in rows]
    return _answer(request, _sorted(request, elements), fields)


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
        values = tuple(_pivot_value(world, pivot, group) for pivot in pivots)
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


def _pivot_value(world: World, pivot: str, group: Group) -> str:
    campaign = world.entities.campaigns[group.campaign]
    match pivot:
        case "CONVERSION":
            return f"{RULE_PREFIX}:{group.rule}"
        case "CAMPAIGN":
            return f"{CAMPAIGN_PREFIX}:{group.campaign}"
        case "CAMPAIGN_GROUP":
            return str(campaign["campaignGroup"])
        case "ACCOUNT":
            return f"{ACCOUNT_PREFIX}:{group.account}"
        case "CREATIVE":
            return f"{CREATIVE_PREFIX}:{group.campaign}"
        case "SHARE":
            return f"urn:li:share:{group.campaign}"
        case "COMPANY":
            return str(world.entities.accounts[group.account].get("reference", "urn:li:organization:2414183"))
        case "OBJECTIVE_TYPE":
            return str(campaign["objectiveType"])
    values = _DRAWN_PIVOTS[pivot]
    return values[_draw(pivot, group.campaign, group.day) % len(values)]


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
        shown = {(group.campaign, group.day): _draw("shown", group.campaign, group.day) for group in row.groups}
        impressions = sum(1_000 + draw % 9_000 for draw in shown.values())
        clicks = sum((1_000 + draw % 9_000) // 150 for draw in shown.values())
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


def _draw(*subject: object) -> int:
    return int.from_bytes(blake2b(repr(subject).encode(), digest_size=6).digest())


# Selection


def _chosen(request: RestRequest, groups: Iterable[Group]) -> list[Group]:
    """The groups that all given facets select, of accounts that the member may read."""
    campaigns = request.world.entities.campaigns
    kind, objective = request.text("campaignType"), request.text("objectiveType")
    if kind is not None and kind not in _CAMPAIGN_TYPES:
        raise answers.parameter("campaignType")
    facets = {
        "accounts": (ACCOUNT_PREFIX, lambda group: group.account),
        "campaigns": (CAMPAIGN_PREFIX, lambda group: group.campaign),
        "campaignGroups": (CAMPAIGN_GROUP_PREFIX, lambda group: id_of(campaigns[group.campaign]["campaignGroup"])),
        "creatives": (CREATIVE_PREFIX, lambda group: group.campaign),
        "shares": ("urn:li:share", lambda group: group.campaign),
        "companies": ("urn:li:organization", lambda group: id_of(_pivot_value(request.world, "COMPANY", group))),
    }
    wanted = {name: request.urns(name, prefix) for name, (prefix, _) in facets.items()}
    if not any(wanted.values()):
        raise answers.short(400, "At least one of accounts, campaignGroups, campaigns, creatives, shares, companies")
    readable: dict[int, bool] = defaultdict(bool)
    for account in request.world.entities.accounts:
        readable[account] = request.may_read(account)
    return [
        group
        for group in groups
        if readable[group.account]
        and kind in (None, campaigns[group.campaign]["type"])
        and objective in (None, campaigns[group.campaign]["objectiveType"])
        and all(ids is None or facets[name][1](group) in ids for name, ids in wanted.items())
    ]


def _sorted(request: RestRequest, elements: list[dict[str, Any]]) -> list[dict[str, Any]]:
    sort_by = request.value("sortBy")
    if sort_by is None:
        return elements
    if not isinstance(sort_by, dict) or not set(sort_by) <= {"field", "order"}:
        raise answers.parameter("sortBy")
    name = _SORT_FIELDS.get(str(sort_by.get("field")))
    order = sort_by.get("order", "ASCENDING")
    if name is None or order not in ("ASCENDING", "DESCENDING"):
        raise answers.parameter("sortBy")
    return sorted(elements, key=lambda element: Decimal(element.get(name, 0)), reverse=order == "DESCENDING")


def _fields(request: RestRequest, known: frozenset[str]) -> list[str]:
    given = request.parameters.get("fields")
    if given is None:
        return ["impressions", "clicks"]
    fields = unquote(given).split(",")
    if len(fields) > MAX_FIELDS:
        raise answers.parameter("fields", description=f"At most {MAX_FIELDS} fields can be requested")
    for name in fields:
        if name not in known:
            raise answers.parameter("fields", "FIELD_NOT_ALLOWED", f"Field {name} is not allowed")
    return fields


def _pivots(request: RestRequest) -> tuple[str, ...]:
    pivots = request.value("pivots")
    if pivots is None:
        raise answers.short(400, "Parameter 'pivots' is required")
    if not isinstance(pivots, list):
        raise answers.parameter("pivots", "FIELD_INVALID", "array type is not backed by a DataList")
    if not 1 <= len(pivots) <= MAX_PIVOTS:
        raise answers.parameter("pivots")
    for index, pivot in enumerate(pivots):
        if not _known_pivot(pivot, request.version):
            raise answers.parameter(f"pivots_{index}")
    return tuple(map(str, pivots))


def _known_pivot(pivot: restli.Value, version: int) -> bool:
    if pivot == "MEMBER_DESIGNATED_MARKET_AREA" and version < DESIGNATED_MARKET_AREA_SINCE:
        return False
    return isinstance(pivot, str) and pivot in PIVOTS


def _enum(request: RestRequest, name: str) -> str | None:
    """An enumeration, bare or as ``(value:X)``."""
    value = request.value(name)
    if isinstance(value, dict) and set(value) == {"value"}:
        value = value["value"]
    if value is not None and not isinstance(value, str):
        raise answers.parameter(name)
    return value


def _date_range(request: RestRequest) -> Period:
    value = request.value("dateRange")
    if value is None:
        raise answers.short(400, "Parameter 'dateRange' is required")
    if not isinstance(value, dict) or not {"start"} <= set(value) <= {"start", "end"}:
        raise answers.parameter("dateRange")
    start = _date(value["start"])
    end = _date(value["end"]) if "end" in value else request.world.clock.today()
    if start > end:
        raise answers.parameter("dateRange", description="The start of the date range is after its end")
    return Period(start, end)


def _date(value: restli.Value) -> dt.date:
    try:
        if isinstance(value, dict) and set(value) == {"year", "month", "day"}:
            return dt.date(*(int(str(value[part])) for part in ("year", "month", "day")))
    except ValueError:
        pass
    raise answers.parameter("dateRange")


def _revenue_account(request: RestRequest) -> int:
    """The account, plain or as a list of one; both are seen."""
    if request.parameters.get("account", "").startswith("List("):
        accounts = request.urns("account", ACCOUNT_PREFIX) or []
        if len(accounts) != 1:
            raise answers.parameter("account")
        return accounts[0]
    return request.urn("account", ACCOUNT_PREFIX)


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
