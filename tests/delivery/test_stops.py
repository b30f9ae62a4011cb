"""What is no single row's fault ends the delivery early, with one clear error and everything acknowledged on record."""

from __future__ import annotations

import datetime as dt
import threading
import time
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_linkedin_capi import exceptions
from airflow_provider_linkedin_capi.delivery import engine
from airflow_provider_linkedin_capi.exceptions import (
    DayLimitReachedError,
    DeliveryInterruptedError,
    DeliveryStoppedError,
)
from tests.support.deliveries import Chunks, HttpTransport, LinkedIn, MemorySink, MemoryStore, Rows, Sink

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow_provider_linkedin_capi.delivery import BatchOutcome


def disable(linkedin: LinkedIn) -> None:
    linkedin.world.rules[linkedin.rule]["enabled"] = False


def of_another_kind(linkedin: LinkedIn) -> None:
    linkedin.world.rules[linkedin.rule]["conversionMethod"] = "INSIGHT_TAG"


def unknown(linkedin: LinkedIn) -> None:
    del linkedin.world.rules[linkedin.rule]


def read_only(linkedin: LinkedIn) -> None:
    linkedin.world.set_role("VIEWER")


def revoked(linkedin: LinkedIn) -> None:
    linkedin.world.revoke_token()


def version_gone(linkedin: LinkedIn) -> None:
    linkedin.world.settings.versions = {"203001"}


@pytest.mark.parametrize("positions", ["indices", "batchIndex", "hidden"])
@pytest.mark.parametrize(
    ("break_it", "words"),
    [
        (disable, "Conversion enabled should be true"),
        (of_another_kind, "method should be CONVERSIONS_API"),
        (unknown, "No ad accounts found"),
        (read_only, "No ad accounts found"),
        (revoked, "revoked"),
        (version_gone, "is not active"),
    ],
)
def test_a_fault_of_all_elements_ends_it_within_few_requests(
    linkedin_rule: LinkedIn, break_it: Callable[[LinkedIn], None], words: str, positions: str
) -> None:
    linkedin_rule.world.settings.error_positions = positions
    store, sink = MemoryStore(), MemorySink()
    rows = linkedin_rule.rows(100)
    linkedin_rule.deliver(rows[:20], checkpoint=store).go()
    before = linkedin_rule.requests()
    break_it(linkedin_rule)
    delivery = linkedin_rule.deliver(rows, checkpoint=store, sinks=[sink], max_in_flight=1)
    with pytest.raises(DeliveryStoppedError, match=words) as stopped:
        delivery.go()
    assert linkedin_rule.requests() - before <= 10
    assert "batch 3" in str(stopped.value)
    summary = stopped.value.summary
    assert (summary.rows_read, summary.skipped, summary.rejected) == (20, 20, 0)
    assert sink.count() == {"skipped": 20}


def test_the_faulty_one_of_two_rules_is_named_and_the_other_ones_rows_are_reported(linkedin_rule: LinkedIn) -> None:
    other = linkedin_rule.world.add_rule(enabled=False)
    rows = [(other if number % 2 else row[0], *row[1:]) for number, row in enumerate(linkedin_rule.rows(10))]
    store, sink = MemoryStore(), MemorySink()
    linkedin_rule.world.settings.error_positions = "hidden"
    with pytest.raises(DeliveryStoppedError) as stopped:
        linkedin_rule.deliver(rows, checkpoint=store, sinks=[sink]).go()
    assert stopped.value.rule == f"urn:lla:llaPartnerConversion:{other}"
    assert f"conversion rule urn:lla:llaPartnerConversion:{other}" in str(stopped.value)
    assert sink.rows == dict.fromkeys(range(0, 10, 2), ("accepted", None))
    assert stopped.value.summary.rows_read == 5
    linkedin_rule.world.rules[other]["enabled"] = True
    summary = linkedin_rule.deliver(rows, checkpoint=store).go()
    assert (summary.skipped, summary.accepted) == (5, 5)
    assert set(linkedin_rule.stored().values()) == {1}


