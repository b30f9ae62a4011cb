"""Chunks of rows into batches, the same ones on every try."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_provider_linkedin_capi.delivery.batch import Batch
from airflow_provider_linkedin_capi.delivery.checkpoint import BatchState
from airflow_provider_linkedin_capi.events.model import MappedRows, encode_batch

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from airflow_provider_linkedin_capi.delivery.checkpoint import Checkpoint
    from airflow_provider_linkedin_capi.delivery.interfaces import Chunk, Ledger, Mapper, MapperFactory
    from airflow_provider_linkedin_capi.events.model import ConversionEvent


class Packer:
    """Makes a batch of each chunk, and looks up what is known of it.

    The digest is that of all events of the chunk: neither what the ledger holds nor what was refused before changes it.

    :param make_mapper: makes the mapper for some columns.
    :param checkpoint: what earlier tries did.
    :param ledger: what earlier runs did.
    :param hold: whether events of unknown outcome are not to be sent again.
    """

    def __init__(
        self, make_mapper: MapperFactory, checkpoint: Checkpoint, ledger: Ledger | None, *, hold: bool
    ) -> None:
        self._make_mapper = make_mapper
        self._checkpoint = checkpoint
        self._ledger = ledger
        self._hold = hold
        self._mappers: dict[tuple[str, ...], Mapper] = {}
        self._batches = 0
        self._rows = 0

    def pack(self, chunk: Chunk) -> Batch:
        """Return the batch of the next chunk."""
        if (mapper := self._mappers.get(chunk.columns)) is None:
            mapper = self._mappers[chunk.columns] = self._make_mapper(chunk.columns, self._checkpoint.clock_ms)
        mapped = mapper.map(chunk.rows)
        if chunk.unreadable:
            mapped = without(mapped, chunk.unreadable)
        body = encode_batch(mapped.events) if mapped.events else None
        digest = self._checkpoint.digest(body) if body else ""
        state = self._checkpoint.state(digest, len(mapped.events)) if digest else BatchState()
        first_position = self._rows
        self._rows += len(chunk.rows)
        self._batches += 1
        return Batch(
            number=self._batches,
            first_position=first_position,
            chunk=chunk,
            mapped=mapped,
            key_column=mapper.key_column,
            digest=digest,
            body=body,
            state=state,
            by_ledger=self._by_ledger(mapped.events, state),
            hold=self._hold,
        )

    def _by_ledger(self, events: Sequence[ConversionEvent], state: BatchState) -> frozenset[int]:
        """Return the positions of events that the ledger holds and the checkpoint does not."""
        if self._ledger is None or len(state.accepted) == len(events):
            return frozenset()
        settled = state.accepted | state.refused.keys()
        open_positions = [position for position in range(len(events)) if position not in settled]
        claims = self._ledger.claim([events[position] for position in open_positions], batch=self._batches)
        return frozenset(open_positions[index] for index in claims.accepted)


def without(mapped: MappedRows, unreadable: Collection[int]) -> MappedRows:
    """Return what became of the rows that could be read."""
    kept = [index for index, position in enumerate(mapped.positions) if position not in unreadable]
    return MappedRows(
        events=[mapped.events[index] for index in kept],
        positions=[mapped.positions[index] for index in kept],
        rejections=[each for each in mapped.rejections if each.position not in unreadable],
        warnings=[each for each in mapped.warnings if each.position not in unreadable],
        latest_ms=mapped.latest_ms,
        not_yet=frozenset(new for new, old in enumerate(kept) if old in mapped.not_yet),
    )
