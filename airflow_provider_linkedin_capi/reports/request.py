"""What a report covers, checked before LinkedIn is asked."""

from __future__ import annotations

import datetime as dt
import logging
from typing import TYPE_CHECKING, Any

import msgspec
import pendulum

from airflow_provider_linkedin_capi.api import ad_analytics, limits, urns
from airflow_provider_linkedin_capi.api.value_lists import from_text, literal, value_list
from airflow_provider_linkedin_capi.exceptions import ConfigurationError
from airflow_provider_linkedin_capi.reports import metrics

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

DEFAULT_FIELDS = (
    "externalWebsiteConversions",
    "externalWebsitePostClickConversions",
    "externalWebsitePostViewConversions",
    "conversionValueInLocalCurrency",
)
#: The metric that decides whether a report is ready, and that is counted by rule.
CONVERSIONS = "externalWebsiteConversions"

FINDERS = ("analytics", "statistics", "attributedRevenueMetrics")
_MAX_PIVOTS = 3
#: Sent with every call, and counted among its fields.
KEY_FIELDS = ("dateRange", "pivotValues")
#: Fields of earlier API versions; every row carries its pivot values without them.
_RETIRED_FIELDS = frozenset({"pivot", "pivotValue"})
#: Pivots that only the finder for several pivots takes.
_STATISTICS_PIVOTS = frozenset({"OBJECTIVE_TYPE"})

log = logging.getLogger(__name__)


class ReportRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One report: its days, its ad account, its columns and how its rows are split.

    Build it with :func:`report_request`, which checks and completes what users write. Triggers store it as JSON in
    Airflow's database, so a released field keeps its name and meaning, and a new one needs a default.

    :param account: URN of the ad account.
    :param start: first day, UTC.
    :param end: last day, UTC, included.
    :param pivots: what rows are split by, at most three.
    :param fields: metrics as LinkedIn spells them, any number.
    :param granularity: ``DAILY``, ``MONTHLY``, ``YEARLY`` or ``ALL``.
    :param finder: ``analytics`` (one pivot), ``statistics`` (up to three) or ``attributedRevenueMetrics``.
    :param rules: URNs of the conversion rules whose rows are kept; empty for all. LinkedIn cannot filter by rule.
    :param campaigns: URNs of the campaigns that the report is limited to.
    :param campaign_groups: URNs of campaign groups, likewise.
    :param creatives: URNs of creatives, likewise.
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
    """Return the request for what a user wrote.

    :param conversion_rules: URNs.
    :param today: the UTC day, by which LinkedIn's retention is checked.
    :raises ConfigurationError: naming everything that LinkedIn would refuse or answer wrongly.
    """
    pivots = tuple(str(item).upper() for item in value_list(pivot, name="pivot"))
    if finder is None:
        finder = "analytics" if len(pivots) == 1 and pivots[0] not in _STATISTICS_PIVOTS else "statistics"
    wanted = value_list(fields, name="fields")
    if finder == "attributedRevenueMetrics":
        wanted, time_granularity = [metrics.REVENUE_FIELD], "ALL"
    request = ReportRequest(
        account=account,
        start=utc_time(start_date).date(),
        end=utc_time(end_date).date(),
        pivots=pivots,
        fields=_metric_fields(wanted),
        granularity=time_granularity.upper(),
        finder=finder,
        rules=tuple(dict.fromkeys(conversion_rules)),
        campaigns=_urns(campaigns, urns.campaign, "campaigns"),
        campaign_groups=_urns(campaign_groups, urns.campaign_group, "campaign_groups"),
        creatives=_urns(creatives, urns.creative, "creatives"),
        names=names,
        fill_zeros=fill_zeros,
    )
    if problems := [*_problems(request), *_beyond_retention(request, today)]:
        raise ConfigurationError("LinkedIn has no such report: " + "; ".join(problems))
    return request


def _metric_fields(wanted: Iterable[Any]) -> tuple[str, ...]:
    """Return the metrics among the fields; those that identify a row are always asked for."""
    names = list(dict.fromkeys(str(name) for name in wanted))
    if retired := [name for name in names if name in _RETIRED_FIELDS]:
        log.warning(
            "LinkedIn's API no longer has the field %s; it is left out. Every row carries its pivot values anyway.",
            ", ".join(retired),
        )
    return tuple(name for name in names if name not in KEY_FIELDS and name not in _RETIRED_FIELDS)


def report_days(
    first_day: Any, last_day: Any, start_date: Any, end_date: Any, *, required: bool = True
) -> tuple[Any, Any, dict[str, Any]]:
    """Return a report's first and last day, and the dates that are Airflow's own.

    ``start_date`` and ``end_date`` are also parameters of every Airflow operator. They are the report's days when
    ``first_day`` and ``last_day`` are missing; beside these they are Airflow's own, which are datetimes.

    :param required: whether the days have to be given.
    :return: first day, last day, and the keyword arguments to pass on to Airflow's operator.
    :raises ConfigurationError: a day is missing, or given twice.
    """
    airflows_own = all(value is None or isinstance(value, dt.datetime) for value in (start_date, end_date))
    if first_day is None and last_day is None and (required or not airflows_own):
        if start_date is None or end_date is None:
            raise ConfigurationError("Give first_day and last_day, the UTC days that the report covers")
        return start_date, end_date, {}
    if (first_day is None) != (last_day is None):
        raise ConfigurationError("Give both first_day and last_day; they may be the same day")
    airflows: dict[str, Any] = {}
    for name, value in (("start_date", start_date), ("end_date", end_date)):
        if isinstance(value, dt.datetime):
            airflows[name] = value
        elif value is not None:
            raise ConfigurationError(
                f"The report's days are given twice: as first_day and last_day, and as {name}={value!r}. "
                f"Leave out {name}; beside first_day it is Airflow's own parameter and takes a datetime only"
            )
    return first_day, last_day, airflows


