"""The ledger: a table that says of every event what became of it, across tries, clears, runs and DAGs."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from airflow_provider_linkedin_capi.delivery.interfaces import Claims
from airflow_provider_linkedin_capi.exceptions import ResultsTableError
from airflow_provider_linkedin_capi.sources.sql import sql_hook

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sqlalchemy import Engine, Table

    from airflow_provider_linkedin_capi.delivery.interfaces import DeliveryInfo
    from airflow_provider_linkedin_capi.delivery.outcomes import BatchOutcome, RowOutcome
    from airflow_provider_linkedin_capi.events.model import ConversionEvent

#: How many values one IN (...) may have in the strictest database (Oracle).
_IN_LIST = 1000
_MESSAGE_CHARACTERS = 1000
_SQLITE_PATIENCE_SECONDS = 60


class LedgerSink:
    """One row for each event accepted, rejected or held; the memory that ``skip_accepted`` looks into.

    The table is created when it is missing, in the SQL dialect of the connection. Rows are only ever added, those
    of a batch in one transaction, and over a connection of its own: the reader's cursor stays open all the while.
    Identifiers of persons are not kept. A SQLite file is switched to write-ahead logging, since otherwise nobody
    could write while rows are read.

    :param conn_id: a connection of a database that SQLAlchemy has a dialect for. (templated)
    :param table: its name, with a schema before a dot if need be. (templated)
    :param skip_accepted: leave out events that the table holds as accepted for the same rule.
    """

    template_fields = ("conn_id", "table")

    def __init__(self, conn_id: str, table: str, *, skip_accepted: bool = True) -> None:
        self.conn_id = conn_id
        self.table = table
        self.skip_accepted = skip_accepted

    def __repr__(self) -> str:
        return f"LedgerSink({self.conn_id!r}, {self.table!r}, skip_accepted={self.skip_accepted})"

    def open(self, delivery: DeliveryInfo) -> None:
        """Create the table when it is missing; in a dry run only look up what was accepted."""
        self._run = delivery
        self._read_only = delivery.dry_run
        self._engine = _engine(self.conn_id)
        self._table = _definition(self.table)
        self._there = self._prepare()
        self._recorded = set(self._recorded_before()) if delivery.resumed and self._there else set()

    def claim(self, events: Sequence[ConversionEvent], *, batch: int) -> Claims:
        """Return which events LinkedIn has accepted before."""
        if not self.skip_accepted:
            return Claims()
        known = self.accepted([(event.conversion, event.event_id) for event in events if event.event_id is not None])
        return Claims(
            frozenset(index for index, event in enumerate(events) if (event.conversion, event.event_id) in known)
        )

    def recheck(self, events: Sequence[ConversionEvent]) -> Claims:
        """Return which events LinkedIn has accepted before."""
        return self.claim(events, batch=0)

    def flush(self) -> None:
        """Do nothing: every batch is durable when :meth:`write` returns."""

    def accepted(self, keys: Sequence[tuple[str, str]]) -> set[tuple[str, str]]:
        """Return those of the (conversion rule URN, event id) pairs that the table holds as accepted."""
        if not self._there:
            return set()
        from sqlalchemy import select

        columns = self._table.c
        wanted = set(keys)
        ids = sorted({event_id for _, event_id in wanted})
        found: set[tuple[str, str]] = set()
        with self._engine.connect() as connection:
            for start in range(0, len(ids), _IN_LIST):
                query = select(columns.conversion, columns.event_id).where(
                    columns.event_id.in_(ids[start : start + _IN_LIST]), columns.outcome == "accepted"
                )
                found.update((row[0], row[1]) for row in connection.execute(query))
        return found & wanted

    def write(self, batch: BatchOutcome) -> None:
        """Add the batch's rows in one transaction; rows skipped are in the table already."""
        if self._read_only:
            return
        rows = list(self._rows(batch))
        if rows:
            with self._engine.begin() as connection:
                connection.execute(self._table.insert(), rows)

    def close(self, completed: bool) -> None:
        """Close the table's connections."""
        self._engine.dispose()

    def _rows(self, batch: BatchOutcome) -> Iterator[dict[str, Any]]:
        for outcome in batch.outcomes("accepted", "rejected", "held"):
            event_id = outcome.key
            if (outcome.position, event_id, outcome.outcome) not in self._recorded:
                yield self._row(batch, outcome, event_id)
        if self._run.resumed and batch.skipped:
            yield from self._acknowledged_but_not_recorded(batch)

    def _acknowledged_but_not_recorded(self, batch: BatchOutcome) -> Iterator[dict[str, Any]]:
        """A try that was killed between the checkpoint and this table left a gap: fill it."""
        acknowledged = [
            (outcome, outcome.event)
            for outcome in batch.outcomes("skipped")
            if outcome.reason and outcome.reason.code == "checkpoint" and outcome.event and outcome.event.event_id
        ]
        keys = [(event.conversion, event.event_id) for _, event in acknowledged if event.event_id]
        recorded = self.accepted(keys)
        for outcome, event in acknowledged:
            if (event.conversion, event.event_id) not in recorded:
                yield self._row(batch, replace(outcome, outcome="accepted", reason=None), event.event_id)

    def _row(self, batch: BatchOutcome, outcome: RowOutcome, event_id: str | None) -> dict[str, Any]:
        reason = outcome.reason
        return {
            "event_id": event_id[:256] if event_id else None,
            "conversion": outcome.event.conversion if outcome.event else None,
            "happened_at": _happened_at(outcome.event),
            "outcome": outcome.outcome,
            "reason": reason.code if reason else None,
            "field": reason.field if reason else None,
            "message": reason.message[:_MESSAGE_CHARACTERS] if reason else None,
            "batch": batch.number,
            "position": outcome.position,
            "sent_at": batch.sent_at if outcome.outcome == "accepted" else None,
            "recorded_at": dt.datetime.now(dt.UTC),
            "dag_id": self._run.dag_id,
            "run_id": self._run.run_id,
            "task_id": self._run.task_id,
            "map_index": self._run.map_index,
            "try_number": self._run.try_number,
        }

    def _recorded_before(self) -> Iterator[tuple[int, str | None, str]]:
        """What earlier tries of this task instance wrote of rows that a retry reports again."""
        from sqlalchemy import select

        columns = self._table.c
        query = select(columns.position, columns.event_id, columns.outcome).where(
            columns.dag_id == self._run.dag_id,
            columns.run_id == self._run.run_id,
            columns.task_id == self._run.task_id,
            columns.map_index == self._run.map_index,
            columns.outcome.in_(("rejected", "held")),
        )
        with self._engine.connect() as connection:
            yield from ((row[0], row[1], row[2]) for row in connection.execute(query))

    def _prepare(self) -> bool:
        """Create the table when it is missing; return whether it is there."""
        from sqlalchemy import inspect
        from sqlalchemy.exc import SQLAlchemyError

        name, schema = self._table.name, self._table.schema
        try:
            there = bool(inspect(self._engine).has_table(name, schema=schema))
        except SQLAlchemyError as error:
            raise ResultsTableError(
                f"The results table {self._table.fullname} cannot be looked for on connection {self.conn_id!r}: "
                f"{getattr(error, 'orig', error)}"
            ) from error
        if not there:
            if self._read_only:
                return False
            try:
                self._table.create(self._engine)
            except SQLAlchemyError as error:
                # Another mapped task may have been faster.
                if not inspect(self._engine).has_table(name, schema=schema):
                    raise ResultsTableError(
                        f"The results table {self._table.fullname} cannot be created on connection "
                        f"{self.conn_id!r}: {getattr(error, 'orig', error)}"
                    ) from error
        present = {column["name"].lower() for column in inspect(self._engine).get_columns(name, schema=schema)}
        if missing := [column.name for column in self._table.columns if column.name not in present]:
            raise ResultsTableError(
                f"{self._table.fullname} on connection {self.conn_id!r} is another kind of table: it has no column "
                f"{', '.join(missing)}. Name a table that does not exist yet, and it will be created."
            )
        return True


