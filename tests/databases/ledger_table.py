"""A table with a column of each kind, and its rows."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from airflow_provider_linkedin_capi.databases.tables import Column, Table

if TYPE_CHECKING:
    from airflow_provider_linkedin_capi.databases.base import Database

AT = dt.datetime(2026, 11, 27, 18, 4, 37, 123456, dt.UTC)
COLUMNS = (
    Column("rule", "text", 80),
    Column("event_id", "text", 256),
    Column("amount", "decimal"),
    Column("position", "integer"),
    Column("day", "date"),
    Column("sent_at", "time"),
    Column("note", "text"),
)
NAMES = tuple(column.name for column in COLUMNS)
TABLE = Table("ledger", COLUMNS, key=("rule", "event_id"), index=("position", "day"), generation="sent_at")


def row(number: int, **values: Any) -> tuple[Any, ...]:
    """Return a row of ``TABLE``."""
    usual: dict[str, Any] = {
        "rule": "r1", "event_id": f"e-{number:06}", "amount": Decimal("12.34"), "position": number,
        "day": dt.date(2026, 11, 27), "sent_at": AT, "note": "",
    }  # fmt: skip
    return tuple((usual | values)[name] for name in NAMES)


def stored(database: Database, table: Table = TABLE, columns: tuple[str, ...] = ("event_id",)) -> list[tuple[Any, ...]]:
    """Return what the table holds, in the order of its first column."""
    names = ", ".join(map(database.quoted, columns))
    return sorted(database.query(f"SELECT {names} FROM {database.name(table.name)}"))
