"""When the conversion happened, in epoch milliseconds."""

from __future__ import annotations

import datetime as dt
import functools
import re
from decimal import ROUND_FLOOR, Decimal
from itertools import repeat
from operator import itemgetter, sub
from typing import TYPE_CHECKING, Any, Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from airflow_provider_linkedin_capi.api.limits import MAX_EVENT_AGE
from airflow_provider_linkedin_capi.events.cells import Corrected, Refused
from airflow_provider_linkedin_capi.events.reading import Findings, Reader, in_blocks, of_kind
from airflow_provider_linkedin_capi.exceptions import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

#: Clocks differ: a conversion up to this far in the future is sent as happening now.
CLOCK_SKEW_MS: Final = 5 * 60_000

_MS: Final = dt.timedelta(milliseconds=1)
_EPOCH: Final = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_NAIVE_EPOCH: Final = dt.datetime(1970, 1, 1)
_NUMBER: Final = re.compile(r"[+-]?\d{1,25}(?:\.\d{0,20})?", re.ASCII).fullmatch
_ISO: Final = re.compile(
    r"\d{4}-\d\d-\d\d(?:[Tt ]\d\d(?::?\d\d(?::?\d\d(?:[.,]\d{1,12})?)?)? ?(?:[Zz]|UTC|[+-]\d\d(?::?\d\d)?)?)?", re.ASCII
).fullmatch
_SEPARATORS: Final = frozenset("T ")
_SEPARATOR: Final = itemgetter(10)
_DASH: Final = itemgetter(7)
_MONTHS: Final = {
    name[:length]: number
    for number, name in enumerate(
        [
            "january",
            "february",
            "march",
            "april",
            "may",
            "june",
            "july",
            "august",
            "september",
            "october",
            "november",
            "december",
        ],
        start=1,
    )
    for length in (3, len(name))
} | {"sept": 9}
_MONTH: Final = rf"(?P<month>{'|'.join(sorted(_MONTHS, key=len, reverse=True))})\.?"
#: June 18, 2020; Jun 18 2020; 18 June 2020; 18-Jun-2020; Thu, 18 Jun 2020 10:00:00 +0000; June 18, 2020 1:30 PM.
_WITH_MONTH_NAME: Final = re.compile(
    rf"""(?: [a-z]{{3,9}} ,?\  )?
    (?: {_MONTH} \ (?P<day>\d\d?) ,?\  | (?P<day_first>\d\d?) [ -] {_MONTH.replace("month", "month_last")} ,?[ -] )
    (?P<year>\d{{4}})
    (?: ,?\ (?P<hour>\d\d?) : (?P<minute>\d\d) (?: :(?P<second>\d\d) )? \ ?(?P<half>[ap]m)? )?
    (?: \ ?(?P<zone>z|utc|gmt|[+-]\d\d:?\d\d) )?""",
    re.ASCII | re.IGNORECASE | re.VERBOSE,
).fullmatch
#: An epoch number below the first is seconds, below the second milliseconds, then micro-, then nanoseconds.
#: Each unit so covers the years 1973 to 5138.
_MAGNITUDES: Final = ((10**11, Decimal(1000)), (10**14, Decimal(1)), (10**17, Decimal("0.001")))
_NANOSECONDS: Final = Decimal("0.000001")
_SMALLEST_MS: Final = 10**11
_SMALLEST_US: Final = 10**14
_LARGEST_DIGITS: Final = 20
#: No text of a time has as many.
_MOST_CHARACTERS: Final = 100


