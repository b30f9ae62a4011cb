"""Rows of Parquet files, and of other tables of Apache Arrow."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from importlib import import_module
from typing import IO, TYPE_CHECKING, Any

from airflow_provider_linkedin_capi.delivery.interfaces import Chunk
from airflow_provider_linkedin_capi.exceptions import SourceError
from airflow_provider_linkedin_capi.sources.decoding import import_pyarrow

if TYPE_CHECKING:
    from collections.abc import Iterator

#: What is read at a time of each column: a row group may be larger than the memory there is.
_BUFFER_BYTES = 1 << 19
#: Rows converted at a time; more would not be faster.
_ROWS = 1000


def read_parquet(file: IO[bytes], name: str) -> Iterator[Chunk]:
    """Yield the rows of a Parquet file, some at a time; only a part of a row group is in memory.

    :param file: seekable.
    :param name: of the file, for messages.
    :raises SourceError: it is not a Parquet file, or damaged; or pyarrow is missing.
    """
    parquet = import_pyarrow(f"{name} is a Parquet file", "pyarrow.parquet")
    try:
        # INT96 times, as Spark writes them, would overflow in the nanoseconds that are the default.
        reader = parquet.ParquetFile(
            file, buffer_size=_BUFFER_BYTES, pre_buffer=False, coerce_int96_timestamp_unit="us"
        )
        pool = import_module("pyarrow").default_memory_pool()
        for batch in reader.iter_batches(batch_size=_ROWS, use_threads=False):
            yield _chunk(batch)
            # Otherwise it keeps pages that were read as long as the process lives.
            pool.release_unused()
    except import_module("pyarrow").ArrowException as error:
        raise SourceError(
            f"{name} is not a Parquet file, or damaged ({type(error).__name__}).", permanent=True
        ) from None


def chunks_of(table: Any) -> Iterator[Chunk]:
    """Yield the rows of whatever pyarrow can take for a table: its own, of polars, of DuckDB."""
    pyarrow = import_pyarrow(f"The records are of type {type(table).__name__}")
    for batch in pyarrow.table(table).to_batches(max_chunksize=_ROWS):
        yield _chunk(batch)


def _chunk(batch: Any) -> Chunk:
    """Return a batch of Arrow as rows of Python's values."""
    columns = [_values(column) for column in batch.columns]
    rows = list(zip(*columns, strict=True)) if columns else [()] * batch.num_rows
    return Chunk(tuple(batch.schema.names), rows)


def _values(column: Any) -> list[Any]:
    """Return a column as a list of Python's values."""
    pyarrow = import_module("pyarrow")
    types = pyarrow.types
    if types.is_dictionary(column.type):
        column = column.dictionary_decode()
    kind = column.type
    try:
        # Arrow makes a Python object of each value by way of an object of its own, which is slow for these types.
        if types.is_timestamp(kind):
            column = column.cast(pyarrow.timestamp("us", kind.tz), safe=kind.unit != "ns")
            return _moments(column, "us", dt.UTC if kind.tz else None)
        if types.is_date(kind):
            return _moments(column.cast("date32"), "D", None)
        if types.is_decimal(kind):
            return [None if text is None else Decimal(text) for text in column.cast("string").to_pylist()]
        return column.to_pylist()  # type: ignore[no-any-return]
    except (ValueError, OverflowError):
        # A value that Python cannot hold does no harm as text.
        return column.cast("string").to_pylist()  # type: ignore[no-any-return]


def _moments(column: Any, unit: str, zone: dt.tzinfo | None) -> list[Any]:
    """Return dates or times, as text where they are before the year 1 or after 9999."""
    numpy = import_module("numpy")
    values = column.to_numpy(zero_copy_only=False).tolist()
    if odd := {type(value) for value in values} - {dt.datetime, dt.date, type(None)}:
        values = [str(numpy.datetime64(value, unit)) if type(value) in odd else value for value in values]
    if zone is None:
        return values  # type: ignore[no-any-return]
    return [value.replace(tzinfo=zone) if type(value) is dt.datetime else value for value in values]
