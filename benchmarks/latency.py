"""Default settings against a server that takes a second for each answer: how much of LinkedIn's cap is used.

    python -m benchmarks.latency [--minutes 1.5] [--scale 10] [--ledger postgres]

LinkedIn takes 600 requests of 5,000 events a minute. The long-run rate counts: from the first request to the one that
begins the last minute. ``--scale 10`` does the same with a tenth of the cap (60 requests of 5,000 a minute).
"""

from __future__ import annotations

import argparse
import contextlib

from benchmarks import job, ledgers, official, rows, server

CAP = 600
TABLE_ROWS = 100_000
LATENCY = 1.0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=1.5)
    parser.add_argument("--scale", type=int, default=10)
    parser.add_argument("--ledger", choices=ledgers.KINDS)
    options = parser.parse_args()
    per_minute = CAP // options.scale
    count = int(per_minute * options.minutes + 1) * official.BATCH
    job.set_up_airflow()
    # The same rows again and again, with event ids of their own.
    columns = ", ".join(name for name in rows.COLUMNS if name != "event_id")
    query = (
        f"WITH RECURSIVE again(n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM again WHERE n < {count // TABLE_ROWS}) "
        f"SELECT event_id || '-' || n AS event_id, {columns} FROM again CROSS JOIN conversions LIMIT {count}"
    )
    # Only the pace is scaled down, never what is default.
    settings = {} if options.scale == 1 else {"requests_per_minute": per_minute}
    with contextlib.ExitStack() as stack:
        linkedin = stack.enter_context(server.running(LATENCY))
        ledger = stack.enter_context(ledgers.fresh(options.ledger)) if options.ledger else None
        whole = job.Job(linkedin.url, rows.sqlite_warehouse(TABLE_ROWS, 0.2), ledger=ledger, query=query)
        with job.Meter() as meter:
            summary = whole.run(**settings)
        assert summary.accepted == linkedin.events() == count, summary
        arrivals = linkedin.arrivals()
    cap = per_minute * official.BATCH
    long_run = (len(arrivals) - 1) * official.BATCH / arrivals[-1] * 60
    busiest = max(sum(start <= other < start + 60 for other in arrivals) for start in arrivals)
    print(f"whole job  {meter.figures(count)}")
    print(f"           {long_run:,.0f} events a minute: {long_run / cap:.1%} of {cap:,}")
    print(f"           {busiest} requests in the busiest minute, {per_minute} allowed")


if __name__ == "__main__":
    main()
