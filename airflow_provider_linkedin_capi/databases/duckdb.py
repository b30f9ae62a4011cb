"""DuckDB, and MotherDuck."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any, ClassVar

from airflow_provider_linkedin_capi.databases.base import UNIQUE_VIOLATION, Database, naive_utc

if TYPE_CHECKING:
    from collections.abc import Sequence

    from airflow_provider_linkedin_capi.databases.base import Parameters, Row
    from airflow_provider_linkedin_capi.databases.tables import Table
    from airflow_provider_linkedin_capi.exceptions import DatabaseError

#: DuckDB's exceptions, and the SQLSTATE that means the same.
_STATES = {
    "CatalogException": "42P01",
    "BinderException": "42703",
    "ParserException": "42601",
    "SyntaxException": "42601",
    "ConversionException": "22000",
    "OutOfRangeException": "22003",
    "InvalidInputException": "22000",
    "PermissionException": "42501",
    "TransactionException": "40001",
    "IOException": "58030",
    "ConnectionException": "08001",
    "OutOfMemoryException": "53200",
    "NotImplementedException": "0A000",
}
_TYPES = {"text": "VARCHAR", "integer": "BIGINT", "date": "DATE", "time": "TIMESTAMP"}


class DuckDb(Database):
    """DuckDB: a file that one process at a time can write to."""

    family = "DuckDB"
    arbitrates = True
    transactional = True
    parameter_limit = 100_000
    types: ClassVar = {
        "text": "VARCHAR",
        "unbounded": "VARCHAR",
        "integer": "BIGINT",
        "decimal": "DECIMAL(24, {scale})",
        "date": "DATE",
        # In UTC. To read a TIMESTAMPTZ DuckDB needs pytz.
        "time": "TIMESTAMP",
    }

    def __init__(self, hook: Any) -> None:
        super().__init__(hook)
        self._begun = False

    def _reading_connection(self) -> Any:
        # A cursor of DuckDB's is a connection of its own to the same database, in memory as well.
        return self._ready().cursor()

    def _reading_cursor(self, connection: Any, size: int) -> Any:
        return connection

    def _execute_reading(self, cursor: Any, sql: str, parameters: Parameters | None) -> None:
        # Statements that change rows return a count, which would be read as a row.
        kinds = [kind.name for statement in cursor.extract_statements(sql) for kind in statement.expected_result_type]
        if kinds != ["QUERY_RESULT"]:
            raise self._no_rows()
        super()._execute_reading(cursor, sql, parameters)

    def _begin(self) -> None:
        with self.translated(self._statement):
            self._ready().begin()
        self._begun = True

    def _commit(self) -> None:
        if self._begun:
            self._begun = False
            super()._commit()

    def _rollback(self) -> None:
        if self._begun:
            self._begun = False
            super()._rollback()

    def _new_cursor(self, connection: Any) -> Any:
        # Not connection.cursor(): that would be outside of the transaction.
        return _Cursor(connection)

    def _append(self, table: Table, columns: Sequence[str], rows: Sequence[Row]) -> None:
        # A list a column: DuckDB is built for columns, and takes rows one by one.
        names = self._list(columns)
        lists = ", ".join(f"unnest(CAST(? AS {self._type(table, name)}[]))" for name in columns)
        with self.translated(f"Writing to {table.name} on connection {self.conn_id!r}"):
            self._ready().execute(
                f"INSERT INTO {self.name(table.name)} ({names}) SELECT {lists}",
                [list(values) for values in zip(*self._bound_rows(rows), strict=True)],
            )

    def _type(self, table: Table, name: str) -> str:
        column = table.column(name)
        return _TYPES.get(column.kind) or self.type_of(table, column)

    def execute(self, sql: str, parameters: Sequence[Any] = ()) -> int:
        """Run a small statement; return how many rows it changed."""
        with self._session(), self._cursor(sql, parameters) as cursor, self.translated(self._statement, sql):
            changed = cursor.fetchall()
            return int(changed[0][0]) if changed and isinstance(changed[0][0], int) else -1

    def _among(self, name: str, values: list[Any]) -> str:
        return f"{self.quoted(name)} IN (SELECT unnest(?))"

    def _among_parameters(self, values: list[Any]) -> list[Any]:
        return [values]

    def _bound(self, value: Any) -> Any:
        return naive_utc(value) if isinstance(value, dt.datetime) else value

    @property
    def _placeholder(self) -> str:
        return "?"

    def _code(self, error: Exception) -> str | None:
        return None

    def _rolled_back(self, error: DatabaseError) -> bool:
        # Another transaction's rows with the same key show at the end only.
        return error.code in ("40001", UNIQUE_VIOLATION)

    def _state(self, error: Exception) -> str | None:
        name, text = type(error).__name__, str(error)
        if name == "ConstraintException":
            return "23502" if text.startswith("Constraint Error: NOT NULL") else UNIQUE_VIOLATION
        if name == "TransactionException" and "duplicate key" in text.lower():
            return UNIQUE_VIOLATION
        return _STATES.get(name)


class _Cursor:
    """A cursor in the connection's own transaction."""

    def __init__(self, connection: Any) -> None:
        self._connection = connection

    def __getattr__(self, name: str) -> Any:
        return getattr(self._connection, name)

    def close(self) -> None:
        """Leave the connection open."""
