"""What MySQL and MariaDB alone have to do right."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from airflow_provider_linkedin_capi.databases.opening import open_database

if TYPE_CHECKING:
    from collections.abc import Iterator

    from airflow_provider_linkedin_capi.databases.base import Database
    from tests.mariadb import MariaDb
    from tests.support.connecting import Connect


@pytest.fixture(params=["mysqlclient", "mysqlconnector"])
def database(request: pytest.FixtureRequest) -> Iterator[Database]:
    database = open_database(request.getfixturevalue(request.param))
    yield database
    database.close()


def test_a_pause_does_not_end_the_reading(mariadb: MariaDb, database: Database) -> None:
    mariadb.execute("SET GLOBAL net_write_timeout = 1")
    try:
        reading = database.rows("SELECT seq, REPEAT('x', 1000) FROM seq_1_to_50000", size=10)
        next(reading)
        # Longer than the server waits for readers otherwise, with more rows than the network buffers.
        time.sleep(3)
        assert sum(len(rows) for _, rows in reading) == 49_990
    finally:
        mariadb.execute("SET GLOBAL net_write_timeout = 60")


def test_texts_of_a_latin1_table_are_read(mariadb: MariaDb, database: Database) -> None:
    mariadb.execute(f"CREATE TABLE {mariadb.name}.people (name VARCHAR(20)) CHARSET latin1")
    database.execute("INSERT INTO people VALUES (?)", ["Zoë"])
    assert [rows for _, rows in database.rows("SELECT name FROM people")] == [[("Zoë",)]]


def test_the_session_is_strict_beside_the_modes_it_has(mariadb: MariaDb, database: Database) -> None:
    [(modes,)] = database.query("SELECT @@sql_mode")
    assert "STRICT_ALL_TABLES" in modes
    assert "NO_ENGINE_SUBSTITUTION" in modes


def test_the_extra_cursor_does_not_change_the_rows(mariadb: MariaDb, connect: Connect) -> None:
    pytest.importorskip("MySQLdb", reason="MariaDB: mysqlclient is not on this machine")
    connect(
        "dicts", conn_type="mysql", host="127.0.0.1", port=mariadb.port, login="airflow", password="secret",
        schema=mariadb.name, extra={"cursor": "dictcursor"},
    )  # fmt: skip
    database = open_database("dicts")
    assert list(database.rows("SELECT 1 AS a, 2 AS b")) == [(("a", "b"), [(1, 2)])]
    assert database.query("SELECT 1 AS a, 2 AS b") == [(1, 2)]
    database.close()
