"""A warehouse as the demo finds it: deterministic conversions with all the dirt of real ones, and no real person."""

from __future__ import annotations

import base64
import datetime as dt
import hashlib
import random
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

ROWS = 20_000
WEEKS = 5

TABLE = """
CREATE TABLE conversions (
    id INTEGER PRIMARY KEY, conversion_type TEXT, happened_at, email TEXT, first_name TEXT, last_name TEXT,
    company TEXT, title TEXT, country TEXT, lead TEXT, external_id TEXT, li_fat_id TEXT, amount, currency TEXT,
    loaded_at TEXT
)
"""
COLUMNS = (
    *("id", "conversion_type", "happened_at", "email", "first_name", "last_name", "company", "title", "country"),
    *("lead", "external_id", "li_fat_id", "amount", "currency", "loaded_at"),
)

_FIRST = ("Alex", "Bo", "Chris", "Dana", "Eli", "Finn", "Gwen", "Hana", "Ines", "Kim", "Noa", "Sam")
_LAST = ("Ash", "Berg", "Cole", "Dorn", "Eze", "Frost", "Holm", "Ito", "Lund", "Moss", "Price", "Wolf")
_TITLES = ("Buyer", "Head of Sales", "CTO", "Marketing Manager", "Engineer", None, None)
_COUNTRIES = ("US", "us", "DE", "de ", "GB", "FR", "NL", "UK", None)


def fill(path: Path, today: dt.date, rows: int = ROWS) -> None:
    """Create the warehouse with ``rows`` conversions that were loaded in the weeks before ``today``."""
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(TABLE)
        connection.executemany(
            f"INSERT INTO conversions VALUES ({', '.join(f':{column}' for column in COLUMNS)})",
            (row for row, _ in conversions(today, rows)),
        )


def conversions(today: dt.date, rows: int = ROWS) -> Iterator[tuple[dict[str, Any], str | None]]:
    """Yield rows of the table, each with the code of what makes it undeliverable, or None."""
    chance = random.Random(20_000)
    midnight = dt.datetime.combine(today, dt.time(), dt.UTC)
    codes, weights = zip(*((code, weight) for code, (weight, _) in _DEFECTS.items()), strict=True)
    for number in range(1, rows + 1):
        # Loaded in the order of their ids, over the weeks.
        loaded = midnight - dt.timedelta(weeks=WEEKS) * (1 - (number - 0.5) / rows)
        row = _deliverable(number, loaded, chance)
        [code] = chance.choices((None, *codes), (100 - sum(weights), *weights))
        if code is not None:
            _DEFECTS[code][1](row, midnight, chance)
        yield row, code


