"""Conversions from a warehouse, a file or another task to LinkedIn's Conversions API."""

from __future__ import annotations

import time
import uuid
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal, cast

from airflow.providers.common.compat.sdk import BaseOperator, XComArg, conf

from airflow_provider_linkedin_capi import version_compat
from airflow_provider_linkedin_capi.api import limits
from airflow_provider_linkedin_capi.api.value_lists import from_text
from airflow_provider_linkedin_capi.delivery.interfaces import DeliveryInfo, DeliverySettings
from airflow_provider_linkedin_capi.exceptions import DayLimitReachedError
from airflow_provider_linkedin_capi.links.campaign_manager import CampaignManagerLink
from airflow_provider_linkedin_capi.operators._outlet_events import add_to_outlet_events
from airflow_provider_linkedin_capi.operators._stream_checks import (
    check_budget,
    check_parameters,
    check_places,
)
from airflow_provider_linkedin_capi.retry_policy import after_reset, default_retry_policy
from airflow_provider_linkedin_capi.sources.custom import GeneratorSource
from airflow_provider_linkedin_capi.sources.hidden_from_ui import HiddenFromUI
from airflow_provider_linkedin_capi.task_mixin import LinkedInTaskMixin, fail_on_permanent_errors

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Sequence

    from airflow.providers.common.compat.sdk import Context
    from airflow.providers.openlineage.extractors import OperatorLineage

    from airflow_provider_linkedin_capi.api.rule_references import RuleReferences
    from airflow_provider_linkedin_capi.databases.base import Database
    from airflow_provider_linkedin_capi.delivery import Delivery, Summary
    from airflow_provider_linkedin_capi.delivery.interfaces import Mapper, MapperFactory, OutcomeSink, Source
    from airflow_provider_linkedin_capi.hooks.linkedin_conversions import LinkedInConversionsHook
    from airflow_provider_linkedin_capi.sources.custom import RowGenerator
    from airflow_provider_linkedin_capi.task_state import TaskCheckpoint


