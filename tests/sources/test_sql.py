from __future__ import annotations

import resource
import traceback

import pytest

from airflow_provider_linkedin_capi.exceptions import ConfigurationError, DatabaseError
from airflow_provider_linkedin_capi.sources.sql import SqlSource, one_statement


@pytest.fixture
def seven_rows(warehouse):
    warehouse.execute("CREATE TABLE conversions (id INTEGER, email TEXT)")
    for number in range(7):
        warehouse.execute("INSERT INTO conversions VALUES (?, ?)", (number, f"m{number}@example.com"))
    return warehouse


def rows(source, size=3):
    return [row for chunk in source.chunks(size) for row in chunk.rows]


def test_chunks_have_the_query_s_columns_and_exactly_as_many_rows_as_asked_for(seven_rows):
    source = SqlSource("warehouse", "SELECT id, email AS mail FROM conversions ORDER BY id")
    chunks = list(source.chunks(3))
    assert [len(chunk.rows) for chunk in chunks] == [3, 3, 1]
    assert {chunk.columns for chunk in chunks} == {("id", "mail")}
    assert chunks[0].rows[1] == (1, "m1@example.com")
    assert type(chunks[0].rows[0]) is tuple


def test_a_query_without_rows_gives_no_chunk(seven_rows):
    assert list(SqlSource("warehouse", "SELECT id FROM conversions WHERE id < 0").chunks(3)) == []


@pytest.mark.parametrize(
    ("statement", "parameters"),
    [("id >= ?", [5]), ("id >= ?", (5,)), ("id >= :least", {"least": 5})],
)
def test_parameters_are_the_driver_s_own(seven_rows, statement, parameters):
    source = SqlSource("warehouse", f"SELECT id FROM conversions WHERE {statement} ORDER BY id", parameters)
    assert rows(source) == [(5,), (6,)]


@pytest.mark.parametrize("database", ["warehouse", "postgres"])
def test_percent_signs_colons_and_semicolons_in_literals_are_left_alone(request, database):
    request.getfixturevalue(database)
    assert rows(SqlSource(database, "SELECT '50 %', ':name', 'a;b'")) == [("50 %", ":name", "a;b")]


def test_rows_are_counted_only_when_asked_for(seven_rows):
    query = "SELECT id FROM conversions WHERE id > ? -- the newer ones\n;"
    assert SqlSource("warehouse", query, [2]).count_rows() is None
    assert SqlSource("warehouse", query, [2], count=True).count_rows() == 4


def test_a_count_that_fails_is_said_and_changes_nothing_else(warehouse, caplog):
    source = SqlSource("warehouse", "VALUES (1), (2", count=True)
    assert source.count_rows() is None
    assert "cannot be counted" in caplog.text


def test_a_missing_table_is_permanent_and_names_the_connection(seven_rows):
    with pytest.raises(DatabaseError, match=r"connection 'warehouse' failed: a table does not exist") as raised:
        rows(SqlSource("warehouse", "SELECT * FROM conversion_events"))
    assert raised.value.permanent


def test_an_error_does_not_repeat_the_parameters(seven_rows):
    email = "mary" + "@example.com"
    with pytest.raises(DatabaseError) as raised:
        rows(SqlSource("warehouse", "SELECT * FROM missing WHERE email = ?", [email]))
    assert email not in "".join(traceback.format_exception(raised.value))


@pytest.mark.parametrize(
    "expression",
    [
        "who::int",
        "to_date(who, 'YYYY-MM-DD')",
        "who::timestamptz",
        "who::json",
        "who::inet",
        "('{\"a\":' || who)::jsonb",
    ],
)
def test_an_error_does_not_repeat_the_cell_at_fault(postgres, expression):
    cell = "Jane Doe +49 170 1234567"
    with pytest.raises(DatabaseError) as raised:
        rows(SqlSource("postgres", f"SELECT {expression} FROM (SELECT '{cell}' AS who) people"))
    assert raised.value.code
    assert raised.value.permanent
    assert not any(word in str(raised.value) for word in cell.split())


def test_a_connection_of_another_kind_is_refused_for_good(connect):
    connect("lake", conn_type="http", host="example.com")
    with pytest.raises(DatabaseError, match="lake") as raised:
        rows(SqlSource("lake", "SELECT 1"))
    assert raised.value.permanent


