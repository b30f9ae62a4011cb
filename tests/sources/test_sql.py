from __future__ import annotations

import resource
from typing import Any

import pytest

from airflow_provider_linkedin_capi.exceptions import SourceError
from airflow_provider_linkedin_capi.sources import sql
from airflow_provider_linkedin_capi.sources.sql import SqlSource


@pytest.fixture
def seven_rows(warehouse):
    warehouse.execute("CREATE TABLE conversions (id INTEGER, email TEXT)")
    for number in range(7):
        warehouse.execute("INSERT INTO conversions VALUES (?, ?)", (number, f"m{number}@example.com"))
    return warehouse


def read(source: SqlSource, size: int = 3) -> list[tuple[Any, ...]]:
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
    assert read(source) == [(5,), (6,)]


@pytest.mark.parametrize("database", ["warehouse", "postgres"])
def test_percent_signs_colons_and_semicolons_in_literals_are_left_alone(request, database):
    request.getfixturevalue(database)
    assert read(SqlSource(database, "SELECT '50 %', ':name', 'a;b'")) == [("50 %", ":name", "a;b")]


def test_rows_are_counted_only_when_asked_for(seven_rows):
    query = "SELECT id FROM conversions WHERE id > ? -- the newer ones\n;"
    assert SqlSource("warehouse", query, [2]).count_rows() is None
    assert SqlSource("warehouse", query, [2], count=True).count_rows() == 4


def test_a_missing_table_is_named_with_the_connection(seven_rows):
    with pytest.raises(SourceError, match=r"connection 'warehouse'.*no such table: conversion_events"):
        read(SqlSource("warehouse", "SELECT * FROM conversion_events"))


def test_an_error_does_not_repeat_the_parameters(seven_rows):
    with pytest.raises(SourceError) as raised:
        read(SqlSource("warehouse", "SELECT * FROM missing WHERE email = ?", ["mary@example.com"]))
    assert "mary" not in str(raised.value)
    assert raised.value.__suppress_context__


@pytest.mark.parametrize("statement", ["SELECT 1; SELECT 2", "DELETE FROM conversions; SELECT 1", " ; "])
def test_several_statements_are_refused_before_any_runs(seven_rows, statement):
    with pytest.raises(SourceError, match="write a single SELECT"):
        read(SqlSource("warehouse", statement))
    assert seven_rows.query("SELECT COUNT(*) AS rows FROM conversions") == [{"rows": 7}]


@pytest.mark.parametrize("comment", ["-- that is all; really", "/* that is all */"])
def test_a_comment_after_the_semicolon_is_no_statement(seven_rows, comment):
    source = SqlSource("warehouse", f"SELECT * FROM conversions;\n{comment}\n", count=True)
    assert source.count_rows() == 7


def test_a_statement_that_returns_nothing_is_refused(seven_rows):
    with pytest.raises(SourceError, match="returns no rows"):
        read(SqlSource("warehouse", "CREATE TABLE other (id INTEGER)"))


def test_a_connection_of_another_kind_is_refused(connect):
    connect("lake", conn_type="http", host="example.com")
    with pytest.raises(SourceError, match="'lake' is of a type that cannot run SQL"):
        read(SqlSource("lake", "SELECT 1"))


def test_a_hook_without_sqlalchemy_dialect_is_read_through_its_cursor(seven_rows, monkeypatch):
    monkeypatch.setattr(sql, "engine_of", lambda hook: None)
    source = SqlSource("warehouse", "SELECT id FROM conversions WHERE id > ? ORDER BY id", [1])
    chunks = list(source.chunks(2))
    assert [chunk.rows for chunk in chunks] == [[(2,), (3,)], [(4,), (5,)], [(6,)]]
    with pytest.raises(SourceError, match="no such table"):
        read(SqlSource("warehouse", "SELECT * FROM missing"))


def test_a_driver_that_hands_out_small_portions_still_gives_full_chunks():
    portions = iter([[(1,), (2,)], [(3,)], [(4,), (5,)], []])
    chunks = list(sql._portions(("id",), lambda size: next(portions), 3))
    assert [chunk.rows for chunk in chunks] == [[(1,), (2,), (3,)], [(4,), (5,)]]


def test_postgres_rows_come_with_their_own_types(postgres):
    query = (
        "SELECT 7 AS id, 19.90::numeric AS amount, '{\"a\": 1}'::jsonb AS extra, "
        "TIMESTAMPTZ '2026-01-02 03:04:05+00' AS happened_at WHERE 1 = %s"
    )
    (row,) = read(SqlSource("postgres", query, [1]))
    assert str(row[1]) == "19.90"
    assert row[2] == {"a": 1}
    assert row[3].isoformat().startswith("2026-01-02T03:04:05")


@pytest.mark.parametrize("value", ["mary@example.com", "Mary Smith"])
def test_an_error_does_not_repeat_the_cell_at_fault(postgres, value):
    with pytest.raises(SourceError, match="invalid input syntax for type integer: ") as raised:
        read(SqlSource("postgres", f"SELECT who::int FROM (VALUES ('1'), ('{value}')) AS people (who)"))
    assert value not in str(raised.value)


def test_postgres_is_streamed_not_held_in_memory(postgres):
    query = "SELECT i, repeat('x', 1000) AS filler FROM generate_series(1, 300000) AS i"
    rows = 0
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for chunk in SqlSource("postgres", query).chunks(5000):
        rows += len(chunk.rows)
    added = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert rows == 300_000
    assert added < 100 * 1024, f"{added} KiB more at the peak; the whole result is 300 MB"


def test_a_reader_that_stops_early_leaves_no_transaction_open(postgres):
    chunks = SqlSource("postgres", "SELECT generate_series(1, 100000) AS i").chunks(10)
    next(chunks)
    chunks.close()
    others = "datname = current_database() AND pid <> pg_backend_pid()"
    assert postgres.query(f"SELECT state FROM pg_stat_activity WHERE {others}") == []
