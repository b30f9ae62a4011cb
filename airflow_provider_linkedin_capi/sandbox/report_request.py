"""What a report is asked for: days, pivots, facets, fields and order."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from airflow_provider_linkedin_capi.sandbox import answers, report_pivots
from airflow_provider_linkedin_capi.sandbox.entities import (
    ACCOUNT_PREFIX,
    CAMPAIGN_GROUP_PREFIX,
    CAMPAIGN_PREFIX,
    id_of,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

    from airflow_provider_linkedin_capi.sandbox import restli
    from airflow_provider_linkedin_capi.sandbox.attribution import Group
    from airflow_provider_linkedin_capi.sandbox.rest import RestRequest

MAX_FIELDS = 20
MAX_PIVOTS = 3

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


def chosen(request: RestRequest, groups: Iterable[Group]) -> list[Group]:
    """The groups that all given facets select, of accounts that the member may read."""
    campaigns = request.world.entities.campaigns
    kind, objective = request.text("campaignType"), request.text("objectiveType")
    if kind is not None and kind not in _CAMPAIGN_TYPES:
        raise answers.parameter("campaignType")
    facets = {
        "accounts": (ACCOUNT_PREFIX, lambda group: group.account),
        "campaigns": (CAMPAIGN_PREFIX, lambda group: group.campaign),
        "campaignGroups": (CAMPAIGN_GROUP_PREFIX, lambda group: id_of(campaigns[group.campaign]["campaignGroup"])),
        "creatives": (report_pivots.CREATIVE_PREFIX, lambda group: group.campaign),
        "shares": ("urn:li:share", lambda group: group.campaign),
        "companies": ("urn:li:organization", lambda group: id_of(report_pivots.value(request.world, "COMPANY", group))),
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


def in_order(request: RestRequest, elements: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The elements as ``sortBy`` wants them."""
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


def fields_of(request: RestRequest, known: frozenset[str]) -> list[str]:
    """The fields asked for."""
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


def pivots_of(request: RestRequest) -> tuple[str, ...]:
    """The pivots of a list of one to three."""
    pivots = request.value("pivots")
    if pivots is None:
        raise answers.short(400, "Parameter 'pivots' is required")
    if not isinstance(pivots, list):
        raise answers.parameter("pivots", "FIELD_INVALID", "array type is not backed by a DataList")
    if not 1 <= len(pivots) <= MAX_PIVOTS:
        raise answers.parameter("pivots")
    for index, pivot in enumerate(pivots):
        if not report_pivots.known(pivot, request.version):
            raise answers.parameter(f"pivots_{index}")
    return tuple(map(str, pivots))


def enum(request: RestRequest, name: str) -> str | None:
    """An enumeration, bare or as ``(value:X)``."""
    value = request.value(name)
    if isinstance(value, dict) and set(value) == {"value"}:
        value = value["value"]
    if value is not None and not isinstance(value, str):
        raise answers.parameter(name)
    return value


def date_range(request: RestRequest) -> Period:
    """The days asked for; without an end up to today."""
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


def revenue_account(request: RestRequest) -> int:
    """The account, plain or as a list of one; both are seen."""
    if request.parameters.get("account", "").startswith("List("):
        accounts = request.urns("account", ACCOUNT_PREFIX) or []
        if len(accounts) != 1:
            raise answers.parameter("account")
        return accounts[0]
    return request.urn("account", ACCOUNT_PREFIX)
