"""Whatever ends a try, wherever: the next one sends everything that was not acknowledged and nothing that was."""

from __future__ import annotations

import base64
import datetime as dt
import json
import random
import re
import time
import zlib
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from airflow_provider_linkedin_capi.api.call import Reply
from airflow_provider_linkedin_capi.delivery import Delivery, DeliverySettings
from airflow_provider_linkedin_capi.delivery.checkpoint import Checkpoint
from airflow_provider_linkedin_capi.delivery.elements import Elements
from airflow_provider_linkedin_capi.events.mapper import RowMapper
from airflow_provider_linkedin_capi.events.model import ConversionEvent, MappedRows, User, encode_batch
from airflow_provider_linkedin_capi.exceptions import DeliveryStoppedError
from tests.support.deliveries import MemoryLedger, MemorySink, MemoryStore, Rows
from tests.support.linkedin_in_memory import HAPPENED, NOW, RULE, Killed, Process, Service, rows, run

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from airflow_provider_linkedin_capi.api.call import Call


@dataclass
class DyingStore(MemoryStore):
    """Dies at a save, before or after it took effect."""

    process: Process = field(default_factory=Process)
    dies_at: int | None = None
    after: bool = False

    def save(self, state: dict[str, Any]) -> None:
        self.process.check()
        state = json.loads(json.dumps(state))
        if self.saves == self.dies_at:
            time.sleep(0.002)  # what was handed to the threads too early gets out
            if self.after:
                super().save(state)
            self.process.kill()
        super().save(state)


def codes(entry: str) -> bytes:
    """What the record says of each row of a batch."""
    return zlib.decompress(base64.b64decode(entry.rpartition(":")[2]), wbits=-15)


def recorded(content: Sequence[tuple[Any, ...]], store: MemoryStore) -> Callable[[], set[str]]:
    """Look up which events the record has as acknowledged."""
    sink = MemorySink()
    run(Service(), content, sinks=[sink])
    events = {batch.digest: [event.event_id or "" for event in batch.events] for batch in sink.batches}

    def look_up() -> set[str]:
        state = store.state or {"acknowledged": "", "batches": {}}
        found = {event_id for digest in state["acknowledged"].split() for event_id in events[digest]}
        for digest, entry in state["batches"].items():
            found.update(event for event, code in zip(events[digest], codes(entry), strict=True) if code == 1)
        return found

    return look_up


EVENTS = ["ok", "lost", "reset", "busy", "error", "refused", "denied", "kill", "killed"]


TRIES = st.lists(
    st.tuples(st.lists(st.sampled_from(EVENTS), max_size=8), st.none() | st.integers(0, 8), st.booleans()),
    min_size=1,
    max_size=4,
)


@settings(max_examples=150, deadline=None)
@given(
    count=st.integers(1, 24),
    bad_numbers=st.sets(st.integers(0, 23), max_size=4),
    named=st.booleans(),
    mode=st.sampled_from(["resend", "hold"]),
    threads=st.sampled_from([1, 3]),
    tries=TRIES,
)
def test_tries_that_die_anywhere_lose_nothing_and_repeat_nothing_acknowledged(
    count: int, bad_numbers: set[int], named: bool, mode: str, threads: int, tries: list[Any]
) -> None:
    content = rows(range(count))
    # One good element at least in each batch: if all are refused alike, it is the rule's fault.
    bad = {f"event-{number}" for number in bad_numbers if number < count and number % 4}
    process = Process()
    service = Service(process, frozenset(bad), named=named)
    store = DyingStore(process=process)
    service.record = recorded(content, store)
    for script, dies_in, store.after in tries:
        service.script, process.dead = list(script), False
        store.dies_at = None if dies_in is None else store.saves + dies_in
        with suppress(Killed, DeliveryStoppedError):
            run(service, content, store, on_unknown_outcome=mode, max_in_flight=threads)
        assert service.sent_again == []
    service.script, store.dies_at, process.dead = [], None, False
    sink = MemorySink()
    summary = run(service, content, store, on_unknown_outcome=mode, sinks=[sink])
    assert service.sent_again == []
    assert sorted(sink.rows) == list(range(count))
    rejected = {f"event-{position}" for position, (outcome, _) in sink.rows.items() if outcome == "rejected"}
    held = {f"event-{position}" for position, (outcome, _) in sink.rows.items() if outcome == "held"}
    assert rejected <= bad
    assert bad - rejected <= held
    everybody = {f"event-{number}" for number in range(count)}
    if mode == "resend":
        assert set(service.stored) == everybody - bad
        assert not held
    else:
        assert set(service.stored) | held | bad == everybody
        assert max(service.stored.values(), default=1) == 1
    duplicates = sum(service.stored.values()) - len(service.stored)
    assert duplicates <= summary.resent_unknown


