"""Runs an episode: the tasks, what happens to them, and their retries until all have succeeded."""

from __future__ import annotations

import contextlib
import datetime as dt
import json
import random
import sqlite3
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from multiprocessing.connection import wait
from typing import TYPE_CHECKING, Any

from airflow_provider_linkedin_capi.sandbox.server import SandboxServer
from tests.support.proxy import Proxy
from tests.torture.attempt import Try, start
from tests.torture.plan import FAULTS, Plan

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from multiprocessing.context import ForkServerProcess
    from pathlib import Path

    from tests.postgres import PostgresDatabase

RULE = 22285180
LEDGER = "results"
QUERY = "SELECT event_id, email, happened_at FROM conversions ORDER BY id"

#: From this try on nothing more goes wrong, so that every episode ends.
_CALM_TRY = 8
_LAST_TRY = 16
#: Airflow's own time from SIGTERM to SIGKILL.
_GRACE_SECONDS = 5.0
_EPISODE_SECONDS = 300.0
#: LinkedIn's clock is so far ahead; rows of nearly 90 days are too old there, and not for the task's checks.
_AHEAD_SECONDS = 3600


@dataclass
class Run:
    """One run of the task, over all its tries."""

    name: str
    folder: Path
    starts_at: float
    number: int = 0
    max_tries: int = 3
    process: ForkServerProcess | None = None
    killed_at: float | None = None
    zombies: list[ForkServerProcess] = field(default_factory=list)
    ended: list[dict[str, Any]] = field(default_factory=list)
    done: bool = False

    @property
    def summaries(self) -> list[dict[str, Any]]:
        """The summaries that tries left, oldest first."""
        files = [self.folder / f"xcom-{number}-return_value.json" for number in range(1, self.number + 1)]
        return [json.loads(file.read_text()) for file in files if file.exists()]

    @property
    def summary(self) -> dict[str, Any]:
        """What the run says in the end."""
        return dict(self.ended[-1]["summary"])

    @property
    def letters(self) -> list[dict[str, Any]]:
        """The run's dead letters."""
        file = self.folder / "dead.jsonl"
        return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []


@dataclass
class Ended:
    """What an episode left behind."""

    plan: Plan
    runs: list[Run]
    stored: Counter[str]
    ledger: list[tuple[str | None, str]]
    happened: Counter[str]
    signals: Counter[str]
    seconds: float
    given_up: str | None = None


class _QuietProxy(Proxy):
    """A proxy whose upstream may break off, which closes the client's connection as well."""

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing: it is meant to happen."""


class _LosesAnswers(list[Any]):
    """A proxy's script without end: it loses answers by chance."""

    def __init__(self, chance: random.Random, probability: float) -> None:
        super().__init__()
        self._chance = chance
        self.probability = probability
        self.lost = 0

    def __bool__(self) -> bool:
        return True

    def pop(self, _: Any = None) -> str:
        if self._chance.random() >= self.probability:
            return "pass"
        self.lost += 1
        return self._chance.choice(["fin", "rst"])


