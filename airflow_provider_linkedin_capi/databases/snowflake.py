"""Snowflake."""

from __future__ import annotations

import datetime as dt
from importlib import import_module
from typing import TYPE_CHECKING, Any, ClassVar

from airflow_provider_linkedin_capi.databases.base import Database, naive_utc
from airflow_provider_linkedin_capi.databases.tables import name_parts

if TYPE_CHECKING:
    from collections.abc import Sequence

    from airflow_provider_linkedin_capi.databases.base import Key, Parameters, Row
    from airflow_provider_linkedin_capi.databases.tables import Table

#: Rows from which on a file, staged and copied, is faster than an INSERT statement.
_COPY_ROWS = 1000
_STATES = {
    # Does not exist or not authorized: a table, or a schema or database.
    2003: "42P01",
    2043: "42704",
    1003: "42601",
    904: "42703",
    3001: "42501",
    100072: "23502",
    100078: "22001",
    # A lock timeout; a statement cancelled.
    625: "40001",
    604: "57014",
    250001: "08001",
    390114: "28000",
}


class Snowflake(Database):
    """Snowflake. Keys are not enforced there: writers that arbitrate take turns, by a row of a table of its own."""

    family = "Snowflake"
    arbitrates = True
    transactional = True
    upper_case = True
    name_limit = 255
    parameter_limit = 10_000
    types: ClassVar = {
        "text": "VARCHAR({length})",
        "unbounded": "VARCHAR",
        "integer": "NUMBER(19, 0)",
        "decimal": "NUMBER(24, {scale})",
        "date": "DATE",
        # In UTC.
        "time": "TIMESTAMP_NTZ(6)",
    }

    def _connect(self) -> Any:
        connection = super()._connect()
        connection.autocommit(False)
        return connection

    def _execute_reading(self, cursor: Any, sql: str, parameters: Parameters | None) -> None:
        super()._execute_reading(cursor, sql, parameters)
        if cursor.description and cursor.description[0][0].startswith("number of rows "):
            # It changed rows, which the end of this connection rolls back.
            raise self._no_rows()

    def _constraints(self, table: Table) -> list[str]:
        # Snowflake does not enforce keys.
        return []

    def _create(self, table: Table) -> None:
        # Each of these commits by itself.
        for statement in self._create_statements(table):
            self.execute(statement)

    def _create_statements(self, table: Table) -> list[str]:
        [create] = super()._create_statements(table)
        statements = [create.replace("CREATE TABLE", "CREATE TABLE IF NOT EXISTS", 1)]
        if table.key:
            turn = f"CREATE TABLE IF NOT EXISTS {self._turns(table)} AS SELECT 0 AS TURN"
            # First: whoever finds the table finds this one as well.
            statements.insert(0, turn)
        return statements

    def _turns(self, table: Table) -> str:
        *schema, name = name_parts(table.name)
        suffix = "_turns" if name == name.lower() else "_TURNS"
        return ".".join(map(self.quoted, [*schema, name + suffix]))

    def _append(self, table: Table, columns: Sequence[str], rows: Sequence[Row]) -> None:
        # In a transaction of the caller's, since staging a file might end it.
        if self._depth > 1 or len(rows) < _COPY_ROWS:
            self._insert_many_values(table, columns, rows)
        else:
            self._copy(table, columns, rows)

    def _copy(self, table: Table, columns: Sequence[str], rows: Sequence[Row]) -> None:
        with self.translated(f"Writing to {table.name} on connection {self.conn_id!r}"):
            pandas = import_module("pandas")
            tools = import_module("snowflake.connector.pandas_tools")
            *schema, name = [part[1:-1].replace('""', '"') for part in map(self.quoted, name_parts(table.name))]
            places = dict(zip(("schema", "database"), reversed(schema), strict=False))
            frame = pandas.DataFrame(
                {
                    self.quoted(column)[1:-1].replace('""', '"'): pandas.Series(values, dtype=object)
                    for column, values in zip(columns, zip(*self._bound_rows(rows), strict=True), strict=True)
                }
            )
            tools.write_pandas(self._ready(), frame, name, **places, use_logical_type=True)

    def _insert_new(self, table: Table, columns: Sequence[str], rows: list[Row], keys: list[Key]) -> set[Key]:
        with self.transaction():
            self._lock(table)
            there = self._present(table, keys)
            new = [row for row, key in zip(rows, keys, strict=True) if key not in there]
            if new:
                self._insert_many_values(table, columns, new)
        return there

    def _lock(self, table: Table) -> None:
        if table.key:
            # Others wait here until the end of the transaction, and see its rows then.
            self.execute(f"UPDATE {self._turns(table)} SET TURN = TURN + 1")

    def _bound(self, value: Any) -> Any:
        return naive_utc(value) if isinstance(value, dt.datetime) else value

    @property
    def _placeholder(self) -> str:
        return "%s"

    def _code(self, error: Exception) -> str | None:
        number = getattr(error, "errno", None)
        return f"{number:06}" if isinstance(number, int) and number > 0 else None

    def _state(self, error: Exception) -> str | None:
        code = self._code(error)
        return (_STATES.get(int(code)) if code else None) or super()._state(error)
