"""What the other tests rely on: DAGs really run, and results can be read."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.support.warehouse import Warehouse


def test_a_dag_of_a_test_runs_and_its_xcoms_can_be_read(run_dag: Callable, xcom: Callable) -> None:
    from airflow.providers.common.compat.sdk import DAG, BaseOperator

    class Answer(BaseOperator):
        def execute(self, context):
            context["ti"].xcom_push("half", 21)
            return {"answer": 42}

    with DAG("support", schedule=None) as dag:
        Answer(task_id="ask")

    run = run_dag(dag)

    assert run.state == "success"
    assert xcom(run, "ask") == {"answer": 42}
    assert xcom(run, "ask", key="half") == 21
    assert xcom(run, "ask", key="absent") is None


def test_a_failing_dag_gives_a_failed_run(run_dag: Callable, task_state: Callable) -> None:
    from airflow.providers.common.compat.sdk import DAG, BaseOperator

    class Fail(BaseOperator):
        def execute(self, context):
            raise ValueError("on purpose")

    with DAG("support_failing", schedule=None) as dag:
        Fail(task_id="fail")

    run = run_dag(dag)

    assert run.state == "failed"
    assert task_state(run, "fail") == "failed"


def test_the_warehouse_is_what_its_connection_opens(warehouse: Warehouse) -> None:
    from airflow.providers.common.compat.sdk import BaseHook

    warehouse.execute("CREATE TABLE leads (id INTEGER)")
    warehouse.executemany("INSERT INTO leads VALUES (?)", [(1,), (2,)])

    hook = BaseHook.get_hook(warehouse.conn_id)

    assert hook.get_records("SELECT id FROM leads") == [(1,), (2,)]
    assert warehouse.query("SELECT max(id) AS newest FROM leads") == [{"newest": 2}]
