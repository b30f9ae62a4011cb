"""The ledger: says of every event what became of it, across tries, clears, runs and DAGs, and lets only one send it."""

from __future__ import annotations

import logging
import math
import queue
import threading
import time
from concurrent.futures import Future, wait
from typing import TYPE_CHECKING, Any

from airflow_provider_linkedin_capi.exceptions import DatabaseError
from airflow_provider_linkedin_capi.sinks import ledger_store
from airflow_provider_linkedin_capi.sinks.ledger_store import LedgerStore

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from airflow_provider_linkedin_capi.databases.base import Database
    from airflow_provider_linkedin_capi.delivery.interfaces import Claims, DeliveryInfo
    from airflow_provider_linkedin_capi.delivery.outcomes import BatchOutcome
    from airflow_provider_linkedin_capi.events.model import ConversionEvent
    from airflow_provider_linkedin_capi.sinks.ledger_store import Record

#: How many batches may wait to be recorded before the delivery waits as well.
_WAITING_BATCHES = 32
#: Seconds to wait before each further attempt at what a database refused for the time being.
_PAUSES = (0.5, 2.0, 8.0, 20.0)

#: How often a waiting call checks whether it has to end.
_TICK_SECONDS = 0.2

_log = logging.getLogger(__name__)


class LedgerSink:
    """Keeps what became of each event in a table, and claims events there before they are sent.

    Of two deliveries that meet the same event, one sends it and the other learns what became of it. All work is done by
    a thread of its own, on a connection of its own: claims and outcomes are written in bulk while batches are sent.
    Identifiers of persons are not kept. docs/ledger.md describes the tables, permissions and queries.

    Give it to the operator with ``results_table=``, or in ``sinks=``::

        StreamConversionsOperator(
            sql="SELECT * FROM crm_conversions ORDER BY id",
            sql_conn_id="crm",
            sinks=[LedgerSink("warehouse", "ads.linkedin_results", hook_params={"warehouse": "LOAD_WH"})],
            ...,
        )

    :param conn_id: a connection of a database. (templated)
    :param table: the name of the table of events, of one to three parts; created when it is missing, with three more
        whose names begin with it. (templated)
    :param skip_accepted: leave out events that were accepted before for the same conversion rule.
    :param hook_params: parameters of the connection's hook, as Airflow's SQL operators take them.
    :param database: another database, or schema, than the connection's.
    """

    template_fields: Sequence[str] = ("conn_id", "table")

    def __init__(
        self,
        conn_id: str,
        table: str,
        *,
        skip_accepted: bool = True,
        hook_params: Mapping[str, Any] | None = None,
        database: str | None = None,
    ) -> None:
        self.conn_id = conn_id
        self.table = table
        self.skip_accepted = skip_accepted
        self.hook_params = hook_params
        self.database = database

    def __repr__(self) -> str:
        return f"LedgerSink({self.conn_id!r}, {self.table!r})"

    def open(self, delivery: DeliveryInfo) -> None:
        """Create what is missing and enter the delivery; wait for others where the database cannot arbitrate.

        :raises ResultsTableError: the ledger cannot be used.
        """
        from airflow_provider_linkedin_capi.databases.opening import open_database

        database = open_database(self.conn_id, hook_params=self.hook_params, database=self.database)
        store = LedgerStore(database, self.table, delivery, skip_accepted=self.skip_accepted)
        try:
            store.begin()
        except BaseException:
            database.close()
            raise
        self._summary = delivery.summary
        self._store = store
        self._worker = _Worker(database, store, f"the ledger {self.table} on connection {self.conn_id!r}")

    def claim(self, events: Sequence[ConversionEvent], *, batch: int) -> Future[Claims]:
        """Claim events before they are sent; the claims are durable when the result is there."""
        self._worker.check()
        return self._worker.run(lambda: self._worker.patiently(lambda: self._store.claim(events, batch)))

    def write(self, batch: BatchOutcome) -> None:
        """Keep the outcomes of a batch; written behind the sending.

        :raises DatabaseError: what was to be written before could not be; it is tried again at the end.
        """
        self._worker.put(self._store.record_of(batch))
        self._worker.check()

    def flush(self) -> None:
        """Return when everything is written.

        :raises DatabaseError: it cannot be.
        """
        self._worker.wait_for(self._worker.run(self._worker.write_all))

    def hurry(self, deadline: float) -> None:
        """Wait for the database no longer than until a moment of ``time.monotonic()``: the task is being killed."""
        self._worker.deadline = deadline

    def close(self, completed: bool) -> None:
        """Write what is left, release what was never sent, and end the delivery.

        :raises DatabaseError: what is left cannot be written.
        """
        summary = None if self._summary is None else self._summary.as_dict()
        self._worker.close("completed" if completed else "failed", summary)


