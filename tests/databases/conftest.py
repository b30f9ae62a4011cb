"""The databases that the contract is tested on. One that is not on this machine is skipped, and named at the end."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

import pytest

from tests.databases import redshift_proxy
from tests.databases.place import Place

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from airflow_provider_linkedin_capi.databases.base import Database
    from tests.mariadb import MariaDb
    from tests.postgres import PostgresDatabase
    from tests.support.connecting import Connect

FAMILIES = (
    "postgres",
    "psycopg2",
    "mysqlclient",
    "mysqlconnector",
    "sqlite",
    "duckdb",
    "snowflake",
    "bigquery",
    "redshift",
    "redshift_psycopg",
)
#: What is tested on other databases, but cannot be on a stand-in.
BEYOND_THE_STAND_IN = {
    ("snowflake", "test_several_tasks_create_the_same_table_at_once"): "fakesnow's catalog takes one writer at a time",
    ("snowflake", "test_a_table_may_have_an_odd_name[snowflake-with'apostrophe]"): "fakesnow cannot name such a table",
}
BEYOND_THE_STAND_IN |= {
    ("bigquery", f"test_a_table_may_have_an_odd_name[bigquery-{name}]"): "BigQuery has no such names"
    for name in ('with"quote', "with'apostrophe", 'drop"; DROP TABLE x; --', "a%b")
}


@pytest.fixture
def sqlite(tmp_path: Path, connect: Connect) -> str:
    return connect("warehouse", conn_type="sqlite", host=str(tmp_path / "warehouse.db"))


@pytest.fixture
def duckdb(tmp_path: Path, connect: Connect) -> str:
    pytest.importorskip("airflow.providers.duckdb", reason="DuckDB: its provider is not on this machine")
    return connect("duckdb", conn_type="duckdb", host=str(tmp_path / "warehouse.duckdb"))


@pytest.fixture
def snowflake(connect: Connect, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Snowflake's own connector; behind it fakesnow runs the statements in DuckDB."""
    pytest.importorskip("airflow.providers.snowflake", reason="Snowflake: its provider is not on this machine")
    fakesnow = pytest.importorskip("fakesnow", reason="Snowflake: fakesnow is not on this machine")
    cursor = import_module("fakesnow.cursor").FakeSnowflakeCursor
    errors = import_module("snowflake.connector.errors")
    execute = cursor.execute

    def execute_or_wait(*args: Any, **kwargs: Any) -> Any:
        try:
            return execute(*args, **kwargs)
        except Exception as error:
            # Where Snowflake waits for a lock DuckDB fails. Snowflake says 625 when too many wait.
            number = {"TransactionException": 625, "ConstraintException": 100072}.get(type(error).__name__)
            if number is None:
                raise
            raise errors.ProgrammingError(str(error), errno=number) from None

    monkeypatch.setattr(cursor, "execute", execute_or_wait)
    extra = {"account": "test", "database": "TEST", "warehouse": "TEST"}
    with fakesnow.patch():
        yield connect("snowflake", conn_type="snowflake", login="u", password="p", schema="PUBLIC", extra=extra)


@pytest.fixture
def bigquery_server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """BigQuery's REST API on localhost, which counts jobs."""
    for module in ("airflow.providers.google", "sqlglot", "duckdb"):
        pytest.importorskip(module, reason=f"BigQuery: {module} is not on this machine")
    for server in import_module("tests.databases.bigquery_server").serve():
        monkeypatch.setenv("BIGQUERY_EMULATOR_HOST", f"http://{server.host}")
        yield server


@pytest.fixture
def bigquery(bigquery_server: Any, connect: Connect) -> str:
    """BigQuery's own hook and client, connected as most connections are: by the type of all of Google Cloud."""
    extra = {"project": "test", "is_anonymous": True}
    return connect("bigquery", conn_type="google_cloud_platform", extra=extra)


@pytest.fixture
def redshift_port(postgres: PostgresDatabase) -> Iterator[int]:
    """PostgreSQL behind a proxy that refuses what Redshift refuses."""
    yield from redshift_proxy.serve(postgres.port)


@pytest.fixture
def redshift(redshift_port: int, postgres: PostgresDatabase, connect: Connect) -> str:
    """Redshift's own driver and hook."""
    pytest.importorskip("redshift_connector", reason="Redshift: redshift_connector is not on this machine")
    return connect(
        "redshift", conn_type="redshift", host="127.0.0.1", port=redshift_port, login="airflow", password="-",
        schema=postgres.name, extra={"ssl": False},
    )  # fmt: skip


@pytest.fixture
def redshift_psycopg(redshift_port: int, postgres: PostgresDatabase, connect: Connect) -> str:
    """Redshift by PostgreSQL's hook, as many connections are."""
    return connect(
        "redshift_psycopg", conn_type="postgres", host="127.0.0.1", port=redshift_port, login="airflow",
        schema=postgres.name, extra={"redshift": True},
    )  # fmt: skip


@pytest.fixture
def mysqlclient(mariadb: MariaDb) -> str:
    pytest.importorskip("MySQLdb", reason="MariaDB: mysqlclient is not on this machine")
    return mariadb.conn_id


@pytest.fixture
def mysqlconnector(mariadb: MariaDb, connect: Connect) -> str:
    pytest.importorskip("mysql.connector", reason="MariaDB: mysql-connector-python is not on this machine")
    return connect(
        "mysqlconnector", conn_type="mysql", host="127.0.0.1", port=mariadb.port, login="airflow", password="secret",
        schema=mariadb.name, extra={"client": "mysql-connector-python", "ssl_disabled": True},
    )  # fmt: skip


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
    for name in (request.node.originalname, request.node.name):
        if reason := BEYOND_THE_STAND_IN.get((request.param, name)):
            pytest.skip(reason)
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
