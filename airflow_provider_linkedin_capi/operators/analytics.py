"""Bringing LinkedIn's reports back into the warehouse."""

from __future__ import annotations

import datetime as dt
from contextlib import closing, contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

import msgspec
from airflow.providers.common.compat.sdk import AirflowFailException, BaseOperator

from airflow_provider_linkedin_capi.api.value_lists import value_list
from airflow_provider_linkedin_capi.exceptions import ConfigurationError
from airflow_provider_linkedin_capi.links.campaign_manager import CampaignManagerLink
from airflow_provider_linkedin_capi.operators._outlet_events import add_to_outlet_events
from airflow_provider_linkedin_capi.reports import window
from airflow_provider_linkedin_capi.reports.report import MAX_XCOM_BYTES, as_json, report_columns
from airflow_provider_linkedin_capi.reports.request import DEFAULT_FIELDS, report_days, utc_time, whole_periods
from airflow_provider_linkedin_capi.retry_policy import default_retry_policy
from airflow_provider_linkedin_capi.task_mixin import LinkedInTaskMixin, fail_on_permanent_errors

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from airflow.providers.common.compat.sdk import Context

    from airflow_provider_linkedin_capi.databases.base import Database
    from airflow_provider_linkedin_capi.hooks.linkedin_conversions import LinkedInConversionsHook
    from airflow_provider_linkedin_capi.reports.report import Report, Row
    from airflow_provider_linkedin_capi.reports.request import ReportRequest


