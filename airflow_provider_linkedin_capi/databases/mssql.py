"""SQL Server and Azure SQL."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any, ClassVar

from airflow_provider_linkedin_capi.databases.base import Database, naive_utc

if TYPE_CHECKING:
    from collections.abc import Sequence

    from airflow_provider_linkedin_capi.databases.base import Row
    from airflow_provider_linkedin_capi.databases.tables import Column, Table

#: Rows of one VALUES list.
_VALUES_ROWS = 1000
_STATES = {
    102: "42601",
    156: "42601",
    207: "42703",
    208: "42P01",
    229: "42501",
    262: "42501",
    515: "23502",
    1205: "40001",
    1222: "55P03",
    2601: "23505",
    2627: "23505",
    2628: "22001",
    2714: "42P07",
    2760: "3F000",
    4060: "3D000",
    8152: "22001",
    18456: "28000",
}


class SqlServer(Database):
    """SQL Server through pymssql (type ``mssql``) or pyodbc (type ``odbc``)."""

    family = "SQL Server"
    arbitrates = True
    transactional = True
    quotes = ("[", "]")
    name_limit = 128
    parameter_limit = 2_000
    types: ClassVar = {
        "text": "NVARCHAR({length})",
        "unbounded": "NVARCHAR(MAX)",
        "integer": "BIGINT",
        "decimal": "DECIMAL(24, {scale})",
        "date": "DATE",
        # In UTC.
        "time": "DATETIME2(6)",
    }

    def type_of(self, table: Table, column: Column) -> str:
        """Return the type of a column; keys differ by case, whatever the database's collation."""
        collation = " COLLATE Latin1_General_100_BIN2" if column.kind == "text" and column.name in table.key else ""
        return super().type_of(table, column) + collation

    def _constraints(self, table: Table) -> list[str]:
        index = [f"INDEX {self.quoted(self._index_name(table))} ({self._list(table.index)})"] if table.index else []
        return super()._constraints(table) + index

    def _append(self, table: Table, columns: Sequence[str], rows: Sequence[Row]) -> None:
        if self._is_pyodbc:
            self._executemany(table, columns, rows)
            return
        # pymssql's executemany sends each row by itself.
        for start in range(0, len(rows), _VALUES_ROWS):
            self._insert_many_values(table, columns, rows[start : start + _VALUES_ROWS])

    def _new_cursor(self, connection: Any) -> Any:
        cursor = connection.cursor()
        if self._is_pyodbc:
            cursor.fast_executemany = True
        return cursor

    def _lock(self, table: Table) -> None:
        self.query(f"SELECT TOP 0 1 AS locked FROM {self.name(table.name)} WITH (TABLOCKX, HOLDLOCK)")

    def _bound(self, value: Any) -> Any:
        # pymssql would cut moments to milliseconds.
        if isinstance(value, dt.datetime):
            return naive_utc(value).isoformat("T", "microseconds")
        return value.isoformat() if isinstance(value, dt.date) else value

    @property
    def _is_pyodbc(self) -> bool:
        return str(self.hook.conn_type) == "odbc"

    @property
    def _placeholder(self) -> str:
        return "?" if self._is_pyodbc else "%s"

    def _code(self, error: Exception) -> str | None:
        # pymssql: (number, text), or ((number, text),)
        number = error.args[0] if error.args else None
        number = number[0] if isinstance(number, tuple) and number else number
        return str(number) if isinstance(number, int) else None

    def _state(self, error: Exception) -> str | None:
        code = self._code(error)
        return _STATES.get(int(code)) if code else super()._state(error)
