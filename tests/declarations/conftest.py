"""One task of this package run in real Airflow, against LinkedIn on localhost."""

from __future__ import annotations

import datetime as dt
import itertools
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from tests.declarations.task_runs import Execution, TaskRun

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow_provider_linkedin_capi.sandbox.server import SandboxServer
    from tests.declarations.task_runs import RunTask

_dag_numbers = itertools.count(1)


@pytest.fixture
def logged(capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture) -> Callable[[], str]:
    """Returns what was logged since the last call; Airflow's task loggers write past pytest's own capture."""
    caplog.set_level("INFO")

    def read() -> str:
        captured = capfd.readouterr()
        text = captured.out + captured.err + caplog.text
        caplog.clear()
        return text

    return read


@pytest.fixture
def run_task(run_dag: Callable[..., Any], linkedin: str, logged: Callable[[], str]) -> RunTask:
    """``run_task(Operator, **parameters)`` runs it with ``dag.test()``."""
    from airflow.providers.common.compat.sdk import DAG

    def run(operator: Any, **parameters: Any) -> TaskRun:
        start = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
        with DAG(f"rules_{next(_dag_numbers)}", schedule=None, start_date=start) as dag:
            operator(task_id="task", retry_delay=dt.timedelta(0), **parameters)
        logged()
        return TaskRun(run_dag(dag, logical_date=start), logged())

    return run


@pytest.fixture
def context() -> dict[str, Any]:
    """As much of Airflow's context as the operators use."""
    return {"ti": SimpleNamespace(xcom_push=lambda key, value: None)}


@pytest.fixture
def execute(linkedin: str, logged: Callable[[], str]) -> Callable[..., Execution]:
    """``execute(Operator, **parameters)`` does an operator's own work, without a DAG run around it: for many cases."""
    from airflow.providers.common.compat.sdk import AirflowFailException

    def run(operator: Any, **parameters: Any) -> Execution:
        pushed: dict[str, Any] = {}
        context = {"ti": SimpleNamespace(xcom_push=lambda key, value: pushed.update({key: value}))}
        logged()
        try:
            pushed["return_value"] = operator(task_id="task", **parameters).execute(context)
        except AirflowFailException as failure:
            return Execution("failed", pushed, f"{logged()}\n{failure}")
        return Execution("success", pushed, logged())

    return run


@pytest.fixture
def calls(sandbox: SandboxServer) -> Callable[[], list[str]]:
    """The Rest.li methods that LinkedIn received since the last call, e.g. ``conversions.CREATE``."""

    def read() -> list[str]:
        names = [str(request.restli_method) for request in sandbox.world.requests]
        sandbox.world.requests.clear()
        return names

    return read


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing takes time to show up at the LinkedIn on localhost."""
    monkeypatch.setattr("airflow_provider_linkedin_capi.declarations.rule_declaration._SHOW_UP_SECONDS", 0)
    monkeypatch.setattr("airflow_provider_linkedin_capi.api.retry._FIRST_WAIT", 0.0)
