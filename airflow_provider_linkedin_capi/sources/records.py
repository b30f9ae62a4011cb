"""Rows that another task returned."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

from airflow_provider_linkedin_capi.delivery.interfaces import Chunk
from airflow_provider_linkedin_capi.delivery.rows import cut
from airflow_provider_linkedin_capi.exceptions import SourceError
from airflow_provider_linkedin_capi.sources.chunks import Columns, Unreadable
from airflow_provider_linkedin_capi.sources.hidden_from_ui import HiddenFromUI

if TYPE_CHECKING:
    from collections.abc import Iterator

    Portion = Chunk | list[Mapping[str, Any] | Unreadable]


#: What pandas' data frames have, and what other tables have to be read as Arrow.
_TABLES = ("itertuples", "__arrow_c_stream__", "__arrow_c_array__")


class RecordsSource:
    """Rows in memory: a list of dictionaries, usually an XCom, or a data frame.

    :param records: dictionaries of column to value, of which not every one has to have every column; lists of them
        (the outputs of a mapped task) are joined. Text is read as JSON, since that is what a template renders a list
        to. Data frames of pandas, and whatever else has Arrow's interface, are taken too.
    """

    #: All columns are known before the first row is handed out.
    fixed_columns = True

    def __init__(self, records: Any) -> None:
        self._records = records

    def __repr__(self) -> str:
        return "RecordsSource(...)"

    def chunks(self, size: int) -> Iterator[Chunk]:
        """Yield the records as rows that have all columns, with None where a record lacks one.

        :raises SourceError: they are not dictionaries. A single one that is not becomes a rejected row.
        """
        records = self._records.records if isinstance(self._records, HiddenFromUI) else self._records
        portions = list(portions_of(_from_json(records), "records"))
        columns = Columns(dict.fromkeys(name for portion in portions for name in _names(portion)))
        if portions and not columns.names and isinstance(first := portions[0][0], Unreadable):
            raise SourceError(f"{first.message}. records has to be a list of dictionaries.", permanent=True)
        return cut(map(columns.of_portion, portions), size)


def portions_of(items: Any, where: str) -> Iterator[Portion]:
    """Yield lists of dictionaries, and tables as chunks, from whatever rows come in.

    :param where: what messages call the items.
    :raises SourceError: they are no rows.
    """
    if _is_table(items):
        yield from _table(items)
        return
    if isinstance(items, Mapping | str | bytes) or not isinstance(items, Iterable):
        raise SourceError(f"{where} has to be a list of dictionaries, not {type(items).__name__}.", permanent=True)
    records: list[Mapping[str, Any] | Unreadable] = []
    for number, item in enumerate(items):
        if isinstance(item, Mapping):
            records.append(item if all(type(key) is str for key in item) else _text_keys(item))
        elif isinstance(item, list) or _is_table(item):
            if records:
                yield records
                records = []
            yield from portions_of(item, f"{where}[{number}]")
        else:
            message = f"{where}[{number}] is {type(item).__name__}, not a dictionary of column to value"
            records.append(Unreadable(message, str(item)))
    if records:
        yield records


def _from_json(records: Any) -> Any:
    if not isinstance(records, str):
        return records
    try:
        return json.loads(records)
    except ValueError:
        raise SourceError(
            "records is text, but not JSON. Pass the list as it is (task.output), or render it with the filter tojson.",
            permanent=True,
        ) from None


def _names(portion: Portion) -> Iterable[str]:
    if isinstance(portion, Chunk):
        return portion.columns
    return (name for record in portion if not isinstance(record, Unreadable) for name in record)


def _is_table(items: Any) -> bool:
    return isinstance(items, Chunk) or any(map(partial(hasattr, items), _TABLES))


def _table(items: Any) -> Iterator[Chunk]:
    if isinstance(items, Chunk):
        yield items
    elif hasattr(items, "itertuples"):
        # By way of Arrow, columns of mixed types would fail.
        yield Chunk(tuple(map(str, items.columns)), list(items.itertuples(index=False, name=None)))
    else:
        from airflow_provider_linkedin_capi.sources.parquet_files import chunks_of

        yield from chunks_of(items)


def _text_keys(record: Mapping[Any, Any]) -> dict[str, Any]:
    return {str(key): value for key, value in record.items()}
