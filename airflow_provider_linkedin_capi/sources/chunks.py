"""Rows with the same columns, made of dictionaries, or of rows whose columns differ from file to file."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from operator import itemgetter
from typing import TYPE_CHECKING, Any

from airflow_provider_linkedin_capi.delivery.interfaces import Chunk
from airflow_provider_linkedin_capi.delivery.outcomes import Reason
from airflow_provider_linkedin_capi.exceptions import SourceError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

#: More columns than any warehouse allows in a table: somebody uses data as names.
_MAX_COLUMNS = 10_000


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A value that is no row: why, and its text."""

    message: str
    text: str


class Columns:
    """The columns of a source so far. Rows that bring new ones add them at the end; other rows have None there.

    So a source is read once, and whoever reads its chunks meets few sets of columns, each one an extension of the
    one before.

    :param names: columns that rows may have.
    """

    def __init__(self, names: Iterable[str] = ()) -> None:
        self.names: tuple[str, ...] = tuple(names)
        self._arrangements: dict[tuple[str, ...], Callable[[tuple[Any, ...]], tuple[Any, ...]]] = {}

    def arrange(self, chunk: Chunk) -> Chunk:
        """Return a chunk with all columns so far; columns that share a name are distinguished by their order."""
        if chunk.columns == self.names:
            return chunk
        arrange = self._arrangements.get(chunk.columns)
        if arrange is None:
            known = set(_numbered(self.names))
            self._add([key[0] for key in _numbered(chunk.columns) if key not in known])
            arrange = self._arrangements[chunk.columns] = self._arrangement(chunk.columns)
        rows = [row if index in chunk.unreadable else arrange(row) for index, row in enumerate(chunk.rows)]
        return Chunk(self.names, rows, chunk.unreadable)

    def _arrangement(self, columns: tuple[str, ...]) -> Callable[[tuple[Any, ...]], tuple[Any, ...]]:
        own = {key: index for index, key in enumerate(_numbered(columns))}
        indices = [own.get(key, len(columns)) for key in _numbered(self.names)]
        if len(indices) == 1:
            return lambda row: ((*row, None)[indices[0]],)
        pick = itemgetter(*indices)
        return lambda row: pick((*row, None))

    def of_portion(self, portion: Chunk | Sequence[Mapping[str, Any] | Unreadable]) -> Chunk:
        """Return a chunk, or dictionaries, as rows with all columns so far."""
        return self.arrange(portion) if isinstance(portion, Chunk) else self.of_records(portion)

    def of_records(self, records: Sequence[Mapping[str, Any] | Unreadable]) -> Chunk:
        """Return dictionaries as rows with all columns so far, and None where one lacks a column."""
        unread = {index: each for index, each in enumerate(records) if type(each) is Unreadable}
        if not unread:
            return self._of_dictionaries(records)  # type: ignore[arg-type]
        chunk = self._of_dictionaries([each for each in records if type(each) is not Unreadable])  # type: ignore[misc]
        readable = iter(chunk.rows)
        rows = [(unread[index].text,) if index in unread else next(readable) for index in range(len(records))]
        return Chunk(chunk.columns, rows, {index: unreadable(each.message) for index, each in unread.items()})

    def _of_dictionaries(self, records: Sequence[Mapping[str, Any]]) -> Chunk:
        names = self.names
        if len(names) > 1 and {len(names)}.issuperset(map(len, records)):
            try:
                return Chunk(names, list(map(itemgetter(*names), records)))
            except KeyError:
                pass
        known = frozenset(names)
        new: dict[str, None] = {}
        for record in records:
            if not record.keys() <= known:
                new.update(dict.fromkeys(key for key in record if key not in known))
        self._add(new)
        return Chunk(self.names, [tuple(map(record.get, self.names)) for record in records])

    def _add(self, names: Iterable[str]) -> None:
        if new := tuple(names):
            self.names += new
            self._arrangements.clear()
        if len(self.names) > _MAX_COLUMNS:
            raise SourceError(
                f"The rows have more than {_MAX_COLUMNS} different columns. Give every row the same ones.",
                permanent=True,
            )


def _numbered(names: Iterable[str]) -> list[tuple[str, int]]:
    """Return each name with how often it occurred before."""
    seen: Counter[str] = Counter()
    numbered = []
    for name in names:
        numbered.append((name, seen[name]))
        seen[name] += 1
    return numbered


def unreadable(message: str) -> Reason:
    """Return the reason of a row that could not be read: one rejected row, whatever it held."""
    return Reason("row", "row_unreadable", message)


def wrong_shape(message: str) -> Reason:
    """Return the reason of a row with too few or too many values."""
    return Reason("row", "row_shape", message)
