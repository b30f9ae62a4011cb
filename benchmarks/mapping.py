"""Microseconds of CPU a row: rows to conversion events with all checks, then events to the body of a request.

    python -m benchmarks.mapping [--rows 200000] [--untidy 0.1] [--functions]

Rows have eleven columns as a CRM holds them. ``--untidy`` is the share of e-mails, names, companies and titles with
spaces around them, and of e-mails and currencies in mixed case; ``--functions`` adds cProfile's view, which overstates
small functions.
"""

from __future__ import annotations

import argparse
import cProfile
import datetime as dt
import gc
import pstats
import random
import statistics
import time
import uuid

from airflow_provider_linkedin_capi.events import RowMapper, encode_batch

NOW_MS = 1_790_000_000_000
COLUMNS = (
    "event_id",
    "email",
    "happened_at",
    "amount",
    "currency",
    "first_name",
    "last_name",
    "company",
    "title",
    "country",
    "li_fat_id",
)
CHUNK = 5_000

FIRST_NAMES = ("Rosa", "Ana María", "Jürgen", "Chloé", "Wei", "Olu", "Priya", "Jean-Luc", "Sinéad", "Mary Jane")
LAST_NAMES = ("Kamp", "O'Brien", "Müller", "García López", "Nguyen", "van der Berg", "Okafor", "Null", "Smith", "Łęcki")
TITLES = (
    "Buyer",
    "Head of Procurement",
    "VP, Sales & Marketing",
    "Ingénieur",
    "Data Engineer",
    "CTO",
    "Geschäftsführer",
)
DOMAINS = ("example.com", "mail.example.net", "haus.example", "sub.example.co.uk")
COUNTRIES = ("US", "DE", "GB", "FR", "ES", "IN")


def make_rows(count: int, untidy: float) -> list[tuple[object, ...]]:
    """Return rows as a CRM holds them, with the given share of untidy values."""
    rng = random.Random(7)

    def padded(text: str) -> str:
        return rng.choice((" {}", "{} ", "  {} ")).format(text) if rng.random() < untidy else text

    rows: list[tuple[object, ...]] = []
    for number in range(count):
        first, last = rng.choice(FIRST_NAMES), rng.choice(LAST_NAMES)
        address = f"{first[:1].lower()}.person{number}@{rng.choice(DOMAINS)}"
        messy = rng.random() < untidy
        moment = dt.datetime.fromtimestamp((NOW_MS - rng.randrange(80 * 86_400_000)) // 1000, dt.UTC)
        rows.append(
            (
                f"order-{number:09d}",
                padded(address.title() if messy else address),
                moment.strftime("%Y-%m-%dT%H:%M:%SZ"),
                f"{rng.randrange(1, 500_000) / 100:.2f}",
                "usd" if messy else ("USD", "EUR", "GBP")[number % 3],
                padded(first),
                padded(last),
                padded(f"{last} & Sons {rng.randrange(20_000)} Ltd."),
                padded(rng.choice(TITLES)),
                rng.choice(COUNTRIES),
                str(uuid.UUID(int=rng.getrandbits(128))) if rng.random() < 0.7 else None,
            )
        )
    return rows


def measure(rows: list[tuple[object, ...]], rounds: int = 3) -> str:
    """Map and encode the rows a few times; return the median of the figures."""
    mapping, encoding = [], []
    size = events = warnings = 0
    for _ in range(rounds):
        mapper = RowMapper(COLUMNS, rule=123, now_ms=NOW_MS)
        spent = [0.0, 0.0]
        size = events = warnings = 0
        for start in range(0, len(rows), CHUNK):
            began = time.thread_time()
            mapped = mapper.map(rows[start : start + CHUNK])
            between = time.thread_time()
            body = encode_batch(mapped.events)
            spent[0] += between - began
            spent[1] += time.thread_time() - between
            size, events, warnings = size + len(body), events + len(mapped.events), warnings + len(mapped.warnings)
        mapping.append(spent[0] / len(rows) * 1e6)
        encoding.append(spent[1] / len(rows) * 1e6)
    return (
        f"mapping {statistics.median(mapping):5.2f} us/row, encoding {statistics.median(encoding):5.2f} us/row; "
        f"{events:,} events of {size / events:.0f} bytes from {len(rows):,} rows, {warnings:,} warnings"
    )


def main() -> None:
    """Measure with the share of untidy values asked for, or with several."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--untidy", type=float, nargs="+", default=[0.0, 0.1, 1.0])
    parser.add_argument("--functions", action="store_true")
    options = parser.parse_args()
    gc.set_threshold(500_000)  # as during a delivery
    for untidy in options.untidy:
        rows = make_rows(options.rows, untidy)
        print(f"{untidy:4.0%} untidy: {measure(rows)}", flush=True)
        if options.functions:
            profiler = cProfile.Profile()
            profiler.runcall(measure, rows, 1)
            pstats.Stats(profiler).sort_stats("tottime").print_stats(25)


if __name__ == "__main__":
    main()
