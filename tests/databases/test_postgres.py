"""What PostgreSQL alone has to do right."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_linkedin_capi.databases.opening import open_database
from tests.databases.ledger_table import AT, COLUMNS, NAMES, TABLE, row

if TYPE_CHECKING:
    from collections.abc import Iterator

    from airflow_provider_linkedin_capi.databases.base import Database

OTHERS = "WHERE datname = current_database() AND pid <> pg_backend_pid()"


@pytest.fixture(params=["psycopg", "psycopg2"])
def database(request: pytest.FixtureRequest, postgres: Any) -> Iterator[Database]:
    if request.param == "psycopg2":
        request.getfixturevalue("psycopg2")
    database = open_database(postgres.conn_id)
    yield database
    database.close()


@pytest.mark.parametrize(
    "value",
    [
        "'infinity'::timestamptz", "'-infinity'::timestamp", "'infinity'::date", "'0001-01-01 BC'::date",
        "'4713-01-01 00:00 BC'::timestamptz", "'24:00'::time", "'178000000 years'::interval",
    ],
)  # fmt: skip
def test_a_value_that_python_cannot_hold_does_not_end_the_reading(database: Database, value: str) -> None:
    query = f"SELECT n, CASE WHEN n = 15 THEN {value} END AS odd FROM generate_series(1, 20) n ORDER BY n"
    rows = [row for _, rows in database.rows(query, size=10) for row in rows]
    assert [number for number, _ in rows] == list(range(1, 21))


def test_usual_moments_are_read_as_such(database: Database) -> None:
    [(_, rows)] = database.rows("SELECT '2026-11-27 18:04:37.123456+00'::timestamptz, '2026-11-27'::date")
    assert rows == [(AT, AT.date())]


def test_a_pause_does_not_end_the_reading(postgres: Any, database: Database) -> None:
    postgres.execute(f"ALTER DATABASE {postgres.name} SET idle_in_transaction_session_timeout = 300")
    reading = database.rows("SELECT generate_series(1, 20)", size=10)
    next(reading)
    # Longer than the timeout that new sessions get.
    postgres.execute("SELECT pg_sleep(0.6)")
    assert len(next(reading)[1]) == 10


def test_reading_goes_through_a_server_side_cursor(postgres: Any, database: Database) -> None:
    reading = database.rows("SELECT generate_series(1, 1000000)", size=10)
    next(reading)
    [found] = postgres.query("SELECT count(*) AS cursors FROM pg_stat_activity WHERE query LIKE 'FETCH%'")
    assert found["cursors"] == 1
    reading.close()
    [found] = postgres.query(f"SELECT count(*) AS open FROM pg_stat_activity {OTHERS}")
    assert found["open"] == 0


def test_parameters_are_taken_as_the_hook_takes_them(database: Database) -> None:
    assert [rows for _, rows in database.rows("SELECT %s::int + 1", (1,))] == [[(2,)]]
    assert [rows for _, rows in database.rows("SELECT %(n)s::int + 1", {"n": 1})] == [[(2,)]]


def test_the_extra_cursor_does_not_change_the_rows(postgres: Any, connect: Any) -> None:
    connect(
        "dicts",
        conn_type="postgres",
        host="127.0.0.1",
        port=postgres.port,
        login="airflow",
        schema=postgres.name,
        extra={"cursor": "dictcursor"},
    )
    database = open_database("dicts")
    assert list(database.rows("SELECT 1 AS a, 2 AS b")) == [(("a", "b"), [(1, 2)])]
    assert database.query("SELECT 1 AS a, 2 AS b") == [(1, 2)]
    database.close()


def test_another_database_and_hook_parameters_are_used(postgres: Any) -> None:
    database = open_database(postgres.conn_id, {"options": "-c search_path=elsewhere"}, "postgres")
    assert database.query("SELECT current_database(), current_setting('search_path')") == [("postgres", "elsewhere")]
    database.close()


def test_keys_are_inserted_inside_a_transaction(database: Database) -> None:
    database.create(TABLE)
    database.append(TABLE, NAMES, [row(1)])
    with database.transaction():
        assert database.insert_new(TABLE, NAMES, [row(1), row(2)]) == {("r1", "e-000001")}
    assert len(database.query("SELECT * FROM ledger")) == 2


def test_a_server_that_ended_the_session_is_connected_again(
    postgres: Any, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    database.create(TABLE)
    monkeypatch.setattr("airflow_provider_linkedin_capi.databases.base._IDLE_SECONDS", 0.0)
    postgres.execute(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity {OTHERS}")
    assert database.columns(TABLE) == {column.name for column in COLUMNS}
