"""Whether a retry of the whole task can help: the decision above the retries of single calls."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any

from airflow_provider_linkedin_capi import version_compat
from airflow_provider_linkedin_capi.api import limits
from airflow_provider_linkedin_capi.exceptions import (
    DayLimitReachedError,
    DeliveryStoppedError,
    LinkedInConversionsError,
)

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context

#: A request just before LinkedIn's midnight only costs one more wait of this kind.
_AFTER_RESET = dt.timedelta(seconds=10)


def is_permanent(error: BaseException) -> bool:
    """Whether another try fails the same way: only this package's exceptions say so, each for itself."""
    error = cause(error)
    return isinstance(error, LinkedInConversionsError) and error.permanent


def after_reset(error: DayLimitReachedError) -> dt.datetime:
    """Return when to continue after a day's limit: a little later than LinkedIn lifts it."""
    return error.resets_at + _AFTER_RESET


def wait_seconds(error: BaseException) -> float | None:
    """Return how many seconds LinkedIn asks to wait, at most a day, or None when it does not say."""
    seconds: float | None
    if isinstance(error, DayLimitReachedError):
        seconds = (after_reset(error) - dt.datetime.now(dt.UTC)).total_seconds()
    else:
        seconds = getattr(cause(error), "retry_after", None)
    return None if seconds is None else min(max(0.0, seconds), limits.LONGEST_RETRY_AFTER_SECONDS)


def cause(error: BaseException) -> BaseException:
    """Return what LinkedIn said when that ended a delivery, else the error itself."""
    return error.error if isinstance(error, DeliveryStoppedError) and error.error is not None else error


def default_retry_policy(kwargs: dict[str, Any]) -> None:
    """Give an operator :class:`LinkedInRetryPolicy` if Airflow has retry policies and the author set none.

    :param kwargs: the keyword arguments on their way to ``BaseOperator``.
    """
    if version_compat.RetryPolicy is not None and "retry_policy" not in kwargs.get("default_args", {}):
        kwargs.setdefault("retry_policy", LinkedInRetryPolicy())


def is_final(error: BaseException) -> bool:
    """Whether Airflow should stop retrying: a retry would not help, or this Airflow cannot wait a day."""
    return is_permanent(error) or (version_compat.RetryPolicy is None and isinstance(error, DayLimitReachedError))


class LinkedInRetryPolicy(version_compat.RetryPolicy or object):  # type: ignore[misc]
    """Waits as long as LinkedIn asks, and fails at once where no retry can help.

    It is the default of this provider's operators on Airflow 3.3 and newer; ``retry_policy=None`` brings back
    Airflow's own delays. Permanent errors are raised as ``AirflowFailException`` by the operators, on every Airflow.

    .. seealso:: Airflow's *Retry policies*
    """

    def evaluate(
        self, exception: BaseException, try_number: int, max_tries: int, context: Context | None = None
    ) -> Any:
        """Decide about one failed try."""
        decision = version_compat.RetryDecision
        if is_permanent(exception):
            return decision.fail(f"{type(cause(exception)).__name__} is permanent: a retry would fail the same way")
        if (seconds := wait_seconds(exception)) is not None:
            return decision.retry(dt.timedelta(seconds=seconds), reason=f"LinkedIn asks to wait {seconds:.0f} s")
        return decision.default()
