"""Any value that a row can hold, as JSON."""

from __future__ import annotations

import datetime as dt
import json
import math
from collections.abc import Iterator, Mapping
from itertools import zip_longest
from typing import TYPE_CHECKING, Any

from airflow_provider_linkedin_capi.databases.tables import escaped
from airflow_provider_linkedin_capi.events.cells import to_python

if TYPE_CHECKING:
    from collections.abc import Sequence

#: JSON parsers refuse what is nested much deeper; what is deeper becomes text.
_DEEPEST = 32
#: Python refuses to convert longer whole numbers from and to decimal text.
_LONGEST_NUMBER_BITS = 10_000


def row_as_json(columns: Sequence[str], row: Sequence[Any]) -> dict[str, Any]:
    """Return a row as a JSON object with every column, those of one name and those without a name too."""
    named: dict[str, Any] = {}
    for number, (column, value) in enumerate(zip_longest(columns[: len(row)], row), 1):
        name = unique = f"column {number}" if column is None else text_of(column)
        repeat = 1
        while unique in named:
            repeat += 1
            unique = f"{name} ({repeat})"
        named[unique] = as_json(value)
    return named


def as_json(value: Any) -> Any:
    """Return a value in JSON types, so that reading it again gives an equal event or the same rejection.

    Text that is not Unicode is escaped, bytes that are not text become hexadecimal digits, and what JSON cannot hold
    becomes text.
    """
    try:
        return _converted(value, _DEEPEST)
    except Exception:  # a cell is foreign code
        return f"<{type(value).__name__} without a text form>"


def text_of(value: Any) -> str:
    """Return the text of any value."""
    try:
        return escaped(str(value))
    except Exception:
        return f"<{type(value).__name__} without a text form>"


def _converted(value: Any, depth: int) -> Any:
    if type(value).__module__.partition(".")[0] in ("numpy", "pandas"):
        value = to_python(value)
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int):
        value = int.__int__(value)
        return value if value.bit_length() <= _LONGEST_NUMBER_BITS else hex(value)
    if isinstance(value, float):
        # NaN is an absent value for the mapper too.
        return float.__float__(value) if math.isfinite(value) else None if math.isnan(value) else str(value)
    if isinstance(value, str):
        # JSON has an escape of its own for NUL, which reads back as it was.
        return "\0".join(map(escaped, str.__str__(value).split("\0")))
    if isinstance(value, dt.datetime | dt.date | dt.time):
        return value.isoformat()
    if isinstance(value, bytes | bytearray | memoryview):
        return _from_bytes(bytes(value))
    if isinstance(value, Mapping | list | tuple | set | frozenset):
        if depth == 0:
            return "".join(_flat_json(value))
        if isinstance(value, Mapping):
            return {text_of(key): _converted(each, depth - 1) for key, each in value.items()}
        return [_converted(each, depth - 1) for each in value]
    return text_of(value)


def _from_bytes(value: bytes) -> str:
    try:
        text = value.decode()
    except UnicodeDecodeError:
        return value.hex()
    # A digest is hardly ever printable.
    return text if text.isprintable() or len(value) != 32 else value.hex()


def _flat_json(value: Any) -> Iterator[str]:
    """Yield JSON of any depth, without recursion."""
    stack: list[tuple[Iterator[Any], str]] = []
    current: Any = value
    while True:
        if isinstance(current, Mapping):
            yield "{"
            stack.append((iter(current.items()), "}"))
        elif isinstance(current, list | tuple | set | frozenset):
            yield "["
            stack.append((iter(current), "]"))
        else:
            yield json.dumps(_converted(current, 0), ensure_ascii=False)
        first = isinstance(current, Mapping | list | tuple | set | frozenset)
        while stack:
            members, end = stack[-1]
            member = next(members, stack)
            if member is not stack:
                break
            yield end
            stack.pop()
            first = False
        else:
            return
        if not first:
            yield ","
        if end == "}":
            key, current = member
            yield f"{json.dumps(text_of(key), ensure_ascii=False)}:"
        else:
            current = member
