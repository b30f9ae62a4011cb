"""Conversions that lie in the future wait, and change nothing about the batch that they belong to."""

from __future__ import annotations

import time

from airflow_provider_linkedin_capi.delivery import Delivery, DeliverySettings
from airflow_provider_linkedin_capi.events.mapper import RowMapper
from tests.support.deliveries import HttpTransport, LinkedIn, MemorySink, MemoryStore, Rows

MINUTE_MS = 60_000


def deliver(linkedin: LinkedIn, rows: list[tuple[object, ...]], store: MemoryStore, clock_ms: int) -> MemorySink:
    sink = MemorySink()
    delivery = Delivery(
        HttpTransport(linkedin.server.url),
        DeliverySettings(batch_size=10, max_in_flight=1),
        checkpoint=store,
        sinks=[sink],
    )
    delivery.run(
        Rows(rows),
        lambda columns, now_ms: RowMapper(columns, now_ms=now_ms, clock=lambda: clock_ms),
    )
    return sink


def test_a_later_try_sends_what_has_happened_since_and_nothing_twice(linkedin_rule: LinkedIn) -> None:
    now = time.time_ns() // 1_000_000
    rows = linkedin_rule.rows(20)
    waiting = (linkedin_rule.rule, now + 10 * MINUTE_MS, "event-waiting", "waiting@example.com")
    rows[13:13] = [waiting]
    store = MemoryStore()

    first = deliver(linkedin_rule, rows, store, now)
    assert first.rows[13] == ("rejected", "time_in_future")
    assert first.count() == {"accepted": 20, "rejected": 1}

    linkedin_rule.world.clock.advance(20 * 60)
    second = deliver(linkedin_rule, rows, store, now + 20 * MINUTE_MS)
    assert second.count() == {"accepted": 1, "skipped": 20}
    assert set(linkedin_rule.stored().values()) == {1}
    assert "event-waiting" in linkedin_rule.stored()


def test_a_conversion_slightly_ahead_is_sent_once_as_now(linkedin_rule: LinkedIn) -> None:
    now = time.time_ns() // 1_000_000
    rows = [(linkedin_rule.rule, now + MINUTE_MS, "ahead", "a@example.com"), *linkedin_rule.rows(3)]
    store = MemoryStore()
    assert deliver(linkedin_rule, rows, store, now - 1000).count() == {"accepted": 4}
    assert deliver(linkedin_rule, rows, store, now + 2 * MINUTE_MS).count() == {"skipped": 4}
    (sent,) = [event for event in linkedin_rule.world.events if event["eventId"] == "ahead"]
    assert sent["conversionHappenedAt"] < now + MINUTE_MS
