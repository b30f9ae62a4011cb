"""Why a delivery ended before its last row."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

from airflow_provider_linkedin_capi.api import errors

if TYPE_CHECKING:
    from airflow_provider_linkedin_capi.api.errors import LinkedInError
    from airflow_provider_linkedin_capi.delivery.outcomes import Summary

_TEXT_LENGTH = 400


class DeliveryStoppedError(Exception):
    """LinkedIn refuses something that is no single row's fault, or does not answer.

    Every answer that came is in the checkpoint and was handed to the sinks; a retry goes on from there.

    :param message: what happened, to which batch and rule, and what to do next.
    :param summary: the figures up to here.
    :param error: what LinkedIn said; its class tells whether a retry can help.
    :param rule: the conversion rule at fault, when it is one rule's.
    """

    def __init__(
        self, message: str, *, summary: Summary, error: LinkedInError | None = None, rule: str | None = None
    ) -> None:
        super().__init__(message)
        self.summary = summary
        self.error = error
        self.rule = rule


class DayLimitReachedError(DeliveryStoppedError):
    """The day's requests are used up, LinkedIn's or the task's own.

    :ivar resets_at: when to go on: the next 00:00 UTC.
    """

    resets_at: dt.datetime


class DeliveryInterruptedError(DeliveryStoppedError):
    """Somebody called :meth:`Delivery.stop`."""


def stopped_at(
    batch: str, error: LinkedInError, rule: str | None, *, summary: Summary, now: dt.datetime
) -> DeliveryStoppedError:
    """Return the exception that says where LinkedIn's refusal ended the delivery, and what to do next."""
    if isinstance(error, errors.RateLimitError) and error.window == "day":
        midnight = dt.datetime.combine(now.date() + dt.timedelta(days=1), dt.time(), tzinfo=dt.UTC)
        reached = DayLimitReachedError(
            f"{short(error)} What LinkedIn acknowledged is on record; a retry after {midnight:%Y-%m-%d %H:%M} UTC "
            "sends the rest.",
            summary=summary,
            error=error,
        )
        reached.resets_at = midnight
        return reached
    whose = f", conversion rule {rule}" if rule else ""
    return DeliveryStoppedError(
        f"Stopped at {batch}{whose}: {short(error)} What LinkedIn acknowledged is on record; the next try, by retry or "
        "Clear, sends the rest.",
        summary=summary,
        error=error,
        rule=rule,
    )


def short(error: LinkedInError) -> str:
    """Return LinkedIn's words for a log or an exception, without thousands of lines."""
    text = str(error)
    return text if len(text) <= 2 * _TEXT_LENGTH else f"{text[:_TEXT_LENGTH]} ... {text[-_TEXT_LENGTH:]}"
