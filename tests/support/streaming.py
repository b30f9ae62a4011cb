"""Conversions to stream, and what is left of them afterwards."""

from __future__ import annotations

import datetime as dt
import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Collection
    from pathlib import Path

    from airflow_provider_linkedin_capi.sandbox.server import SandboxServer
    from tests.support.warehouse import Warehouse

RULE = 22285180
RULE_URN = f"urn:lla:llaPartnerConversion:{RULE}"
QUERY = "SELECT event_id, email, happened_at FROM conversions ORDER BY id"


def happened_at() -> str:
    """A time that LinkedIn takes."""
    return (dt.datetime.now(dt.UTC) - dt.timedelta(days=2)).isoformat()


def conversions(warehouse: Warehouse, count: int, *, bad_emails: Collection[int] = (), first: int = 0) -> None:
    """Put rows ``e-<first>``, … into the table ``conversions``, some of them without a usable e-mail address."""
    warehouse.execute(
        "CREATE TABLE IF NOT EXISTS conversions (id INTEGER PRIMARY KEY, event_id TEXT, email TEXT, happened_at TEXT)"
    )
    warehouse.executemany(
        "INSERT INTO conversions VALUES (?, ?, ?, ?)",
        [
            (n, f"e-{n}", "nonsense" if n in bad_emails else f"Member{n}@Example.com ", happened_at())
            for n in range(first, first + count)
        ],
    )


def make_too_old_for_linkedin(sandbox: SandboxServer, warehouse: Warehouse, row: int) -> None:
    """Let a row pass the checks and be refused by LinkedIn, whose clock is ahead."""
    sandbox.world.clock.offset_seconds = 7200
    oldest = dt.datetime.now(dt.UTC) - dt.timedelta(days=90) + dt.timedelta(hours=1)
    warehouse.execute("UPDATE conversions SET happened_at = ? WHERE id = ?", (oldest.isoformat(), row))


def event_ids(sandbox: SandboxServer) -> list[str]:
    """The ids of all events that LinkedIn stored, repeated as often as it stored them."""
    return [event["eventId"] for event in sandbox.world.events]


def letters(path: Path) -> list[dict[str, Any]]:
    """The dead letters in a file."""
    return [json.loads(line) for line in path.read_text().splitlines()]
