"""A streaming task killed by the kernel and tried again by the real scheduler."""

from __future__ import annotations

import time
from collections import Counter
from typing import TYPE_CHECKING

import pytest

from tests.support.streaming import RULE, RULE_URN, conversions, event_ids, letters

if TYPE_CHECKING:
    from pathlib import Path

    from airflow_provider_linkedin_capi.sandbox.server import SandboxServer
    from demo.airflow_stack import AirflowStack
    from tests.support.warehouse import Warehouse

pytestmark = pytest.mark.e2e

ROWS, BATCH, IN_FLIGHT = 4000, 100, 2
BAD = {150, 3950}

STREAM = f"""
import datetime

from airflow.providers.common.compat.sdk import DAG

from airflow_provider_linkedin_capi.operators.stream_conversions import StreamConversionsOperator

with DAG("stream_killed", schedule=None):
    StreamConversionsOperator(
        task_id="stream",
        sql="SELECT event_id, email, happened_at FROM conversions ORDER BY id",
        sql_conn_id="warehouse",
        conversion_rule={RULE},
        batch_size={BATCH},
        max_in_flight={IN_FLIGHT},
        rejects_path="file://REJECTS",
        results_table="results",
        skip_accepted=False,
        retries=1,
        retry_delay=datetime.timedelta(seconds=0),
    )
"""


def test_a_killed_task_loses_nothing_and_repeats_no_acknowledged_batch(
    airflow_stack: AirflowStack, sandbox: SandboxServer, warehouse: Warehouse, tmp_path: Path
) -> None:
    world = sandbox.world
    world.add_rule(RULE)
    conversions(warehouse, ROWS, bad_emails=BAD)
    airflow_stack.connect("warehouse", conn_type="sqlite", host=str(warehouse.path))
    airflow_stack.connect(
        "linkedin_capi_default",
        conn_type="linkedin_capi",
        host=sandbox.url,
        extra={"access_token": "sandbox-token", "ad_account_id": "5012345"},
    )
    dead = tmp_path / "dead.jsonl"
    dag = airflow_stack.add_dag("stream_killed", STREAM.replace("REJECTS", str(dead)))
    slow = world.faults.add("delay", seconds=0.3, restli_method="BATCH_CREATE")

    run = airflow_stack.trigger(dag)
    deadline = time.monotonic() + 60
    while world.event_count() < 10 * BATCH and time.monotonic() < deadline:
        time.sleep(0.05)
    airflow_stack.kill_task(dag, run, "stream")
    world.faults.clear()

    assert airflow_stack.wait(dag, run) == "success"
    assert slow.matched < ROWS / BATCH, "the task was to be killed in the middle"
    assert airflow_stack.task(dag, run, "stream")["try_number"] == 2
    summary = airflow_stack.xcom(dag, run, "stream")

    delivered = {f"e-{number}" for number in range(ROWS) if number not in BAD}
    assert set(event_ids(sandbox)) == delivered, "nothing is lost"

    sendings = Counter(request.body for request in world.requests if request.restli_method)
    assert sum(times > 1 for times in sendings.values()) <= IN_FLIGHT, "only batches without an answer are sent again"
    assert world.duplicates() <= summary["resent_unknown"] <= IN_FLIGHT * BATCH, "and they are counted"

    assert summary["skipped"] >= 10 * BATCH - len(BAD) - IN_FLIGHT * BATCH
    assert (summary["rows_read"], summary["rejected"]) == (ROWS, len(BAD))
    assert [letter["position"] for letter in letters(dead)] == sorted(BAD)
    results = warehouse.query("SELECT event_id, conversion, outcome FROM results_outcomes ORDER BY event_id")
    assert len(results) == ROWS
    assert {row["event_id"] for row in results if row["outcome"] == "accepted"} == delivered
    assert {row["conversion"] for row in results if row["outcome"] == "accepted"} == {RULE_URN}