class StreamConversionsOperator(LinkedInTaskMixin, BaseOperator):
    """Deliver conversion events to LinkedIn, and say of every row what became of it.

    Rows come from exactly one of ``source``, ``sql``, ``records`` and ``path``; each becomes a conversion event or a
    rejection with a reason (docs/fields.md lists the fields). Batches that LinkedIn acknowledged are never sent again
    by a retry, nor, with ``results_table``, events that any earlier run delivered. See docs/delivery.md.

    .. code-block:: python

        StreamConversionsOperator(
            task_id="stream_conversions",
            sql="SELECT * FROM crm_conversions WHERE happened_at >= %(since)s ORDER BY id",
            parameters={"since": "{{ data_interval_start }}"},
            sql_conn_id="warehouse",
            conversion_rule={"LEAD": 22285180, "PURCHASE": "Purchases from the CRM"},
            rejects_path="s3://aws_default@marketing/rejects/{{ run_id }}.jsonl",
            results_table="linkedin_results",
            max_invalid=0.02,
        )

    Returns the summary as XCom, also when the task fails: ``rows_read``, ``events_sent``, ``accepted``,
    ``rejected``, ``warned``, ``held``, ``skipped``, ``batches``, ``requests``, ``retries``, ``resent_unknown``,
    ``reasons`` (code to number of rows), ``warnings`` (code to number of warnings), ``rules`` (URN to number of
    rows), ``first_happened_at``, ``last_happened_at``, ``rejects_path``, ``seconds``.
    ``rows_read = accepted + rejected + held + skipped`` holds always.

    :param source: a source of your own: a generator function that yields dictionaries, or lists of them, and takes what
        it needs of Airflow's context as arguments of that name; or an object as
        :class:`~airflow_provider_linkedin_capi.delivery.interfaces.Source` describes. (its ``template_fields`` are
        templated)
    :param sql: one SELECT for ``sql_conn_id``, or a ``.sql`` file. Order it by a unique key, so that a retry meets the
        same batches. (templated)
    :param sql_conn_id: a connection whose hook is a ``DbApiHook``. (templated)
    :param parameters: values for the placeholders of ``sql``, in the driver's own style. (templated)
    :param hook_params: parameters for the hook of ``sql_conn_id``, as Airflow's SQL operators take them. (templated)
    :param database: another database, or schema, than that of ``sql_conn_id``. (templated)
    :param count_rows: count the query's rows first, so that the log can tell the time left.
    :param records: a list of dictionaries, e.g. the output of another task, or a data frame. (templated)
    :param path: a CSV, JSON or Parquet file, a directory or a glob, as ``ObjectStoragePath`` names it; see
        docs/sources.md. Dead letters of this operator are read as the rows inside them. (templated)
    :param conversion_rule: the rule as id, URN or name; or one per conversion type, as a mapping or as text
        ``LEAD=22285180,PURCHASE=22285188``, chosen by the row's ``conversion_type``. A row's own ``conversion``
        wins. (templated)
    :param column_mapping: column to field, for columns with names of their own, e.g. ``{"crm_mail": "email"}``; to None
        for a column that is not to be read, e.g. ``{"Title": None}``.
        (templated)
    :param source_format: ``events``; or ``offline`` for rows made for LinkedIn's retired offline conversions API.
    :param naive_timezone: the zone of times that carry none.
    :param time_format: form of times that are neither numbers nor ISO 8601 nor name the month, as ``datetime.strptime``
        takes it, e.g. ``%m/%d/%Y`` for LinkedIn's own CSV template.
    :param event_id: ``derive`` gives events without an id one that depends on their contents alone; ``keep``
        sends them without.
    :param on_invalid: ``skip`` leaves out rows that cannot be delivered, ``fail`` fails the task for the first one,
        after everything else was delivered and the evidence is written.
    :param max_invalid: fail the task when more rows than this (a number), or a larger share of them (a float from 0 to
        1), were rejected or held. Everything else is delivered first. Without it the task fails only when not one of
        its rows was delivered.
    :param rejects_path: where the dead letters go, one JSON line for each rejected or held row: anything that
        ``ObjectStoragePath`` takes. The rows are written as they came, so choose a place fit for personal data.
        (templated)
    :param results_table: a ledger with one row for each event: what became of it, when, in which run. Created when it
        is missing. (templated)
    :param results_conn_id: the connection of ``results_table``; ``sql_conn_id`` when None. (templated)
    :param results_hook_params: as ``hook_params``, for ``results_conn_id``. (templated)
    :param results_database: as ``database``, for ``results_conn_id``. (templated)
    :param skip_accepted: leave out events that the results table holds as accepted for the same rule.
    :param sinks: sinks of your own, which get what became of each row; objects as
        :class:`~airflow_provider_linkedin_capi.delivery.interfaces.OutcomeSink` describes. (their ``template_fields``
        are templated)
    :param batch_size: rows in one request, at most 5,000.
    :param max_in_flight: batches that wait for their answers at once. By default as many as it takes to use
        ``requests_per_minute`` at the latency seen, as far as memory allows.
    :param max_request_bytes: send batches with a longer body in parts. By default a batch is sent whole, whatever its
        length, until LinkedIn or a proxy refuses one for its length.
    :param requests_per_minute: what this task may use of LinkedIn's 600; mapped tasks divide it.
    :param requests_per_day: what this task may use of LinkedIn's daily limit.
    :param on_unknown_outcome: what follows when no answer says whether LinkedIn stored a batch: ``resend`` sends it
        again, ``hold`` leaves its rows to a person, as dead letters.
    :param dry_run: do everything but the sending; the first event is logged with its identifiers masked.
    :param deferrable: when the day's limit is reached, give the worker slot back and continue after 00:00 UTC,
        instead of failing. Airflow's ``[operators] default_deferrable`` by default.
    :param ad_account_id: the ad account in which rules are looked up by name; the connection's when None. (templated)
    :param linkedin_conn_id: a connection of type ``linkedin_capi``. (templated)
    :raises AirflowFailException: more rows were refused than ``on_invalid`` and ``max_invalid`` allow.
    :raises DeliveryStoppedError: LinkedIn refuses what is not a single row's fault, or does not answer. A retry
        continues from there.

    .. seealso:: https://learn.microsoft.com/en-us/linkedin/marketing/integrations/ads-reporting/conversions-api
    """

    template_fields: Sequence[str] = (
        "source",
        "sql",
        "sql_conn_id",
        "parameters",
        "hook_params",
        "database",
        "records",
        "path",
        "conversion_rule",
        "column_mapping",
        "rejects_path",
        "results_table",
        "results_conn_id",
        "results_hook_params",
        "results_database",
        "sinks",
        "ad_account_id",
        "linkedin_conn_id",
    )
    template_ext: Sequence[str] = (".sql",)
    template_fields_renderers = {  # noqa: RUF012 - Airflow's own declaration
        "sql": "sql",
        "parameters": "json",
        "column_mapping": "json",
    }
    operator_extra_links = (CampaignManagerLink(),)
    ui_color = "#cfe3f5"

    def __init__(
        self,
        *,
        source: Source | RowGenerator | None = None,
        sql: str | None = None,
        sql_conn_id: str | None = None,
        parameters: Mapping[str, Any] | Sequence[Any] | None = None,
        hook_params: Mapping[str, Any] | None = None,
        database: str | None = None,
        count_rows: bool = False,
        records: Sequence[Mapping[str, Any]] | None = None,
        path: str | None = None,
        conversion_rule: RuleReferences | None = None,
        column_mapping: Mapping[str, str | None] | str | None = None,
        source_format: Literal["events", "offline"] = "events",
        naive_timezone: str = "UTC",
        time_format: str | None = None,
        event_id: Literal["derive", "keep"] = "derive",
        on_invalid: Literal["skip", "fail"] = "skip",
        max_invalid: int | float | None = None,
        rejects_path: str | None = None,
        results_table: str | None = None,
        results_conn_id: str | None = None,
        results_hook_params: Mapping[str, Any] | None = None,
        results_database: str | None = None,
        skip_accepted: bool = True,
        sinks: Sequence[OutcomeSink] = (),
        batch_size: int = limits.MAX_EVENTS_PER_BATCH,
        max_in_flight: int | None = None,
        max_request_bytes: int | None = None,
        requests_per_minute: int = limits.REQUESTS_PER_MINUTE,
        requests_per_day: int = limits.REQUESTS_PER_DAY,
        on_unknown_outcome: Literal["resend", "hold"] = "resend",
        dry_run: bool = False,
        deferrable: bool = conf.getboolean("operators", "default_deferrable", fallback=False),
        ad_account_id: int | str | None = None,
        linkedin_conn_id: str = "linkedin_capi_default",
        **kwargs: Any,
    ) -> None:
        default_retry_policy(kwargs)
        super().__init__(**kwargs)
        self.source = GeneratorSource(source) if callable(source) else source
        self.sql = sql
        self.sql_conn_id = sql_conn_id
        self.parameters = parameters
        self.hook_params = hook_params
        self.database = database
        self.count_rows = count_rows
        self.records = records
        self.path = path
        self.conversion_rule = conversion_rule
        self.column_mapping = column_mapping
        self.source_format = source_format
        self.naive_timezone = naive_timezone
        self.time_format = time_format
        self.event_id = event_id
        self.on_invalid = on_invalid
        self.max_invalid = max_invalid
        self.rejects_path = rejects_path
        self.results_table = results_table
        self.results_conn_id = results_conn_id
        self.results_hook_params = results_hook_params
        self.results_database = results_database
        self.skip_accepted = skip_accepted
        self.sinks = list(sinks)
        self.deferrable = deferrable
        self.ad_account_id = ad_account_id
        self.linkedin_conn_id = linkedin_conn_id
        self._settings = DeliverySettings(
            batch_size=batch_size,
            max_in_flight=max_in_flight,
            max_request_bytes=max_request_bytes,
            requests_per_minute=requests_per_minute,
            requests_per_day=requests_per_day,
            on_unknown_outcome=on_unknown_outcome,
            dry_run=dry_run,
        )
        self._delivery: Delivery | None = None
        self._rules: str | dict[str, str] | None = None
        self._letters: str | None = None
        check_parameters(self)

    @property
    def records(self) -> Any:
        """The records given; once rendered, kept out of the page of rendered templates, which shows all it can."""
        return self._records

    @records.setter
    def records(self, value: Any) -> None:
        rendered = "_records" in self.__dict__ and not isinstance(value, XComArg | None)
        self._records = HiddenFromUI(value) if rendered else value

    def execute(self, context: Context) -> dict[str, Any]:
        """Deliver the rows and return the summary."""
        from airflow_provider_linkedin_capi.task_state import TaskCheckpoint

        checkpoint = None if self._settings.dry_run else TaskCheckpoint(context)
        if checkpoint and checkpoint.finished is not None:
            self.log.info("An earlier try delivered everything but died before reporting success: nothing to do.")
            return checkpoint.finished
        with fail_on_permanent_errors(self.hook):
            try:
                summary = self._deliver(context, checkpoint)
            except BaseException as error:
                # A kill and a time-out of the task are among them.
                if self._delivery:
                    try:
                        self._hand_over(context, self._delivery.summary)
                    except Exception as failure:
                        self.log.warning("The summary could not be left as XCom: %s", type(failure).__name__)
                if isinstance(error, DayLimitReachedError) and self.deferrable:
                    moment = after_reset(error)
                    self.log.warning("%s Deferred until %s.", error, moment.isoformat())
                    self.defer(trigger=version_compat.wake_up_at(moment), method_name="resume")
                raise
        result = self._hand_over(context, summary)
        check_budget(
            summary,
            on_invalid=self.on_invalid,
            max_invalid=self.max_invalid,
            dry_run=self._settings.dry_run,
        )
        if checkpoint:
            checkpoint.finish(result)
        return result

    def resume(self, context: Context, event: dt.datetime) -> dict[str, Any]:
        """Continue after the day's limit was lifted; the checkpoint knows what was delivered."""
        return self.execute(context)

    def on_kill(self) -> None:
        """Stop sending; answers that arrive within the next three seconds are still recorded."""
        if self._delivery:
            self._delivery.stop()

    def get_openlineage_facets_on_complete(self, task_instance: Any) -> OperatorLineage[Any, Any]:
        """Name the tables or the file read and the conversion rules written to; Airflow's OpenLineage asks for it."""
        from airflow_provider_linkedin_capi.operators._stream_lineage import lineage

        rules = self._rules.values() if isinstance(self._rules, dict) else [self._rules] if self._rules else []
        accepted = self._delivery.summary.accepted if self._delivery else 0
        return lineage(self._source(), dict.fromkeys(rules), accepted=accepted)

    def _deliver(self, context: Context, checkpoint: TaskCheckpoint | None) -> Summary:
        from airflow_provider_linkedin_capi.delivery import Delivery
        from airflow_provider_linkedin_capi.sinks.dead_letters import DeadLetters

        hook = self.hook
        if hook.settings.ad_account:
            CampaignManagerLink.persist(context, hook.settings.ad_account)
        source, sinks, info = self._source(), self._sinks(), self._info(context, checkpoint)
        self._letters = next((sink.path for sink in sinks if isinstance(sink, DeadLetters)), None)
        check_places(source, self._letters)
        mapper_factory = self._mapper_factory(hook, source)
        if not info.resumed:
            # A retry has to build the same batches again, to know which of them were sent.
            self._mark_delivered(source, sinks)
        self._delivery = Delivery(
            hook,
            self._settings,
            checkpoint=checkpoint,
            sinks=sinks,
            info=info,
            log=cast("Any", self.log),
        )
        return self._delivery.run(source, mapper_factory)

    def _mark_delivered(self, source: Source, sinks: Sequence[OutcomeSink]) -> None:
        """Let the warehouse leave out what was delivered, where the rows and the ledger are in one place."""
        from airflow_provider_linkedin_capi.events.columns import match_columns
        from airflow_provider_linkedin_capi.exceptions import ColumnError
        from airflow_provider_linkedin_capi.sinks.ledger import LedgerSink
        from airflow_provider_linkedin_capi.sinks.ledger_tables import delivered_condition
        from airflow_provider_linkedin_capi.sources.sql import SqlSource

        ledger = next((sink for sink in sinks if isinstance(sink, LedgerSink) and sink.skip_accepted), None)
        rule, mapping = self._rules, from_text(self.column_mapping)
        if not (ledger and isinstance(source, SqlSource) and isinstance(rule, str) and self.source_format == "events"):
            return
        if (ledger.conn_id, ledger.hook_params, ledger.database) != (
            source.conn_id,
            source.hook_params,
            source.database,
        ):
            return

        def condition(database: Database, columns: Sequence[str]) -> str | None:
            try:
                fields = match_columns(columns, mapping)
            except ColumnError:
                return None  # the mapper reports it
            if "eventId" not in fields or "conversion" in fields:
                return None
            return delivered_condition(database, ledger.table, rule, columns[fields["eventId"]])

        source.mark_delivered(condition)

    def _source(self) -> Source:
        """Return the source given, or the one that the shorthand stands for."""
        from airflow_provider_linkedin_capi.sources.files import FileSource
        from airflow_provider_linkedin_capi.sources.records import RecordsSource
        from airflow_provider_linkedin_capi.sources.sql import SqlSource

        if self.source is not None:
            return self.source
        if self.sql is not None:
            assert self.sql_conn_id
            return SqlSource(
                self.sql_conn_id,
                self.sql,
                self.parameters,
                count=self.count_rows,
                hook_params=self.hook_params,
                database=self.database,
            )
        return FileSource(self.path) if self.path is not None else RecordsSource(self.records)

    def _sinks(self) -> list[OutcomeSink]:
        """Return the sinks that the shorthands stand for, and those given."""
        from airflow_provider_linkedin_capi.sinks.dead_letters import DeadLetters
        from airflow_provider_linkedin_capi.sinks.ledger import LedgerSink

        sinks: list[OutcomeSink] = []
        if self.results_table:
            own = self.results_conn_id is not None
            conn_id = self.results_conn_id or self.sql_conn_id
            assert conn_id
            sinks.append(
                LedgerSink(
                    conn_id,
                    self.results_table,
                    skip_accepted=self.skip_accepted,
                    hook_params=self.results_hook_params or (None if own else self.hook_params),
                    database=self.results_database or (None if own else self.database),
                )
            )
        if self.rejects_path:
            sinks.append(DeadLetters(self.rejects_path))
        return [*sinks, *self.sinks]

    def _info(self, context: Context, checkpoint: TaskCheckpoint | None) -> DeliveryInfo:
        """Return what the sinks are told of this run of the task."""
        ti = context["ti"]
        return DeliveryInfo(
            dag_id=ti.dag_id,
            run_id=ti.run_id,
            task_id=ti.task_id,
            map_index=-1 if ti.map_index is None else ti.map_index,
            loop_index=version_compat.loop_index(context),
            try_number=ti.try_number,
            resumed=checkpoint is not None and checkpoint.resumed,
            dry_run=self._settings.dry_run,
            delivery_id=checkpoint.delivery_id if checkpoint else uuid.uuid4().hex,
        )

    def _mapper_factory(self, hook: LinkedInConversionsHook, source: Source) -> MapperFactory:
        from airflow_provider_linkedin_capi.events.mapper import RowMapper
        from airflow_provider_linkedin_capi.legacy.row_mapper import OfflineRowMapper

        kind = OfflineRowMapper if self.source_format == "offline" else RowMapper
        if self.conversion_rule is not None:
            self._rules = hook.resolve_conversion_rules(from_text(self.conversion_rule))

        def make(columns: Sequence[str], now_ms: int) -> Mapper:
            mapper = kind(
                columns,
                rule=self._rules,
                column_mapping=self._mapping_of(columns, source),
                naive_timezone=self.naive_timezone,
                time_format=self.time_format,
                now_ms=now_ms,
                clock=lambda: time.time_ns() // 1_000_000,
                api_version=hook.api_version,
                derive_event_ids=self.event_id == "derive",
            )
            for notice in mapper.notices:
                self.log.warning("%s", notice)
            if mapper.ignored_columns:
                self.log.info("Ignored columns, which match no event field: %s", ", ".join(mapper.ignored_columns))
            return mapper

        return make

    def _mapping_of(self, columns: Sequence[str], source: Source) -> Mapping[str, str | None] | None:
        """Return the column mapping, without columns that may still come where rows have columns of their own."""
        from airflow_provider_linkedin_capi.events.columns import normalized_name

        mapping: Any = from_text(self.column_mapping)
        if not isinstance(mapping, Mapping) or getattr(source, "fixed_columns", False):
            return cast("Mapping[str, str | None] | None", mapping)
        present = set(map(normalized_name, columns))
        if absent := [column for column in mapping if normalized_name(column) not in present]:
            self.log.warning("column_mapping names columns that no row has had so far: %s", ", ".join(map(str, absent)))
        return {column: field for column, field in mapping.items() if column not in absent}

    def _hand_over(self, context: Context, summary: Summary) -> dict[str, Any]:
        """Log the figures and leave them as XCom and asset event, whatever follows."""
        from airflow_provider_linkedin_capi.operators._stream_log import log_summary

        summary.rejects_path = self._letters
        result = summary.as_dict()
        log_summary(self.log, summary, results_table=self.results_table, dry_run=self._settings.dry_run)
        if self.do_xcom_push:
            context["ti"].xcom_push(key="return_value", value=result)
        figures = {name: result[name] for name in ("accepted", "rejected", "held", "skipped")}
        add_to_outlet_events(context, self.outlets, figures)
        return result
