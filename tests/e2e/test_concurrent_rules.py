"""Two tasks of the real scheduler declare the same conversion rule at the same time."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from airflow_provider_linkedin_capi.sandbox.server import SandboxServer
    from demo.airflow_stack import AirflowStack

pytestmark = pytest.mark.e2e

CONCURRENT = """
from airflow.providers.common.compat.sdk import DAG

from airflow_provider_linkedin_capi.operators.conversion_rules import CreateConversionRuleOperator

with DAG("concurrent_rules", schedule=None):
    for number in (1, 2):
        CreateConversionRuleOperator(
            task_id=f"rule_{number}", name="CRM", conversion_type="LEAD", linkedin_conn_id="linkedin_concurrent"
        )
"""


def test_both_tasks_use_the_rule_that_was_created_first(airflow_stack: AirflowStack, sandbox: SandboxServer) -> None:
    airflow_stack.connect(
        "linkedin_concurrent",
        conn_type="linkedin_capi",
        host=sandbox.url,
        extra={"access_token": "sandbox-token", "ad_account_id": "5012345"},
    )
    dag = airflow_stack.add_dag("concurrent_rules", CONCURRENT)
    # Time for both tasks to search before either creates.
    sandbox.world.faults.add("delay", seconds=6, restli_method="conversions.CREATE")

    run = airflow_stack.trigger(dag)

    assert airflow_stack.wait(dag, run) == "success"
    first, second = sorted(sandbox.world.rules)
    urn = f"urn:lla:llaPartnerConversion:{first}"
    assert [airflow_stack.xcom(dag, run, f"rule_{number}") for number in (1, 2)] == [urn, urn]
    assert [sandbox.world.rules[rule]["enabled"] for rule in (first, second)] == [True, False]
    logs = [airflow_stack.log(dag, run, f"rule_{number}") for number in (1, 2)]
    assert sum("Two tasks created conversion rule" in log for log in logs) == 1
