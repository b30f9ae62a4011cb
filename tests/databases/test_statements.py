"""Databases that cannot run here: their statements, and how their hooks connect, compared with what they take."""

from __future__ import annotations

import datetime as dt
import re
from decimal import Decimal
from importlib import import_module
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_linkedin_capi.databases.opening import open_database
from airflow_provider_linkedin_capi.databases.tables import Column, Table
from airflow_provider_linkedin_capi.exceptions import DatabaseError
from tests.databases.ledger_table import NAMES, TABLE, row

if TYPE_CHECKING:
    from airflow_provider_linkedin_capi.databases.base import Database
    from tests.support.connecting import Connect

sqlglot = pytest.importorskip("sqlglot", reason="sqlglot, which knows each grammar, is not on this machine")

#: By family: the connection, the driver's function that connects, sqlglot's name of the grammar.
FAMILIES: dict[str, tuple[dict[str, Any], str, str]] = {
    "trino": (
        {
            "conn_type": "trino", "host": "trino.example", "port": 8443, "login": "etl", "password": "secret",
            "schema": "analytics", "extra": {"protocol": "https", "catalog": "iceberg"},
        },
        "trino.dbapi.connect",
        "trino",
    ),
    "databricks": (
        {
            "conn_type": "databricks", "host": "adb.example", "password": "token",
            "extra": {"http_path": "/sql/1.0/warehouses/of-the-connection"},
        },
        "databricks.sql.connect",
        "databricks",
    ),
    "clickhouse": (
        {"conn_type": "clickhouse", "host": "clickhouse.example", "login": "etl", "schema": "ads"},
        "clickhouse_connect.get_client",
        "clickhouse",
    ),
    "mssql": (
        {"conn_type": "mssql", "host": "mssql.example", "login": "sa", "password": "p@ss/word", "schema": "ads"},
        "pymssql.connect",
        "tsql",
    ),
    "oracle": (
        {
            "conn_type": "oracle", "host": "oracle.example", "port": 1521, "login": "etl", "password": "p@ss/word",
            "extra": {"service_name": "ADS"},
        },
        "oracledb.connect",
        "oracle",
    ),
}  # fmt: skip


class Recorder:
    """A driver's connection, and cursor, and client, that keeps what it is told and answers with nothing."""

    def __init__(self) -> None:
        self.connected: list[tuple[tuple[Any, ...], dict[str, Any]]] = []
        self.statements: list[str] = []
        self.parameters: list[Any] = []
        self.calls: list[tuple[str, tuple[Any, ...], dict[str, Any]]] = []
        self.description = [(name,) for name in NAMES]
        self.rowcount = 1

    def connect(self, *args: Any, **kwargs: Any) -> Recorder:
        self.connected.append((args, kwargs))
        return self

    def cursor(self, *_: Any, **__: Any) -> Recorder:
        return self

    def execute(self, sql: str, parameters: Any = None) -> None:
        self.statements.append(sql)
        self.parameters.append(parameters)

    def executemany(self, sql: str, rows: Any) -> None:
        self.statements.append(sql)
        self.parameters.append(list(rows))

    def fetchall(self) -> list[Any]:
        return []

    def __enter__(self) -> Recorder:
        return self

    def __exit__(self, *_: Any) -> None:
        return None

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return lambda *args, **kwargs: self.calls.append((name, args, kwargs))