def test_the_day_limit_ends_the_try_without_burning_requests_and_says_until_when(linkedin_rule: LinkedIn) -> None:
    linkedin_rule.world.faults.add("throttle", window="DAY", after=3)
    store, rows = MemoryStore(), linkedin_rule.rows(100)
    with pytest.raises(DayLimitReachedError, match="DAY limit") as reached:
        linkedin_rule.deliver(rows, checkpoint=store, max_in_flight=2).go()
    assert linkedin_rule.requests() <= 5
    assert reached.value.resets_at.time() == dt.time()
    assert reached.value.resets_at.tzinfo is dt.UTC
    assert reached.value.summary.accepted == 30
    linkedin_rule.world.faults.clear()
    assert linkedin_rule.deliver(rows, checkpoint=store).go().accepted == 70


def test_one_refreshed_token_serves_all_threads(linkedin_rule: LinkedIn) -> None:
    class Refreshing(HttpTransport):
        def refresh(self, error: exceptions.CredentialsError) -> None:
            self.refreshed += 1
            self.token = "sandbox-token"

    transport = Refreshing(linkedin_rule.server.url)
    transport.token = "stale"
    summary = linkedin_rule.deliver(linkedin_rule.rows(40), transport=transport, max_in_flight=4).go()
    assert summary.accepted == 40
    assert summary.retries == transport.refreshed <= 4


def test_a_body_that_is_too_large_for_linkedin_is_split(linkedin_rule: LinkedIn) -> None:
    linkedin_rule.world.settings.max_body_bytes = 1000
    summary = linkedin_rule.deliver(linkedin_rule.rows(40), batch_size=20).go()
    assert summary.accepted == 40
    assert set(linkedin_rule.stored().values()) == {1}


def test_an_exception_of_the_source_ends_it_after_what_was_sent_is_recorded(linkedin_rule: LinkedIn) -> None:
    store, rows = MemoryStore(), linkedin_rule.rows(50)
    delivery = linkedin_rule.deliver(rows, checkpoint=store)

    def broken(chunks: Any) -> Any:
        yield from chunks
        time.sleep(0.2)
        raise RuntimeError("the cursor is gone")

    chunks = list(Rows(rows[:30]).chunks(10))
    with pytest.raises(RuntimeError, match="the cursor is gone"):
        delivery.run(Chunks(broken(chunks)), linkedin_rule.mapper)
    assert delivery.summary.accepted == 30
    summary = linkedin_rule.deliver(rows, checkpoint=store).go()
    assert (summary.skipped, summary.accepted) == (30, 20)


def test_an_exception_of_a_sink_ends_it_and_other_sinks_hear_of_what_was_sent(linkedin_rule: LinkedIn) -> None:
    class Full(Sink):
        def write(self, batch: BatchOutcome) -> None:
            raise OSError("no space left")

    good = MemorySink()
    delivery = linkedin_rule.deliver(linkedin_rule.rows(50), sinks=[good, Full()])
    with pytest.raises(OSError, match="no space left"):
        delivery.go()
    assert len(good.rows) == len(linkedin_rule.stored()) == delivery.summary.accepted


def test_stopping_from_another_thread_ends_it_at_once_with_everything_answered_on_record(
    linkedin_rule: LinkedIn,
) -> None:
    linkedin_rule.world.settings.latency_seconds = 0.2
    store, rows = MemoryStore(), linkedin_rule.rows(200)
    delivery = linkedin_rule.deliver(rows, checkpoint=store, max_in_flight=2)
    threading.Timer(0.8, delivery.stop).start()
    with pytest.raises(DeliveryInterruptedError):
        delivery.go()
    delivered = delivery.summary.accepted
    assert 0 < delivered == len(linkedin_rule.stored()) < 200
    linkedin_rule.world.settings.latency_seconds = 0
    summary = linkedin_rule.deliver(rows, checkpoint=store).go()
    assert (summary.skipped, summary.accepted, summary.resent_unknown) == (delivered, 200 - delivered, 0)


def test_answers_within_three_seconds_of_a_stop_are_recorded_each_at_once(linkedin_rule: LinkedIn) -> None:
    linkedin_rule.world.faults.add("delay", seconds=30, times=1)
    linkedin_rule.world.faults.add("delay", seconds=0.6)
    store, rows = MemoryStore(), linkedin_rule.rows(400)
    delivery = linkedin_rule.deliver(rows, checkpoint=store, max_in_flight=8)
    threading.Timer(1.0, delivery.stop).start()
    started = time.monotonic()
    with pytest.raises(DeliveryInterruptedError):
        delivery.go()
    assert time.monotonic() - started < 1.0 + 3.0 + 0.9
    answered = len(linkedin_rule.stored())
    assert delivery.summary.accepted == (store.state or {})["accepted"] == answered > 0
    linkedin_rule.world.faults.clear()
    summary = linkedin_rule.deliver(rows, checkpoint=store).go()
    assert (summary.skipped, summary.resent_unknown) == (answered, 10)


