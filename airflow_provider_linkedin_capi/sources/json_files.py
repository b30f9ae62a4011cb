"""Rows of JSON files: one object a line, an array of objects, or objects of several lines one after the other."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import msgspec

from airflow_provider_linkedin_capi.delivery.outcomes import DEAD_LETTER_KEYS
from airflow_provider_linkedin_capi.exceptions import SourceError
from airflow_provider_linkedin_capi.sources.chunks import Columns, Unreadable
from airflow_provider_linkedin_capi.sources.decoding import UNDECODED

if TYPE_CHECKING:
    from collections.abc import Iterator

    from airflow_provider_linkedin_capi.delivery.interfaces import Chunk

#: Characters of one line or object.
_MAX_VALUE = 16 << 20
_BETWEEN_VALUES = re.compile(r"[\s,]*")
#: Python refuses to read longer numbers, and to write them.
_MAX_DIGITS = 4300

_decoder = msgspec.json.Decoder()


def _whole_number(digits: str) -> int | str:
    return int(digits) if len(digits) <= _MAX_DIGITS else digits


def _no_number(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


#: For what msgspec does not take: half surrogate pairs, long numbers. They also say where a value ends.
_strict = json.JSONDecoder(parse_int=_whole_number, parse_constant=_no_number)
_lenient = json.JSONDecoder(parse_int=_whole_number)


def read_json(texts: Iterator[str], name: str) -> Iterator[Chunk]:
    """Yield the rows of a JSON file, block by block.

    What is not a JSON object becomes an unreadable row, which holds its text. Dead letters are taken apart: the row
    inside counts.

    :param name: of the file, for messages.
    :raises SourceError: an array, or an object of several lines, cannot be read to its end.
    """
    start = ""
    while not (first := start.lstrip()):
        if (text := next(texts, None)) is None:
            return
        start += text
    line, newline, _ = first.partition("\n")
    whole = first[0] == "[" or (newline and _value(line) is None and _value_at(first, 0)[1] > len(line))
    columns = Columns()
    for values in _stream(first, texts, name) if whole else _lines(start, texts, name):
        yield columns.of_records(
            [_row_inside(value) if type(value) is dict and "row" in value else value for value in values]
        )


def _lines(start: str, texts: Iterator[str], name: str) -> Iterator[list[Any]]:
    """Yield the values of JSON lines."""
    number = 1
    rest = start
    ended = False
    while not ended:
        text = next(texts, None)
        ended = text is None
        block = rest + (text or "")
        end = len(block) if ended else block.rfind("\n") + 1
        block, rest = block[:end], block[end:]
        if len(rest) > _MAX_VALUE:
            raise SourceError(f"{name} has a line of more than {_MAX_VALUE >> 20} MiB.", permanent=True)
        try:
            values = _decoder.decode_lines(block)
        except (ValueError, RecursionError, msgspec.MsgspecError):
            values = []
        if not values or not {dict}.issuperset(map(type, values)):
            values = [
                _line(line, f"{name}, line {number + index}")
                for index, line in enumerate(block.split("\n"))
                if line and not line.isspace()
            ]
        number += block.count("\n")
        if values:
            yield values


def _line(line: str, where: str) -> Any:
    value = _value(line)
    if type(value) is dict and not UNDECODED.search(line):
        return value
    return Unreadable(f"{where}: it is not a JSON object", line.rstrip("\r\n"))


def _stream(buffer: str, texts: Iterator[str], name: str) -> Iterator[list[Any]]:
    """Yield the values of an array, or of objects that have several lines each."""
    array = buffer[0] == "["
    position = 1 if array else 0
    count = 0
    while True:
        values: list[Any] = []
        while (position := _skip(buffer, position)) < len(buffer):
            value, end = _value_at(buffer, position)
            if end < 0:
                break
            count += 1
            readable = type(value) is dict
            text = "" if readable else buffer[position:end]
            values.append(value if readable else Unreadable(f"{name}, object {count}: it is not a JSON object", text))
            position = end
        if values:
            yield values
        buffer = buffer[position:]
        position = 0
        if array and buffer.startswith("]"):
            if buffer[1:].strip() or any(text.strip() for text in texts):
                raise SourceError(f"{name} has content after the end of its JSON array.", permanent=True)
            return
        if len(buffer) > _MAX_VALUE:
            raise SourceError(
                f"{name} is not JSON after its first {count} objects, or the next one has more than "
                f"{_MAX_VALUE >> 20} MiB.",
                permanent=True,
            )
        more = next(texts, None)
        if more is None:
            if array or buffer:
                raise SourceError(f"{name} is not JSON after its first {count} objects: it is damaged or cut off.")
            return
        buffer += more


def _row_inside(record: dict[str, Any]) -> Any:
    """Return the row of a dead letter; any other record as it is."""
    if not record.keys() >= DEAD_LETTER_KEYS:
        return record
    row = record["row"]
    if type(row) is dict:
        return row
    return Unreadable("the row of this dead letter is not an object of column to value", str(row))


def _skip(text: str, position: int) -> int:
    """Return where the next value begins."""
    return _BETWEEN_VALUES.match(text, position).end()  # type: ignore[union-attr]


def _value(line: str) -> Any:
    """Return the value of a line; None when it holds anything else than one value."""
    try:
        return _decoder.decode(line)
    except (ValueError, RecursionError, msgspec.MsgspecError):
        value, end = _value_at(line, _skip(line, 0))
        return value if end >= 0 and _skip(line, end) == len(line) else None


def _value_at(text: str, position: int) -> tuple[Any, int]:
    """Return the JSON value that begins at a position, and where it ends; -1 when it has no end.

    What is JSON except for NaN or Infinity has an end, but no value.
    """
    for decoder in (_strict, _lenient):
        try:
            value, end = decoder.raw_decode(text, position)
        except (ValueError, RecursionError):
            continue
        return (value if decoder is _strict else None), end
    return None, -1
