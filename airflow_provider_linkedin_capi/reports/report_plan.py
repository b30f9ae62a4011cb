"""The calls that one report takes until all of it is there."""

from __future__ import annotations

import datetime as dt
import itertools
from typing import TYPE_CHECKING, Any

import msgspec

from airflow_provider_linkedin_capi import exceptions
from airflow_provider_linkedin_capi.api import ad_accounts, ad_analytics, campaigns, conversion_rules, limits
from airflow_provider_linkedin_capi.exceptions import IncompleteReportError
from airflow_provider_linkedin_capi.reports import metrics
from airflow_provider_linkedin_capi.reports.plan import Pause, ValueBudget, all_pages
from airflow_provider_linkedin_capi.reports.report import Report, row_of
from airflow_provider_linkedin_capi.reports.request import KEY_FIELDS, periods

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from airflow_provider_linkedin_capi.api.call import Call
    from airflow_provider_linkedin_capi.reports.plan import Plan
    from airflow_provider_linkedin_capi.reports.report import Key, Values
    from airflow_provider_linkedin_capi.reports.request import ReportRequest


def report_plan(request: ReportRequest, budget: ValueBudget | None = None) -> Plan[Report]:
    """Plan the reading of a whole report.

    Fields go out in groups of at most 20 and are joined on dates and pivots. An answer of 15,000 rows is never
    taken as complete: it is asked for again by shorter windows, then by campaigns.

    :param request: the report.
    :param budget: what was read in the last five minutes.
    :return: the report; its plan raises :class:`IncompleteReportError`.
    """
    return _ReportReading(request, budget or ValueBudget()).report()


def field_groups(request: ReportRequest) -> Iterator[tuple[str, ...]]:
    """Yield the fields of each call, with those that identify a row."""
    size = limits.MAX_ANALYTICS_FIELDS - len(KEY_FIELDS)
    for first in range(0, len(request.fields), size):
        yield (*KEY_FIELDS, *request.fields[first : first + size])


class _ReportReading:
    """One report being read: what its calls have in common."""

    def __init__(self, request: ReportRequest, budget: ValueBudget) -> None:
        self._request = request
        self._budget = budget
        self._known_campaigns: dict[str, str] | None = None

    def report(self) -> Plan[Report]:
        """Plan the whole report: rows, zeros, currency and names."""
        request = self._request
        found: dict[Key, Values] = {}
        for fields in field_groups(request):
            for key, values in (yield from self.complete(request, fields)).items():
                found.setdefault(key, {}).update(values)
        if request.rules:
            position, chosen = request.pivots.index("CONVERSION"), set(request.rules)
            found = {key: values for key, values in found.items() if key[2][position] in chosen}
        if request.fill_zeros:
            found |= yield from self._zeros(found)
        if not found:
            return Report(request, None, [])
        account = yield ad_accounts.get(request.account)
        names: dict[str, str] = (yield from self._names(found)) if request.names else {}
        rows = [row_of(request, key, found[key], account.currency or "", names) for key in sorted(found)]
        return Report(request, account.currency, rows)

    def complete(self, part: ReportRequest, fields: tuple[str, ...]) -> Plan[dict[Key, Values]]:
        """Plan one group of fields over a part of the report, halved as often as needed."""
        if wait := self._budget.wait_for(limits.MAX_ANALYTICS_ELEMENTS * len(fields)):
            yield Pause(wait)
        try:
            elements = yield _call(part, fields)
        except (exceptions.TooLargeError, exceptions.ServerError):
            # Heavy queries end in 500 or 504 as well. A single day cannot be too heavy: that failure is another one.
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
        """Plan the two halves of the campaigns that a part covers."""
        where = f"{part.start} to {part.end}" if part.start != part.end else str(part.start)
        cut = (
            f"LinkedIn cut the report off at {limits.MAX_ANALYTICS_ELEMENTS:,} rows for {where}, "
            f"pivot {', '.join(part.pivots)}"
        )
        if part.finder == "attributedRevenueMetrics":
            raise IncompleteReportError(
                f"{cut}, and a revenue report cannot be limited to campaigns. Choose fewer pivots."
            )
        if "CAMPAIGN" not in part.pivots and "CREATIVE" not in part.pivots:
            alone = [name for name in fields if name not in KEY_FIELDS and not metrics.additive(name)]
            if alone:
                raise IncompleteReportError(
                    f"{cut}. It cannot be read campaign by campaign, since {', '.join(alone)} cannot be added up. "
                    "Leave these fields out, or choose a shorter window or fewer pivots."
                )
        if part.campaigns:
            covered: tuple[str, ...] = part.campaigns
        else:
            covered = tuple((yield from self._campaigns()))
        if len(covered) < 2:
            raise IncompleteReportError(
                f"{cut}, for a single campaign. Choose fewer pivots, or limit the report to creatives."
            )
        middle = len(covered) // 2
        halves = (covered[:middle], covered[middle:])
        return [msgspec.structs.replace(part, campaigns=half) for half in halves]

    def _zeros(self, found: dict[Key, Values]) -> Plan[dict[Key, Values]]:
        """Plan the rows of zeros that complete the grid of dates and pivot values."""
        request = self._request
        members: list[tuple[str, ...]] = []
        for position, pivot in enumerate(request.pivots):
            known = request.rules if pivot == "CONVERSION" else request.campaigns
            if not known and pivot == "CONVERSION":
                rules = yield from all_pages(conversion_rules.find(request.account))
                known = tuple(rule.urn for rule in rules)
            elif not known:
                known = tuple((yield from self._campaigns()))
            seen = (key[2][position] for key in found)
            members.append(tuple(dict.fromkeys((*known, *seen))))
        zeros: Values = {name: metrics.zero(name) for name in request.metrics}
        present = {(key[0], key[2]) for key in found}
        return {
            (first, last, combination): dict(zeros)
            for first, last in periods(request)
            for combination in itertools.product(*members)
            if (first, combination) not in present
        }

    def _names(self, found: dict[Key, Values]) -> Plan[dict[str, str]]:
        """Plan the look-up of the names of rules and campaigns that have rows."""
        names: dict[str, str] = {}
        for position, pivot in enumerate(self._request.pivots):
            if pivot == "CAMPAIGN":
                names |= yield from self._campaigns()
            if pivot != "CONVERSION":
                continue
            wanted = sorted({key[2][position] for key in found})
            for first in range(0, len(wanted), limits.MAX_RULES_PER_BATCH):
                batch = wanted[first : first + limits.MAX_RULES_PER_BATCH]
                answer = yield conversion_rules.batch_get(self._request.account, batch)
                names.update((rule.urn, rule.name) for rule in answer.results.values())
        return names

    def _campaigns(self) -> Plan[dict[str, str]]:
        """Plan the look-up of the campaigns that the report can cover: their names by URN. Asked for once."""
        if self._known_campaigns is None:
            groups = self._request.campaign_groups or None
            call = campaigns.search(self._request.account, campaign_group=groups)
            self._known_campaigns = {campaign.urn: campaign.name for campaign in (yield from all_pages(call))}
        return self._known_campaigns


