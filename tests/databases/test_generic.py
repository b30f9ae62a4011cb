"""A database that the package has no adapter for: plain SQL, and what its hook offers."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

import pytest

from airflow_provider_linkedin_capi.databases import opening
from tests.databases.ledger_table import AT, TABLE, stored

if TYPE_CHECKING:
    from collections.abc import Iterator

    from airflow_provider_linkedin_capi.databases.base import Database

NAMES = ("rule", "event_id", "position", "sent_at")


def row(number: int, sent_at: dt.datetime = AT) -> tuple[object, ...]:
    # Text, as the hook of the stand-in would not convert a moment.
    return ("r1", f"e-{number}", number, sent_at.isoformat())


@pytest.fixture
def database(sqlite: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Database]:
    """SQLite, as if nothing were known of it."""
    monkeypatch.delitem(opening._ADAPTERS, "SqliteHook")
    database = opening.open_database(sqlite)
    assert database.family == "generic"
    yield database
    database.close()


def test_a_table_is_created_once(database: Database) -> None:
    assert database.columns(TABLE) is None
    database.create(TABLE)
    database.create(TABLE)
    assert set(NAMES) <= (database.columns(TABLE) or set())


def test_what_is_written_stays(database: Database) -> None:
    database.create(TABLE)
    database.append(TABLE, NAMES, [row(number) for number in range(2500)])
    database.execute(f"DELETE FROM {database.name('ledger')} WHERE {database.quoted('position')} > ?", [9])
    database.close()
    assert stored(database) == [(f"e-{number}",) for number in range(10)]


def test_keys_are_found_in_lists(database: Database) -> None:
    database.create(TABLE)
    database.append(TABLE, NAMES, [row(number) for number in range(1500)])
    assert len(database.find(TABLE, TABLE.key, [("r1", f"e-{number}") for number in range(3000)])) == 1500


def test_a_kill_between_the_two_steps_leaves_no_hole_and_the_next_run_cleans_up(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    database.create(TABLE)
    database.append(TABLE, NAMES, [row(1), row(2)])
    where, later = f"{database.quoted('rule')} = ?", AT + dt.timedelta(hours=1)
    with monkeypatch.context() as killed:
        killed.setattr(type(database), "execute", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            database.replace_window(TABLE, NAMES, [row(3, later)], where, ["r1"])
    assert stored(database) == [("e-1",), ("e-2",), ("e-3",)]
    database.replace_window(TABLE, NAMES, [row(4, later + dt.timedelta(hours=1))], where, ["r1"])
    assert stored(database) == [("e-4",)]


def test_claims_are_refused(database: Database) -> None:
    with pytest.raises(NotImplementedError):
        database.insert_new(TABLE, NAMES, [row(1)])
