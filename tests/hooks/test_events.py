"""Conversion events that a task made itself."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from airflow_provider_linkedin_capi import exceptions
from airflow_provider_linkedin_capi.events.model import ConversionEvent, ConversionValue, User, UserId

if TYPE_CHECKING:
    from airflow_provider_linkedin_capi.hooks.linkedin_conversions import LinkedInConversionsHook
    from airflow_provider_linkedin_capi.sandbox.server import SandboxServer

HASH = "973dfe463ec85785f5f95af5ba3906eedb2d931c24e69824a89ea65dba4e813b"


def event(rule: int, number: int = 0, *, age_days: float = 1) -> ConversionEvent:
    return ConversionEvent(
        f"urn:lla:llaPartnerConversion:{rule}",
        round((time.time() - age_days * 86_400) * 1000),
        User((UserId("SHA256_EMAIL", HASH),)),
        ConversionValue("USD", "50.0"),
        f"order-{number}",
    )


def test_one_event_is_stored(hook: LinkedInConversionsHook, sandbox: SandboxServer) -> None:
    rule = sandbox.world.add_rule()
    hook.send_conversion_event(event(rule, 7))
    assert [stored["eventId"] for stored in sandbox.world.events] == ["order-7"]


def test_one_event_that_linkedin_refuses_is_an_error(hook: LinkedInConversionsHook, sandbox: SandboxServer) -> None:
    rule = sandbox.world.add_rule()
    with pytest.raises(exceptions.InvalidRequestError, match="90 days"):
        hook.send_conversion_event(event(rule, age_days=91))


def test_one_event_is_not_sent_twice_for_a_lost_answer(
    hook: LinkedInConversionsHook, sandbox: SandboxServer, waits: list[float]
) -> None:
    rule = sandbox.world.add_rule()
    sandbox.world.faults.add("reset", processed=True, times=1)
    with pytest.raises(exceptions.OutcomeUnknownError):
        hook.send_conversion_event(event(rule))
    assert len(sandbox.world.events) == 1


def test_many_events_go_in_batches_and_the_refused_ones_are_named(
    hook: LinkedInConversionsHook, sandbox: SandboxServer
) -> None:
    rule = sandbox.world.add_rule()
    sent = hook.send_conversion_events(
        (event(rule, number, age_days=91 if number == 13 else 1) for number in range(25)), batch_size=10
    )
    assert (sent.summary.accepted, sent.summary.rejected, sent.summary.batches) == (24, 1, 3)
    assert list(sent.rejected) == [13]
    assert "90 days" in sent.rejected[13].message
    assert {stored["eventId"] for stored in sandbox.world.events} == {f"order-{n}" for n in range(25) if n != 13}


def test_events_of_unknown_outcome_can_be_held(hook: LinkedInConversionsHook, sandbox: SandboxServer) -> None:
    rule = sandbox.world.add_rule()
    sandbox.world.faults.add("reset", processed=True, times=1)
    sent = hook.send_conversion_events([event(rule, n) for n in range(3)], on_unknown_outcome="hold")
    assert (sorted(sent.held), sent.summary.held) == ([0, 1, 2], 3)
    assert len(sandbox.world.events) == 3
