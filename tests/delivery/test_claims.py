"""Events are claimed in a ledger before they are sent; what others claimed is waited for."""

from __future__ import annotations

from collections import Counter
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest

from airflow_provider_linkedin_capi.delivery import Claims, Delivery, DeliverySettings, engine
from airflow_provider_linkedin_capi.exceptions import ConfigurationError, DeliverySupersededError
from tests.support.deliveries import MemoryLedger, MemorySink, MemoryStore, Sink
from tests.support.linkedin_in_memory import Killed, Service, rows, run

if TYPE_CHECKING:
    from collections.abc import Sequence

    from airflow_provider_linkedin_capi.events.model import ConversionEvent


@dataclass
class Shared(Sink):
    """A ledger in which another delivery has claimed some events; how each ends, told after a few questions."""

    others: dict[str, str] = field(default_factory=dict)
    earlier: frozenset[str] = frozenset()
    asked: Counter[str] = field(default_factory=Counter)
    flushed: int = 0

    def claim(self, events: Sequence[ConversionEvent], *, batch: int) -> Future[Claims]:
        answer: dict[str, set[int]] = {"accepted": set(), "elsewhere": set(), "unknown": set(), "earlier": set()}
        for index, event in enumerate(events):
            event_id = event.event_id or ""
            self.asked[event_id] += 1
            if event_id in self.earlier:
                answer["earlier"].add(index)
            if event_id in self.others:
                how = self.others[event_id] if self.asked[event_id] > 2 else "elsewhere"
                if how != "free":
                    answer[how].add(index)
        claims: Future[Claims] = Future()
        claims.set_result(Claims(**{name: frozenset(found) for name, found in answer.items()}))
        return claims

    def flush(self) -> None:
        self.flushed += 1

    def hurry(self, deadline: float) -> None:
        pass


@pytest.fixture(autouse=True)
def _ask_again_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "_FIRST_RECHECK_SECONDS", 0.01)


@pytest.mark.parametrize("mode", ["resend", "hold"])
def test_what_another_delivery_has_claimed_is_settled_as_that_one_ends(mode: str) -> None:
    service, sink = Service(), MemorySink()
    ledger = Shared({"event-1": "accepted", "event-2": "free", "event-6": "unknown"})
    summary = run(service, rows(range(8)), MemoryStore(), sinks=[ledger, sink], on_unknown_outcome=mode)
    assert sink.rows[1] == ("skipped", "ledger")
    assert sink.rows[2] == ("accepted", None)
    assert sink.rows[6][0] == ("accepted" if mode == "resend" else "held")
    assert (summary.skipped, summary.resent_unknown) == (1, 1 if mode == "resend" else 0)
    assert "event-1" not in service.stored
    assert ("event-6" in service.stored) is (mode == "resend")


def test_others_are_sent_while_some_events_are_waited_for() -> None:
    service = Service()
    ledger = Shared({f"event-{number}": "accepted" for number in range(4)})
    assert run(service, rows(range(40)), sinks=[ledger], max_in_flight=1).accepted == 36
    assert set(service.stored.values()) == {1}


def test_events_are_claimed_before_they_are_sent() -> None:
    ledger = Shared()

    class Checking(Service):
        def send(self, call):  # type: ignore[no-untyped-def]
            assert ledger.asked
            return super().send(call)

    run(Checking(), rows(range(12)), sinks=[ledger])
    assert set(ledger.asked.values()) == {1}
    assert ledger.flushed == 1


def test_claims_of_an_earlier_try_are_unknown_only_where_the_rows_moved() -> None:
    store, service = MemoryStore(), Service(script=["ok", "killed"])
    with pytest.raises(Killed):
        run(service, rows(range(12)), store, max_in_flight=1)
    service.process.dead = False
    claimed = frozenset(f"event-{number}" for number in range(4, 12))
    same = MemoryStore(store.state)
    summary = run(Service(), rows(range(12)), same, sinks=[Shared(earlier=claimed)])
    assert (summary.skipped, summary.resent_unknown) == (4, 4)
    moved = MemoryStore(store.state)
    summary = run(Service(), rows([0, 1, 2, 3, *range(5, 12)]), moved, sinks=[Shared(earlier=claimed)])
    assert summary.resent_unknown >= 3


def test_a_superseded_delivery_tells_the_ledger_alone_what_was_sent() -> None:
    """Else the ledger would give free what was sent; the process that took over writes the other sinks."""

    class TakenOver(MemoryStore):
        def save(self, state):  # type: ignore[no-untyped-def]
            super().save(state)
            if service.stored:
                raise DeliverySupersededError("Another process has taken over this task instance")

    @dataclass
    class Recording(Shared):
        accepted: int = 0

        def write(self, batch):  # type: ignore[no-untyped-def]
            self.accepted += batch.accepted

    service, ledger, sink = Service(), Recording(), MemorySink()
    with pytest.raises(DeliverySupersededError):
        run(service, rows(range(12)), TakenOver(), sinks=[ledger, sink])
    assert ledger.accepted == len(service.stored) > 0
    assert not sink.rows


def test_a_second_ledger_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="one ledger"):
        Delivery(Service(), DeliverySettings(), sinks=[MemoryLedger(), MemoryLedger()])


def test_a_dry_run_waits_for_nobody() -> None:
    ledger = Shared({"event-1": "free", "event-2": "accepted"})
    assert run(Service(), rows(range(4)), sinks=[ledger], dry_run=True).accepted == 4
