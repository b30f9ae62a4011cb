"""The whole job against a server that answers at once, next to LinkedIn's own client sending ready-made events.

    python -m benchmarks.throughput [--rows 1000000] [--rounds 3]

One process reads SQLite, hashes e-mails, checks everything, keeps a checkpoint on disk and sends; LinkedIn's limits are
lifted, so that what is measured is the sender.
"""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from benchmarks import job, official, server

if TYPE_CHECKING:
    from pathlib import Path


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=3, help="the machine has other things to do: the best counts")
    options = parser.parse_args()
    rows = options.rows
    job.set_up_airflow()
    database = job.warehouse(rows)
    batches = official.ready_made_batches()
    best: dict[str, float] = {}
    for _ in range(options.rounds):
        for name, figures in (
            ("whole job", whole_job(database, rows)),
            ("official, one thread", sent_by_official(rows, batches, threads=1)),
            ("official, eight threads", sent_by_official(rows, batches, threads=8)),
        ):
            print(f"{name:<23} {figures}", flush=True)
            best[name] = max(best.get(name, 0.0), figures.rate)
    ours = best.pop("whole job")
    print(
        f"best of {options.rounds}: {ours:,.0f} events/s, {ours / max(best.values()):.2f} of the official client's best"
    )


def whole_job(database: Path, rows: int) -> job.Figures:
    with server.running() as linkedin:
        whole = job.Job(linkedin.url, database)
        with job.Meter() as meter:
            summary = whole.run(**job.UNLIMITED)
        assert summary.accepted == linkedin.events() == rows, summary
    return meter.figures(rows, summary)


def sent_by_official(rows: int, batches: list[list[dict[str, Any]]], *, threads: int) -> job.Figures:
    with server.running() as linkedin:
        figures = official.send(linkedin.url, rows, batches, threads=threads)
        assert linkedin.events() == rows
    return figures


if __name__ == "__main__":
    main()
