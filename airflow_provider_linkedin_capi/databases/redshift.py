"""Amazon Redshift."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any, ClassVar

from airflow_provider_linkedin_capi.databases.base import Database
from airflow_provider_linkedin_capi.databases.postgres import Postgres

if TYPE_CHECKING:
    from collections.abc import Sequence

    from airflow_provider_linkedin_capi.databases.base import Key, Parameters, Row
    from airflow_provider_linkedin_capi.databases.tables import Column, Table

_GREATEST_TEXT = 65_535


class Redshift(Postgres):
    """Redshift through redshift_connector (type ``redshift``) or psycopg (type ``postgres``, extra ``redshift``).

    It does not enforce keys: writers that arbitrate lock the table, one after the other.
    """

    family = "Redshift"
    name_limit = 127
    parameter_limit = 30_000
    types: ClassVar = {
        "unbounded": f"VARCHAR({_GREATEST_TEXT})",
        "integer": "BIGINT",
        "decimal": "DECIMAL(24, {scale})",
        "date": "DATE",
        "time": "TIMESTAMPTZ",
    }

    def type_of(self, table: Table, column: Column) -> str:
        """Return the type of a column: lengths are in bytes here, up to four a character."""
        if column.kind == "text" and column.length is not None:
            return f"VARCHAR({min(column.length * 4, _GREATEST_TEXT)})"
        return super().type_of(table, column)

    def _reading_connection(self) -> Any:
        return self._connect()

    def _reading_cursor(self, connection: Any, size: int) -> Any:
        return _ServerSideCursor(self._new_cursor(connection))

    def _new_cursor(self, connection: Any, name: str = "") -> Any:
        if type(connection).__module__.startswith("psycopg"):
            return super()._new_cursor(connection, name)
        return connection.cursor()

    def _create(self, table: Table) -> None:
        Database._create(self, table)

    def _constraints(self, table: Table) -> list[str]:
        # The planner trusts keys that are declared, though nobody enforces them.
        return []

    def _options(self, table: Table) -> str:
        columns = table.index or table.key
        return f" SORTKEY ({self._list(columns)})" if columns else ""

    def _index_statements(self, table: Table) -> list[str]:
        return []

    def _append(self, table: Table, columns: Sequence[str], rows: Sequence[Row]) -> None:
        # COPY reads from S3 only. One INSERT of many rows writes each column once.
        self._insert_many_values(table, columns, rows)

    def _insert_new(self, table: Table, columns: Sequence[str], rows: list[Row], keys: list[Key]) -> set[Key]:
        with self.transaction():
            # First of all: the transaction sees what was committed before its next statement.
            self._lock(table)
            there = self._present(table, keys)
            self._append(table, columns, [row for row, key in zip(rows, keys, strict=True) if key not in there])
        return there

    def _lock(self, table: Table) -> None:
        self.execute(f"LOCK TABLE {self.name(table.name)}")

    def _among(self, name: str, values: list[Any]) -> str:
        return Database._among(self, name, values)

    def _among_parameters(self, values: list[Any]) -> list[Any]:
        return values

    def _with_placeholders(self, sql: str) -> str:
        if self.hook.conn_type == "postgres":
            return super()._with_placeholders(sql)
        # redshift_connector takes a percent sign in quotes as one.
        return sql.replace("?", "%s")

    def _state(self, error: Exception) -> str | None:
        # redshift_connector gives the server's fields; C is the SQLSTATE.
        fields = error.args[0] if error.args else None
        return fields.get("C") if isinstance(fields, dict) else super()._state(error)


class _ServerSideCursor:
    """Rows in portions from a cursor that SQL declares: redshift_connector would take the whole result."""

    def __init__(self, cursor: Any) -> None:
        self._cursor = cursor
        self._name = f"linkedin_capi_{uuid.uuid4().hex}"

    @property
    def description(self) -> Any:
        return self._cursor.description

    def execute(self, sql: str, parameters: Parameters | None = None) -> None:
        declare = f"DECLARE {self._name} CURSOR FOR {sql}"
        self._cursor.execute(declare, parameters) if parameters else self._cursor.execute(declare)

    def fetchmany(self, size: int) -> Any:
        self._cursor.execute(f"FETCH FORWARD {size} FROM {self._name}")
        return self._cursor.fetchall()
