from __future__ import annotations

import contextlib
import datetime as dt
import json
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from airflow_provider_linkedin_capi.delivery.interfaces import Claims, DeliveryInfo
from airflow_provider_linkedin_capi.delivery.outcomes import Summary
from airflow_provider_linkedin_capi.exceptions import DatabaseError, ResultsTableError
from airflow_provider_linkedin_capi.sinks import ledger_store
from airflow_provider_linkedin_capi.sinks.ledger import LedgerSink
from airflow_provider_linkedin_capi.sources.sql import SqlSource
from tests.support.sink_events import HAPPENED_MS, RULE, SENT_AT, event

OTHER_RULE = "urn:lla:llaPartnerConversion:1"
ROWS = [("e-0", "m@example.com"), ("e-1", "nonsense"), ("e-2", "x@example.com")]
REJECTED = {1: ("email", "email_invalid")}


@pytest.fixture(params=["warehouse", "postgres"])
def database(request):
    return request.getfixturevalue(request.param)


@pytest.fixture
def begin(database):
    """``begin(task_run(...))``: a ledger that is open; closed at the end of the test."""
    with contextlib.ExitStack() as stack:

        def open_ledger(delivery, table="results", **options):
            ledger = LedgerSink(database.conn_id, table, **options)
            ledger.open(delivery)
            stack.callback(close, ledger)
            return ledger

        def close(ledger):
            with contextlib.suppress(Exception):
                ledger.close(completed=False)

        yield open_ledger


def claim(ledger, *ids, batch=1, conversion=RULE):
    return ledger.claim([event(each, conversion) for each in ids], batch=batch).result(30)


def deliver(ledger, outcome):
    """Claim the events of a batch and write what became of it."""
    ledger.claim(outcome.events, batch=outcome.number).result(30)
    ledger.write(outcome)
    ledger.flush()


def outcomes(database, table="results_outcomes"):
    return database.query(f"SELECT * FROM {table} ORDER BY event_id, delivery")


def short(database):
    return [(row["event_id"], row["outcome"], row["try_number"]) for row in outcomes(database)]


def moment(value):
    value = dt.datetime.fromisoformat(value) if isinstance(value, str) else value
    return value if value.tzinfo else value.replace(tzinfo=dt.UTC)


def test_the_view_has_outcome_reason_and_origin_of_each_event(database, begin, task_run, batch):
    ledger = begin(task_run(map_index=3, try_number=2))
    deliver(ledger, batch(ROWS, number=7, first_position=100, rejected=REJECTED, held=[2]))
    accepted, rejected, held = outcomes(database)
    assert (accepted["event_id"], accepted["conversion"], accepted["outcome"]) == ("e-0", RULE, "accepted")
    assert (accepted["batch"], accepted["conversion_id"]) == (7, 22285180)
    assert moment(accepted["sent_at"]) == SENT_AT
    assert moment(accepted["happened_at"]) == dt.datetime.fromtimestamp(HAPPENED_MS / 1000, dt.UTC)
    assert (accepted["dag_id"], accepted["run_id"], accepted["task_id"]) == (
        "conversions", "scheduled__2026-11-01", "stream",
    )  # fmt: skip
    assert (accepted["map_index"], accepted["try_number"]) == (3, 2)
    assert (rejected["event_id"], rejected["outcome"], rejected["conversion"]) == ("e-1", "rejected", None)
    assert (rejected["field"], rejected["reason"], rejected["message"]) == ("email", "email_invalid", "what is wrong")
    assert (held["event_id"], held["outcome"], held["reason"]) == ("e-2", "held", "UNKNOWN_OUTCOME")


def test_no_identifier_of_a_person_is_kept(database, begin, task_run, batch):
    deliver(begin(task_run()), batch(ROWS, rejected=REJECTED))
    tables = ("results", "results_batches", "results_deliveries", "results_rejected")
    text = str([database.query(f"SELECT * FROM {table}") for table in tables])
    assert "nonsense" not in text
    assert "@" not in text
    assert "aaaa" not in text


