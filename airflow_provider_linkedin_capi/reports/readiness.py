"""When a report is ready, judged from what was read and when."""

from __future__ import annotations

import datetime as dt
import hashlib
from typing import TYPE_CHECKING, Any

import msgspec

from airflow_provider_linkedin_capi.api import limits
from airflow_provider_linkedin_capi.reports import metrics
from airflow_provider_linkedin_capi.reports.report import as_json
from airflow_provider_linkedin_capi.reports.request import CONVERSIONS

if TYPE_CHECKING:
    from airflow_provider_linkedin_capi.reports.report import Report

READY_WHEN = ("rows", "settled", "final")


class ReportSnapshot(msgspec.Struct, frozen=True):
    """What the report showed, and since when it has been showing that. JSON by :func:`plain`.

    :param digest: of all rows; empty when there were not enough.
    :param since: epoch seconds of the first look that showed it.
    """

    digest: str
    since: float


class Wait(msgspec.Struct, frozen=True, kw_only=True):
    """What is waited for, and how long. JSON by :func:`plain`.

    :param ready_when: ``rows``, ``settled`` or ``final``.
    :param min_conversions: attributed conversions that the window needs; 0 takes an empty report as well,
        None asks for any row.
    :param settle_for: seconds that a settled report has stayed the same.
    :param complete_at: epoch seconds from when on nothing more is to be expected.
    :param deadline: epoch seconds at which the sensor's time-out strikes.
    """

    ready_when: str = "rows"
    min_conversions: int | None = None
    settle_for: float = 0.0
    complete_at: float
    deadline: float


class Verdict(msgspec.Struct, frozen=True):
    """What a look at the report means: ready, or not and why, and whether more waiting is in vain."""

    ready: bool
    words: str
    sighting: ReportSnapshot
    over: bool = False


def plain(struct: msgspec.Struct) -> dict[str, Any]:
    """Return a request, a wait or a sighting as JSON, with lists for tuples."""
    values: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(struct))
    return values


def window_complete_at(end: dt.date) -> dt.datetime:
    """Return when LinkedIn should have attributed everything that was delivered by the end of a day."""
    midnight = dt.datetime.combine(end + dt.timedelta(days=1), dt.time(), dt.UTC)
    return midnight + limits.REPORT_DELAY


def utc_text(seconds: float) -> str:
    """Return a point in time for people."""
    return f"{dt.datetime.fromtimestamp(seconds, dt.UTC):%Y-%m-%d %H:%M} UTC"


def judge(report: Report, wait: Wait, before: ReportSnapshot | None, now: float) -> Verdict:
    """Judge a report that was just read.

    :param report: the report.
    :param wait: what is waited for.
    :param before: the verdict's sighting of the previous look.
    :param now: epoch seconds.
    """
    enough, words = _enough(report, wait)
    digest = _digest(report) if enough else ""
    same = before is not None and before.digest == digest
    sighting = before if before is not None and same else ReportSnapshot(digest, now)
    over = now >= wait.complete_at
    if not enough and over:
        return Verdict(False, words, sighting, over)
    if not enough:
        until = utc_text(wait.complete_at)
        return Verdict(False, f"{words}; LinkedIn may still attribute until {until} (72 hours)", sighting)
    if wait.ready_when == "final" and not over:
        return Verdict(False, f"{words}; final from {utc_text(wait.complete_at)} on", sighting)
    unchanged = now - sighting.since
    if wait.ready_when == "settled" and (not same or unchanged < wait.settle_for):
        return Verdict(False, f"{words}; unchanged for {unchanged:.0f} of {wait.settle_for:.0f} seconds", sighting)
    return Verdict(True, words, sighting)


def _enough(report: Report, wait: Wait) -> tuple[bool, str]:
    """Whether the report holds as much as was asked for, and what it holds."""
    column = metrics.column(CONVERSIONS)
    words = f"{len(report.rows)} rows"
    if CONVERSIONS in report.request.fields:
        words += f", {report.totals()[column]} attributed conversions"
    if wait.min_conversions is None:
        return bool(report.rows), words
    conversions = report.totals()[column]
    return conversions >= wait.min_conversions, f"{words} of at least {wait.min_conversions}"


def _digest(report: Report) -> str:
    return hashlib.sha256(msgspec.json.encode([as_json(row) for row in report.rows])).hexdigest()[:32]
