"""Rows to LinkedIn, every row accounted for."""

from __future__ import annotations

import gc
import logging
import queue
from contextlib import contextmanager, suppress
from dataclasses import replace
from typing import TYPE_CHECKING

from airflow_provider_linkedin_capi import exceptions
from airflow_provider_linkedin_capi.api import conversion_events, limits, retry
from airflow_provider_linkedin_capi.delivery.checkpoint import Checkpoint
from airflow_provider_linkedin_capi.delivery.errors import short, stopped_at
from airflow_provider_linkedin_capi.delivery.interfaces import DeliveryInfo, Ledger
from airflow_provider_linkedin_capi.delivery.isolation import BatchFaultError
from airflow_provider_linkedin_capi.delivery.outcomes import Summary
from airflow_provider_linkedin_capi.delivery.pacing import Pace, utcnow
from airflow_provider_linkedin_capi.delivery.packing import Packer
from airflow_provider_linkedin_capi.delivery.progress import Progress, masked
from airflow_provider_linkedin_capi.delivery.rows import cut
from airflow_provider_linkedin_capi.delivery.sending import Accepted, Failed, Job, NotSent, Refused, Sender, Unknown
from airflow_provider_linkedin_capi.exceptions import (
    DeliveryInterruptedError,
    DeliveryStoppedError,
)

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Callable, Iterable, Iterator

    from airflow_provider_linkedin_capi.delivery.batch import Batch
    from airflow_provider_linkedin_capi.delivery.interfaces import (
        CheckpointStore,
        DeliverySettings,
        MapperFactory,
        OutcomeSink,
        Source,
        Transport,
    )
    from airflow_provider_linkedin_capi.delivery.sending import Answer
    from airflow_provider_linkedin_capi.exceptions import LinkedInError

_log = logging.getLogger(__name__)

#: How often the calling thread looks up from waiting for answers.
_LOOK_UP_SECONDS = 1.0
#: How long answers on their way are waited for when somebody ends the task.
_GRACE_SECONDS = 5.0
_OBJECTS_BEFORE_COLLECTION = 500_000


