"""LinkedIn's throttles: requests per minute and day, and metric values per five minutes."""

from __future__ import annotations

from collections import Counter, deque
from typing import TYPE_CHECKING, Literal

from airflow_provider_linkedin_capi.sandbox.answers import Refused, permission, short

if TYPE_CHECKING:
    from airflow_provider_linkedin_capi.sandbox.clock import Clock
    from airflow_provider_linkedin_capi.sandbox.settings import Settings

_SECONDS = {"MINUTE": 60, "DAY": 86_400}
_VALUES_WINDOW_SECONDS = 300


class Throttle:
    """Counts per token and resource; minutes and days are those of the clock in UTC.

    :param settings: name the limits.
    """

    def __init__(self, clock: Clock, settings: Settings) -> None:
        self._clock = clock
        self._settings = settings
        self.clear()

    def clear(self) -> None:
        """Start counting from zero."""
        self._calls: Counter[tuple[str, str, str, int]] = Counter()
        self._values: deque[tuple[float, int]] = deque()

    def count(self, token: str, resource: str) -> None:
        """Count a request, or refuse it when a limit is reached; a refused one is not counted."""
        now = self._clock.now()
        limits = {
            "DAY": self._settings.requests_per_day.get(resource),
            "MINUTE": self._settings.requests_per_minute.get(resource),
        }
        windows = [(token, resource, name, int(now // seconds)) for name, seconds in _SECONDS.items()]
        for window in windows:
            limit = limits[window[2]]
            if limit is not None and self._calls[window] >= limit:
                raise self._with_retry_after(refusal("DAY" if window[2] == "DAY" else "MINUTE"))
        self._calls.update(windows)

    def count_values(self, values: int) -> None:
        """Count the metric values of a report, or refuse it."""
        now = self._clock.now()
        while self._values and self._values[0][0] <= now - _VALUES_WINDOW_SECONDS:
            self._values.popleft()
        limit = self._settings.report_values_per_window
        if sum(count for _, count in self._values) + values > limit:
            raise short(
                429,
                "The data request limit has been exceeded. More than 45 million metric values were requested"
                " in a 5-minute window.",
            )
        self._values.append((now, values))

    def _with_retry_after(self, refused: Refused) -> Refused:
        if self._settings.retry_after_seconds is not None:
            refused.answer.headers["Retry-After"] = str(self._settings.retry_after_seconds)
        return refused


def refusal(window: Literal["MINUTE", "DAY"]) -> Refused:
    """429 for the requests of a window."""
    return permission(
        429,
        101,
        "TOO_MANY_REQUESTS",
        f"Resource level throttle APPLICATION_AND_MEMBER {window} limit for calls to this resource is reached.",
    )
