"""The whole of Airflow on this machine: scheduler, DAG processor, triggerer and API server over SQLite.

Used by the demo and by the end-to-end tests. Everything lives under one folder and on free ports of the loopback
interface, so several can run side by side, and nothing is left behind once the folder is removed.
"""

from __future__ import annotations

import json
import os
import secrets
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from contextlib import closing, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import requests
from packaging.version import Version

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

FINISHED = ("success", "failed")


class AirflowStack:
    """A running Airflow; use as a context manager.

    :param home: an empty folder, or that of an earlier stack whose runs are to be kept.
    :param policy: a file with Airflow's cluster policies, e.g. a ``task_policy``.
    """

    def __init__(self, home: Path, policy: Path | None = None) -> None:
        self.home = home
        self.dags_folder = home / "dags"
        self.database = home / "airflow.db"
        self._connections = home / "connections.json"
        self._variables = home / "variables.json"
        self._policy = policy
        self._port = free_port()
        self._components: dict[str, subprocess.Popen[bytes]] = {}
        self.environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("AIRFLOW_")},
            **self._settings(),
        }

    # -- life ----------------------------------------------------------------------------------------------

    def start(self) -> Self:
        """Create the metadata database and start every component; return when all of them answer."""
        self.dags_folder.mkdir(parents=True, exist_ok=True)
        (self.home / "output").mkdir(exist_ok=True)
        for secrets_file in (self._connections, self._variables):
            if not secrets_file.exists():
                secrets_file.write_text("{}")
        if self._policy:
            (self.home / "config").mkdir(exist_ok=True)
            shutil.copy(self._policy, self.home / "config" / "airflow_local_settings.py")
        self.cli("db", "migrate")
        try:
            for component in _components():
                self._start(component)
            self._wait_for("every component to be healthy", self._healthy, 120)
        except BaseException:
            self.stop()
            raise
        return self

    def stop(self) -> None:
        """Stop every component, by force those that do not stop when asked."""
        for process in self._components.values():
            process.send_signal(signal.SIGTERM)
        for component in list(self._components):
            self._end(component)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *exc: object) -> None:
        self.stop()

    def restart_triggerer(self) -> None:
        """Stop the triggerer, as a deployment does, and start another; its triggers have to start over."""
        self._components["triggerer"].send_signal(signal.SIGTERM)
        self._end("triggerer")
        self._start("triggerer")
        self._wait_for("the triggerer to be healthy", self._healthy, 60)

    # -- DAGs, connections, runs ------------------------------------------------------------------------------

    def connect(self, conn_id: str, **fields: Any) -> str:
        """Define or redefine a connection, for every task that starts from now on."""
        if "extra" in fields:
            fields["extra_dejson"] = fields.pop("extra")
        _add_to(self._connections, conn_id, fields)
        return conn_id

    def set_variable(self, key: str, value: str) -> None:
        """Define or redefine an Airflow Variable, for every task that starts from now on."""
        _add_to(self._variables, key, value)

    def add_dag(self, dag_id: str, file: Path | str, timeout: float = 60) -> str:
        """Put a DAG file (a path, or its source) into the DAG folder; return when Airflow knows the DAG."""
        source = file.read_text() if isinstance(file, Path) else file
        (self.dags_folder / f"{dag_id}.py").write_text(source)

        def parsed() -> bool:
            errors = self._query("SELECT stacktrace FROM import_error WHERE filename LIKE ?", f"%{dag_id}.py")
            if errors:
                raise RuntimeError(f"Airflow cannot import {dag_id}.py:\n{errors[0]['stacktrace']}")
            return bool(self._query("SELECT 1 FROM serialized_dag WHERE dag_id = ?", dag_id))

        self._wait_for(f"the DAG {dag_id} to be parsed", parsed, timeout)
        return dag_id

    def trigger(
        self,
        dag_id: str,
        *,
        conf: Mapping[str, Any] | None = None,
        logical_date: datetime | None = None,
        data_interval: tuple[datetime, datetime] | None = None,
    ) -> str:
        """Start a run and return its id. A data interval of one's own needs Airflow 3."""
        run_id = f"run_{secrets.token_hex(4)}"
        if not _is_airflow_3():
            date = ["--exec-date", logical_date.isoformat()] if logical_date else []
            self.cli("dags", "trigger", dag_id, "--run-id", run_id, "--conf", json.dumps(dict(conf or {})), *date)
            return run_id
        body: dict[str, Any] = {
            "dag_run_id": run_id,
            "conf": dict(conf or {}),
            "logical_date": logical_date.isoformat() if logical_date else None,
        }
        if data_interval:
            body["data_interval_start"], body["data_interval_end"] = (end.isoformat() for end in data_interval)
        self.api("POST", f"dags/{dag_id}/dagRuns", json=body)
        return run_id

    def wait(self, dag_id: str, run_id: str, timeout: float = 120) -> str:
        """Wait until the run has ended and return its state."""
        self._wait_for(
            f"run {run_id} of {dag_id} to end",
            lambda: self.run_state(dag_id, run_id) in FINISHED,
            timeout,
        )
        return self.run_state(dag_id, run_id)

    def wait_for_task(
        self, dag_id: str, run_id: str, task_id: str, state: str, *, map_index: int = -1, timeout: float = 60
    ) -> None:
        """Wait until a task is in ``state``, e.g. ``deferred``."""
        self._wait_for(
            f"task {task_id} of {dag_id} to be {state}",
            lambda: self.task(dag_id, run_id, task_id, map_index=map_index)["state"] == state,
            timeout,
        )

    def kill_task(self, dag_id: str, run_id: str, task_id: str, *, map_index: int = -1) -> None:
        """Kill the process of a running task, as the kernel does when memory runs out."""

        def running() -> dict[str, Any]:
            task = self.task(dag_id, run_id, task_id, map_index=map_index)
            if task["state"] != "running":
                raise RuntimeError(f"task {task_id} is not running, but {task['state']}")
            return task

        # Airflow 2 says "running" a moment before it knows the process.
        self._wait_for(f"the process of task {task_id}", lambda: bool(running()["pid"]), 10)
        os.kill(running()["pid"], signal.SIGKILL)

    # -- what became of it ------------------------------------------------------------------------------------

    def run_state(self, dag_id: str, run_id: str) -> str:
        """Return the state of a run."""
        rows = self._query("SELECT state FROM dag_run WHERE dag_id = ? AND run_id = ?", dag_id, run_id)
        return str(rows[0]["state"])

    def tasks(self, dag_id: str, run_id: str) -> list[dict[str, Any]]:
        """Return each task instance of a run: state, try_number, max_tries, pid, start_date, end_date, ..."""
        return self._query(
            "SELECT * FROM task_instance WHERE dag_id = ? AND run_id = ? ORDER BY start_date", dag_id, run_id
        )

    def task(self, dag_id: str, run_id: str, task_id: str, *, map_index: int = -1) -> dict[str, Any]:
        """Return one task instance of a run."""
        [found] = [
            task for task in self.tasks(dag_id, run_id) if task["task_id"] == task_id and task["map_index"] == map_index
        ]
        return found

    def xcom(self, dag_id: str, run_id: str, task_id: str, key: str = "return_value", *, map_index: int = -1) -> Any:
        """Return what a task pushed, or None."""
        rows = self._query(
            "SELECT value FROM xcom WHERE dag_id = ? AND run_id = ? AND task_id = ? AND key = ? AND map_index = ?",
            dag_id, run_id, task_id, key, map_index,
        )  # fmt: skip
        return json.loads(rows[0]["value"]) if rows else None

    def log(self, dag_id: str, run_id: str, task_id: str, *, map_index: int = -1) -> str:
        """Return the log of all tries of a task, with what its triggers wrote."""
        folder = self.home / "logs" / f"dag_id={dag_id}" / f"run_id={run_id}" / f"task_id={task_id}"
        if map_index >= 0:
            folder /= f"map_index={map_index}"
        return "\n".join(file.read_text() for file in sorted(folder.glob("attempt=*")) if file.is_file())

    def cli(self, *arguments: str) -> str:
        """Run ``airflow ...`` in this environment and return its output."""
        done = subprocess.run(
            [sys.executable, "-m", "airflow", *arguments],
            env=self.environment, cwd=self.home, capture_output=True, text=True, timeout=180, check=False,
        )  # fmt: skip
        if done.returncode:
            raise RuntimeError(f"airflow {' '.join(arguments)} failed:\n{done.stdout}\n{done.stderr}")
        return done.stdout

    def api(self, method: str, path: str, **kwargs: Any) -> Any:
        """Call Airflow's REST API (Airflow 3) and return the answer."""
        token = requests.get(f"{self.url}/auth/token", timeout=30).json()["access_token"]
        answer = requests.request(
            method, f"{self.url}/api/v2/{path}", headers={"Authorization": f"Bearer {token}"}, timeout=30, **kwargs
        )
        if not answer.ok:
            raise RuntimeError(f"{method} {path}: {answer.status_code} {answer.text}")
        return answer.json() if answer.content else None

    @property
    def url(self) -> str:
        """Where Airflow's web interface and API are."""
        return f"http://127.0.0.1:{self._port}"

    # -- inside -----------------------------------------------------------------------------------------------

    def _settings(self) -> dict[str, str]:
        return {
            # The components start ``airflow`` themselves, and this environment need not be activated.
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            "AIRFLOW_HOME": str(self.home),
            "AIRFLOW__CORE__DAGS_FOLDER": str(self.dags_folder),
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
            "AIRFLOW__CORE__PARALLELISM": "4",
            "AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION": "False",
            "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS": "True",  # loopback only, no password
            "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"{self.url}/execution/",
            "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{self.database}",
            "AIRFLOW__DATABASE__LOAD_DEFAULT_CONNECTIONS": "False",
            "AIRFLOW__USAGE_DATA_COLLECTION__ENABLED": "False",
            "AIRFLOW__SECRETS__BACKEND": "airflow.secrets.local_filesystem.LocalFilesystemBackend",
            "AIRFLOW__SECRETS__BACKEND_KWARGS": json.dumps(
                {"connections_file_path": str(self._connections), "variables_file_path": str(self._variables)}
            ),
            "AIRFLOW__API__HOST": "127.0.0.1",
            "AIRFLOW__API__PORT": str(self._port),
            "AIRFLOW__API__BASE_URL": self.url,
            "AIRFLOW__API__WORKERS": "1",
            "AIRFLOW__API_AUTH__JWT_SECRET": secrets.token_hex(32),
            "AIRFLOW__API__SECRET_KEY": secrets.token_hex(32),
            "AIRFLOW__DAG_PROCESSOR__REFRESH_INTERVAL": "2",
            "AIRFLOW__DAG_PROCESSOR__BUNDLE_REFRESH_CHECK_INTERVAL": "1",
            "AIRFLOW__SCHEDULER__USE_JOB_SCHEDULE": "False",  # only the runs that are asked for
            "AIRFLOW__SCHEDULER__DAG_DIR_LIST_INTERVAL": "2",  # Airflow 2.11's name for the same
            "AIRFLOW__LOGGING__WORKER_LOG_SERVER_PORT": str(free_port()),
            "AIRFLOW__LOGGING__TRIGGER_LOG_SERVER_PORT": str(free_port()),
        }

    def _start(self, component: str) -> None:
        with (self.home / "output" / f"{component}.log").open("ab") as output:
            self._components[component] = subprocess.Popen(
                [sys.executable, "-m", "airflow", component],
                env=self.environment, cwd=self.home, stdin=subprocess.DEVNULL, stdout=output, stderr=output,
                start_new_session=True,
            )  # fmt: skip

    def _end(self, component: str) -> None:
        process = self._components.pop(component)
        with suppress(subprocess.TimeoutExpired):
            process.wait(timeout=20)
        with suppress(ProcessLookupError):  # the workers and log servers that a component may have left behind
            os.killpg(process.pid, signal.SIGKILL)
        process.wait(timeout=20)

    def _healthy(self) -> bool:
        """Every component has a live process and has reported to the database, and the API answers."""
        for component, process in self._components.items():
            if process.poll() is not None:
                output = (self.home / "output" / f"{component}.log").read_text(errors="replace")
                raise RuntimeError(f"airflow {component} ended with {process.returncode}:\n{output[-3000:]}")
        reported = {
            row["job_type"]
            for row in self._query("SELECT job_type FROM job WHERE state = 'running' AND end_date IS NULL")
        }
        if not {_JOB_TYPES[component] for component in self._components if component in _JOB_TYPES} <= reported:
            return False
        if "api-server" not in self._components:
            return True
        try:
            return requests.get(f"{self.url}/api/v2/monitor/health", timeout=5).ok
        except requests.RequestException:
            return False

    def _query(self, sql: str, *parameters: Any) -> list[dict[str, Any]]:
        with closing(sqlite3.connect(f"file:{self.database}?mode=ro", uri=True, timeout=30)) as connection:
            connection.row_factory = sqlite3.Row
            return [dict(row) for row in connection.execute(sql, parameters)]

    def _wait_for(self, what: str, condition: Callable[[], bool], timeout: float) -> None:
        deadline = time.monotonic() + timeout
        while not condition():
            if time.monotonic() > deadline:
                raise TimeoutError(
                    f"Waited {timeout:g} s in vain for {what}; see {self.home}/output and {self.home}/logs"
                )
            time.sleep(0.2)


_JOB_TYPES = {"scheduler": "SchedulerJob", "dag-processor": "DagProcessorJob", "triggerer": "TriggererJob"}


def _add_to(file: Path, key: str, value: Any) -> None:
    """Add an entry to a JSON file that others may be reading."""
    known = json.loads(file.read_text()) if file.exists() else {}
    file.parent.mkdir(parents=True, exist_ok=True)
    replacement = file.with_suffix(".new.json")
    replacement.write_text(json.dumps({**known, key: value}, indent=1))
    replacement.replace(file)


def _is_airflow_3() -> bool:
    import importlib.metadata

    return Version(importlib.metadata.version("apache-airflow")) >= Version("3")


def _components() -> tuple[str, ...]:
    """In Airflow 2 the scheduler parses the DAGs, and tasks need no API server."""
    if _is_airflow_3():
        return ("api-server", "scheduler", "dag-processor", "triggerer")
    return ("scheduler", "triggerer")


def free_port() -> int:
    """Return a port of the loopback interface that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
