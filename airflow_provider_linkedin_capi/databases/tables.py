"""Tables and names as every database family understands them."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Sequence

#: ``text`` of at most ``length`` characters, or of any length; ``integer`` of 64 bits; ``decimal`` of 24 digits with
#: ``scale`` decimal places; ``date``; ``time``: a moment in UTC, to the microsecond where the database can.
Kind = Literal["text", "integer", "decimal", "date", "time"]

_PART = re.compile(r'\s*(?:"((?:[^"]|"")+)"|`((?:[^`]|``)+)`|\[((?:[^\]]|\]\])+)\]|([^."`\[]+))\s*(\.|$)')


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table.

    :param length: greatest number of characters of a ``text``; None for any. Columns of a key need one.
    :param scale: decimal places of a ``decimal``.
    """

    name: str
    kind: Kind
    length: int | None = None
    scale: int = 4
    required: bool = False


@dataclass(frozen=True, slots=True)
class Table:
    """A table that the package writes.

    :param name: one, two or three parts with dots between: ``ledger``, ``ads.ledger``, ``prod.ads.ledger``. A part
        that holds a dot is quoted: ``"prod.eu".ledger``.
    :param key: columns that identify a row. Enforced where :attr:`Database.arbitrates`; else used for clustering.
    :param index: columns of a secondary index, where the database has indexes; else used for clustering.
    :param generation: the ``time`` column that says when a row was written. Databases without transactions need it
        to replace rows: see :meth:`Database.replace_window`.

    Example::

        Table(
            "ads.ledger",
            (Column("event_id", "text", 256), Column("sent_at", "time")),
            key=("event_id",),
        )
    """

    name: str
    columns: tuple[Column, ...]
    key: tuple[str, ...] = ()
    index: tuple[str, ...] = ()
    generation: str | None = None

    def column(self, name: str) -> Column:
        """Return the column of a name."""
        return next(column for column in self.columns if column.name == name)

    def required(self, column: Column) -> bool:
        """Whether a column takes no NULL: columns of the key never do."""
        return column.required or column.name in self.key


def name_parts(name: str) -> list[str]:
    """Return the parts of a table's name, without quotes.

    :raises ValueError: it is not a name of one to three parts.
    """
    parts, position = [], 0
    while match := _PART.match(name, position):
        double, back, square, plain, dot = match.groups()
        parts.append(
            double.replace('""', '"')
            if double
            else back.replace("``", "`")
            if back
            else square.replace("]]", "]")
            if square
            else plain.strip()
        )
        position = match.end()
        if not dot:
            break
    if position != len(name) or not 1 <= len(parts) <= 3 or not all(parts) or name.rstrip().endswith("."):
        raise ValueError(
            f"{name!r} is not the name of a table: give one to three parts with dots between, such as ads.ledger; "
            'put a part that holds a dot in double quotes, such as "prod.eu".ledger'
        )
    return parts


def short_name(*parts: str, limit: int) -> str:
    """Return parts joined by ``_``, shortened to a limit in bytes; a digest keeps shortened names apart."""
    name = "_".join(parts)
    if len(name.encode()) <= limit:
        return name
    digest = hashlib.sha256(name.encode()).hexdigest()[:8]
    return f"{name.encode()[: limit - 9].decode(errors='ignore')}_{digest}"


def escaped(text: str) -> str:
    r"""Return a text that any database can hold: NUL and unpaired surrogates as ``\u0000`` and ``\ud800``."""
    return text.replace("\0", "\\u0000").encode("utf-8", "backslashreplace").decode("utf-8")


def storable(rows: Sequence[Sequence[object]]) -> Sequence[Sequence[object]]:
    """Return the rows with every text :func:`escaped`; the same rows when nothing needs it, which is fast."""
    texts = "".join([value for row in rows for value in row if type(value) is str])
    if texts.isascii() and "\0" not in texts:
        return rows
    if "\0" not in texts:
        try:
            texts.encode()
        except UnicodeEncodeError:
            pass
        else:
            return rows
    return [tuple([escaped(value) if type(value) is str else value for value in row]) for row in rows]