@pytest.mark.parametrize("mode", ["resend", "hold"])
def test_a_batch_in_flight_when_the_process_died_is_of_unknown_outcome(mode: str) -> None:
    store, service = MemoryStore(), Service(script=["ok", "killed"])
    content = rows(range(12))
    with pytest.raises(Killed):
        run(service, content, store, max_in_flight=1, on_unknown_outcome=mode)
    service.process.dead = False
    sink = MemorySink()
    summary = run(service, content, store, on_unknown_outcome=mode, sinks=[sink])
    assert summary.skipped == 4
    if mode == "resend":
        assert (summary.accepted, summary.resent_unknown) == (8, 4)
        assert service.stored["event-5"] == 2
    else:
        assert (summary.accepted, summary.held) == (4, 4)
        assert sink.rows[5] == ("held", "UNKNOWN_OUTCOME")
        assert service.stored["event-5"] == 1


def test_a_batch_is_on_record_as_in_flight_before_it_is_sent() -> None:
    class SlowStore(MemoryStore):
        def save(self, state: dict[str, Any]) -> None:
            time.sleep(0.05)  # what was handed to the threads too early gets out
            super().save(state)

    store = SlowStore()
    seen: list[Any] = []

    class Watching(Service):
        def send(self, call: Call[Any]) -> Reply:
            seen.append(json.loads(json.dumps(store.state)))
            return super().send(call)

    run(Watching(), rows(range(4)), store)
    assert [list(map(codes, state["batches"].values())) for state in seen] == [[bytes([2, 2, 2, 2])]]


def test_what_was_never_sent_because_the_store_failed_is_not_of_unknown_outcome() -> None:
    class Failing(MemoryStore):
        def save(self, state: dict[str, Any]) -> None:
            super().save(state)
            if self.saves == 1:
                raise OSError("no space left")

    store, service = Failing(), Service()
    with pytest.raises(OSError, match="no space left"):
        run(service, rows(range(8)), store, on_unknown_outcome="hold")
    assert not service.stored
    assert run(service, rows(range(8)), store, on_unknown_outcome="hold").accepted == 8


def test_what_was_to_be_sent_again_and_was_not_is_not_counted() -> None:
    class Failing(MemoryStore):
        fails_at = -1

        def save(self, state: dict[str, Any]) -> None:
            super().save(state)
            if self.saves == self.fails_at:
                raise OSError("no space left")

    store, service = Failing(), Service(script=["killed"])
    with pytest.raises(Killed):
        run(service, rows(range(4)), store)
    service.process.dead = False
    store.fails_at = store.saves + 1
    with pytest.raises(OSError, match="no space left"):
        run(service, rows(range(4)), store)
    assert run(service, rows(range(4)), store).resent_unknown == 4


def test_a_row_refused_before_is_rejected_although_the_ledger_holds_one_of_the_same_id() -> None:
    store, service = MemoryStore(), Service(bad=frozenset({"event-5"}), script=["ok", "ok", "ok", "ok", "kill"])
    with pytest.raises(Killed):
        run(service, rows(range(12)), store, max_in_flight=1)
    service.process.dead = False
    summary = run(service, rows(range(12)), store, sinks=[MemoryLedger([f"event-{number}" for number in range(12)])])
    assert (summary.rejected, summary.skipped) == (1, 11)


def test_a_definite_refusal_after_a_lost_answer_leaves_the_outcome_unknown() -> None:
    store, service = MemoryStore(), Service(script=["lost", "denied"])
    with pytest.raises(DeliveryStoppedError):
        run(service, rows(range(4)), store)
    assert run(service, rows(range(4)), store, on_unknown_outcome="hold").held == 4


def test_held_rows_stay_held_on_every_later_try() -> None:
    store, service = MemoryStore(), Service(script=["lost"])
    content = rows(range(8))
    for _ in range(3):
        summary = run(service, content, store, max_in_flight=1, on_unknown_outcome="hold")
        assert summary.held == 4
    assert max(service.stored.values()) == 1


def test_refusals_by_linkedin_are_reported_again_without_asking_again() -> None:
    store, service = MemoryStore(), Service(bad=frozenset({"event-1", "event-6"}))
    content = rows(range(8))
    first, second = MemorySink(), MemorySink()
    run(service, content, store, sinks=[first])
    summary = run(service, content, store, sinks=[second])
    assert (summary.rejected, summary.skipped, summary.requests) == (2, 6, 0)
    assert first.rows[1] == second.rows[1] == ("rejected", "LINKEDIN_400")


