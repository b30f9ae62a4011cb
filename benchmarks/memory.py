"""What memory the job takes above the idle task, by number of rows, source and ledger.

    python -m benchmarks.memory [--rows 100000 400000] [--ledger postgres]

Each case runs in a process of its own, so that none inherits the memory of another.
"""

from __future__ import annotations

import argparse
import contextlib
import subprocess
import sys

from benchmarks import job, ledgers, rows, server

SOURCES = {"sqlite": rows.sqlite_warehouse, "parquet": rows.parquet_file}


def one(count: int, source: str, ledger: str | None) -> None:
    """Run one case, and print its figures."""
    job.set_up_airflow()
    path = SOURCES[source](count, 0.2)
    with contextlib.ExitStack() as stack:
        linkedin = stack.enter_context(server.running())
        conn_id = stack.enter_context(ledgers.fresh(ledger)) if ledger else None
        whole = job.Job(linkedin.url, path, ledger=conn_id)
        with job.Meter() as meter:
            summary = whole.run(**job.UNLIMITED)
        assert summary.accepted == linkedin.events() == count, summary
    print(f"{count:>9,} rows of {source:<8} {f'ledger on {ledger}' if ledger else '':<20} {meter.figures(count)}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, nargs="+", default=[100_000, 400_000])
    parser.add_argument("--ledger", choices=ledgers.KINDS)
    parser.add_argument("--source", choices=SOURCES, help="run one case in this process")
    options = parser.parse_args()
    if options.source:
        one(options.rows[0], options.source, options.ledger)
        return
    for count in options.rows:
        for source, ledger in (("sqlite", []), ("parquet", []), ("sqlite", ["--ledger", options.ledger or "postgres"])):
            command = [sys.executable, "-m", "benchmarks.memory", "--rows", str(count), "--source", source, *ledger]
            subprocess.run(command, check=True)


if __name__ == "__main__":
    main()
