"""Faults on real sockets: what the server stored, the summary and the sinks agree to the event."""

from __future__ import annotations

import json
import logging
import time
from dataclasses import dataclass, field
from typing import Any

import pytest

from airflow_provider_linkedin_capi import exceptions
from airflow_provider_linkedin_capi.api import retry
from airflow_provider_linkedin_capi.api.call import Reply
from airflow_provider_linkedin_capi.exceptions import DeliveryStoppedError
from tests.support import proxy as proxies
from tests.support.deliveries import HttpTransport, LinkedIn, MemorySink, MemoryStore
from tests.support.linkedin_in_memory import Service, rows, run

ROWS, BATCH, HITS = 60, 10, 2


@dataclass
class Trouble:
    """A fault that befalls two requests, and what is to be expected of it."""

    name: str
    kind: str
    details: dict[str, Any] = field(default_factory=dict)
    unknown: bool = True
    stored: bool = False

    def __str__(self) -> str:
        return self.name


TROUBLES = [
    Trouble("503", "status", {"status": 503}),
    Trouble("503 after storing", "status", {"status": 503, "processed": True}, stored=True),
    Trouble("408 after storing", "status", {"status": 408, "processed": True}, stored=True),
    Trouble("firewall's page", "html", {"status": 403}),
    Trouble("login page after storing", "html", {"status": 200, "processed": True}, stored=True),
    Trouble("throttled", "throttle", unknown=False),
    Trouble("retry-after", "status", {"status": 429, "headers": {"Retry-After": "0.05"}}, unknown=False),
    Trouble("500", "status", {"status": 500}),
    Trouble("500 after storing", "status", {"status": 500, "processed": True}, stored=True),
    Trouble("error page", "html", {"status": 502}),
    Trouble("error page after storing", "html", {"status": 504, "processed": True}, stored=True),
    Trouble("reset", "reset"),
    Trouble("reset after storing", "reset", {"processed": True}, stored=True),
    Trouble("reset while uploading", "reset_upload"),
    Trouble("closed", "close"),
    Trouble("closed after storing", "close", {"processed": True}, stored=True),
    Trouble("truncated", "truncate", stored=True),
    Trouble("late", "delay", {"seconds": 0.05}, unknown=False),
]


@pytest.mark.parametrize("max_in_flight", [1, 4])
@pytest.mark.parametrize("mode", ["resend", "hold"])
@pytest.mark.parametrize("trouble", TROUBLES, ids=str)
def test_server_summary_and_sinks_agree(
    linkedin_rule: LinkedIn, trouble: Trouble, mode: str, max_in_flight: int
) -> None:
    fault = linkedin_rule.world.faults.add(trouble.kind, times=HITS, after=1, every=2, **trouble.details)
    sink = MemorySink()
    summary = linkedin_rule.deliver(
        linkedin_rule.rows(ROWS), sinks=[sink], on_unknown_outcome=mode, max_in_flight=max_in_flight
    ).go()
    assert fault.matched == HITS
    hit = HITS * BATCH
    held = hit if trouble.unknown and mode == "hold" else 0
    resent = hit if trouble.unknown and mode == "resend" else 0
    stored = linkedin_rule.stored()
    assert len(stored) == ROWS - (0 if trouble.stored else held)
    assert sum(stored.values()) - len(stored) == (resent if trouble.stored else 0)
    assert (summary.held, summary.resent_unknown) == (held, resent)
    assert summary.accepted == ROWS - held
    # A request that never arrived whole is in no log of the server.
    assert summary.requests == linkedin_rule.requests() + (HITS if trouble.kind == "reset_upload" else 0)
    assert summary.retries == (0 if held or trouble.kind == "delay" else HITS)
    assert summary.events_sent == summary.requests * BATCH
    assert sink.count() == {name: count for name, count in (("accepted", ROWS - held), ("held", held)) if count}
    assert summary.reasons == ({"UNKNOWN_OUTCOME": held} if held else {})