def test_an_event_is_one_narrow_row_that_is_written_once(database, begin, task_run, batch):
    ledger = begin(task_run())
    claim(ledger, "e-0")
    claimed = database.query("SELECT * FROM results")
    ledger.write(batch(ROWS[:1]))
    ledger.flush()
    assert database.query("SELECT * FROM results") == claimed
    assert len(claimed[0]) == 6


def test_what_was_accepted_is_known_by_rule_and_event_id(begin, task_run, batch):
    deliver(begin(task_run()), batch(ROWS, rejected=REJECTED))
    second = begin(task_run(run_id="another", delivery_id="two"))
    assert claim(second, "e-0", "e-1", "e-9") == Claims(accepted=frozenset({0}))
    assert claim(second, "e-0", conversion=OTHER_RULE) == Claims()


def test_a_whole_batch_is_claimed_and_known_again(begin, task_run, batch):
    deliver(begin(task_run()), batch([(f"e-{number}", None) for number in range(5000)]))
    second = begin(task_run(delivery_id="two"))
    claims = claim(second, *(f"e-{number}" for number in range(2500, 7500)))
    assert claims == Claims(accepted=frozenset(range(2500)))


def test_with_skip_accepted_off_accepted_events_are_sent_again(begin, task_run, batch):
    deliver(begin(task_run()), batch(ROWS))
    second = begin(task_run(delivery_id="two"), skip_accepted=False)
    assert claim(second, "e-0", "e-9") == Claims()
    second.write(batch([("e-0", ""), ("e-9", "")], refused_by_linkedin=[0, 1]))
    second.flush()
    third = begin(task_run(delivery_id="three"))
    assert claim(third, "e-0", "e-9") == Claims(accepted=frozenset({0})), "it was accepted once"


# Claims


def test_what_another_running_delivery_claimed_is_elsewhere(begin, task_run, batch):
    first, second = begin(task_run()), begin(task_run(delivery_id="two"))
    claim(first, "e-0", "e-1")
    assert claim(second, "e-1", "e-2") == Claims(elsewhere=frozenset({0}))
    deliver(first, batch([("e-1", "")], number=2))
    first.write(batch([("e-0", ""), ("e-1", "")]))
    first.flush()
    assert claim(second, "e-1") == Claims(accepted=frozenset({0}))


def test_of_two_deliveries_that_claim_at_once_each_event_has_one(begin, task_run):
    ledgers = [begin(task_run(delivery_id=name)) for name in ("one", "two")]
    ids = [f"e-{number}" for number in range(400)]
    together = threading.Barrier(2)

    def claim_all(ledger, ids):
        together.wait()
        claims = [claim(ledger, *ids[start : start + 50], batch=start) for start in range(0, 400, 50)]
        return sum(50 - len(each.elsewhere) for each in claims)

    with ThreadPoolExecutor(2) as pool:
        counts = list(pool.map(claim_all, ledgers, (ids, ids[::-1])))
    assert sum(counts) == 400


def test_an_id_that_occurs_again_in_the_delivery_waits_for_the_first(begin, task_run, batch):
    ledger = begin(task_run())
    claim(ledger, "e-0", batch=1)
    assert claim(ledger, "e-0", batch=2) == Claims(elsewhere=frozenset({0}))
    ledger.write(batch([("e-0", "")]))
    assert claim(ledger, "e-0", batch=2) == Claims(accepted=frozenset({0}))


def test_a_refused_event_may_be_sent_when_it_is_corrected(begin, task_run, batch):
    first, second = begin(task_run()), begin(task_run(delivery_id="two"))
    deliver(first, batch(ROWS, refused_by_linkedin=[1]))
    assert claim(second, "e-0", "e-1") == Claims(accepted=frozenset({0}))


def test_an_answer_that_comes_during_a_look_up_is_not_misread(begin, task_run, batch, monkeypatch):
    first, second = begin(task_run()), begin(task_run(delivery_id="two"))
    claim(first, "e-0", "e-1", "e-2")
    learn = ledger_store.LedgerStore._learn_answers

    def answered_meanwhile(store, places):
        monkeypatch.setattr(ledger_store.LedgerStore, "_learn_answers", learn)
        first.write(batch(ROWS, refused_by_linkedin=[1], held=[2]))
        first.flush()
        learn(store, places)

    monkeypatch.setattr(ledger_store.LedgerStore, "_learn_answers", answered_meanwhile)
    found = claim(second, "e-0", "e-1", "e-2")
    assert found == Claims(accepted=frozenset({0}), elsewhere=frozenset({1}), unknown=frozenset({2}))
    assert claim(second, "e-1") == Claims(), "it was released"


