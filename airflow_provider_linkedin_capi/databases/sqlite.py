"""SQLite."""

from __future__ import annotations

import datetime as dt
import json
import sqlite3
from decimal import Decimal
from itertools import islice
from typing import TYPE_CHECKING, Any, ClassVar

from tenacity import Retrying, retry_if_exception_type, stop_after_delay, wait_random

from airflow_provider_linkedin_capi.databases.base import Database, Row, naive_utc
from airflow_provider_linkedin_capi.databases.tables import name_parts

if TYPE_CHECKING:
    from collections.abc import Sequence

    from airflow_provider_linkedin_capi.databases.tables import Table

_BUSY_SECONDS = 60
#: SQLite's own result codes, and the SQLSTATE that means the same.
_STATES = {
    "SQLITE_BUSY": "55P03",
    "SQLITE_LOCKED": "55P03",
    "SQLITE_PERM": "42501",
    "SQLITE_READONLY": "42501",
    "SQLITE_AUTH": "42501",
    "SQLITE_CANTOPEN": "3D000",
    "SQLITE_CONSTRAINT": "23000",
    "SQLITE_CONSTRAINT_NOTNULL": "23502",
    "SQLITE_CONSTRAINT_PRIMARYKEY": "23505",
    "SQLITE_CONSTRAINT_UNIQUE": "23505",
    "SQLITE_MISMATCH": "22000",
    "SQLITE_TOOBIG": "22001",
    "SQLITE_FULL": "53100",
    "SQLITE_IOERR": "58030",
    "SQLITE_ERROR": "42000",
}
_TEXTS = {"no such table": "42P01", "no such column": "42703", "no such function": "42883", "syntax error": "42601"}


class _ReadingCursor(sqlite3.Cursor):
    """Reads bytes that are not UTF-8 as lone surrogates: in a column that nobody uses they do no harm."""

    def fetchmany(self, size: int | None = 1) -> list[Any]:
        rows: list[Any] = []
        while True:
            try:
                rows.extend(islice(self, (size or 1) - len(rows)))
            except sqlite3.OperationalError as error:
                if self.connection.text_factory is not str or not str(error).startswith("Could not decode"):
                    raise
                # Only now, since it costs as much as all the rest of the reading. The row at fault comes again.
                self.connection.text_factory = lambda text: text.decode("utf-8", "surrogateescape")
            else:
                return rows


class Sqlite(Database):
    """SQLite: a file, switched to write-ahead logging, since otherwise nobody could write while rows are read."""

    family = "SQLite"
    arbitrates = True
    transactional = True
    # Keys travel as one JSON text.
    parameter_limit = 100_000
    types: ClassVar = {
        "text": "TEXT",
        "unbounded": "TEXT",
        "integer": "BIGINT",
        # SQLite has no decimals: NUMERIC keeps them as numbers.
        "decimal": "NUMERIC(24, {scale})",
        "date": "DATE",
        "time": "TIMESTAMP",
    }

    def _connect(self) -> Any:
        # As the hook opens it, but for use from another thread than the one that opened it.
        uri = self.hook.get_uri().replace("sqlite:///", "file:")
        connection = sqlite3.connect(
            uri, uri=True, timeout=_BUSY_SECONDS, check_same_thread=False, isolation_level=None
        )
        _write_ahead(connection)
        return connection

    def _reading_cursor(self, connection: Any, size: int) -> Any:
        return connection.cursor(_ReadingCursor)

    def _begin(self) -> None:
        with self.translated(self._statement):
            # Waiting for the lock at the first write instead could fail at once, after a read in the transaction.
            self._ready().execute("BEGIN IMMEDIATE")

    def _index_statements(self, table: Table) -> list[str]:
        if not table.index:
            return []
        *schema, name = name_parts(table.name)
        index = ".".join(map(self.quoted, [*schema, self._index_name(table)]))
        return [f"CREATE INDEX {index} ON {self.quoted(name)} ({self._list(table.index)})"]

    def _append(self, table: Table, columns: Sequence[str], rows: Sequence[Row]) -> None:
        self._executemany(table, columns, rows)

    def _among(self, name: str, values: list[Any]) -> str:
        return f"{self.quoted(name)} IN (SELECT value FROM json_each(?))"

    def _among_parameters(self, values: list[Any]) -> list[Any]:
        return [json.dumps(values)]

    def _bound(self, value: Any) -> Any:
        if isinstance(value, dt.datetime):
            return naive_utc(value).isoformat(" ", "microseconds")
        if isinstance(value, dt.date):
            return value.isoformat()
        return f"{value:f}" if isinstance(value, Decimal) else value

    def _code(self, error: Exception) -> str | None:
        return getattr(error, "sqlite_errorname", None)

    def _state(self, error: Exception) -> str | None:
        for text, state in _TEXTS.items():
            if text in str(error):
                return state
        code = self._code(error) or ""
        return _STATES.get(code) or _STATES.get("_".join(code.split("_")[:2]))


def _write_ahead(connection: Any) -> None:
    """Switch a SQLite file; SQLite's own patience ends at once where two connections switch at the same time."""
    for attempt in Retrying(
        retry=retry_if_exception_type(sqlite3.OperationalError),
        wait=wait_random(0.01, 0.1),
        stop=stop_after_delay(_BUSY_SECONDS),
        reraise=True,
    ):
        with attempt:
            connection.execute("PRAGMA journal_mode = WAL")