class Delivery:
    """Delivers the rows of one source to LinkedIn; one object, one run.

    Rows are mapped, encoded and recorded on the calling thread; ``max_in_flight`` threads do nothing but send. Store,
    sinks and ledger are used on the calling thread only. In memory are the batches in flight and the one that comes
    next, however many rows there are.

    .. code-block:: python

        delivery = Delivery(hook, DeliverySettings(), checkpoint=store, sinks=[DeadLetters(path)])
        summary = delivery.run(source, lambda columns, now_ms: RowMapper(columns, rule=rule, now_ms=now_ms))

    :param transport: the way to LinkedIn; the hook.
    :param settings: how to deliver.
    :param checkpoint: what survives this try; None forgets.
    :param sinks: where the outcomes of rows go. At most one of them may be a ledger: it is asked before each batch is
        sent, and what it knows as delivered is left out.
    :param info: which delivery this is, for the sinks.
    :param log: says how far it is and what went wrong; no personal data.
    :param utcnow: the clock of the first try, of sending times and of the day's end.
    :param make_pace: replaced in tests.
    """

    def __init__(
        self,
        transport: Transport,
        settings: DeliverySettings,
        *,
        checkpoint: CheckpointStore | None = None,
        sinks: Iterable[OutcomeSink] = (),
        info: DeliveryInfo | None = None,
        log: logging.Logger = _log,
        utcnow: Callable[[], dt.datetime] = utcnow,
        make_pace: Callable[..., Pace] = Pace,
    ) -> None:
        self.summary = Summary()
        self._transport = transport
        self._settings = settings
        self._sinks = tuple(sinks)
        self._ledger = next((sink for sink in self._sinks if isinstance(sink, Ledger)), None)
        self._info = replace(info or DeliveryInfo(dry_run=settings.dry_run), summary=self.summary)
        self._log = log
        self._utcnow = utcnow
        self._checkpoint = Checkpoint(None if settings.dry_run else checkpoint, utcnow)
        self._pace = make_pace(
            settings.requests_per_minute, settings.requests_per_day, self._checkpoint.requests_today, utcnow=utcnow
        )
        self._stopping = False
        self._first_event_shown = False
        self._open: set[Batch] = set()
        self._outstanding = 0
        self._to_submit: list[Job] = []
        self._to_report: list[Batch] = []
        self._to_save = False
        self._held_in_a_row = 0

    def run(self, source: Source, make_mapper: MapperFactory) -> Summary:
        """Deliver all rows and return the figures.

        :param source: where the rows come from.
        :param make_mapper: makes the mapper once the columns are known.
        :raises DeliveryStoppedError: LinkedIn refuses something that is no row's fault, or does not answer.
        :raises DayLimitReachedError: the day's requests are used up.
        :raises DeliveryInterruptedError: :meth:`stop` was called.

        Whatever ends it early, an exception of the source or a sink included: answers on their way are waited for,
        recorded and reported first, and :attr:`summary` says how far it came.
        """
        opened: list[OutcomeSink] = []
        try:
            for sink in self._sinks:
                sink.open(self._info)
                opened.append(sink)
            self._run(source, make_mapper)
        except BaseException:
            for sink in opened:
                with suppress(Exception):
                    sink.close(completed=False)
            raise
        for sink in opened:
            sink.close(completed=True)
        return self.summary

    def _run(self, source: Source, make_mapper: MapperFactory) -> None:
        hold = self._settings.on_unknown_outcome == "hold"
        packer = Packer(make_mapper, self._checkpoint, self._ledger, hold=hold)
        count_rows = getattr(source, "count_rows", None)
        self._progress = Progress(self._log, count_rows() if count_rows else None)
        threads = 0 if self._settings.dry_run else self._settings.max_in_flight
        self._sender = Sender(self._transport, self._pace, threads, self._log)
        if self._checkpoint.resumed:
            self._log.info("An earlier try was here: what LinkedIn acknowledged is not sent again.")
        portions = source.chunks(self._settings.batch_size)
        try:
            with _rare_garbage_collection():
                for batch in packer.batches(cut(portions, self._settings.batch_size)):
                    self.summary.batches += 1
                    self._collect(wait=False)
                    while len(self._open) >= self._settings.max_in_flight:
                        self._collect()
                    self._begin(batch)
                    self._commit()
                    self._check_stop()
                    self._progress.tell(self.summary)
                while self._open:
                    self._collect()
                self._commit()
        except BaseException as error:
            self._wind_up(patiently=isinstance(error, Exception) and not self._stopping)
            raise
        finally:
            if (close := getattr(portions, "close", None)) is not None:
                close()
            self._sender.close()
            self._transport.housekeeping()
            self.summary.resent_unknown = self._checkpoint.resent_unknown
            self.summary.seconds = round(self._progress.seconds, 3)
        for digest in self._checkpoint.unmatched():
            self._log.warning(
                "Batch %s of an earlier try has an unknown outcome and does not occur in this try: its rows changed",
                digest,
            )

    def stop(self) -> None:
        """End the run soon, from any thread or a signal handler: no further request is made."""
        self._stopping = True
        self._pace.stop()

    # Sending

    def _begin(self, batch: Batch) -> None:
        if self._settings.dry_run:
            if batch.mapped.events and not self._first_event_shown:
                self._first_event_shown = True
                self._log.info("Dry run, nothing is sent. The first event: %s", masked(batch.mapped.events[0]))
            while batch.course.next is not None:
                batch.state.accepted.update(batch.course.next)
                batch.course.judge({})
        self._open.add(batch)
        self._go_on(batch)

    def _go_on(self, batch: Batch) -> None:
        """Queue the next request of a batch, or its report when there is none; :meth:`_commit` carries it out."""
        idempotent = self._settings.on_unknown_outcome == "resend"
        while (piece := batch.course.next) is not None:
            body = batch.encode(piece)
            if len(body) <= self._settings.max_batch_bytes or (len(piece) == 1 and len(body) <= limits.MAX_BATCH_BYTES):
                call = conversion_events.batch_create(
                    body, self._settings.api_version, count=len(piece), idempotent=idempotent
                )
                self._queue(Job(batch, piece, call, retry.Attempts(call)))
                return
            too_large = exceptions.TooLargeError(f"{len(body)} bytes are more than LinkedIn takes", code="TOO_LARGE")
            batch.course.judge(too_large)
            batch.state.refused.update(batch.course.refused)
        self._open.discard(batch)
        self._to_report.append(batch)

    def _queue(self, job: Job) -> None:
        state = job.batch.state
        job.requests = 0
        job.unknown = state.in_flight.intersection(job.positions)
        self._checkpoint.resent_unknown += len(job.unknown)
        state.in_flight.update(job.positions)
        self._note(job.batch)
        self._to_submit.append(job)

    def _note(self, batch: Batch) -> None:
        self._checkpoint.note(batch.digest, batch.size, batch.state)
        self._to_save = True

    def _commit(self) -> None:
        """Save, then send, then report: what is sent is on record before, what is reported is on record for good."""
        if self._to_save:
            self._checkpoint.requests_today = self._pace.today()
            self._checkpoint.save()
            self._to_save = False
        while self._to_submit:
            self._outstanding += 1
            self._sender.submit(self._to_submit.pop(0))
        while self._to_report:
            self._report(self._to_report.pop(0))

    def _collect(self, *, wait: bool = True) -> None:
        """Take in all answers that are there, at least one with ``wait``; what follows waits for :meth:`_commit`.

        So one save records both what was answered and what is sent next.
        """
        self._check_stop()
        if wait:
            self._commit()
        self._transport.housekeeping()
        answers = [self._wait_for_answer()] if wait and self._outstanding else []
        while self._outstanding:
            try:
                answers.append(self._next_answer(timeout=0))
            except queue.Empty:
                break
        faults = [fault for job, answer in answers if (fault := self._take_in(job, answer))]
        if faults:
            raise faults[0]

    def _wait_for_answer(self) -> tuple[Job, Answer]:
        while True:
            self._check_stop()
            try:
                return self._next_answer(timeout=_LOOK_UP_SECONDS)
            except queue.Empty:
                self._transport.housekeeping()
                self._progress.tell(self.summary)

    def _next_answer(self, timeout: float | None) -> tuple[Job, Answer]:
        job, answer = self._sender.answer(timeout)
        self._outstanding -= 1
        return job, answer

    def _check_stop(self) -> None:
        if self._stopping:
            raise DeliveryInterruptedError("the delivery was stopped; a retry goes on from here", summary=self.summary)

    # After the sending

    def _take_in(self, job: Job, answer: Answer) -> BaseException | None:
        """Take one answer into record and course, queue what follows; return what has to end the run.

        While the run is ending, only the record is made.
        """
        batch = job.batch
        self._settle(job, answer)
        if self._stopping:
            return None
        match answer:
            case Accepted(failures):
                self._held_in_a_row = 0
                verdict: LinkedInError | dict[int, LinkedInError] | None = dict(failures)
            case Refused(error):
                if isinstance(error, exceptions.InvalidRequestError) and not batch.refusal_told:
                    batch.refusal_told = True
                    self._log.warning("%s: LinkedIn refuses some of it: %s", batch.name, short(error))
                verdict = error
            case Unknown(error, again_after) if again_after is not None:
                self._log.warning("%s: outcome unknown, sending again: %s", batch.name, short(error))
                job.delay = again_after
                self._queue(job)
                return None
            case Unknown(error):
                if self._settings.on_unknown_outcome == "resend":
                    return self._stopped(batch, error)
                self._log.warning(
                    "%s: outcome unknown, %d events held: %s", batch.name, len(job.positions), short(error)
                )
                batch.held.update(job.positions)
                self._held_in_a_row += 1
                if self._held_in_a_row > 2 * self._settings.max_in_flight:
                    return self._stopped(batch, error)
                verdict = None
            case NotSent():
                return None
            case Failed(error):
                return error
        try:
            batch.course.judge(verdict)
        except BatchFaultError as fault:
            return self._stopped(batch, fault.error, fault.rule)
        finally:
            batch.state.refused.update(batch.course.refused)
            self._note(batch)
        self._go_on(batch)
        return None

    def _settle(self, job: Job, answer: Answer) -> None:
        """Count the requests and take down what the answer says of the events."""
        batch = job.batch
        summary, state, positions = self.summary, batch.state, job.positions
        summary.requests += job.requests
        summary.retries += job.requests if job.repeated else max(0, job.requests - 1)
        summary.events_sent += job.requests * len(positions)
        job.repeated = job.repeated or job.requests > 0
        match answer:
            case Accepted(failures):
                taken = positions
                if failures:
                    taken = [position for index, position in enumerate(positions) if index not in failures]
                state.in_flight.difference_update(positions)
                state.accepted.update(taken)
                self._checkpoint.accepted += len(taken)
                batch.sent_at = self._utcnow()
            case Refused(exceptions.InvalidRequestError() | exceptions.TooLargeError()):
                state.in_flight.difference_update(positions)
            case Refused() | NotSent():
                state.in_flight.difference_update(set(positions) - job.unknown)
                if not job.requests:
                    self._checkpoint.resent_unknown -= len(job.unknown)
            case Unknown() | Failed():
                pass
        self._note(batch)

    def _report(self, batch: Batch) -> None:
        outcome = batch.outcome()
        self.summary.add(outcome)
        self.summary.resent_unknown = self._checkpoint.resent_unknown
        for sink in self._sinks:
            sink.write(outcome)

    # The end before the end

    def _stopped(self, batch: Batch, error: LinkedInError, rule: str | None = None) -> DeliveryStoppedError:
        return stopped_at(batch.name, error, rule, summary=self.summary, now=self._utcnow())

    def _wind_up(self, *, patiently: bool) -> None:
        """Record and report what is on its way; nothing new is sent."""
        self._stopping = True
        self._pace.stop()
        for job in self._to_submit:
            self._settle(job, NotSent())
        self._to_submit.clear()
        try:
            while self._outstanding:
                self._take_in(*self._next_answer(timeout=None if patiently else _GRACE_SECONDS))
        except queue.Empty:
            self._log.warning("%d requests were not answered in time", self._outstanding)
        for batch in self._open:
            if unknown := batch.state.in_flight - batch.held:
                self._log.warning("%s: outcome unknown for %d events", batch.name, len(unknown))
        self._to_report.extend(sorted(self._open, key=lambda batch: batch.number))
        self._open.clear()
        # What ended the run may be the store or a sink; the others still get what is known.
        while self._to_save or self._to_report:
            try:
                self._commit()
            except Exception:
                self._to_save = False
                self._log.exception("Not everything could be recorded at the end")


@contextmanager
def _rare_garbage_collection() -> Iterator[None]:
    """Let Python look for cycles only when the batches in flight cannot explain the number of objects.

    Rows and events form none, and are freed as soon as their batch is done; looking at each of them several times while
    they live took a quarter of all the time.
    """
    before = gc.get_threshold()
    gc.set_threshold(_OBJECTS_BEFORE_COLLECTION if before[0] else 0, *before[1:])
    try:
        yield
    finally:
        gc.set_threshold(*before)
