"""What the task's log says while it runs: figures, never data of persons."""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING, Any

import msgspec

from airflow_provider_linkedin_capi.events.model import encode_event

if TYPE_CHECKING:
    import logging
    from collections.abc import Callable

    from airflow_provider_linkedin_capi.delivery.outcomes import Summary
    from airflow_provider_linkedin_capi.events.model import ConversionEvent

_SECONDS_BETWEEN_LINES = 10.0
_CHARACTER = re.compile(r"\w")


class Progress:
    """One line every ten seconds.

    :param log: the logger.
    :param rows_expected: how many rows there are, if that is known.
    :param clock: seconds, never going back.
    """

    def __init__(
        self, log: logging.Logger, rows_expected: int | None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._log = log
        self._rows_expected = rows_expected
        self._clock = clock
        self._started = self._last = clock()

    @property
    def seconds(self) -> float:
        """How long it has taken so far."""
        return self._clock() - self._started

    def tell(self, summary: Summary) -> None:
        """Log a line if it is time."""
        if (now := self._clock()) - self._last < _SECONDS_BETWEEN_LINES:
            return
        self._last = now
        rate = summary.rows_read / self.seconds
        left = ""
        if self._rows_expected and rate:
            seconds = max(0.0, (self._rows_expected - summary.rows_read) / rate)
            left = f", about {_duration(seconds)} left of {self._rows_expected:,} rows"
        self._log.info(
            "%s rows done: %s accepted, %s rejected, %s held, %s skipped; %.0f rows/s%s",
            f"{summary.rows_read:,}",
            f"{summary.accepted:,}",
            f"{summary.rejected:,}",
            f"{summary.held:,}",
            f"{summary.skipped:,}",
            rate,
            left,
        )


def _duration(seconds: float) -> str:
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {seconds} s" if minutes else f"{seconds} s"


def masked(event: ConversionEvent) -> str:
    """Return an event as JSON with every letter and digit of what identifies a person replaced by an x."""
    content = msgspec.json.decode(encode_event(event))
    if "eventId" in content:
        content["eventId"] = _mask(content["eventId"])
    user = content["user"]
    user["userIds"] = [{**entry, "idValue": _mask(entry["idValue"])} for entry in user["userIds"]]
    content["user"] = {name: value if name == "userIds" else _mask(value) for name, value in user.items()}
    return msgspec.json.encode(content).decode()


def _mask(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _mask(member) for name, member in value.items()}
    if isinstance(value, list):
        return [_mask(member) for member in value]
    return _CHARACTER.sub("x", value)
