"""What a report is asked for: checked before LinkedIn is."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any

import msgspec
import pendulum

from airflow_provider_linkedin_capi.api import ad_analytics, limits, urns
from airflow_provider_linkedin_capi.exceptions import ConfigurationError
from airflow_provider_linkedin_capi.reports import metrics

if TYPE_CHECKING:
    from collections.abc import Iterable

DEFAULT_FIELDS = (
    "externalWebsiteConversions",
    "externalWebsitePostClickConversions",
    "externalWebsitePostViewConversions",
    "conversionValueInLocalCurrency",
)
#: The metric that readiness and per-rule counts look at.
CONVERSIONS = "externalWebsiteConversions"

FINDERS = ("analytics", "statistics", "attributedRevenueMetrics")
_MAX_PIVOTS = 3
#: Asked for with every call, and counted among its fields.
KEY_FIELDS = ("dateRange", "pivotValues")


class ReportRequest(msgspec.Struct, frozen=True, kw_only=True):
    """One report: what is read, over which days, cut how.

    Build it with :func:`report_request`, which checks and completes what users write.

    :param account: URN of the ad account.
    :param start: first day, UTC.
    :param end: last day, UTC, included.
    :param pivots: what rows are split by, at most three.
    :param fields: metrics as LinkedIn spells them, any number.
    :param granularity: ``DAILY``, ``MONTHLY``, ``YEARLY`` or ``ALL``.
    :param finder: ``analytics`` (one pivot), ``statistics`` (up to three) or ``attributedRevenueMetrics``.
    :param rules: URNs of the conversion rules whose rows are kept; empty for all. LinkedIn has no such facet.
    :param campaigns: URNs that the report is narrowed to.
    :param campaign_groups: likewise.
    :param creatives: likewise.
    :param names: add the names of conversion rules and campaigns.
    :param fill_zeros: add a row of zeros for each date and rule or campaign that LinkedIn left out.
    """

    account: str
    start: dt.date
    end: dt.date
    pivots: tuple[str, ...] = ("CONVERSION",)
    fields: tuple[str, ...] = DEFAULT_FIELDS
    granularity: str = "DAILY"
    finder: str = "analytics"
    rules: tuple[str, ...] = ()
    campaigns: tuple[str, ...] = ()
    campaign_groups: tuple[str, ...] = ()
    creatives: tuple[str, ...] = ()
    names: bool = False
    fill_zeros: bool = False

    @property
    def metrics(self) -> tuple[str, ...]:
        """The fields that become columns; a revenue report's one record becomes several."""
        return metrics.REVENUE_METRICS if self.finder == "attributedRevenueMetrics" else self.fields


def report_request(
    *,
    account: str,
    start_date: Any,
    end_date: Any,
    pivot: str | Iterable[str] = "CONVERSION",
    fields: str | Iterable[str] = DEFAULT_FIELDS,
    time_granularity: str = "DAILY",
    finder: str | None = None,
    conversion_rules: Iterable[str] = (),
    campaigns: Any = None,
    campaign_groups: Any = None,
    creatives: Any = None,
    names: bool = False,
    fill_zeros: bool = False,
    today: dt.date,
) -> ReportRequest:
    """Return the request that users' values mean.

    :raises ValueError: naming everything that LinkedIn would refuse or answer wrongly.
    """
    pivots = tuple(item.upper() for item in several(pivot))
    # What the request needs for its keys is always asked for; users may name it as LinkedIn's samples do.
    metrics_asked = tuple(dict.fromkeys(name for name in several(fields) if name not in KEY_FIELDS))
    if finder is None:
        finder = "analytics" if len(pivots) == 1 else "statistics"
    if finder == "attributedRevenueMetrics":
        metrics_asked, time_granularity = (metrics.REVENUE_FIELD,), "ALL"
    request = ReportRequest(
        account=account,
        start=utc_time(start_date).date(),
        end=utc_time(end_date).date(),
        pivots=pivots,
        fields=metrics_asked,
        granularity=time_granularity.upper(),
        finder=finder,
        rules=tuple(dict.fromkeys(conversion_rules)),
        campaigns=_urns(campaigns, urns.campaign),
        campaign_groups=_urns(campaign_groups, urns.campaign_group),
        creatives=_urns(creatives, urns.creative),
        names=names,
        fill_zeros=fill_zeros,
    )
    if problems := [*_problems(request), *_beyond_retention(request, today)]:
        raise ConfigurationError("This report cannot be asked for: " + "; ".join(problems))
    return request


def utc_time(value: Any) -> dt.datetime:
    """Return the point in time of a date, a time or their ISO text; without a zone it is UTC."""
    if isinstance(value, str):
        try:
            value = dt.datetime.fromisoformat(value.strip())
        except ValueError:
            raise ConfigurationError(f"{value!r} is not a date: write it as 2026-11-22") from None
    if isinstance(value, dt.datetime):
        return value.astimezone(dt.UTC) if value.tzinfo else value.replace(tzinfo=dt.UTC)
    if isinstance(value, dt.date):
        return dt.datetime.combine(value, dt.time(), dt.UTC)
    raise ConfigurationError(f"{value!r} is not a date: give a date, or text like 2026-11-22")


