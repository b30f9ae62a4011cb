"""The whole job against a server that takes a second for each answer: how much of LinkedIn's cap is used.

    python -m benchmarks.latency [--minutes 2] [--scale 1]

LinkedIn takes 600 requests of 5,000 events a minute. The delivery sends at once what the minute allows and waits for
the next one, so the long-run rate is what counts: from the first request to the one that begins the last minute.
``--scale 10`` does the same with a tenth of the cap (60 requests a minute) and a tenth of the rows.

LinkedIn's own client has no pace: one thread of it makes one request a second, sixteen exceed the cap and are refused.
"""

from __future__ import annotations

import argparse

from benchmarks import job, official, server

CAP = 600
TABLE_ROWS = 1_000_000
LATENCY = 1.0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=int, default=2)
    parser.add_argument("--scale", type=int, default=1)
    options = parser.parse_args()
    per_minute = CAP // options.scale
    rows = (per_minute * options.minutes + 1) * official.BATCH
    job.set_up_airflow()
    # The same million rows again and again, with event ids of their own.
    query = (
        f"WITH RECURSIVE again(n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM again WHERE n < {rows // TABLE_ROWS}) "
        "SELECT event_id || '-' || n AS event_id, happened_at, email, amount, currency "
        f"FROM again CROSS JOIN conversions LIMIT {rows}"
    )
    with server.running(LATENCY) as linkedin:
        whole = job.Job(linkedin.url, job.warehouse(TABLE_ROWS), query)
        with job.Meter() as meter:
            summary = whole.run(requests_per_minute=per_minute)
        ours = meter.figures(rows, summary)
        assert summary.accepted == linkedin.events() == rows, summary
        arrivals = linkedin.arrivals()
    cap = per_minute * official.BATCH
    long_run = (len(arrivals) - 1) * official.BATCH / arrivals[-1] * 60
    busiest = max(sum(start <= other < start + 60 for other in arrivals) for start in arrivals)
    print(f"whole job             {ours}")
    print(f"                      {long_run:,.0f} events a minute: {long_run / cap:.1%} of {cap:,}", flush=True)
    print(f"                      {busiest} requests in the busiest minute, {per_minute} allowed")
    with server.running(LATENCY) as linkedin:
        alone = official.send(linkedin.url, 20 * official.BATCH, official.ready_made_batches())
    print(f"official, one thread  {alone}")
    share = alone.rate * 60 / (CAP * official.BATCH)
    print(f"                      {alone.rate * 60:,.0f} events a minute: {share:.1%} of LinkedIn's cap")


if __name__ == "__main__":
    main()
