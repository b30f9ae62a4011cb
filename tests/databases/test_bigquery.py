"""What BigQuery alone has to do right: few jobs."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_linkedin_capi.databases.opening import open_database
from airflow_provider_linkedin_capi.exceptions import DatabaseError
from tests.databases.ledger_table import AT, NAMES, TABLE, row

if TYPE_CHECKING:
    from airflow_provider_linkedin_capi.databases.base import Database


@pytest.fixture
def database(bigquery: str) -> Database:
    database = open_database(bigquery, database="ads")
    database.create(TABLE)
    return database


@pytest.fixture
def jobs(database: Database, bigquery_server: Any) -> list[Any]:
    """The jobs from here on."""
    found: list[Any] = bigquery_server.jobs
    found.clear()
    return found


def test_a_batch_is_one_load_job(database: Database, jobs: list[Any]) -> None:
    database.append(TABLE, NAMES, [row(number) for number in range(5000)])
    assert [job.kind for job in jobs] == ["load"]


def test_a_large_batch_is_one_load_job_too(database: Database, jobs: list[Any]) -> None:
    database.append(TABLE, NAMES, [row(number, note="x" * 2000) for number in range(3000)])
    assert [job.kind for job in jobs] == ["load"]
    assert jobs[0].bytes > 6_000_000


def test_keys_are_one_query(database: Database, jobs: list[Any]) -> None:
    database.append(TABLE, NAMES, [row(number) for number in range(1000)])
    found = database.find(TABLE, TABLE.key, [("r1", f"e-{number:06}") for number in range(5000)])
    assert len(found) == 1000
    assert [job.kind for job in jobs] == ["load", "query"]


def test_a_window_is_replaced_in_one_merge(database: Database, jobs: list[Any]) -> None:
    database.append(TABLE, NAMES, [row(number) for number in range(10)])
    jobs.clear()
    database.replace_window(TABLE, NAMES, [row(20, sent_at=AT + dt.timedelta(days=1))], "`rule` = ?", ["r1"])
    assert [(job.kind, job.text.split()[0] if job.text else "") for job in jobs] == [
        ("query", "CREATE"), ("load", ""), ("query", "MERGE"), ("query", "DROP"),
    ]  # fmt: skip


def test_the_table_that_gathers_rows_expires_by_itself(database: Database, jobs: list[Any]) -> None:
    database.replace_window(TABLE, NAMES, [row(1)], "`rule` = ?", ["r1"])
    assert "expiration_timestamp" in jobs[0].text


def test_looking_for_a_table_costs_no_job(database: Database, jobs: list[Any]) -> None:
    assert database.columns(TABLE) == set(NAMES)
    assert database.columns("nobody") is None
    assert jobs == []


def test_a_table_without_dataset_is_refused(bigquery: str) -> None:
    with pytest.raises(DatabaseError, match=r"no dataset. Write dataset.ledger") as failure:
        open_database(bigquery).create(TABLE)
    assert failure.value.permanent
