"""What every source yields."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Any, Protocol

from airflow_provider_linkedin_capi.delivery.interfaces import Chunk
from airflow_provider_linkedin_capi.delivery.outcomes import Reason

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator


class Source(Protocol):
    """Where conversions come from. Reading twice gives the rows twice."""

    def count_rows(self) -> int | None:
        """Return how many rows there are, or None when that cannot be told before reading them."""

    def chunks(self, size: int) -> Generator[Chunk, None, None]:
        """Yield the rows in their order, ``size`` at a time, holding no more than that in memory; close when done."""


def cut(columns: tuple[str, ...], rows: Iterator[tuple[Any, ...]], size: int) -> Generator[Chunk, None, None]:
    """Yield chunks of exactly ``size`` rows, the last one shorter, whatever portions the rows came in."""
    while chunk := list(islice(rows, size)):
        yield Chunk(columns, chunk)


def unreadable(message: str) -> Reason:
    """Return the reason of a row that could not be read: one rejected row, whatever it held."""
    return Reason("row", "row_unreadable", message)
