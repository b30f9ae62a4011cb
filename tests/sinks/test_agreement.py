"""LinkedIn's world, results table, dead letters and summary agree to the event, whatever goes wrong and wherever."""

from __future__ import annotations

import datetime as dt
import json
from collections import Counter
from typing import Any

import pytest

from airflow_provider_linkedin_capi.api import retry
from airflow_provider_linkedin_capi.delivery import Delivery, DeliverySettings
from airflow_provider_linkedin_capi.events.mapper import RowMapper
from airflow_provider_linkedin_capi.sinks.dead_letters import DeadLetters
from airflow_provider_linkedin_capi.sinks.ledger import LedgerSink
from airflow_provider_linkedin_capi.sources.sql import SqlSource
from tests.support.streaming import QUERY, RULE, conversions, letters

ROWS, BATCH = 60, 10
BAD = {7, 31, 32}
ALL = {f"e-{number}" for number in range(ROWS)}
REFUSED_BY_CHECKS = {f"e-{number}" for number in BAD}
REFUSED_BY_LINKEDIN = {"e-12"}

TROUBLES: dict[str, dict[str, Any]] = {
    "none": {},
    "refused before": {"kind": "status", "status": 503},
    "reset before": {"kind": "reset"},
    "reset after storing": {"kind": "reset", "processed": True},
    "cut off after storing": {"kind": "truncate"},
    "error page after storing": {"kind": "html", "status": 502, "processed": True},
    "throttled": {"kind": "throttle"},
}


class Died(BaseException):
    """The process was killed: nothing that catches exceptions has a say."""


class Store:
    """The checkpoint's place, outliving the process."""

    state: str | None = None

    def load(self) -> dict[str, Any] | None:
        return json.loads(self.state) if self.state else None

    def save(self, state: dict[str, Any]) -> None:
        self.state = json.dumps(state)


class Killer:
    """Ends the process when it is told of a batch."""

    def __init__(self, batch: int | None) -> None:
        self._batch = batch

    def open(self, delivery: Any) -> None: ...

    def close(self, completed: bool) -> None: ...

    def write(self, batch: Any) -> None:
        if batch.number == self._batch:
            raise Died


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch):
    monkeypatch.setattr(retry, "_FIRST_WAIT", 0.001)


@pytest.fixture
def deliver(hook, sandbox, warehouse, task_run, tmp_path):
    """``deliver(mode, death=(place, batch))``: tries until one is not killed; returns the last summary."""
    sandbox.world.add_rule(RULE)
    conversions(warehouse, ROWS, bad_emails=BAD)
    # LinkedIn's clock is ahead: what is just young enough for the checks is too old for it.
    sandbox.world.clock.offset_seconds = 7200
    oldest = dt.datetime.now(dt.UTC) - dt.timedelta(days=90) + dt.timedelta(hours=1)
    warehouse.execute("UPDATE conversions SET happened_at = ? WHERE id = 12", (oldest.isoformat(),))
    store = Store()

    def one_try(mode: str, number: int, death: tuple[str, int] | None):
        run = task_run(resumed=store.state is not None, try_number=number)
        settings = DeliverySettings(batch_size=BATCH, max_in_flight=2, on_unknown_outcome=mode)
        sinks: list[Any] = [
            LedgerSink("warehouse", "results", skip_accepted=False),
            DeadLetters(f"file://{tmp_path}/dead.jsonl"),
        ]
        if death:
            sinks.insert(["before both", "between", "after both"].index(death[0]), Killer(death[1]))
        delivery = Delivery(hook, settings, checkpoint=store, sinks=sinks, info=run)
        return delivery.run(
            SqlSource("warehouse", QUERY), lambda columns, now_ms: RowMapper(columns, rule=RULE, now_ms=now_ms)
        )

    def deliver(mode: str, death: tuple[str, int] | None = None):
        if death:
            with pytest.raises(Died):
                one_try(mode, 1, death)
        return one_try(mode, 2 if death else 1, None)

    return deliver


@pytest.mark.parametrize("death", [None, ("before both", 2), ("between", 4), ("after both", 6)], ids=str)
@pytest.mark.parametrize("mode", ["resend", "hold"])
@pytest.mark.parametrize("trouble", TROUBLES.values(), ids=TROUBLES)
def test_all_records_agree(deliver, sandbox, warehouse, tmp_path, trouble, mode, death):
    world = sandbox.world
    if trouble:
        world.faults.add(**trouble, restli_method="BATCH_CREATE", after=3, times=1)
    summary = deliver(mode, death)

    stored = Counter(event["eventId"] for event in world.events)
    results = warehouse.query("SELECT event_id, outcome FROM results_outcomes")
    by_outcome = {
        outcome: {row["event_id"] for row in results if row["outcome"] == outcome}
        for outcome in ("accepted", "rejected", "held")
    }
    assert Counter(row["event_id"] for row in results) == Counter(ALL), "each event has one result"
    assert by_outcome["accepted"] <= set(stored), "what counts as accepted is stored"
    assert set(stored) - by_outcome["accepted"] <= by_outcome["held"], "what is stored is accepted, or held"
    assert by_outcome["rejected"] >= REFUSED_BY_CHECKS
    assert by_outcome["rejected"] | by_outcome["held"] >= REFUSED_BY_LINKEDIN
    assert by_outcome["rejected"] <= REFUSED_BY_CHECKS | REFUSED_BY_LINKEDIN

    dead = letters(tmp_path / "dead.jsonl")
    assert Counter(letter["key"] for letter in dead) == Counter(by_outcome["rejected"] | by_outcome["held"])
    assert {letter["key"] for letter in dead if letter["outcome"] == "held"} == by_outcome["held"]

    duplicates = sum(stored.values()) - len(stored)
    assert duplicates <= summary.resent_unknown
    assert duplicates == 0 or mode == "resend"
    assert by_outcome["held"] == set() or mode == "hold"
    assert summary.rows_read == ROWS
    assert summary.accepted + summary.skipped == len(by_outcome["accepted"])
    assert (summary.rejected, summary.held) == (len(by_outcome["rejected"]), len(by_outcome["held"]))
