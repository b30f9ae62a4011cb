"""Oracle."""

from __future__ import annotations

import datetime as dt
from importlib import import_module
from itertools import count
from typing import TYPE_CHECKING, Any, ClassVar

from airflow_provider_linkedin_capi.databases.base import Database, naive_utc

if TYPE_CHECKING:
    from collections.abc import Sequence

    from airflow_provider_linkedin_capi.databases.base import Row
    from airflow_provider_linkedin_capi.databases.tables import Table

#: ORA numbers, and the SQLSTATE that means the same.
_STATES = {
    1: "23505",
    54: "55P03",
    60: "40001",
    900: "42601",
    904: "42703",
    933: "42601",
    936: "42601",
    942: "42P01",
    955: "42P07",
    1017: "28000",
    1031: "42501",
    1400: "23502",
    1438: "22003",
    1722: "22018",
    1918: "3F000",
    8177: "40001",
    12899: "22001",
    3113: "08006",
    3114: "08006",
    12541: "08001",
}
_BOUND_TYPES = {
    "integer": "DB_TYPE_NUMBER",
    "decimal": "DB_TYPE_NUMBER",
    "date": "DB_TYPE_DATE",
    "time": "DB_TYPE_TIMESTAMP",
}


class Oracle(Database):
    """Oracle through python-oracledb. It keeps an empty text as NULL."""

    family = "Oracle"
    arbitrates = True
    transactional = True
    upper_case = True
    name_limit = 128
    # Expressions of one IN list.
    parameter_limit = 1_000
    types: ClassVar = {
        "text": "VARCHAR2({length} CHAR)",
        "unbounded": "CLOB",
        "integer": "NUMBER(19)",
        "decimal": "NUMBER(24, {scale})",
        "date": "DATE",
        # In UTC.
        "time": "TIMESTAMP(6)",
    }

    def _reading_connection(self) -> Any:
        connection = self._connect()
        oracledb = import_module("oracledb")

        def long_texts(cursor: Any, metadata: Any) -> Any:
            # Otherwise each CLOB is a question to the server.
            if metadata.type_code in (oracledb.DB_TYPE_CLOB, oracledb.DB_TYPE_NCLOB):
                return cursor.var(oracledb.DB_TYPE_LONG, arraysize=cursor.arraysize)
            return None

        connection.outputtypehandler = long_texts
        return connection

    def _reading_cursor(self, connection: Any, size: int) -> Any:
        cursor = connection.cursor()
        cursor.arraysize = cursor.prefetchrows = size
        return cursor

    def _ping(self, connection: Any) -> None:
        connection.ping()

    def _index_statements(self, table: Table) -> list[str]:
        if not table.index:
            return []
        name = self.quoted(self._index_name(table))
        return [f"CREATE INDEX {name} ON {self.name(table.name)} ({self._list(table.index)})"]

    def _append(self, table: Table, columns: Sequence[str], rows: Sequence[Row]) -> None:
        insert = self._insert_statement(table, columns, 1)
        with self.translated(f"Writing to {table.name} on connection {self.conn_id!r}", insert):
            oracledb = import_module("oracledb")
            kinds = [table.column(name).kind for name in columns]
            with self._ready().cursor() as cursor:
                # Else the driver takes the type from the first row, which may be NULL.
                cursor.setinputsizes(*(getattr(oracledb, _BOUND_TYPES.get(kind, "DB_TYPE_VARCHAR")) for kind in kinds))
                cursor.executemany(self._with_placeholders(insert), self._bound_rows(rows))

    def _lock(self, table: Table) -> None:
        self.execute(f"LOCK TABLE {self.name(table.name)} IN EXCLUSIVE MODE")

    def _bound(self, value: Any) -> Any:
        return naive_utc(value) if isinstance(value, dt.datetime) else value

    def _with_placeholders(self, sql: str) -> str:
        numbers = count(1)
        first, *others = sql.split("?")
        return first + "".join(f":{next(numbers)}{part}" for part in others)

    def _code(self, error: Exception) -> str | None:
        code = getattr(error.args[0] if error.args else None, "full_code", None)
        return code if isinstance(code, str) else None

    def _state(self, error: Exception) -> str | None:
        number = getattr(error.args[0] if error.args else None, "code", None)
        return _STATES.get(number) if isinstance(number, int) else None
