"""Rows to LinkedIn, every row accounted for."""

from __future__ import annotations

import gc
import logging
import math
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from airflow_provider_linkedin_capi import exceptions
from airflow_provider_linkedin_capi.api import conversion_events, retry
from airflow_provider_linkedin_capi.delivery.batch import Packer
from airflow_provider_linkedin_capi.delivery.checkpoint import Checkpoint
from airflow_provider_linkedin_capi.delivery.errors import short, stopped_at
from airflow_provider_linkedin_capi.delivery.interfaces import DeliveryInfo, Ledger
from airflow_provider_linkedin_capi.delivery.isolation import BatchFaultError, Evidence, Isolation
from airflow_provider_linkedin_capi.delivery.outcomes import Summary
from airflow_provider_linkedin_capi.delivery.pacing import Pace, RequestSize, Window, utcnow
from airflow_provider_linkedin_capi.delivery.progress import Progress, masked
from airflow_provider_linkedin_capi.delivery.rows import cut
from airflow_provider_linkedin_capi.delivery.sending import Accepted, Failed, Job, NotSent, Refused, Sender, Unknown
from airflow_provider_linkedin_capi.exceptions import DeliveryInterruptedError, DeliverySupersededError

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from concurrent.futures import Future

    from airflow_provider_linkedin_capi.delivery.batch import Batch
    from airflow_provider_linkedin_capi.delivery.interfaces import (
        CheckpointStore,
        Claims,
        DeliverySettings,
        MapperFactory,
        OutcomeSink,
        Source,
        Transport,
    )
    from airflow_provider_linkedin_capi.delivery.outcomes import BatchOutcome
    from airflow_provider_linkedin_capi.delivery.sending import Answer
    from airflow_provider_linkedin_capi.exceptions import DeliveryStoppedError, LinkedInError

_log = logging.getLogger(__name__)

#: How often the calling thread checks the time while it waits for answers.
_TICK_SECONDS = 1.0
#: How long a delivery that is stopped waits for answers, in all: Airflow kills a task 5 s after SIGTERM.
_GRACE_SECONDS = 3.0
#: How long events claimed by another delivery are left alone before the ledger is asked again; then ever longer.
_FIRST_RECHECK_SECONDS = 0.5
_LONGEST_RECHECK_SECONDS = 10.0
_OBJECTS_BEFORE_COLLECTION = 500_000


