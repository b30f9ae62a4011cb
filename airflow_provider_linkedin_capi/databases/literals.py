"""Values as SQL, for databases whose drivers take few parameters."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from airflow_provider_linkedin_capi.databases.base import Database, naive_utc

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from airflow_provider_linkedin_capi.databases.base import Row
    from airflow_provider_linkedin_capi.databases.tables import Table

#: Characters of one statement; more make parsing slow, or are refused.
_STATEMENT_CHARACTERS = 500_000


class LiteralDatabase(Database):
    """A database that gets its values within the statement."""

    def _append(self, table: Table, columns: Sequence[str], rows: Sequence[Row]) -> None:
        insert = f"INSERT INTO {self.name(table.name)} ({self._list(columns)}) VALUES "
        for values in self._portions(rows):
            self.execute(insert + values)

    def _portions(self, rows: Sequence[Row]) -> Iterator[str]:
        portion: list[str] = []
        characters = 0
        for row in rows:
            text = f"({', '.join(map(self._literal, row))})"
            if portion and characters + len(text) > _STATEMENT_CHARACTERS:
                yield ", ".join(portion)
                portion, characters = [], 0
            portion.append(text)
            characters += len(text)
        yield ", ".join(portion)

    def execute(self, sql: str, parameters: Sequence[Any] = ()) -> int:
        """Run a small statement; return how many rows it changed, -1 when the database does not say."""
        return super().execute(self._inlined(sql, parameters))

    def query(self, sql: str, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """Return all rows of a small query."""
        return super().query(self._inlined(sql, parameters))

    def _inlined(self, sql: str, parameters: Sequence[Any]) -> str:
        if not parameters:
            return sql
        parts = sql.split("?")
        literals = [*map(self._literal, parameters), ""]
        return "".join(part + literal for part, literal in zip(parts, literals, strict=True))

    def _literal(self, value: Any) -> str:
        if value is None:
            return "NULL"
        if isinstance(value, str):
            return self._text(value)
        if isinstance(value, dt.datetime):
            return self._moment(naive_utc(value).isoformat(" ", "microseconds"))
        if isinstance(value, dt.date):
            return f"DATE '{value.isoformat()}'"
        if isinstance(value, Decimal):
            return self._decimal(f"{value:f}")
        if isinstance(value, int):
            return str(value)
        raise TypeError(f"a {type(value).__name__} cannot be written to {self.family}")

    def _text(self, value: str) -> str:
        return "'" + value.replace("'", "''") + "'"

    def _moment(self, utc: str) -> str:
        return f"TIMESTAMP '{utc}'"

    def _decimal(self, digits: str) -> str:
        return f"DECIMAL '{digits}'"
