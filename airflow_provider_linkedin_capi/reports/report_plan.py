"""The plan of one report: as many calls as it takes to have all of it."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any

import msgspec

from airflow_provider_linkedin_capi import exceptions
from airflow_provider_linkedin_capi.api import ad_accounts, ad_analytics, campaigns, conversion_rules, limits
from airflow_provider_linkedin_capi.exceptions import IncompleteReportError
from airflow_provider_linkedin_capi.reports import metrics, request
from airflow_provider_linkedin_capi.reports.plan import Pause, ValueBudget, all_pages
from airflow_provider_linkedin_capi.reports.report import Report, row_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from airflow_provider_linkedin_capi.api.call import Call
    from airflow_provider_linkedin_capi.reports.plan import Plan
    from airflow_provider_linkedin_capi.reports.report import Key, Values
    from airflow_provider_linkedin_capi.reports.request import ReportRequest


def fetch(asked: ReportRequest, version: str, budget: ValueBudget | None = None) -> Plan[Report]:
    """Plan the reading of a whole report.

    Fields go out in groups of at most 20 and are joined on dates and pivots. An answer of 15,000 rows is never
    taken as complete: it is asked for again by shorter windows, then by campaigns.

    :param asked: the report.
    :param version: the value of ``LinkedIn-Version``.
    :param budget: what has been read in the last five minutes.
    :return: the report; its plan raises :class:`IncompleteReportError`.
    """
    reading = _Reading(asked, version, budget or ValueBudget())
    found: dict[Key, Values] = {}
    for fields in field_groups(asked):
        for key, values in (yield from reading.complete(asked, fields)).items():
            found.setdefault(key, {}).update(values)
    if asked.rules:
        position, chosen = asked.pivots.index("CONVERSION"), set(asked.rules)
        found = {key: values for key, values in found.items() if key[2][position] in chosen}
    names: dict[str, str] = {}
    if asked.fill_zeros:
        found |= yield from _missing(found, asked, version)
    if not found:
        return Report(asked, None, [])
    account = yield ad_accounts.get(asked.account, version)
    if asked.names:
        names = yield from _names(found, asked, version)
    rows = [row_of(asked, key, found[key], account.currency or "", names) for key in sorted(found)]
    return Report(asked, account.currency, rows)


def field_groups(asked: ReportRequest) -> Iterator[tuple[str, ...]]:
    """Yield the fields of each call, with those that identify a row."""
    size = limits.MAX_ANALYTICS_FIELDS - len(request.KEY_FIELDS)
    for first in range(0, len(asked.fields), size):
        yield (*request.KEY_FIELDS, *asked.fields[first : first + size])


class _Reading:
    """What the calls of one report share."""

    def __init__(self, asked: ReportRequest, version: str, budget: ValueBudget) -> None:
        self._asked = asked
        self._version = version
        self._budget = budget
        self._campaigns: tuple[str, ...] | None = asked.campaigns or None

    def complete(self, part: ReportRequest, fields: tuple[str, ...]) -> Plan[dict[Key, Values]]:
        """Plan one group of fields over a part of the report, cut smaller as often as it takes."""
        if wait := self._budget.wait_for(limits.MAX_ANALYTICS_ELEMENTS * len(fields)):
            yield Pause(wait)
        try:
            elements = yield call(part, fields, self._version)
        except (exceptions.TooLargeError, exceptions.ServerError):
            # Heavy queries end in 500 or 504 as well; a single day that fails is not too heavy but broken.
            if not (parts := _by_date(part)):
                raise
        else:
            self._budget.spend(len(elements) * len(fields))
            if len(elements) < limits.MAX_ANALYTICS_ELEMENTS:
                return _joined(_keyed(element, fields, part) for element in elements)
            parts = _by_date(part) or (yield from self._by_campaign(part, fields))
        rows: list[tuple[Key, Values]] = []
        for smaller in parts:
            rows += (yield from self.complete(smaller, fields)).items()
        return _joined(rows)

    def _by_campaign(self, part: ReportRequest, fields: tuple[str, ...]) -> Plan[list[ReportRequest]]:
        """Plan the halving of the campaigns that a part covers."""
        where = f"{part.start} to {part.end}" if part.start != part.end else str(part.start)
        cut = (
            f"LinkedIn cut the report off at {limits.MAX_ANALYTICS_ELEMENTS:,} rows for {where}, "
            f"pivot {', '.join(part.pivots)}"
        )
        if part.finder == "attributedRevenueMetrics":
            raise IncompleteReportError(f"{cut}, and a revenue report cannot be narrowed to campaigns.")
        if "CAMPAIGN" not in part.pivots and "CREATIVE" not in part.pivots:
            alone = [name for name in fields if name not in request.KEY_FIELDS and not metrics.additive(name)]
            if alone:
                raise IncompleteReportError(
                    f"{cut}; it can be read campaign by campaign, but {', '.join(alone)} cannot be added up. "
                    "Leave these fields out, or choose a shorter window or fewer pivots."
                )
        if part.campaigns:
            covered: tuple[str, ...] = part.campaigns
        else:
            if self._campaigns is None:
                self._campaigns = tuple((yield from _campaigns(self._asked, self._version)))
            covered = self._campaigns
        if len(covered) < 2:
            raise IncompleteReportError(f"{cut}, in a single campaign. Choose fewer pivots, or narrow it to creatives.")
        middle = len(covered) // 2
        halves = (covered[:middle], covered[middle:])
        return [msgspec.structs.replace(part, campaigns=half) for half in halves]


def call(part: ReportRequest, fields: tuple[str, ...], version: str) -> Call[list[ad_analytics.Row]]:
    """Return the one call that asks for some fields of a report."""
    if part.finder == "attributedRevenueMetrics":
        return ad_analytics.attributed_revenue_metrics(
            part.account, part.pivots, part.start, part.end, version, fields=fields
        )
    selection: dict[str, Any] = {
        "time_granularity": part.granularity,
        "accounts": [part.account],
        "campaigns": part.campaigns,
        "campaign_groups": part.campaign_groups,
        "creatives": part.creatives,
        "fields": fields,
    }
    if part.finder == "statistics":
        return ad_analytics.statistics(part.pivots, part.start, part.end, version, **selection)
    return ad_analytics.analytics(part.pivots[0], part.start, part.end, version, **selection)


def _by_date(part: ReportRequest) -> list[ReportRequest]:
    """Return the two halves of a part's window, cut between rows; nothing when it is a single row's."""
    cells = request.periods(part)
    if len(cells) < 2:
        return []
    middle = len(cells) // 2
    return [
        msgspec.structs.replace(part, end=cells[middle - 1][1]),
        msgspec.structs.replace(part, start=cells[middle][0]),
    ]


def _keyed(element: dict[str, Any], fields: tuple[str, ...], part: ReportRequest) -> tuple[Key, Values]:
    """Return an element as LinkedIn sent it by its key, with numbers not yet rounded."""
    try:
        days = element["dateRange"]
        first, last = (dt.date(**days.get(side, days["start"])) for side in ("start", "end"))
        pivots = tuple(str(value) for value in element["pivotValues"])
    except (KeyError, TypeError, ValueError, AttributeError):
        raise exceptions.UnexpectedReplyError("a row of the report has no dateRange or no pivotValues") from None
    if len(pivots) != len(part.pivots):
        raise exceptions.UnexpectedReplyError(
            f"a row has {len(pivots)} pivot values, {len(part.pivots)} were asked for"
        )
    if part.finder == "attributedRevenueMetrics":
        element = element.get(metrics.REVENUE_FIELD) or {}
        fields = metrics.REVENUE_METRICS
    values = {name: metrics.typed(name, element.get(name)) for name in fields if name not in request.KEY_FIELDS}
    return (first, last, pivots), values


def _joined(rows: Iterable[tuple[Key, Values]]) -> dict[Key, Values]:
    """Return rows by key; those of one key are parts of a whole, as of several campaigns, and add up."""
    found: dict[Key, Values] = {}
    for key, values in rows:
        found[key] = _sum(found[key], values) if key in found else values
    return found


def _sum(one: Values, other: Values) -> Values:
    total: Values = {}
    for name, value in one.items():
        more = other[name]
        if value is not None and more is not None and not metrics.additive(name):
            raise exceptions.UnexpectedReplyError(
                f"two rows of the report are alike, and their {name} cannot be added up"
            )
        total[name] = more if value is None else value if more is None else value + more
    return total


def _missing(found: dict[Key, Values], asked: ReportRequest, version: str) -> Plan[dict[Key, Values]]:
    """Plan the rows of zeros that make the grid of dates and pivot values complete."""
    members: list[tuple[str, ...]] = []
    for position, pivot in enumerate(asked.pivots):
        known = asked.rules if pivot == "CONVERSION" else asked.campaigns
        if not known and pivot == "CONVERSION":
            rules = yield from all_pages(conversion_rules.find(asked.account, version))
            known = tuple(rule.urn for rule in rules)
        elif not known:
            known = tuple((yield from _campaigns(asked, version)))
        seen = (key[2][position] for key in found)
        members.append(tuple(dict.fromkeys((*known, *seen))))
    combinations: list[tuple[str, ...]] = [()]
    for values in members:
        combinations = [(*so_far, value) for so_far in combinations for value in values]
    zeros: Values = {name: metrics.zero(name) for name in asked.metrics}
    present = {(key[0], key[2]) for key in found}
    return {
        (first, last, combination): dict(zeros)
        for first, last in request.periods(asked)
        for combination in combinations
        if (first, combination) not in present
    }


def _names(found: dict[Key, Values], asked: ReportRequest, version: str) -> Plan[dict[str, str]]:
    """Plan the look-up of the names of rules and campaigns that have rows."""
    names: dict[str, str] = {}
    for position, pivot in enumerate(asked.pivots):
        wanted = sorted({key[2][position] for key in found})
        if pivot == "CONVERSION":
            for first in range(0, len(wanted), limits.MAX_RULES_PER_BATCH):
                batch = wanted[first : first + limits.MAX_RULES_PER_BATCH]
                answer = yield conversion_rules.batch_get(asked.account, batch, version)
                names.update((rule.urn, rule.name) for rule in answer.results.values())
        elif pivot == "CAMPAIGN":
            names |= yield from _campaigns(asked, version)
    return names


def _campaigns(asked: ReportRequest, version: str) -> Plan[dict[str, str]]:
    """Plan the look-up of the campaigns that a report can cover: their names by URN."""
    groups = asked.campaign_groups or None
    every = yield from all_pages(campaigns.search(asked.account, version, campaign_group=groups))
    return {campaign.urn: campaign.name for campaign in every}
