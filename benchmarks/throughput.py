"""The whole job against a server that answers at once, next to LinkedIn's own client sending ready-made events.

    python -m benchmarks.throughput [--rows 1000000]

One process reads SQLite, hashes e-mails, checks everything, keeps a checkpoint on disk and sends; LinkedIn's limits are
lifted, so that what is measured is the sender.
"""

from __future__ import annotations

import argparse

from benchmarks import job, official, server


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=1_000_000)
    rows = parser.parse_args().rows
    job.set_up_airflow()
    database = job.warehouse(rows)
    with server.running() as linkedin:
        whole = job.Job(linkedin.url, database)
        with job.Meter() as meter:
            summary = whole.run(**job.UNLIMITED)
        ours = meter.figures(rows, summary)
        assert summary.accepted == linkedin.events() == rows, summary
        print(f"whole job               {ours}", flush=True)
        batches = official.ready_made_batches()
        alone = official.send(linkedin.url, rows, batches)
        print(f"official, one thread    {alone}")
        together = official.send(linkedin.url, rows, batches, threads=8)
        print(f"official, eight threads {together}")
    best = max(alone.rate, together.rate)
    print(f"{ours.rate / best:.2f} of the official client's better rate")


if __name__ == "__main__":
    main()
