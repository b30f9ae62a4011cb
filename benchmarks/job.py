"""The whole job, as StreamConversionsOperator does it: rows -> events -> batches -> LinkedIn, in this process."""

from __future__ import annotations

import atexit
import ctypes
import gc
import json
import logging
import os
import resource
import shutil
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import structlog

from benchmarks import rows

if TYPE_CHECKING:
    from airflow_provider_linkedin_capi.delivery import Summary

MIB = 1 << 20
#: LinkedIn's limits lifted, where the sender is measured and not the pace.
UNLIMITED = {"requests_per_minute": 1_000_000, "requests_per_day": 1_000_000}


@dataclass
class Figures:
    """What one run cost."""

    rows: int
    wall: float
    cpu: float
    before: int
    peak: int
    summary: Summary | None = None

    @property
    def rate(self) -> float:
        return self.rows / self.wall

    @property
    def cpu_per_million(self) -> float:
        return self.cpu / self.rows * 1e6

    @property
    def added_memory(self) -> float:
        return (self.peak - self.before) / MIB

    def __str__(self) -> str:
        return (
            f"{self.rate:>9,.0f} events/s  {self.wall:7.2f} s  {self.cpu_per_million:6.2f} CPU-s per million"
            f"  {self.wall / self.rows * 1e6:6.2f} us per event  +{self.added_memory:.0f} MiB"
        )


class Meter:
    """Time, CPU time and peak memory of this process over a ``with`` block."""

    def __enter__(self) -> Meter:
        gc.collect()
        ctypes.CDLL(None).malloc_trim(0)
        Path("/proc/self/clear_refs").write_text("5")  # the peak starts anew
        self._before = _memory("VmRSS")
        self._usage = resource.getrusage(resource.RUSAGE_SELF)
        self._started = time.perf_counter()
        return self

    def __exit__(self, *_: object) -> None:
        self._wall = time.perf_counter() - self._started
        usage = resource.getrusage(resource.RUSAGE_SELF)
        self._cpu = usage.ru_utime - self._usage.ru_utime + usage.ru_stime - self._usage.ru_stime
        self._peak = _memory("VmHWM")

    def figures(self, rows: int, summary: Summary | None = None) -> Figures:
        return Figures(rows, self._wall, self._cpu, self._before, self._peak, summary)


def _memory(field: str) -> int:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(field + ":"):
            return int(line.split()[1]) * 1024
    raise RuntimeError(field)


def set_up_airflow() -> None:
    """A throw-away Airflow home; nothing of it is used but its connections, from the environment."""
    home = tempfile.mkdtemp(prefix="linkedin-capi-benchmark-")
    atexit.register(shutil.rmtree, home, ignore_errors=True)
    os.environ["AIRFLOW_HOME"] = home
    os.environ["AIRFLOW__LOGGING__LOGGING_LEVEL"] = "WARNING"
    os.environ["_AIRFLOW__AS_LIBRARY"] = "1"
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))


class Job:
    """Everything that a task has loaded before its first row: Airflow, hooks, drivers.

    :param url: where LinkedIn is.
    :param source: a SQLite database with a table ``conversions``, or a Parquet file.
    :param ledger: the connection of a database for a ledger.
    :param together: whether the rows are in that database, too.
    :param query: of the SQLite database.
    """

    def __init__(
        self, url: str, source: Path, *, ledger: str | None = None, together: bool = False, query: str = rows.QUERY
    ) -> None:
        connections = {
            "LINKEDIN_CAPI_DEFAULT": {
                "conn_type": "linkedin_capi",
                "host": url,
                "extra": {"access_token": "benchmark", "ad_account_id": 5012345},
            },
            "WAREHOUSE": {"conn_type": "sqlite", "host": str(source)},
        }
        for name, connection in connections.items():
            os.environ[f"AIRFLOW_CONN_{name}"] = json.dumps(connection)
        from airflow_provider_linkedin_capi.delivery import Delivery
        from airflow_provider_linkedin_capi.events.mapper import RowMapper
        from airflow_provider_linkedin_capi.hooks.linkedin_conversions import LinkedInConversionsHook
        from airflow_provider_linkedin_capi.sinks.ledger import LedgerSink
        from airflow_provider_linkedin_capi.sinks.ledger_tables import delivered_condition
        from airflow_provider_linkedin_capi.sources.files import FileSource
        from airflow_provider_linkedin_capi.sources.sql import SqlSource

        self._delivery, self._mapper = Delivery, RowMapper
        self._hook = LinkedInConversionsHook()
        if source.suffix == ".parquet":
            self._source = FileSource(f"file://{source}")
        else:
            self._source = SqlSource(ledger if ledger and together else "warehouse", query)
        if together:
            # As the operator does it.
            self._source.mark_delivered(
                lambda database, _: delivered_condition(database, "linkedin_results", rows.RULE, "event_id")
            )
        self._sinks = [LedgerSink(ledger, "linkedin_results")] if ledger else []

    def run(self, **settings: Any) -> Summary:
        """Deliver all rows, with a checkpoint in a file and every check on."""
        from airflow_provider_linkedin_capi.delivery import DeliveryInfo, DeliverySettings

        with tempfile.TemporaryDirectory() as folder:
            delivery = self._delivery(
                self._hook,
                DeliverySettings(**settings),
                checkpoint=FileStore(Path(folder) / "checkpoint.json"),
                sinks=self._sinks,
                info=DeliveryInfo(dag_id="benchmark", run_id=folder, task_id="stream", delivery_id=folder),
            )
            return delivery.run(
                self._source, lambda columns, now_ms: self._mapper(columns, rule=rows.RULE, now_ms=now_ms)
            )


class FileStore:
    """A checkpoint that is on disk when ``save`` returns."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def load(self) -> dict[str, Any] | None:
        return json.loads(self._path.read_text()) if self._path.exists() else None

    def save(self, state: dict[str, Any]) -> None:
        fresh = self._path.with_suffix(".new")
        fresh.write_text(json.dumps(state))
        fresh.replace(self._path)
