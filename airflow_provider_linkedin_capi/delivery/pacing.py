"""How fast to send, how many requests at once, and how large."""

from __future__ import annotations

import datetime as dt
import math
import threading
import time
from collections import deque
from typing import TYPE_CHECKING

from airflow_provider_linkedin_capi import exceptions

if TYPE_CHECKING:
    from collections.abc import Callable

_MINUTE = 60.0
#: Requests in flight beyond what rate and latency ask for: latency varies, and the next batch takes time to make.
_SPARE = 1.5
_FEWEST_IN_FLIGHT = 4
#: What the batches in flight may take of memory, and how much of it a batch takes for each byte of its body.
_MEMORY_BYTES = 72_000_000
_MEMORY_PER_BYTE = 4.7
#: No request is made smaller than this to get past resets.
_SMALLEST_REQUEST_BYTES = 50_000
_RESETS_BEFORE_SPLITTING = 3


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
        """Make no request for some seconds."""
        with self._turn:
            self._paused_until = max(self._paused_until, self._clock() + seconds)

    def stop(self) -> None:
        """Refuse every further request, those that wait for their turn included."""
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


class Window:
    """How many batches may be in flight at once.

    As many as it takes to use the whole rate at the latency seen, as far as memory allows.

    :param fixed: always so many; None adapts.
    :param per_minute: the rate to use.
    """

    def __init__(self, fixed: int | None, per_minute: int) -> None:
        self._fixed = fixed
        self._per_second = per_minute / _MINUTE
        self._latency = 0.0
        self._body_bytes = 0.0

    def answered(self, seconds: float, body_bytes: int) -> None:
        """Take the latency and size of one request into account; a rise counts at once, a fall slowly."""
        self._latency = max(seconds, 0.9 * self._latency + 0.1 * seconds)
        self._body_bytes = max(body_bytes, self._body_bytes)

    @property
    def size(self) -> int:
        """The number of batches."""
        if self._fixed is not None:
            return self._fixed
        wanted = math.ceil(self._per_second * self._latency * _SPARE) + 2
        bearable = int(_MEMORY_BYTES / (_MEMORY_PER_BYTE * self._body_bytes)) if self._body_bytes else wanted
        return max(_FEWEST_IN_FLIGHT, min(wanted, bearable))


class RequestSize:
    """How large a request may be, as far as answers have taught it.

    :param limit: bytes, as the user or an earlier try knows it; None without a limit.
    """

    def __init__(self, limit: int | None) -> None:
        self.limit = limit
        self._largest_accepted = 0
        self._resets: list[int] = []

    def accepted(self, size: int) -> None:
        """Note that a request of so many bytes was answered."""
        self._largest_accepted = max(self._largest_accepted, size)
        self._resets = [reset for reset in self._resets if reset > self._largest_accepted]

    def too_large(self, size: int) -> None:
        """Note that a request is too large: the limit is half of its size, or the largest that was answered."""
        if self._largest_accepted >= size:
            self._largest_accepted = 0  # the limit has changed since
        limit = max(size // 2, self._largest_accepted, 1)
        self.limit = limit if self.limit is None else min(self.limit, limit)

    def reset(self, size: int) -> bool:
        """Note that the connection broke before an answer; return whether smaller requests are worth a try.

        They are when it has broken repeatedly, and only for requests larger than any that was answered.
        """
        if size <= max(self._largest_accepted, _SMALLEST_REQUEST_BYTES):
            return False
        self._resets.append(size)
        if len(self._resets) < _RESETS_BEFORE_SPLITTING:
            return False
        self._resets.clear()
        self.too_large(size)
        return True
