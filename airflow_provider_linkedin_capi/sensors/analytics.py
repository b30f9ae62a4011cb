"""Waiting for LinkedIn's attribution."""

from __future__ import annotations

import datetime as dt
import time
from typing import TYPE_CHECKING, Any

import msgspec
from airflow.providers.common.compat.sdk import (
    AirflowException,
    AirflowFailException,
    AirflowSensorTimeout,
    AirflowSkipException,
    BaseSensorOperator,
    PokeReturnValue,
    conf,
)

from airflow_provider_linkedin_capi import version_compat
from airflow_provider_linkedin_capi.api import limits
from airflow_provider_linkedin_capi.api.value_lists import value_list
from airflow_provider_linkedin_capi.exceptions import (
    ConfigurationError,
    LinkedInConversionsError,
    RuleReferenceError,
)
from airflow_provider_linkedin_capi.links.campaign_manager import CampaignManagerLink
from airflow_provider_linkedin_capi.reports import readiness
from airflow_provider_linkedin_capi.reports.diagnosis import Cause
from airflow_provider_linkedin_capi.reports.readiness import ReportSnapshot, Verdict, Wait, WaitingReport
from airflow_provider_linkedin_capi.reports.report import MAX_XCOM_BYTES, as_json
from airflow_provider_linkedin_capi.reports.request import (
    CONVERSIONS,
    DEFAULT_FIELDS,
    delivered_selection,
    report_days,
    utc_time,
)
from airflow_provider_linkedin_capi.retry_policy import default_retry_policy
from airflow_provider_linkedin_capi.sensors.exceptions import (
    NoReportAccessError,
    NothingAttributedError,
    ReportNotReadyError,
    ReportNotSettledError,
    RuleNotAssociatedError,
    WrongRuleError,
)
from airflow_provider_linkedin_capi.task_mixin import LinkedInTaskMixin, fail_on_permanent_errors
from airflow_provider_linkedin_capi.task_state import TaskState
from airflow_provider_linkedin_capi.triggers.analytics import AnalyticsReportTrigger

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from airflow.providers.common.compat.sdk import Context

    from airflow_provider_linkedin_capi.reports.report import Report
    from airflow_provider_linkedin_capi.reports.request import ReportRequest

__all__ = [
    "AnalyticsReportSensor",
    "NoReportAccessError",
    "NothingAttributedError",
    "ReportNotReadyError",
    "ReportNotSettledError",
    "RuleNotAssociatedError",
    "WrongRuleError",
]

#: How long after its deadline a deferred task is given up when no triggerer runs.
_TRIGGERER_GRACE = 3600
#: The last snapshot in the task state: a rescheduled sensor loses its XCom between polls.
SNAPSHOT_KEY = "linkedin_report_snapshot"
_SNAPSHOT_RETENTION = dt.timedelta(days=14)

_FAILURES = {
    Cause.NO_ACCESS: NoReportAccessError,
    Cause.WRONG_RULE: WrongRuleError,
    Cause.NOT_ASSOCIATED: RuleNotAssociatedError,
}


