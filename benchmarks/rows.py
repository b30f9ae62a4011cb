"""Realistic conversions: eleven columns, as a CRM holds them, with a share of untidy values."""

from __future__ import annotations

import random
import sqlite3
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

RULE = "urn:lla:llaPartnerConversion:104004"
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
QUERY = f"SELECT {', '.join(COLUMNS)} FROM conversions ORDER BY order_no"

_FIRST = ("Ada", "Björn", "Chiara", "Dmitri", "Eszter", "Fatima", "George", "Hana", "Ingrid", "José", "Kenji", "Lena")
_LAST = ("Abe", "Bauer", "Costa", "Duarte", "Eriksen", "Fischer", "García", "Hoffmann", "Ito", "Jansen", "Kowalski")
_COMPANIES = ("Acme Inc", "Haus & Söhne GmbH", "Nordlys AS", "Pereira Lda", "Sato KK", "Zeta Analytics", "Øst Data")
_TITLES = ("Buyer", "Chief Financial Officer", "Data Engineer", "Head of Marketing", "VP Sales", "Werkstudent")
_COUNTRIES = ("US", "DE", "GB", "BR", "JP", "NO", "FR")
_CURRENCIES = ("USD", "EUR", "GBP", "BRL", "NOK")
_DOMAINS = ("example.com", "mail.example.org", "haus.example", "firma.example.net")


def rows(count: int, untidy: float) -> Iterator[tuple[Any, ...]]:
    """Yield rows of the last 80 days.

    :param untidy: the share of rows, from 0 to 1, whose e-mail has capitals and spaces around it, and whose names have
        spaces around them, as forms leave them.
    """
    chance = random.Random(count)
    now = time.time() - 600
    for number in range(count):
        messy = chance.random() < untidy
        first, last = chance.choice(_FIRST), chance.choice(_LAST)
        email = f"{first}.{last}{number}@{chance.choice(_DOMAINS)}"
        yield (
            f"order-{number:09d}",
            f"  {email} " if messy else email.lower(),
            time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(now - number % (80 * 86_400))),
            round(10 + number % 9_000 / 100, 2),
            chance.choice(_CURRENCIES),
            f" {first}" if messy else first,
            f"{last} " if messy else last,
            chance.choice(_COMPANIES),
            chance.choice(_TITLES),
            chance.choice(_COUNTRIES),
            f"{chance.getrandbits(128):032x}"[:8] + "-df5b-4f1c-9c2b-" + f"{number:012x}",
        )


def sqlite_warehouse(count: int, untidy: float) -> Path:
    """Return a SQLite database with the rows in a table ``conversions``; made once a day and kept."""
    path = _kept(f"{count}-{untidy}.sqlite")
    if not path.exists():
        unfinished = path.with_suffix(".part")
        unfinished.unlink(missing_ok=True)
        marks = ", ".join("?" * (len(COLUMNS) + 1))
        with sqlite3.connect(unfinished) as connection:
            connection.execute("PRAGMA synchronous = OFF")
            connection.execute(f"CREATE TABLE conversions (order_no INTEGER PRIMARY KEY, {', '.join(COLUMNS)})")
            connection.executemany(
                f"INSERT INTO conversions VALUES ({marks})",
                ((number, *row) for number, row in enumerate(rows(count, untidy))),
            )
        connection.close()
        unfinished.rename(path)
    return path


def parquet_file(count: int, untidy: float) -> Path:
    """Return a Parquet file with the rows, as an unload writes it; made once a day and kept."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    path = _kept(f"{count}-{untidy}.parquet")
    if not path.exists():
        unfinished = path.with_suffix(".part")
        writer = None
        source = rows(count, untidy)
        while portion := [row for row, _ in zip(source, range(50_000), strict=False)]:
            table = pa.table(dict(zip(COLUMNS, map(list, zip(*portion, strict=True)), strict=True)))
            writer = writer or pq.ParquetWriter(unfinished, table.schema)
            writer.write_table(table)
        assert writer is not None
        writer.close()
        unfinished.rename(path)
    return path


def _kept(name: str) -> Path:
    return Path(tempfile.gettempdir()) / f"linkedin-capi-benchmark-{time.strftime('%Y%m%d')}-{name}"