class _Worker:
    """The thread that does the ledger's work, one thing at a time."""

    def __init__(self, database: Database, store: LedgerStore, name: str) -> None:
        self._database = database
        self._store = store
        self._name = name
        self._jobs: queue.Queue[Record | tuple[Callable[[], Any], Future[Any]] | None] = queue.Queue(_WAITING_BATCHES)
        self._unwritten: list[Record] = []
        self._failed_before = False
        self._error: Exception | None = None
        #: Until when the calling thread waits; set by a signal handler, too.
        self.deadline = math.inf
        # A daemon: a database that hangs must not keep a killed task alive.
        self._thread = threading.Thread(target=self._work, name="linkedin-ledger", daemon=True)
        self._thread.start()

    def put(self, record: Record) -> None:
        """Hand in the outcomes of a batch; wait while too many are waiting."""
        self._hand_in(record)

    def _hand_in(self, job: Record | tuple[Callable[[], Any], Future[Any]]) -> None:
        while True:
            try:
                return self._jobs.put(job, timeout=_TICK_SECONDS)
            except queue.Full:
                self._check_deadline()

    def wait_for(self, future: Future[Any]) -> None:
        """Return when something handed in is done, or raise what it raised."""
        while not wait([future], timeout=_TICK_SECONDS).done:
            self._check_deadline()
        future.result()

    def _check_deadline(self) -> None:
        if time.monotonic() > self.deadline:
            raise DatabaseError(
                f"{self._name} did not answer before the task had to end. A retry records what is missing."
            )

    def run(self, action: Callable[[], Any]) -> Future[Any]:
        """Hand in something to do; the future has its result."""
        if not self._thread.is_alive():
            raise RuntimeError(f"{self._name} is closed")
        future: Future[Any] = Future()
        self._hand_in((action, future))
        return future

    def check(self) -> None:
        """Raise what went wrong since the last call."""
        if error := self._error:
            self._error = None
            raise error

    def close(self, state: str, summary: Mapping[str, Any] | None) -> None:
        """Do what is left, and end the thread."""

        def end() -> None:
            try:
                self.write_all()
            finally:
                self._store.end(state, summary)

        ending = self.run(end)
        try:
            self.wait_for(ending)
        finally:
            # A database that hangs keeps the thread; as a daemon it ends with the task.
            if ending.done():
                self._jobs.put(None)
                self._thread.join()

    def _work(self) -> None:
        done = False
        while not done:
            jobs = self._next_jobs()
            actions = []
            for job in jobs:
                if job is None:
                    done = True
                elif isinstance(job, tuple):
                    actions.append(job)
                else:
                    self._unwritten.append(job)
            # Outcomes first: a claim may ask for the event of an earlier batch.
            if self._unwritten and not self._failed_before:
                self._attempt(self.write_all)
            for action, future in actions:
                try:
                    future.set_result(action())
                except BaseException as error:
                    future.set_exception(error)
            if not done:
                self._attempt(self._heartbeat)
        self._database.close()

    def _heartbeat(self) -> None:
        try:
            self._store.heartbeat()
        except DatabaseError as error:
            if error.permanent:
                raise
            # The next one may come through; until then the lease lasts.
            _log.warning("The heartbeat of %s failed: %s", self._name, error)

    def _next_jobs(self) -> list[Record | tuple[Callable[[], Any], Future[Any]] | None]:
        """Return all that wait; none when it is time for a sign of life."""
        jobs = []
        try:
            jobs.append(self._jobs.get(timeout=ledger_store.HEARTBEAT_SECONDS))
            while True:
                jobs.append(self._jobs.get_nowait())
        except queue.Empty:
            return jobs

    def _attempt(self, action: Callable[[], None]) -> None:
        """Do something nobody waits for; whoever calls next is told what went wrong."""
        try:
            action()
        except Exception as error:
            _log.warning("Writing %s failed: %s", self._name, error)
            self._error = error

    def patiently(self, action: Callable[[], Any]) -> Any:
        """Do something again when the database refuses it for the time being."""
        for pause in _PAUSES:
            try:
                return action()
            except DatabaseError as error:
                if error.permanent:
                    raise
                _log.warning("%s Again in %.1f s.", error, pause)
                time.sleep(pause)
        return action()

    def write_all(self) -> None:
        """Write the outcomes that wait."""

        def write() -> None:
            again, self._failed_before = self._failed_before, True
            self._store.record(self._unwritten, again=again)

        if self._unwritten:
            self.patiently(write)
            self._unwritten, self._failed_before = [], False
