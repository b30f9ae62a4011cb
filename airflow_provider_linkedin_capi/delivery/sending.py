"""The threads that send: attempts, waits and token refreshes, but no decision about the rows."""

from __future__ import annotations

import queue
import threading
import time
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
    """No further attempt helps; LinkedIn has stored nothing of the last one."""

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
    """Something broke that LinkedIn has no part in; the request may have left."""

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
    :ivar seconds: how long the last request took.
    """

    batch: Batch
    positions: Sequence[int]
    call: Call[dict[int, LinkedInError]]
    attempts: retry.Attempts
    delay: float = field(default=0.0, init=False)
    requests: int = field(default=0, init=False)
    repeated: bool = field(default=False, init=False)
    unknown: set[int] = field(default_factory=set, init=False)
    seconds: float = field(default=0.0, init=False)

    @property
    def size(self) -> int:
        """Bytes of the request's body."""
        return len(self.call.body or b"")


class Sender:
    """Sends jobs in threads of its own; hand in with :meth:`submit`, take out with :meth:`answer`.

    :param transport: the way to LinkedIn.
    :param pace: the budget that all threads share.
    :param log: hears of pauses and refreshed tokens.
    """

    def __init__(self, transport: Transport, pace: Pace, log: logging.Logger) -> None:
        self._log = log
        self._transport = transport
        self._pace = pace
        self._jobs: queue.SimpleQueue[Job | None] = queue.SimpleQueue()
        self._answers: queue.SimpleQueue[tuple[Job, Answer] | None] = queue.SimpleQueue()
        self._threads = 0
        self.outstanding = 0

    def submit(self, job: Job) -> None:
        """Hand in a job; it is sent at once, as far as the budget allows."""
        self.outstanding += 1
        if self.outstanding > self._threads:
            self._threads += 1
            # Daemons: a request that hangs must not keep a killed task alive.
            name = f"linkedin-delivery-{self._threads}"
            threading.Thread(target=self._work, name=name, daemon=True).start()
        self._jobs.put(job)

    def answer(self, timeout: float) -> tuple[Job, Answer] | None:
        """Return the next answer; None when there was none within ``timeout`` seconds, or after :meth:`wake`."""
        try:
            answer = self._answers.get(timeout=timeout) if timeout > 0 else self._answers.get_nowait()
        except queue.Empty:
            return None
        if answer is not None:
            self.outstanding -= 1
        return answer

    def wake(self) -> None:
        """End the wait for an answer, from any thread or signal handler."""
        self._answers.put(None)

    def close(self) -> None:
        """Let the threads end when they have nothing more to do."""
        for _ in range(self._threads):
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
                        self._log.warning("LinkedIn is unreachable or busy; retrying in %.1f s", delay)
                    case retry.Refresh() if isinstance(error, CredentialsError):
                        try:
                            self._transport.refresh(error)
                        except LinkedInError as refusal:
                            return Refused(refusal)
                    case _:
                        return Refused(error)

    def _attempt(self, job: Job) -> Mapping[int, LinkedInError]:
        job.requests += 1
        started = time.monotonic()
        try:
            return job.call.result(self._transport.send(job.call))
        finally:
            job.seconds = time.monotonic() - started
            self._pace.answered()
