"""The end-to-end tests' own Airflow: runs, deferral, kills and restarts are real."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from demo.airflow_stack import AirflowStack

pytestmark = pytest.mark.e2e

WAITING = """
import datetime

from airflow.providers.common.compat.sdk import DAG, BaseOperator
from airflow.providers.standard.triggers.temporal import TimeDeltaTrigger


class Wait(BaseOperator):
    def execute(self, context):
        self.log.info("before the wait")
        self.defer(trigger=TimeDeltaTrigger(datetime.timedelta(seconds=3)), method_name="resume")

    def resume(self, context, event):
        return {"waited": 3, "conf": context["dag_run"].conf}


with DAG("stack_waiting", schedule=None):
    Wait(task_id="wait")
"""

SLEEPING = """
import datetime
import time

from airflow.providers.common.compat.sdk import DAG, BaseHook, BaseOperator


class Sleep(BaseOperator):
    def execute(self, context):
        if context["ti"].try_number == 1:
            time.sleep(300)
        return BaseHook.get_connection("stack_connection").extra_dejson


with DAG("stack_sleeping", schedule=None):
    Sleep(task_id="sleep", retries=1, retry_delay=datetime.timedelta(seconds=0))
"""


def test_a_deferred_task_survives_a_restart_of_the_triggerer(airflow_stack: AirflowStack) -> None:
    dag = airflow_stack.add_dag("stack_waiting", WAITING)
    run = airflow_stack.trigger(dag, conf={"of": "the run"})
    airflow_stack.wait_for_task(dag, run, "wait", "deferred")

    airflow_stack.restart_triggerer()

    assert airflow_stack.wait(dag, run) == "success"
    assert airflow_stack.xcom(dag, run, "wait") == {"waited": 3, "conf": {"of": "the run"}}
    assert "before the wait" in airflow_stack.log(dag, run, "wait")


def test_a_killed_task_is_tried_again(airflow_stack: AirflowStack) -> None:
    airflow_stack.connect("stack_connection", conn_type="generic", extra={"key": "of the file"})
    dag = airflow_stack.add_dag("stack_sleeping", SLEEPING)
    run = airflow_stack.trigger(dag)
    airflow_stack.wait_for_task(dag, run, "sleep", "running")

    airflow_stack.kill_task(dag, run, "sleep")

    assert airflow_stack.wait(dag, run) == "success"
    assert airflow_stack.task(dag, run, "sleep")["try_number"] == 2
    assert airflow_stack.xcom(dag, run, "sleep") == {"key": "of the file"}
