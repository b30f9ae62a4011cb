"""The databases that the contract is tested on. One that is not on this machine is skipped, and named at the end."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_linkedin_capi.databases.opening import open_database

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from airflow_provider_linkedin_capi.databases.base import Database
    from tests.conftest import Connect

FAMILIES = ("postgres", "psycopg2", "sqlite")


@dataclass
class Place:
    """An empty database behind an Airflow connection."""

    family: str
    conn_id: str
    opened: list[Database]

    def open(self, **options: Any) -> Database:
        """Open it once more; closed at the end of the test."""
        database = open_database(self.conn_id, **options)
        self.opened.append(database)
        return database


@pytest.fixture
def sqlite(tmp_path: Path, connect: Connect) -> str:
    return connect("warehouse", conn_type="sqlite", host=str(tmp_path / "warehouse.db"))


@pytest.fixture
def psycopg2(postgres: Any, monkeypatch: pytest.MonkeyPatch) -> str:
    """PostgreSQL by the driver of older environments."""
    from airflow.providers.postgres.hooks import postgres as hooks

    if not getattr(hooks, "USE_PSYCOPG3", False):
        pytest.skip("the hook uses psycopg2 anyway")
    monkeypatch.setattr(hooks, "USE_PSYCOPG3", False)
    return str(postgres.conn_id)


@pytest.fixture(params=FAMILIES)
def place(request: pytest.FixtureRequest) -> Iterator[Place]:
    """Each database in turn."""
    fixture = request.getfixturevalue(request.param)
    place = Place(request.param, getattr(fixture, "conn_id", fixture), [])
    yield place
    for database in place.opened:
        database.close()


@pytest.fixture
def database(place: Place) -> Database:
    return place.open()


@pytest.fixture
def needs(database: Database) -> Callable[[str], None]:
    """``needs("arbitrates")`` skips the test where the database cannot do that."""

    def check(ability: str) -> None:
        if not getattr(database, ability):
            pytest.skip(f"{database.family}: not {ability}")

    return check


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Name the databases that nothing was tested on."""
    skipped = {
        str(report.longrepr[2]).removeprefix("Skipped: ")
        for report in terminalreporter.getreports("skipped")
        if report.nodeid.startswith("tests/databases/") and "not on this machine" in str(report.longrepr)
    }
    for reason in sorted(skipped):
        terminalreporter.write_line(f"NOT TESTED: {reason}", yellow=True)
