"""Rows that another task handed over."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from airflow_provider_linkedin_capi.exceptions import SourceError
from airflow_provider_linkedin_capi.sources.chunks import cut
from airflow_provider_linkedin_capi.sources.hidden_from_ui import HiddenFromUI

if TYPE_CHECKING:
    from collections.abc import Generator

    from airflow_provider_linkedin_capi.delivery.interfaces import Chunk


class RecordsSource:
    """Dictionaries, one a row, usually an XCom.

    :param records: mappings of column to value; lists of them (the outputs of a mapped task) are joined; text
        is read as JSON, which is what a template renders a list to. Not every record has to have every column.
    """

    def __init__(self, records: Any) -> None:
        self.records = records

    def __repr__(self) -> str:
        return "RecordsSource(...)"

    def count_rows(self) -> int | None:
        """Return the number of records."""
        return len(self._flat())

    def _flat(self) -> list[Mapping[str, Any]]:
        records = self.records
        return list(_flat(records.records if isinstance(records, HiddenFromUI) else records, "records"))

    def chunks(self, size: int) -> Generator[Chunk, None, None]:
        """Yield the records as rows that have all columns, with None where a record lacks one."""
        records = self._flat()
        columns = tuple(dict.fromkeys(str(column) for record in records for column in record))
        return cut(columns, (row_of(record, columns) for record in records), size)


def row_of(record: Mapping[Any, Any], columns: tuple[str, ...]) -> tuple[Any, ...]:
    """Return the record's values in the order of the columns."""
    return tuple(map(record.get, columns))


def _flat(records: Any, where: str) -> Iterator[Mapping[str, Any]]:
    if isinstance(records, str):
        try:
            records = json.loads(records)
        except ValueError:
            raise SourceError(
                f"{where} is text, but not JSON. Hand the list over as it is (task.output), or render it with "
                "the filter tojson."
            ) from None
    if isinstance(records, Mapping) or not isinstance(records, Iterable):
        raise SourceError(f"{where} has to be a list of dictionaries, not {type(records).__name__}.")
    for number, record in enumerate(records):
        if isinstance(record, Mapping):
            yield record if all(isinstance(key, str) for key in record) else _text_keys(record)
        elif isinstance(record, list):
            yield from _flat(record, f"{where}[{number}]")
        else:
            raise SourceError(f"{where}[{number}] is {type(record).__name__}, not a dictionary of column to value.")


def _text_keys(record: Mapping[Any, Any]) -> dict[str, Any]:
    return {str(key): value for key, value in record.items()}
