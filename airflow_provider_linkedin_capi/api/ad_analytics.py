"""Reports: ``/adAnalytics``.

Follows https://learn.microsoft.com/linkedin/marketing/integrations/ads-reporting/ads-reporting and
.../ads-reporting-schema. There is no paging: an answer holds at most 15,000 rows. Only combinations with
activity have a row; accounts that the member cannot read give none, and no error.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from airflow_provider_linkedin_capi.api import limits, restli, urns
from airflow_provider_linkedin_capi.api.restli import Resource
from airflow_provider_linkedin_capi.exceptions import ConfigurationError

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Iterable, Sequence

    from airflow_provider_linkedin_capi.api.call import Call, Reply

RESOURCE = Resource("adAnalytics", scope="r_ads_reporting", personal=False)

#: A row as LinkedIn sends it: ``pivotValues``, ``dateRange`` and metrics, decimals as text.
Row = dict[str, Any]

GRANULARITIES = ("ALL", "DAILY", "MONTHLY", "YEARLY")
CAMPAIGN_TYPES = ("TEXT_AD", "SPONSORED_UPDATES", "SPONSORED_INMAILS", "DYNAMIC")
SORT_FIELDS = (
    "COST_IN_LOCAL_CURRENCY",
    "IMPRESSIONS",
    "CLICKS",
    "ONE_CLICK_LEADS",
    "OPENS",
    "SENDS",
    "EXTERNAL_WEBSITE_CONVERSIONS",
)
# fmt: off
PIVOTS = frozenset({
    "COMPANY", "ACCOUNT", "SHARE", "CAMPAIGN", "CREATIVE", "CAMPAIGN_GROUP", "CONVERSION",
    "CONVERSATION_NODE", "CONVERSATION_NODE_OPTION_INDEX", "SERVING_LOCATION", "CARD_INDEX",
    "MEMBER_COMPANY_SIZE", "MEMBER_INDUSTRY", "MEMBER_SENIORITY", "MEMBER_JOB_TITLE", "MEMBER_JOB_FUNCTION",
    "MEMBER_COUNTRY_V2", "MEMBER_REGION_V2", "MEMBER_COMPANY", "MEMBER_COUNTY",
    "MEMBER_DESIGNATED_MARKET_AREA", "PLACEMENT_NAME", "IMPRESSION_DEVICE_TYPE", "EVENT_STAGE",
    "OBJECTIVE_TYPE",
})
# fmt: on
_MAX_PIVOTS = 3


class _Answer(msgspec.Struct):
    elements: list[Row]


def analytics(
    pivot: str,
    start: dt.date,
    end: dt.date | None,
    *,
    time_granularity: str = "DAILY",
    **selection: Any,
) -> Call[list[Row]]:
    """Return the call of a report along one pivot.

    :param pivot: e.g. ``CONVERSION``.
    :param start: first UTC day.
    :param end: last UTC day, inclusive; today when None.
    :param time_granularity: ``ALL``, ``DAILY``, ``MONTHLY`` or ``YEARLY``.
    :param selection: facets, filters, order and fields; see :func:`selected`.
    """
    _check_pivots([pivot])
    head = {"q": "analytics", "pivot": pivot, **_time(start, end, time_granularity)}
    return _report({**head, **selected(**selection)})


def statistics(
    pivots: Sequence[str],
    start: dt.date,
    end: dt.date | None,
    *,
    time_granularity: str = "DAILY",
    **selection: Any,
) -> Call[list[Row]]:
    """Return the call of a report along up to three pivots; ``MEMBER_*`` ones are not offered here.

    Parameters as for :func:`analytics`; ``pivotValues`` of the rows come in the order of ``pivots``.
    """
    _check_pivots(pivots)
    if members := [pivot for pivot in pivots if pivot.startswith("MEMBER_")]:
        raise ConfigurationError(f"{', '.join(members)}: demographic pivots work with one pivot only (analytics)")
    head = {"q": "statistics", "pivots": list(pivots), **_time(start, end, time_granularity)}
    return _report({**head, **selected(**selection)})


def attributed_revenue_metrics(
    account: int | str,
    pivots: Sequence[str],
    start: dt.date,
    end: dt.date | None,
    *,
    fields: Sequence[str] | None = ("revenueAttributionMetrics", "dateRange", "pivotValues"),
) -> Call[list[Row]]:
    """Return the call of a report on the revenue that a connected CRM attributes to an account's ads."""
    _check_pivots(pivots)
    return _report(
        {
            "q": "attributedRevenueMetrics",
            "pivots": list(pivots),
            "dateRange": _date_range(start, end),
            "account": [urns.ad_account(account)],
            "fields": _checked_fields(fields),
        },
    )


