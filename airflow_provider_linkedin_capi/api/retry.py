"""What to do after a failed attempt: one pure function that every sender obeys."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from airflow_provider_linkedin_capi import exceptions
from airflow_provider_linkedin_capi.api import limits

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow_provider_linkedin_capi.api.call import Call

MAX_ATTEMPTS = 6
#: With the waits below, 8 attempts last a minute at least: what a MINUTE limit takes to be lifted.
MAX_THROTTLED_ATTEMPTS = 8
_FIRST_WAIT = 1.0
_LONGEST_WAIT = 60.0
#: A longer Retry-After is cut to this: LinkedIn documents none, and no worker should sleep for hours.
_LONGEST_RETRY_AFTER = 600.0


@dataclass(frozen=True, slots=True)
class Wait:
    """Send the same call again after some seconds; ``everybody`` says that all threads have to pause."""

    seconds: float
    everybody: bool = False


@dataclass(frozen=True, slots=True)
class Refresh:
    """Request a new access token, once, and send the same call again at once."""


@dataclass(frozen=True, slots=True)
class Stop:
    """No further attempt helps, or none may be made: raise the error."""


Decision = Wait | Refresh | Stop


def decide(
    call: Call[Any],
    attempt: int,
    error: exceptions.LinkedInError,
    *,
    refreshed: bool = False,
    jitter: Callable[[], float] = random.random,
) -> Decision:
    """Return what follows from the error of the given attempt (counted from 1).

    :param call: the call that failed.
    :param attempt: how many attempts were made.
    :param error: what it failed with.
    :param refreshed: whether a new token was already requested for this call.
    :param jitter: a number from 0 to 1; replaced in tests.
    """
    if isinstance(error, exceptions.CredentialsError):
        refreshable = error.refreshable and not refreshed and call.origin == "api"
        return Refresh() if refreshable else Stop()
    throttled = isinstance(error, exceptions.RateLimitError)
    if attempt >= (MAX_THROTTLED_ATTEMPTS if throttled else MAX_ATTEMPTS):
        return Stop()
    if isinstance(error, exceptions.RateLimitError):
        if error.window in ("day", "quota"):
            return Stop()
        if error.window == "data":
            wait = error.retry_after or limits.ANALYTICS_VALUES_WAIT_SECONDS
            return Wait(min(wait, _LONGEST_RETRY_AFTER), everybody=True)
        if error.retry_after is not None:
            return Wait(min(error.retry_after, _LONGEST_RETRY_AFTER), everybody=True)
        return Wait(_back_off(attempt, jitter), everybody=True)
    if isinstance(error, exceptions.ConflictError):
        return Wait(_back_off(attempt, jitter)) if attempt == 1 else Stop()
    if isinstance(error, exceptions.UnexpectedReplyError):
        return Stop()
    if not isinstance(error, exceptions.NotSentError) and not (error.outcome_unknown and call.idempotent):
        return Stop()
    if error.retry_after is not None:
        return Wait(min(error.retry_after, _LONGEST_RETRY_AFTER))
    return Wait(_back_off(attempt, jitter))


class Attempts:
    """The attempts at one call, counted; what every sender's loop asks after each failure."""

    def __init__(self, call: Call[Any]) -> None:
        self._call = call
        self._refreshed = False
        self.made = 0

    def after(self, error: exceptions.LinkedInError) -> Decision:
        """Count one more failed attempt and return what follows from its error."""
        self.made += 1
        decision = decide(self._call, self.made, error, refreshed=self._refreshed)
        self._refreshed = self._refreshed or isinstance(decision, Refresh)
        return decision


def _back_off(attempt: int, jitter: Callable[[], float]) -> float:
    """1 s, 2 s, 4 s … up to a minute, each half fixed and half chance."""
    wait: float = min(_FIRST_WAIT * 2.0 ** (attempt - 1), _LONGEST_WAIT)
    return wait / 2 + wait / 2 * jitter()
