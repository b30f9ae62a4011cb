"""The example of the report, started by the asset that a delivery updates, in the real scheduler."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from demo.airflow_stack import AirflowStack
from tests.support.airflow_home import PROJECT
from tests.support.attribution import CAMPAIGN

if TYPE_CHECKING:
    from pathlib import Path

    from airflow_provider_linkedin_capi.sandbox.server import SandboxServer
    from tests.support.warehouse import Warehouse

pytestmark = pytest.mark.e2e
pytest.importorskip("airflow.sdk", reason="the examples are written for Airflow 3")

DELIVERY = """
from airflow.sdk import DAG, Asset

from airflow_provider_linkedin_capi.operators.stream_conversions import StreamConversionsOperator

with DAG("delivery", schedule=None):
    StreamConversionsOperator(
        task_id="stream",
        sql="SELECT id AS event_id, happened_at, email FROM conversions",
        sql_conn_id="warehouse",
        conversion_rule="CRM lead",
        results_table="linkedin_deliveries",
        outlets=[Asset("linkedin_deliveries")],
    )
"""
REPORT = "linkedin_conversion_report"


def test_a_delivery_starts_the_report_which_reconciles_it(
    sandbox: SandboxServer, warehouse: Warehouse, tmp_path: Path
) -> None:
    sandbox.world.add_rule(name="CRM lead", campaigns=[CAMPAIGN])
    yesterday = round((time.time() - 86_400) * 1000)
    warehouse.execute("CREATE TABLE conversions (id INTEGER, happened_at INTEGER, email TEXT)")
    rows = [(number, yesterday, f"p{number}@example.com") for number in range(200)]
    warehouse.executemany("INSERT INTO conversions VALUES (?, ?, ?)", rows)

    stack = AirflowStack(tmp_path / "airflow")
    stack.environment["AIRFLOW__SCHEDULER__USE_JOB_SCHEDULE"] = "True"
    with stack:
        extra = {"access_token": "sandbox-token", "ad_account_id": "5012345"}
        stack.connect("linkedin_capi_default", conn_type="linkedin_capi", host=sandbox.url, extra=extra)
        stack.connect("warehouse", conn_type="sqlite", host=str(warehouse.path))
        stack.add_dag(REPORT, PROJECT / "example_dags" / f"{REPORT}.py")
        stack.add_dag("delivery", DELIVERY)
        assert stack.wait("delivery", stack.trigger("delivery")) == "success"
        run = started_by_an_asset(stack)
        assert stack.wait(REPORT, run) == "success"

    attributed = sandbox.world.attributed_totals().conversions
    [row] = warehouse.query("SELECT * FROM linkedin_campaign_report_reconciliation")
    assert (row["sent"], row["accepted"], row["attributed"]) == (200, 200, attributed)
    assert attributed > 0


def started_by_an_asset(stack: AirflowStack) -> str:
    """Wait for the report's run that nobody triggered, and return its id."""
    until = time.monotonic() + 60
    while time.monotonic() < until:
        for run in stack.api("GET", f"dags/{REPORT}/dagRuns")["dag_runs"]:
            if run["run_type"] == "asset_triggered":
                return str(run["dag_run_id"])
        time.sleep(0.5)
    raise AssertionError("the delivery started no report")