@pytest.fixture(params=FAMILIES)
def family(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def driver(family: str, connect: Connect, monkeypatch: pytest.MonkeyPatch) -> Recorder:
    fields, function, _ = FAMILIES[family]
    module, _, name = function.rpartition(".")
    pytest.importorskip(module, reason=f"{family}: {module} is not on this machine")
    recorder = Recorder()
    if family == "clickhouse":
        hook = import_module("airflow.providers.clickhousedb.hooks.clickhouse")
        monkeypatch.setattr(hook.ClickHouseConnection, "cursor", lambda self: recorder)
    monkeypatch.setattr(import_module(module), name, recorder.connect)
    connect("far", **fields)
    return recorder


@pytest.fixture
def database(driver: Recorder) -> Database:
    return open_database("far")


def parsed(family: str, statement: str) -> Any:
    """Return the statement as its database's grammar reads it."""
    grammar = FAMILIES[family][2]
    if family in ("mssql", "clickhouse"):
        statement = statement.replace("%s", "NULL").replace("%%", "%")
    if family == "oracle":
        statement = re.sub(r":\d+", "NULL", statement)
    return sqlglot.parse_one(statement, read=grammar, error_level=sqlglot.ErrorLevel.RAISE)


DDL = {
    "trino": """CREATE TABLE IF NOT EXISTS "ads"."ledger" (
  "rule" VARCHAR,
  "amount" DECIMAL(24, 4),
  "position" BIGINT,
  "day" DATE,
  "sent_at" TIMESTAMP(6),
  "note" VARCHAR
);""",
    "databricks": """CREATE TABLE IF NOT EXISTS `ads`.`ledger` (
  `rule` STRING NOT NULL,
  `amount` DECIMAL(24, 4),
  `position` BIGINT,
  `day` DATE,
  `sent_at` TIMESTAMP,
  `note` STRING
)
CLUSTER BY (`day`, `rule`);""",
    "clickhouse": """CREATE TABLE IF NOT EXISTS `ads`.`ledger` (
  `rule` String,
  `amount` Nullable(Decimal(24, 4)),
  `position` Nullable(Int64),
  `day` Nullable(Date32),
  `sent_at` DateTime64(6, 'UTC'),
  `note` Nullable(String)
)
ENGINE = ReplacingMergeTree(`sent_at`) ORDER BY (`rule`);""",
    "mssql": """CREATE TABLE [ads].[ledger] (
  [rule] NVARCHAR(80) COLLATE Latin1_General_100_BIN2 NOT NULL,
  [amount] DECIMAL(24, 4),
  [position] BIGINT,
  [day] DATE,
  [sent_at] DATETIME2(6),
  [note] NVARCHAR(MAX),
  PRIMARY KEY ([rule]),
  INDEX [ix_ledger_day] ([day])
);""",
    "oracle": """CREATE TABLE "ADS"."LEDGER" (
  "RULE" VARCHAR2(80 CHAR) NOT NULL,
  "AMOUNT" NUMBER(24, 4),
  "POSITION" NUMBER(19),
  "DAY" DATE,
  "SENT_AT" TIMESTAMP(6),
  "NOTE" CLOB,
  PRIMARY KEY ("RULE")
);
CREATE INDEX "IX_LEDGER_DAY" ON "ADS"."LEDGER" ("DAY");""",
}


def test_the_ddl_has_the_types_of_the_family(family: str, database: Database) -> None:
    columns = tuple(column for column in TABLE.columns if column.name != "event_id")
    table = Table("ads.ledger", columns, key=("rule",), index=("day",), generation="sent_at")
    assert database.ddl(table) == DDL[family]


def test_names_of_three_parts_are_quoted_part_by_part(database: Database) -> None:
    left, right = database.quotes
    assert database.name("Prod.Ads.Ledger") == f"{left}Prod{right}.{left}Ads{right}.{left}Ledger{right}"


def test_it_connects_as_the_hook_does(family: str, driver: Recorder, database: Database) -> None:
    database.columns(TABLE)
    [ours] = driver.connected
    hook = type(database.hook)("far")
    hook.get_conn()
    assert driver.connected[1] == ours


@pytest.mark.parametrize("family", ["trino"])
def test_trino_is_read_in_the_catalog_of_the_hook(driver: Recorder, database: Database) -> None:
    database.columns(TABLE)
    [(_, options)] = driver.connected
    assert (options["catalog"], options["schema"], options["http_scheme"]) == ("iceberg", "analytics", "https")


@pytest.mark.parametrize("family", ["databricks"])
def test_parameters_of_the_hook_choose_the_warehouse(driver: Recorder) -> None:
    open_database("far", {"http_path": "/sql/1.0/warehouses/chosen"}).columns(TABLE)
    [(arguments, _)] = driver.connected
    assert arguments == ("adb.example", "/sql/1.0/warehouses/chosen", "token")


def test_statements_are_valid_in_the_grammar_of_the_family(family: str, driver: Recorder, database: Database) -> None:
    odd = row(2, note='it\'s \\ "odd"; -- 名前', amount=None, day=None)
    database.append(TABLE, NAMES, [row(1), odd])
    database.find(
        TABLE, TABLE.key, [("r1", "e-1"), ("r2", "it's")], ("position",), f"{database.quoted('note')} = ?", ["x"]
    )
    database.execute(f"UPDATE {database.name('ledger')} SET {database.quoted('note')} = ?", ["it's"])
    if family != "databricks":  # sqlglot does not know NOT MATCHED BY SOURCE there
        database.replace_window(TABLE, NAMES, [row(1)], f"{database.quoted('rule')} = ?", ["r1"])
    assert driver.statements or driver.calls
    for statement in driver.statements:
        if not statement.startswith("LOCK TABLE"):  # which sqlglot knows of no database
            parsed(family, statement)
    if database.arbitrates:
        database.insert_new(TABLE, NAMES, [row(1)])


@pytest.mark.parametrize("family", ["trino", "databricks"])
def test_values_within_a_statement_mean_what_they_were(family: str, driver: Recorder, database: Database) -> None:
    text = "it's \\ \"odd\"; -- 名前 '' \\' \n %s ?"
    database.append(TABLE, NAMES, [row(1, note=text, amount=Decimal("-1.5"), position=-(2**63), day=None)])
    values = parsed(family, driver.statements[-1]).expression.expressions[0].expressions
    by_name = dict(zip(NAMES, values, strict=True))
    assert by_name["note"].this == text
    assert by_name["day"].sql() == "NULL"
    assert str(2**63) in by_name["position"].sql()
    assert "2026-11-27 18:04:37.123456" in by_name["sent_at"].sql()


@pytest.mark.parametrize("family", ["trino", "databricks"])
def test_long_statements_are_cut(driver: Recorder, database: Database) -> None:
    database.append(TABLE, NAMES, [row(number, note="x" * 1000) for number in range(2000)])
    assert len(driver.statements) == 5
    assert max(map(len, driver.statements)) < 600_000


@pytest.mark.parametrize("family", ["mssql"])
def test_sql_server_gets_many_rows_in_a_statement(driver: Recorder, database: Database) -> None:
    database.append(TABLE, NAMES, [row(number) for number in range(1000)])
    assert len(driver.statements) == 4
    assert max(len(parameters) for parameters in driver.parameters) <= 2000
    # To the microsecond, which pymssql would cut.
    assert "2026-11-27T18:04:37.123456" in driver.parameters[0]


@pytest.mark.parametrize("family", ["oracle"])
def test_oracle_gets_arrays_of_typed_values(driver: Recorder, database: Database) -> None:
    oracledb = import_module("oracledb")
    database.append(TABLE, NAMES, [row(number, note=None) for number in range(1000)])
    [sql] = driver.statements
    assert sql.endswith("VALUES (:1, :2, :3, :4, :5, :6, :7)")
    assert len(driver.parameters[0]) == 1000
    [(_, types, _)] = [call for call in driver.calls if call[0] == "setinputsizes"]
    assert types == (
        oracledb.DB_TYPE_VARCHAR, oracledb.DB_TYPE_VARCHAR, oracledb.DB_TYPE_NUMBER, oracledb.DB_TYPE_NUMBER,
        oracledb.DB_TYPE_DATE, oracledb.DB_TYPE_TIMESTAMP, oracledb.DB_TYPE_VARCHAR,
    )  # fmt: skip


@pytest.mark.parametrize("family", ["clickhouse"])
def test_clickhouse_gets_rows_by_its_own_insert(driver: Recorder, database: Database) -> None:
    database.append(TABLE, NAMES, [row(1), row(2)])
    [(_, arguments, options)] = [call for call in driver.calls if call[0] == "insert"]
    assert arguments == ("`ledger`", [row(1), row(2)])
    assert options == {"column_names": list(NAMES), "database": ""}


@pytest.mark.parametrize("family", ["trino", "clickhouse"])
def test_without_transactions_new_rows_come_before_old_ones_go(driver: Recorder, database: Database) -> None:
    later = dt.datetime(2026, 11, 28, tzinfo=dt.UTC)
    written: list[str] = []
    append = database.append

    def appended(*arguments: Any) -> None:
        written.append(f"append after {len(driver.statements)}")
        append(*arguments)

    database.append = appended  # type: ignore[method-assign]
    database.replace_window(TABLE, NAMES, [row(1, sent_at=later)], f"{database.quoted('rule')} = ?", ["r1"])
    assert written == ["append after 0"]
    assert driver.statements[-1].startswith("DELETE FROM")
    assert f"AND {database.quoted('sent_at')} < " in driver.statements[-1]


@pytest.mark.parametrize("family", ["trino", "clickhouse"])
def test_without_a_generation_nothing_is_replaced(driver: Recorder, database: Database) -> None:
    table = Table("ledger", (Column("rule", "text", 80),), key=("rule",))
    with pytest.raises(DatabaseError, match="no generation column") as raised:
        database.replace_window(table, ("rule",), [("r1",)], f"{database.quoted('rule')} = ?", ["r1"])
    assert raised.value.permanent
    assert driver.statements == []


@pytest.mark.parametrize("family", ["databricks"])
def test_databricks_replaces_in_one_statement(driver: Recorder, database: Database) -> None:
    database.replace_window(TABLE, NAMES, [row(1)], "`rule` = ?", ["r'1"])
    create, insert, merge, drop = driver.statements
    assert create.startswith("CREATE TABLE IF NOT EXISTS `ledger_")
    assert insert.startswith("INSERT INTO `ledger_")
    assert merge.startswith("MERGE INTO `ledger` AS target USING `ledger_")
    assert merge.endswith("WHEN NOT MATCHED BY SOURCE AND (`rule` = 'r\\'1') THEN DELETE")
    assert drop.startswith("DROP TABLE `ledger_")
