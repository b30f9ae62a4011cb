"""Rows of JSON lines and CSV files, wherever Airflow's object storage can read them."""

from __future__ import annotations

import csv
from typing import TYPE_CHECKING, Any, TextIO

import msgspec

from airflow_provider_linkedin_capi.delivery.outcomes import DEAD_LETTER_KEYS
from airflow_provider_linkedin_capi.exceptions import SourceError
from airflow_provider_linkedin_capi.sources.chunks import cut
from airflow_provider_linkedin_capi.sources.records import row_of

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

    from airflow.sdk import ObjectStoragePath

    from airflow_provider_linkedin_capi.delivery.interfaces import Chunk

_JSON_LINES = (".jsonl", ".ndjson", ".json")


class FileSource:
    """The rows of one file, or of all files of a directory in the order of their names.

    The files are read twice, first for their columns and to find what is malformed before anything is sent.

    :param path: ``file:///data/x.jsonl``, ``s3://connection@bucket/x.csv`` …: whatever ``ObjectStoragePath``
        takes. ``.csv`` is comma-separated UTF-8 with a header line; ``.jsonl``, ``.ndjson`` and ``.json`` hold one
        JSON object a line. Dead letters, as this provider writes them, are taken apart: the row inside counts.
        (templated)
    """

    template_fields = ("path",)

    def __init__(self, path: str) -> None:
        self.path = path

    def __repr__(self) -> str:
        return f"FileSource({self.path!r})"

    def _survey(self) -> tuple[tuple[str, ...], int]:
        """Return the columns and the number of rows of all files."""
        columns: dict[str, None] = {}
        count = 0
        for record in self._records():
            columns.update(dict.fromkeys(record))
            count += 1
        return tuple(columns), count

    def count_rows(self) -> int | None:
        """Return the number of rows."""
        return self._survey()[1]

    def chunks(self, size: int) -> Generator[Chunk, None, None]:
        """Yield the files' rows, with None where a line lacks a column."""
        columns, _ = self._survey()
        yield from cut(columns, (row_of(record, columns) for record in self._records()), size)

    def _records(self) -> Iterator[dict[str, Any]]:
        from airflow.providers.common.compat.sdk import ObjectStoragePath

        for file in _files(ObjectStoragePath(self.path)):
            read = _csv_records if file.name.endswith(".csv") else _json_records
            # Not file.open(): what it returns cannot be iterated over on Airflow 2.
            with file.fs.open(file.path, "r", encoding="utf-8-sig", newline="") as stream:
                try:
                    yield from read(stream, str(file))
                except UnicodeDecodeError:
                    raise SourceError(f"{file} is not UTF-8 text.") from None


def _files(path: ObjectStoragePath) -> list[ObjectStoragePath]:
    if not path.exists():
        raise SourceError(f"There is no file {path}.")
    if not path.is_dir():
        if not path.name.endswith((*_JSON_LINES, ".csv")):
            raise SourceError(f"{path}: only JSON lines ({', '.join(_JSON_LINES)}) and .csv can be read.")
        return [path]
    found = sorted(
        (file for file in path.iterdir() if file.name.endswith((*_JSON_LINES, ".csv"))), key=lambda file: file.name
    )
    if not found:
        raise SourceError(f"The directory {path} holds no JSON lines ({', '.join(_JSON_LINES)}) or .csv file.")
    return found


def _json_records(stream: TextIO, name: str) -> Iterator[dict[str, Any]]:
    for number, line in enumerate(stream, 1):
        if not line.strip():
            continue
        where = f"{name}, line {number}"
        try:
            record = msgspec.json.decode(line)
        except msgspec.DecodeError as error:
            raise SourceError(f"{where} is not JSON: {error}. One JSON object a line is needed.") from None
        if not isinstance(record, dict):
            raise SourceError(f"{where} is not a JSON object of column to value.")
        if record.keys() >= DEAD_LETTER_KEYS and isinstance(record["row"], dict):
            record = record["row"]
        yield record


def _csv_records(stream: TextIO, name: str) -> Iterator[dict[str, Any]]:
    reader = csv.reader(stream, strict=True)
    try:
        header = next(reader, None)
        if header is None:
            raise SourceError(f"{name} is empty: a CSV file needs a header line.")
        if len(set(header)) < len(header):
            twice = sorted({column for column in header if header.count(column) > 1})
            raise SourceError(f"{name} has more than one column {', '.join(map(repr, twice))}.")
        for row in reader:
            if not row:
                continue
            if len(row) != len(header):
                raise SourceError(f"{name}, line {reader.line_num} has {len(row)} values for {len(header)} columns.")
            yield dict(zip(header, row, strict=True))
    except csv.Error as error:
        raise SourceError(f"{name}, line {reader.line_num} is not CSV: {error}.") from None