def test_a_delivery_that_ends_during_a_look_up_is_not_taken_for_dead(begin, task_run, batch, monkeypatch):
    first, second = begin(task_run()), begin(task_run(delivery_id="two"))
    claim(first, "e-0", "e-1", "e-2")
    learn = ledger_store.LedgerStore._learn_answers

    def end_afterwards(store, places):
        monkeypatch.setattr(ledger_store.LedgerStore, "_learn_answers", learn)
        learn(store, places)
        first.write(batch(ROWS))
        first.close(completed=True)

    monkeypatch.setattr(ledger_store.LedgerStore, "_learn_answers", end_afterwards)
    assert claim(second, "e-0", "e-1", "e-2") == Claims(elsewhere=frozenset({0, 1, 2}))
    assert claim(second, "e-0", "e-1", "e-2") == Claims(accepted=frozenset({0, 1, 2}))


def test_events_of_a_delivery_that_died_are_of_unknown_outcome(begin, task_run, monkeypatch):
    first, second = begin(task_run()), begin(task_run(delivery_id="two"))
    claim(first, "e-0")
    monkeypatch.setattr(ledger_store, "LEASE_SECONDS", 0.0)
    assert claim(second, "e-0") == Claims(unknown=frozenset({0}))
    monkeypatch.setattr(ledger_store, "LEASE_SECONDS", 60.0)
    third = begin(task_run(delivery_id="three"))
    assert claim(third, "e-0") == Claims(elsewhere=frozenset({0})), "the second delivery has it now"


def test_of_two_that_find_a_dead_delivery_one_takes_over(begin, task_run, monkeypatch):
    ledgers = [begin(task_run(delivery_id=name)) for name in ("dead", "one", "two")]
    claim(ledgers[0], "e-0")
    ledgers[0].close(completed=False)
    found = [claim(ledger, "e-0") for ledger in ledgers[1:]]
    assert found == [Claims(), Claims(elsewhere=frozenset({0}))], "it was released, since it was never sent"


def test_what_was_sent_without_an_answer_stays_unknown_after_the_end(begin, task_run, batch):
    first, second = begin(task_run()), begin(task_run(delivery_id="two"))
    claim(first, "e-0", "e-1", "e-2")
    first.write(batch(ROWS, unsettled=[1, 2], unknown=[2]))
    first.close(completed=False)
    assert claim(second, "e-0", "e-1", "e-2") == Claims(accepted=frozenset({0}), unknown=frozenset({2}))


def test_held_events_stay_held_for_others(database, begin, task_run, batch):
    first, second = begin(task_run()), begin(task_run(delivery_id="two"))
    deliver(first, batch(ROWS, held=[0, 1, 2]))
    first.close(completed=True)
    assert claim(second, "e-0") == Claims(unknown=frozenset({0}))
    second.write(batch(ROWS[:1], held=[0]))
    second.flush()
    assert [row["outcome"] for row in outcomes(database)] == ["held"] * 3


def test_a_retry_owns_the_claims_of_earlier_tries(database, begin, task_run, batch):
    first = begin(task_run())
    claim(first, "e-0")
    retry = begin(task_run(resumed=True, try_number=2))
    assert claim(retry, "e-0") == Claims(earlier=frozenset({0}))
    retry.write(batch(ROWS[:1]))
    retry.flush()
    assert short(database) == [("e-0", "accepted", 2)]


def test_an_earlier_try_that_still_runs_stops(begin, task_run):
    first = begin(task_run())
    begin(task_run(try_number=2, resumed=True))
    with pytest.raises(ResultsTableError, match="Another try of this task has taken over"):
        claim(first, "e-0")


