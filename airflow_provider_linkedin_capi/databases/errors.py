"""What went wrong in a database, by its codes: a driver's own text may quote people's data."""

from __future__ import annotations

import re
from typing import Any

_STATE = re.compile(r"^[0-9A-Z]{5}$")
_QUOTED = re.compile(r"""["'`\[](\w[\w $.-]{0,126}\w)["'`\]]""")

#: SQLSTATE, or its class of two characters, and what it means.
_MEANINGS = {
    "08": "the connection was lost or refused",
    "0A": "the database does not support this",
    "21": "wrong number of values",
    "22": "a value does not fit its type",
    "22001": "a text is too long for its column",
    "22003": "a number is too large for its column",
    "23": "a constraint was violated",
    "23502": "a required column has no value",
    "23505": "a row with this key exists",
    "25": "the transaction is in the wrong state",
    "28": "the login was refused",
    "3D": "the database does not exist",
    "3F": "the schema does not exist",
    "40": "the transaction was rolled back; another one was in its way",
    "40P01": "deadlock",
    "42": "the statement is not valid here",
    "42000": "syntax error or missing permission",
    "42501": "permission denied",
    "42601": "syntax error",
    "42703": "a column does not exist",
    "42704": "an object does not exist",
    "42883": "a function or operator does not exist",
    "42P01": "a table does not exist",
    "42P07": "the table exists already",
    "42S02": "a table does not exist",
    "42S22": "a column does not exist",
    "53": "the database ran out of a resource",
    "53300": "too many connections",
    "55": "the object is in use",
    "55P03": "a lock was not available in time",
    "57": "the database was stopped, or the statement was cancelled",
    "57014": "the statement was cancelled, perhaps by a timeout",
    "58": "the database has a system error",
}
#: Classes of errors that the same statement meets again.
_PERMANENT = ("0A", "21", "22", "23", "28", "3D", "3F", "42")
#: Errors whose text names parts of the statement.
_NAMING = frozenset({"42601", "42703", "42704", "42883", "42S22", "3F000", "42501", "42P01", "42S02"})


def sqlstate(error: BaseException) -> str | None:
    """Return the SQLSTATE that a driver put on its exception."""
    for attribute in ("sqlstate", "pgcode"):
        state = getattr(error, attribute, None)
        if isinstance(state, str) and _STATE.match(state):
            return state
    # pyodbc, the ODBC and JDBC way
    if error.args and isinstance(error.args[0], str) and _STATE.match(error.args[0]):
        return error.args[0]
    return None


def is_permanent(state: str | None) -> bool:
    """Whether a statement that failed with a SQLSTATE fails again; unknown errors may pass."""
    return bool(state) and str(state).startswith(_PERMANENT)


def describe(error: BaseException, code: str | None, state: str | None, sql: str = "") -> str:
    """Return what a driver's exception says, without any text that may quote a cell.

    :param code: the database's own code.
    :param state: its SQLSTATE, or the SQLSTATE that means the same.
    :param sql: the statement: names that the error quotes from it are safe to repeat.
    """
    meaning = _MEANINGS.get(state or "") or _MEANINGS.get((state or "")[:2]) if state else None
    parts = [type(error).__name__]
    if code:
        parts.append(code)
    text = " ".join(parts)
    if meaning:
        text = f"{meaning} ({text})"
    if state in _NAMING and (names := _named(error, sql)):
        text = f"{text}: {', '.join(names)}"
    return text


def _named(error: Any, sql: str) -> list[str]:
    """The quoted names in the error's text that the statement has as well, outside its literals."""
    code = re.sub(r"'(?:[^']|'')*'", "", sql).lower()
    return [name for name in dict.fromkeys(_QUOTED.findall(str(error))) if name.lower() in code][:3]
