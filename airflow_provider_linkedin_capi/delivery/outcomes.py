"""What became of the rows: batch by batch for the sinks, added up for the summary."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence, Set

    from airflow_provider_linkedin_capi.events.model import ConversionEvent, RowWarning

#: The fields by which a line of a file is known as a dead letter.
DEAD_LETTER_KEYS = frozenset({"position", "key", "field", "code", "message", "row"})
#: The code of rows that LinkedIn may or may not have stored.
UNKNOWN_OUTCOME = "UNKNOWN_OUTCOME"

Outcome = Literal["accepted", "rejected", "held", "skipped"]


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a row was not delivered: the event's field (None for the whole), a stable code, a sentence."""

    field: str | None
    code: str
    message: str


@dataclass(frozen=True, slots=True)
class RowOutcome:
    """What became of one row.

    :param position: the row's place in the whole source, from 0.
    :param row: its values as they came.
    :param outcome: ``accepted``, ``rejected``, ``held`` or ``skipped``.
    :param reason: why, for rejected and held rows; for skipped ones the code says whose memory knew it,
        ``checkpoint`` or ``ledger``.
    :param event: the event that the row became, None when it became none.
    :param key: the event's id, given or derived; for a row that became no event, the text in its id column; None when
        there is neither.
    """

    position: int
    row: Sequence[Any]
    outcome: Outcome
    reason: Reason | None
    event: ConversionEvent | None
    key: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchOutcome:
    """What became of the rows of one batch; whatever is in no mapping was accepted.

    :param number: the batch's number in this try, from 1.
    :param digest: the batch's short digest, as in the checkpoint and the log; empty when no row became an event.
    :param first_position: the first row's place in the whole source, from 0.
    :param columns: the column names.
    :param rows: the rows as they came.
    :param key_column: index of the column with the event ids, None when there is none.
    :param events: the events that rows became.
    :param event_rows: for each event the index of its row in ``rows``.
    :param rejected: by index in ``rows``, the rows refused by the checks or by LinkedIn.
    :param held: by index in ``rows``, the rows whose outcome is unknown and that are not to be sent again.
    :param skipped: by index in ``rows``, the rows delivered before, as checkpoint or ledger showed.
    :param warnings: what the checks noticed without refusing the row; ``position`` is the index in ``rows``.
    :param sent_at: when LinkedIn acknowledged the last part; None when nothing was accepted in this try.
    :param unsettled: indices of rows that this try leaves without an outcome; only when it ends in the middle of the
        batch. They are in no count and no iteration.
    :param rules: for each event the URN of its conversion rule.
    :param happened_at: the earliest and the latest conversion among the events, in epoch milliseconds.
    :param unknown: those of them that LinkedIn may hold; the others were not sent.
    """

    number: int
    digest: str
    first_position: int
    columns: tuple[str, ...]
    rows: Sequence[Sequence[Any]]
    key_column: int | None
    events: Sequence[ConversionEvent]
    event_rows: Sequence[int]
    rejected: Mapping[int, Reason]
    held: Mapping[int, Reason]
    skipped: Mapping[int, Reason]
    warnings: Sequence[RowWarning]
    sent_at: dt.datetime | None
    unsettled: Set[int] = frozenset()
    unknown: Set[int] = frozenset()
    happened_at: tuple[int, int] | None = None
    rules: Sequence[str] = ()

    @property
    def settled(self) -> int:
        """How many rows have an outcome."""
        return len(self.rows) - len(self.unsettled)

    @property
    def accepted(self) -> int:
        """How many rows LinkedIn accepted in this try."""
        return self.settled - len(self.rejected) - len(self.held) - len(self.skipped)

    def outcomes(self, *kinds: Outcome) -> Iterator[RowOutcome]:
        """Yield the rows in their order, all of them or those with one of the outcomes named."""
        others: dict[int, tuple[Outcome, Reason]] = {}
        for outcome, reasons in self._by_outcome().items():
            others.update((index, (outcome, reason)) for index, reason in reasons.items())
        indices: Sequence[int] = range(len(self.rows))
        if kinds and "accepted" not in kinds:
            indices = sorted(index for index, (outcome, _) in others.items() if outcome in kinds)
        if not indices:
            return
        events: dict[int, ConversionEvent] = dict(zip(self.event_rows, self.events, strict=True))
        for index in indices:
            if index in self.unsettled:
                continue
            outcome, reason = others.get(index, ("accepted", None))
            if not kinds or outcome in kinds:
                row, event = self.rows[index], events.get(index)
                key = event.event_id if event else self._own_key(row)
                yield RowOutcome(self.first_position + index, row, outcome, reason, event, key)

    def _own_key(self, row: Sequence[Any]) -> str | None:
        """Return the text of a row's own event id."""
        if self.key_column is None or self.key_column >= len(row) or row[self.key_column] is None:
            return None
        try:
            return str(row[self.key_column]).strip() or None
        except Exception:  # a cell is foreign code, and whole numbers of 10,000 digits have no text
            return None

    def _by_outcome(self) -> dict[Outcome, Mapping[int, Reason]]:
        return {"rejected": self.rejected, "held": self.held, "skipped": self.skipped}


