from __future__ import annotations

import dataclasses
import datetime as dt
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from airflow_provider_linkedin_capi.exceptions import ResultsTableError
from airflow_provider_linkedin_capi.sinks.ledger import LedgerSink
from airflow_provider_linkedin_capi.sources.sql import SqlSource
from tests.sinks.conftest import RULE, SENT_AT

ROWS = [("e-0", "m@example.com"), ("e-1", "nonsense"), ("e-2", "x@example.com")]
REJECTED = {1: ("email", "email_invalid")}


@pytest.fixture(params=["warehouse", "postgres"])
def database(request):
    return request.getfixturevalue(request.param)


def opened(ledger, delivery, *, dry_run=False):
    ledger.open(dataclasses.replace(delivery, dry_run=dry_run))
    return ledger


def rows_of(database, table="results"):
    return database.query(f"SELECT * FROM {table} ORDER BY position")


def test_every_event_gets_a_row_with_outcome_reason_and_origin(database, task_run, batch):
    table = opened(LedgerSink(database.conn_id, "results"), task_run(map_index=3, try_number=2))
    table.write(batch(ROWS, number=7, first_position=100, rejected=REJECTED, held=[2]))
    accepted, rejected, held = rows_of(database)
    assert accepted["event_id"] == "e-0"
    assert accepted["conversion"] == RULE
    assert (accepted["outcome"], accepted["reason"], accepted["batch"], accepted["position"]) == (
        "accepted", None, 7, 100,
    )  # fmt: skip
    sent_at = accepted["sent_at"]
    sent_at = dt.datetime.fromisoformat(sent_at) if isinstance(sent_at, str) else sent_at
    assert sent_at.replace(tzinfo=dt.UTC) == SENT_AT
    assert (accepted["dag_id"], accepted["run_id"], accepted["task_id"]) == (
        "conversions", "scheduled__2026-11-01", "stream",
    )  # fmt: skip
    assert (accepted["map_index"], accepted["try_number"]) == (3, 2)
    assert (rejected["event_id"], rejected["outcome"], rejected["sent_at"]) == ("e-1", "rejected", None)
    assert (rejected["field"], rejected["reason"], rejected["message"]) == ("email", "email_invalid", "what is wrong")
    assert (held["event_id"], held["outcome"], held["reason"]) == ("e-2", "held", "UNKNOWN_OUTCOME")


def test_identifiers_are_not_kept(database, task_run, batch):
    opened(LedgerSink(database.conn_id, "results"), task_run()).write(batch(ROWS, rejected=REJECTED))
    assert not [row for row in rows_of(database) if "nonsense" in str(row) or "@" in str(row) or "aaaa" in str(row)]


def test_the_index_finds_events_by_their_id(warehouse, task_run):
    opened(LedgerSink("warehouse", "results"), task_run())
    (plan,) = warehouse.query("EXPLAIN QUERY PLAN SELECT * FROM results WHERE event_id IN ('a', 'b')")
    assert "USING INDEX ix_results_event_id" in plan["detail"]


def test_accepted_is_asked_by_rule_and_event_id(database, task_run, batch):
    table = opened(LedgerSink(database.conn_id, "results"), task_run())
    table.write(batch(ROWS, rejected=REJECTED))
    asked = [(RULE, "e-0"), (RULE, "e-1"), (RULE, "e-9"), ("urn:lla:llaPartnerConversion:1", "e-0")]
    assert table.accepted(asked) == {(RULE, "e-0")}


def test_a_whole_batch_of_ids_is_looked_up(database, task_run, batch):
    rows = [(f"e-{number}", None) for number in range(5000)]
    table = opened(LedgerSink(database.conn_id, "results"), task_run())
    table.write(batch(rows))
    keys = [(RULE, f"e-{number}") for number in range(2500, 7500)]
    assert table.accepted(keys) == {(RULE, f"e-{number}") for number in range(2500, 5000)}


def test_a_retry_adds_no_second_row_for_what_was_refused_before(database, task_run, batch):
    opened(LedgerSink(database.conn_id, "results"), task_run()).write(batch(ROWS, rejected=REJECTED))
    retry = opened(LedgerSink(database.conn_id, "results"), task_run(resumed=True, try_number=2))
    retry.write(batch(ROWS, rejected=REJECTED, skipped=[0, 2]))
    assert [(row["event_id"], row["try_number"]) for row in rows_of(database)] == [("e-0", 1), ("e-1", 1), ("e-2", 1)]


