"""Microseconds of CPU a row: rows to conversion events with all checks, and their encoding.

python benchmarks/mapping.py [rows]
"""

from __future__ import annotations

import argparse
import random
import time

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


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("rows", nargs="?", type=int, default=200_000)
    count = parser.parse_args().rows
    rows = make_rows(count)
    mapper = RowMapper(COLUMNS, rule=123, now_ms=NOW_MS)
    mapping = encoding = 0.0
    size = 0
    for start in range(0, count, CHUNK):
        began = time.process_time()
        mapped = mapper.map(rows[start : start + CHUNK])
        done = time.process_time()
        size += len(encode_batch(mapped.events))
        encoding += time.process_time() - done
        mapping += done - began
        if mapped.rejections or mapped.warnings:
            raise SystemExit("the rows of this benchmark are all good; the mapper found otherwise")
    print(
        f"mapping {mapping / count * 1e6:.2f} us/row, encoding {encoding / count * 1e6:.2f} us/row, "
        f"{size / count:.0f} bytes/event, {count:,} rows"
    )


if __name__ == "__main__":
    main()