def test_a_changed_row_sends_its_batch_and_no_other() -> None:
    store, service = MemoryStore(), Service()
    content = rows(range(12))
    run(service, content, store)
    content[5] = (RULE, HAPPENED, "event-new", "person@example.com")
    summary = run(service, content, store)
    assert (summary.accepted, summary.skipped) == (4, 8)
    assert service.stored["event-new"] == 1


def test_a_corrected_row_is_sent_and_no_other_row_of_its_batch() -> None:
    """What the checks refused, what LinkedIn refused, and rows behind the last one."""
    store, service = MemoryStore(), Service(bad=frozenset({"event-6"}))
    content = rows(range(10))
    good = content[1]
    content[1] = (*good[:3], "nobody")
    assert run(service, content, store).rejected == 2
    content[1] = good
    content[6] = (RULE, HAPPENED, "event-6-corrected", "person6@example.com")
    summary = run(service, content + rows([10]), store)
    assert (summary.accepted, summary.skipped, summary.rejected) == (3, 8, 0)
    assert set(service.stored) == {f"event-{number}" for number in (0, 1, 2, 3, 4, 5, 7, 8, 9, 10)} | {
        "event-6-corrected"
    }
    assert set(service.stored.values()) == {1}
    assert run(service, content + rows([10]), store).skipped == 11


def test_a_refusal_is_asked_again_when_another_row_of_its_batch_was_corrected() -> None:
    store, service = MemoryStore(), Service(bad=frozenset({"event-1"}))
    content = rows(range(8))
    good = content[2]
    content[2] = (*good[:3], "nobody")
    assert run(service, content, store).rejected == 2
    content[2] = good
    service.bad = frozenset()
    assert run(service, content, store).accepted == 2
    assert set(service.stored.values()) == {1}


class Inactive(Service):
    """LinkedIn, refusing everything with a message that is not known."""

    active = False

    def send(self, call: Call[Any]) -> Reply:
        if self.active:
            return super().send(call)
        count = len(json.loads(call.body or b"")["elements"])
        where = f"indices {list(range(count))} (0-indexed)"
        body = {"message": f"The conversion is not active, {where}", "status": 400}
        return Reply(400, {"x-li-uuid": "AAY="}, json.dumps(body).encode())


@pytest.mark.parametrize("count", [3, 40, 400])
def test_refusals_for_a_reason_that_was_repaired_are_not_kept(count: int) -> None:
    store, service = MemoryStore(), Inactive()
    with suppress(DeliveryStoppedError):
        run(service, rows(range(count)), store, batch_size=20)
    service.active = True
    summary = run(service, rows(range(count)), store, batch_size=20)
    assert (summary.accepted, summary.rejected) == (count, 0)


def test_a_rule_at_fault_stops_the_delivery_after_100_refusals() -> None:
    with pytest.raises(DeliveryStoppedError, match="not active") as stopped:
        run(Inactive(), rows(range(2000)), MemoryStore(), batch_size=20)
    assert stopped.value.rule == RULE
    assert stopped.value.summary.requests < 200


def test_refusals_are_kept_once_the_rule_has_proved_right() -> None:
    store, service = MemoryStore(), Service(bad=frozenset({"event-0", "event-1", "event-2", "event-3"}))
    run(service, rows(range(8)), store, max_in_flight=1)
    summary = run(service, rows(range(8)), store)
    assert (summary.rejected, summary.skipped, summary.requests) == (4, 4, 0)


def test_the_record_of_100_000_rows_stays_small_with_a_tenth_refused() -> None:
    chance = random.Random(5)
    bad = frozenset(f"event-{number}" for number in chance.sample(range(100_000), 10_000))
    store = MemoryStore()
    assert run(Service(bad=bad), rows(range(100_000)), store, batch_size=5000).rejected == 10_000
    assert len(json.dumps(store.state)) < 20_000
    summary = run(Service(bad=bad), rows(range(100_000)), store, batch_size=5000)
    assert (summary.rejected, summary.skipped, summary.requests) == (10_000, 90_000, 0)


def test_many_reasons_do_not_make_the_record_large() -> None:
    class Wordy(Service):
        def send(self, call: Call[Any]) -> Reply:
            ids = [event["eventId"] for event in json.loads(call.body or b"")["elements"]]
            refused = [index for index, event_id in enumerate(ids) if event_id in self.bad]
            if not refused:
                return super().send(call)
            lines = (f"Index: {index}, ERROR :: /user/lead :: {ids[index]} {'x' * 150}\n" for index in refused)
            return Reply(422, {"x-li-uuid": "AAY="}, json.dumps({"message": "".join(lines), "status": 422}).encode())

    store = MemoryStore()
    service = Wordy(bad=frozenset(f"event-{number}" for number in range(0, 5000, 10)))
    assert run(service, rows(range(5000)), store, batch_size=1000).rejected == 500
    assert len(json.dumps(store.state)) < 20_000
    assert run(service, rows(range(5000)), store, batch_size=1000).rejected == 500


