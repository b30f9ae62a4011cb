"""Rows of CSV files, in the dialects that spreadsheets, ad managers and warehouses write."""

from __future__ import annotations

import csv
import io
import re
from dataclasses import replace
from itertools import islice
from typing import TYPE_CHECKING, NamedTuple

from airflow_provider_linkedin_capi.delivery.interfaces import Chunk
from airflow_provider_linkedin_capi.exceptions import SourceError
from airflow_provider_linkedin_capi.sources.chunks import unreadable, wrong_shape
from airflow_provider_linkedin_capi.sources.decoding import UNDECODED

if TYPE_CHECKING:
    from collections.abc import Iterator

    from airflow_provider_linkedin_capi.delivery.outcomes import Reason

DELIMITERS = ",;\t|"
#: Characters of one record. A quote that is never closed would take the rest of the file for one cell.
_MAX_RECORD = 4 << 20
_QUOTED = re.compile(r'"[^"]*"')
#: An e-mail address, a hash, a date or a long number: what the first line holds when a file has no header.
_LIKE_DATA = re.compile(r"\S+@\S+\.\S+|[0-9a-fA-F]{32,}|\d{4}-\d\d-\d\d.*|\d{9,}")


class Dialect(NamedTuple):
    """How a file is written.

    :param delimiter: between cells; None detects it in the first line.
    :param header: the columns, for files whose first line is a row.
    :param skip_lines: how many lines stand before the header, or before the first row.
    """

    delimiter: str | None = None
    header: tuple[str, ...] = ()
    skip_lines: int = 0


def read_csv(texts: Iterator[str], name: str, dialect: Dialect, size: int) -> Iterator[Chunk]:
    """Yield the rows of a CSV file, about ``size`` at a time; cells are text.

    Lines without any value are left out. A line whose quotes do not match, or with too few or too many values, becomes
    an unreadable row, which holds the line.

    :param name: of the file, for messages.
    :raises SourceError: the file has no header line.
    """
    # For the whole process; the default of 131,072 characters is less than a cell may have in most warehouses.
    csv.field_size_limit(max(csv.field_size_limit(), _MAX_RECORD))
    lines = _Lines(texts)
    lines.skip(dialect.skip_lines)
    delimiter, skip_spaces = _delimiter(lines, dialect.delimiter, name)
    return _Reader(lines, name, dialect.header).chunks(delimiter, size, skip_spaces=skip_spaces)


class _Lines:
    """The lines of a file, as many as are needed at a time.

    :ivar lines: those in memory.
    :ivar position: index of the first one that is not done with.
    :ivar first: number in the file, from 1, of the first one in memory.
    :ivar undecoded: whether any of them holds bytes that are no text.
    """

    def __init__(self, texts: Iterator[str]) -> None:
        self._texts = texts
        self._rest = ""
        self.lines: list[str] = []
        self.position = 0
        self.first = 1
        self.undecoded = False

    @property
    def number(self) -> int:
        """Number in the file of the next line."""
        return self.first + self.position

    def more(self) -> bool:
        """Read some more lines; return whether there were any."""
        del self.lines[: self.position]
        self.first += self.position
        self.position = 0
        before = len(self.lines)
        while len(self.lines) == before:
            text = next(self._texts, None)
            if text is None:
                self.lines += [self._rest] if self._rest else []
                self._rest = ""
                break
            text = self._rest + text
            # A carriage return at the very end may be half of a line's end.
            end = text.rfind("\n") + 1 or text.rfind("\r", 0, -1) + 1
            if end == 0 and len(text) > _MAX_RECORD:
                end = len(text)
            self.lines += io.StringIO(text[:end], newline="").readlines()
            self._rest = text[end:]
            self.undecoded = self.undecoded or (not text.isascii() and UNDECODED.search(text) is not None)
        return len(self.lines) > before

    def peek(self) -> str | None:
        """Return the next line, None at the end."""
        return self.lines[self.position] if self.position < len(self.lines) or self.more() else None

    def skip(self, count: int) -> None:
        """Leave out lines."""
        while count and self.peek() is not None:
            self.position += 1
            count -= 1


