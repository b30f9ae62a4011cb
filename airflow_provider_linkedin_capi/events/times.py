"""When the conversion happened, in epoch milliseconds."""

from __future__ import annotations

import datetime as dt
import re
from decimal import ROUND_FLOOR, Decimal
from typing import TYPE_CHECKING, Any, Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from airflow_provider_linkedin_capi.api.limits import MAX_EVENT_AGE
from airflow_provider_linkedin_capi.events.plain import Corrected, Refused, plain
from airflow_provider_linkedin_capi.events.reading import Column, Findings
from airflow_provider_linkedin_capi.exceptions import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Sequence

#: Clocks differ: a conversion up to this far in the future is sent as happening now.
CLOCK_SKEW_MS: Final = 5 * 60_000

_MS: Final = dt.timedelta(milliseconds=1)
_EPOCH: Final = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_NUMBER: Final = re.compile(r"[+-]?\d{1,25}(?:\.\d{0,20})?", re.ASCII).fullmatch
_ISO: Final = re.compile(
    r"\d{4}-\d\d-\d\d(?:[Tt ]\d\d(?::?\d\d(?::?\d\d(?:[.,]\d{1,12})?)?)? ?(?:[Zz]|UTC|[+-]\d\d(?::?\d\d)?)?)?", re.ASCII
).fullmatch
#: An epoch number below the first is seconds, below the second milliseconds, then micro-, then nanoseconds.
#: Each unit so covers the years 1973 to 5138.
_MAGNITUDES: Final = ((10**11, Decimal(1000)), (10**14, Decimal(1)), (10**17, Decimal("0.001")))
_NANOSECONDS: Final = Decimal("0.000001")
_LARGEST: Final = 10**20
#: From here on a number is no longer milliseconds.
_SMALLEST_US: Final = 10**14
#: Days whose offset is kept ready; the window has 91.
_MOST_DAYS: Final = 1_000


class TimeColumn(Column):
    """The column of ``conversionHappenedAt``; gives the moment as it came, in the future too.

    :param naive_timezone: zone of timestamps and texts without one.
    :param now_ms: the clock that tells what is too old.
    """

    def __init__(self, *, naive_timezone: str, now_ms: int) -> None:
        super().__init__("conversionHappenedAt", self._usual, self._any)
        try:
            self._zone = ZoneInfo(naive_timezone)
        except (ZoneInfoNotFoundError, ValueError):
            raise ConfigurationError(
                f"naive_timezone={naive_timezone!r} is no time zone; give a name such as UTC or Europe/Berlin"
            ) from None
        self._oldest = now_ms - MAX_EVENT_AGE // _MS
        self._epochs: dict[int, dt.datetime | None] = {}

    def read(self, column: Sequence[Any], findings: Findings) -> list[Any]:
        """Return the milliseconds of each cell; rows without time are found wanting."""
        times = super().read(column, findings)
        if not all(times):
            for position, time in enumerate(times):
                if time is None and not findings.has(position, self.field):
                    findings.add(position, self.field, "time_missing")
        return times

    def _usual(self, cells: Sequence[Any]) -> list[int | None]:
        oldest, moment = self._oldest, self._moment
        return [cell if cell.__class__ is int and oldest <= cell < _SMALLEST_US else moment(cell) for cell in cells]

    def _moment(self, cell: Any) -> int | None:
        """Return the milliseconds of a timestamp or usual ISO text that is inside the window, else ``None``."""
        if cell.__class__ is str:
            if cell[4:8:3] != "--" or cell[10:11] not in ("T", " "):
                return None
            try:
                cell = dt.datetime.fromisoformat(cell)
            except ValueError:
                return None
        elif cell.__class__ is int:
            return cell * 1000 if self._oldest <= cell * 1000 < _SMALLEST_US else None
        elif cell.__class__ is not dt.datetime:
            return None
        if cell.tzinfo is None:
            epoch = self._local_epoch(cell)
            if epoch is None:
                return None
        elif cell.tzinfo.__class__ is dt.timezone:
            epoch = _EPOCH
        else:
            return None
        milliseconds: int = (cell - epoch) // _MS
        return milliseconds if milliseconds >= self._oldest else None

    def _local_epoch(self, local: dt.datetime) -> dt.datetime | None:
        """Return 1970 in local time by the offset of the day; ``None`` on days on which the offset changes."""
        day = local.toordinal()
        if day not in self._epochs:
            if len(self._epochs) > _MOST_DAYS:
                self._epochs.clear()
            self._epochs[day] = self._epoch_of(day)
        return self._epochs[day]

    def _epoch_of(self, day: int) -> dt.datetime | None:
        try:
            midnights = [dt.datetime.fromordinal(each).replace(tzinfo=self._zone) for each in (day, day + 1)]
            offsets = {each.replace(fold=fold).utcoffset() for each in midnights for fold in (0, 1)}
        except (ValueError, OverflowError):  # the ends of the calendar
            return None
        offset = offsets.pop()
        return None if offsets or offset is None else _EPOCH.replace(tzinfo=None) + offset

    def _any(self, cell: Any) -> Any:
        value = plain(cell)
        if value is None:
            return None
        if isinstance(value, str) and not _NUMBER(value):
            value = _from_iso(value)
        elif isinstance(value, str):
            value = Decimal(value)
        doubt = None
        if isinstance(value, dt.date):
            milliseconds, doubt = self._from_date(value)
        else:
            milliseconds = _from_number(value)
        if milliseconds is None:
            return Refused("time_invalid")
        if milliseconds < self._oldest:
            return Refused("time_too_old")
        return Corrected(doubt, milliseconds) if doubt else milliseconds

    def _from_date(self, value: dt.date) -> tuple[int | None, str | None]:
        """Return the moment of a date or timestamp, and the code of a doubt about it."""
        doubt = None
        try:
            if isinstance(value, dt.datetime):
                # subclasses (pendulum, pandas) bring their own arithmetic
                moment = dt.datetime(
                    value.year, value.month, value.day, value.hour, value.minute, value.second, value.microsecond,
                    tzinfo=value.tzinfo, fold=value.fold,
                )  # fmt: skip
            else:
                moment = dt.datetime(value.year, value.month, value.day)
            if moment.utcoffset() is None:
                moment = moment.replace(tzinfo=self._zone)
                doubt = _doubt(moment)
            return (moment - _EPOCH) // _MS, doubt
        except Exception:  # a time zone is foreign code
            return None, None


def _doubt(local: dt.datetime) -> str | None:
    first, second = local.replace(fold=0).utcoffset(), local.replace(fold=1).utcoffset()
    if first is None or second is None or first == second:
        return None
    return "time_ambiguous" if first > second else "time_nonexistent"


def _from_iso(text: str) -> dt.datetime | None:
    if not _ISO(text):
        return None
    text = text.upper()
    text = text[:11] + text[11:].replace(" ", "").replace("UTC", "Z")
    try:
        return dt.datetime.fromisoformat(text)
    except ValueError:
        return None


def _from_number(value: Any) -> int | None:
    """Return the milliseconds of an epoch number, whose unit is told by its magnitude."""
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        return None
    if isinstance(value, float):
        value = Decimal(repr(value))
    if not abs(value) < _LARGEST:
        return None
    number = Decimal(value)
    factor = next((factor for most, factor in _MAGNITUDES if abs(number) < most), _NANOSECONDS)
    return int((number * factor).to_integral_value(ROUND_FLOOR))
