"""Cells as drivers, pandas and numpy deliver them, converted to plain Python values; what counts as absent."""

from __future__ import annotations

import datetime as dt
import math
from decimal import Decimal
from typing import Any, Final, NamedTuple

#: White space and invisible characters (byte order mark, zero-width, soft hyphen, bidirectional marks).
INVISIBLE: Final = (
    "\t\n\v\f\r\x1c\x1d\x1e\x1f \x85\xa0\xad\u1680\u180e\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008"
    "\u2009\u200a\u200b\u200c\u200d\u200e\u200f\u2028\u2029\u202a\u202b\u202c\u202d\u202e\u202f\u205f\u2060\u2061"
    "\u2062\u2063\u2064\u2066\u2067\u2068\u2069\u3000\ufeff"
)
_DROP_INVISIBLE: Final = dict.fromkeys(map(ord, INVISIBLE))

#: Texts that databases, spreadsheets and programs write where there is no value, in lower case.
PLACEHOLDERS: Final = frozenset(
    {"\\n", "\\\\n", "null", "<null>", "(null)", "[null]", "none", "<none>", "(none)", "nil", "<nil>", "nan", "nat"}
    | {"na", "<na>", "n/a", "n.a.", "#n/a", "#n/a!", "#nv", "#n/d", "#null!", "#ref!", "#value!", "#name?", "#num!"}
    | {"#div/0!", "#error!", "undefined", "unknown", "(not set)", "not set", "(not provided)", "not provided"}
    | {"(blank)", "(empty)", "[object object]", "-", "--", "\u2013", "\u2014", ".", "?"}
)
#: In names, companies and titles they count only in the spellings that programs write. Null, Na, Nil and Nan are names.
PLACEHOLDERS_IN_TEXT: Final = frozenset(
    {
        spelling
        for text in PLACEHOLDERS - {"null", "na", "nil", "nan", "nat", "none"}
        for spelling in (text, text.upper(), text.title(), text.capitalize())
    }
    | {"null", "NULL", "None", "none", "NONE", "NA", "NaN", "nan", "NaT", "[object Object]"}
)

_PLAIN_ALREADY: Final = frozenset({int, bool, dt.datetime, dt.date, type(None), list, tuple, dict})


class Refused(NamedTuple):
    """The cell can't be used; what that means for the row depends on its field."""

    code: str


class Corrected(NamedTuple):
    """The cell is used after a change, or left out (``None``); a warning."""

    code: str
    value: Any = None


def to_python(value: Any) -> Any:
    """Return the cell as a plain value, ``None`` for absence.

    Absent are None, NaN, NaT, pandas' NA and text of nothing but white space. Text comes back without white space
    around it; text that has no UTF-8 form, and bytes that are not UTF-8 text, as bytes; numpy scalars and arrays as
    what they hold. Anything else comes back as it is.
    """
    kind = type(value)
    if kind in _PLAIN_ALREADY:
        return value
    if kind is not str and kind.__module__.partition(".")[0] in ("numpy", "pandas"):
        value = _from_numpy(value)
    if isinstance(value, bytes | bytearray | memoryview):
        value = bytes(value)
        try:
            value = value.decode()
        except UnicodeDecodeError:
            return value
    if isinstance(value, str):
        text = str.__str__(value).strip(INVISIBLE)
        if not text.isascii():
            try:
                text.encode()
            except UnicodeEncodeError:
                return text.encode(errors="surrogatepass")
        return text or None
    if isinstance(value, float):
        return None if math.isnan(value) else float.__float__(value)
    if isinstance(value, Decimal):
        return None if value.is_nan() else value
    if isinstance(value, int) and not isinstance(value, bool):
        return int.__int__(value)
    return value


def _from_numpy(value: Any) -> Any:
    if type(value).__name__ in ("NaTType", "NAType"):
        return None
    dtype = getattr(value, "dtype", None)
    if dtype is None or isinstance(value, str | bytes | dt.datetime):
        return value
    if dtype.kind == "M":
        value = value.astype("datetime64[us]")
    return value.tolist()


def is_placeholder(text: str) -> bool:
    """Tell whether a text stands for no value, such as ``NULL`` or ``#N/A``, in any case."""
    return text.lower() in PLACEHOLDERS


def is_placeholder_in_text(text: str) -> bool:
    """Tell whether a name, company or title stands for no value; ``Null`` and ``Na`` are names."""
    return text in PLACEHOLDERS_IN_TEXT


def without_invisible(text: str) -> str:
    """Return the text without any white space or invisible character."""
    if text.isascii() and text.isprintable() and " " not in text:
        return text
    return text.translate(_DROP_INVISIBLE)
