"""One batch on its way: some rows of the source, the events they became, and what is known of each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast

from msgspec.structs import replace

from airflow_provider_linkedin_capi.delivery.elements import Elements
from airflow_provider_linkedin_capi.delivery.outcomes import UNKNOWN_OUTCOME, BatchOutcome, Reason
from airflow_provider_linkedin_capi.events.model import ConversionEvent, MappedRows, decode_batch, encode_batch

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Collection, Iterable

    from airflow_provider_linkedin_capi.delivery.checkpoint import Checkpoint
    from airflow_provider_linkedin_capi.delivery.interfaces import Chunk, Mapper, MapperFactory
    from airflow_provider_linkedin_capi.delivery.isolation import Isolation

_BY_CHECKPOINT = Reason(None, "checkpoint", "LinkedIn acknowledged it in an earlier try of this task")
_BY_LEDGER = Reason(None, "ledger", "the results table holds it as accepted for this conversion rule")
_HELD = Reason(
    None,
    UNKNOWN_OUTCOME,
    "LinkedIn may have stored it: the connection broke, or a server failed, after the request had left",
)


class EncodedEvents(Sequence[ConversionEvent]):
    """The events of a body, decoded when somebody asks for one: most batches are accepted, and nobody does.

    :param body: the events, encoded.
    :param count: how many they are.
    """

    def __init__(self, body: bytes, count: int) -> None:
        self._body = body
        self._count = count
        self._events: list[ConversionEvent] | None = None

    def __len__(self) -> int:
        return self._count

    def __getitem__(self, index: Any) -> Any:
        if self._events is None:
            self._events = decode_batch(self._body)
        return self._events[index]


@dataclass(slots=True, eq=False)
class Batch:
    """Rows that are sent together.

    :param number: the batch's number in this try, from 1.
    :param first_position: the first row's place in the source, from 0.
    :param chunk: the rows.
    :param mapped: the events.
    :param key_column: index of the column with the event ids.
    :param digest: of all events, encoded; empty without events.
    :param body: all events, encoded; dropped at the first sending.
    :param happened_at: the earliest and the latest conversion, in epoch milliseconds; None without events.
    :param elements: what is known of each event.
    :param restored: whether an earlier try of this delivery recorded the batch.
    :ivar isolation: decides what is sent next.
    :ivar sent_at: when LinkedIn acknowledged the last part.
    :ivar refusal_logged: whether the log has named LinkedIn's first refusal.
    """

    number: int
    first_position: int
    chunk: Chunk
    mapped: MappedRows
    key_column: int | None
    digest: str
    body: bytes | None
    happened_at: tuple[int, int] | None
    elements: Elements
    restored: bool
    isolation: Isolation = field(init=False)
    sent_at: dt.datetime | None = field(init=False, default=None)
    refusal_logged: bool = field(init=False, default=False)

    @property
    def name(self) -> str:
        """What logs and errors call it: number, digest and rows, counted from 1 as a person does."""
        first = self.first_position + 1
        digest = f" ({self.digest})" if self.digest else ""
        return f"batch {self.number}{digest}, rows {first} to {first + len(self.chunk.rows) - 1}"

    def events(self, positions: Iterable[int]) -> list[ConversionEvent]:
        """Return some of the events."""
        return list(map(self.mapped.events.__getitem__, positions))

    def encode(self, positions: Sequence[int]) -> bytes:
        """Return the body of a request with some of the events."""
        body, self.body = self.body, None
        latest_ms = self.mapped.latest_ms
        if body is not None and len(positions) == len(self.elements) and latest_ms is None:
            # While the batch is in flight, its body takes less memory than its events.
            self.mapped = replace(self.mapped, events=cast("Any", EncodedEvents(body, len(positions))))
            return body
        return encode_batch(self.events(positions), latest_ms=latest_ms)

    def outcome(self) -> BatchOutcome:
        """Return what became of the rows, as far as it is known."""
        rows, elements = self.mapped.positions, self.elements
        rejected = {found.position: Reason(found.field, found.code, found.message) for found in self.mapped.rejections}
        for position in self.mapped.not_yet - elements.waiting:
            del rejected[rows[position]]
        rejected.update(self.chunk.unreadable)
        rejected.update((rows[position], reason) for position, reason in elements.refused.items())
        skipped = dict.fromkeys((rows[position] for position in elements.skipped), _BY_LEDGER)
        skipped.update(dict.fromkeys(self.chunk.delivered, _BY_LEDGER))
        skipped.update(dict.fromkeys((rows[position] for position in elements.accepted_before), _BY_CHECKPOINT))
        unsettled = elements.unsettled
        return BatchOutcome(
            number=self.number,
            digest=self.digest,
            first_position=self.first_position,
            columns=self.chunk.columns,
            rows=self.chunk.rows,
            key_column=self.key_column,
            events=self.mapped.events,
            event_rows=rows,
            happened_at=self.happened_at,
            rules=elements.rules,
            rejected=rejected,
            held=dict.fromkeys((rows[position] for position in elements.held), _HELD),
            skipped=skipped,
            warnings=self.mapped.warnings,
            sent_at=self.sent_at,
            unsettled=frozenset(rows[position] for position in unsettled),
            unknown=frozenset(rows[position] for position in unsettled & elements.in_flight),
        )


class Packer:
    """Makes batches of chunks, the same ones on every try, and restores what earlier tries know of them.

    The digest is that of all events of the chunk: neither what the ledger holds nor what was refused before changes it.

    :param make_mapper: makes the mapper for some columns.
    :param checkpoint: what earlier tries did.
    """

    def __init__(self, make_mapper: MapperFactory, checkpoint: Checkpoint) -> None:
        self._make_mapper = make_mapper
        self._checkpoint = checkpoint
        self._mappers: dict[tuple[str, ...], Mapper] = {}
        self._batches = 0
        self._rows = 0

    def pack(self, chunk: Chunk) -> Batch:
        """Return the batch of the next chunk."""
        if (mapper := self._mappers.get(chunk.columns)) is None:
            mapper = self._mappers[chunk.columns] = self._make_mapper(chunk.columns, self._checkpoint.clock_ms)
        mapped = _of_others(mapper, chunk) if chunk.delivered else mapper.map(chunk.rows)
        if chunk.unreadable:
            mapped = _without(mapped, chunk.unreadable)
        first_position = self._rows
        self._rows += len(chunk.rows)
        self._batches += 1
        elements = Elements([event.conversion for event in mapped.events])
        body, digest, restored, happened_at = None, "", False, None
        if mapped.events:
            times = [event.conversion_happened_at for event in mapped.events]
            happened_at = min(times), max(times)
            body = encode_batch(mapped.events)
            digest = self._checkpoint.digest(body)
            restored = self._checkpoint.restore(elements, digest, self._batches, mapped)
            elements.waiting = mapped.not_yet - elements.accepted - elements.refused.keys() - elements.in_flight
        return Batch(
            number=self._batches,
            first_position=first_position,
            chunk=chunk,
            mapped=mapped,
            key_column=mapper.key_column,
            digest=digest,
            body=body,
            happened_at=happened_at,
            elements=elements,
            restored=restored,
        )


def _of_others(mapper: Mapper, chunk: Chunk) -> MappedRows:
    """Return what became of the rows that were not delivered before."""
    kept = [index for index in range(len(chunk.rows)) if index not in chunk.delivered]
    mapped = mapper.map([chunk.rows[index] for index in kept])
    return replace(
        mapped,
        positions=[kept[position] for position in mapped.positions],
        rejections=[replace(each, position=kept[each.position]) for each in mapped.rejections],
        warnings=[replace(each, position=kept[each.position]) for each in mapped.warnings],
    )


def _without(mapped: MappedRows, unreadable: Collection[int]) -> MappedRows:
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
