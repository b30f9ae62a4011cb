"""The example that loads 90 days by mapped daily shards."""

from __future__ import annotations

import datetime as dt

import pytest

from tests.support.airflow_home import PROJECT
from tests.support.streaming import event_ids, letters

pytest.importorskip("airflow.sdk", reason="the examples are written for Airflow 3")

NAME = "linkedin_conversions_backfill"
TODAY = dt.datetime.now(dt.UTC).date()
DAYS = [TODAY - dt.timedelta(days=back) for back in (2, 1, 0)]


@pytest.fixture
def backfill(run_dag, linkedin, sandbox, warehouse, tmp_path, monkeypatch, xcom):
    """``backfill()`` runs the example over three days and returns the summary of each, and the totals."""
    from tests.support.dag_runs import dag_of_file

    monkeypatch.setenv("AIRFLOW_VAR_LINKEDIN_REJECTS", f"file://{tmp_path}")
    rules = {kind: sandbox.world.add_rule(name=f"CRM {kind.lower()}", type=kind) for kind in ("LEAD", "PURCHASE")}
    dag = dag_of_file(PROJECT / "example_dags" / f"{NAME}.py", NAME)
    dates = iter(dt.datetime(2026, 1, day, tzinfo=dt.UTC) for day in range(1, 9))

    def run():
        dag_run = run_dag(dag, logical_date=next(dates), run_conf={"days": 3})
        return [xcom(dag_run, "stream_day", map_index=index) for index in range(3)], xcom(dag_run, "totals")

    warehouse.execute(
        "CREATE TABLE conversions (id INTEGER PRIMARY KEY, conversion_type, happened_at, email, first_name, last_name, "
        "company, title, country, lead, external_id, li_fat_id, amount, currency, loaded_at)"
    )
    add(warehouse, range(30))
    run.rules = rules
    return run


def add(warehouse, ids):
    warehouse.executemany(
        "INSERT INTO conversions (id, conversion_type, happened_at, email, loaded_at) VALUES (?, ?, ?, ?, ?)",
        [
            (
                number,
                "LEAD" if number % 2 else "PURCHASE",
                (dt.datetime.now(dt.UTC) - dt.timedelta(days=5)).isoformat(),
                "nonsense" if number == 7 else f"m{number}@example.com",
                f"{DAYS[number % 3]} 08:00:00",
            )
            for number in ids
        ],
    )


def test_each_day_is_a_task_of_its_own_and_every_row_is_delivered_once(backfill, sandbox, warehouse, tmp_path):
    summaries, totals = backfill()
    assert [summary["rows_read"] for summary in summaries] == [10, 10, 10]
    assert totals == {"rows_read": 30, "accepted": 29, "rejected": 1, "held": 0, "skipped": 0}
    assert sandbox.world.events_by_rule() == {backfill.rules["PURCHASE"]: 15, backfill.rules["LEAD"]: 14}
    assert len(set(event_ids(sandbox))) == 29
    assert [letter["key"] for letter in letters(tmp_path / "backfill" / f"{DAYS[1]}.jsonl")] == ["crm-7"]
    shards = warehouse.query("SELECT map_index, COUNT(*) AS rows FROM linkedin_deliveries_outcomes GROUP BY map_index")
    assert shards == [{"map_index": index, "rows": 10} for index in range(3)]


def test_running_it_again_sends_only_what_came_in_between(backfill, sandbox, warehouse):
    backfill()
    add(warehouse, range(30, 33))
    _, totals = backfill()
    assert totals == {"rows_read": 33, "accepted": 3, "rejected": 1, "held": 0, "skipped": 29}
    assert sandbox.world.duplicates() == 0
    assert sandbox.world.event_count() == 32
