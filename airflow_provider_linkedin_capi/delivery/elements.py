"""What is known of each event of a batch: the one place for it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

    from airflow_provider_linkedin_capi.delivery.outcomes import Reason


@dataclass(slots=True, eq=False)
class Elements:
    """The events of one batch, by their position in it, and what became of them.

    An event in none of the sets was never sent, or LinkedIn is known not to have stored it.

    :param rules: the conversion rule of each event.
    :ivar accepted: LinkedIn acknowledged it, in this try or an earlier one.
    :ivar refused: LinkedIn refused it, and why.
    :ivar in_flight: sent and not answered; LinkedIn may have stored it.
    :ivar held: in flight, and not to be sent again.
    :ivar accepted_before: an earlier try of this task had it acknowledged.
    :ivar refused_before: an earlier try had it refused.
    :ivar skipped: the ledger holds it as accepted.
    :ivar elsewhere: another running delivery has claimed it.
    :ivar waiting: it lies in the future: for a later try.
    """

    rules: Sequence[str]
    accepted: set[int] = field(default_factory=set)
    refused: dict[int, Reason] = field(default_factory=dict)
    in_flight: set[int] = field(default_factory=set)
    held: set[int] = field(default_factory=set)
    accepted_before: frozenset[int] = frozenset()
    refused_before: frozenset[int] = frozenset()
    skipped: set[int] = field(default_factory=set)
    elsewhere: set[int] = field(default_factory=set)
    waiting: frozenset[int] = frozenset()

    def __len__(self) -> int:
        return len(self.rules)

    def sent(self, positions: Iterable[int]) -> set[int]:
        """Note that events are on their way; return those that LinkedIn may hold already."""
        positions = set(positions)
        unknown = self.in_flight & positions
        self.in_flight |= positions
        return unknown

    def accept(self, positions: Collection[int]) -> None:
        """Note that LinkedIn acknowledged events."""
        self.in_flight.difference_update(positions)
        self.accepted.update(positions)

    def refuse(self, position: int, reason: Reason) -> None:
        """Note that LinkedIn refused an event."""
        self.in_flight.discard(position)
        self.refused[position] = reason

    def not_stored(self, positions: Iterable[int]) -> None:
        """Note that LinkedIn has not stored events that were on their way."""
        self.in_flight.difference_update(positions)

    def forget_refusals(self) -> None:
        """Take back what LinkedIn refused in this try."""
        self.refused = {position: self.refused[position] for position in self.refused_before}

    @property
    def unsent(self) -> list[int]:
        """Positions still to be sent, without those that are in flight."""
        settled = self.accepted | self.refused.keys() | self.in_flight | self.skipped | self.elsewhere | self.waiting
        return (
            [position for position in range(len(self)) if position not in settled] if settled else [*range(len(self))]
        )

    @property
    def unsettled(self) -> set[int]:
        """Positions without an outcome."""
        settled = self.accepted | self.refused.keys() | self.held | self.skipped | self.waiting
        return set(range(len(self))) - settled if len(settled) < len(self) else set()
