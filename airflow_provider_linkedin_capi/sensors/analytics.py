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
from airflow_provider_linkedin_capi.exceptions import ConfigurationError, LinkedInError, RuleReferenceError
from airflow_provider_linkedin_capi.links.campaign_manager import CampaignManagerLink
from airflow_provider_linkedin_capi.reports import readiness
from airflow_provider_linkedin_capi.reports.diagnosis import Cause
from airflow_provider_linkedin_capi.reports.report import MAX_XCOM_BYTES, as_json
from airflow_provider_linkedin_capi.reports.request import CONVERSIONS, DEFAULT_FIELDS, ReportRequest, several, utc_time
from airflow_provider_linkedin_capi.retry_policy import default_retry_policy
from airflow_provider_linkedin_capi.sensors._sightings import TaskSnapshots
from airflow_provider_linkedin_capi.sensors.exceptions import (
    NoReportAccessError,
    NothingAttributedError,
    ReportNotReadyError,
    ReportNotSettledError,
    RuleNotAssociatedError,
    WrongRuleError,
)
from airflow_provider_linkedin_capi.task_mixin import LinkedInTaskMixin, fail_on_permanent_errors
from airflow_provider_linkedin_capi.triggers.analytics import AnalyticsReportTrigger

if TYPE_CHECKING:
    from collections.abc import Sequence

    from airflow.providers.common.compat.sdk import Context

    from airflow_provider_linkedin_capi.reports.report import Report

__all__ = [
    "AnalyticsReportSensor",
    "NoReportAccessError",
    "NothingAttributedError",
    "ReportNotReadyError",
    "ReportNotSettledError",
    "RuleNotAssociatedError",
    "WrongRuleError",
]

#: How long after its deadline a deferred task without a triggerer is given up.
_TRIGGERER_GRACE = 3600

_FAILURES = {
    Cause.NO_ACCESS: NoReportAccessError,
    Cause.WRONG_RULE: WrongRuleError,
    Cause.NOT_ASSOCIATED: RuleNotAssociatedError,
}


