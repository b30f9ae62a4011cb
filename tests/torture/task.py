"""One try of a streaming task, in a process of its own: the real operator, with its task state on disk.

Airflow's part is played as its supervisor plays it: SIGTERM calls ``on_kill()``, and the process is killed five seconds
later. The process is forked from a server that has imported Airflow, so that a try costs no start of Python.
"""

from __future__ import annotations

from tests.support import airflow_home  # isort: skip  (before anything that imports Airflow)

import json
import os
import signal
import sys
import traceback
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import AirflowFailException, Asset, Connection

from airflow_provider_linkedin_capi.api import retry
from airflow_provider_linkedin_capi.exceptions import DayLimitReachedError
from airflow_provider_linkedin_capi.operators.stream_conversions import StreamConversionsOperator
from airflow_provider_linkedin_capi.sinks import ledger_store

# What a task imports when it runs, so that it is there before the fork.
for _module in (
    "delivery.engine",
    "events.mapper",
    "hooks.linkedin_conversions",
    "sinks.dead_letters",
    "sinks.ledger",
    "sources.sql",
    "databases.postgres",
    "databases.sqlite",
):
    __import__(f"airflow_provider_linkedin_capi.{_module}")
for _type in ("sqlite", "postgres"):
    Connection(conn_id=_type, conn_type=_type, host="").get_hook()

if TYPE_CHECKING:
    from pathlib import Path

    from tests.torture.attempt import Try

assert airflow_home.HOME.exists()


class DiskState:
    """Airflow's task state store, as a file that a kill leaves whole."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def _all(self) -> dict[str, Any]:
        return dict(json.loads(self._path.read_text())) if self._path.exists() else {}

    def get(self, key: str) -> Any:
        return self._all().get(key)

    def set(self, key: str, value: Any, *, retention: Any = None) -> None:
        write(self._path, {**self._all(), key: value})

    def delete(self, key: str) -> None:
        write(self._path, {name: value for name, value in self._all().items() if name != key})


def write(path: Path, value: Any) -> None:
    """Write JSON so that a reader or a kill finds the old or the new file."""
    beside = path.with_name(f"{path.name}.{os.getpid()}")
    beside.write_text(json.dumps(value))
    beside.replace(path)


def run(attempt: Try) -> None:
    """Run one try; leave ``ended-<number>.json`` unless the process is killed."""
    log = os.open(attempt.folder / "log", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(log, 1)
    os.dup2(log, 2)
    print(f"--- try {attempt.number}", flush=True)
    for conn_id, connection in attempt.connections.items():
        os.environ[f"AIRFLOW_CONN_{conn_id.upper()}"] = json.dumps(connection)
    retry._FIRST_WAIT = 0.01
    # A dead task's lease ends within the time that an episode has.
    ledger_store.LEASE_SECONDS, ledger_store.HEARTBEAT_SECONDS = 10.0, 1.0
    operator = StreamConversionsOperator(task_id="stream", **attempt.parameters)
    signal.signal(signal.SIGTERM, lambda *_: operator.on_kill())

    def push(key: str, value: Any) -> None:
        write(attempt.folder / f"xcom-{attempt.number}-{key}.json", value)

    ti = SimpleNamespace(
        dag_id="torture",
        run_id=attempt.run_id,
        task_id="stream",
        map_index=-1,
        try_number=attempt.number,
        max_tries=attempt.max_tries,
        xcom_push=push,
    )
    context: Any = {
        "ti": ti,
        "task": operator,
        "dag_run": SimpleNamespace(start_date="2026-01-01", clear_number=0),
        "task_state_store": DiskState(attempt.folder / "state.json"),
        "outlet_events": {Asset("none"): SimpleNamespace()},
    }
    ended: dict[str, Any]
    try:
        ended = {"state": "success", "summary": operator.execute(context)}
    except BaseException as error:
        traceback.print_exc()
        state = "final" if isinstance(error, AirflowFailException) else "failed"
        ended = {
            "state": "day" if isinstance(error, DayLimitReachedError) else state,
            "error": f"{type(error).__name__}: {error}",
        }
    write(attempt.folder / f"ended-{attempt.number}.json", ended)
    sys.stdout.flush()
    # As Airflow ends a task's process: without waiting for threads that still send.
    os._exit(0)
