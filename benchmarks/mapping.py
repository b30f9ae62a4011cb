"""Microseconds of CPU a row: rows to conversion events with all checks, and their encoding.

python benchmarks/mapping.py [rows]
"""

from __future__ import annotations

import argparse
import datetime as dt
import random
import time
from decimal import Decimal
from hashlib import sha256

from airflow_provider_linkedin_capi.events import RowMapper, encode_batch

NOW_MS = 1_790_000_000_000
COLUMNS = (
    "happened_at",
    "email",
    "event_id",
    "amount",
    "currency",
    "first_name",
    "last_name",
    "country",
)
CHUNK = 5_000


def make_rows(count: int) -> list[tuple[object, ...]]:
    """Return rows as a warehouse holds them; one name in four and nine amounts in ten are seen only once."""
    rng = random.Random(7)
    domains = ("example.com", "Example.ORG", "mail.example.net")
    return [
        (
            NOW_MS - rng.randrange(80 * 86_400_000),
            f"jane.doe{number}+news@{domains[number % 3]}",
            f"order-{number:09d}",
            f"{rng.randrange(1, 500_000) / 100:.2f}",
            ("USD", "EUR", "GBP")[number % 3],
            f"Jane{rng.randrange(2_000)}",
            f"Doe{number if number % 4 == 0 else number % 5_000}",
            ("US", "DE", "GB", "FR")[number % 4],
        )
        for number in range(count)
    ]


def mess_up(rows: list[tuple[object, ...]]) -> list[tuple[object, ...]]:
    """Return the rows with ISO times and decimals, padded, hashed, bad and missing cells among them."""
    rng = random.Random(8)
    messy: list[tuple[object, ...]] = []
    for time_ms, email, event_id, amount, currency, first, last, country in rows:
        moment = dt.datetime.fromtimestamp(int(str(time_ms)) // 1000, dt.UTC).replace(tzinfo=None).isoformat(" ")
        chance = rng.random()
        messy.append(
            (
                moment,
                f" {email} " if chance < 0.1 else sha256(str(email).encode()).hexdigest() if chance < 0.2 else email,
                None if chance > 0.9 else event_id,
                None if 0.3 < chance < 0.4 else Decimal(str(amount)),
                "EURO" if 0.4 < chance < 0.41 else None if 0.3 < chance < 0.4 else currency,
                first,
                "Иванова" if 0.5 < chance < 0.55 else None if 0.55 < chance < 0.65 else last,
                "UK" if 0.65 < chance < 0.66 else country,
            )
        )
    return messy


def measure(name: str, rows: list[tuple[object, ...]]) -> None:
    """Map and encode the rows; print the figures."""
    mapper = RowMapper(COLUMNS, rule=123, now_ms=NOW_MS)
    mapping = encoding = 0.0
    size = events = warnings = 0
    for start in range(0, len(rows), CHUNK):
        began = time.process_time()
        mapped = mapper.map(rows[start : start + CHUNK])
        done = time.process_time()
        size += len(encode_batch(mapped.events))
        encoding += time.process_time() - done
        mapping += done - began
        events += len(mapped.events)
        warnings += len(mapped.warnings)
    print(
        f"{name}: mapping {mapping / len(rows) * 1e6:.2f} us/row, encoding {encoding / len(rows) * 1e6:.2f} us/row; "
        f"{len(rows):,} rows, {events:,} events of {size / events:.0f} bytes, {warnings:,} warnings"
    )


def main() -> None:
    """Measure rows that are all good, then messy ones."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("rows", nargs="?", type=int, default=200_000)
    rows = make_rows(parser.parse_args().rows)
    measure("good rows", rows)
    measure("messy rows", mess_up(rows))


if __name__ == "__main__":
    main()
