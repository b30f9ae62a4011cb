"""``make demo``: conversions from a warehouse to a local LinkedIn and the report back, in real Airflow.

Everything happens on this machine and under ``.demo``; LinkedIn itself is never called.
"""

from __future__ import annotations

import datetime as dt
import importlib.metadata
import shutil
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import requests

from demo import show, warehouse
from demo.airflow_stack import FINISHED, AirflowStack, free_port

if TYPE_CHECKING:
    from collections.abc import Iterator

PROJECT = Path(__file__).parent.parent
FOLDER = PROJECT / ".demo"
WAREHOUSE = FOLDER / "warehouse.db"
REJECTS = FOLDER / "rejects"
DAG_ID = "linkedin_conversions_daily"
#: LinkedIn takes hours to attribute a conversion; the local one takes this long.
REPORT_DELAY_SECONDS = 6
RUN_TIMEOUT_SECONDS = 300


def main() -> int:
    """Run the demo; return 0 when everything was as it should be."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that what was started is stopped
    began = time.monotonic()
    shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir()
    today = dt.datetime.now(dt.UTC).date()

    show.title("From the warehouse to LinkedIn and back")
    show.step("A warehouse", f"SQLite, {warehouse.ROWS:,} conversions of the last {warehouse.WEEKS} weeks")
    warehouse.fill(WAREHOUSE, today)
    show.sample(WAREHOUSE)
    with local_linkedin() as linkedin, airflow(linkedin) as stack:
        first = deliver(stack, today, "The first run")
        problems = show.outcome(first, WAREHOUSE, REJECTS, state_of(linkedin))
        again = deliver(stack, today, "The same weeks once more")
        problems += show.repeat(again, first, state_of(linkedin))
        show.where_to_look(FOLDER)
    show.end(time.monotonic() - began, problems)
    return 1 if problems else 0


@contextmanager
def local_linkedin() -> Iterator[str]:
    """Run the sandbox as a process of its own; yield its URL."""
    url = f"http://127.0.0.1:{(port := free_port())}"
    with (FOLDER / "linkedin.log").open("wb") as output:
        process = subprocess.Popen(
            [
                sys.executable, "-m", "airflow_provider_linkedin_capi.sandbox", "--port", str(port),
                "--state", str(FOLDER / "linkedin.db"), "--report-delay", str(REPORT_DELAY_SECONDS),
            ],
            cwd=PROJECT, stdin=subprocess.DEVNULL, stdout=output, stderr=output,
        )  # fmt: skip
    try:
        deadline = time.monotonic() + 30
        while process.poll() is None and time.monotonic() < deadline:
            try:
                state_of(url)
                break
            except requests.ConnectionError:
                time.sleep(0.1)
        else:
            raise RuntimeError(f"The local LinkedIn did not start:\n{(FOLDER / 'linkedin.log').read_text()}")
        show.step("LinkedIn, on this machine", f"{url}, attributes conversions after {REPORT_DELAY_SECONDS} s")
        yield url
    finally:
        process.terminate()
        process.wait(timeout=20)


@contextmanager
def airflow(linkedin: str) -> Iterator[AirflowStack]:
    """Run the whole of Airflow with the example DAG and its two connections."""
    began = time.monotonic()
    stack = AirflowStack(FOLDER / "airflow", policy=PROJECT / "demo" / "policy.py")
    stack.set_variable("linkedin_rejects", f"file://{REJECTS}")
    stack.connect(
        "linkedin_capi_default",
        conn_type="linkedin_capi",
        host=linkedin,
        extra={
            "access_token": "sandbox-token",
            "ad_account_id": "5012345",
            "oauth_base_url": f"{linkedin}/oauth/v2",
        },
    )
    stack.connect("warehouse", conn_type="sqlite", host=str(WAREHOUSE))
    with stack:
        stack.add_dag(DAG_ID, PROJECT / "example_dags" / f"{DAG_ID}.py")
        show.step(
            f"Airflow {importlib.metadata.version('apache-airflow')}",
            f"API server, scheduler, DAG processor and triggerer are up after {time.monotonic() - began:.0f} s",
        )
        yield stack


def deliver(stack: AirflowStack, today: dt.date, title: str) -> dict[str, Any]:
    """Run the DAG over all the weeks, tell what its tasks do, and return the stream's summary."""
    end = dt.datetime.combine(today, dt.time(), dt.UTC)
    start = end - dt.timedelta(weeks=warehouse.WEEKS)
    show.step(title, f"one run with the data interval {start:%Y-%m-%d} to {end:%Y-%m-%d}")
    run = stack.trigger(DAG_ID, logical_date=dt.datetime.now(dt.UTC), data_interval=(start, end))
    told: dict[str, str] = {}
    deadline = time.monotonic() + RUN_TIMEOUT_SECONDS
    while True:
        state = stack.run_state(DAG_ID, run)
        for task in stack.tasks(DAG_ID, run):
            if task["state"] in (*FINISHED, "deferred", "up_for_retry") and told.get(task["task_id"]) != task["state"]:
                told[task["task_id"]] = task["state"]
                show.task(task["task_id"], task["state"], task["duration"])
        if state in FINISHED:
            break
        if time.monotonic() > deadline:
            raise TimeoutError(f"The run is still {state} after {RUN_TIMEOUT_SECONDS} s; see {stack.home}/logs")
        time.sleep(0.2)
    if state == "failed":
        for task_id in (task_id for task_id, ended in told.items() if ended == "failed"):
            show.log(task_id, stack.log(DAG_ID, run, task_id))
        raise RuntimeError("The run failed")
    summary: dict[str, Any] = stack.xcom(DAG_ID, run, "stream_conversions")
    return summary


def state_of(linkedin: str) -> dict[str, Any]:
    """Ask the local LinkedIn what it holds."""
    state: dict[str, Any] = requests.get(f"{linkedin}/admin/state", timeout=10).json()
    return state


if __name__ == "__main__":
    sys.exit(main())
