"""What writing a ledger costs, database by database: rows a second, and microseconds of CPU a row in this process.

python -m benchmarks.databases [connection id ...] [--rows 100000] [--batch 5000]

Always SQLite and DuckDB (when installed) in a temporary folder; besides, the Airflow connections that you name: a
table ``linkedin_capi_benchmark`` is created in each, filled, and dropped.
"""

from __future__ import annotations

import argparse
import datetime as dt
import json
import os
import tempfile
import time
from contextlib import closing
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from airflow_provider_linkedin_capi.databases.opening import open_database
from airflow_provider_linkedin_capi.databases.tables import Column, Table

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from airflow_provider_linkedin_capi.databases.base import Database

COLUMNS = (
    Column("conversion", "text", 80),
    Column("event_id", "text", 256),
    Column("delivery", "integer"),
    Column("batch", "integer"),
    Column("happened_at", "time"),
    Column("outcome", "text", 16),
    Column("reason", "text", 128),
)
NAMES = tuple(column.name for column in COLUMNS)
TABLE = Table("linkedin_capi_benchmark", COLUMNS, key=("conversion", "event_id"))
WITHOUT_KEY = Table(TABLE.name, COLUMNS)
AT = dt.datetime(2026, 11, 27, 18, 4, 37, tzinfo=dt.UTC)


def batches(rows: int, size: int) -> Iterator[list[tuple[Any, ...]]]:
    """Yield rows of a ledger, as many as a batch has."""
    for start in range(0, rows, size):
        yield [
            ("urn:lla:llaPartnerConversion:104012", f"order-{number * 7919 % rows:09}", 17, start // size,
             AT + dt.timedelta(milliseconds=number), "accepted", None)
            for number in range(start, min(start + size, rows))
        ]  # fmt: skip


def cost(action: Callable[[list[tuple[Any, ...]]], object], rows: int, size: int) -> tuple[float, float]:
    """Return rows a second, and microseconds of CPU a row, of doing something with each batch."""
    elapsed = cpu = 0.0
    for batch in batches(rows, size):
        began, began_cpu = time.perf_counter(), time.process_time()
        action(batch)
        elapsed += time.perf_counter() - began
        cpu += time.process_time() - began_cpu
    return rows / elapsed, cpu * 1e6 / rows


def measure(database: Database, rows: int, size: int) -> Iterator[str]:
    """Yield a line for each way to write, and to look up."""
    keys = TABLE.key

    def fresh(table: Table) -> None:
        if database.columns(table) is not None:
            database.execute(f"DROP TABLE {database.name(table.name)}")
        database.create(table)

    def line(what: str, action: Callable[[list[tuple[Any, ...]]], object]) -> str:
        rate, cpu = cost(action, rows, size)
        return f"{database.family:11} {what:34} {rate:>10,.0f} rows/s {cpu:>7.1f} us of CPU a row"

    fresh(WITHOUT_KEY)
    yield line("append", lambda batch: database.append(WITHOUT_KEY, NAMES, batch))
    if database.arbitrates:
        fresh(TABLE)
        yield line("insert_new, all new", lambda batch: database.insert_new(TABLE, NAMES, batch))
        yield line("insert_new, all there", lambda batch: database.insert_new(TABLE, NAMES, batch))
    yield line("find, all there", lambda batch: database.find(TABLE, keys, [row[:2] for row in batch]))
    database.execute(f"DROP TABLE {database.name(TABLE.name)}")


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("connections", nargs="*")
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--batch", type=int, default=5_000)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        local = {"benchmark_sqlite": {"conn_type": "sqlite", "host": f"{folder}/ledger.db"}}
        if find_spec("airflow.providers.duckdb"):
            local["benchmark_duckdb"] = {"conn_type": "duckdb", "host": f"{folder}/ledger.duckdb"}
        for conn_id, fields in local.items():
            os.environ[f"AIRFLOW_CONN_{conn_id.upper()}"] = json.dumps(fields)
        for conn_id in [*local, *options.connections]:
            with closing(open_database(conn_id)) as database:
                for text in measure(database, options.rows, options.batch):
                    print(text, flush=True)


if __name__ == "__main__":
    main()
