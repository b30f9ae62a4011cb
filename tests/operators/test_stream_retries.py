"""What a second try, a Clear and a lost answer do: LinkedIn's world, ledger, dead letters and summary agree."""

from __future__ import annotations

import datetime as dt

import pytest

from airflow_provider_linkedin_capi import task_state, version_compat
from airflow_provider_linkedin_capi.api import retry
from airflow_provider_linkedin_capi.operators import stream_conversions
from tests.support.streaming import conversions, event_ids, letters

ONE_BY_ONE = {"batch_size": 10, "max_in_flight": 1}


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch):
    monkeypatch.setattr(retry, "_FIRST_WAIT", 0.001)


@pytest.fixture(params=["state store", "variable"])
def memory(request, monkeypatch):
    """The two places in which Airflow can keep the checkpoint."""
    if request.param == "variable":
        monkeypatch.setattr(version_compat, "task_state_store", lambda context: None)
    return request.param


def outcomes(warehouse):
    rows = warehouse.query("SELECT event_id, outcome FROM results_outcomes")
    return sorted((row["event_id"], row["outcome"]) for row in rows)


def test_a_retry_sends_what_is_missing_and_nothing_that_was_acknowledged(stream, sandbox, warehouse, tmp_path, memory):
    conversions(warehouse, 50, bad_emails={5, 45})
    sandbox.world.faults.add("status", status=503, after=2, times=retry.MAX_ATTEMPTS)
    run = stream(
        **ONE_BY_ONE,
        retries=1,
        rejects_path=f"file://{tmp_path}/dead.jsonl",
        results_table="results",
        skip_accepted=False,
    )
    assert (run.state, run.try_number) == ("success", 2)
    assert sorted(event_ids(sandbox)) == sorted(f"e-{number}" for number in range(50) if number not in (5, 45))
    assert (run.summary["skipped"], run.summary["accepted"], run.summary["rejected"]) == (19, 29, 2)
    assert run.summary["resent_unknown"] == 10 * retry.MAX_ATTEMPTS  # a 503 does not say that nothing was stored
    assert [letter["key"] for letter in letters(tmp_path / "dead.jsonl")] == ["e-5", "e-45"]
    assert outcomes(warehouse) == sorted(
        (f"e-{number}", "rejected" if number in (5, 45) else "accepted") for number in range(50)
    )


def test_a_lost_answer_is_sent_again_and_counted(stream, sandbox, warehouse):
    conversions(warehouse, 30)
    sandbox.world.faults.add("reset", processed=True, restli_method="BATCH_CREATE", after=1, times=1)
    run = stream(**ONE_BY_ONE, results_table="results")
    assert (run.state, run.summary["accepted"], run.summary["resent_unknown"]) == ("success", 30, 10)
    assert sandbox.world.distinct_events() == 30
    assert sandbox.world.duplicates() == 10


def test_a_lost_answer_is_held_for_a_person_where_that_is_asked_for(stream, sandbox, warehouse, tmp_path):
    conversions(warehouse, 30)
    sandbox.world.faults.add("reset", processed=True, restli_method="BATCH_CREATE", after=1, times=1)
    run = stream(
        **ONE_BY_ONE,
        on_unknown_outcome="hold",
        max_invalid=0,
        results_table="results",
        rejects_path=f"file://{tmp_path}/dead.jsonl",
    )
    assert run.state == "failed"
    assert (run.summary["accepted"], run.summary["held"], run.summary["resent_unknown"]) == (20, 10, 0)
    assert sandbox.world.duplicates() == 0
    held = letters(tmp_path / "dead.jsonl")
    assert [(letter["key"], letter["outcome"]) for letter in held] == [(f"e-{n}", "held") for n in range(10, 20)]
    assert [event for event, outcome in outcomes(warehouse) if outcome == "held"] == [f"e-{n}" for n in range(10, 20)]


def test_a_batch_in_flight_at_the_end_of_a_try_is_an_unknown_outcome_of_the_next(stream, sandbox, warehouse):
    conversions(warehouse, 30)
    sandbox.world.faults.add("reset", processed=True, restli_method="BATCH_CREATE", after=1, times=retry.MAX_ATTEMPTS)
    run = stream(**ONE_BY_ONE, retries=1)
    assert (run.state, run.try_number, run.summary["skipped"]) == ("success", 2, 10)
    assert sandbox.world.distinct_events() == 30
    assert run.summary["resent_unknown"] == sandbox.world.duplicates() == 10 * retry.MAX_ATTEMPTS


def test_rows_that_changed_between_tries_are_sent(stream, sandbox, warehouse):
    conversions(warehouse, 20)
    sandbox.world.faults.add("status", status=503, after=1, times=retry.MAX_ATTEMPTS)
    assert stream(**ONE_BY_ONE).state == "failed"
    warehouse.execute("UPDATE conversions SET email = 'new@example.com' WHERE id = 3")
    run = stream(clear=True, **ONE_BY_ONE)
    assert (run.state, run.summary["skipped"], run.summary["accepted"]) == ("success", 0, 20)
    assert set(event_ids(sandbox)) == {f"e-{number}" for number in range(20)}


def test_a_clear_of_a_failed_task_goes_on_where_it_ended(stream, sandbox, warehouse, memory):
    conversions(warehouse, 30)
    sandbox.world.faults.add("status", status=503, after=2, times=retry.MAX_ATTEMPTS)
    assert stream(**ONE_BY_ONE).state == "failed"
    run = stream(clear=True, **ONE_BY_ONE)
    assert (run.state, run.summary["skipped"], run.summary["accepted"]) == ("success", 20, 10)
    assert sandbox.world.duplicates() == 0


