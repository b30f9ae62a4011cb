"""The example that users copy: from the warehouse to LinkedIn and the report back."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any

import pytest

from demo import warehouse as demo_warehouse
from tests.support.airflow_home import PROJECT

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from airflow_provider_linkedin_capi.sandbox.server import SandboxServer
    from demo.airflow_stack import AirflowStack
    from tests.support.warehouse import Warehouse

pytest.importorskip("airflow.sdk", reason="the example is written for Airflow 3")

DAG_ID = "linkedin_conversions_daily"
EXAMPLE = PROJECT / "example_dags" / f"{DAG_ID}.py"
ROWS = 2_000


@pytest.fixture
def midnight() -> dt.datetime:
    return dt.datetime.combine(dt.datetime.now(dt.UTC).date(), dt.time(), dt.UTC)


@pytest.fixture
def filled(warehouse: Warehouse, midnight: dt.datetime) -> Warehouse:
    demo_warehouse.fill(warehouse.path, midnight.date(), ROWS)
    return warehouse


def loaded_since(warehouse: Warehouse, start: dt.datetime) -> int:
    [row] = warehouse.query("SELECT count(*) AS rows FROM conversions WHERE loaded_at >= ?", (str(start),))
    return row["rows"]


def assert_everything_arrived(summary: dict[str, Any], sandbox: SandboxServer, warehouse: Warehouse) -> None:
    world = sandbox.world
    assert summary["rows_read"] == summary["accepted"] + summary["rejected"]
    assert world.event_count() == world.distinct_events() == summary["accepted"] > 0
    outcomes = "SELECT count(*) AS accepted FROM linkedin_deliveries_outcomes"
    [ledger] = warehouse.query(f"{outcomes} WHERE outcome = 'accepted'")
    assert ledger["accepted"] == summary["accepted"]
    [report] = warehouse.query(
        "SELECT sum(external_website_conversions) AS conversions, sum(conversion_value_in_local_currency) AS value"
        " FROM linkedin_conversion_report"
    )
    attributed = world.attributed_totals()
    assert report["conversions"] == attributed.conversions > 0
    assert report["value"] == pytest.approx(float(attributed.value))


def test_the_day_before_goes_to_linkedin_and_its_report_comes_back(
    run_dag: Callable[..., Any],
    xcom: Callable[..., Any],
    sandbox: SandboxServer,
    linkedin: str,
    filled: Warehouse,
    midnight: dt.datetime,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from tests.support.dag_runs import dag_of_file

    monkeypatch.setenv("AIRFLOW_VAR_LINKEDIN_REJECTS", f"file://{tmp_path}/rejects")
    dag = dag_of_file(EXAMPLE, DAG_ID)

    run = run_dag(dag, logical_date=dt.datetime.now(dt.UTC))

    assert run.state == "success"
    yesterday = midnight - dt.timedelta(days=1)
    summary = xcom(run, "stream_conversions")
    assert summary["rows_read"] == loaded_since(filled, yesterday) > 0
    assert_everything_arrived(summary, sandbox, filled)
    dead_letters = (tmp_path / "rejects" / f"{yesterday:%Y-%m-%d}.jsonl").read_text().splitlines()
    assert len(dead_letters) == summary["rejected"]


@pytest.mark.e2e
def test_a_run_over_weeks_waits_deferred_and_a_second_one_sends_nothing(
    airflow_stack: AirflowStack, sandbox: SandboxServer, filled: Warehouse, midnight: dt.datetime, tmp_path: Path
) -> None:
    sandbox.world.settings.report_delay_seconds = 4
    extra = {"access_token": "sandbox-token", "ad_account_id": "5012345"}
    airflow_stack.connect("linkedin_capi_default", conn_type="linkedin_capi", host=sandbox.url, extra=extra)
    airflow_stack.connect("warehouse", conn_type="sqlite", host=str(filled.path))
    airflow_stack.set_variable("linkedin_rejects", f"file://{tmp_path}/rejects")
    airflow_stack.add_dag(DAG_ID, EXAMPLE)
    weeks = (midnight - dt.timedelta(weeks=demo_warehouse.WEEKS), midnight)

    first = airflow_stack.trigger(DAG_ID, logical_date=dt.datetime.now(dt.UTC), data_interval=weeks)
    airflow_stack.wait_for_task(DAG_ID, first, "wait_for_attribution", "deferred", timeout=180)
    assert airflow_stack.wait(DAG_ID, first, timeout=180) == "success"

    summary = airflow_stack.xcom(DAG_ID, first, "stream_conversions")
    assert summary["rows_read"] == ROWS
    assert_everything_arrived(summary, sandbox, filled)
    assert "sandbox-token" not in airflow_stack.log(DAG_ID, first, "stream_conversions")

    second = airflow_stack.trigger(DAG_ID, logical_date=dt.datetime.now(dt.UTC), data_interval=weeks)
    assert airflow_stack.wait(DAG_ID, second, timeout=180) == "success"

    again = airflow_stack.xcom(DAG_ID, second, "stream_conversions")
    assert (again["accepted"], again["skipped"]) == (0, summary["accepted"])
    assert sandbox.world.event_count() == summary["accepted"]
