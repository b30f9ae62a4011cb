"""The whole job, as StreamConversionsOperator does it: SQLite -> events -> batches -> LinkedIn, in this process."""

from __future__ import annotations

import atexit
import ctypes
import gc
import json
import logging
import os
import resource
import shutil
import sqlite3
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import structlog

if TYPE_CHECKING:
    from airflow_provider_linkedin_capi.delivery import Summary

RULE = "urn:lla:llaPartnerConversion:104004"
QUERY = "SELECT event_id, happened_at, email, amount, currency, order_no FROM conversions ORDER BY order_no"
MIB = 1 << 20
#: LinkedIn's limits lifted, where the sender is measured and not the pace.
UNLIMITED = {"requests_per_minute": 1_000_000, "requests_per_day": 1_000_000}


def warehouse(rows: int) -> Path:
    """A SQLite database with so many conversions of the last 80 days, made once and kept for the next run."""
    path = Path(tempfile.gettempdir()) / f"linkedin-capi-benchmark-{rows}-{time.strftime('%Y%m%d')}.sqlite"
    if path.exists():
        return path
    unfinished = path.with_suffix(".part")
    unfinished.unlink(missing_ok=True)
    now = time.time()
    with sqlite3.connect(unfinished) as connection:
        connection.execute("PRAGMA synchronous = OFF")
        connection.execute(
            "CREATE TABLE conversions (order_no INTEGER PRIMARY KEY, event_id TEXT, happened_at TEXT, email TEXT,"
            " amount REAL, currency TEXT)"
        )
        connection.executemany(
            "INSERT INTO conversions VALUES (?, ?, ?, ?, ?, ?)",
            (
                (
                    number,
                    f"order-{number:09d}",
                    time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(now - 600 - number % (80 * 86_400))),
                    _address(number),
                    round(10 + number % 9_000 / 100, 2),
                    "USD",
                )
                for number in range(rows)
            ),
        )
    connection.close()
    unfinished.rename(path)
    return path


def _address(number: int) -> str:
    """An e-mail address; one in ten has capital letters, one in a thousand was typed with spaces around it."""
    if number % 1_000 == 0:
        return f" person.{number}@example.com "
    return f"Person.{number}@Example.com" if number % 10 == 0 else f"person.{number}@example.com"


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
    """Everything that a task has loaded before its first row: Airflow, hooks, drivers."""

    def __init__(self, url: str, path: Path, query: str = QUERY) -> None:
        connections = {
            "LINKEDIN_CAPI_DEFAULT": {
                "conn_type": "linkedin_capi",
                "host": url,
                "extra": {"access_token": "benchmark", "ad_account_id": 5012345},
            },
            "WAREHOUSE": {"conn_type": "sqlite", "host": str(path)},
        }
        for name, connection in connections.items():
            os.environ[f"AIRFLOW_CONN_{name}"] = json.dumps(connection)
        from airflow_provider_linkedin_capi.delivery import Delivery
        from airflow_provider_linkedin_capi.events.mapper import RowMapper
        from airflow_provider_linkedin_capi.hooks.linkedin_conversions import LinkedInConversionsHook
        from airflow_provider_linkedin_capi.sources.sql import SqlSource

        self._delivery, self._mapper = Delivery, RowMapper
        self._hook = LinkedInConversionsHook()
        self._source = SqlSource("warehouse", query)

    def run(self, **settings: Any) -> Summary:
        """Deliver all rows, with a checkpoint in a file and every check on."""
        from airflow_provider_linkedin_capi.delivery import DeliverySettings

        with tempfile.TemporaryDirectory() as folder:
            delivery = self._delivery(
                self._hook,
                DeliverySettings(**settings),
                checkpoint=FileStore(Path(folder) / "checkpoint.json"),
            )
            return delivery.run(
                self._source,
                lambda columns, now_ms: self._mapper(columns, rule=RULE, now_ms=now_ms),
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
