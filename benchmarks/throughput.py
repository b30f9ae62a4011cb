"""The whole job beside LinkedIn's own client, which sends the same events ready made.

    python -m benchmarks.throughput [--rows 200000] [--rounds 3] [--untidy 0.2] [--ledgers postgres sqlite duckdb]

Each round runs the official client, the job without a ledger, and with a ledger in each database: first into an empty
one, then once more, when everything is skipped. LinkedIn's limits are lifted and its server answers at once, so that
what is measured is the sender. Ratios are taken within a round; the medians of all rounds count.
"""

from __future__ import annotations

import argparse
import contextlib
from collections import defaultdict
from statistics import median
from typing import TYPE_CHECKING

from benchmarks import job, ledgers, official, rows, server

if TYPE_CHECKING:
    from pathlib import Path


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=200_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--untidy", type=float, default=0.2, help="share of rows with untidy values")
    parser.add_argument("--ledgers", nargs="*", choices=ledgers.KINDS, default=list(ledgers.KINDS))
    options = parser.parse_args()
    job.set_up_airflow()
    source = rows.sqlite_warehouse(options.rows, options.untidy)
    batches = official.ready_made_batches(options.untidy)
    # What is imported at the first use is not part of a row's cost.
    for kind in (None, *options.ledgers):
        with ledgers.fresh(kind) if kind else contextlib.nullcontext() as ledger:
            whole_job(rows.sqlite_warehouse(5_000, 0.0), 5_000, ledger)
    rates: dict[str, list[float]] = defaultdict(list)
    costs: dict[str, list[float]] = defaultdict(list)
    for _ in range(options.rounds):
        figures = {"official client": by_official_client(options.rows, batches)}
        figures["without ledger"] = whole_job(source, options.rows)
        for kind in options.ledgers:
            with ledgers.fresh(kind) as ledger:
                figures[f"ledger on {kind}"] = whole_job(source, options.rows, ledger)
                figures[f"{kind}, all skipped"] = whole_job(source, options.rows, ledger, skipped=True)
        with ledgers.fresh("sqlite", source) as ledger:
            figures["rows beside ledger"] = whole_job(source, options.rows, ledger, together=True)
            figures["beside, all skipped"] = whole_job(source, options.rows, ledger, together=True, skipped=True)
        for name, each in figures.items():
            print(f"{name:<22} {each}", flush=True)
            rates[name].append(each.rate / figures["official client"].rate)
            costs[name].append(each.cpu / figures["without ledger"].cpu)
    print(f"\nmedian of {options.rounds}         rate of the official client   CPU of the job without ledger")
    for name in rates:
        print(f"{name:<22} {median(rates[name]):>21.2f} {median(costs[name]):>31.2f}")
    names = {f"ledger on {kind}": f"{kind}, all skipped" for kind in options.ledgers}
    for first, again in {**names, "rows beside ledger": "beside, all skipped"}.items():
        pairs = zip(rates[first], rates[again], strict=True)
        print(f"{first}: skipping all takes {median(one / two for one, two in pairs):.2f} of delivering it")


def whole_job(
    source: Path, count: int, ledger: str | None = None, *, together: bool = False, skipped: bool = False
) -> job.Figures:
    """Run the job once."""
    with server.running() as linkedin:
        whole = job.Job(linkedin.url, source, ledger=ledger, together=together)
        with job.Meter() as meter:
            summary = whole.run(**job.UNLIMITED)
        sent = 0 if skipped else count
        assert (summary.accepted, summary.skipped, linkedin.events()) == (sent, count - sent, sent), summary
    return meter.figures(count)


def by_official_client(count: int, batches: list[official.Batch]) -> job.Figures:
    """Send as many events with the official client, in one thread."""
    with server.running() as linkedin:
        figures = official.send(linkedin.url, count, batches)
        assert linkedin.events() == count
    return figures


if __name__ == "__main__":
    main()
