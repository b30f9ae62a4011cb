"""What an event costs at 100,000, 1,000,000 and 2,000,000 rows, and what memory the job takes.

    python -m benchmarks.cost [--rows 100000 1000000 2000000]

Each size runs in a process of its own, so that none inherits the memory of another.
"""

from __future__ import annotations

import argparse
import subprocess
import sys

from benchmarks import job, official, server


def one(rows: int) -> None:
    job.set_up_airflow()
    with server.running() as linkedin:
        whole = job.Job(linkedin.url, job.warehouse(rows))
        with job.Meter() as meter:
            summary = whole.run(**job.UNLIMITED)
        assert summary.accepted == linkedin.events() == rows, summary
        print(f"{rows:>9,} rows  whole job            {meter.figures(rows, summary)}", flush=True)
        batches = official.ready_made_batches()
        print(f"{rows:>9,} rows  official, one thread {official.send(linkedin.url, rows, batches)}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, nargs="+", default=[100_000, 1_000_000, 2_000_000])
    rows = parser.parse_args().rows
    if len(rows) == 1:
        one(rows[0])
        return
    for count in rows:
        subprocess.run([sys.executable, "-m", "benchmarks.cost", "--rows", str(count)], check=True)


if __name__ == "__main__":
    main()
