"""One batch on its way: the rows of a chunk, the events they became, and what is known of each."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from airflow_provider_linkedin_capi.delivery.isolation import Isolation
from airflow_provider_linkedin_capi.delivery.outcomes import UNKNOWN_OUTCOME, BatchOutcome, Reason
from airflow_provider_linkedin_capi.events.model import encode_batch

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Sequence

    from airflow_provider_linkedin_capi.delivery.checkpoint import BatchState
    from airflow_provider_linkedin_capi.delivery.interfaces import Chunk
    from airflow_provider_linkedin_capi.events.model import MappedRows

_BY_CHECKPOINT = Reason(None, "checkpoint", "LinkedIn acknowledged it in an earlier try of this task")
_BY_LEDGER = Reason(None, "ledger", "the results table holds it as accepted for this conversion rule")
_HELD = Reason(
    None,
    UNKNOWN_OUTCOME,
    "LinkedIn may have stored it: the connection broke, or its server failed, after the request had left",
)


@dataclass(slots=True, eq=False)
class Batch:
    """Rows that are sent together.

    :param number: the batch's number in this try, from 1.
    :param first_position: the first row's place in the source, from 0.
    :param chunk: the rows.
    :param mapped: the events.
    :param key_column: index of the column with the event ids.
    :param digest: of all events, encoded.
    :param body: all events, encoded; dropped at the first sending.
    :param state: what the checkpoint knows of the events; kept up to date.
    :param by_ledger: positions of events that the ledger holds.
    :param hold: whether events of unknown outcome are not to be sent again.
    :ivar waiting: positions of events that lie in the future, rejected until a later try.
    """

    number: int
    first_position: int
    chunk: Chunk
    mapped: MappedRows
    key_column: int | None
    digest: str
    body: bytes | None
    state: BatchState
    by_ledger: frozenset[int] = frozenset()
    hold: bool = False
    held: set[int] = field(init=False, default_factory=set)
    accepted_before: frozenset[int] = field(init=False)
    waiting: frozenset[int] = field(init=False)
    course: Isolation = field(init=False)
    sent_at: dt.datetime | None = field(init=False, default=None)
    refusal_told: bool = field(init=False, default=False)

    def __post_init__(self) -> None:
        state = self.state
        self.accepted_before = frozenset(state.accepted)
        state.accepted |= self.by_ledger
        state.in_flight -= self.by_ledger
        if self.hold:
            self.held |= state.in_flight
        unknown = sorted(state.in_flight - self.held)
        others: Sequence[int] = range(self.size)
        settled = state.accepted | state.refused.keys() | state.in_flight
        self.waiting = self.mapped.not_yet - settled
        if settled or self.waiting:
            others = [position for position in others if position not in settled and position not in self.waiting]
        self.course = Isolation([event.conversion for event in self.mapped.events], unknown, others)

    @property
    def size(self) -> int:
        """How many rows became events."""
        return len(self.mapped.events)

    @property
    def name(self) -> str:
        """What logs and errors call it: number, digest and rows, counted from 1 as a person does."""
        first = self.first_position + 1
        digest = f" ({self.digest})" if self.digest else ""
        return f"batch {self.number}{digest}, rows {first} to {first + len(self.chunk.rows) - 1}"

    def encode(self, positions: Sequence[int]) -> bytes:
        """Return the body of a request with some of the events."""
        body, self.body = self.body, None
        latest_ms = self.mapped.latest_ms
        if body is not None and len(positions) == self.size and latest_ms is None:
            return body
        events = self.mapped.events
        return encode_batch([events[position] for position in positions], latest_ms=latest_ms)

    def outcome(self) -> BatchOutcome:
        """Return what became of the rows, as far as it is known."""
        rows = self.mapped.positions
        state, course = self.state, self.course
        rejected = {found.position: Reason(found.field, found.code, found.message) for found in self.mapped.rejections}
        for position in self.mapped.not_yet - self.waiting:
            del rejected[rows[position]]
        rejected.update(self.chunk.unreadable)
        rejected.update((rows[position], reason) for position, reason in state.refused.items())
        skipped = dict.fromkeys((rows[position] for position in self.by_ledger), _BY_LEDGER)
        skipped.update(dict.fromkeys((rows[position] for position in self.accepted_before), _BY_CHECKPOINT))
        unsettled: set[int] = set()
        if course.next is not None:
            settled = state.accepted | state.refused.keys() | self.held | self.waiting
            unsettled = set(range(self.size)) - settled
        return BatchOutcome(
            number=self.number,
            digest=self.digest,
            first_position=self.first_position,
            columns=self.chunk.columns,
            rows=self.chunk.rows,
            key_column=self.key_column,
            events=self.mapped.events,
            event_rows=rows,
            rejected=rejected,
            held=dict.fromkeys((rows[position] for position in self.held), _HELD),
            skipped=skipped,
            warnings=self.mapped.warnings,
            sent_at=self.sent_at,
            unsettled=frozenset(rows[position] for position in unsettled),
            unknown=frozenset(rows[position] for position in unsettled & state.in_flight),
        )
