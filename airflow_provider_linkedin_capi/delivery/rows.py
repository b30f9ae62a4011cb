"""Cuts what a source yields into batches of rows: fixed numbers of rows, the same on every try."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from airflow_provider_linkedin_capi.delivery.interfaces import Chunk
from airflow_provider_linkedin_capi.delivery.outcomes import Reason
from airflow_provider_linkedin_capi.exceptions import SourceError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence


def cut(portions: Iterable[Chunk | Sequence[Mapping[str, Any]]], size: int) -> Iterator[Chunk]:
    """Yield chunks of exactly ``size`` rows, whatever the portions' sizes; the last one may be shorter.

    Dictionaries need not all have the same keys: a row has None for a column that it lacks. A chunk is also shorter
    before a portion with other columns than those so far.

    :param portions: chunks, or lists of dictionaries.
    """
    columns: tuple[str, ...] = ()
    rows: list[tuple[Any, ...]] = []
    unreadable: dict[int, Reason] = {}
    delivered: set[int] = set()
    for portion in portions:
        chunk = portion if isinstance(portion, Chunk) else _from_dictionaries(portion, columns)
        if chunk.columns != columns:
            if chunk.columns[: len(columns)] == columns:
                padding = (None,) * (len(chunk.columns) - len(columns))
                rows = [row if index in unreadable else row + padding for index, row in enumerate(rows)]
            elif rows:
                yield Chunk(columns, rows, unreadable, frozenset(delivered))
                rows, unreadable, delivered = [], {}, set()
            columns = chunk.columns
        if not rows and len(chunk.rows) == size:
            yield chunk
            continue
        unreadable.update((len(rows) + index, reason) for index, reason in chunk.unreadable.items())
        delivered.update(len(rows) + index for index in chunk.delivered)
        rows = [*rows, *chunk.rows]
        whole = len(rows) - len(rows) % size
        for start in range(0, whole, size):
            reasons = {index - start: why for index, why in unreadable.items() if start <= index < start + size}
            skipped = frozenset(index - start for index in delivered if start <= index < start + size)
            yield Chunk(columns, rows[start : start + size], reasons, skipped)
        rows = rows[whole:]
        unreadable = {index - whole: why for index, why in unreadable.items() if index >= whole}
        delivered = {index - whole for index in delivered if index >= whole}
    if rows:
        yield Chunk(columns, rows, unreadable, frozenset(delivered))


def _from_dictionaries(records: Any, known: tuple[str, ...]) -> Chunk:
    """Return the dictionaries as rows with the columns known so far, then their own."""
    if isinstance(records, Mapping | str | bytes) or not hasattr(records, "__iter__"):
        raise SourceError(
            f"The source yielded {type(records).__name__}. It has to yield chunks or lists of dictionaries.",
            permanent=True,
        )
    columns = dict.fromkeys(known)
    dictionaries: list[Any] = []
    unreadable: dict[int, Reason] = {}
    for index, record in enumerate(records):
        if isinstance(record, Mapping):
            record = record if all(type(key) is str for key in record) else {str(key): record[key] for key in record}
            columns.update(dict.fromkeys(record))
        else:
            why = f"the source yielded {type(record).__name__} for a row, not a dictionary of column to value"
            unreadable[index] = Reason("row", "row_unreadable", why)
        dictionaries.append(record)
    rows = [
        (str(each),) if index in unreadable else tuple(map(each.get, columns))
        for index, each in enumerate(dictionaries)
    ]
    return Chunk(tuple(columns), rows, unreadable)