class Delivery:
    """Delivers the rows of one source to LinkedIn; one object, one run.

    Rows are mapped, encoded and recorded on the calling thread; other threads do nothing but send. Store and sinks are
    used on the calling thread only. In memory are the batches in flight and the one that comes next, however many rows
    there are.

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
        sinks = list(sinks)
        ledgers = [sink for sink in sinks if isinstance(sink, Ledger)]
        if len(ledgers) > 1:
            raise exceptions.ConfigurationError("a delivery can have one ledger among its sinks, not several")
        self._run = _Run(
            transport,
            settings,
            Checkpoint(None if settings.dry_run else checkpoint, utcnow),
            sinks,
            ledgers[0] if ledgers else None,
            info or DeliveryInfo(dry_run=settings.dry_run),
            self.summary,
            log,
            utcnow,
            make_pace,
        )

    def run(self, source: Source, make_mapper: MapperFactory) -> Summary:
        """Deliver all rows and return the figures.

        :param source: where the rows come from.
        :param make_mapper: makes the mapper once the columns are known.
        :raises DeliveryStoppedError: LinkedIn refuses something that is not a row's fault, or does not answer.
        :raises DayLimitReachedError: the day's requests are used up.
        :raises DeliveryInterruptedError: :meth:`stop` was called.

        Whatever ends it early, an exception of the source or a sink included: answers on their way are waited for,
        recorded and reported first, and :attr:`summary` says how far it came.
        """
        self._run.run(source, make_mapper)
        return self.summary

    def stop(self) -> None:
        """End the run soon, from any thread or a signal handler: no further request is made."""
        self._run.stop()
        self._run.hurry()


@dataclass(slots=True)
class _Report:
    """A batch that is settled, and the sinks that have not taken it yet."""

    outcome: BatchOutcome
    sinks: list[OutcomeSink]


class _Run:
    """What lives in one run of a delivery."""

    def __init__(
        self,
        transport: Transport,
        settings: DeliverySettings,
        checkpoint: Checkpoint,
        sinks: Sequence[OutcomeSink],
        ledger: Ledger | None,
        info: DeliveryInfo,
        summary: Summary,
        log: logging.Logger,
        utcnow: Callable[[], dt.datetime],
        make_pace: Callable[..., Pace],
    ) -> None:
        self._settings = settings
        self._checkpoint = checkpoint
        self._sinks = sinks
        self._ledger = ledger
        self._transport = transport
        self._info = replace(info, summary=summary)
        self._summary = summary
        self._log = log
        self._utcnow = utcnow
        self._pace = make_pace(
            settings.requests_per_minute, settings.requests_per_day, checkpoint.requests_today, utcnow=utcnow
        )
        self._sender = Sender(transport, self._pace, log)
        self._window = Window(settings.max_in_flight, settings.requests_per_minute)
        learned = checkpoint.max_request_bytes
        self._size = RequestSize(min(filter(None, (settings.max_request_bytes, learned)), default=None))
        self._evidence = Evidence(set(checkpoint.accepted_rules))
        self._progress = Progress(log, None)
        self._stopped_at: float | None = None
        self._winding_up = False
        self._first_event_shown = False
        self._open: dict[Batch, None] = {}
        self._to_submit: list[Job] = []
        self._to_report: list[_Report] = []
        self._to_save = False
        self._superseded = False
        self._held_in_a_row = 0
        self._recheck_after = _FIRST_RECHECK_SECONDS
        self._next_recheck = 0.0

    @property
    def _hold(self) -> bool:
        return self._settings.on_unknown_outcome == "hold"

    def stop(self) -> None:
        """Make no further request."""
        if self._stopped_at is None:
            self._stopped_at = time.monotonic()
        self._pace.stop()
        self._sender.wake()

    def hurry(self) -> None:
        """Have the ledger answer within the grace, too."""
        assert self._stopped_at is not None
        if self._ledger:
            self._ledger.hurry(self._stopped_at + _GRACE_SECONDS)

    def run(self, source: Source, make_mapper: MapperFactory) -> None:
        """Open the sinks, deliver, and close the sinks, whatever happens."""
        opened: list[OutcomeSink] = []
        try:
            for sink in self._sinks:
                sink.open(self._info)
                opened.append(sink)
            self._deliver(source, make_mapper)
            if self._ledger:
                self._ledger.flush()
        except BaseException as error:
            self._wind_up(patiently=isinstance(error, Exception) and self._stopped_at is None)
            self._close(opened, completed=False)
            raise
        finally:
            self._sender.close()
            self._transport.housekeeping()
            self._summary.resent_unknown = self._checkpoint.resent_unknown
            self._summary.seconds = round(self._progress.seconds, 3)
        if failures := self._close(opened, completed=True):
            raise failures[0]

    def _close(self, sinks: Sequence[OutcomeSink], *, completed: bool) -> list[Exception]:
        """Close all sinks; return the exceptions of those that failed."""
        failures = []
        for sink in sinks:
            try:
                sink.close(completed)
            except Exception as error:
                self._log.warning("Closing the sink %s failed: %s", type(sink).__name__, type(error).__name__)
                failures.append(error)
        return failures

    def _deliver(self, source: Source, make_mapper: MapperFactory) -> None:
        if self._checkpoint.resumed:
            self._log.info("An earlier try began this delivery: what LinkedIn acknowledged is not sent again.")
        packer = Packer(make_mapper, self._checkpoint)
        count_rows = getattr(source, "count_rows", None)
        self._progress = Progress(self._log, count_rows() if count_rows else None)
        portions = source.chunks(self._settings.batch_size)
        try:
            with _rare_garbage_collection():
                for batch in self._claimed(map(packer.pack, cut(portions, self._settings.batch_size))):
                    self._summary.batches += 1
                    self._collect(wait=False)
                    while len(self._open) >= self._window.size:
                        self._collect()
                    self._begin(batch)
                    self._commit()
                    self._check_stop()
                    self._progress.tell(self._summary)
                while self._open:
                    self._collect()
                self._commit()
        finally:
            if (close := getattr(portions, "close", None)) is not None:
                close()
        for digest in self._checkpoint.unmatched():
            self._log.warning(
                "Batch %s of an earlier try has an unknown outcome and does not occur in this try: its rows changed",
                digest,
            )

    # Sending

    def _claimed(self, batches: Iterable[Batch]) -> Iterator[Batch]:
        """Yield the batches with the ledger's claims; while one is sent, the events of the next one are claimed."""
        if self._ledger is None:
            yield from batches
            return
        before: tuple[Batch, list[int], Future[Claims] | None] | None = None
        for batch in batches:
            elements = batch.elements
            asked = sorted({*elements.unsent, *elements.in_flight})
            claims = self._ledger.claim(batch.events(asked), batch=batch.number) if asked else None
            if before:
                yield self._with_claims(*before)
            before = batch, asked, claims
        if before:
            yield self._with_claims(*before)

    def _with_claims(self, batch: Batch, asked: Sequence[int], claims: Future[Claims] | None) -> Batch:
        """Note what the ledger says of events, as soon as it does."""
        if claims is None:
            return batch
        while not claims.done():
            with suppress(TimeoutError):
                claims.exception(timeout=_TICK_SECONDS)
            self._check_stop()
        answer, elements = claims.result(), batch.elements
        accepted = {asked[index] for index in answer.accepted}
        unknown = {asked[index] for index in answer.unknown}
        if answer.earlier and not batch.restored and self._checkpoint.may_have_sent(batch.number):
            unknown.update(asked[index] for index in answer.earlier)
        elements.skipped |= accepted
        elements.elsewhere = {asked[index] for index in answer.elsewhere}
        elements.in_flight |= unknown
        elements.in_flight -= accepted | elements.elsewhere
        return batch

    def _begin(self, batch: Batch) -> None:
        """Decide what of a batch is to be sent, and send the first part."""
        elements = batch.elements
        if self._hold:
            elements.held |= elements.in_flight
        if self._settings.dry_run:
            if batch.mapped.events and not self._first_event_shown:
                self._first_event_shown = True
                self._log.info("Dry run, nothing is sent. The first event: %s", masked(batch.mapped.events[0]))
            elements.accept([*elements.unsent, *elements.elsewhere, *elements.in_flight])
            elements.elsewhere.clear()
        again = sorted(elements.in_flight - elements.held - elements.elsewhere)
        batch.isolation = Isolation(elements, self._evidence, again, elements.unsent)
        self._open[batch] = None
        self._continue(batch)

    def _continue(self, batch: Batch, attempts: retry.Attempts | None = None) -> None:
        """Queue the next request of a batch, or its report when there is none; :meth:`_commit` carries it out."""
        isolation = batch.isolation
        while (piece := isolation.next) is not None:
            body = batch.encode(piece)
            if self._size.limit is not None and len(body) > self._size.limit and len(piece) > 1:
                isolation.record(min(len(piece), math.ceil(len(body) / self._size.limit)))
                continue
            call = conversion_events.batch_create(body, count=len(piece), idempotent=not self._hold)
            job = Job(batch, piece, call, attempts or retry.Attempts(call))
            if isolation.repeating is not None:
                decision = job.attempts.after(isolation.repeating)
                if not isinstance(decision, retry.Wait):
                    raise BatchFaultError(isolation.repeating, None)
                job.delay = decision.seconds
                if decision.everybody:
                    self._pace.pause(decision.seconds)
            self._queue(job)
            return
        if batch.elements.elsewhere:
            return
        del self._open[batch]
        self._note(batch, done=True)
        self._finish(batch)

    def _queue(self, job: Job) -> None:
        job.requests = 0
        job.unknown = job.batch.elements.sent(job.positions)
        self._checkpoint.resent_unknown += len(job.unknown)
        self._note(job.batch)
        self._to_submit.append(job)

    def _note(self, batch: Batch, *, done: bool = False) -> None:
        if batch.digest:
            rows = len(batch.chunk.rows)
            full = rows == self._settings.batch_size
            self._checkpoint.note(batch.digest, batch.number, batch.elements, batch.mapped, rows, full=full, done=done)
            self._to_save = True

    def _finish(self, batch: Batch) -> None:
        outcome = batch.outcome()
        self._summary.add(outcome)
        self._to_report.append(_Report(outcome, list(self._sinks)))

    def _commit(self) -> None:
        """Save, then send, then report: what is sent is on record before, what is reported is on record for good."""
        self._save()
        while self._to_submit:
            self._sender.submit(self._to_submit[0])
            del self._to_submit[0]
        while self._to_report:
            report = self._to_report[0]
            while report.sinks:
                report.sinks[0].write(report.outcome)
                del report.sinks[0]
            del self._to_report[0]

    def _save(self) -> None:
        if self._to_save:
            self._checkpoint.requests_today = self._pace.today()
            self._checkpoint.max_request_bytes = self._size.limit
            self._checkpoint.save()
            self._to_save = False
            self._summary.resent_unknown = self._checkpoint.resent_unknown

    def _collect(self, *, wait: bool = True) -> None:
        """Take in all answers that are there, at least one with ``wait``; what follows waits for :meth:`_commit`.

        So one save records both what was answered and what is sent next.
        """
        self._check_stop()
        if wait:
            self._commit()
        self._transport.housekeeping()
        answers = [self._wait_for_answer()] if wait and self._sender.outstanding else []
        while self._sender.outstanding and (answer := self._sender.answer(timeout=0)):
            answers.append(answer)
        faults = [fault for job, answer in answers if (fault := self._take_in(job, answer))]
        if faults:
            raise faults[0]
        self._recheck(wait=wait and not answers)

    def _wait_for_answer(self) -> tuple[Job, Answer]:
        while True:
            self._check_stop()
            if answer := self._sender.answer(timeout=_TICK_SECONDS):
                return answer
            self._transport.housekeeping()
            self._progress.tell(self._summary)

    def _check_stop(self) -> None:
        if self._stopped_at is not None:
            raise DeliveryInterruptedError("The delivery was stopped. A retry continues it.", summary=self._summary)

    def _recheck(self, *, wait: bool) -> None:
        """Ask the ledger again for events that another delivery has claimed, if it is time."""
        waiting = [batch for batch in self._open if batch.elements.elsewhere]
        if self._ledger is None or not waiting:
            return
        if self._next_recheck == 0.0:
            self._log.info("Another delivery is sending some of these events; waiting for what becomes of them")
            self._next_recheck = time.monotonic() + self._recheck_after
        if wait and not self._sender.outstanding and not self._to_submit:
            self._sender.answer(timeout=max(0.0, self._next_recheck - time.monotonic()))
            self._check_stop()
        if time.monotonic() < self._next_recheck:
            return
        for batch in waiting:
            asked = sorted(batch.elements.elsewhere)
            self._with_claims(batch, asked, self._ledger.claim(batch.events(asked), batch=batch.number))
            if self._hold:
                batch.elements.held |= batch.elements.in_flight.intersection(asked)
            settled = batch.elements.elsewhere | batch.elements.skipped | batch.elements.held
            if batch.isolation.next is None:
                batch.isolation.add([position for position in asked if position not in settled])
                self._continue(batch)
            else:
                batch.isolation.add([position for position in asked if position not in settled])
        self._recheck_after = min(2 * self._recheck_after, _LONGEST_RECHECK_SECONDS)
        self._next_recheck = time.monotonic() + self._recheck_after

    # After the sending

    def _take_in(self, job: Job, answer: Answer) -> BaseException | None:
        """Record one answer, queue what follows from it; return what has to end the run.

        While the run is ending, nothing more is sent.
        """
        batch = job.batch
        self._count(job, answer)
        attempts: retry.Attempts | None = None
        match answer:
            case Accepted(failures):
                self._held_in_a_row = 0
                self._window.answered(job.seconds, job.size)
                self._size.accepted(job.size)
                batch.sent_at = self._utcnow()
                result: LinkedInError | dict[int, LinkedInError] | int | None = dict(failures)
                attempts = job.attempts
            case Refused(error):
                if isinstance(error, exceptions.InvalidRequestError) and not batch.refusal_logged:
                    batch.refusal_logged = True
                    self._log.warning("%s: LinkedIn refuses some of it: %s", batch.name, short(error))
                if isinstance(error, exceptions.TooLargeError):
                    self._learn_size(job)
                result = error
            case Unknown(error, again_after):
                if again_after is None and self._hold:
                    self._hold_back(job, error)
                    if self._held_in_a_row > 2 * self._window.size:
                        return self._stopped(batch, error)
                    result = None
                elif again_after is None:
                    return self._stopped(batch, error)
                elif self._winding_up:
                    return None
                else:
                    self._log.warning("%s: outcome unknown, sending it again: %s", batch.name, short(error))
                    smaller = error.status is None and len(job.positions) > 1 and self._size.reset(job.size)
                    if not smaller:
                        job.delay = again_after
                        self._queue(job)
                        return None
                    self._log.warning("Requests of %d bytes get no answer; sending smaller ones", job.size)
                    result = 2
            case NotSent():
                return None
            case Failed(error):
                return error
        return self._proceed(batch, result, attempts)

    def _proceed(
        self,
        batch: Batch,
        result: LinkedInError | dict[int, LinkedInError] | int | None,
        attempts: retry.Attempts | None,
    ) -> BaseException | None:
        """Let the isolation decide what follows; return what has to end the run."""
        accepted = len(batch.elements.accepted)
        try:
            batch.isolation.record(result)
            if not self._winding_up:
                self._continue(batch, attempts if batch.isolation.repeating else None)
        except BatchFaultError as fault:
            batch.elements.forget_refusals()
            if fault.rule:
                self._checkpoint.discredit(fault.rule)
            return self._stopped(batch, fault.error, fault.rule)
        finally:
            self._checkpoint.accepted += len(batch.elements.accepted) - accepted
            self._checkpoint.prove(self._evidence.accepted_rules - self._checkpoint.accepted_rules)
            if batch in self._open:
                self._note(batch)
        return None

    def _count(self, job: Job, answer: Answer) -> None:
        """Count the requests, and note what an answer says of the events that may be on their way."""
        summary, elements, positions = self._summary, job.batch.elements, job.positions
        summary.requests += job.requests
        summary.retries += job.requests if job.repeated else max(0, job.requests - 1)
        summary.events_sent += job.requests * len(positions)
        job.repeated = job.repeated or job.requests > 0
        match answer:
            case Refused(exceptions.InvalidRequestError()):
                # LinkedIn would have refused an earlier attempt likewise.
                elements.not_stored(positions)
            case Refused() | NotSent():
                elements.not_stored(set(positions) - job.unknown)
                if not job.requests:
                    self._checkpoint.resent_unknown -= len(job.unknown)
        self._note(job.batch)

    def _learn_size(self, job: Job) -> None:
        self._size.too_large(job.size)
        if len(job.positions) > 1:
            self._log.warning("A request of %d bytes is too large; sending smaller ones from now on", job.size)

    def _hold_back(self, job: Job, error: LinkedInError) -> None:
        self._log.warning("%s: outcome unknown, %d events held: %s", job.batch.name, len(job.positions), short(error))
        job.batch.elements.held.update(job.positions)
        self._held_in_a_row += 1

    def _stopped(self, batch: Batch, error: LinkedInError, rule: str | None = None) -> DeliveryStoppedError:
        return stopped_at(batch.name, error, rule, summary=self._summary, now=self._utcnow())

    # The end before the end

    def _wind_up(self, *, patiently: bool) -> None:
        """Record and report what is on its way, each answer at once; nothing new is sent."""
        self._winding_up = True
        self.stop()
        assert self._stopped_at is not None
        deadline = math.inf
        if not patiently:
            deadline = self._stopped_at + _GRACE_SECONDS
            self.hurry()
        for job in self._to_submit:
            self._count(job, NotSent())
        self._to_submit.clear()
        self._try_to_save()
        while self._sender.outstanding and (left := deadline - time.monotonic()) > 0:
            if answer := self._sender.answer(timeout=min(left, _TICK_SECONDS)):
                self._take_in(*answer)
                self._try_to_save()
        if self._sender.outstanding:
            self._log.warning("%d requests were not answered in time", self._sender.outstanding)
        for batch in sorted(self._open, key=lambda batch: batch.number):
            if unknown := batch.elements.in_flight - batch.elements.held:
                self._log.warning("%s: outcome unknown for %d events", batch.name, len(unknown))
            self._note(batch, done=True)
            self._finish(batch)
        self._open.clear()
        self._to_save = True
        self._try_to_save()
        if self._superseded:
            # The other process reports these rows, but the ledger must not give free what was sent.
            for report in self._to_report:
                report.sinks = [sink for sink in report.sinks if sink is self._ledger]
        # What ended the run may be a sink: it is asked once more, and the others still get what is known.
        for report in self._to_report:
            for sink in report.sinks:
                try:
                    sink.write(report.outcome)
                except Exception as error:
                    self._log.error(
                        "The sink %s did not take batch %d: %s",
                        type(sink).__name__,
                        report.outcome.number,
                        type(error).__name__,
                    )
        self._to_report.clear()

    def _try_to_save(self) -> None:
        try:
            self._save()
        except DeliverySupersededError:
            self._to_save, self._superseded = False, True
        except Exception as error:
            self._to_save = False
            self._log.error("The checkpoint could not be saved: %s", type(error).__name__)


@contextmanager
def _rare_garbage_collection() -> Iterator[None]:
    """Let Python search for cycles only when the batches in flight cannot explain the number of objects.

    Rows and events form none, and are freed as soon as their batch is done; visiting each of them several times while
    they live took a quarter of all the time.
    """
    before = gc.get_threshold()
    gc.set_threshold(_OBJECTS_BEFORE_COLLECTION if before[0] else 0, *before[1:])
    try:
        yield
    finally:
        gc.set_threshold(*before)
