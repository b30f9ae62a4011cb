"""Cuts what a source yields into batches of rows: fixed numbers of rows, the same on every try."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from airflow_provider_linkedin_capi.delivery.interfaces import Chunk
from airflow_provider_linkedin_capi.exceptions import SourceError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from airflow_provider_linkedin_capi.delivery.outcomes import Reason


def cut(portions: Iterable[Chunk | Sequence[Mapping[str, Any]]], size: int) -> Iterator[Chunk]:
    """Yield chunks of exactly ``size`` rows, whatever the portions' sizes; the last one may be shorter.

    Dictionaries need not all have the same keys: a row has None for a column that it lacks. A chunk is also shorter
    before a portion with other columns than those so far.

    :param portions: chunks, or lists of dictionaries.
    """
    columns: tuple[str, ...] = ()
    rows: list[tuple[Any, ...]] = []
    unreadable: dict[int, Reason] = {}
    for portion in portions:
        chunk = portion if isinstance(portion, Chunk) else _from_dictionaries(portion, columns)
        if chunk.columns != columns:
            if chunk.columns[: len(columns)] == columns:
                padding = (None,) * (len(chunk.columns) - len(columns))
                rows = [row + padding for row in rows]
            elif rows:
                yield Chunk(columns, rows, unreadable)
                rows, unreadable = [], {}
            columns = chunk.columns
        if not rows and len(chunk.rows) == size:
            yield chunk
            continue
        unreadable.update((len(rows) + index, reason) for index, reason in chunk.unreadable.items())
        rows = [*rows, *chunk.rows]
        while len(rows) >= size:
            yield Chunk(columns, rows[:size], {index: why for index, why in unreadable.items() if index < size})
            rows = rows[size:]
            unreadable = {index - size: why for index, why in unreadable.items() if index >= size}
    if rows:
        yield Chunk(columns, rows, unreadable)


def _from_dictionaries(records: Any, known: tuple[str, ...]) -> Chunk:
    """Return the dictionaries as rows with the columns known so far, then their own."""
    if isinstance(records, Mapping | str) or not hasattr(records, "__iter__"):
        raise SourceError(
            f"The source yielded {type(records).__name__}; it has to yield chunks or lists of dictionaries."
        )
    columns = dict.fromkeys(known)
    dictionaries: list[Mapping[str, Any]] = []
    for number, record in enumerate(records):
        if not isinstance(record, Mapping):
            raise SourceError(
                f"Item {number} of a list that the source yielded is {type(record).__name__}, not a dictionary of "
                "column to value."
            )
        dictionary = record if all(type(key) is str for key in record) else {str(key): record[key] for key in record}
        columns.update(dict.fromkeys(dictionary))
        dictionaries.append(dictionary)
    return Chunk(tuple(columns), [tuple(map(each.get, columns)) for each in dictionaries])
