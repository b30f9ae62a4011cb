"""Tasks run in real Airflow, in this process."""

from __future__ import annotations

import datetime as dt
import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import pytest

from tests.support import dag_runs
from tests.support.streaming import QUERY, RULE

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow_provider_linkedin_capi.operators.stream_conversions import StreamConversionsOperator
    from airflow_provider_linkedin_capi.sandbox.server import SandboxServer

_dag_numbers = itertools.count(1)


@dataclass(frozen=True)
class StreamRun:
    """What one run of the task ``stream`` left behind."""

    dag_run: Any

    @property
    def state(self) -> str:
        return str(self.dag_run.state.value)

    @property
    def summary(self) -> Any:
        return dag_runs.xcom(self.dag_run, "stream")

    @property
    def try_number(self) -> int:
        return int(self.dag_run.get_task_instance("stream").try_number)


class Stream(Protocol):
    """Runs a StreamConversionsOperator; ``clear=True`` clears the task of the last run and runs it again."""

    def __call__(self, *, clear: bool = False, **parameters: Any) -> StreamRun: ...


@pytest.fixture
def task_log(caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]) -> Callable[[], str]:
    """``task_log()``: everything that was logged or printed since it was last asked for."""
    caplog.set_level("DEBUG")

    def text() -> str:
        printed = capfd.readouterr()
        logged = caplog.text
        caplog.clear()
        return logged + printed.out + printed.err

    return text


@pytest.fixture
def executing(monkeypatch: pytest.MonkeyPatch) -> list[StreamConversionsOperator]:
    """The operators that were executed: Airflow runs a copy of the one in the DAG."""
    from airflow_provider_linkedin_capi.operators.stream_conversions import StreamConversionsOperator

    executed: list[StreamConversionsOperator] = []
    deliver = StreamConversionsOperator._deliver

    def remember(self: StreamConversionsOperator, *args: Any) -> Any:
        executed.append(self)
        return deliver(self, *args)

    monkeypatch.setattr(StreamConversionsOperator, "_deliver", remember)
    return executed


@pytest.fixture
def rule(sandbox: SandboxServer) -> int:
    """An enabled conversion rule of the sample account."""
    return sandbox.world.add_rule(RULE, name="CRM leads")


@pytest.fixture
def stream(run_dag: Callable[..., Any], linkedin: str, rule: int, monkeypatch: pytest.MonkeyPatch) -> Stream:
    """``stream(**parameters)`` streams the table ``conversions`` of the warehouse, unless parameters say otherwise."""
    from airflow.providers.common.compat.sdk import DAG

    from airflow_provider_linkedin_capi.operators.stream_conversions import StreamConversionsOperator

    dag_id = f"streaming_{next(_dag_numbers)}"
    start = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
    dates = (start + dt.timedelta(days=day) for day in itertools.count())
    last: list[Any] = []

    def run(*, clear: bool = False, **parameters: Any) -> StreamRun:
        source = {"source", "sql", "records", "path"} & parameters.keys()
        defaults: dict[str, Any] = {} if source else {"sql": QUERY, "sql_conn_id": "warehouse"}
        defaults |= {"conversion_rule": rule, "retry_delay": dt.timedelta(0)}
        with DAG(dag_id, schedule=None, start_date=start) as dag:
            StreamConversionsOperator(task_id="stream", **{**defaults, **parameters})
        if clear:
            with monkeypatch.context() as patch:
                dag_runs.keep_existing_run(patch, last[-1])
                last.append(run_dag(dag, logical_date=last[-1].logical_date))
        else:
            last.append(run_dag(dag, logical_date=next(dates)))
        return StreamRun(last[-1])

    return run
