"""Chunks of rows into batches, the same ones on every try."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_provider_linkedin_capi.api import limits
from airflow_provider_linkedin_capi.delivery.batch import Batch
from airflow_provider_linkedin_capi.delivery.checkpoint import BatchState
from airflow_provider_linkedin_capi.events.model import encode_batch
from airflow_provider_linkedin_capi.exceptions import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Sequence

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
        if len(chunk.rows) > limits.MAX_EVENTS_PER_BATCH:
            raise ConfigurationError(
                f"a chunk has {len(chunk.rows)} rows; LinkedIn takes {limits.MAX_EVENTS_PER_BATCH} events"
            )
        if (mapper := self._mappers.get(chunk.columns)) is None:
            mapper = self._mappers[chunk.columns] = self._make_mapper(chunk.columns, self._checkpoint.clock_ms)
        mapped = mapper.map(chunk.rows)
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
        keys = [(event.conversion, event.event_id) for event in events]
        known = self._ledger.accepted([(rule, event_id) for rule, event_id in keys if event_id is not None])
        settled = state.accepted | state.refused.keys()
        return frozenset(position for position, key in enumerate(keys) if key in known and position not in settled)
