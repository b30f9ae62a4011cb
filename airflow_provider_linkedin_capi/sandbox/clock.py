"""The server's own time, which tests move."""

from __future__ import annotations

import datetime as dt
import time


class Clock:
    """Real time plus an offset; moving it lets delays, windows and lifetimes pass at once."""

    def __init__(self) -> None:
        self.offset_seconds = 0.0

    def now(self) -> float:
        """Seconds since the epoch."""
        return time.time() + self.offset_seconds

    def now_ms(self) -> int:
        """Milliseconds since the epoch."""
        return int(self.now() * 1000)

    def today(self) -> dt.date:
        """The day in UTC."""
        return dt.datetime.fromtimestamp(self.now(), dt.UTC).date()

    def advance(self, seconds: float) -> None:
        """Let time pass; negative seconds turn it back."""
        self.offset_seconds += seconds

    def set(self, moment: dt.datetime) -> None:
        """Make it this moment now; time runs on from there."""
        self.offset_seconds = moment.timestamp() - time.time()