def utc_time(value: Any) -> dt.datetime:
    """Return the point in time of a date, a time or their ISO text; without a zone it is UTC."""
    if isinstance(value, str):
        try:
            value = dt.datetime.fromisoformat(value.strip())
        except ValueError:
            raise ConfigurationError(f"{value!r} is not a date: write it like 2026-11-22") from None
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


def delivered_selection(summary: Any) -> dict[str, Any] | None:
    """Return the days and conversion rules that a StreamConversionsOperator delivered to; None when there are none.

    :param summary: its XCom, or the text that a template makes of it.
    :raises ConfigurationError: it is not such a summary.
    """
    summary = literal(summary, name="delivered")
    try:
        if not (rules := [rule for rule, count in summary["rules"].items() if count]):
            return None
        days = [utc_time(summary[name]).date() for name in ("first_happened_at", "last_happened_at")]
    except (TypeError, KeyError, AttributeError):
        raise ConfigurationError(
            "delivered is not the summary of a StreamConversionsOperator: give "
            "{{ ti.xcom_pull('stream_conversions') }}, with the id of that task"
        ) from None
    return {"start_date": days[0], "end_date": days[1], "conversion_rules": rules}


def rule_references(value: Any) -> list[Any]:
    """Return conversion rules given one by one, as a list, as a mapping's values, or as the text of any of these.

    A text with commas is a list of ids or URNs only: a rule's name may have commas, and brackets too.
    """
    value = from_text(value)
    if isinstance(value, str):
        parts = [part.strip() for part in value.split(",") if part.strip()]
        return parts if all(part.isdigit() or part.startswith("urn:") for part in parts) else [value]
    return value_list(value, name="conversion_rules")


def _urns(value: Any, urn: Callable[[int | str], str], name: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(urn(item) for item in value_list(value, name=name)))


def _problems(request: ReportRequest) -> Iterable[str]:
    if request.start > request.end:
        yield f"its first day {request.start} is after its last {request.end}"
    if request.finder not in FINDERS:
        yield f"finder {request.finder!r} is not one of {', '.join(FINDERS)}"
    if request.granularity not in ad_analytics.GRANULARITIES:
        yield f"time_granularity {request.granularity!r} is not one of {', '.join(ad_analytics.GRANULARITIES)}"
    if not request.pivots or len(set(request.pivots)) != len(request.pivots):
        yield "it needs at least one pivot, and each pivot only once"
    if unknown := [pivot for pivot in request.pivots if pivot not in ad_analytics.PIVOTS]:
        yield f"pivot {', '.join(unknown)} is not one of {', '.join(sorted(ad_analytics.PIVOTS))}"
    most = 1 if request.finder == "analytics" else _MAX_PIVOTS
    if len(request.pivots) > most:
        yield f"finder {request.finder} takes at most {most} pivot{'s' if most > 1 else ''}, not {len(request.pivots)}"
    if request.finder == "statistics" and (members := [p for p in request.pivots if p.startswith("MEMBER_")]):
        yield f"pivot {', '.join(members)} works alone only, with finder analytics"
    if not request.fields:
        yield "it has no fields"
    for name in request.fields:
        if not (name.isascii() and name.isalnum()):
            yield f"{name!r} is not the name of a field"
    if request.rules and "CONVERSION" not in request.pivots:
        yield "conversion_rules needs pivot CONVERSION, the only one that distinguishes rules"
    if request.fill_zeros and not set(request.pivots) <= {"CONVERSION", "CAMPAIGN"}:
        yield "fill_zeros works with the pivots CONVERSION and CAMPAIGN only"
    if request.finder == "attributedRevenueMetrics":
        if request.campaigns or request.campaign_groups or request.creatives:
            yield "attributedRevenueMetrics covers a whole ad account, not single campaigns, groups or creatives"
        if request.fill_zeros:
            yield "attributedRevenueMetrics returns ratios, which fill_zeros cannot fill in"


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
        coarser = "; choose time_granularity MONTHLY for earlier ones" if request.granularity == "DAILY" else ""
        yield (
            f"LinkedIn keeps {what} rows for {kept} months, so {request.start} is gone; "
            f"the first day available is {first}{coarser}"
        )


def months_before(day: dt.date, months: int) -> dt.date:
    """Return the day that many months earlier, or that month's last day."""
    return _date(_calendar(day).subtract(months=months))


def _calendar(day: dt.date) -> pendulum.Date:
    return pendulum.date(day.year, day.month, day.day)


def _date(day: pendulum.Date) -> dt.date:
    """Return a plain date, as msgspec and the databases' drivers know it."""
    return dt.date(day.year, day.month, day.day)
