"""Events received, and the document of everything else, in one SQLite database."""

from __future__ import annotations

import sqlite3
from decimal import Decimal
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

_SCHEMA = """
CREATE TABLE IF NOT EXISTS document (name TEXT PRIMARY KEY, body BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS event (
    number INTEGER PRIMARY KEY,
    source TEXT NOT NULL,
    account INTEGER NOT NULL,
    rule INTEGER NOT NULL,
    event_id TEXT,
    happened_at INTEGER NOT NULL,
    received_at INTEGER NOT NULL,
    digest BLOB NOT NULL,
    body BLOB NOT NULL,
    visible_at INTEGER,
    campaign INTEGER,
    clicked INTEGER NOT NULL,
    value TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS event_waiting ON event (visible_at) WHERE campaign IS NULL AND visible_at IS NOT NULL;
CREATE INDEX IF NOT EXISTS event_of_tag ON event (account, event_id) WHERE source = 'INSIGHT_TAG';
"""

CAPI = "CONVERSIONS_API"
INSIGHT_TAG = "INSIGHT_TAG"
OFFLINE = "OFFLINE"


class _ExactSum:
    """SQL's SUM for decimal numbers kept as text."""

    def __init__(self) -> None:
        self._sum = Decimal(0)

    def step(self, value: str) -> None:
        self._sum += Decimal(value)

    def finalize(self) -> str:
        return str(self._sum)


class Received(NamedTuple):
    """One event as it is stored, in the order of the table's columns.

    :param visible_at: when reports show it, epoch milliseconds; None when it is attributed to nobody.
    :param clicked: whether the ad was clicked rather than seen.
    :param value: its value in the account's currency, a decimal number as text.
    """

    source: str
    account: int
    rule: int
    event_id: str | None
    happened_at: int
    received_at: int
    digest: bytes
    body: bytes
    visible_at: int | None
    clicked: bool
    value: str


class Store:
    """The database; a file survives restarts, without one everything stays in memory.

    :param path: the file.
    """

    def __init__(self, path: str | Path | None) -> None:
        self._connection = sqlite3.connect(path or ":memory:", check_same_thread=False)
        self._connection.execute("PRAGMA journal_mode = WAL")
        self._connection.execute("PRAGMA synchronous = NORMAL")
        self._connection.executescript(_SCHEMA)
        self._connection.create_aggregate("exact_sum", 1, _ExactSum)  # type: ignore[arg-type]

    def load(self, name: str) -> bytes | None:
        """Return a document."""
        row = self.query("SELECT body FROM document WHERE name = ?", (name,)).fetchone()
        return row[0] if row else None

    def save(self, name: str, body: bytes) -> None:
        """Write a document."""
        self.query("INSERT OR REPLACE INTO document VALUES (?, ?)", (name, body))

    def add(self, events: Iterable[Received]) -> None:
        """Append events."""
        self._connection.executemany(
            "INSERT INTO event (source, account, rule, event_id, happened_at, received_at, digest, body,"
            " visible_at, clicked, value) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            events,
        )

    def bodies(self) -> Iterator[Any]:
        """Yield every event of the Conversions API as it came, oldest first."""
        for (body,) in self.query("SELECT body FROM event WHERE source = ? ORDER BY number", (CAPI,)):
            yield msgspec.json.decode(body)

    def query(self, statement: str, parameters: Iterable[Any] = ()) -> sqlite3.Cursor:
        """Run one statement."""
        return self._connection.execute(statement, tuple(parameters))

    def commit(self) -> None:
        """End the transaction of a request."""
        self._connection.commit()

    def rollback(self) -> None:
        """Forget what a failed request wrote."""
        self._connection.rollback()

    def close(self) -> None:
        """Close the database."""
        self._connection.close()
