"""Why a delivery ended before its last row."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import datetime as dt

    from airflow_provider_linkedin_capi.api.errors import LinkedInError
    from airflow_provider_linkedin_capi.delivery.outcomes import Summary


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
