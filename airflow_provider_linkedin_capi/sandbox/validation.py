"""Schemas of request bodies, checked as LinkedIn's validator does: every problem of a body, one line each."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

_DECIMAL = re.compile(r"-?[0-9]+(\.[0-9]+)?")

#: Looks at a value found at a path and appends its problems, one line each.
Check = Callable[[Any, str, list[str]], None]


def problems_of(check: Check, body: Any) -> list[str]:
    """Return the problems of one body, empty when it fits its schema."""
    problems: list[str] = []
    check(body, "", problems)
    return problems


def problem(path: str, text: str) -> str:
    """One line of a 422 answer."""
    return f"ERROR :: {path or '/'} :: {text}\n"


def record(required: Mapping[str, Check], optional: Mapping[str, Check] | None = None) -> Check:
    """A record that knows its members; unknown ones are refused."""
    known = {**required, **(optional or {})}
    needed = tuple(required)

    def check(value: Any, path: str, problems: list[str]) -> None:
        if type(value) is not dict:
            problems.append(problem(path, f"{_shown(value)} cannot be coerced to DataMap"))
            return
        for name in needed:
            if name not in value:
                problems.append(problem(f"{path}/{name}", "field is required but not found and has no default value"))
        for name, member in value.items():
            member_check = known.get(name)
            if member_check is None:
                problems.append(problem(f"{path}/{name}", "unrecognized field found but not allowed"))
            else:
                member_check(member, f"{path}/{name}", problems)

    return check


def array(item_check: Check) -> Check:
    """A list of values of one kind."""

    def check(value: Any, path: str, problems: list[str]) -> None:
        if type(value) is not list:
            problems.append(problem(path, f"{_shown(value)} cannot be coerced to DataList"))
            return
        for index, item in enumerate(value):
            item_check(item, f"{path}/{index}", problems)

    return check


def text(value: Any, path: str, problems: list[str]) -> None:
    """A string; LinkedIn makes none out of a number."""
    if type(value) is not str:
        problems.append(problem(path, f"{_shown(value)} cannot be coerced to String"))


def decimal_text(value: Any, path: str, problems: list[str]) -> None:
    """An amount: a decimal number without exponent, as a string."""
    if type(value) is not str:
        text(value, path, problems)
    elif _DECIMAL.fullmatch(value) is None:
        problems.append(problem(path, f"{_shown(value)} is not a decimal number"))


def long(value: Any, path: str, problems: list[str]) -> None:
    """A whole number of 64 bits."""
    if type(value) is not int or not -(2**63) <= value < 2**63:
        problems.append(problem(path, f"{_shown(value)} cannot be coerced to Long"))


def boolean(value: Any, path: str, problems: list[str]) -> None:
    """True or false."""
    if type(value) is not bool:
        problems.append(problem(path, f"{_shown(value)} cannot be coerced to Boolean"))


def read_only(value: Any, path: str, problems: list[str]) -> None:
    """A field that only LinkedIn fills in."""
    problems.append(problem(path, "ReadOnly field present in a create or update request"))


def symbol(symbols: frozenset[str]) -> Check:
    """One symbol of an enumeration."""

    def check(value: Any, path: str, problems: list[str]) -> None:
        if type(value) is not str or value not in symbols:
            problems.append(problem(path, f"{_shown(value)} is not an enum symbol"))

    return check


def urn(prefix: str, id_pattern: str = r"\d+") -> Check:
    """A URN of one kind."""
    fits = re.compile(f"{prefix}:(?:{id_pattern})").fullmatch

    def check(value: Any, path: str, problems: list[str]) -> None:
        if type(value) is not str:
            text(value, path, problems)
        elif fits(value) is None:
            fault = "Invalid Urn id." if value.startswith(f"{prefix}:") else "Invalid prefix."
            problems.append(problem(path, f"{_shown(value)} Invalid Urn format. {fault}"))

    return check


def _shown(value: Any) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    return f'"{value}"' if isinstance(value, str) else str(value)
