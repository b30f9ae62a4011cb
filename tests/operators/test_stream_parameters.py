"""What the constructor of StreamConversionsOperator refuses, and what it leaves for the run."""

from __future__ import annotations

import pytest

from airflow_provider_linkedin_capi.operators.stream_conversions import StreamConversionsOperator

FROM_SQL = {"sql": "SELECT 1", "sql_conn_id": "warehouse"}


def operator(**parameters):
    return StreamConversionsOperator(task_id="stream", **parameters)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({}, "exactly one of source, sql, records and path, not none"),
        ({**FROM_SQL, "path": "x.csv"}, "exactly one of source, sql, records and path, not sql and path"),
        ({"records": [], "path": "x.csv"}, "exactly one of source, sql, records and path, not records and path"),
        ({"sql": "SELECT 1"}, "sql needs sql_conn_id"),
        ({"path": "x.csv", "results_table": "results"}, "results_table needs results_conn_id"),
        ({**FROM_SQL, "batch_size": 0}, "batch_size must be a whole number of at least 1, not 0"),
        ({**FROM_SQL, "batch_size": 5001}, "batch_size must be at most 5000, not 5001"),
        ({**FROM_SQL, "batch_size": True}, "batch_size must be a whole number"),
        ({**FROM_SQL, "max_in_flight": 0}, "max_in_flight must be a whole number of at least 1"),
        ({**FROM_SQL, "requests_per_minute": "600"}, "requests_per_minute must be a whole number"),
        ({**FROM_SQL, "requests_per_day": -1}, "requests_per_day must be a whole number"),
        ({**FROM_SQL, "on_unknown_outcome": "retry"}, "on_unknown_outcome must be 'resend' or 'hold'"),
        ({**FROM_SQL, "on_invalid": "ignore"}, "on_invalid must be 'skip' or 'fail', not 'ignore'"),
        ({**FROM_SQL, "event_id": "none"}, "event_id must be 'derive' or 'keep'"),
        ({**FROM_SQL, "source_format": "csv"}, "source_format must be 'events' or 'offline'"),
        ({**FROM_SQL, "max_invalid": -1}, "max_invalid must be a number of rows, or a share"),
        ({**FROM_SQL, "max_invalid": 1.5}, "max_invalid must be a number of rows, or a share"),
        ({**FROM_SQL, "max_invalid": True}, "max_invalid must be a number of rows, or a share"),
        ({**FROM_SQL, "max_invalid": "5%"}, "max_invalid must be a number of rows, or a share"),
    ],
)
def test_what_cannot_work_is_refused_when_the_dag_is_parsed(parameters, message):
    with pytest.raises(ValueError, match=message):
        operator(**parameters)


def test_an_empty_list_of_records_is_a_source():
    assert operator(records=[]).records == []


def test_every_template_field_is_an_attribute():
    task = operator(**FROM_SQL)
    assert [field for field in task.template_fields if not hasattr(task, field)] == []


def test_the_query_may_stand_in_a_file_with_templates(tmp_path):
    from airflow.providers.common.compat.sdk import DAG

    (tmp_path / "leads.sql").write_text("SELECT * FROM leads WHERE day = '{{ ds }}'")
    with DAG("templated", schedule=None, template_searchpath=[str(tmp_path)]):
        task = operator(
            sql="leads.sql",
            sql_conn_id="warehouse",
            parameters={"since": "{{ ds }}"},
            conversion_rule={"LEAD": "{{ params.rule }}"},
            rejects_path="s3://rejects/{{ run_id }}.jsonl",
        )
    task.resolve_template_files()
    task.render_template_fields({"ds": "2026-11-01", "run_id": "r1", "params": {"rule": 7}})
    assert task.sql == "SELECT * FROM leads WHERE day = '2026-11-01'"
    assert (task.parameters, task.conversion_rule) == ({"since": "2026-11-01"}, {"LEAD": "7"})
    assert task.rejects_path == "s3://rejects/r1.jsonl"


def test_airflow_s_own_dry_run_still_renders_the_task():
    assert operator(**FROM_SQL, dry_run=True).dry_run() is None
