from __future__ import annotations

import itertools
from importlib import import_module
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_linkedin_capi.delivery.interfaces import DeliveryInfo
from airflow_provider_linkedin_capi.delivery.outcomes import BatchOutcome, Reason
from tests.support import task_process
from tests.support.sink_events import SENT_AT, event

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence


_numbers = itertools.count(1)


@pytest.fixture
def task_run() -> Callable[..., DeliveryInfo]:
    """``task_run(resumed=..., try_number=..., map_index=..., run_id=...)``"""

    def make(**changes: Any) -> DeliveryInfo:
        values: dict[str, Any] = {
            "dag_id": "conversions",
            "run_id": "scheduled__2026-11-01",
            "task_id": "stream",
            "map_index": -1,
            "try_number": 1,
            "resumed": False,
            "delivery_id": "one",
        }
        return DeliveryInfo(**{**values, **changes})

    return make


@pytest.fixture
def batch() -> Callable[..., BatchOutcome]:
    """``batch(rows, rejected={index: (field, code)}, ...)``: a batch whose other rows were accepted.

    A row's first value is its event id; rows rejected became no event.
    """

    def make(
        rows: Sequence[tuple[Any, ...]],
        *,
        number: int = 1,
        first_position: int = 0,
        columns: tuple[str, ...] = ("event_id", "email"),
        rejected: Mapping[int, tuple[str | None, str]] | None = None,
        held: Sequence[int] = (),
        skipped: Sequence[int] = (),
        refused_by_linkedin: Sequence[int] = (),
        unsettled: Sequence[int] = (),
        unknown: Sequence[int] = (),
    ) -> BatchOutcome:
        refused = {index: Reason(*reason, "what is wrong") for index, reason in (rejected or {}).items()}
        sent = [index for index in range(len(rows)) if index not in refused]
        refused |= {index: Reason("/user", "LINKEDIN_422", "LinkedIn's words") for index in refused_by_linkedin}
        return BatchOutcome(
            number=number,
            digest="d1",
            first_position=first_position,
            columns=columns,
            rows=rows,
            key_column=0,
            events=[event(rows[index][0]) for index in sent],
            event_rows=sent,
            rejected=refused,
            held={index: Reason(None, "UNKNOWN_OUTCOME", "no answer") for index in held},
            skipped={index: Reason(None, "checkpoint", "accepted before") for index in skipped},
            warnings=[],
            sent_at=SENT_AT,
            unsettled=frozenset(unsettled) | frozenset(unknown),
            unknown=frozenset(unknown),
        )

    return make


@pytest.fixture
def snowflake_server(connect: Callable[..., str], monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Snowflake's protocol on localhost, for several processes; behind it fakesnow runs the statements in DuckDB."""
    pytest.importorskip("airflow.providers.snowflake", reason="Snowflake: its provider is not on this machine")
    fakesnow = pytest.importorskip("fakesnow", reason="Snowflake: fakesnow is not on this machine")
    cursor = import_module("fakesnow.cursor").FakeSnowflakeCursor
    errors = import_module("snowflake.connector.errors")
    execute = cursor.execute

    def execute_or_wait(*args: Any, **kwargs: Any) -> Any:
        try:
            return execute(*args, **kwargs)
        except Exception as error:
            # Where Snowflake waits for a lock DuckDB fails.
            if type(error).__name__ != "TransactionException":
                raise
            raise errors.ProgrammingError(str(error), errno=625, sqlstate="40001") from None

    monkeypatch.setattr(cursor, "execute", execute_or_wait)
    monkeypatch.setenv(task_process.SNOWFLAKE_PROTOCOL, "http")
    task_process.set_snowflake_protocol()
    # The module of that name takes the function's place once it is imported.
    serve = vars(fakesnow).setdefault("serve", fakesnow.server)
    with serve() as server:
        # All its servers share their databases.
        extra = {"account": "fakesnow", "database": f"TEST_{next(_numbers)}", "warehouse": "TEST"}
        extra |= {name: server[name] for name in ("host", "port")}
        yield connect("snowflake", conn_type="snowflake", login="fake", password="snow", schema="PUBLIC", extra=extra)
    monkeypatch.delenv(task_process.SNOWFLAKE_PROTOCOL)
    task_process.set_snowflake_protocol()