def test_a_large_record_is_kept_below_64_kb() -> None:
    checkpoint, sizes = Checkpoint(None, lambda: NOW), []
    for number in range(1, 4001):
        events = [ConversionEvent(conversion=RULE, conversion_happened_at=number, user=User(user_ids=()))]
        mapped = MappedRows(events, [1], [], [])
        elements = Elements([RULE], accepted={0})
        checkpoint.note(checkpoint.digest(encode_batch(events)), number, elements, mapped, rows=2)
        if number % 500 == 0:
            checkpoint.shrink()
            sizes.append(len(json.dumps(checkpoint.as_dict())))
    assert max(sizes) < 64_000


def test_rows_in_another_order_are_sent_and_not_taken_for_delivered() -> None:
    store, service = MemoryStore(), Service()
    run(service, rows(range(12)), store)
    assert run(service, rows(list(reversed(range(12)))), store).accepted == 12


def test_batches_of_equal_contents_are_each_sent_once() -> None:
    store, service = MemoryStore(), Service()
    content = rows([1, 2, 3, 4] * 3)
    assert run(service, content, store, max_in_flight=1).accepted == 12
    assert service.stored["event-1"] == 3
    assert run(service, content, store).skipped == 12


def test_the_age_of_events_is_judged_by_the_first_trys_clock() -> None:
    store, clocks = MemoryStore(), []

    class Recording(RowMapper):
        def __init__(self, columns: Sequence[str], now_ms: int) -> None:
            clocks.append(now_ms)
            super().__init__(columns, now_ms=now_ms)

    for later in (dt.timedelta(microseconds=123_987), dt.timedelta(days=3)):
        delivery = Delivery(Service(), DeliverySettings(), checkpoint=store, utcnow=lambda later=later: NOW + later)
        delivery.run(Rows(rows([1])), Recording)
    assert clocks == [int(NOW.timestamp() * 1000) + 123] * 2


def test_the_record_holds_no_personal_data_and_no_more_than_64_kb_for_35_million_rows() -> None:
    store, service = MemoryStore(), Service(bad=frozenset({"event-1"}), script=["ok"])
    run(service, rows(range(8)), store)
    text = json.dumps(store.state)
    assert "person" not in text
    assert not re.search("[0-9a-f]{32}", text)
    assert store.state is not None
    digests = store.state["acknowledged"].split()
    assert len(digests) == 1
    assert 7_000 * (len(digests[0]) + 1) < 64_000


def test_what_linkedin_repeats_of_the_data_is_neither_in_the_record_nor_in_the_log(
    caplog: pytest.LogCaptureFixture,
) -> None:
    class Quoting(Service):
        def send(self, call: Call[Any]) -> Reply:
            assert call.body is not None
            if b"event-1" not in call.body:
                return super().send(call)
            problem = 'Index: 1, ERROR :: /user/userInfo/title :: "Mary Smith" is not mary@example.com\n'
            return Reply(422, {"x-li-uuid": "AAY="}, json.dumps({"message": problem, "status": 422}).encode())

    store, sink = MemoryStore(), MemorySink()
    run(Quoting(), rows(range(4)), store, sinks=[sink])
    (refused,) = sink.batches[0].outcomes("rejected")
    assert refused.reason is not None
    assert refused.reason.message == "ERROR :: /user/userInfo/title :: ... is not ..."
    assert "mary" not in (json.dumps(store.state) + caplog.text).lower()


def test_requests_of_an_earlier_try_count_for_the_day() -> None:
    store, service = MemoryStore(), Service()
    with pytest.raises(DeliveryStoppedError):
        run(service, rows(range(20)), store, requests_per_day=3, max_in_flight=1)
    with pytest.raises(DeliveryStoppedError):
        run(service, rows(range(20)), store, requests_per_day=3)
    assert len(service.stored) == 12


def test_a_batch_that_rows_no_longer_give_is_named_when_its_outcome_is_unknown(
    caplog: pytest.LogCaptureFixture,
) -> None:
    store, service = MemoryStore(), Service(script=["killed"])
    with pytest.raises(Killed):
        run(service, rows(range(4)), store)
    service.process.dead = False
    run(service, rows(range(10, 14)), store)
    assert "does not occur in this try" in caplog.text