class TimeReader(Reader):
    """Reads ``conversionHappenedAt``; gives the moment as it came, in the future too.

    :param naive_timezone: zone of timestamps and texts without one.
    :param time_format: form of texts that are neither numbers nor ISO 8601, as ``datetime.strptime`` takes it.
    :param now_ms: the clock by which events are too old.
    """

    def __init__(self, *, naive_timezone: str, time_format: str | None, now_ms: int) -> None:
        super().__init__(self._careful)
        try:
            self._zone = ZoneInfo(naive_timezone)
        except (ZoneInfoNotFoundError, ValueError):
            raise ConfigurationError(
                f"naive_timezone={naive_timezone!r} is not a time zone; give a name such as UTC or Europe/Berlin"
            ) from None
        if time_format is not None:
            _check_format(time_format)
        self._time_format = time_format
        self._oldest = now_ms - MAX_EVENT_AGE // _MS
        self._epochs = _LocalEpochs(self._zone)
        self._is_utc = naive_timezone == "UTC"
        self._from_text = functools.lru_cache(10_000)(self._parse)

    def read(self, field: str, cells: Sequence[Any], findings: Findings) -> list[Any]:
        """Return the milliseconds of each cell; a row without time is noted."""
        times = super().read(field, cells, findings)
        if not all(times):
            for position, time in enumerate(times):
                if time is None and not findings.has(position, field):
                    findings.add(position, field, "time_missing")
        return times

    def usual(self, cells: Sequence[Any]) -> list[Any]:
        """Return the milliseconds of usual timestamps, ISO texts and epoch numbers that are not too old."""
        kinds = set(map(type, cells))
        if dt.datetime in kinds:
            return of_kind(dt.datetime, cells, lambda times: in_blocks(times, self._timestamps, self._timestamp))
        if int in kinds:
            return of_kind(int, cells, self._numbers)
        return of_kind(str, cells, lambda texts: in_blocks(texts, self._texts, self._text))

    def _texts(self, texts: list[str]) -> list[int | None] | None:
        try:
            if texts[0].isdigit():
                joined = "".join(texts)
                return self._numbers(map(int, texts)) if joined.isascii() and joined.isdigit() else None
            # fromisoformat would take weeks, too, and any character between date and time
            if set(map(_SEPARATOR, texts)) <= _SEPARATORS and set(map(_DASH, texts)) == {"-"}:
                return self._timestamps(list(map(dt.datetime.fromisoformat, texts)))
            return None
        except (ValueError, IndexError):
            return None

    def _text(self, text: str) -> int | None:
        found = self._texts([text])
        return found[0] if found else None

    def _numbers(self, numbers: Iterable[int]) -> list[int | None]:
        oldest = self._oldest
        milliseconds = [
            number if _SMALLEST_MS <= number < _SMALLEST_US else number * 1000 if 0 < number < _SMALLEST_MS else 0
            for number in numbers
        ]
        return [number if number >= oldest else None for number in milliseconds]

    def _timestamps(self, times: list[dt.datetime]) -> list[int | None] | None:
        try:
            if times[0].tzinfo is not None:
                since = map(sub, times, repeat(_EPOCH))
            elif self._is_utc:
                since = map(sub, times, repeat(_NAIVE_EPOCH))
            else:
                epochs = map(self._epochs.__getitem__, map(dt.datetime.toordinal, times))
                since = map(sub, times, epochs)
            # microseconds are a thousandth apart, far more than the error of the product
            milliseconds: list[int | None] = [
                int(seconds * 1000.0 + 0.0005) for seconds in map(dt.timedelta.total_seconds, since)
            ]
        except Exception:  # zones differ, or fail: they are foreign code
            return None
        return milliseconds if min(milliseconds) >= self._oldest else None  # type: ignore[type-var, operator]

    def _timestamp(self, time: dt.datetime) -> int | None:
        found = self._timestamps([time])
        return found[0] if found else None

    def _careful(self, value: Any) -> Any:
        if isinstance(value, str):
            value = Decimal(value) if _NUMBER(value) else self._from_text(value[:_MOST_CHARACTERS])
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

    def _parse(self, text: str) -> dt.datetime | None:
        """Return the time in a text of ISO 8601, of the form ``time_format``, or with the name of a month."""
        if (time := _from_iso(text)) is not None:
            return time
        if self._time_format is not None:
            try:
                return dt.datetime.strptime(text, self._time_format)
            except ValueError:
                pass
        return _with_month_name(text)

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


class _LocalEpochs(dict[int, dt.datetime | None]):
    """1970 in local time by the offset of a day; ``None`` for days on which the offset changes."""

    _MOST_DAYS: Final = 10_000

    def __init__(self, zone: ZoneInfo) -> None:
        super().__init__()
        self._zone = zone

    def __missing__(self, day: int) -> dt.datetime | None:
        if len(self) > self._MOST_DAYS:
            self.clear()
        self[day] = epoch = self._epoch_of(day)
        return epoch

    def _epoch_of(self, day: int) -> dt.datetime | None:
        try:
            midnights = [dt.datetime.fromordinal(each).replace(tzinfo=self._zone) for each in (day, day + 1)]
            offsets = {each.replace(fold=fold).utcoffset() for each in midnights for fold in (0, 1)}
        except (ValueError, OverflowError):  # the ends of the calendar
            return None
        offset = offsets.pop()
        return None if offsets or offset is None else _NAIVE_EPOCH + offset


def _check_format(time_format: str) -> None:
    try:
        dt.datetime.strptime(_EPOCH.strftime(time_format), time_format)
    except (ValueError, TypeError):
        raise ConfigurationError(
            f"time_format={time_format!r} is not a format of datetime.strptime; an example is '%m/%d/%Y %H:%M'"
        ) from None


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


def _with_month_name(text: str) -> dt.datetime | None:
    found = _WITH_MONTH_NAME(" ".join(text.split()))
    if not found:
        return None
    month = _MONTHS[(found["month"] or found["month_last"]).lower()]
    hour, half, zone = int(found["hour"] or 0), (found["half"] or "").lower(), (found["zone"] or "").lower()
    if half and not 1 <= hour <= 12:
        return None
    if half:
        hour = hour % 12 + (12 if half == "pm" else 0)
    try:
        return dt.datetime.strptime(
            f"{found['year']}-{month}-{found['day'] or found['day_first']} {hour}:{found['minute'] or 0}:"
            f"{found['second'] or 0}{'+0000' if zone in ('z', 'utc', 'gmt') else zone}",
            "%Y-%m-%d %H:%M:%S%z" if zone else "%Y-%m-%d %H:%M:%S",
        )
    except ValueError:
        return None


def _from_number(value: Any) -> int | None:
    """Return the milliseconds of an epoch number, whose unit follows from its size."""
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        return None
    if isinstance(value, float):
        value = Decimal(repr(value))
    if isinstance(value, int) and abs(value) >= 10**_LARGEST_DIGITS:
        return None
    number = Decimal(value)
    # exponents of a million digits overflow in any arithmetic
    if not number.is_finite() or number.adjusted() >= _LARGEST_DIGITS:
        return None
    if number.adjusted() < -_LARGEST_DIGITS:
        return 0
    factor = next((factor for most, factor in _MAGNITUDES if abs(number) < most), _NANOSECONDS)
    return int((number * factor).to_integral_value(ROUND_FLOOR))