class AnalyticsReportSensor(LinkedInTaskMixin, BaseSensorOperator):
    """Waits until LinkedIn has attributed conversions, and returns the report.

    LinkedIn attributes conversions within 72 hours after it got the events, and restates its figures until then. For an
    account that the token's member cannot see it answers with an empty report, not with an error, and likewise for a
    rule without campaigns. This sensor finds out which it is and fails at once, with a type of its own for each:
    :class:`NoReportAccessError`, :class:`WrongRuleError`, :class:`RuleNotAssociatedError`. Where waiting helps it
    waits, and fails with :class:`NothingAttributedError` when the 72 hours are over, with
    :class:`ReportNotReadyError` when ``timeout`` ends the wait before, with :class:`ReportNotSettledError` when the
    report still changed then. A poll that meets a passing failure (429, 5xx, a broken connection) is repeated after the
    next interval.

    .. code-block:: python

        wait = AnalyticsReportSensor(
            task_id="wait_for_attribution",
            first_day="{{ ds }}",
            last_day="{{ ds }}",
            conversion_rules="CRM purchase",
            min_conversions=1,
            deferrable=True,
        )

    :param first_day: first day of the window, UTC: a date or its text, e.g. ``{{ ds }}``.
    :param last_day: last day, included.
    :param delivered: instead of days and rules, what a ``StreamConversionsOperator`` returned, e.g.
        ``{{ ti.xcom_pull('stream_conversions') }}``: the sensor waits for rows of the days and rules that it delivered,
        and not at all when it delivered nothing.
    :param start_date: the same as ``first_day``, where that is missing; else Airflow's own parameter.
    :param end_date: the same as ``last_day``, likewise.
    :param ad_account_id: number or URN; the connection's when None.
    :param conversion_rules: one rule or several, by id, URN or name; None for all of the account. Like ``campaigns`` a
        list, text with commas (of ids), or the JSON text of a list.
    :param campaigns: ids of campaigns to limit the report to.
    :param campaign_groups: ids of campaign groups, likewise.
    :param creatives: ids of creatives, likewise.
    :param fields: metrics by LinkedIn's names, any number.
    :param time_granularity: ``DAILY``, ``MONTHLY``, ``YEARLY`` or ``ALL``.
    :param pivot: what rows are split by: one pivot, or up to three.
    :param names: add the names of rules and campaigns.
    :param ready_when: ``rows``: the report holds enough; ``settled``: it does, and has stayed the same over
        ``settle_for``; ``final``: it does when 72 hours have passed since the window's end, read once.
    :param min_conversions: attributed conversions that are enough, over all rules together; None for any row, 0 to
        accept an empty report too.
    :param settle_for: how long a settled report has to stay the same; seconds or timedelta.
    :param delivered_at: when the events were sent, if that is known: the 72 hours begin then or at the window's end,
        whichever is later. Without it they begin with the sensor's first poll at the earliest, since the events of an
        old window may just have been sent; but ``final`` goes by the window alone.
    :param deferrable: wait in the triggerer, without a worker slot; by default as Airflow is configured.
    :param poke_interval: seconds between two polls at most. The first polls come sooner: after two minutes, four,
        eight and so on.
    :param timeout: seconds after which to give up; Airflow's default is seven days.
    :param linkedin_conn_id: the Airflow connection.
    :return: XCom: the report's rows as a list of mappings, days as ISO text and decimals as text (a float would
        lose cents); None, with a warning, if they exceed 256 kB. Key ``totals``: the sum of each metric.

    .. seealso:: `Ads reporting
       <https://learn.microsoft.com/linkedin/marketing/integrations/ads-reporting/ads-reporting>`__
    """

    template_fields: Sequence[str] = (
        "linkedin_conn_id",
        "first_day",
        "last_day",
        "ad_account_id",
        "delivered",
        "conversion_rules",
        "campaigns",
        "campaign_groups",
        "creatives",
        "fields",
        "time_granularity",
        "pivot",
        "min_conversions",
        "delivered_at",
    )
    operator_extra_links = (CampaignManagerLink(),)
    ui_color = "#d6e6f2"

    def __init__(
        self,
        *,
        first_day: Any = None,
        last_day: Any = None,
        delivered: Any = None,
        start_date: Any = None,
        end_date: Any = None,
        ad_account_id: int | str | None = None,
        conversion_rules: Any = None,
        campaigns: Any = None,
        campaign_groups: Any = None,
        creatives: Any = None,
        fields: str | Sequence[str] = DEFAULT_FIELDS,
        time_granularity: str = "DAILY",
        pivot: str | Sequence[str] = "CONVERSION",
        names: bool = False,
        ready_when: str = "rows",
        min_conversions: int | str | None = None,
        settle_for: float | dt.timedelta = dt.timedelta(hours=24),
        delivered_at: Any = None,
        deferrable: bool = conf.getboolean("operators", "default_deferrable", fallback=False),
        poke_interval: float | dt.timedelta = 900,
        linkedin_conn_id: str = "linkedin_capi_default",
        **kwargs: Any,
    ) -> None:
        default_retry_policy(kwargs)
        first_day, last_day, airflows_dates = report_days(
            first_day, last_day, start_date, end_date, required=delivered is None
        )
        super().__init__(poke_interval=poke_interval, **airflows_dates, **kwargs)
        if ready_when not in readiness.READY_WHEN:
            raise ConfigurationError(f"ready_when is {ready_when!r}; it can be {', '.join(readiness.READY_WHEN)}")
        self.first_day = first_day
        self.last_day = last_day
        self.delivered = delivered
        self.ad_account_id = ad_account_id
        self.conversion_rules = conversion_rules
        self.campaigns = campaigns
        self.campaign_groups = campaign_groups
        self.creatives = creatives
        self.fields = fields
        self.time_granularity = time_granularity
        self.pivot = pivot
        self.names = names
        self.ready_when = ready_when
        self.min_conversions = min_conversions
        self.settle_for = settle_for.total_seconds() if isinstance(settle_for, dt.timedelta) else float(settle_for)
        self.delivered_at = delivered_at
        self.deferrable = deferrable
        self.linkedin_conn_id = linkedin_conn_id
        self._verdict: Verdict | None = None

    def execute(self, context: Context) -> Any:
        """Wait in the mode that was chosen; return the rows."""
        try:
            with fail_on_permanent_errors(self.hook):
                selection = self._selection()
            if selection is None:
                self.log.info("Nothing was delivered, so there is nothing to wait for.")
                return []
            request = self._report_request(selection)
            with fail_on_permanent_errors(self.hook):
                wait = self._what_to_wait_for(request, context)
            self._waiting = WaitingReport(request=request, wait=wait)
            CampaignManagerLink.persist(context, request.account)
            if self.deferrable:
                return self._poll_or_defer(context)
        except Exception as failure:
            # Airflow's loop obeys soft_fail and never_fail only for what poke() raises.
            final = isinstance(failure, AirflowSensorTimeout | AirflowFailException)
            if (self.soft_fail and final) or (self.never_fail and not isinstance(failure, AirflowSensorTimeout)):
                raise AirflowSkipException(str(failure)) from failure
            raise
        try:
            return super().execute(context)
        except (AirflowSensorTimeout, AirflowFailException, AirflowSkipException) as failure:
            if self.ready_when == "settled":
                # The next try starts to wait anew.
                self._task_state(context).delete()
            if type(failure) is AirflowSensorTimeout:
                raise self._timed_out() from failure
            raise

    def poke(self, context: Context) -> PokeReturnValue:
        """Poll the report once."""
        state = self._task_state(context) if self.ready_when == "settled" else None
        if state and (stored := state.get()):
            self._remember(msgspec.convert(stored, ReportSnapshot))
        if (report := self._poll()) is not None:
            if state:
                state.delete()
            return PokeReturnValue(True, self._hand_over(context, report))
        if state and self._waiting.snapshot is not None:
            state.set(msgspec.to_builtins(self._waiting.snapshot))
        return PokeReturnValue(False)

    def execute_complete(self, context: Context, event: dict[str, Any]) -> Any:
        """Continue where the trigger ended: read the report, or find out why there is none."""
        stored = dict(event)
        status, message = stored.pop("status"), stored.pop("message", None)
        if status == "error":
            raise AirflowException(f"The triggerer could not wait for the report: {message}")
        with fail_on_permanent_errors(self.hook):
            self._waiting = WaitingReport.restored(stored)
        return self._poll_or_defer(context)

    def _get_next_poke_interval(self, started_at: Any, run_duration: Callable[[], float], poke_count: int) -> float:
        if self.exponential_backoff:
            seconds = super()._get_next_poke_interval(started_at, run_duration, poke_count)
        else:
            seconds = readiness.seconds_to_next_poll(run_duration(), self.poke_interval)
        self._log_next_poll(seconds)
        return seconds

    def _log_next_poll(self, seconds: float) -> None:
        self.log.info("Next poll at %s.", readiness.utc_text(time.time() + seconds))

    def _selection(self) -> dict[str, Any] | None:
        """Return the days and rules to wait for; None when nothing was delivered."""
        given = {"start_date": self.first_day, "end_date": self.last_day, "conversion_rules": self.conversion_rules}
        if self.delivered is None:
            return given
        delivered = delivered_selection(self.delivered)
        return delivered and {name: delivered[name] if value is None else value for name, value in given.items()}

    def _report_request(self, selection: dict[str, Any]) -> ReportRequest:
        fields = value_list(self.fields, name="fields")
        if self.min_conversions is not None:
            fields.append(CONVERSIONS)
        try:
            with fail_on_permanent_errors(self.hook):
                return self.hook.report_request(
                    **selection,
                    campaigns=self.campaigns,
                    campaign_groups=self.campaign_groups,
                    creatives=self.creatives,
                    fields=fields,
                    time_granularity=self.time_granularity,
                    pivot=self.pivot,
                    names=self.names,
                )
        except AirflowFailException as failure:
            if isinstance(failure.__cause__, RuleReferenceError):
                raise WrongRuleError(str(failure)) from failure
            raise

    def _what_to_wait_for(self, request: ReportRequest, context: Context) -> Wait:
        started = time.time()
        if self.reschedule and (first := version_compat.first_reschedule(context)):
            started = first.timestamp()
        delivered = utc_time(self.delivered_at).timestamp() if self.delivered_at else started
        complete_at = readiness.window_complete_at(request.end).timestamp()
        if self.delivered_at or self.ready_when != "final":
            complete_at = max(complete_at, delivered + limits.REPORT_DELAY.total_seconds())
        if self.ready_when == "final" and complete_at > started + self.timeout:
            self.log.warning(
                "The sensor times out before the report is final, which is at %s.", readiness.utc_text(complete_at)
            )
        return Wait(
            ready_when=self.ready_when,
            min_conversions=_count(self.min_conversions),
            settle_for=self.settle_for,
            complete_at=complete_at,
            deadline=started + self.timeout,
        )

    def _poll_or_defer(self, context: Context) -> Any:
        if (report := self._poll()) is not None:
            return self._hand_over(context, report)
        left = self._waiting.wait.deadline - time.time()
        if left <= 0:
            raise self._timed_out()
        trigger = AnalyticsReportTrigger(
            linkedin_conn_id=self.linkedin_conn_id, poll_interval=self.poke_interval, **self._waiting.stored()
        )
        self._log_next_poll(trigger.seconds_to_next_poll(self._waiting.wait))
        self.defer(
            trigger=trigger,
            method_name="execute_complete",
            # Later than the trigger's own deadline, so that it applies only when no triggerer runs.
            timeout=dt.timedelta(seconds=left + _TRIGGERER_GRACE),
        )

    def _poll(self) -> Report | None:
        """Return the report if it is ready; raise when waiting cannot help."""
        request, wait = self._waiting.request, self._waiting.wait
        self._verdict = None
        try:
            with fail_on_permanent_errors(self.hook):
                report = self.hook.fetch_report(request)
                finding = None if report.rows else self.hook.diagnose_report(request)
        except LinkedInConversionsError as error:  # Not a permanent one: those have become AirflowFailException.
            self.log.warning("Polling the report failed; will poll again: %s", error)
            return None
        window = f"{request.start} to {request.end}"
        if finding is not None:
            raise _FAILURES[finding.cause](finding.message)
        self._verdict = verdict = readiness.judge(report, wait, self._waiting.snapshot, time.time())
        self._remember(verdict.snapshot)
        self.log.info("Report %s: %s", window, verdict.message)
        if verdict.window_closed:
            raise NothingAttributedError(
                f"The report {window} holds {verdict.message}, and the 72 hours that LinkedIn takes ended at "
                f"{readiness.utc_text(wait.complete_at)}, so nothing more will come. Check that the events "
                "carry identifiers LinkedIn can match, that they fall into this window, and that the associated "
                "campaigns were running within the rule's attribution windows."
            )
        return report if verdict.ready else None

    def _remember(self, snapshot: ReportSnapshot) -> None:
        self._waiting = msgspec.structs.replace(self._waiting, snapshot=snapshot)

    def _task_state(self, context: Context) -> TaskState:
        return TaskState(context, SNAPSHOT_KEY, _SNAPSHOT_RETENTION)

    def _timed_out(self) -> AirflowSensorTimeout:
        """Say what was missing when the time ran out."""
        request = self._waiting.request
        shown = self._verdict.message if self._verdict else "the last poll failed"
        head = f"Timed out after {self.timeout:.0f} s; report {request.start} to {request.end}: {shown}."
        if self._verdict and self._verdict.snapshot.digest and self.ready_when == "settled":
            return ReportNotSettledError(f"{head} It has not stayed the same for {self.settle_for:.0f} s.")
        if time.time() < self._waiting.wait.complete_at:
            head += " Give the sensor a longer timeout."
        return ReportNotReadyError(head)

    def _hand_over(self, context: Context, report: Report) -> list[dict[str, Any]] | None:
        if self.do_xcom_push:
            context["ti"].xcom_push("totals", as_json(report.totals()))
        rows: list[dict[str, Any]] = as_json(report.rows)
        if len(msgspec.json.encode(rows)) <= MAX_XCOM_BYTES:
            return rows
        self.log.warning(
            "The report's %d rows exceed the %d bytes that go into XCom: read them with AnalyticsReportOperator.",
            len(rows),
            MAX_XCOM_BYTES,
        )
        return None


def _count(min_conversions: int | str | None) -> int | None:
    try:
        return None if min_conversions is None else int(min_conversions)
    except (ValueError, TypeError):
        raise ConfigurationError(f"min_conversions={min_conversions!r} is not a number of conversions") from None
