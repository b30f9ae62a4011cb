"""The report trigger in the real triggerer."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from tests.support.attribution import CAMPAIGN, days_ago, deliver

if TYPE_CHECKING:
    from airflow_provider_linkedin_capi.hooks.linkedin_conversions import LinkedInConversionsHook
    from airflow_provider_linkedin_capi.sandbox.server import SandboxServer
    from demo.airflow_stack import AirflowStack

pytestmark = pytest.mark.e2e

WAITING = """
from airflow.providers.common.compat.sdk import DAG

from airflow_provider_linkedin_capi.sensors.analytics import AnalyticsReportSensor

with DAG("report_waiting", schedule=None):
    AnalyticsReportSensor(
        task_id="wait",
        first_day="{{ dag_run.conf['day'] }}",
        last_day="{{ dag_run.conf['day'] }}",
        deferrable=True,
        poke_interval=2,
        timeout=120,
    )
"""


def test_waiting_for_a_report_survives_a_restart_of_the_triggerer(
    airflow_stack: AirflowStack, sandbox: SandboxServer, hook: LinkedInConversionsHook
) -> None:
    extra = {"access_token": "sandbox-token", "ad_account_id": "5012345"}
    airflow_stack.connect("linkedin_capi_default", conn_type="linkedin_capi", host=sandbox.url, extra=extra)
    world = sandbox.world
    world.settings.report_delay_seconds = 3600
    rule = world.add_rule(name="CRM purchase", campaigns=[CAMPAIGN])
    deliver(hook, rule, days_ago(2), 60)
    dag = airflow_stack.add_dag("report_waiting", WAITING)
    run = airflow_stack.trigger(dag, conf={"day": str(days_ago(2))})
    airflow_stack.wait_for_task(dag, run, "wait", "deferred")
    wait_for_a_poll(sandbox)

    airflow_stack.restart_triggerer()
    wait_for_a_poll(sandbox)
    # The sandbox's time, not ours: the report is there, the sensor's own deadline far.
    world.clock.advance(3600)

    assert airflow_stack.wait(dag, run) == "success"
    attributed = world.attributed_totals()
    totals = airflow_stack.xcom(dag, run, "wait", key="totals")
    assert totals["external_website_conversions"] == attributed.conversions > 0
    assert totals["conversion_value_in_local_currency"] == f"{attributed.value:.2f}"
    log = airflow_stack.log(dag, run, "wait")
    assert "0 rows, 0 attributed conversions" in log
    assert "sandbox-token" not in log


def wait_for_a_poll(sandbox: SandboxServer) -> None:
    """Return once the triggerer has polled the report from now on."""
    sandbox.world.requests.clear()
    until = time.monotonic() + 60
    while time.monotonic() < until:
        if any(request.path == "/rest/adAnalytics" for request in list(sandbox.world.requests)):
            return
        time.sleep(0.1)
    raise AssertionError("nobody polled the report")
