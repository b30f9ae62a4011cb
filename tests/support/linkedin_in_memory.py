"""LinkedIn in memory, for tests of a delivery that need no sockets."""

from __future__ import annotations

import datetime as dt
import json
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from airflow_provider_linkedin_capi import exceptions
from airflow_provider_linkedin_capi.api.call import Reply
from airflow_provider_linkedin_capi.delivery import Delivery, DeliverySettings
from airflow_provider_linkedin_capi.events.mapper import RowMapper
from tests.support.deliveries import Rows

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from airflow_provider_linkedin_capi.api.call import Call
    from airflow_provider_linkedin_capi.delivery import Summary
    from tests.support.deliveries import MemoryStore

RULE = "urn:lla:llaPartnerConversion:1"
NOW = dt.datetime(2026, 11, 22, 12, tzinfo=dt.UTC)
HAPPENED = int(NOW.timestamp() * 1000) - 3_600_000


class Killed(BaseException):
    """The process ends here: no handler of ``Exception`` sees it."""


@dataclass
class Process:
    """What a kill ends at once: no request leaves any more, and nothing is saved."""

    dead: bool = False

    def kill(self) -> None:
        self.dead = True
        raise Killed

    def check(self) -> None:
        if self.dead:
            raise Killed


@dataclass
class Service:
    """LinkedIn in memory: refuses batches with bad events, loses answers and dies when it is told to.

    :param script: what happens to each request in turn: ``ok``, ``lost`` (stored, no answer), ``reset`` (not stored, no
        answer), ``busy`` (503), ``error`` (500, not stored), ``refused`` (no connection), ``denied`` (401), ``kill``
        (before LinkedIn saw it), ``killed`` (after it was stored).
    :param record: the events that the checkpoint has as acknowledged by now.
    """

    process: Process = field(default_factory=Process)
    bad: frozenset[str] = frozenset()
    named: bool = True
    script: list[str] = field(default_factory=list)
    stored: Counter[str] = field(default_factory=Counter)
    record: Callable[[], set[str]] = set
    sent_again: list[str] = field(default_factory=list)

    def send(self, call: Call[Any]) -> Reply:
        self.process.check()
        assert call.body is not None
        ids = [event["eventId"] for event in json.loads(call.body)["elements"]]
        recorded = self.record()
        self.sent_again += [event_id for event_id in ids if event_id in recorded]
        happens = self.script.pop(0) if self.script else "ok"
        if happens == "kill":
            self.process.kill()
        if happens == "denied":
            return _refused(401, "expired")
        if happens in ("reset", "refused"):
            raise (exceptions.OutcomeUnknownError if happens == "reset" else exceptions.NotSentError)(
                "the connection broke"
            )
        if happens in ("busy", "error"):
            return Reply(503 if happens == "busy" else 500, {}, b"<html>")
        if refused := [index for index, event_id in enumerate(ids) if event_id in self.bad]:
            where = f", indices {refused} (0-indexed)" if self.named else ""
            return _refused(400, f"bad {ids[refused[0]]}{where}")
        self.stored.update(ids)
        if happens == "killed":
            self.process.kill()
        if happens == "lost":
            raise exceptions.OutcomeUnknownError("the answer was lost")
        return Reply(200, {}, json.dumps({"elements": [{"status": 201}] * len(ids)}).encode())

    def refresh(self, error: exceptions.CredentialsError) -> None:
        raise error

    def housekeeping(self) -> None:
        pass


def _refused(status: int, message: str) -> Reply:
    return Reply(status, {"x-li-uuid": "AAY="}, json.dumps({"message": message, "status": status}).encode())


def rows(numbers: Sequence[int]) -> list[tuple[Any, ...]]:
    return [(RULE, HAPPENED - number, f"event-{number}", f"person{number}@example.com") for number in numbers]


def run(
    service: Service,
    content: Sequence[tuple[Any, ...]],
    store: MemoryStore | None = None,
    *,
    sinks: Sequence[Any] = (),
    **options: Any,
) -> Summary:
    """Deliver to the service in memory, in batches of 4."""
    delivery = Delivery(
        service,
        DeliverySettings(**{"batch_size": 4, "max_in_flight": 2, **options}),
        checkpoint=store,
        sinks=sinks,
        utcnow=lambda: NOW,
    )
    summary = delivery.run(Rows(content), lambda columns, now_ms: RowMapper(columns, now_ms=now_ms))
    check(summary)
    return summary


def check(summary: Summary) -> None:
    assert summary.rows_read == summary.accepted + summary.rejected + summary.held + summary.skipped
    assert sum(summary.reasons.values()) == summary.rejected + summary.held
