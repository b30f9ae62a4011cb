"""Chunks of equal size."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Any

from airflow_provider_linkedin_capi.delivery.interfaces import Chunk
from airflow_provider_linkedin_capi.delivery.outcomes import Reason

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator


def cut(columns: tuple[str, ...], rows: Iterator[tuple[Any, ...]], size: int) -> Generator[Chunk, None, None]:
    """Yield chunks of exactly ``size`` rows, the last one shorter, whatever portions the rows came in."""
    while chunk := list(islice(rows, size)):
        yield Chunk(columns, chunk)


def unreadable(message: str) -> Reason:
    """Return the reason of a row that could not be read: one rejected row, whatever it held."""
    return Reason("row", "row_unreadable", message)