def selected(
    *,
    accounts: Iterable[int | str] = (),
    campaign_groups: Iterable[int | str] = (),
    campaigns: Iterable[int | str] = (),
    creatives: Iterable[int | str] = (),
    shares: Iterable[str] = (),
    companies: Iterable[int | str] = (),
    campaign_type: str | None = None,
    objective_type: str | None = None,
    sort_by: str | None = None,
    descending: bool = True,
    fields: Sequence[str] | None = None,
) -> dict[str, Any]:
    """Return the query parameters that select a report's rows and columns.

    :param accounts: ids of ad accounts; as ``campaign_groups``, ``campaigns``, ``creatives``, ``shares``
        (URNs) and ``companies`` one of the facets, which are AND-ed; at least one is needed.
    :param campaign_type: e.g. ``SPONSORED_UPDATES``.
    :param objective_type: e.g. ``LEAD_GENERATION``.
    :param sort_by: e.g. ``EXTERNAL_WEBSITE_CONVERSIONS``.
    :param descending: the order of ``sort_by``.
    :param fields: at most 20 columns, ``dateRange`` and ``pivotValues`` among them where they are wanted;
        LinkedIn's default is ``impressions,clicks``.
    """
    facets = {
        "accounts": [urns.ad_account(value) for value in accounts],
        "campaignGroups": [urns.campaign_group(value) for value in campaign_groups],
        "campaigns": [urns.campaign(value) for value in campaigns],
        "creatives": [urns.creative(value) for value in creatives],
        "shares": list(shares),
        "companies": [urns.organization(value) for value in companies],
    }
    if not any(facets.values()):
        raise ConfigurationError(f"a report needs at least one of {', '.join(facets)}")
    _check_one_of("campaign_type", campaign_type, CAMPAIGN_TYPES)
    _check_one_of("sort_by", sort_by, SORT_FIELDS)
    order = "DESCENDING" if descending else "ASCENDING"
    return {
        **{name: values or None for name, values in facets.items()},
        "campaignType": campaign_type,
        "objectiveType": objective_type,
        "sortBy": None if sort_by is None else {"field": sort_by, "order": order},
        "fields": _checked_fields(fields),
    }


def _report(parameters: dict[str, Any]) -> Call[list[Row]]:
    return restli.call(RESOURCE, "FINDER", parse=_rows, parameters=parameters)


def _rows(reply: Reply) -> list[Row]:
    return msgspec.json.decode(reply.body, type=_Answer).elements


def _time(start: dt.date, end: dt.date | None, granularity: str) -> dict[str, Any]:
    _check_one_of("time_granularity", granularity, GRANULARITIES)
    return {"timeGranularity": granularity, "dateRange": _date_range(start, end)}


def _date_range(start: dt.date, end: dt.date | None) -> dict[str, Any]:
    if end is not None and end < start:
        raise ConfigurationError(f"the report would end on {end}, before it starts on {start}")
    days = {"start": start, "end": end}
    return {name: {"year": day.year, "month": day.month, "day": day.day} for name, day in days.items() if day}


def _checked_fields(fields: Sequence[str] | None) -> list[str] | None:
    if fields is None:
        return None
    if not 0 < len(fields) <= limits.MAX_ANALYTICS_FIELDS:
        raise ConfigurationError(f"{len(fields)} fields; LinkedIn takes 1 to {limits.MAX_ANALYTICS_FIELDS}")
    return list(fields)


def _check_pivots(pivots: Sequence[str]) -> None:
    if not 0 < len(pivots) <= _MAX_PIVOTS:
        raise ConfigurationError(f"{len(pivots)} pivots; LinkedIn takes 1 to {_MAX_PIVOTS}")
    for pivot in pivots:
        _check_one_of("pivot", pivot, PIVOTS)


def _check_one_of(name: str, value: str | None, allowed: Iterable[str]) -> None:
    if value is not None and value not in allowed:
        raise ConfigurationError(f"{name} {value!r} is not one of {', '.join(sorted(allowed))}")
