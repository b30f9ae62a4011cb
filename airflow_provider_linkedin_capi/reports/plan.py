"""Plans: several calls that make up one answer, as generators that perform no I/O themselves.

A plan yields a :class:`Call` (or a :class:`Pause`), is sent the call's result or thrown its error, and returns the
answer. The hook runs it on a worker, the asynchronous hook in the triggerer: one logic for both.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable, Generator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from airflow_provider_linkedin_capi import exceptions
from airflow_provider_linkedin_capi.api import limits

if TYPE_CHECKING:
    from airflow_provider_linkedin_capi.api.call import Call
    from airflow_provider_linkedin_capi.api.paging import Page

T = TypeVar("T")

_BUDGET_SECONDS = 300.0


@dataclass(frozen=True, slots=True)
class Pause:
    """A request to send nothing for some seconds."""

    seconds: float


Plan = Generator["Call[Any] | Pause", Any, T]


def run(plan: Plan[T], call: Callable[[Call[Any]], Any], sleep: Callable[[float], None] = time.sleep) -> T:
    """Carry out a plan.

    :param plan: the calls.
    :param call: carries out one call.
    :param sleep: carries out a pause.
    :return: the plan's result.
    """
    step = _Step(plan)
    while not step.done:
        if isinstance(step.wanted, Pause):
            sleep(step.wanted.seconds)
            step.send(None)
            continue
        try:
            answer = call(step.wanted)
        except exceptions.LinkedInError as error:
            step.throw(error)
        else:
            step.send(answer)
    return step.result


async def run_async(plan: Plan[T], call: Callable[[Call[Any]], Awaitable[Any]]) -> T:
    """Carry out a plan on the event loop; see :func:`run`."""
    step = _Step(plan)
    while not step.done:
        if isinstance(step.wanted, Pause):
            await asyncio.sleep(step.wanted.seconds)
            step.send(None)
            continue
        try:
            answer = await call(step.wanted)
        except exceptions.LinkedInError as error:
            step.throw(error)
        else:
            # Typing 15,000 rows takes long enough to hold up the other triggers of the process.
            await asyncio.to_thread(step.send, answer)
    return step.result


class _Step(Generic[T]):
    """Where a plan stands: its next call or pause, or its result."""

    wanted: Call[Any] | Pause
    result: T

    def __init__(self, plan: Plan[T]) -> None:
        self._plan = plan
        self.done = False
        self.send(None)

    def send(self, answer: Any) -> None:
        self._go(lambda: self._plan.send(answer))

    def throw(self, error: exceptions.LinkedInError) -> None:
        self._go(lambda: self._plan.throw(error))

    def _go(self, resume: Callable[[], Call[Any] | Pause]) -> None:
        try:
            self.wanted = resume()
        except StopIteration as stop:
            self.done, self.result = True, stop.value


def all_pages(call: Call[Page[T]]) -> Plan[list[T]]:
    """Plan the reading of all pages of a finder."""
    found: list[T] = []
    following: Call[Page[T]] | None = call
    while following is not None:
        page: Page[T] = yield following
        found += page.elements
        following = page.next
    return found


class ValueBudget:
    """Keeps a report below LinkedIn's limit of metric values (fields times rows) in any five minutes."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._spent: deque[tuple[float, int]] = deque()

    def spend(self, values: int) -> None:
        """Count what an answer cost."""
        self._spent.append((self._clock(), values))

    def wait_for(self, values: int) -> float:
        """Return how many seconds have to pass before so many values may be asked for."""
        now = self._clock()
        while self._spent and self._spent[0][0] <= now - _BUDGET_SECONDS:
            self._spent.popleft()
        excess = sum(spent for _, spent in self._spent) + values - limits.ANALYTICS_VALUES_PER_WINDOW
        if excess <= 0:
            return 0.0
        for when, spent in self._spent:
            excess -= spent
            if excess <= 0:
                return when + _BUDGET_SECONDS - now
        return _BUDGET_SECONDS
