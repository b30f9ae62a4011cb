"""The example of the daily report, run as it stands."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.airflow_home import PROJECT
from tests.support.attribution import CAMPAIGN, OTHER_CAMPAIGN, days_ago

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow_provider_linkedin_capi.sandbox.server import SandboxServer
    from tests.support.warehouse import Warehouse

pytest.importorskip("airflow.sdk", reason="the example is written for Airflow 3")

DAG_ID = "linkedin_conversion_report"


def test_the_example_reports_and_reconciles_four_days(
    sandbox: SandboxServer, linkedin: str, warehouse: Warehouse, run_dag: Callable[..., Any]
) -> None:
    from airflow.sdk import DAG

    from airflow_provider_linkedin_capi.operators.stream_conversions import StreamConversionsOperator
    from tests.support.dag_runs import dag_of_file

    rule = sandbox.world.add_rule(name="CRM purchase", campaigns=[CAMPAIGN, OTHER_CAMPAIGN])
    records = [
        {
            "email": f"p{number}@example.com",
            "happened_at": f"{days_ago(number % 6)}T00:00:01Z",
            "amount": "7.01",
            "currency": "USD",
        }
        for number in range(120)
    ]
    with DAG("delivering", schedule=None) as delivering:
        StreamConversionsOperator(
            task_id="stream",
            records=records,
            conversion_rule=rule,
            results_table="linkedin_deliveries",
            results_conn_id="warehouse",
        )
    assert str(run_dag(delivering).state) == "success"

    run = run_dag(dag_of_file(PROJECT / "example_dags" / f"{DAG_ID}.py", DAG_ID), logical_date=dt.datetime.now(dt.UTC))

    assert str(run.state) == "success"
    [counted] = warehouse.query(
        "SELECT COUNT(*) AS days, SUM(sent) AS sent, SUM(attributed) AS attributed"
        " FROM linkedin_campaign_report_reconciliation"
    )
    attributed = sandbox.world.attributed_totals(start=days_ago(4), end=days_ago(1)).conversions
    assert counted == {"days": 4, "sent": 80, "attributed": attributed}
    [reported] = warehouse.query("SELECT SUM(external_website_conversions) AS n FROM linkedin_campaign_report")
    assert reported["n"] == attributed > 0


def test_the_example_runs_when_conversions_were_delivered_and_every_morning() -> None:
    from tests.support.dag_runs import dag_of_file

    report = dag_of_file(PROJECT / "example_dags" / f"{DAG_ID}.py", DAG_ID)
    daily = dag_of_file(PROJECT / "example_dags" / "linkedin_conversions_daily.py", "linkedin_conversions_daily")

    [delivered] = daily.get_task("stream_conversions").outlets
    assert delivered.name in [asset.name for _, asset in report.timetable.asset_condition.iter_assets()]
