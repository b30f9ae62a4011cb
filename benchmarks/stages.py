"""Where the time goes: CPU microseconds per event for each stage of the whole job.

    python -m benchmarks.stages [--rows 200000] [--untidy 0.2] [--ledger postgres] [--functions]

Stages are measured by the CPU clock of the thread that runs them, without a profiler's overhead; ``--functions`` adds
cProfile's view of the main thread, which overstates small functions.
"""

from __future__ import annotations

import argparse
import contextlib
import cProfile
import pstats
import time
from collections import Counter
from typing import Any

from benchmarks import job, ledgers, rows, server

SPENT: Counter[str] = Counter()


def timed(owner: Any, name: str, stage: str) -> None:
    """Add up the CPU time of a function or method."""
    original = getattr(owner, name)

    def measured(*args: Any, **kwargs: Any) -> Any:
        started = time.thread_time()
        try:
            return original(*args, **kwargs)
        finally:
            SPENT[stage] += time.thread_time() - started

    setattr(owner, name, measured)


def measure_stages() -> None:
    from airflow_provider_linkedin_capi.delivery import batch, checkpoint, engine, sending
    from airflow_provider_linkedin_capi.events import mapper
    from airflow_provider_linkedin_capi.hooks import linkedin_conversions
    from airflow_provider_linkedin_capi.sinks import ledger
    from airflow_provider_linkedin_capi.sources import sql

    original = sql.SqlSource.chunks

    def chunks(source: Any, size: int) -> Any:
        rows = original(source, size)
        following = rows.__next__
        while True:
            started = time.thread_time()
            try:
                chunk = following()
            except StopIteration:
                return
            finally:
                SPENT["reading SQLite"] += time.thread_time() - started
            yield chunk

    sql.SqlSource.chunks = chunks  # type: ignore[method-assign, assignment]
    timed(mapper.RowMapper, "map", "rows to events, all checks")
    timed(batch, "encode_batch", "encoding")
    timed(checkpoint, "_short_digest", "digest")
    timed(checkpoint.Checkpoint, "save", "saving the checkpoint")
    timed(engine.Delivery, "run", "main thread, all of it")
    timed(linkedin_conversions.LinkedInConversionsHook, "send", "sending threads: the hook")
    timed(ledger.LedgerStore, "claim", "ledger's thread: claims")
    timed(ledger.LedgerStore, "record", "ledger's thread: outcomes")
    timed(sending.Sender, "_send", "sending threads, all of it")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=200_000)
    parser.add_argument("--untidy", type=float, default=0.2, help="share of rows with untidy values")
    parser.add_argument("--ledger", choices=ledgers.KINDS)
    parser.add_argument("--functions", action="store_true")
    options = parser.parse_args()
    job.set_up_airflow()
    with contextlib.ExitStack() as stack:
        ledger = stack.enter_context(ledgers.fresh(options.ledger)) if options.ledger else None
        linkedin = stack.enter_context(server.running())
        whole = job.Job(linkedin.url, rows.sqlite_warehouse(options.rows, options.untidy), ledger=ledger)
        measure_stages()
        started = time.process_time()
        whole.run(**job.UNLIMITED)
        SPENT["process, all of it"] = time.process_time() - started
        for stage, seconds in SPENT.most_common():
            print(f"{seconds / options.rows * 1e6:6.2f} us  {stage}")
        if options.functions:
            profiler = cProfile.Profile()
            profiler.runcall(whole.run, **job.UNLIMITED)
            pstats.Stats(profiler).sort_stats("tottime").print_stats(30)


if __name__ == "__main__":
    main()