@pytest.mark.parametrize("answer", proxies.GATEWAY_ANSWERS.values(), ids=proxies.GATEWAY_ANSWERS.keys())
def test_a_gateways_json_rejects_no_row_of_a_batch(linkedin_rule: LinkedIn, answer: bytes) -> None:
    with proxies.Proxy(linkedin_rule.server.url) as gateway:
        gateway.answers = [answer]
        transport = HttpTransport(gateway.url)
        summary = linkedin_rule.deliver(linkedin_rule.rows(1), transport=transport, batch_size=1).go()
    assert (summary.accepted, summary.rejected, summary.resent_unknown) == (1, 0, 1)
    assert transport.refreshed == 0


def test_a_server_that_cannot_be_reached_is_no_unknown_outcome(linkedin_rule: LinkedIn) -> None:
    class LateServer(HttpTransport):
        calls = 0

        def send(self, call: Any) -> Any:
            self.calls += 1
            return (HttpTransport("http://127.0.0.1:9") if self.calls < 3 else super()).send(call)

    transport = LateServer(linkedin_rule.server.url)
    summary = linkedin_rule.deliver(
        linkedin_rule.rows(20), transport=transport, max_in_flight=1, on_unknown_outcome="hold"
    ).go()
    assert (summary.accepted, summary.held, summary.retries) == (20, 0, 2)


def test_a_server_that_never_recovers_ends_the_try_and_names_the_batch(linkedin_rule: LinkedIn) -> None:
    linkedin_rule.world.faults.add("status", status=503, after=2)
    store, rows = MemoryStore(), linkedin_rule.rows(60)
    delivery = linkedin_rule.deliver(rows, checkpoint=store, max_in_flight=1)
    with pytest.raises(DeliveryStoppedError, match=r"batch 3 \(.*\), rows 21 to 30: .* 503") as stopped:
        delivery.go()
    assert isinstance(stopped.value.error, exceptions.ServerError)
    assert stopped.value.summary.accepted == 20
    linkedin_rule.world.faults.clear()
    assert linkedin_rule.deliver(rows, checkpoint=store).go().accepted == 40


def test_holding_stops_when_nothing_else_happens_any_more(linkedin_rule: LinkedIn) -> None:
    linkedin_rule.world.faults.add("status", status=500)
    delivery = linkedin_rule.deliver(linkedin_rule.rows(60), batch_size=1, max_in_flight=2, on_unknown_outcome="hold")
    with pytest.raises(DeliveryStoppedError):
        delivery.go()
    assert delivery.summary.held < 10


def test_the_log_tells_of_faults_and_of_no_person(linkedin_rule: LinkedIn, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    linkedin_rule.world.faults.add("reset", times=1)
    linkedin_rule.deliver(linkedin_rule.rows(20)).go()
    assert "outcome unknown, sending it again" in caplog.text
    assert "person" not in caplog.text


@pytest.mark.parametrize("status", [429, 500])
def test_an_event_that_fails_for_the_moment_waits_before_it_is_sent_again(
    monkeypatch: pytest.MonkeyPatch, status: int
) -> None:
    monkeypatch.setattr(retry, "_FIRST_WAIT", 0.4)
    moments: list[float] = []

    class Flaky(Service):
        def send(self, call: Any) -> Reply:
            moments.append(time.monotonic())
            if len(moments) > 1:
                return super().send(call)
            error = {"message": "later", "status": status}
            elements = [{"status": 201}, {"status": status, "error": error}, {"status": 201}, {"status": 201}]
            return Reply(200, {}, json.dumps({"elements": elements}).encode())

    service = Flaky()
    summary = run(service, rows(range(4)))
    assert (summary.accepted, set(service.stored)) == (4, {"event-1"})
    assert moments[1] - moments[0] >= 0.2
    assert summary.resent_unknown == (1 if status == 500 else 0)
