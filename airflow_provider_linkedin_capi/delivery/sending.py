"""The threads that send: attempts, waits and token refreshes, but no decision about the rows."""

from __future__ import annotations

import queue
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from airflow_provider_linkedin_capi.api import retry
from airflow_provider_linkedin_capi.delivery.pacing import StoppedError
from airflow_provider_linkedin_capi.exceptions import CredentialsError, LinkedInError

if TYPE_CHECKING:
    import logging
    from collections.abc import Mapping, Sequence

    from airflow_provider_linkedin_capi.api.call import Call
    from airflow_provider_linkedin_capi.delivery.batch import Batch
    from airflow_provider_linkedin_capi.delivery.interfaces import Transport
    from airflow_provider_linkedin_capi.delivery.pacing import Pace


@dataclass(frozen=True, slots=True)
class Accepted:
    """LinkedIn took the request; ``failures`` are the elements that it refused nevertheless, by their index."""

    failures: Mapping[int, LinkedInError]


@dataclass(frozen=True, slots=True)
class Refused:
    """No attempt helps any more; LinkedIn has stored nothing of the last one."""

    error: LinkedInError


@dataclass(frozen=True, slots=True)
class Unknown:
    """LinkedIn may have stored the elements. ``again_after`` are the seconds to the next attempt, None for no more."""

    error: LinkedInError
    again_after: float | None


@dataclass(frozen=True, slots=True)
class NotSent:
    """The delivery was stopped before the request could be made."""


@dataclass(frozen=True, slots=True)
class Failed:
    """Something broke that is none of LinkedIn's doing; the request may have left."""

    error: BaseException


Answer = Accepted | Refused | Unknown | NotSent | Failed


@dataclass(slots=True, eq=False)
class Job:
    """One body to be sent.

    :param batch: whose elements they are.
    :param positions: the elements in it, as positions in the batch.
    :param call: the request.
    :param attempts: counts the failures.
    :ivar delay: seconds to wait before the first attempt.
    :ivar requests: requests made since the job was handed in.
    :ivar repeated: whether requests were made before it was handed in.
    :ivar unknown: positions that were sent before, with unknown outcome.
    """

    batch: Batch
    positions: Sequence[int]
    call: Call[dict[int, LinkedInError]]
    attempts: retry.Attempts
    delay: float = field(default=0.0, init=False)
    requests: int = field(default=0, init=False)
    repeated: bool = field(default=False, init=False)
    unknown: set[int] = field(default_factory=set, init=False)


class Sender:
    """Sends jobs in threads of its own; hand in with :meth:`submit`, take out with :meth:`answer`.

    :param transport: the way to LinkedIn.
    :param pace: the budget that all threads share.
    :param threads: how many.
    :param log: hears of pauses and refreshed tokens.
    """

    def __init__(self, transport: Transport, pace: Pace, threads: int, log: logging.Logger) -> None:
        self._log = log
        self._transport = transport
        self._pace = pace
        self._jobs: queue.SimpleQueue[Job | None] = queue.SimpleQueue()
        self._answers: queue.SimpleQueue[tuple[Job, Answer]] = queue.SimpleQueue()
        # Daemons: a request that hangs must not keep a killed task alive.
        self._threads = [
            threading.Thread(target=self._work, name=f"linkedin-delivery-{number}", daemon=True)
            for number in range(threads)
        ]
        for thread in self._threads:
            thread.start()

    def submit(self, job: Job) -> None:
        """Hand in a job."""
        self._jobs.put(job)

    def answer(self, timeout: float | None = None) -> tuple[Job, Answer]:
        """Return the next answer.

        :raises queue.Empty: there was none within ``timeout`` seconds.
        """
        return self._answers.get(timeout=timeout)

    def close(self) -> None:
        """Let the threads end when they have nothing more to do."""
        for _ in self._threads:
            self._jobs.put(None)

    def _work(self) -> None:
        while (job := self._jobs.get()) is not None:
            try:
                answer = self._send(job)
            except StoppedError:
                answer = NotSent()
            except BaseException as error:
                answer = Failed(error)
            self._answers.put((job, answer))

    def _send(self, job: Job) -> Answer:
        delay = job.delay
        while True:
            try:
                self._pace.take_turn(delay)
            except LinkedInError as error:
                return Refused(error)
            try:
                return Accepted(self._attempt(job))
            except LinkedInError as error:
                decision = job.attempts.after(error)
                delay = decision.seconds if isinstance(decision, retry.Wait) else 0.0
                if error.outcome_unknown:
                    return Unknown(error, delay if isinstance(decision, retry.Wait) else None)
                match decision:
                    case retry.Wait(everybody=True):
                        self._log.warning("LinkedIn limits the rate; all requests pause for %.1f s", delay)
                        self._pace.pause(delay)
                    case retry.Wait():
                        self._log.warning("No connection, or LinkedIn is not ready; again in %.1f s", delay)
                    case retry.Refresh() if isinstance(error, CredentialsError):
                        try:
                            self._transport.refresh(error)
                        except LinkedInError as refusal:
                            return Refused(refusal)
                    case _:
                        return Refused(error)

    def _attempt(self, job: Job) -> Mapping[int, LinkedInError]:
        job.requests += 1
        try:
            return job.call.result(self._transport.send(job.call))
        finally:
            self._pace.answered()
