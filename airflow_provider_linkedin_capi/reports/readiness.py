"""Whether a report is ready, decided from what it shows and since when."""

from __future__ import annotations

import datetime as dt
import hashlib
from typing import TYPE_CHECKING, Any

import msgspec

from airflow_provider_linkedin_capi.api import limits
from airflow_provider_linkedin_capi.exceptions import ConfigurationError
from airflow_provider_linkedin_capi.reports import metrics
from airflow_provider_linkedin_capi.reports.report import as_json
from airflow_provider_linkedin_capi.reports.request import CONVERSIONS, ReportRequest

if TYPE_CHECKING:
    from collections.abc import Mapping

    from airflow_provider_linkedin_capi.reports.report import Report

READY_WHEN = ("rows", "settled", "final")
#: LinkedIn often attributes within minutes, so the first polls are not a whole interval apart.
_FIRST_INTERVAL = 120.0

#: The form in which a waiting task is stored. Version 1 is that of release 0.1.0, which did not say so.
STORED_VERSION = 2


class ReportSnapshot(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the report showed at a poll, and since when it has shown that.

    :param digest: of all rows; empty when there were not enough.
    :param since: epoch seconds of the first poll that showed it.
    """

    digest: str
    since: float


class Wait(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a sensor waits for, and how long.

    :param ready_when: ``rows``, ``settled`` or ``final``.
    :param min_conversions: attributed conversions that the window needs; 0 accepts an empty report as well,
        None asks for any row.
    :param settle_for: seconds that a settled report has to stay the same.
    :param complete_at: epoch seconds from which on nothing more is to be expected.
    :param deadline: epoch seconds at which the sensor times out.
    """

    ready_when: str = "rows"
    min_conversions: int | None = None
    settle_for: float = 0.0
    complete_at: float
    deadline: float


class WaitingReport(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A report that is waited for, in the form that triggers store in Airflow's database and hand to the worker.

    A task may wait there for days, over an upgrade of this package: a released field keeps its name and meaning, a new
    one needs a default, and fields that are not known are refused, since ignoring one could widen the report.

    :param request: the report.
    :param wait: when it is ready.
    :param snapshot: what the last poll showed.
    """

    request: ReportRequest
    wait: Wait
    snapshot: ReportSnapshot | None = None

    def stored(self) -> dict[str, Any]:
        """Return plain JSON values, with the version of their form."""
        values: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(self))
        return {**values, "version": STORED_VERSION}

    @classmethod
    def restored(cls, stored: Mapping[str, Any]) -> WaitingReport:
        """Return what :meth:`stored` gave, in this or any earlier version.

        :raises ConfigurationError: it comes from a newer version of this package, or is not such a form.
        """
        fields = dict(stored)
        version = fields.pop("version", 1)
        if version == 1:
            fields["snapshot"] = fields.pop("sighting", None)
        try:
            if version > STORED_VERSION:
                raise ValueError(f"their version {version} is newer than {STORED_VERSION}")
            return msgspec.convert(fields, cls)
        except (ValueError, TypeError) as error:
            raise ConfigurationError(
                f"This version of the package cannot read what a waiting sensor stored ({error}). Bring workers and "
                "triggerers to the same version and clear the task; it then starts to wait anew."
            ) from None


class Verdict(msgspec.Struct, frozen=True):
    """What a poll of the report means.

    :param ready: whether the report is what was waited for.
    :param message: what it holds, and what is missing.
    :param snapshot: for the next poll.
    :param window_closed: whether more waiting is useless: the 72 hours are over.
    """

    ready: bool
    message: str
    snapshot: ReportSnapshot
    window_closed: bool = False


def window_complete_at(end: dt.date) -> dt.datetime:
    """Return when LinkedIn should have attributed everything that it got by the end of a day."""
    midnight = dt.datetime.combine(end + dt.timedelta(days=1), dt.time(), dt.UTC)
    return midnight + limits.REPORT_DELAY


def utc_text(seconds: float) -> str:
    """Return a point in time for messages."""
    return f"{dt.datetime.fromtimestamp(seconds, dt.UTC):%Y-%m-%d %H:%M} UTC"


def seconds_to_next_poll(waited: float, poll_interval: float) -> float:
    """Return how long to pause: as long as the wait has lasted, from two minutes up to the poll interval.

    :param waited: seconds since the wait began.
    :param poll_interval: seconds.
    """
    return min(max(waited, _FIRST_INTERVAL), poll_interval)


def judge(report: Report, wait: Wait, before: ReportSnapshot | None, now: float) -> Verdict:
    """Decide about a report that was just read.

    :param report: the report.
    :param wait: what is waited for.
    :param before: the snapshot of the previous poll.
    :param now: epoch seconds.
    """
    enough, message = _enough(report, wait)
    digest = _digest(report) if enough else ""
    same = before is not None and before.digest == digest
    snapshot = before if before is not None and same else ReportSnapshot(digest, now)
    complete = now >= wait.complete_at
    if not enough and complete:
        return Verdict(False, message, snapshot, window_closed=True)
    if not enough:
        until = utc_text(wait.complete_at)
        return Verdict(False, f"{message}; LinkedIn may still attribute conversions until {until} (72 hours)", snapshot)
    if wait.ready_when == "final" and not complete:
        return Verdict(False, f"{message}; final from {utc_text(wait.complete_at)} on", snapshot)
    unchanged = now - snapshot.since
    if wait.ready_when == "settled" and (not same or unchanged < wait.settle_for):
        return Verdict(False, f"{message}; unchanged for {unchanged:.0f} of {wait.settle_for:.0f} s", snapshot)
    return Verdict(True, message, snapshot)


def _enough(report: Report, wait: Wait) -> tuple[bool, str]:
    """Whether the report holds as much as was asked for, and what it holds."""
    column = metrics.column(CONVERSIONS)
    message = f"{len(report.rows)} rows"
    if CONVERSIONS in report.request.fields:
        message += f", {report.totals()[column]} attributed conversions"
    if wait.min_conversions is None:
        return bool(report.rows), message
    conversions = report.totals()[column]
    return conversions >= wait.min_conversions, f"{message}, at least {wait.min_conversions} wanted"


def _digest(report: Report) -> str:
    return hashlib.sha256(msgspec.json.encode([as_json(row) for row in report.rows])).hexdigest()[:32]