def test_a_clear_after_a_failed_budget_sends_only_the_corrected_rows(stream, sandbox, warehouse, memory, task_log):
    conversions(warehouse, 30, bad_emails={13})
    failed = stream(**ONE_BY_ONE, on_invalid="fail")
    assert (failed.state, failed.summary["accepted"]) == ("failed", 29)
    assert "clear this task, which then sends only them" in task_log()
    warehouse.execute("UPDATE conversions SET email = 'fixed@example.com' WHERE id = 13")
    run = stream(clear=True, **ONE_BY_ONE, on_invalid="fail")
    assert (run.state, run.summary["accepted"], run.summary["skipped"]) == ("success", 1, 29)
    assert sorted(event_ids(sandbox)) == sorted(f"e-{number}" for number in range(30))


def test_a_clear_of_a_finished_task_starts_over(stream, sandbox, warehouse, memory, tmp_path):
    conversions(warehouse, 10, bad_emails={4})
    dead = {"rejects_path": f"file://{tmp_path}/dead.jsonl"}
    stream(**dead)
    run = stream(clear=True, **dead)
    assert (run.state, run.summary["accepted"], run.summary["skipped"]) == ("success", 9, 0)
    assert sandbox.world.duplicates() == 9
    assert len(letters(tmp_path / "dead.jsonl")) == 1


def test_a_clear_with_a_results_table_sends_nothing_again(stream, sandbox, warehouse):
    conversions(warehouse, 10)
    stream(results_table="results")
    run = stream(clear=True, results_table="results")
    assert (run.summary["accepted"], run.summary["skipped"]) == (0, 10)
    assert sandbox.world.duplicates() == 0


def test_a_task_that_had_finished_but_could_not_say_so_sends_nothing(stream, sandbox, warehouse, memory, monkeypatch):
    conversions(warehouse, 10)
    finish = task_state.TaskCheckpoint.finish

    def finish_and_die(self, summary):
        finish(self, summary)
        raise RuntimeError("killed before the success was reported")

    monkeypatch.setattr(task_state.TaskCheckpoint, "finish", finish_and_die)
    run = stream(retries=1)
    assert (run.state, run.try_number) == ("success", 2)
    assert len(event_ids(sandbox)) == 10
    assert run.summary["accepted"] == 10


def test_a_day_limit_fails_the_try_and_says_when_to_go_on(stream, sandbox, warehouse, task_log):
    conversions(warehouse, 30)
    sandbox.world.faults.add("throttle", window="DAY", restli_method="BATCH_CREATE", after=1, times=1)
    run = stream(**ONE_BY_ONE, results_table="results")
    assert (run.state, run.summary["accepted"]) == ("failed", 10)
    assert "00:00 UTC" in task_log()
    assert len(outcomes(warehouse)) == 10
    run = stream(clear=True, **ONE_BY_ONE, results_table="results")
    assert (run.state, run.summary["accepted"]) == ("success", 20)
    assert sandbox.world.duplicates() == 0


def test_a_day_limit_defers_the_task_where_it_may(stream, sandbox, warehouse, memory, monkeypatch):
    conversions(warehouse, 30)
    sandbox.world.faults.add("throttle", window="DAY", restli_method="BATCH_CREATE", after=1, times=1)
    moments = []

    def soon(error):
        moments.append(error.resets_at)
        return dt.datetime.now(dt.UTC)

    monkeypatch.setattr(stream_conversions, "after_reset", soon)
    run = stream(**ONE_BY_ONE, deferrable=True, retries=0)
    assert (run.state, run.try_number) == ("success", 1)
    assert (run.summary["skipped"], run.summary["accepted"]) == (10, 20)
    assert sandbox.world.duplicates() == 0
    (midnight,) = moments
    assert (midnight.hour, midnight.minute, midnight.date()) == (
        0, 0, (dt.datetime.now(dt.UTC) + dt.timedelta(days=1)).date(),
    )  # fmt: skip


def test_what_no_retry_can_mend_fails_at_once_with_everything_acknowledged_on_record(
    stream, sandbox, warehouse, task_log, tmp_path
):
    conversions(warehouse, 30)
    sandbox.world.faults.add(
        "status",
        status=403,
        body='{"message":"No ad accounts found","status":403}',
        restli_method="BATCH_CREATE",
        after=1,
    )
    run = stream(**ONE_BY_ONE, retries=3, results_table="results")
    assert (run.state, run.try_number) == ("failed", 1)
    assert run.summary["accepted"] == 10
    log = task_log()
    assert "conversion rule's id is unknown" in log
    assert "Token, API version and role are right" in log
    assert [outcome for _, outcome in outcomes(warehouse)] == ["accepted"] * 10


def test_a_dead_token_fails_at_once(stream, sandbox, warehouse):
    conversions(warehouse, 3)
    sandbox.world.revoke_token()
    run = stream(retries=3)
    assert (run.state, run.try_number) == ("failed", 1)


def test_the_checkpoint_is_small_and_names_no_person(stream, sandbox, warehouse, monkeypatch):
    import hashlib
    import json

    conversions(warehouse, 50, bad_emails={5})
    written = []
    keep = task_state.TaskState.set
    monkeypatch.setattr(
        task_state.TaskState, "set", lambda self, record: written.append(json.dumps(record)) or keep(self, record)
    )
    stream(**ONE_BY_ONE)
    assert len(written) > 5
    assert max(map(len, written)) < 2000
    for personal in ("example.com", "nonsense", "e-1", hashlib.sha256(b"member1@example.com").hexdigest()):
        assert not [record for record in written if personal in record]
