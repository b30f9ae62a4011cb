"""Parts of a delivery without Airflow: a way to LinkedIn on localhost, and sources, stores and sinks in memory."""

from __future__ import annotations

import datetime as dt
import time
from collections import Counter
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import requests

from airflow_provider_linkedin_capi import exceptions
from airflow_provider_linkedin_capi.api.call import Reply
from airflow_provider_linkedin_capi.delivery import BatchOutcome, Chunk, Claims, Delivery, DeliverySettings
from airflow_provider_linkedin_capi.events.mapper import RowMapper

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Sequence

    from airflow_provider_linkedin_capi.api.call import Call
    from airflow_provider_linkedin_capi.delivery import DeliveryInfo
    from airflow_provider_linkedin_capi.events.model import ConversionEvent
    from airflow_provider_linkedin_capi.sandbox.server import SandboxServer

COLUMNS = ("conversion", "happened_at", "event_id", "email")


class HttpTransport:
    """The way to LinkedIn, no more than what a delivery needs of it."""

    def __init__(self, url: str) -> None:
        self._url = url
        self.token = "sandbox-token"
        self.refreshed = 0

    def send(self, call: Call[Any]) -> Reply:
        headers = {"LinkedIn-Version": "202609", **call.headers, "Authorization": f"Bearer {self.token}"}
        try:
            answer = requests.request(call.method, self._url + call.target, headers=headers, data=call.body, timeout=5)
        except requests.exceptions.ConnectTimeout as error:
            raise exceptions.NotSentError(str(error)) from None
        except requests.RequestException as error:
            if "NewConnectionError" in str(error):
                raise exceptions.NotSentError("no connection") from None
            raise exceptions.OutcomeUnknownError(type(error).__name__) from None
        return Reply(answer.status_code, {k.lower(): v for k, v in answer.headers.items()}, answer.content)

    def refresh(self, error: exceptions.CredentialsError) -> None:
        self.refreshed += 1
        raise error

    def housekeeping(self) -> None:
        pass


@dataclass
class MemoryStore:
    """A checkpoint's place that keeps what it was told at each save."""

    state: dict[str, Any] | None = None
    saves: int = 0

    def load(self) -> dict[str, Any] | None:
        return self.state

    def save(self, state: dict[str, Any]) -> None:
        self.saves += 1
        self.state = state


@dataclass
class Rows:
    """A source of rows that are there."""

    rows: Sequence[Sequence[Any]]
    columns: Sequence[str] = COLUMNS
    count: int | None = None

    def count_rows(self) -> int | None:
        return self.count

    def chunks(self, size: int) -> Iterator[Chunk]:
        for start in range(0, len(self.rows), size):
            yield Chunk(tuple(self.columns), [tuple(row) for row in self.rows[start : start + size]])


@dataclass
class Chunks:
    """A source of whatever an iterable yields."""

    portions: Iterable[Any]

    def chunks(self, size: int) -> Iterable[Any]:
        return self.portions


class Sink:
    """A sink that does nothing; tests say what it does."""

    def open(self, delivery: DeliveryInfo) -> None:
        pass

    def write(self, batch: BatchOutcome) -> None:
        pass

    def close(self, completed: bool) -> None:
        pass


@dataclass
class MemorySink(Sink):
    """Keeps the outcomes of rows as plain tuples (position, outcome, code)."""

    rows: dict[int, tuple[str, str | None]] = field(default_factory=dict)
    batches: list[BatchOutcome] = field(default_factory=list)

    def write(self, batch: BatchOutcome) -> None:
        self.batches.append(batch)
        for row in batch.outcomes():
            assert row.position not in self.rows
            self.rows[row.position] = (row.outcome, row.reason.code if row.reason else None)

    def count(self) -> Counter[str]:
        return Counter(outcome for outcome, _ in self.rows.values())


@dataclass
class MemoryLedger(Sink):
    """Knows some event ids as accepted, of whatever rule."""

    known: Collection[str] = ()

    def claim(self, events: Sequence[ConversionEvent], *, batch: int) -> Future[Claims]:
        claims: Future[Claims] = Future()
        known = frozenset(index for index, event in enumerate(events) if event.event_id in self.known)
        claims.set_result(Claims(accepted=known))
        return claims

    def flush(self) -> None:
        pass

    def hurry(self, deadline: float) -> None:
        pass


@dataclass
class LinkedIn:
    """LinkedIn on localhost with one rule, and what a test wants to know of it."""

    server: SandboxServer
    rule: str

    @property
    def world(self) -> Any:
        return self.server.world

    def rows(self, count: int, first: int = 0, *, days_ago: float = 20) -> list[tuple[Any, ...]]:
        """Rows that are good; with ``days_ago=91`` ones that only LinkedIn finds too old."""
        happened = int((time.time() - days_ago * 86_400) * 1000)
        return [
            (self.rule, happened, f"event-{number}", f"person{number}@example.com")
            for number in range(first, first + count)
        ]

    def stored(self) -> Counter[str]:
        """How often each event id is stored."""
        return Counter(event["eventId"] for event in self.world.events)

    def requests(self) -> int:
        return len(self.world.requests)

    def deliver(
        self,
        rows: Sequence[Sequence[Any]],
        *,
        batch_size: int = 10,
        columns: Sequence[str] = COLUMNS,
        checkpoint: MemoryStore | None = None,
        sinks: Sequence[Any] = (),
        transport: Any = None,
        rows_expected: int | None = None,
        **settings: Any,
    ) -> Delivery:
        """A delivery ready to ``go()``; its clock is ten days behind LinkedIn's."""
        delivery = Delivery(
            transport or HttpTransport(self.server.url),
            DeliverySettings(batch_size=batch_size, **settings),
            checkpoint=checkpoint,
            sinks=sinks,
            utcnow=lambda: dt.datetime.now(dt.UTC) - dt.timedelta(days=10),
        )
        delivery.go = lambda: delivery.run(Rows(rows, columns, rows_expected), self.mapper)  # type: ignore[attr-defined]
        return delivery

    @staticmethod
    def mapper(columns: Sequence[str], now_ms: int) -> RowMapper:
        return RowMapper(columns, now_ms=now_ms)