def test_a_copy_of_the_same_try_waits_and_gives_up(begin, task_run, monkeypatch):
    begin(task_run())
    monkeypatch.setattr(ledger_store, "LEASE_SECONDS", 0.2)
    monkeypatch.setattr(ledger_store, "_POLL_SECONDS", 0.01)
    second = begin(task_run())
    assert claim(second, "e-0") == Claims(), "the copy gave no more signs of life"


# Outcomes


def test_a_retry_adds_no_second_row_for_what_was_refused_before(database, begin, task_run, batch):
    deliver(begin(task_run()), batch(ROWS, rejected=REJECTED))
    retry = begin(task_run(resumed=True, try_number=2))
    retry.write(batch(ROWS, rejected=REJECTED, skipped=[0, 2]))
    retry.flush()
    assert short(database) == [("e-0", "accepted", 1), ("e-1", "rejected", 2), ("e-2", "accepted", 1)]


def test_a_row_corrected_between_two_tries_is_rejected_no_longer(database, begin, task_run, batch):
    deliver(begin(task_run()), batch(ROWS, rejected=REJECTED))
    deliver(begin(task_run(resumed=True, try_number=2)), batch(ROWS, skipped=[0, 2]))
    assert [row[:2] for row in short(database)] == [("e-0", "accepted"), ("e-1", "accepted"), ("e-2", "accepted")]


def test_a_retry_records_what_a_killed_try_had_acknowledged(database, begin, task_run, batch):
    first = begin(task_run())
    claim(first, "e-0", "e-1")
    retry = begin(task_run(resumed=True, try_number=2))
    retry.write(batch(ROWS, skipped=[0, 1, 2]))
    retry.flush()
    assert short(database) == [("e-0", "accepted", 2), ("e-1", "accepted", 2), ("e-2", "accepted", 2)]
    deliver(begin(task_run(resumed=True, try_number=3)), batch(ROWS, skipped=[0, 1, 2]))
    assert [row[2] for row in short(database)] == [2, 2, 2]


def test_events_without_an_id_are_recorded_and_never_known_again(database, begin, task_run, batch):
    nameless = [event(None)]
    first = begin(task_run())
    assert first.claim(nameless, batch=1).result(30) == Claims()
    second = begin(task_run(delivery_id="two"))
    assert second.claim(nameless, batch=1).result(30) == Claims()
    assert len(database.query("SELECT * FROM results")) == 2


@pytest.mark.parametrize("key", ["nul \0 in it", "half \ud83d pair", "x" * 300, "Schlüssel ☃"], ids=ascii)
def test_any_key_of_a_rejected_row_can_be_recorded(database, begin, task_run, batch, key):
    ledger = begin(task_run())
    ledger.write(batch([(key, "")], rejected={0: ("eventId", "event_id_invalid")}))
    ledger.flush()
    assert (
        outcomes(database)[0]["event_id"][:8]
        == key.encode("utf-8", "backslashreplace").decode().replace("\0", "\\u0000")[:8]
    )


def test_a_long_field_code_and_message_are_cut(database, begin, task_run, batch):
    ledger = begin(task_run())
    ledger.write(batch(ROWS[:1], rejected={0: ("f" * 500, "c" * 500)}))
    ledger.flush()
    assert len(outcomes(database)[0]["reason"]) == 128


# Deliveries


def test_a_delivery_says_how_it_ended_with_its_figures(database, begin, task_run, batch):
    summary = Summary(rows_read=3, accepted=3)
    ledger = begin(task_run(summary=summary))
    (running,) = database.query("SELECT * FROM results_deliveries")
    ledger.close(completed=True)
    (ended,) = database.query("SELECT * FROM results_deliveries")
    assert (running["state"], running["ended_at"], running["summary"]) == ("running", None, None)
    assert (ended["state"], json.loads(ended["summary"])["accepted"]) == ("completed", 3)
    assert moment(ended["ended_at"]) >= moment(ended["started_at"])


def test_a_delivery_gives_signs_of_life_while_nothing_happens(database, begin, task_run, monkeypatch):
    monkeypatch.setattr(ledger_store, "HEARTBEAT_SECONDS", 0.01)
    begin(task_run())
    (before,) = database.query("SELECT * FROM results_deliveries")
    for _ in range(500):
        (after,) = database.query("SELECT * FROM results_deliveries")
        if after["heartbeat_at"] != before["heartbeat_at"]:
            return
    pytest.fail("no sign of life")