def _happened_at(event: ConversionEvent | None) -> dt.datetime | None:
    return dt.datetime.fromtimestamp(event.conversion_happened_at / 1000, dt.UTC) if event else None


def _engine(conn_id: str) -> Engine:
    from sqlalchemy import event

    try:
        engine = sql_hook(conn_id).get_sqlalchemy_engine({"pool_pre_ping": True, "hide_parameters": True})
    except Exception as error:
        raise ResultsTableError(
            f"The results table needs a database that SQLAlchemy has a dialect for; connection {conn_id!r} offers "
            f"none ({type(error).__name__}: {error}). Set results_conn_id to another connection."
        ) from error
    if engine.dialect.name == "sqlite":

        @event.listens_for(engine, "connect")
        def share_the_file(connection: Any, _: Any) -> None:
            connection.execute(f"PRAGMA busy_timeout = {_SQLITE_PATIENCE_SECONDS * 1000}")
            _write_ahead(connection)

    return engine


def _write_ahead(connection: Any) -> None:
    """Switch a SQLite file; SQLite's own patience ends at once where two connections switch at the same time."""
    from sqlite3 import OperationalError

    from tenacity import Retrying, retry_if_exception_type, stop_after_delay, wait_random

    for attempt in Retrying(
        retry=retry_if_exception_type(OperationalError),
        wait=wait_random(0.01, 0.1),
        stop=stop_after_delay(_SQLITE_PATIENCE_SECONDS),
        reraise=True,
    ):
        with attempt:
            connection.execute("PRAGMA journal_mode = WAL")


def _definition(name: str) -> Table:
    from sqlalchemy import BigInteger, Column, DateTime, Index, Integer, MetaData, String, Table

    schema, _, table = name.rpartition(".")
    definition = Table(
        table,
        MetaData(),
        Column("event_id", String(256)),
        Column("conversion", String(80)),
        # LinkedIn's reports go by it, so this is what attributed conversions are compared with.
        Column("happened_at", DateTime(timezone=True)),
        Column("outcome", String(16), nullable=False),
        Column("reason", String(128)),
        Column("field", String(128)),
        Column("message", String(_MESSAGE_CHARACTERS)),
        Column("batch", Integer, nullable=False),
        Column("position", BigInteger, nullable=False),
        Column("sent_at", DateTime(timezone=True)),
        Column("recorded_at", DateTime(timezone=True), nullable=False),
        Column("dag_id", String(250), nullable=False),
        Column("run_id", String(250), nullable=False),
        Column("task_id", String(250), nullable=False),
        Column("map_index", Integer, nullable=False),
        Column("try_number", Integer, nullable=False),
        schema=schema or None,
    )
    Index(f"ix_{table}_event_id", definition.c.event_id)
    return definition
