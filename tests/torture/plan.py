"""What happens in an episode, drawn from its seed."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from typing import Any

#: Faults of the local LinkedIn. Each takes a probability of its own.
FAULTS: dict[str, dict[str, Any]] = {
    "503": {"kind": "status", "status": 503},
    "503 after storing": {"kind": "status", "status": 503, "processed": True},
    "500 after storing": {"kind": "status", "status": 500, "body": '{"status":500}', "processed": True},
    "408 after storing": {"kind": "status", "status": 408, "body": '{"status":408}', "processed": True},
    "502 page": {"kind": "html", "status": 502},
    "403 page": {"kind": "html", "status": 403},
    "302": {"kind": "status", "status": 302, "body": "", "headers": {"Location": "http://login.example/"}},
    "429": {"kind": "throttle", "headers": {"Retry-After": "1"}},
    "reset": {"kind": "reset"},
    "reset after storing": {"kind": "reset", "processed": True},
    "reset while uploading": {"kind": "reset_upload"},
    "closed after storing": {"kind": "close", "processed": True},
    "truncated": {"kind": "truncate", "processed": True},
    "late": {"kind": "delay", "processed": True, "seconds": 0.7},
}


@dataclass
class Plan:
    """One episode. Moments are seconds after the first request.

    :ivar database: of rows and ledger: ``sqlite`` or ``postgres``.
    :ivar runs: seconds after the beginning at which each run starts; several runs share a ledger.
    :ivar bad: positions of rows that no check lets pass, by their content.
    :ivar refused: positions of rows that LinkedIn refuses, though the checks do not.
    :ivar kills: moments in seconds and signals; each hits a process chosen when it comes.
    :ivar zombies: moments at which Airflow takes a task for lost that still runs, and starts its next try beside it.
    :ivar outages: moments at which the ledger is out of reach, and for how long.
    :ivar clock_steps: moments at which LinkedIn's clock is moved, and by how much.
    :ivar proxy: the probability that a proxy loses an answer; None without a proxy.
    :ivar day_limit: the request at which LinkedIn's day limit is reached, once; None for never.
    """

    number: int
    database: str
    rows: int
    batch_size: int
    in_flight: int | None
    on_unknown: str
    ledger: bool
    runs: list[float]
    latency: float
    bad: set[int]
    refused: set[int]
    faults: dict[str, float] = field(default_factory=dict)
    kills: list[tuple[float, str]] = field(default_factory=list)
    zombies: list[float] = field(default_factory=list)
    outages: list[tuple[float, float]] = field(default_factory=list)
    clock_steps: list[tuple[float, float]] = field(default_factory=list)
    proxy: float | None = None
    day_limit: int | None = None
    error_positions: str = "indices"


def draw(seed: int, number: int, databases: list[str]) -> Plan:
    """Return the plan of an episode; the same for the same seed and number."""
    chance = random.Random(f"{seed}/{number}")
    rows = chance.choice([60, 300, 900, 2000])
    ledger = chance.random() < 0.75
    names = chance.sample(sorted(FAULTS), chance.choice([0, 1, 1, 2, 3]))
    runs = [0.0]
    odd = chance.sample(range(rows), 2 * chance.choice([0, 1, rows // 25]))
    if ledger and chance.random() < 0.5:
        runs += [chance.choice([0.0, chance.uniform(0, 1.5)]) for _ in range(chance.choice([1, 1, 2]))]
    return Plan(
        number=number,
        database=chance.choice(databases),
        rows=rows,
        batch_size=chance.choice([7, 50, 100, 250]) if rows < 1000 else chance.choice([100, 250]),
        in_flight=chance.choice([None, 1, 2, 8]),
        on_unknown=chance.choice(["resend", "hold"]),
        ledger=ledger,
        runs=runs,
        latency=chance.choice([0.0, 0.02, 0.1]),
        bad=set(odd[::2]),
        refused=set(odd[1::2]),
        faults={name: chance.choice([0.03, 0.1, 0.2]) for name in names},
        kills=[
            (chance.uniform(0.05, 2.5), chance.choice(["SIGKILL", "SIGKILL", "SIGTERM"]))
            for _ in range(chance.choice([0, 1, 2, 3]))
        ],
        outages=[(chance.uniform(0, 1.5), chance.uniform(0.2, 1.5))] if ledger and chance.random() < 0.3 else [],
        clock_steps=[(chance.uniform(0, 1.5), chance.uniform(-900, 900))] if chance.random() < 0.3 else [],
        proxy=chance.choice([0.03, 0.15]) if chance.random() < 0.25 else None,
        day_limit=chance.randrange(1, 8) if chance.random() < 0.15 else None,
        zombies=[chance.uniform(0.05, 1.5)] if chance.random() < 0.2 else [],
        error_positions=chance.choice(["indices", "batchIndex", "hidden"]),
    )
