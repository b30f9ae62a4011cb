"""Rows arrive at LinkedIn, every one accounted for."""

from __future__ import annotations

from tests.delivery.conftest import LinkedIn, MemorySink, MemoryStore


def test_every_row_is_stored_once_and_reported_as_accepted(linkedin_rule: LinkedIn) -> None:
    sink = MemorySink()
    summary = linkedin_rule.deliver(linkedin_rule.rows(95), sinks=[sink]).go()
    assert summary.rows_read == summary.accepted == summary.events_sent == 95
    assert summary.batches == summary.requests == 10
    assert set(linkedin_rule.stored().values()) == {1}
    assert len(linkedin_rule.stored()) == 95
    assert sink.count() == {"accepted": 95}


def test_a_second_try_sends_nothing_that_was_acknowledged(linkedin_rule: LinkedIn) -> None:
    store, sink = MemoryStore(), MemorySink()
    rows = linkedin_rule.rows(95)
    linkedin_rule.deliver(rows, checkpoint=store).go()
    summary = linkedin_rule.deliver(rows, checkpoint=store, sinks=[sink]).go()
    assert (summary.skipped, summary.accepted, summary.requests) == (95, 0, 0)
    assert sink.count() == {"skipped": 95}


def test_elements_that_linkedin_names_are_taken_out_and_the_rest_is_stored(linkedin_rule: LinkedIn) -> None:
    rows = linkedin_rule.rows(40)
    for index in (3, 17, 18):
        rows[index] = linkedin_rule.rows(1, index, days_ago=91)[0]
    sink = MemorySink()
    summary = linkedin_rule.deliver(rows, sinks=[sink]).go()
    assert (summary.accepted, summary.rejected) == (37, 3)
    assert {position for position, (outcome, _) in sink.rows.items() if outcome == "rejected"} == {3, 17, 18}
    assert len(linkedin_rule.stored()) == 37
