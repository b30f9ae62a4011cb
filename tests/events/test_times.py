from __future__ import annotations

import datetime as dt
from decimal import Decimal
from zoneinfo import ZoneInfo

import numpy
import pandas
import pendulum
import pytest

from airflow_provider_linkedin_capi.events import RowMapper
from airflow_provider_linkedin_capi.exceptions import ConfigurationError
from tests.support.mapped_rows import DAY_MS, NOW_MS, elements_of, event_of, mapped, rejection_of, warning_of

MINUTE_MS = 60_000
#: 2026-09-20 12:34:56.789 UTC
MOMENT = 1_789_907_696_789
UTC = dt.UTC
BERLIN = ZoneInfo("Europe/Berlin")


def sent(value: object, **settings: object) -> int:
    return event_of({"happened_at": value, "email": "test@example.com"}, **settings).conversion_happened_at


@pytest.mark.parametrize(
    ("value", "milliseconds"),
    [
        (MOMENT, MOMENT),
        (str(MOMENT), MOMENT),
        (float(MOMENT), MOMENT),
        (Decimal(MOMENT), MOMENT),
        (f" {MOMENT}.9 ", MOMENT),
        (MOMENT // 1000, MOMENT - 789),
        (str(MOMENT // 1000), MOMENT - 789),
        (MOMENT / 1000, MOMENT),
        (Decimal("1789907696.789"), MOMENT),
        ("1789907696.7899", MOMENT),
        (MOMENT * 1000 + 999, MOMENT),
        (MOMENT * 1_000_000 + 999_999, MOMENT),
        (str(MOMENT * 1_000_000), MOMENT),
    ],
)
def test_the_unit_of_an_epoch_number_follows_from_its_size(value: object, milliseconds: int) -> None:
    assert sent(value) == milliseconds


@pytest.mark.parametrize(
    ("text", "milliseconds"),
    [
        ("2026-09-20T12:34:56.789Z", MOMENT),
        ("2026-09-20T12:34:56.789+00:00", MOMENT),
        ("2026-09-20 14:34:56.789+02:00", MOMENT),
        ("2026-09-20 14:34:56.789 +0200", MOMENT),
        ("2026-09-20 14:34:56.789+02", MOMENT),
        ("2026-09-20T04:34:56.789-08:00", MOMENT),
        ("2026-09-20 12:34:56.789 UTC", MOMENT),
        ("2026-09-20t12:34:56.789z", MOMENT),
        ("2026-09-20 12:34:56,789", MOMENT),
        ("2026-09-20 12:34:56.789", MOMENT),
        ("2026-09-20 12:34:56.7899999", MOMENT),
        ("2026-09-20T12:34:56.789123456Z", MOMENT),
        ("2026-09-20T12:34:56", MOMENT - 789),
        ("2026-09-20 12:34", MOMENT - 56_789),
        ("2026-09-20", MOMENT - 45_296_789),
        (" 2026-09-20\n", MOMENT - 45_296_789),
    ],
)
def test_iso_text_is_read_with_its_zone_or_as_utc(text: str, milliseconds: int) -> None:
    assert sent(text) == milliseconds


@pytest.mark.parametrize(
    "value",
    [
        dt.datetime(2026, 9, 20, 12, 34, 56, 789_999),
        dt.datetime(2026, 9, 20, 12, 34, 56, 789_000, tzinfo=UTC),
        dt.datetime(2026, 9, 20, 14, 34, 56, 789_000, tzinfo=BERLIN),
        dt.datetime(2026, 9, 20, 7, 34, 56, 789_000, tzinfo=dt.timezone(dt.timedelta(hours=-5))),
        pendulum.datetime(2026, 9, 20, 12, 34, 56, 789_000),
        pendulum.datetime(2026, 9, 20, 14, 34, 56, 789_000, tz="Europe/Berlin"),
        pendulum.naive(2026, 9, 20, 12, 34, 56, 789_000),
    ],
)
def test_a_timestamp_is_read_with_its_zone_or_as_utc(value: dt.datetime) -> None:
    assert sent(value) == MOMENT


@pytest.mark.parametrize(
    ("text", "milliseconds"),
    [
        ("September 20, 2026", MOMENT - 45_296_789),
        ("Sep 20, 2026", MOMENT - 45_296_789),
        ("Sept. 20 2026", MOMENT - 45_296_789),
        ("20 September 2026", MOMENT - 45_296_789),
        ("20-SEP-2026", MOMENT - 45_296_789),
        ("20 Sep 2026 12:34:56", MOMENT - 789),
        ("Sep 20, 2026 12:34 PM", MOMENT - 56_789),
        ("Sunday, September 20, 2026, 12:34:56 am", MOMENT - 789 - 43_200_000),
        ("Sun, 20 Sep 2026 14:34:56 +0200", MOMENT - 789),
        ("Sun, 20 Sep 2026 12:34:56 GMT", MOMENT - 789),
    ],
)
def test_a_text_that_names_the_month_is_read(text: str, milliseconds: int) -> None:
    assert sent(text) == milliseconds


def test_dates_of_other_forms_are_read_as_time_format_says() -> None:
    assert sent("09/20/2026", time_format="%m/%d/%Y") == MOMENT - 45_296_789
    assert sent("9/20/2026 12:34:56 PM", time_format="%m/%d/%Y %I:%M:%S %p") == MOMENT - 789
    assert sent("20.09.2026 14:34", time_format="%d.%m.%Y %H:%M", naive_timezone="Europe/Berlin") == MOMENT - 56_789
    for other in ("2026-09-20", "September 20, 2026"):
        assert sent(other, time_format="%m/%d/%Y") == MOMENT - 45_296_789


def test_a_time_format_that_python_does_not_know_is_an_error_before_the_first_row() -> None:
    with pytest.raises(ConfigurationError, match="time_format='%Q'"):
        sent(MOMENT, time_format="%Q")


def test_a_date_is_its_midnight() -> None:
    assert sent(dt.date(2026, 9, 20)) == MOMENT - 45_296_789
    assert sent(pendulum.date(2026, 9, 20)) == MOMENT - 45_296_789


def test_timestamps_of_pandas_and_numpy_are_read() -> None:
    for value in (
        pandas.Timestamp("2026-09-20 12:34:56.789"),
        pandas.Timestamp("2026-09-20 14:34:56.789", tz="Europe/Berlin"),
        numpy.datetime64("2026-09-20T12:34:56.789"),
        numpy.datetime64("2026-09-20T12:34:56.789000000"),
        numpy.int64(MOMENT),
        numpy.float64(MOMENT),
    ):
        assert sent(value) == MOMENT
    assert sent(numpy.datetime64("2026-09-20")) == MOMENT - 45_296_789
    for value in (pandas.NaT, pandas.NA, numpy.datetime64("NaT"), numpy.float64("nan")):
        assert rejection_of({"happened_at": value, "email": "test@example.com"}).code == "time_missing"


@pytest.mark.parametrize(
    "value",
    ["2026-09-20 14:34:56.789", "2026-09-20T14:34:56.789", dt.datetime(2026, 9, 20, 14, 34, 56, 789_000)],
)
def test_a_time_without_zone_is_taken_in_the_zone_given(value: object) -> None:
    assert sent(value, naive_timezone="Europe/Berlin") == MOMENT


def test_a_date_is_its_midnight_in_the_zone_given() -> None:
    assert sent(dt.date(2026, 9, 20), naive_timezone="Europe/Berlin") == MOMENT - 45_296_789 - 7_200_000


@pytest.mark.parametrize("as_text", [False, True])
def test_local_times_around_the_start_of_summer_time_are_what_zoneinfo_says(as_text: bool) -> None:
    now = dt.datetime(2026, 4, 15, tzinfo=UTC)
    moments = [(now - dt.timedelta(minutes=50 * number)).astimezone(BERLIN) for number in range(2_500)]
    locals_ = [moment.replace(tzinfo=None) for moment in moments]
    mapper = RowMapper(("happened_at", "email"), rule=1, naive_timezone="Europe/Berlin", now_ms=milliseconds(now))
    rows = [(str(local) if as_text else local, f"{number}@example.com") for number, local in enumerate(locals_)]
    result = mapper.map(rows)
    assert [event.conversion_happened_at for event in result.events] == [milliseconds(moment) for moment in moments]
    assert not result.warnings


def test_a_local_time_that_occurs_twice_is_the_first_of_them() -> None:
    now = milliseconds(dt.datetime(2026, 11, 15, tzinfo=UTC))
    row = {"happened_at": "2026-10-25 02:30:00", "email": "test@example.com"}
    event, warning = warning_of(row, naive_timezone="Europe/Berlin", now_ms=now)
    assert warning.code == "time_ambiguous"
    assert event.conversion_happened_at == milliseconds(dt.datetime(2026, 10, 25, 0, 30, tzinfo=UTC))


def test_a_local_time_that_is_skipped_counts_with_the_offset_before() -> None:
    now = milliseconds(dt.datetime(2026, 4, 15, tzinfo=UTC))
    row = {"happened_at": dt.datetime(2026, 3, 29, 2, 30), "email": "test@example.com"}
    event, warning = warning_of(row, naive_timezone="Europe/Berlin", now_ms=now)
    assert warning.code == "time_nonexistent"
    assert event.conversion_happened_at == milliseconds(dt.datetime(2026, 3, 29, 1, 30, tzinfo=UTC))


@pytest.mark.parametrize("value", [NOW_MS - 90 * DAY_MS, str(NOW_MS - 90 * DAY_MS), NOW_MS // 1000 - 90 * 86_400])
def test_exactly_ninety_days_are_accepted(value: object) -> None:
    assert sent(value) == NOW_MS - 90 * DAY_MS


@pytest.mark.parametrize(
    "value",
    [
        NOW_MS - 90 * DAY_MS - 1,
        str(NOW_MS - 90 * DAY_MS - 1),
        (NOW_MS - 90 * DAY_MS) * 1000 - 1,
        NOW_MS // 1000 - 90 * 86_400 - 1,
        dt.datetime.fromtimestamp((NOW_MS - 90 * DAY_MS - 1) / 1000, UTC),
        "2025-09-20T12:34:56Z",
        0,
        1,
        -MOMENT,
        "20260920",
        dt.date.min,
        dt.datetime.min,
    ],
)
def test_a_millisecond_more_than_ninety_days_is_too_old(value: object) -> None:
    rejection = rejection_of({"happened_at": value, "email": "test@example.com"})
    assert (rejection.field, rejection.code) == ("conversionHappenedAt", "time_too_old")


@pytest.mark.parametrize("ahead", [1, 5 * MINUTE_MS])
def test_clocks_may_differ_by_five_minutes(ahead: int) -> None:
    result = mapped({"happened_at": NOW_MS + ahead, "email": "test@example.com"})
    assert [warning.code for warning in result.warnings] == ["time_clamped"]
    assert [element["conversionHappenedAt"] for element in elements_of(result)] == [NOW_MS]


@pytest.mark.parametrize(
    "value",
    [
        NOW_MS + 5 * MINUTE_MS + 1,
        "2027-01-01",
        dt.datetime.max,
        dt.datetime.max.replace(tzinfo=dt.timezone(-dt.timedelta(hours=23))),
    ],
)
def test_the_future_is_rejected(value: object) -> None:
    assert rejection_of({"happened_at": value, "email": "test@example.com"}).code == "time_in_future"


@pytest.mark.parametrize("ahead", [1, 5 * MINUTE_MS + 1, DAY_MS])
def test_the_present_clock_decides_the_future_and_the_frozen_one_old_age(ahead: int) -> None:
    now = NOW_MS
    rows = [(NOW_MS - 90 * DAY_MS, "a@example.com"), (NOW_MS + ahead, "b@example.com")]
    mapper = RowMapper(("happened_at", "email"), rule=1, now_ms=NOW_MS, clock=lambda: now)
    before = mapper.map(rows)
    now += ahead
    after = mapper.map(rows)
    assert [element["conversionHappenedAt"] for element in elements_of(after)] == [NOW_MS - 90 * DAY_MS, NOW_MS + ahead]
    assert not after.rejections
    assert not after.warnings
    assert before.events == after.events
    assert len(elements_of(before)) == (2 if ahead == 1 else 1)


def test_a_conversion_in_the_future_is_rejected_for_now() -> None:
    mapper = RowMapper(("happened_at", "email"), rule=1, now_ms=NOW_MS)
    result = mapper.map([(NOW_MS + DAY_MS, "a@example.com"), (NOW_MS, "b@example.com"), (NOW_MS + DAY_MS, "jane")])
    assert [(each.position, each.code) for each in result.rejections] == [(0, "time_in_future"), (2, "email_invalid")]
    assert (result.positions, result.not_yet) == ([0, 1], {0})


class Homeless(dt.tzinfo):
    """A time zone that does not know its offset."""

    def utcoffset(self, _: dt.datetime | None) -> dt.timedelta:
        raise RuntimeError

    dst = utcoffset

    def tzname(self, _: dt.datetime | None) -> str:
        return "nowhere"


@pytest.mark.parametrize(
    "value",
    [
        True,
        float("inf"),
        Decimal("-Infinity"),
        10**30,
        1e300,
        Decimal("1E+9999999"),
        Decimal("-1E+9999999"),
        "yesterday",
        "20.09.2026",
        "09/20/2026",
        "Smarch 20, 2026",
        "June 31, 2026",
        "20 September 26",
        "September 20, 2026 13:00 PM",
        "2026-09-20x12:34:56",
        "2026-W38-7",
        "2026-W38-7T12:34:56",
        "20260920T123456Z",
        "2026-02-30",
        "2026-09-20 25:00:00",
        "2026-09-20T12:34:56+25:00",
        "1e12",
        "0x10",
        "1_789_907_696_789",
        "\u0661\u0662",
        b"\xff",
        dt.time(12, 34),
        dt.timedelta(days=1),
        dt.datetime(2026, 9, 20, tzinfo=Homeless()),
        [MOMENT],
        object(),
    ],
)
def test_an_invalid_time_is_rejected(value: object) -> None:
    assert rejection_of({"happened_at": value, "email": "test@example.com"}).code == "time_invalid"


@pytest.mark.parametrize("value", [None, "", " ", "NULL", r"\N", float("nan"), Decimal("NaN"), Decimal("sNaN")])
def test_a_row_without_time_is_rejected(value: object) -> None:
    assert rejection_of({"happened_at": value, "email": "test@example.com"}).code == "time_missing"


def milliseconds(moment: dt.datetime) -> int:
    return round(moment.timestamp() * 1000)