class AnalyticsReportSensor(LinkedInTaskMixin, BaseSensorOperator):
    """Waits until LinkedIn has attributed conversions, and hands over the report.

    LinkedIn attributes within 72 hours after it got the events and restates its figures until then. A report of
    an account that the token's member cannot see is empty, not an error, and so is one of a rule without
    campaigns; this sensor finds out which it is and fails at once, with a type of its own for each:
    :class:`NoReportAccessError`, :class:`WrongRuleError`, :class:`RuleNotAssociatedError`. Where only waiting is
    left it waits, and fails with :class:`NothingAttributedError` when the 72 hours have passed,
    :class:`ReportNotReadyError` when ``timeout`` strikes before, :class:`ReportNotSettledError` when the report
    still changed then. LinkedIn's passing troubles (429, 5xx, a broken connection) only cost a look.

    .. code-block:: python

        wait = AnalyticsReportSensor(
            task_id="wait_for_attribution",
            start_date="{{ ds }}",
            end_date="{{ ds }}",
            conversion_rules="CRM purchase",
            min_conversions=1,
            deferrable=True,
        )

    :param start_date: first day of the window, UTC: a date or its text, e.g. ``{{ ds }}``.
    :param end_date: last day, included.
    :param ad_account_id: number or URN; the connection's when None.
    :param conversion_rules: one rule or several, by id, URN or name; None for all of the account.
    :param campaigns: ids of campaigns to narrow the report to.
    :param campaign_groups: likewise.
    :param creatives: likewise.
    :param fields: metrics by LinkedIn's names, any number.
    :param time_granularity: ``DAILY``, ``MONTHLY``, ``YEARLY`` or ``ALL``.
    :param pivot: what rows are split by: one pivot, or up to three.
    :param names: add the names of rules and campaigns.
    :param ready_when: ``rows``: the report holds enough; ``settled``: it does, and has stayed the same over
        ``settle_for``; ``final``: it does at one look when 72 hours have passed since the window's end.
    :param min_conversions: attributed conversions that are enough, over all rules together; None for any row at
        all, 0 to take an empty report too.
    :param settle_for: how long a settled report has to stay the same; seconds or timedelta.
    :param delivered_at: when the events were sent, if that is known: the 72 hours begin there or at the window's
        end, whichever is later. Without it they begin not before the sensor's first look, since the events of an
        old window may just have been sent; but ``final`` goes by the window alone.
    :param deferrable: wait in the triggerer, without a worker slot; by default as Airflow is configured.
    :param poke_interval: seconds between two looks, in every mode.
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
        start_date: Any,
        end_date: Any,
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
        super().__init__(poke_interval=poke_interval, **kwargs)
        if ready_when not in readiness.READY_WHEN:
            raise ConfigurationError(f"ready_when is {ready_when!r}; it can be {', '.join(readiness.READY_WHEN)}")
        # Not start_date and end_date: as attributes of an operator those say when Airflow may run the task.
        self.first_day = start_date
        self.last_day = end_date
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
        self._verdict: readiness.Verdict | None = None

    def execute(self, context: Context) -> Any:
        """Wait in the mode that was chosen; return the rows."""
        try:
            self._request = self._report_request()
            with fail_on_permanent_errors(self.hook):
                self._wait = self._what_to_wait_for(context)
            CampaignManagerLink.persist(context, self._request.account)
            if self.deferrable:
                return self._look_or_defer(context, None)
            return super().execute(context)
        except (AirflowSensorTimeout, AirflowFailException) as failure:
            if self.ready_when == "settled":
                # What a try saw that failed is no measure for the next one.
                TaskSnapshots(context).forget()
            if type(failure) is AirflowSensorTimeout:
                raise self._timed_out() from failure
            # In the modes that poke, Airflow's own loop has seen to this already.
            if self.soft_fail:
                raise AirflowSkipException(str(failure)) from failure
            raise

    def poke(self, context: Context) -> PokeReturnValue:
        """Look once."""
        sightings = TaskSnapshots(context) if self.ready_when == "settled" else None
        before = sightings.load() if sightings else None
        if (report := self._look(before)) is not None:
            if sightings:
                sightings.forget()
            return PokeReturnValue(True, self._hand_over(context, report))
        if sightings and self._verdict is not None:
            sightings.save(self._verdict.sighting)
        return PokeReturnValue(False)

    def execute_complete(self, context: Context, event: dict[str, Any]) -> Any:
        """Go on where the trigger ended: read the report, or find out why there is none."""
        if event["status"] == "error":
            raise AirflowException(f"The triggerer could not wait for the report: {event['message']}")
        self._request = msgspec.convert(event["request"], ReportRequest)
        self._wait = msgspec.convert(event["wait"], readiness.Wait)
        return self._look_or_defer(
            context, event["sighting"] and msgspec.convert(event["sighting"], readiness.ReportSnapshot)
        )

    def _report_request(self) -> ReportRequest:
        fields = several(self.fields)
        if self.min_conversions is not None:
            fields.append(CONVERSIONS)
        try:
            with fail_on_permanent_errors(self.hook):
                return self.hook.report_request(
                    start_date=self.first_day,
                    end_date=self.last_day,
                    conversion_rules=self.conversion_rules,
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

    def _what_to_wait_for(self, context: Context) -> readiness.Wait:
        started = time.time()
        if self.reschedule and (first := version_compat.first_reschedule(context)):
            started = first.timestamp()
        delivered = utc_time(self.delivered_at).timestamp() if self.delivered_at else started
        complete_at = readiness.window_complete_at(self._request.end).timestamp()
        if self.delivered_at or self.ready_when != "final":
            complete_at = max(complete_at, delivered + limits.REPORT_DELAY.total_seconds())
        if self.ready_when == "final" and complete_at > started + self.timeout:
            self.log.warning(
                "The time-out strikes before the report is final, which is at %s.", readiness.utc_text(complete_at)
            )
        return readiness.Wait(
            ready_when=self.ready_when,
            min_conversions=_count(self.min_conversions),
            settle_for=self.settle_for,
            complete_at=complete_at,
            deadline=started + self.timeout,
        )

    def _look_or_defer(self, context: Context, before: readiness.ReportSnapshot | None) -> Any:
        if (report := self._look(before)) is not None:
            return self._hand_over(context, report)
        left = self._wait.deadline - time.time()
        if left <= 0:
            raise self._timed_out()
        sighting = self._verdict.sighting if self._verdict else before
        self.defer(
            trigger=AnalyticsReportTrigger(
                linkedin_conn_id=self.linkedin_conn_id,
                request=readiness.plain(self._request),
                wait=readiness.plain(self._wait),
                poll_interval=self.poke_interval,
                sighting=readiness.plain(sighting) if sighting else None,
            ),
            method_name="execute_complete",
            # Beyond the trigger's own deadline: strikes only when no triggerer runs.
            timeout=dt.timedelta(seconds=left + _TRIGGERER_GRACE),
        )

    def _look(self, before: readiness.ReportSnapshot | None) -> Report | None:
        """Return the report if it is ready; raise when waiting is in vain."""
        self._verdict = None
        try:
            with fail_on_permanent_errors(self.hook):
                report = self.hook.fetch_report(self._request)
                finding = None if report.rows else self.hook.diagnose_report(self._request)
        except LinkedInError as error:  # not a lasting one, those are explained
            self.log.warning("This look failed, the next one may not: %s", error)
            return None
        window = f"{self._request.start} to {self._request.end}"
        if finding is not None:
            raise _FAILURES[finding.cause](finding.words)
        self._verdict = verdict = readiness.judge(report, self._wait, before, time.time())
        self.log.info("Report %s: %s", window, verdict.words)
        if verdict.over:
            raise NothingAttributedError(
                f"The report {window} holds {verdict.words}, and the 72 hours that LinkedIn takes ended at "
                f"{readiness.utc_text(self._wait.complete_at)}. Nothing more is to be expected: check that the events "
                "carry identifiers LinkedIn can match, that they fall into this window, and that the associated "
                "campaigns were running within the rule's attribution windows."
            )
        return report if verdict.ready else None

    def _timed_out(self) -> AirflowSensorTimeout:
        """Say what was missing when the time ran out."""
        saw = self._verdict.words if self._verdict else "the last look failed"
        head = (
            f"Timed out after {self.timeout:.0f} seconds; report {self._request.start} to {self._request.end}: {saw}."
        )
        if self._verdict and self._verdict.sighting.digest and self.ready_when == "settled":
            return ReportNotSettledError(f"{head} It has not stayed the same for {self.settle_for:.0f} seconds.")
        if time.time() < self._wait.complete_at:
            head += " Give the sensor a longer timeout."
        return ReportNotReadyError(head)

    def _hand_over(self, context: Context, report: Report) -> list[dict[str, Any]] | None:
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
    except ValueError:
        raise ConfigurationError(f"min_conversions={min_conversions!r} is not a number of conversions") from None
