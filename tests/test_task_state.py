"""What a task remembers, in Airflow's state store and in Variables."""

from __future__ import annotations

import datetime as dt
from types import SimpleNamespace

import pytest

from airflow_provider_linkedin_capi import version_compat
from airflow_provider_linkedin_capi.exceptions import DeliverySupersededError
from airflow_provider_linkedin_capi.task_state import RETENTION, TaskCheckpoint, TaskState


@pytest.fixture(params=["state store", "variable"])
def in_a_task(request, run_dag, monkeypatch):
    """``in_a_task(function, dag_id=...)`` calls the function with the context of a running task."""
    if request.param == "variable":
        monkeypatch.setattr(version_compat, "task_state_store", lambda context: None)

    def run(function, dag_id="remembering", task_id="remember"):
        from airflow.providers.common.compat.sdk import DAG, BaseOperator

        class Remember(BaseOperator):
            def execute(self, context):
                function(context)

        with DAG(dag_id, schedule=None, start_date=dt.datetime(2026, 1, 1, tzinfo=dt.UTC)) as dag:
            Remember(task_id=task_id)
        dag_run = run_dag(dag)
        assert dag_run.state == "success"

    return run


def test_a_value_is_kept_and_forgotten(in_a_task):
    def check(context):
        state = TaskState(context, "k", RETENTION)
        assert state.get() is None
        state.set({"a": [1, None]})
        assert TaskState(context, "k", RETENTION).get() == {"a": [1, None]}
        assert TaskState(context, "other", RETENTION).get() is None
        state.delete()
        assert TaskState(context, "k", RETENTION).get() is None

    in_a_task(check)


def test_ids_of_any_length_are_taken(in_a_task):
    def check(context):
        TaskState(context, "k", RETENTION).set(1)
        assert TaskState(context, "k", RETENTION).get() == 1

    in_a_task(check, dag_id="d" * 240, task_id="t" * 240)


@pytest.mark.parametrize(
    ("run", "try_number", "known"),
    [
        ({"start_date": 1, "clear_number": 0}, 1, True),
        ({"start_date": 1, "clear_number": 0}, 2, True),
        ({"start_date": 2, "clear_number": 0}, 1, False),
        ({"start_date": 2, "clear_number": 0}, 2, False),
        ({"start_date": 2, "clear_number": 1}, 2, True),
        ({"start_date": 2, "clear_number": 1}, 1, False),
        ({"id": 7}, 1, False),
    ],
    ids=["deferred", "retried", "made again", "made again, retried", "cleared", "made again, cleared", "Airflow 2"],
)
@pytest.mark.parametrize("in_a_task", ["variable"], indirect=True)
def test_a_variable_belongs_to_one_run(in_a_task, run, try_number, known):
    """Airflow keeps a Variable when it deletes a run."""

    def at(context, try_number, **run):
        ti = context["ti"]
        names = {name: getattr(ti, name) for name in ("dag_id", "run_id", "task_id", "map_index")}
        return {"ti": SimpleNamespace(**names, try_number=try_number), "dag_run": SimpleNamespace(**run)}

    def check(context):
        TaskState(at(context, 1, start_date=1, clear_number=0), "k", RETENTION).set("kept")
        found = TaskState(at(context, try_number, **run), "k", RETENTION).get()
        assert found == ("kept" if known else None)

    in_a_task(check)


def test_each_iteration_of_a_loop_remembers_its_own(in_a_task):
    def check(context):
        first, second = ({**context, "loop": SimpleNamespace(index=index)} for index in (1, 2))
        TaskCheckpoint(context).save({"n": 0})
        TaskCheckpoint(first).save({"n": 1})
        assert not TaskCheckpoint(second).resumed
        assert TaskCheckpoint(first).load() == {"n": 1}
        assert TaskCheckpoint(context).load() == {"n": 0}

    in_a_task(check)


def test_a_second_process_takes_over_and_the_first_one_learns_of_it(in_a_task):
    def check(context):
        first = TaskCheckpoint(context)
        assert first.save({"n": 1}) is None
        second = TaskCheckpoint(context)
        assert second.load() == {"n": 1}
        with pytest.raises(DeliverySupersededError):
            first.save({"n": 2})
        assert second.save({"n": 3}) is None
        assert TaskCheckpoint(context).load() == {"n": 3}

    in_a_task(check)


def test_what_the_first_process_saved_at_the_same_moment_is_not_lost(in_a_task):
    def check(context):
        first = TaskCheckpoint(context)
        second = TaskCheckpoint(context)
        # It had looked just before the second one took over.
        first._write({"state": {"n": 2}})
        assert second.save({"n": 3}) == {"n": 2}
        assert second.save({"n": 5}) is None
        with pytest.raises(DeliverySupersededError):
            first.save({"n": 6})

    in_a_task(check)


def test_of_two_processes_that_start_together_one_continues(in_a_task):
    def check(context):
        pair = [TaskCheckpoint(context), TaskCheckpoint(context)]
        superseded = 0
        for number, checkpoint in enumerate(pair + pair):
            try:
                while checkpoint.save({"n": number}):
                    pass
            except DeliverySupersededError:
                superseded += 1
        assert superseded >= 1
        assert TaskCheckpoint(context).load() is not None

    in_a_task(check)
