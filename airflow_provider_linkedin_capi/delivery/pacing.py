"""One budget of requests for all threads: per minute, per day, and the waits that LinkedIn asks for."""

from __future__ import annotations

import datetime as dt
import threading
import time
from collections import deque
from typing import TYPE_CHECKING

from airflow_provider_linkedin_capi import exceptions

if TYPE_CHECKING:
    from collections.abc import Callable

_MINUTE = 60.0


class StoppedError(Exception):
    """The delivery is ending; no further request may be made."""


def utcnow() -> dt.datetime:
    """Return the time now, in UTC."""
    return dt.datetime.now(dt.UTC)


class Pace:
    """Lets requests go while the budget lasts.

    Nothing is spread out: requests go at once until the minute's budget is used up. A request leaves the minute's count
    a minute after its *answer*, so that LinkedIn, which counts somewhere between the two, never counts more.

    :param per_minute: requests in any minute.
    :param per_day: requests from 00:00 UTC to the next.
    :param made_today: requests that earlier tries made, as :meth:`today` returned them.
    :param clock: seconds, never going back.
    :param utcnow: the time of day, for the day's end.
    :param wait: holds the condition's lock for at most some seconds; replaced in tests.
    """

    def __init__(
        self,
        per_minute: int,
        per_day: int,
        made_today: dict[str, int | str] | None = None,
        *,
        clock: Callable[[], float] = time.monotonic,
        utcnow: Callable[[], dt.datetime] = utcnow,
        wait: Callable[[threading.Condition, float | None], object] = threading.Condition.wait,
    ) -> None:
        self._per_minute = per_minute
        self._per_day = per_day
        self._clock = clock
        self._utcnow = utcnow
        self._wait = wait
        self._turn = threading.Condition()
        self._answered: deque[float] = deque()
        self._open = 0
        self._paused_until = 0.0
        self._stopped = False
        self._day = str((made_today or {}).get("day", ""))
        self._made = int((made_today or {}).get("made", 0))

    def take_turn(self, delay: float = 0.0) -> None:
        """Wait until one more request may go, at least ``delay`` seconds, and count it.

        :raises RateLimitError: the day's budget is used up.
        :raises StoppedError: :meth:`stop` was called.
        """
        with self._turn:
            not_before = self._clock() + delay
            while True:
                if self._stopped:
                    raise StoppedError
                now = self._clock()
                self._forget(now)
                ready = max(not_before, self._paused_until)
                if ready > now:
                    self._wait(self._turn, ready - now)
                elif self._open + len(self._answered) < self._per_minute:
                    break
                else:
                    self._wait(self._turn, self._answered[0] + _MINUTE - now if self._answered else None)
            self._count_for_today()
            self._open += 1

    def answered(self) -> None:
        """Tell that a request that had its turn is over."""
        with self._turn:
            self._open -= 1
            self._answered.append(self._clock())
            self._turn.notify()

    def pause(self, seconds: float) -> None:
        """Let nobody go for some seconds."""
        with self._turn:
            self._paused_until = max(self._paused_until, self._clock() + seconds)

    def stop(self) -> None:
        """Send everybody home who waits or will come."""
        with self._turn:
            self._stopped = True
            self._turn.notify_all()

    def today(self) -> dict[str, int | str]:
        """Return how many requests were made on the last day that saw one."""
        with self._turn:
            return {"day": self._day, "made": self._made}

    def _forget(self, now: float) -> None:
        while self._answered and self._answered[0] + _MINUTE <= now:
            self._answered.popleft()

    def _count_for_today(self) -> None:
        day = self._utcnow().date().isoformat()
        if day != self._day:
            self._day, self._made = day, 0
        if self._made >= self._per_day:
            raise exceptions.RateLimitError(
                f"requests_per_day={self._per_day}: this task's own DAY limit is reached",
                call="conversionEvents",
                window="day",
            )
        self._made += 1
