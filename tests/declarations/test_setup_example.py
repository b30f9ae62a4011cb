"""The example that declares an account's rules and campaigns, run daily as it stands."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.airflow_home import PROJECT

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow_provider_linkedin_capi.sandbox.server import SandboxServer

pytest.importorskip("airflow.sdk", reason="the example is written for Airflow 3")

DAG_ID = "linkedin_conversion_setup"


def test_the_first_run_sets_up_the_account_and_later_runs_add_only_what_is_new(
    sandbox: SandboxServer, linkedin: str, run_dag: Callable[..., Any], calls: Callable[[], list[str]]
) -> None:
    from tests.support.dag_runs import dag_of_file

    world = sandbox.world
    webinar = world.add_campaign(name="EMEA webinar", status="PAUSED", objective="LEAD_GENERATION")
    dag = dag_of_file(PROJECT / "example_dags" / f"{DAG_ID}.py", DAG_ID)
    today = dt.datetime(2026, 11, 22, 2, tzinfo=dt.UTC)

    assert run_dag(dag, logical_date=today).state == "success"

    rules = {rule["name"]: rule for rule in world.rules.values()}
    assert sorted(rules) == ["CRM lead", "CRM purchase", "CRM qualified lead", "Thank-you page", "Webinar sign-up"]
    assert rules["CRM qualified lead"]["postClickAttributionWindowSize"] == 180
    assert rules["Webinar sign-up"]["value"] == {"currencyCode": "USD", "amount": "15.00"}
    assert len(rules["Thank-you page"]["urlMatchRuleExpression"]) == 2
    credited = {
        name: {campaign for campaign, number in world.associations if number == rule["id"]}
        for name, rule in rules.items()
    }
    assert credited["Webinar sign-up"] == {webinar}
    assert credited["CRM lead"] == {345_396_001, 345_396_002, 345_396_003, 345_396_004, webinar}
    assert credited["Thank-you page"] == {345_396_001, 345_396_002}

    world.add_campaign(345_396_099, name="Born today")
    calls()
    assert run_dag(dag, logical_date=today + dt.timedelta(days=1)).state == "success"

    assert len(world.rules) == len(rules)
    assert (345_396_099, rules["CRM lead"]["id"]) in world.associations
    calls()
    assert run_dag(dag, logical_date=today + dt.timedelta(days=2)).state == "success"
    reads = {"conversions.FINDER-account", "conversions.GET", "adAccounts/adCampaigns.FINDER-search", "adAccounts.GET"}
    assert set(calls()) == reads