def _deliverable(number: int, loaded: dt.datetime, chance: random.Random) -> dict[str, Any]:
    """Return a row that LinkedIn will take, though it seldom looks as it should."""
    row: dict[str, Any] = dict.fromkeys(COLUMNS)
    first, last = chance.choice(_FIRST), chance.choice(_LAST)
    happened = loaded - dt.timedelta(seconds=chance.randrange(60, 48 * 3600))
    row |= {
        "id": number,
        "conversion_type": chance.choice(("LEAD", "LEAD", "PURCHASE")),
        "happened_at": _time(happened, chance),
        "loaded_at": loaded.isoformat(sep=" "),
    }
    kind = chance.random()
    if kind < 0.08:  # from a lead gen form: nothing but its response
        response = f"{chance.randrange(16**8):08x}-{number}"
        row["lead"] = chance.choice((response, f"urn:li:leadGenFormResponse:{response}"))
    elif kind < 0.15:  # a customer known by the company's own number only
        row["external_id"] = f"customer-{chance.randrange(10**6):06}"
    else:
        row["email"] = _email(f"{first}.{last}{number}@example.com", chance)
        names = chance.choices(
            ((first, last), (first.upper(), f" {last}"), (first, None), (None, None)), (70, 10, 8, 12)
        )
        row["first_name"], row["last_name"] = names[0]
        row["company"] = chance.choice(("Example Ltd", " Example GmbH ", None))
        row["title"] = chance.choice(_TITLES)
        row["country"] = chance.choice(_COUNTRIES)
        if chance.random() < 0.3:
            row["li_fat_id"] = f"{chance.randrange(16**32):032x}"
    if row["conversion_type"] == "PURCHASE":
        amount = chance.randrange(500, 250_000)
        row["amount"] = chance.choice((f"{amount / 100:.2f}", amount / 100, amount // 100))
        row["currency"] = chance.choice(("USD", "USD", "usd", "EUR", " EUR", "GBP"))
    return row


def _time(moment: dt.datetime, chance: random.Random) -> str | int:
    moment = moment.replace(microsecond=0)
    return chance.choice(
        (
            moment.isoformat(),
            f"{moment:%Y-%m-%dT%H:%M:%SZ}",
            f"{moment:%Y-%m-%d %H:%M:%S}",
            moment.astimezone(dt.timezone(dt.timedelta(hours=2))).isoformat(),
            int(moment.timestamp()),
            int(moment.timestamp()) * 1000,
        )
    )


def _email(address: str, chance: random.Random) -> str:
    hashed = hashlib.sha256(address.lower().encode()).hexdigest()
    return chance.choices(
        (address.lower(), address, f"  {address} ", f"\ufeff{address.upper()}\u00a0", hashed, hashed.upper()),
        (40, 20, 12, 8, 15, 5),
    )[0]


def _only(row: dict[str, Any], email: str | None) -> None:
    row |= {"email": email, "lead": None, "external_id": None, "li_fat_id": None}


def _too_old(row: dict[str, Any], midnight: dt.datetime, chance: random.Random) -> None:
    row["happened_at"] = _time(midnight - dt.timedelta(days=chance.randrange(91, 400)), chance)


def _in_future(row: dict[str, Any], midnight: dt.datetime, chance: random.Random) -> None:
    row["happened_at"] = _time(midnight + dt.timedelta(days=chance.randrange(2, 60)), chance)


def _wrong_currency(row: dict[str, Any], midnight: dt.datetime, chance: random.Random) -> None:
    row |= {"amount": "19.90", "currency": chance.choice(("EURO", "US$", "XBT", "$"))}


def _separators(row: dict[str, Any], midnight: dt.datetime, chance: random.Random) -> None:
    row |= {"amount": chance.choice(("1,249", "1.249,00", "2 000")), "currency": "EUR"}


def _no_currency(row: dict[str, Any], midnight: dt.datetime, chance: random.Random) -> None:
    row |= {"amount": "19.90", "currency": None}


def _nobody(row: dict[str, Any], midnight: dt.datetime, chance: random.Random) -> None:
    _only(row, None)
    row |= {"first_name": None, "last_name": None}


def _md5(row: dict[str, Any], midnight: dt.datetime, chance: random.Random) -> None:
    _nobody(row, midnight, chance)
    row["email"] = hashlib.md5(f"{row['id']}@example.com".encode(), usedforsecurity=False).hexdigest()


def _base64(row: dict[str, Any], midnight: dt.datetime, chance: random.Random) -> None:
    _nobody(row, midnight, chance)
    row["email"] = base64.b64encode(hashlib.sha256(f"{row['id']}@example.com".encode()).digest()).decode()


def _no_address(row: dict[str, Any], midnight: dt.datetime, chance: random.Random) -> None:
    _nobody(row, midnight, chance)
    row["email"] = chance.choice(("no address", "alex at example.com", "by phone", "example.com"))


def _other_type(row: dict[str, Any], midnight: dt.datetime, chance: random.Random) -> None:
    row["conversion_type"] = "WEBINAR"


#: What makes a row undeliverable: per cent of all rows, and what is done to a good row.
_DEFECTS: dict[str, tuple[float, Callable[[dict[str, Any], dt.datetime, random.Random], None]]] = {
    "time_too_old": (1.2, _too_old),
    "time_in_future": (0.6, _in_future),
    "currency_unknown": (1.0, _wrong_currency),
    "amount_separator": (0.5, _separators),
    "amount_without_currency": (0.3, _no_currency),
    "no_identifier": (0.8, _nobody),
    "email_md5": (0.6, _md5),
    "email_base64": (0.2, _base64),
    "email_invalid": (0.7, _no_address),
    "conversion_type_unknown": (0.3, _other_type),
}
