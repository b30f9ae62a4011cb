"""A try of ``StreamConversionsOperator`` in a process of its own, which a test may kill."""

from __future__ import annotations

import datetime as dt
import json
import multiprocessing
import os
from dataclasses import dataclass
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

#: An environment variable: Airflow's hook cannot be told to reach Snowflake without TLS.
SNOWFLAKE_PROTOCOL = "LINKEDIN_TEST_SNOWFLAKE_PROTOCOL"
_RUN_AFTER = dt.datetime(2026, 11, 1, tzinfo=dt.UTC)
#: Forks from a process that has imported Airflow and has no threads.
_processes = multiprocessing.get_context("forkserver")
_processes.set_forkserver_preload(["tests.support.task_process_imports"])


@dataclass
class Task:
    """A task instance, whose tries share a folder as its task state store.

    :param name: its DAG run.
    :param folder: where its state and its results are.
    :param parameters: of the operator.
    :ivar lease: seconds without a sign of life after which others take it for dead.
    """

    name: str
    folder: Path
    parameters: dict[str, Any]
    lease: float = 60.0
    tries: int = 0

    def start(self) -> Try:
        """Start the next try."""
        self.tries += 1
        began = _processes.Event()
        result = self.folder / f"{self.name}-{self.tries}.json"
        arguments = (dict(os.environ), self.name, self.tries, self.parameters, self.lease, self.folder, result, began)
        process = _processes.Process(target=_execute, args=arguments, daemon=True)
        process.start()
        return Try(process, began, result)


@dataclass
class Try:
    """One running try."""

    process: Any
    began: Any
    result: Path

    def kill(self) -> None:
        """End it as the operating system does when memory runs out."""
        self.process.kill()
        self.process.join()

    def summary(self, timeout: float = 120) -> dict[str, Any]:
        """Wait for its end, and return the summary; fails when it failed."""
        self.process.join(timeout)
        assert self.process.exitcode == 0, f"{self.result.name}: exit code {self.process.exitcode}"
        summary: dict[str, Any] = json.loads(self.result.read_text())
        return summary


def set_snowflake_protocol() -> None:
    """Have Snowflake's connector speak the protocol that the environment names."""
    from importlib import import_module

    defaults = import_module("snowflake.connector.connection").DEFAULT_CONFIGURATION
    defaults["protocol"] = (os.environ.get(SNOWFLAKE_PROTOCOL, "https"), str)


class _StateStore:
    """Airflow's task state store, as far as it is used."""

    def __init__(self, folder: Path, name: str) -> None:
        self._path = folder / f"{name}.state"

    def get(self, key: str) -> Any:
        return json.loads(self._path.read_text()).get(key) if self._path.exists() else None

    def set(self, key: str, value: Any, **_: Any) -> None:
        fresh = self._path.with_suffix(".new")
        fresh.write_text(json.dumps({key: value}))
        fresh.replace(self._path)


def _execute(
    environment: dict[str, str],
    name: str,
    number: int,
    parameters: dict[str, Any],
    lease: float,
    folder: Path,
    result: Path,
    began: Any,
) -> None:
    os.environ.update(environment)
    if SNOWFLAKE_PROTOCOL in environment:
        set_snowflake_protocol()
    from airflow_provider_linkedin_capi.operators.stream_conversions import StreamConversionsOperator
    from airflow_provider_linkedin_capi.sinks import ledger_store

    ledger_store.LEASE_SECONDS, ledger_store.HEARTBEAT_SECONDS, ledger_store._POLL_SECONDS = lease, lease / 10, 0.05
    operator = StreamConversionsOperator(task_id="stream", **parameters)
    ti = SimpleNamespace(
        dag_id="deliveries", run_id=name, task_id="stream", map_index=-1, try_number=number, max_tries=5,
        xcom_push=lambda **_: None,
    )  # fmt: skip
    context: Any = {
        "ti": ti,
        "dag_run": SimpleNamespace(run_id=name, run_after=_RUN_AFTER, queued_at=_RUN_AFTER, start_date=_RUN_AFTER),
        "task_state_store": _StateStore(folder, name),
    }
    began.set()
    summary = operator.execute(context)
    result.write_text(json.dumps(summary))