def whole_periods(start: dt.date, end: dt.date, granularity: str, today: dt.date) -> tuple[dt.date, dt.date]:
    """Return the window widened to whole months or years, not beyond today.

    A month's row that was read over three of its days would replace the whole month's.
    """
    if (unit := {"MONTHLY": "month", "YEARLY": "year"}.get(granularity)) is None:
        return start, end
    last = _date(_calendar(end).end_of(unit))
    return _date(_calendar(start).start_of(unit)), max(end, min(last, today))


def periods(request: ReportRequest) -> list[tuple[dt.date, dt.date]]:
    """Return the days, months or years of a request, each cut to its window."""
    found = []
    start = request.start
    while start <= request.end:
        if request.granularity == "ALL":
            last = request.end
        else:
            last = min(whole_periods(start, start, request.granularity, dt.date.max)[1], request.end)
        found.append((start, last))
        start = last + dt.timedelta(days=1)
    return found


def several(value: str | Iterable[str]) -> list[str]:
    """Return names given one by one, or as one text with commas."""
    return [part.strip() for part in value.split(",")] if isinstance(value, str) else list(value)


def _urns(value: Any, urn: Any) -> tuple[str, ...]:
    if value is None or value == "":
        return ()
    return tuple(dict.fromkeys(urn(item) for item in ([value] if isinstance(value, int | str) else value)))


def _problems(request: ReportRequest) -> Iterable[str]:
    if request.start > request.end:
        yield f"its first day {request.start} is after its last {request.end}"
    if request.finder not in FINDERS:
        yield f"finder {request.finder!r} is none of {', '.join(FINDERS)}"
    if request.granularity not in ad_analytics.GRANULARITIES:
        yield f"time_granularity {request.granularity!r} is none of {', '.join(ad_analytics.GRANULARITIES)}"
    if not request.pivots or len(set(request.pivots)) != len(request.pivots):
        yield "it needs at least one pivot, and each only once"
    if unknown := [pivot for pivot in request.pivots if pivot not in ad_analytics.PIVOTS]:
        yield f"pivot {', '.join(unknown)} is none of {', '.join(sorted(ad_analytics.PIVOTS))}"
    most = 1 if request.finder == "analytics" else _MAX_PIVOTS
    if len(request.pivots) > most:
        yield f"finder {request.finder} takes at most {most} pivot{'s' if most > 1 else ''}, not {len(request.pivots)}"
    if request.finder == "statistics" and (members := [p for p in request.pivots if p.startswith("MEMBER_")]):
        yield f"pivot {', '.join(members)} works only alone"
    if not request.fields:
        yield "it has no fields"
    for name in request.fields:
        if name in ("pivot", "pivotValue"):
            yield f"field {name} is gone from the API; pivots come with every row"
        elif not (name.isascii() and name.isalnum()):
            yield f"{name!r} is not the name of a field"
    if request.rules and "CONVERSION" not in request.pivots:
        yield "conversion_rules can be told apart only with pivot CONVERSION"
    if request.fill_zeros and not set(request.pivots) <= {"CONVERSION", "CAMPAIGN"}:
        yield "fill_zeros knows all values only of the pivots CONVERSION and CAMPAIGN"
    if request.finder == "attributedRevenueMetrics":
        if request.campaigns or request.campaign_groups or request.creatives:
            yield "attributedRevenueMetrics covers a whole ad account"
        if request.fill_zeros:
            yield "fill_zeros means nothing for revenue ratios"


def _beyond_retention(request: ReportRequest, today: dt.date) -> Iterable[str]:
    """LinkedIn answers with nothing, not with an error, where it no longer holds the data."""
    if any(pivot.startswith("MEMBER_") for pivot in request.pivots):
        kept, what = limits.DEMOGRAPHIC_REPORT_MONTHS, f"pivot {request.pivots[0]}"
    else:
        kept, what = limits.REPORT_MONTHS.get(request.granularity, limits.REPORT_MONTHS["ALL"]), request.granularity
    if request.granularity == "DAILY":
        kept = min(kept, limits.REPORT_MONTHS["DAILY"])
    first = months_before(today, kept)
    if request.start < first:
        coarser = "; ask for MONTHLY rows" if request.granularity == "DAILY" else ""
        yield (
            f"{what} rows are kept for {kept} months, so {request.start} is gone: "
            f"the first day to be had is {first}{coarser}"
        )


def months_before(day: dt.date, months: int) -> dt.date:
    """Return the day that many months earlier, or that month's last day."""
    return _date(_calendar(day).subtract(months=months))


def _calendar(day: dt.date) -> pendulum.Date:
    return pendulum.date(day.year, day.month, day.day)


def _date(day: pendulum.Date) -> dt.date:
    """Return a plain date, as msgspec and the databases' drivers know it."""
    return dt.date(day.year, day.month, day.day)
