"""Rows arrive at LinkedIn, every one accounted for."""

from __future__ import annotations

import gc
import json
import logging
import time
from typing import TYPE_CHECKING

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from airflow_provider_linkedin_capi.delivery import Chunk, Delivery, DeliverySettings
from airflow_provider_linkedin_capi.delivery.progress import Progress, masked
from airflow_provider_linkedin_capi.events.mapper import RowMapper
from airflow_provider_linkedin_capi.events.model import ConversionEvent, User, UserId, UserInfo
from airflow_provider_linkedin_capi.exceptions import ConfigurationError
from tests.support.deliveries import COLUMNS, Chunks, LinkedIn, MemoryLedger, MemorySink, MemoryStore, Rows, Sink
from tests.support.linkedin_in_memory import NOW, Service, rows, run

if TYPE_CHECKING:
    from collections.abc import Iterator

    from airflow_provider_linkedin_capi.delivery import BatchOutcome


def test_every_row_is_stored_once_and_reported_as_accepted(linkedin_rule: LinkedIn) -> None:
    sink = MemorySink()
    summary = linkedin_rule.deliver(linkedin_rule.rows(95), sinks=[sink]).go()
    assert summary.rows_read == summary.accepted == summary.events_sent == 95
    assert summary.batches == summary.requests == 10
    assert set(linkedin_rule.stored().values()) == {1}
    assert len(linkedin_rule.stored()) == 95
    assert sink.count() == {"accepted": 95}


def test_rows_that_the_checks_refuse_shorten_their_batch_and_shift_nothing(linkedin_rule: LinkedIn) -> None:
    rows = linkedin_rule.rows(30)
    rows[12] = (*rows[12][:3], "not an address")
    sink = MemorySink()
    summary = linkedin_rule.deliver(rows, sinks=[sink]).go()
    assert (summary.accepted, summary.rejected, summary.rows_read) == (29, 1, 30)
    assert sorted(len(batch.events) for batch in sink.batches) == [9, 10, 10]
    assert sink.rows[12][0] == "rejected"
    assert summary.reasons == {sink.rows[12][1]: 1}


def test_the_outcome_of_a_row_has_its_event_its_reason_and_its_place(linkedin_rule: LinkedIn) -> None:
    rows = linkedin_rule.rows(20)
    rows[13] = linkedin_rule.rows(1, 13, days_ago=91)[0]
    sink = MemorySink()
    linkedin_rule.deliver(rows, sinks=[sink]).go()
    batch = next(batch for batch in sink.batches if batch.number == 2)
    (refused,) = batch.outcomes("rejected")
    assert (refused.position, refused.row) == (13, rows[13])
    assert refused.reason is not None
    assert "within 90 days" in refused.reason.message
    assert refused.event is not None
    assert refused.event.event_id == "event-13"
    assert [row.position for row in batch.outcomes("accepted")] == [10, 11, 12, *range(14, 20)]
    assert batch.sent_at is not None


@pytest.mark.parametrize("positions_in", ["indices", "batchIndex", "hidden"])
def test_elements_that_linkedin_refuses_are_taken_out_and_the_rest_is_stored(
    linkedin_rule: LinkedIn, positions_in: str
) -> None:
    linkedin_rule.world.settings.error_positions = positions_in
    rows = linkedin_rule.rows(40)
    for index in (3, 17, 18):
        rows[index] = linkedin_rule.rows(1, index, days_ago=91)[0]
    sink = MemorySink()
    summary = linkedin_rule.deliver(rows, sinks=[sink]).go()
    assert (summary.accepted, summary.rejected) == (37, 3)
    assert {position for position, (outcome, _) in sink.rows.items() if outcome == "rejected"} == {3, 17, 18}
    assert len(linkedin_rule.stored()) == sum(linkedin_rule.stored().values()) == 37