def test_one_heartbeat_that_fails_ends_nothing(postgres, task_run, batch, monkeypatch):
    monkeypatch.setattr(ledger_store, "HEARTBEAT_SECONDS", 0.01)
    ledger = LedgerSink(postgres.conn_id, "results")
    ledger.open(task_run())
    for _ in range(3):
        (before,) = postgres.query("SELECT heartbeat_at FROM results_deliveries")
        postgres.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE pid <> pg_backend_pid() AND datname = current_database()"
        )
        while postgres.query("SELECT heartbeat_at FROM results_deliveries") == [before]:
            pass
    assert claim(ledger, "e-0") == Claims()
    ledger.close(completed=True)


def test_a_killed_task_does_not_wait_for_a_database_that_hangs(postgres, task_run, batch):
    ledger = LedgerSink(postgres.conn_id, "results")
    ledger.open(task_run())
    outcome = batch([("e-0", "m@example.com")])
    claim(ledger, "e-0")
    with postgres.connect() as other, other.cursor() as cursor:
        cursor.execute("BEGIN")
        cursor.execute("LOCK TABLE results, results_batches, results_deliveries IN ACCESS EXCLUSIVE MODE")
        ledger.hurry(time.monotonic() + 0.3)
        with contextlib.suppress(DatabaseError):
            for _ in range(100):
                ledger.write(outcome)
        with pytest.raises(DatabaseError, match="A retry records what is missing"):
            ledger.close(completed=False)


# Tables


def test_the_ledger_may_be_written_while_the_same_database_is_read(database, begin, task_run, batch):
    database.execute("CREATE TABLE events (id INTEGER)")
    for number in range(20):
        database.execute(f"INSERT INTO events VALUES ({number})")
    ledger = begin(task_run())
    for number, _ in enumerate(SqlSource(database.conn_id, "SELECT id FROM events").chunks(5)):
        deliver(ledger, batch([(f"e-{number}", "")], number=number + 1, first_position=number))
    assert len(outcomes(database)) == 4


def test_a_ledger_in_a_schema_is_created_there(postgres, task_run, batch):
    postgres.execute("CREATE SCHEMA marketing")
    ledger = LedgerSink("postgres", "marketing.results")
    ledger.open(task_run())
    deliver(ledger, batch(ROWS))
    ledger.close(completed=True)
    assert len(outcomes(postgres, "marketing.results_outcomes")) == 3


@pytest.mark.parametrize("name", ["n" * 52, "n" * 63, "Mixed Case", "with-dash"])
def test_long_and_odd_names_will_do(database, begin, task_run, batch, name):
    ledger = begin(task_run(), table=name)
    deliver(ledger, batch(ROWS))
    assert claim(begin(task_run(delivery_id="two"), table=name), "e-0") == Claims(accepted=frozenset({0}))


def test_a_dry_run_asks_and_writes_nothing(database, begin, task_run, batch):
    dry = begin(task_run(dry_run=True))
    assert claim(dry, "e-0") == Claims()
    with pytest.raises(Exception, match="results"):
        database.query("SELECT * FROM results")
    deliver(begin(task_run()), batch(ROWS[:1]))
    dry = begin(task_run(dry_run=True))
    assert claim(dry, "e-0", "e-1") == Claims(accepted=frozenset({0}))
    dry.write(batch(ROWS))
    dry.close(completed=True)
    assert len(outcomes(database)) == 1
    assert len(database.query("SELECT * FROM results_deliveries")) == 1


def test_a_database_out_of_reach_is_named_with_its_connection(connect, tmp_path, task_run):
    connect("gone", conn_type="sqlite", host=str(tmp_path / "missing" / "warehouse.db"))
    with pytest.raises(DatabaseError, match="connection 'gone'"):
        LedgerSink("gone", "results").open(task_run())


