"""ClickHouse."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from airflow_provider_linkedin_capi.databases.base import Database, naive_utc

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence

    from airflow_provider_linkedin_capi.databases.base import Parameters, Row
    from airflow_provider_linkedin_capi.databases.tables import Column, Table

#: How long the server waits for a reader that pauses.
_PATIENCE_SECONDS = 7 * 24 * 3600
_CODE = re.compile(r"\bcode:? (\d+)", re.IGNORECASE)
#: ClickHouse's error codes, and the SQLSTATE that means the same.
_STATES = {
    16: "42703",
    47: "42703",
    46: "42883",
    57: "42P07",
    60: "42P01",
    62: "42601",
    81: "3F000",
    497: "42501",
    516: "28000",
    159: "57014",
    160: "57014",
    202: "53000",
    241: "53200",
    252: "53000",
    394: "57014",
}


class ClickHouse(Database):
    """ClickHouse by its native client: rows arrive in blocks, and leave as columns."""

    family = "ClickHouse"
    quotes = ("`", "`")
    name_limit = 200
    # A statement has at most 256 KiB.
    parameter_limit = 500
    types: ClassVar = {
        "text": "String",
        "unbounded": "String",
        "integer": "Int64",
        "decimal": "Decimal(24, {scale})",
        "date": "Date32",
        "time": "DateTime64(6, 'UTC')",
    }

    def _stream(
        self, connection: Any, sql: str, parameters: Parameters | None, size: int
    ) -> Generator[tuple[tuple[str, ...], list[tuple[Any, ...]]], None, None]:
        what = f"The query on connection {self.conn_id!r}"
        values = parameters if isinstance(parameters, Mapping) or parameters is None else tuple(parameters)
        with self.translated(what, sql):
            # The cursor of the hook's connection would take the whole result.
            stream = connection._client.query_row_block_stream(
                sql,
                parameters=values or None,
                settings={"http_send_timeout": _PATIENCE_SECONDS, "max_block_size": size},
            )
            columns = tuple(stream.source.column_names)
        rows: list[tuple[Any, ...]] = []
        empty = True
        with stream:
            blocks = iter(stream)
            while True:
                with self.translated(what, sql):
                    block = next(blocks, None)
                if block is None:
                    break
                rows += map(tuple, block)
                while len(rows) >= size:
                    empty = False
                    yield columns, rows[:size]
                    rows = rows[size:]
        if rows or empty:
            yield columns, rows

    def type_of(self, table: Table, column: Column) -> str:
        """Return the type of a column; unlike elsewhere, a column takes NULL only when its type says so."""
        kind = super().type_of(table, column)
        return kind if table.required(column) or column.name == table.generation else f"Nullable({kind})"

    def _column_definition(self, table: Table, column: Column) -> str:
        return f"{self.quoted(column.name)} {self.type_of(table, column)}"

    def _create_statements(self, table: Table) -> list[str]:
        [create] = super()._create_statements(table)
        return [create.replace("CREATE TABLE", "CREATE TABLE IF NOT EXISTS", 1)]

    def _options(self, table: Table) -> str:
        if not table.key:
            return f"\nENGINE = MergeTree ORDER BY ({self._list(table.index)})\nSETTINGS allow_nullable_key = 1"
        # Of rows with one key the latest stays, at the next merge, and at once for SELECT ... FINAL.
        version = self.quoted(table.generation) if table.generation else ""
        return f"\nENGINE = ReplacingMergeTree({version}) ORDER BY ({self._list(table.key)})"

    def _append(self, table: Table, columns: Sequence[str], rows: Sequence[Row]) -> None:
        with self.translated(f"Writing to {table.name} on connection {self.conn_id!r}"):
            self._ready()._client.insert(self.name(table.name), rows, column_names=list(columns), database="")

    def _bound(self, value: Any) -> Any:
        return naive_utc(value).isoformat(" ", "microseconds") if isinstance(value, dt.datetime) else value

    @property
    def _placeholder(self) -> str:
        return "%s"

    def _code(self, error: Exception) -> str | None:
        found = _CODE.search(str(error))
        return found[1] if found else None

    def _state(self, error: Exception) -> str | None:
        code = self._code(error)
        return _STATES.get(int(code)) if code else None