def test_a_sink_that_fails_once_is_asked_again(linkedin_rule: LinkedIn) -> None:
    class FailsOnce(MemorySink):
        failed = False

        def write(self, batch: BatchOutcome) -> None:
            if batch.number == 2 and not self.failed:
                self.failed = True
                raise OSError("connection lost")
            super().write(batch)

    sink, other = FailsOnce(), MemorySink()
    delivery = linkedin_rule.deliver(linkedin_rule.rows(50), sinks=[other, sink])
    with pytest.raises(OSError, match="connection lost"):
        delivery.go()
    assert sink.rows == other.rows
    assert sink.count()["accepted"] == delivery.summary.accepted == len(linkedin_rule.stored())


def test_every_sink_is_closed_and_told_whether_the_delivery_is_complete(linkedin_rule: LinkedIn) -> None:
    class Closing(Sink):
        def __init__(self, fails: bool = False) -> None:
            self.completed: list[bool] = []
            self.fails = fails

        def close(self, completed: bool) -> None:
            self.completed.append(completed)
            if self.fails:
                raise OSError("cannot close")

    sinks = [Closing(fails=True), Closing()]
    with pytest.raises(OSError, match="cannot close"):
        linkedin_rule.deliver(linkedin_rule.rows(10), sinks=sinks).go()
    assert [sink.completed for sink in sinks] == [[True], [True]]
    linkedin_rule.world.revoke_token()
    sinks = [Closing(), Closing()]
    with pytest.raises(DeliveryStoppedError):
        linkedin_rule.deliver(linkedin_rule.rows(10), sinks=sinks).go()
    assert [sink.completed for sink in sinks] == [[False], [False]]


def test_a_limit_of_size_is_learned_and_remembered(linkedin_rule: LinkedIn) -> None:
    linkedin_rule.world.settings.max_body_bytes = 3000
    store, rows = MemoryStore(), linkedin_rule.rows(200)
    first = linkedin_rule.deliver(rows[:100], batch_size=20, checkpoint=store, max_in_flight=1).go()
    assert first.accepted == 100
    refused = [request for request in linkedin_rule.world.requests if request.status == 413]
    assert 1 <= len(refused) <= 2
    summary = linkedin_rule.deliver(rows, batch_size=20, checkpoint=store).go()
    assert (summary.skipped, summary.accepted) == (100, 100)
    assert len([request for request in linkedin_rule.world.requests if request.status == 413]) == len(refused)


def test_a_proxy_that_resets_large_requests_is_met_with_smaller_ones(linkedin_rule: LinkedIn) -> None:
    class Resetting(HttpTransport):
        def send(self, call: Any) -> Any:
            if len(call.body) > 100_000:
                raise exceptions.OutcomeUnknownError("the connection was reset")
            return super().send(call)

    transport = Resetting(linkedin_rule.server.url)
    rows = linkedin_rule.rows(1200)
    summary = linkedin_rule.deliver(rows, batch_size=600, transport=transport, max_in_flight=1).go()
    assert summary.accepted == 1200
    assert set(linkedin_rule.stored().values()) == {1}
    assert summary.retries <= 5


def test_ctrl_c_waits_for_answers_on_their_way_but_not_for_ever(
    linkedin_rule: LinkedIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine, "_GRACE_SECONDS", 0.1)
    linkedin_rule.world.faults.add("delay", seconds=2, after=1)
    store, rows = MemoryStore(), linkedin_rule.rows(20)
    delivery = linkedin_rule.deliver(rows, checkpoint=store)

    def interrupted(chunks: Any) -> Any:
        yield from chunks
        time.sleep(0.3)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        delivery.run(Chunks(interrupted(list(Rows(rows).chunks(10)))), linkedin_rule.mapper)
    linkedin_rule.world.faults.clear()
    summary = linkedin_rule.deliver(rows, checkpoint=store).go()
    assert (summary.skipped, summary.resent_unknown) == (10, 10)