def _call(part: ReportRequest, fields: tuple[str, ...]) -> Call[list[ad_analytics.Row]]:
    """Return the call for some fields of a part of the report."""
    if part.finder == "attributedRevenueMetrics":
        return ad_analytics.attributed_revenue_metrics(part.account, part.pivots, part.start, part.end, fields=fields)
    selection: dict[str, Any] = {
        "time_granularity": part.granularity,
        "accounts": [part.account],
        "campaigns": part.campaigns,
        "campaign_groups": part.campaign_groups,
        "creatives": part.creatives,
        "fields": fields,
    }
    if part.finder == "statistics":
        return ad_analytics.statistics(part.pivots, part.start, part.end, **selection)
    return ad_analytics.analytics(part.pivots[0], part.start, part.end, **selection)


def _by_date(part: ReportRequest) -> list[ReportRequest]:
    """Return the two halves of a part's window, cut between periods; nothing when it is a single period."""
    cells = periods(part)
    if len(cells) < 2:
        return []
    middle = len(cells) // 2
    return [
        msgspec.structs.replace(part, end=cells[middle - 1][1]),
        msgspec.structs.replace(part, start=cells[middle][0]),
    ]


def _keyed(element: dict[str, Any], fields: tuple[str, ...], part: ReportRequest) -> tuple[Key, Values]:
    """Return the key and the unrounded numbers of an element as LinkedIn sent it."""
    try:
        days = element["dateRange"]
        first, last = (dt.date(**days.get(side, days["start"])) for side in ("start", "end"))
        pivots = tuple(str(value) for value in element["pivotValues"])
    except (KeyError, TypeError, ValueError, AttributeError):
        raise exceptions.UnexpectedReplyError("a row of the report lacks dateRange or pivotValues") from None
    if len(pivots) != len(part.pivots):
        raise exceptions.UnexpectedReplyError(
            f"a row has {len(pivots)} pivot values, {len(part.pivots)} were asked for"
        )
    if part.finder == "attributedRevenueMetrics":
        element = element.get(metrics.REVENUE_FIELD) or {}
        fields = metrics.REVENUE_METRICS
    values = {name: metrics.typed(name, element.get(name)) for name in fields if name not in KEY_FIELDS}
    return (first, last, pivots), values


def _joined(rows: Iterable[tuple[Key, Values]]) -> dict[Key, Values]:
    """Return rows by key; several of one key, as of several campaigns, are added up."""
    found: dict[Key, Values] = {}
    for key, values in rows:
        found[key] = _sum(found[key], values) if key in found else values
    return found


def _sum(one: Values, other: Values) -> Values:
    total: Values = {}
    for name, value in one.items():
        more = other[name]
        if value is not None and more is not None and not metrics.additive(name):
            raise IncompleteReportError(
                f"LinkedIn's report has two rows with the same dates and pivots, and their {name} cannot be added up. "
                "Leave this field out, or limit the report to fewer days or campaigns."
            )
        total[name] = more if value is None else value if more is None else value + more
    return total