def test_a_retry_records_what_a_killed_try_had_acknowledged_but_not_recorded(database, task_run, batch):
    opened(LedgerSink(database.conn_id, "results"), task_run()).write(batch(ROWS[:1]))
    retry = opened(LedgerSink(database.conn_id, "results"), task_run(resumed=True, try_number=2))
    retry.write(batch(ROWS, skipped=[0, 1, 2]))
    assert [(row["event_id"], row["outcome"], row["try_number"]) for row in rows_of(database)] == [
        ("e-0", "accepted", 1),
        ("e-1", "accepted", 2),
        ("e-2", "accepted", 2),
    ]


def test_the_table_may_be_written_while_the_same_database_is_read(database, task_run, batch):
    database.execute("CREATE TABLE events (id INTEGER)")
    for number in range(20):
        database.execute(f"INSERT INTO events VALUES ({number})")
    table = opened(LedgerSink(database.conn_id, "results"), task_run())
    for number, _ in enumerate(SqlSource(database.conn_id, "SELECT id FROM events").chunks(5)):
        table.write(batch(ROWS, first_position=number * 5))
    assert len(rows_of(database)) == 12


def test_a_table_in_a_schema_is_created_there(postgres, task_run, batch):
    postgres.execute("CREATE SCHEMA marketing")
    opened(LedgerSink("postgres", "marketing.results"), task_run()).write(batch(ROWS))
    assert len(rows_of(postgres, "marketing.results")) == 3


def test_read_only_neither_creates_nor_adds(database, task_run, batch):
    dry = opened(LedgerSink(database.conn_id, "results"), task_run(), dry_run=True)
    assert dry.accepted([(RULE, "e-0")]) == set()
    with pytest.raises(Exception, match="results"):
        rows_of(database)
    opened(LedgerSink(database.conn_id, "results"), task_run()).write(batch(ROWS[:1]))
    dry = opened(LedgerSink(database.conn_id, "results"), task_run(), dry_run=True)
    dry.write(batch(ROWS))
    assert dry.accepted([(RULE, "e-0")]) == {(RULE, "e-0")}
    assert len(rows_of(database)) == 1


def test_a_database_out_of_reach_is_named_with_its_connection(connect, tmp_path, task_run):
    connect("gone", conn_type="sqlite", host=str(tmp_path / "missing" / "warehouse.db"))
    with pytest.raises(ResultsTableError, match=r"results table results .* connection 'gone': unable to open"):
        opened(LedgerSink("gone", "results"), task_run())


def test_a_table_of_another_kind_is_refused_at_the_start(database, task_run):
    database.execute("CREATE TABLE results (event_id VARCHAR(10), outcome VARCHAR(10))")
    with pytest.raises(ResultsTableError, match="another kind of table: it has no column conversion, happened_at"):
        opened(LedgerSink(database.conn_id, "results"), task_run())


def test_a_schema_that_is_missing_is_named(postgres, task_run):
    with pytest.raises(ResultsTableError, match=r'nowhere\.results cannot be created.*schema "nowhere"'):
        opened(LedgerSink("postgres", "nowhere.results"), task_run())


def test_a_database_without_dialect_is_refused(connect, task_run, monkeypatch):
    from airflow.providers.sqlite.hooks.sqlite import SqliteHook

    connect("odd", conn_type="sqlite", host="/nowhere")
    monkeypatch.setattr(SqliteHook, "get_uri", lambda self: "no-such-dialect://x")
    monkeypatch.setattr(SqliteHook, "sqlalchemy_url", property(lambda self: "no-such-dialect://x"))
    with pytest.raises(ResultsTableError, match="SQLAlchemy has a dialect for; connection 'odd'"):
        opened(LedgerSink("odd", "results"), task_run())


def test_mapped_tasks_that_start_together_share_one_table(database, task_run, batch):
    together = threading.Barrier(6)

    def start(index):
        together.wait()
        table = opened(LedgerSink(database.conn_id, "results"), task_run(map_index=index))
        table.write(batch(ROWS, first_position=index * 10))
        table.close(completed=True)

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(start, range(6)))
    assert len(rows_of(database)) == 6 * len(ROWS)
