"""Chunks of rows into batches, the same ones on every try."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from airflow_provider_linkedin_capi.delivery.batch import Batch
from airflow_provider_linkedin_capi.delivery.checkpoint import BatchState
from airflow_provider_linkedin_capi.events.model import MappedRows, encode_batch

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator
    from concurrent.futures import Future

    from airflow_provider_linkedin_capi.delivery.checkpoint import Checkpoint
    from airflow_provider_linkedin_capi.delivery.interfaces import Chunk, Claims, Ledger, Mapper, MapperFactory


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

    def batches(self, chunks: Iterable[Chunk]) -> Iterator[Batch]:
        """Yield the batch of each chunk; while one is sent, the ledger claims the events of the next one."""
        claimed: _Claimed | None = None
        for chunk in chunks:
            following = self._claimed(chunk)
            if claimed:
                yield claimed.batch()
                claimed = None
            if following.claims is None:
                yield following.batch()
            else:
                claimed = following
        if claimed:
            yield claimed.batch()

    def _claimed(self, chunk: Chunk) -> _Claimed:
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
        make = partial(
            Batch,
            number=self._batches,
            first_position=first_position,
            chunk=chunk,
            mapped=mapped,
            key_column=mapper.key_column,
            digest=digest,
            body=body,
            state=state,
            hold=self._hold,
        )
        settled = state.accepted | state.refused.keys()
        open_positions = [position for position in range(len(mapped.events)) if position not in settled]
        if self._ledger is None or not open_positions:
            return _Claimed(make, open_positions, None)
        events = [mapped.events[position] for position in open_positions]
        return _Claimed(make, open_positions, self._ledger.claim(events, batch=self._batches))


class _Claimed(NamedTuple):
    """A batch whose events the ledger is claiming."""

    make: Callable[..., Batch]
    positions: list[int]
    claims: Future[Claims] | None

    def batch(self) -> Batch:
        """Return the batch once the claims are durable."""
        if self.claims is None:
            return self.make()
        accepted = self.claims.result().accepted
        return self.make(by_ledger=frozenset(self.positions[index] for index in accepted))


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