class AnalyticsReportOperator(LinkedInTaskMixin, BaseOperator):
    """Reads a whole report and writes it to a table, a file or XCom, replacing the same window's rows.

    LinkedIn restates its figures for 72 hours and longer, so a daily run should read the last days again
    (``lookback_days``): their rows are replaced, never doubled, and the differences are logged. LinkedIn cuts an answer
    off at 15,000 rows without saying so; this operator then asks for smaller parts until it has all rows.

    .. code-block:: python

        report = AnalyticsReportOperator(
            task_id="report",
            first_day="{{ ds }}",
            last_day="{{ ds }}",
            lookback_days=3,
            pivot=["CAMPAIGN", "CONVERSION"],
            names=True,
            table="marketing.linkedin_conversions",
            sql_conn_id="warehouse",
            reconcile=True,
            results_table="marketing.linkedin_deliveries",
        )

    Rows have the columns ``ad_account_id, time_granularity, start_date, end_date``; for each pivot its value (a URN,
    or a word), ``<pivot>_id`` and, with ``names``, ``<pivot>_name``; the metrics in snake case; ``currency``; and in
    tables and files ``read_at``. Money is rounded to the currency's minor unit.

    A run replaces the rows of the same account and granularity whose days touch the window, of the chosen rules (and
    campaigns, with pivot CAMPAIGN). So reports with other pivots, or limited to campaigns without that pivot, need a
    table of their own. ``MONTHLY`` and ``YEARLY`` windows are widened to whole periods, but not beyond today.

    :param first_day: first day of the window, UTC: a date or its text, e.g. ``{{ ds }}``.
    :param last_day: last day, included.
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
    :param finder: ``attributedRevenueMetrics`` for the revenue that a connected CRM attributes; otherwise it follows
        from the pivots.
    :param names: add the names of rules and campaigns.
    :param fill_zeros: add rows of zeros for dates and rules (or campaigns) that LinkedIn leaves out because nothing
        happened.
    :param lookback_days: how many days before ``first_day`` are read again.
    :param table: where rows go; created when missing. A name of one to three parts: ``report``, ``marketing.report``.
    :param sql_conn_id: the connection of its database.
    :param hook_params: parameters of that connection's hook, as Airflow's SQL operators take them:
        ``{"warehouse": "LOAD_WH"}``.
    :param database: another database than the connection's, likewise.
    :param path: a file for ``ObjectStoragePath``, ending in ``.parquet`` (needs the extra ``parquet``), ``.csv`` or
        ``.jsonl``. A file keeps the rows of other windows, too. One writer at a time.
    :param reconcile: compare what was streamed with what was attributed, by period and rule, and write it to
        ``reconcile_table``. Needs pivot CONVERSION, and ``results_table`` or ``sent_counts``.
    :param results_table: the ledger of ``StreamConversionsOperator``; a conversion counts for the day it happened.
    :param results_conn_id: its connection; ``sql_conn_id`` when None.
    :param sent_counts: instead of a ledger, events by rule for the window as a whole: ``{22285180: 812}`` or
        ``{22285180: {"sent": 812, "accepted": 800}}``.
    :param reconcile_table: ``<table>_reconciliation`` when None.
    :param linkedin_conn_id: the Airflow connection.
    :return: XCom: ``start_date, end_date, rows``; ``totals`` (sum of each metric, decimals as text); ``conversions``
        by rule; ``restated``: by metric, what differs from the rows replaced (``before``, ``after``, over how many
        ``periods``); ``table`` or ``path``; ``reconciliation``: by rule, over the whole window. Without table and path
        the rows go to key ``rows``, if they are small.
    :raises AirflowFailException: LinkedIn refused, the report is too large for XCom, or the table or file has other
        columns.

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
        "lookback_days",
        "table",
        "sql_conn_id",
        "hook_params",
        "database",
        "path",
        "results_table",
        "results_conn_id",
        "sent_counts",
        "reconcile_table",
    )
    operator_extra_links = (CampaignManagerLink(),)
    ui_color = "#d6e6f2"

    def __init__(
        self,
        *,
        first_day: Any = None,
        last_day: Any = None,
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
        finder: str | None = None,
        names: bool = False,
        fill_zeros: bool = False,
        lookback_days: int | str = 0,
        table: str | None = None,
        sql_conn_id: str | None = None,
        hook_params: Mapping[str, Any] | None = None,
        database: str | None = None,
        path: str | None = None,
        reconcile: bool = False,
        results_table: str | None = None,
        results_conn_id: str | None = None,
        sent_counts: Mapping[Any, Any] | None = None,
        reconcile_table: str | None = None,
        linkedin_conn_id: str = "linkedin_capi_default",
        **kwargs: Any,
    ) -> None:
        default_retry_policy(kwargs)
        first_day, last_day, airflows_dates = report_days(first_day, last_day, start_date, end_date)
        super().__init__(**airflows_dates, **kwargs)
        if table and path:
            raise ConfigurationError("Give table or path, not both")
        if (table or reconcile_table) and not sql_conn_id:
            raise ConfigurationError("A table needs sql_conn_id, the connection of its database")
        if reconcile and (results_table is None) == (sent_counts is None):
            raise ConfigurationError(
                "reconcile compares with what was sent: give exactly one of results_table and sent_counts"
            )
        if results_table and not (results_conn_id or sql_conn_id):
            raise ConfigurationError(
                "results_table needs results_conn_id, or sql_conn_id if it is in the same database"
            )
        self.first_day = first_day
        self.last_day = last_day
        self.ad_account_id = ad_account_id
        self.conversion_rules = conversion_rules
        self.campaigns = campaigns
        self.campaign_groups = campaign_groups
        self.creatives = creatives
        self.fields = fields
        self.time_granularity = time_granularity
        self.pivot = pivot
        self.finder = finder
        self.names = names
        self.fill_zeros = fill_zeros
        self.lookback_days = lookback_days
        self.table = table
        self.sql_conn_id = sql_conn_id
        self.hook_params = hook_params
        self.database = database
        self.path = path
        self.reconcile = reconcile
        self.results_table = results_table
        self.results_conn_id = results_conn_id
        self.sent_counts = sent_counts
        self.reconcile_table = reconcile_table
        self.linkedin_conn_id = linkedin_conn_id

    def execute(self, context: Context) -> dict[str, Any]:
        """Read the report, store it, compare it; return counts and totals."""
        hook = self.hook
        with fail_on_permanent_errors(hook):
            asked = self._request(hook)
            CampaignManagerLink.persist(context, asked.account)
            report = hook.fetch_report(asked)
            self.log.info("Report %s to %s: %d rows", asked.start, asked.end, len(report.rows))
            if report.empty:
                self._check_that_empty_is_true(hook, asked)
            summary: dict[str, Any] = {
                "start_date": asked.start,
                "end_date": asked.end,
                "rows": len(report.rows),
                "totals": report.totals(),
                "conversions": report.conversions(),
            }
            if self.table or self.path:
                summary["restated"] = self._store(report)
                summary |= {"table": self.table} if self.table else {"path": self.path}
            elif self.do_xcom_push:
                self._push_rows(context, report)
            if self.reconcile:
                summary["reconciliation"] = self._reconcile(hook, report)
        counted: dict[str, Any] = as_json(summary)
        figures = {name: counted[name] for name in ("start_date", "end_date", "rows", "totals")}
        add_to_outlet_events(context, self.outlets, figures)
        return counted

    def _request(self, hook: LinkedInConversionsHook) -> ReportRequest:
        from airflow_provider_linkedin_capi.reports import reconciliation

        granularity = self.time_granularity.upper()
        lookback = int(self.lookback_days)
        if lookback < 0:
            raise ConfigurationError(
                f"lookback_days is {lookback}: give the number of days before first_day to read again, 0 for none"
            )
        if lookback and granularity == "ALL":
            raise ConfigurationError(
                "lookback_days needs time_granularity DAILY, MONTHLY or YEARLY: a row of ALL covers a whole window"
            )
        start, end = whole_periods(
            utc_time(self.first_day).date() - dt.timedelta(days=lookback),
            utc_time(self.last_day).date(),
            granularity,
            dt.datetime.now(dt.UTC).date(),
        )
        asked = hook.report_request(
            start_date=start,
            end_date=end,
            conversion_rules=self.conversion_rules,
            campaigns=self.campaigns,
            campaign_groups=self.campaign_groups,
            creatives=self.creatives,
            fields=[*value_list(self.fields, name="fields"), *(reconciliation.FIELDS if self.reconcile else ())],
            time_granularity=granularity,
            pivot=self.pivot,
            finder=self.finder,
            names=self.names,
            fill_zeros=self.fill_zeros,
        )
        if self.reconcile:
            reconciliation.check(asked)
        return asked

    def _check_that_empty_is_true(self, hook: LinkedInConversionsHook, asked: ReportRequest) -> None:
        """Refuse to replace stored rows by the empty report that LinkedIn returns to members without access."""
        from airflow_provider_linkedin_capi.reports.diagnosis import Cause

        if (finding := hook.diagnose_report(asked)) is None:
            return
        if finding.cause is not Cause.NOT_ASSOCIATED:
            raise AirflowFailException(finding.message)
        self.log.warning("%s", finding.message)

    def _store(self, report: Report) -> dict[str, Any]:
        """Replace the window's rows; return by metric what LinkedIn restated."""
        columns = window.stored_columns(report_columns(report.request))
        rows = _stamped(report.rows)
        scope = window.scope(report, columns)
        if self.path:
            from airflow.providers.common.compat.sdk import ObjectStoragePath

            from airflow_provider_linkedin_capi.reports.files import ReportFile

            before = ReportFile(ObjectStoragePath(self.path), columns).replace(scope, rows)
        else:
            from airflow_provider_linkedin_capi.reports.table import ReportTable

            with self._database() as database:
                before = ReportTable(database, str(self.table), columns).replace(scope, rows)
        changes = window.restated(before, rows, report.request)
        for change in changes:
            self.log.info("Restated: %s", change)
        self.log.info("%d rows of %s replaced by %d", len(before), self.table or self.path, len(rows))
        return window.by_metric(changes)

    def _push_rows(self, context: Context, report: Report) -> None:
        rows = as_json(report.rows)
        if (size := len(msgspec.json.encode(rows))) > MAX_XCOM_BYTES:
            raise AirflowFailException(
                f"The report's {len(rows)} rows are {size:,} bytes, more than the {MAX_XCOM_BYTES:,} that go into "
                "XCom: give a table or a path"
            )
        context["ti"].xcom_push("rows", rows)

    def _reconcile(self, hook: LinkedInConversionsHook, report: Report) -> list[Row]:
        """Compare with what was sent; write it to its table, if there is one; return it by rule."""
        from airflow_provider_linkedin_capi.reports import reconciliation

        request = report.request
        if self.results_table:
            from airflow_provider_linkedin_capi.sinks.ledger_tables import count_events

            with self._database(self.results_conn_id) as database:
                if database.columns(self.results_table) is None:
                    raise ConfigurationError(
                        f"There is no table {self.results_table} on connection {database.conn_id!r}: give the "
                        "results_table of StreamConversionsOperator and its results_conn_id"
                    )
                sent = reconciliation.ledger_counts(partial(count_events, database, self.results_table), request)
        else:
            sent = reconciliation.given_counts(self.sent_counts or {}, request)
        names = {rule.urn: rule.name for rule in hook.find_conversion_rules()}
        if self.sent_counts and (foreign := sorted({rule for _, rule in sent} - names.keys())):
            self.log.warning("sent_counts of %s are left out: not rules of %s", ", ".join(foreign), hook.ad_account)
        rows = reconciliation.reconcile(report, sent, names)
        by_rule = reconciliation.by_rule(rows)
        for row in by_rule:
            self.log.info(
                "%s: %d sent, %d accepted, %d attributed (%d post-click, %d post-view), value %s, match share %s",
                *(row[name] for name in ("conversion_name", "sent", "accepted", "attributed")),
                *(row[name] for name in ("post_click", "post_view", "value", "match_share")),
            )
        if self.reconcile_table or self.table:
            from airflow_provider_linkedin_capi.reports.table import ReportTable, derived_name

            columns = window.stored_columns(reconciliation.COLUMNS)
            with self._database() as database:
                table = self.reconcile_table or derived_name(database, str(self.table), "reconciliation")
                ReportTable(database, table, columns).replace(window.scope(report, columns), _stamped(rows))
        return by_rule

    @contextmanager
    def _database(self, conn_id: str | None = None) -> Iterator[Database]:
        """Open the database of a connection, ``sql_conn_id`` when None; ``hook_params`` are for that one."""
        from airflow_provider_linkedin_capi.databases.opening import open_database

        if conn_id in (None, self.sql_conn_id):
            opened = open_database(str(self.sql_conn_id), self.hook_params, self.database)
        else:
            opened = open_database(str(conn_id))
        with closing(opened) as database:
            yield database


def _stamped(rows: Sequence[Row]) -> list[Row]:
    """Return the rows with the moment at which they were read, to the millisecond: every database keeps that."""
    now = dt.datetime.now(dt.UTC)
    return [{**row, window.READ_AT: now.replace(microsecond=now.microsecond // 1000 * 1000)} for row in rows]