def test_a_lost_connection_may_pass(postgres):
    chunks = SqlSource("postgres", "SELECT generate_series(1, 100000) AS i").chunks(10)
    next(chunks)
    others = "datname = current_database() AND pid <> pg_backend_pid()"
    postgres.query(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE {others}")
    with pytest.raises(DatabaseError) as raised:
        list(chunks)
    assert not raised.value.permanent


def test_a_statement_that_returns_nothing_is_refused(seven_rows):
    with pytest.raises(DatabaseError, match="returns no rows"):
        rows(SqlSource("warehouse", "CREATE TABLE other (id INTEGER)"))


def test_hook_parameters_and_another_database_reach_the_hook(postgres):
    postgres.execute("CREATE SCHEMA other")
    source = SqlSource(
        "postgres",
        "SELECT current_setting('search_path')",
        hook_params={"options": "-c search_path=other"},
        database=postgres.name,
    )
    assert rows(source) == [("other",)]


def test_postgres_rows_come_with_their_own_types(postgres):
    query = (
        "SELECT 7 AS id, 19.90::numeric AS amount, '{\"a\": 1}'::jsonb AS extra, "
        "TIMESTAMPTZ '2026-01-02 03:04:05+00' AS happened_at WHERE 1 = %s"
    )
    (row,) = rows(SqlSource("postgres", query, [1]))
    assert str(row[1]) == "19.90"
    assert row[2] == {"a": 1}
    assert row[3].isoformat().startswith("2026-01-02T03:04:05")


def test_dates_that_python_cannot_hold_do_no_harm_in_columns_nobody_uses(postgres):
    query = (
        "SELECT i AS id, CASE WHEN i = 60 THEN timestamp 'infinity' END AS valid_to, "
        "CASE WHEN i = 61 THEN date '0001-01-01 BC' END AS born FROM generate_series(1, 100) AS i ORDER BY i"
    )
    assert [row[0] for row in rows(SqlSource("postgres", query), 10)] == list(range(1, 101))


def test_postgres_is_streamed_not_held_in_memory(postgres):
    query = "SELECT i, repeat('x', 1000) AS filler FROM generate_series(1, 300000) AS i"
    count = 0
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for chunk in SqlSource("postgres", query).chunks(5000):
        count += len(chunk.rows)
    added = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert count == 300_000
    assert added < 100 * 1024, f"{added} KiB more at the peak; the whole result is 300 MB"


def test_a_reader_that_stops_early_leaves_no_transaction_open(postgres):
    chunks = SqlSource("postgres", "SELECT generate_series(1, 100000) AS i").chunks(10)
    next(chunks)
    chunks.close()
    others = "datname = current_database() AND pid <> pg_backend_pid()"
    assert postgres.query(f"SELECT state FROM pg_stat_activity WHERE {others}") == []


@pytest.mark.parametrize("database", ["warehouse", "postgres"])
@pytest.mark.parametrize(
    "query",
    [
        f"SELECT 1 AS id WHERE 1 IN ({', '.join(map(str, range(30_000)))})",
        f"SELECT * FROM (VALUES {', '.join(f'({number})' for number in range(2500))}) AS t LIMIT 1 OFFSET 1",
        f"SELECT {'(' * 50}1{')' * 50}",
    ],
    ids=["list", "values", "brackets"],
)
def test_a_query_may_be_as_long_as_the_database_takes(request, database, query):
    request.getfixturevalue(database)
    assert rows(SqlSource(database, query)) == [(1,)]


@pytest.mark.parametrize("statement", ["SELECT 1; SELECT 2", "DELETE FROM conversions; SELECT 1", "SELECT 1;;SELECT 2"])
def test_several_statements_are_refused_before_any_runs(seven_rows, statement):
    with pytest.raises(ConfigurationError, match="more than one statement"):
        rows(SqlSource("warehouse", statement))
    assert seven_rows.query("SELECT COUNT(*) AS rows FROM conversions") == [{"rows": 7}]


@pytest.mark.parametrize("sql", ["", " ; ", "-- SELECT 1", "/* SELECT 1; */"])
def test_no_statement_is_refused(sql):
    with pytest.raises(ConfigurationError, match="sql is empty after rendering"):
        one_statement(sql)


@pytest.mark.parametrize(
    "end", [";", " ;\n", ";\n-- that is all; really\n", ";/* a; /* b; */ c; */", "; // a; b", "; # a; b"]
)
def test_what_ends_the_statement_is_left_out(end):
    assert one_statement(f"SELECT 1{end}") == "SELECT 1"


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT 'a;b', 'it''s; x', \"c;d\", `e;f`",
        r"SELECT 'it\'s; x'",
        "SELECT $$a;b$$, $tag$;$$;$tag$",
        "SELECT '''a'b; c''', \"\"\"d\"e; f\"\"\"",
        "/*+ parallel; */ SELECT 1 -- one; two\n FROM t",
        "SELECT 7 // 2",
        "SELECT extra #>> '{a}' FROM t",
        "SELECT 1 // one; two\n FROM t",
        "SELECT 1 # one; two\n FROM t",
        "SELECT tags[1], '/*', '--' FROM t",
        "SELECT '/*; */', '*/'",
    ],
)
def test_semicolons_that_end_nothing_are_left_alone(sql):
    assert one_statement(sql) == sql


def test_binary_values_in_unused_columns_do_no_harm(warehouse):
    warehouse.execute("CREATE TABLE notes (id INTEGER, note TEXT)")
    warehouse.executemany("INSERT INTO notes VALUES (?, 'ok')", [(number,) for number in range(25)])
    warehouse.execute("UPDATE notes SET note = CAST(x'4bf66c6e' AS TEXT) WHERE id IN (7, 8, 20)")
    found = rows(SqlSource("warehouse", "SELECT id, note FROM notes ORDER BY id"), 5)
    assert [row[0] for row in found] == list(range(25))
    assert [row[0] for row in found if row[1] != "ok"] == [7, 8, 20]