@dataclass(slots=True)
class Summary:
    """The figures of one try; ``rows_read = accepted + rejected + held + skipped`` holds at any time.

    :ivar rows_read: rows whose outcome is known and was handed to the sinks.
    :ivar events_sent: events in all requests that were made, those sent again included.
    :ivar accepted: rows that LinkedIn accepted in this try.
    :ivar rejected: rows refused by the checks or by LinkedIn, in this try or an earlier one.
    :ivar warned: rows with at least one warning.
    :ivar held: rows whose outcome is unknown and that were not sent again.
    :ivar skipped: rows that checkpoint or ledger showed as accepted before.
    :ivar batches: batches of rows read.
    :ivar requests: requests made.
    :ivar retries: requests that repeated one before.
    :ivar resent_unknown: events sent again after an unknown outcome, each sending counted, in this try or an earlier
        one: LinkedIn holds at most so many events twice.
    :ivar reasons: rows by the code of their rejection or holding.
    :ivar warnings: warnings by their code; a row may have several.
    :ivar rules: rows accepted or delivered before, by the URN of their conversion rule.
    :ivar first_happened_at: the earliest conversion among the events, ISO 8601.
    :ivar last_happened_at: the latest one.
    :ivar rejects_path: where the dead letters are; the operator fills it in.
    :ivar seconds: how long this try took.
    """

    rows_read: int = 0
    events_sent: int = 0
    accepted: int = 0
    rejected: int = 0
    warned: int = 0
    held: int = 0
    skipped: int = 0
    batches: int = 0
    requests: int = 0
    retries: int = 0
    resent_unknown: int = 0
    reasons: dict[str, int] = field(default_factory=dict)
    warnings: dict[str, int] = field(default_factory=dict)
    rules: dict[str, int] = field(default_factory=dict)
    first_happened_at: str | None = None
    last_happened_at: str | None = None
    rejects_path: str | None = None
    seconds: float = 0.0

    def add(self, batch: BatchOutcome) -> None:
        """Count the rows of a batch."""
        self.rows_read += batch.settled
        self.accepted += batch.accepted
        self.rejected += len(batch.rejected)
        self.held += len(batch.held)
        self.skipped += len(batch.skipped)
        self.warned += len({warning.position for warning in batch.warnings})
        for reason in (*batch.rejected.values(), *batch.held.values()):
            self.reasons[reason.code] = self.reasons.get(reason.code, 0) + 1
        for warning in batch.warnings:
            self.warnings[warning.code] = self.warnings.get(warning.code, 0) + 1
        undelivered = batch.rejected.keys() | batch.held.keys() | batch.unsettled
        rules: Iterable[str] = batch.rules
        if undelivered:
            rules = (rule for row, rule in zip(batch.event_rows, rules, strict=True) if row not in undelivered)
        for rule, count in Counter(rules).items():
            self.rules[rule] = self.rules.get(rule, 0) + count
        if batch.happened_at:
            first, last = map(_iso, batch.happened_at)
            self.first_happened_at = min(self.first_happened_at or first, first)
            self.last_happened_at = max(self.last_happened_at or last, last)

    def as_dict(self) -> dict[str, Any]:
        """Return the summary as JSON types, in the order above."""
        return asdict(self)


def _iso(milliseconds: int) -> str:
    return dt.datetime.fromtimestamp(milliseconds / 1000, dt.UTC).isoformat(timespec="milliseconds")