def test_events_that_the_ledger_holds_are_left_out(linkedin_rule: LinkedIn) -> None:
    ledger = MemoryLedger(["event-4", "event-5", *(f"event-{number}" for number in range(10, 20))])
    sink, store = MemorySink(), MemoryStore()
    summary = linkedin_rule.deliver(linkedin_rule.rows(30), sinks=[sink, ledger], checkpoint=store).go()
    assert (summary.accepted, summary.skipped, summary.requests) == (18, 12, 2)
    assert sink.rows[4] == ("skipped", "ledger")
    assert "event-4" not in linkedin_rule.stored()


def test_a_ledger_that_learned_only_half_of_a_batch_changes_nothing_for_the_checkpoint(linkedin_rule: LinkedIn) -> None:
    """A kill between checkpoint and ledger: what is in neither place alone is in one of the two."""
    store, ledger, rows = MemoryStore(), MemoryLedger(), linkedin_rule.rows(10)
    linkedin_rule.deliver(rows, checkpoint=store, sinks=[ledger]).go()
    ledger.known = {"event-1", "event-2"}
    assert linkedin_rule.deliver(rows, checkpoint=store, sinks=[ledger]).go().skipped == 10
    assert set(linkedin_rule.stored().values()) == {1}


def test_a_dry_run_does_everything_but_the_sending(linkedin_rule: LinkedIn, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    rows = linkedin_rule.rows(30)
    rows[12] = (*rows[12][:3], "not an address")
    store, sink = MemoryStore(), MemorySink()
    summary = linkedin_rule.deliver(rows, sinks=[sink], checkpoint=store, dry_run=True).go()
    assert (summary.rows_read, summary.accepted, summary.rejected) == (30, 29, 1)
    assert (summary.requests, summary.events_sent, store.saves) == (0, 0, 0)
    assert linkedin_rule.requests() == 0
    assert sink.rows[12][0] == "rejected"
    assert "The first event" in caplog.text
    assert "SHA256_EMAIL" in caplog.text
    assert "event-0" not in caplog.text


def test_the_first_event_shows_its_form_and_nothing_of_the_person() -> None:
    event = ConversionEvent(
        conversion="urn:lla:llaPartnerConversion:1",
        conversion_happened_at=1_790_000_000_000,
        user=User(
            user_ids=(UserId("SHA256_EMAIL", "ab12" * 16),),
            user_info=UserInfo(first_name="Mary", last_name="O'Brien", company_name="Example Inc"),
            external_ids=("crm-1",),
            lead="urn:li:leadGenFormResponse:4ab9",
        ),
        event_id="order-1",
    )
    shown = msgspec.json.decode(masked(event))
    assert shown["conversion"] == event.conversion
    assert shown["conversionHappenedAt"] == event.conversion_happened_at
    assert shown["user"]["userIds"] == [{"idType": "SHA256_EMAIL", "idValue": "x" * 64}]
    assert shown["user"]["userInfo"]["lastName"] == "x'xxxxx"
    assert shown["user"]["externalIds"] == ["xxx-x"]
    assert not {"Mary", "Brien", "Example", "crm", "order", "ab12"} & set(json.dumps(shown).split('"'))


def test_first_and_last_conversion_are_in_the_summary(linkedin_rule: LinkedIn) -> None:
    rows = [linkedin_rule.rows(1, number, days_ago=20 + number)[0] for number in range(25)]
    summary = linkedin_rule.deliver(rows).go()
    assert summary.first_happened_at is not None
    assert summary.last_happened_at is not None
    assert summary.first_happened_at < summary.last_happened_at
    assert summary.as_dict()["seconds"] > 0


def test_the_log_tells_how_far_it_is_and_how_long_it_will_take(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    now = 0.0
    progress = Progress(logging.getLogger("test"), 10_000, clock=lambda: now)
    summary = run(Service(), rows(range(4)))
    summary.rows_read = summary.accepted = 2_500
    now = 5.0
    progress.tell(summary)
    assert not caplog.records
    now = 50.0
    progress.tell(summary)
    progress.tell(summary)
    (line,) = caplog.messages
    assert line == (
        "2,500 rows done: 2,500 accepted, 0 rejected, 0 held, 0 skipped; 50 rows/s, "
        "about 2 min 30 s left of 10,000 rows"
    )


@pytest.mark.parametrize(
    "wrong",
    [
        {"max_in_flight": 0},
        {"requests_per_minute": -1},
        {"requests_per_day": 1.5},
        {"on_unknown_outcome": "ignore"},
        {"max_request_bytes": 0},
    ],
)
def test_settings_that_cannot_work_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        DeliverySettings(**wrong)  # type: ignore[arg-type]


@settings(max_examples=60, deadline=None)
@given(count=st.integers(1, 60), batch_size=st.integers(1, 20), limit=st.integers(200, 4_000))
def test_requests_are_never_too_large_and_always_cut_alike(count: int, batch_size: int, limit: int) -> None:
    sizes: list[list[int]] = []

    class Measuring(Service):
        def send(self, call):  # type: ignore[no-untyped-def]
            sizes[-1].append(len(call.body))
            assert len(call.body) <= limit or len(json.loads(call.body)["elements"]) == 1
            return super().send(call)

    for _ in range(2):
        sizes.append([])
        service = Measuring()
        summary = run(service, rows(range(count)), batch_size=batch_size, max_request_bytes=limit, max_in_flight=1)
        assert summary.accepted == count
        assert set(service.stored.values()) == {1}
    assert sizes[0] == sizes[1]


def test_the_summary_and_the_batches_agree_at_every_moment(linkedin_rule: LinkedIn) -> None:
    rows = linkedin_rule.rows(60)
    rows[5] = (*rows[5][:3], "nobody")
    rows[25] = linkedin_rule.rows(1, 25, days_ago=91)[0]

    class Checking(Sink):
        def write(self, batch: BatchOutcome) -> None:
            summary = delivery.summary
            assert summary.rows_read == summary.accepted + summary.rejected + summary.held + summary.skipped
            assert batch.accepted == len(list(batch.outcomes("accepted")))

    delivery = linkedin_rule.deliver(rows, sinks=[Checking()])
    assert delivery.go().rejected == 2


def test_chunks_of_any_size_become_full_batches() -> None:
    service, sink = Service(), MemorySink()
    portions = [Chunk(COLUMNS, rows(range(first, last))) for first, last in ((0, 1), (1, 9), (9, 9), (9, 30))]
    delivery = Delivery(service, DeliverySettings(batch_size=4), sinks=[sink], utcnow=lambda: NOW)
    assert delivery.run(Chunks(portions), lambda columns, now_ms: RowMapper(columns, now_ms=now_ms)).accepted == 30
    assert sorted(len(batch.rows) for batch in sink.batches) == [2, *[4] * 7]


def test_a_batch_larger_than_linkedin_takes_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="batch_size must be at most 5000, not 5001"):
        DeliverySettings(batch_size=5_001)


def test_the_garbage_collector_is_left_as_it_was() -> None:
    before = gc.get_threshold()
    run(Service(), rows(range(4)))
    assert gc.get_threshold() == before


def test_answers_are_recorded_while_the_source_is_slow(linkedin_rule: LinkedIn) -> None:
    store, rows = MemoryStore(), linkedin_rule.rows(40)
    recorded = []

    def slow() -> Iterator[Chunk]:
        for chunk in Rows(rows).chunks(10):
            time.sleep(0.15)
            recorded.append((store.state or {}).get("accepted", 0))
            yield chunk

    linkedin_rule.deliver(rows, checkpoint=store).run(Chunks(slow()), linkedin_rule.mapper)
    assert recorded[-1] > 0


def test_events_of_an_accepted_batch_come_out_as_they_were_sent(linkedin_rule: LinkedIn) -> None:
    sink = MemorySink()
    linkedin_rule.deliver(linkedin_rule.rows(12), sinks=[sink]).go()
    sent = [event for batch in sink.batches for event in batch.events]
    stored = linkedin_rule.world.events
    assert sorted(event.event_id or "" for event in sent) == sorted(event["eventId"] for event in stored)
    assert {event.user.user_ids[0].id_type for event in sent} == {"SHA256_EMAIL"}