def _delimiter(lines: _Lines, given: str | None, name: str) -> tuple[str, bool]:
    """Return what stands between cells, and whether a space follows it; skip what is not the file's content."""
    while (line := lines.peek()) is not None and not line.strip(DELIMITERS + " \r\n"):
        lines.skip(1)
    if line is None:
        return given or ",", False
    if line.lower().startswith("parameters:"):
        raise SourceError(
            f"{name} begins with the line Parameters:TimeZone of Google's template. Leave it out with "
            "FileSource(..., skip_lines=1), and set naive_timezone to its zone.",
            permanent=True,
        )
    if line.lower().startswith("sep=") and len(line.strip("\r\n")) == 5:
        lines.skip(1)
        given = given or line[4]
        line = lines.peek() or ""
    bare = _QUOTED.sub("", line)
    delimiter = given or max(DELIMITERS, key=bare.count)
    return delimiter, f"{delimiter} " in bare


class _Reader:
    """Turns lines into rows."""

    def __init__(self, lines: _Lines, name: str, columns: tuple[str, ...]) -> None:
        self._lines = lines
        self._name = name
        self._columns = columns
        self._rows: list[tuple[str, ...]] = []
        self._unreadable: dict[int, Reason] = {}

    def chunks(self, delimiter: str, size: int, *, skip_spaces: bool) -> Iterator[Chunk]:
        """Yield the rows; the first record names the columns unless they are known."""
        lines = self._lines
        while lines.peek() is not None:
            start = lines.position
            left = islice(lines.lines, start, None)
            reader = csv.reader(left, delimiter=delimiter, skipinitialspace=skip_spaces, strict=True)
            try:
                for cells in reader:
                    after = start + reader.line_num
                    if len(cells) == len(self._columns) and not lines.undecoded and any(cells):
                        self._rows.append(tuple(cells))
                        lines.position = after
                    elif not self._columns:
                        self._columns = _header(cells, self._name)
                        lines.position = after
                    elif self._take_odd(cells):
                        lines.position = after
                    else:
                        # What follows its first line may be other records, behind a quote too many.
                        lines.position += 1
                        if lines.position < after:
                            break
                    if len(self._rows) >= size:
                        yield self._chunk()
            except csv.Error:
                at_end = start + reader.line_num == len(lines.lines)
                if not at_end or self._too_long() or not lines.more():
                    self._reject(unreadable("its quotes do not match"))
                    lines.position += 1
        if self._rows:
            yield self._chunk()

    def _take_odd(self, cells: list[str]) -> bool:
        """Take a row that is not as it should be; return whether the whole record is done with."""
        width = len(self._columns)
        if not any(cells[width:]):
            del cells[width:]
        if not any(map(str.strip, cells)):
            return True
        if len(cells) != width:
            self._reject(wrong_shape(f"{len(cells)} values for {width} columns"))
            return False
        if any(map(UNDECODED.search, cells)):
            self._reject(unreadable("it is not text in the file's encoding"))
        else:
            self._rows.append(tuple(cells))
        return True

    def _reject(self, reason: Reason) -> None:
        """Keep the next line as a row that cannot be read."""
        message = f"{self._name}, line {self._lines.number}: {reason.message}"
        if not self._columns:
            raise SourceError(f"{message}. This line should be the header. Set skip_lines= or header=.", permanent=True)
        self._unreadable[len(self._rows)] = replace(reason, message=message)
        self._rows.append((self._lines.lines[self._lines.position].rstrip("\r\n"),))

    def _too_long(self) -> bool:
        return sum(map(len, self._lines.lines[self._lines.position :])) > _MAX_RECORD

    def _chunk(self) -> Chunk:
        chunk = Chunk(self._columns, self._rows, self._unreadable)
        self._rows, self._unreadable = [], {}
        return chunk


def _header(cells: list[str], name: str) -> tuple[str, ...]:
    """Return the names of the columns, without unnamed ones at the right edge."""
    names = [cell.strip() for cell in cells]
    while names and not names[-1]:
        names.pop()
    if any(map(_LIKE_DATA.fullmatch, names)):
        raise SourceError(
            f"{name} has no header line: its first line looks like a row. Add a header line, or name the columns with "
            "FileSource(..., header=[...]).",
            permanent=True,
        )
    return tuple(names)