def test_a_table_of_another_form_is_refused_with_its_missing_columns(database, begin, task_run):
    database.execute("CREATE TABLE results (event_id VARCHAR(10), outcome VARCHAR(10))")
    with pytest.raises(ResultsTableError, match="has no column conversion_id, happened_at, delivery, batch") as caught:
        begin(task_run())
    assert caught.value.permanent


def test_a_schema_that_is_missing_is_named(postgres, task_run):
    with pytest.raises(DatabaseError, match=r"nowhere.*cannot be created"):
        LedgerSink("postgres", "nowhere.results").open(task_run())


def test_mapped_tasks_that_start_together_share_one_ledger(database, task_run, batch):
    together = threading.Barrier(6)

    def start(index):
        together.wait()
        ledger = LedgerSink(database.conn_id, "results")
        ledger.open(task_run(map_index=index, delivery_id=str(index)))
        deliver(ledger, batch([(f"{index}-{number}", "") for number in range(3)], first_position=index * 10))
        ledger.close(completed=True)

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(start, range(6)))
    assert len(outcomes(database)) == 18


# The page


def documented(title):
    page = (Path(__file__).parents[2] / "docs" / "ledger.md").read_text()
    return page.split(f"<!-- {title} -->\n```sql\n")[1].split("```")[0]


RESULTS_OF_0_1_0 = """CREATE TABLE linkedin_results_old (
    event_id VARCHAR(256), conversion VARCHAR(80), happened_at TIMESTAMP NULL, outcome VARCHAR(16) NOT NULL,
    reason VARCHAR(128), field VARCHAR(128), message VARCHAR(1000), batch INTEGER NOT NULL, position BIGINT NOT NULL,
    sent_at TIMESTAMP NULL, recorded_at TIMESTAMP NOT NULL, dag_id VARCHAR(250) NOT NULL, run_id VARCHAR(250) NOT NULL,
    task_id VARCHAR(250) NOT NULL, map_index INTEGER NOT NULL, try_number INTEGER NOT NULL)"""


def test_a_results_table_of_0_1_0_is_brought_along(database, begin, task_run):
    database.execute(RESULTS_OF_0_1_0)
    for event_id, outcome in [
        ("e-0", "accepted"),
        ("e-1", "rejected"),
        ("e-1", "accepted"),
        ("e-2", "held"),
        ("e-3", "rejected"),
    ]:
        reason = "'x', 'email', 'wrong'" if outcome == "rejected" else "NULL, NULL, NULL"
        database.execute(
            f"INSERT INTO linkedin_results_old VALUES ('{event_id}', '{RULE}', '2026-11-01 12:00:00', '{outcome}',"
            f" {reason}, 1, 0, NULL, '2026-11-01 13:00:00', 'd', 'r', 't', -1, 1)"
        )
    begin(task_run(), table="linkedin_results").close(completed=True)
    for statement in documented("upgrade").split(";\n")[:-1]:
        database.execute(statement)
    ledger = begin(task_run(delivery_id="two"), table="linkedin_results")
    claims = claim(ledger, "e-0", "e-1", "e-2", "e-3", "e-4")
    assert claims == Claims(accepted=frozenset({0, 1}), unknown=frozenset({2}))
    rows = database.query("SELECT event_id, reason FROM linkedin_results_outcomes WHERE outcome = 'rejected'")
    assert sorted(row["event_id"] for row in rows) == ["e-1", "e-3"]
    by_rule = database.query(documented("deliveries"))
    assert (by_rule[0]["dag_id"], by_rule[0]["batches"]) == ("0.1.0", 1)


def test_the_page_has_the_statements_for_postgres(postgres, tmp_path):
    from airflow_provider_linkedin_capi.databases.opening import open_database
    from airflow_provider_linkedin_capi.sinks.ledger_tables import ddl

    statements = ddl(open_database("postgres"), "ads.linkedin_results")
    assert documented("ddl").strip() in statements
    postgres.execute("CREATE SCHEMA ads")
    for statement in statements.split(";\n"):
        postgres.execute(statement)
    ledger = LedgerSink("postgres", "ads.linkedin_results")
    ledger.open(DeliveryInfo(delivery_id="one"))
    assert claim(ledger, "e-0") == Claims()
    ledger.close(completed=True)