class Episode:
    """One episode.

    :param plan: what happens.
    :param folder: for all files.
    :param postgres: a server, when the plan wants one.
    """

    def __init__(self, plan: Plan, folder: Path, postgres: PostgresDatabase | None) -> None:
        self._plan = plan
        self._folder = folder
        self._postgres = postgres
        self._chance = random.Random(plan.number)
        self._signals: Counter[str] = Counter()
        self._calm = False
        self._outages: list[threading.Thread] = []

    def run(self) -> Ended:
        """Run it to its end."""
        plan = self._plan
        self._folder.mkdir(parents=True)
        self._write_rows()
        runs = []
        for number, starts_at in enumerate(plan.runs):
            folder = self._folder / f"run-{number}"
            folder.mkdir()
            runs.append(Run(f"run-{number}", folder, starts_at))
        with contextlib.ExitStack() as stack:
            server = stack.enter_context(SandboxServer(port=0))
            world = server.world
            world.add_rule(RULE, name="torture")
            world.clock.advance(_AHEAD_SECONDS)
            world.settings.latency_seconds = plan.latency
            world.settings.error_positions = plan.error_positions  # type: ignore[assignment]
            faults = {
                name: world.faults.add(
                    **FAULTS[name], probability=probability, seed=plan.number, restli_method="BATCH_CREATE"
                )
                for name, probability in plan.faults.items()
            }
            if plan.day_limit is not None:
                faults["day limit"] = world.faults.add(
                    "throttle", window="DAY", after=plan.day_limit, times=1, restli_method="BATCH_CREATE"
                )
            proxy = None
            if plan.proxy is not None:
                proxy = stack.enter_context(_QuietProxy(server.url))
                proxy.answers = _LosesAnswers(self._chance, plan.proxy)
            began = time.monotonic()
            given_up = self._loop(runs, server, proxy, began)
            for outage in self._outages:
                outage.join()
            happened = Counter({name: fault.matched for name, fault in faults.items()})
            if proxy is not None:
                happened["answer lost by a proxy"] = proxy.answers.lost  # type: ignore[attr-defined]
            stored = Counter(event["eventId"] for event in world.events)
            return Ended(
                plan, runs, stored, self._ledger(given_up), happened, self._signals, time.monotonic() - began, given_up
            )

    def _loop(self, runs: list[Run], server: SandboxServer, proxy: Proxy | None, began: float) -> str | None:
        plan = self._plan
        happenings: list[tuple[float, Callable[[], None]]] = [
            (moment, lambda name=name: self._kill(runs, name))
            for moment, name in plan.kills  # type: ignore[misc]
        ]
        happenings += [
            (moment, lambda seconds=seconds: server.world.clock.advance(seconds))  # type: ignore[misc]
            for moment, seconds in plan.clock_steps
        ]
        happenings += [(moment, lambda seconds=seconds: self._outage(seconds)) for moment, seconds in plan.outages]  # type: ignore[misc]
        happenings += [(moment, lambda: self._lose(runs, server, proxy)) for moment in plan.zombies]
        happenings.sort(key=lambda happening: happening[0])
        first_request: float | None = None
        while not all(run.done and not any(zombie.is_alive() for zombie in run.zombies) for run in runs):
            now = time.monotonic() - began
            if first_request is None and server.world.requests:
                first_request = now
            if now > _EPISODE_SECONDS:
                self._stop(runs)
                return f"not at an end after {_EPISODE_SECONDS:.0f} s"
            while first_request is not None and happenings and happenings[0][0] <= now - first_request:
                happenings.pop(0)[1]()
            for run in runs:
                self._advance(run, server, proxy, now)
                if run.number > _LAST_TRY:
                    self._stop(runs)
                    return f"{run.name} fails for ever: {run.ended[-1] if run.ended else 'killed'}"
            wait([run.process.sentinel for run in runs if run.process], timeout=0.02)
        return None

    def _advance(self, run: Run, server: SandboxServer, proxy: Proxy | None, now: float) -> None:
        """Start a run, or follow what became of its process."""
        if run.done or now < run.starts_at:
            return
        process = run.process
        if process is not None:
            if process.is_alive():
                if run.killed_at is not None and time.monotonic() - run.killed_at > _GRACE_SECONDS:
                    process.kill()
                return
            process.join()
            run.process, run.killed_at = None, None
            file = run.folder / f"ended-{run.number}.json"
            ended = json.loads(file.read_text()) if file.exists() else {"state": "killed"}
            run.ended.append(ended)
            if ended["state"] == "success":
                run.done = True
                return
            if ended["state"] == "final":
                # Somebody clears the task.
                run.max_tries = run.number + 3
        run.number += 1
        if run.number >= _CALM_TRY and not self._calm:
            self._calm = True
            server.world.faults.clear()
            if proxy is not None:
                proxy.answers.probability = 0.0  # type: ignore[attr-defined]
        run.process = start(self._try(run, server, proxy))

    def _try(self, run: Run, server: SandboxServer, proxy: Proxy | None) -> Try:
        plan = self._plan
        parameters: dict[str, Any] = {
            "sql": QUERY,
            "sql_conn_id": "warehouse",
            "conversion_rule": RULE,
            "batch_size": plan.batch_size,
            "on_unknown_outcome": plan.on_unknown,
            "max_invalid": 1.0,
            "rejects_path": f"file://{run.folder}/dead.jsonl",
        }
        if plan.in_flight is not None:
            parameters["max_in_flight"] = plan.in_flight
        if plan.ledger:
            parameters["results_table"] = LEDGER
        extra: dict[str, Any] = {"access_token": "sandbox-token", "ad_account_id": "5012345", "timeout": 10}
        if proxy is not None:
            extra["proxies"] = {"http": proxy.url}
        return Try(
            folder=run.folder,
            run_id=run.name,
            number=run.number,
            max_tries=run.max_tries,
            parameters=parameters,
            connections={
                "warehouse": self._connection(),
                "linkedin_capi_default": {"conn_type": "linkedin_capi", "host": server.url, "extra": extra},
            },
        )

    # What happens

    def _kill(self, runs: list[Run], name: str) -> None:
        running = [run for run in runs if run.process is not None and run.process.is_alive() and not run.killed_at]
        if not running:
            return
        run = self._chance.choice(running)
        assert run.process is not None
        self._signals[name] += 1
        if name == "SIGTERM":
            run.killed_at = time.monotonic()
            run.process.terminate()
        else:
            run.process.kill()

    def _lose(self, runs: list[Run], server: SandboxServer, proxy: Proxy | None) -> None:
        """Take a running task for lost, and start its next try."""
        running = [run for run in runs if run.process is not None and run.process.is_alive() and not run.killed_at]
        if running:
            run = self._chance.choice(running)
            assert run.process is not None
            self._signals["zombie"] += 1
            run.zombies.append(run.process)
            run.number += 1
            run.process = start(self._try(run, server, proxy))

    def _stop(self, runs: list[Run]) -> None:
        for run in runs:
            for process in (*run.zombies, run.process):
                if process is not None:
                    process.kill()
                    process.join()

    def _outage(self, seconds: float) -> None:
        """Take the database away for some seconds: PostgreSQL refuses everybody, a SQLite file is locked."""
        self._outages.append(threading.Thread(target=self._take_away, args=(seconds,), daemon=True))
        self._outages[-1].start()

    def _take_away(self, seconds: float) -> None:
        self._signals["outage"] += 1
        if self._plan.database == "sqlite":
            with contextlib.closing(sqlite3.connect(self._sqlite, isolation_level=None, timeout=10)) as connection:
                connection.execute("BEGIN IMMEDIATE")
                time.sleep(seconds)
                connection.execute("COMMIT")
            return
        assert self._postgres is not None
        name = self._postgres.name
        self._admin().execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")
        self._admin().execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", (name,))
        time.sleep(seconds)
        self._admin().execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true")

    # The database of rows and ledger

    @property
    def _sqlite(self) -> Path:
        return self._folder / "warehouse.db"

    def _admin(self) -> PostgresDatabase:
        from dataclasses import replace

        assert self._postgres is not None
        return replace(self._postgres, name="postgres")

    def _connection(self) -> dict[str, Any]:
        if self._plan.database == "sqlite":
            return {"conn_type": "sqlite", "host": str(self._sqlite)}
        assert self._postgres is not None
        return {
            "conn_type": "postgres",
            "host": "127.0.0.1",
            "port": self._postgres.port,
            "login": self._postgres.user,
            "schema": self._postgres.name,
        }

    @contextlib.contextmanager
    def _cursor(self) -> Iterator[Any]:
        if self._plan.database == "sqlite":
            with contextlib.closing(sqlite3.connect(self._sqlite)) as connection, connection:
                yield connection.cursor()
        else:
            assert self._postgres is not None
            with self._postgres.connect() as connection, connection.cursor() as cursor:
                yield cursor

    def _write_rows(self) -> None:
        now = dt.datetime.now(dt.UTC)
        almost_too_old = now - dt.timedelta(days=90) + dt.timedelta(seconds=_AHEAD_SECONDS / 3)
        rows = []
        for number in range(self._plan.rows):
            happened_at = almost_too_old if number in self._plan.refused else now - dt.timedelta(days=1 + number % 30)
            email = "nonsense" if number in self._plan.bad else f"member{number}@example.com"
            rows.append((number, f"e-{number}", email, happened_at.isoformat()))
        mark = "?" if self._plan.database == "sqlite" else "%s"
        with self._cursor() as cursor:
            cursor.execute(
                "CREATE TABLE conversions (id INTEGER PRIMARY KEY, event_id TEXT, email TEXT, happened_at TEXT)"
            )
            cursor.executemany(f"INSERT INTO conversions VALUES ({', '.join([mark] * 4)})", rows)

    def _ledger(self, given_up: str | None) -> list[tuple[str | None, str]]:
        """Event id and outcome of each row of the ledger."""
        if not self._plan.ledger or given_up:
            return []
        with self._cursor() as cursor:
            cursor.execute(f"SELECT event_id, outcome FROM {LEDGER}_outcomes")
            return [(event_id, outcome) for event_id, outcome in cursor.fetchall()]
