"""``python -m tests.torture --minutes 2 --seed 7``: episodes until the time is over; fails when a promise broke."""

from __future__ import annotations

import argparse
import contextlib
import os
import secrets
import shutil
import signal
import sys
import tempfile
import time
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from tests.postgres import PostgresMissingError, running_postgres
from tests.torture.attempt import warm_up
from tests.torture.check import broken_promises, held, resent, twice
from tests.torture.episode import Episode
from tests.torture.plan import draw

if TYPE_CHECKING:
    from tests.torture.episode import Ended


def main() -> int:
    """Run episodes and print the figures."""
    parser = argparse.ArgumentParser(prog="python -m tests.torture", description=__doc__)
    parser.add_argument("--minutes", type=float, default=2.0, help="how long new episodes are started")
    parser.add_argument("--seed", type=int, default=None, help="draws the episodes; a new one by default")
    parser.add_argument("--episode", type=int, default=None, help="only this episode")
    parser.add_argument("--keep", action="store_true", help="keep the files of episodes that broke a promise")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("Terminated"))
    seed = secrets.randbelow(1_000_000) if options.seed is None else options.seed
    folder = Path(tempfile.mkdtemp(prefix="torture-"))
    os.environ["TMPDIR"] = str(folder)
    figures: Counter[str] = Counter()
    failed = []
    with contextlib.ExitStack() as stack:
        databases = ["sqlite"]
        server = None
        try:
            server = stack.enter_context(running_postgres())
            databases.append("postgres")
        except PostgresMissingError as missing:
            print(f"Without PostgreSQL: {missing}")
        warm_up()
        until = time.monotonic() + options.minutes * 60
        number = options.episode or 0
        while time.monotonic() < until:
            plan = draw(seed, number, databases)
            if server is not None:
                server.execute(f"CREATE DATABASE torture_{number}")
            database = replace(server, name=f"torture_{number}") if server else None
            ended = Episode(plan, folder / f"episode-{number}", database).run()
            broken = broken_promises(ended)
            _count(figures, ended)
            _tell(ended, broken)
            if broken:
                failed.append(number)
            if not (broken and options.keep):
                shutil.rmtree(folder / f"episode-{number}")
            number += 1
            if options.episode is not None:
                break
    print("\n".join(f"{count:>9,}  {name}" for name, count in figures.items()))
    if failed:
        print(f"Promises broke in episodes {failed}: python -m tests.torture --seed {seed} --episode N --keep")
    else:
        print(f"All promises held (seed {seed}).")
    if failed and options.keep:
        print(f"Their files are in {folder}")
    else:
        shutil.rmtree(folder, ignore_errors=True)
    return 1 if failed else 0


def _count(figures: Counter[str], ended: Ended) -> None:
    figures["episodes"] += 1
    figures["runs"] += len(ended.runs)
    figures["tries"] += sum(run.number for run in ended.runs)
    figures["rows"] += ended.plan.rows * len(ended.runs)
    for name in ("SIGKILL", "SIGTERM", "zombie", "outage"):
        figures[name] += ended.signals[name]
    figures["faults"] += ended.happened.total()
    if ended.given_up is None:
        figures["events twice"] += twice(ended)
        figures["resent_unknown"] += resent(ended)
        figures["held"] += sum(len(held(run)) for run in ended.runs)
        figures["skipped"] += sum(run.summary["skipped"] for run in ended.runs)


def _tell(ended: Ended, broken: list[str]) -> None:
    plan = ended.plan
    parts = [
        f"{plan.number}: {plan.database}, {plan.rows} rows by {plan.batch_size}, {len(ended.runs)} run(s)",
        plan.on_unknown,
        "ledger" if plan.ledger else "no ledger",
        f"tries {'+'.join(str(run.number) for run in ended.runs)}",
        *(f"{name} x {count}" for name, count in (ended.signals + ended.happened).items()),
        f"{ended.seconds:.1f} s",
    ]
    print(", ".join(parts), flush=True)
    for text in broken:
        print(f"   BROKEN: {text}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
