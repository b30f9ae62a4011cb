"""Why a delivery ended before its last row."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

from airflow_provider_linkedin_capi import exceptions
from airflow_provider_linkedin_capi.exceptions import DayLimitReachedError, DeliveryStoppedError

if TYPE_CHECKING:
    from airflow_provider_linkedin_capi.delivery.outcomes import Summary
    from airflow_provider_linkedin_capi.exceptions import LinkedInError

_TEXT_LENGTH = 400


def stopped_at(
    batch: str, error: LinkedInError, rule: str | None, *, summary: Summary, now: dt.datetime
) -> DeliveryStoppedError:
    """Return the exception that says where LinkedIn's refusal ended the delivery, and what to do next."""
    if isinstance(error, exceptions.RateLimitError) and error.window == "day":
        midnight = error.resets_at or dt.datetime.combine(now.date() + dt.timedelta(days=1), dt.time(), tzinfo=dt.UTC)
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
