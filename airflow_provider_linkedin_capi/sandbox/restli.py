"""Rest.li 2.0 as the server reads it: a strict parser of URL values, and the writer of keys in answers."""

from __future__ import annotations

import re
from urllib.parse import unquote

#: A parsed value: text, a list, or a record. Numbers and booleans are text until somebody asks for them.
Value = str | list["Value"] | dict[str, "Value"]

_PRIMITIVE = re.compile(r"[^(),:']*")
_BROKEN_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")
_RESERVED = {"(": "%28", ")": "%29", ",": "%2C", ":": "%3A", "'": "%27"}


class RestliSyntaxError(ValueError):
    """The text is not a Rest.li 2.0 value."""


def parse(text: str) -> Value:
    """Read one value: ``List(a,b)``, ``(key:value)``, ``''`` or percent-encoded text."""
    value, end = _parse_value(text, 0)
    if end != len(text):
        raise RestliSyntaxError(f"unexpected {text[end]!r} at character {end}")
    return value


def parse_scalar(text: str) -> str:
    """Read a parameter that is one text; a raw colon is tolerated here, as LinkedIn does for bare URNs."""
    if text == "''":
        return ""
    if any(character in text for character in "(),'"):
        raise RestliSyntaxError("structural characters in a text have to be percent-encoded")
    return _decoded(text)


def split_query(query: str) -> dict[str, str]:
    """Split a query string into its raw, still encoded parameters."""
    parameters: dict[str, str] = {}
    for pair in query.split("&") if query else ():
        name, separator, value = pair.partition("=")
        name = _decoded(name)
        if not name or not separator:
            raise RestliSyntaxError("a parameter without a name or value")
        if name in parameters:
            raise RestliSyntaxError("a parameter given twice")
        parameters[name] = value
    return parameters


def key_text(key: Value) -> str:
    """Write a key as it stands in bodies and headers: only ``( ) , : '`` are escaped."""
    if isinstance(key, str):
        return "".join(_RESERVED.get(character, character) for character in key)
    if isinstance(key, dict):
        return f"({','.join(f'{name}:{key_text(member)}' for name, member in key.items())})"
    raise RestliSyntaxError("a list cannot be a key")


def _parse_value(text: str, position: int) -> tuple[Value, int]:
    if text.startswith("List(", position):
        return _parse_list(text, position + 5)
    if text.startswith("(", position):
        return _parse_record(text, position + 1)
    return _parse_primitive(text, position)


def _parse_list(text: str, position: int) -> tuple[Value, int]:
    items: list[Value] = []
    if text.startswith(")", position):
        return items, position + 1
    while True:
        item, position = _parse_value(text, position)
        items.append(item)
        if text.startswith(")", position):
            return items, position + 1
        position = _expect(text, position, ",")


def _parse_record(text: str, position: int) -> tuple[Value, int]:
    members: dict[str, Value] = {}
    if text.startswith(")", position):
        return members, position + 1
    while True:
        name, position = _parse_primitive(text, position)
        position = _expect(text, position, ":")
        if name in members:
            raise RestliSyntaxError(f"member {name!r} given twice")
        members[name], position = _parse_value(text, position)
        if text.startswith(")", position):
            return members, position + 1
        position = _expect(text, position, ",")


def _parse_primitive(text: str, position: int) -> tuple[str, int]:
    if text.startswith("''", position):
        return "", position + 2
    match = _PRIMITIVE.match(text, position)
    if match is None or not match[0]:
        raise RestliSyntaxError(f"a value is missing at character {position}")
    return _decoded(match[0]), match.end()


def _expect(text: str, position: int, character: str) -> int:
    if not text.startswith(character, position):
        raise RestliSyntaxError(f"expected {character!r} at character {position}")
    return position + 1


def _decoded(text: str) -> str:
    if _BROKEN_ESCAPE.search(text) or "+" in text or " " in text or not text.isascii():
        raise RestliSyntaxError("text that is not percent-encoded")
    try:
        return unquote(text, errors="strict")
    except UnicodeDecodeError as error:
        raise RestliSyntaxError("text that is not UTF-8") from error
