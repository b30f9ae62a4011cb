"""Whatever a cell holds, its row becomes an event or a rejection, and the other rows do not notice."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any

import numpy
import pandas
import pytest

from airflow_provider_linkedin_capi.events import RowMapper, encode_batch
from airflow_provider_linkedin_capi.events.codes import CODES
from airflow_provider_linkedin_capi.events.fields import FIELDS
from tests.events.strategies import Hostile
from tests.support.mapped_rows import NOW_MS

RULES: dict[str, str | int] = {"LEAD": 1}


def released() -> memoryview:
    view = memoryview(b"test@example.com")
    view.release()
    return view


def nested(depth: int) -> list[Any]:
    value: list[Any] = []
    for _ in range(depth):
        value = [value]
    return value


def itself() -> list[Any]:
    value: list[Any] = []
    value.append(value)
    return value


VALUES: dict[str, Any] = {
    "a decimal without end": Decimal("1E+9999999"),
    "a tiny decimal": Decimal("1E-9999999"),
    "a signalling NaN": Decimal("sNaN"),
    "a whole number of 10,000 digits": 10**10_000,
    "its text": "9" * 10_000,
    "a negative one": -(10**10_000),
    "a released memoryview": released(),
    "a memoryview of numbers": memoryview(numpy.arange(3)),
    "a Series": pandas.Series([1, 2]),
    "a Series of one": pandas.Series(["a"]),
    "a DataFrame": pandas.DataFrame({"dtype": [1]}),
    "an array": numpy.array([[1, 2], [3, 4]]),
    "an empty array": numpy.array([]),
    "an Interval": pandas.Interval(0, 1),
    "a nested list": nested(100_000),
    "a nested text": "[" * 100_000,
    "a nested record": '{"userInfo":' * 100_000,
    "a list of itself": itself(),
    "half a surrogate pair": "\ud800",
    "half of one in a list": ["\udfff"],
    "half of one in a record": {"userIds": [{"idType": "ACXIOM_ID", "idValue": "\ud800"}]},
    "NUL": "a\x00b",
    "a very long text": "x" * 1_000_000,
    "bytes that are not text": b"\xff\xfe",
    "32 bytes": bytes(range(200, 232)),
    "an object that answers nothing": Hostile(),
    "a record of such": {"userIds": [Hostile()], "amount": Hostile(), "currencyCode": Hostile()},
    "a list of such": [Hostile()],
    "a class": int,
    "a time without date": dt.time(12),
    "the last moment": dt.datetime.max,
    "the first one": dt.datetime.min,
    "a moment beyond UTC's calendar": dt.datetime.max.replace(tzinfo=dt.timezone(-dt.timedelta(hours=23))),
    "infinity": float("inf"),
    "a complex number": 1j,
    "an ellipsis": ...,
}


@pytest.mark.parametrize("field", [field.name for field in FIELDS])
def test_no_value_of_a_field_raises_or_harms_another_row(field: str) -> None:
    columns = list(dict.fromkeys(["conversionHappenedAt", "email", "amount", "currencyCode", "conversion_type", field]))
    good = {"conversionHappenedAt": NOW_MS, "email": "test@example.com", "conversion_type": "LEAD"}
    mapper = RowMapper(columns, rule=RULES, now_ms=NOW_MS)
    cells = list(VALUES.values())
    rows = [tuple((good | {field: cell}).get(column) for column in columns) for cell in (good.get(field), *cells)]
    rows.append(tuple(good.get(column) for column in columns))
    result = mapper.map(rows)
    positions = {*result.positions, *(rejection.position for rejection in result.rejections)}
    assert positions == set(range(len(rows)))
    assert {0, len(rows) - 1} <= set(result.positions)
    assert {each.code for each in (*result.rejections, *result.warnings)} <= CODES.keys()
    assert encode_batch(result.events)


@pytest.mark.parametrize("name", VALUES)
def test_no_value_raises_in_all_fields_at_once(name: str) -> None:
    columns = [field.name for field in FIELDS]
    for cells in ([VALUES[name]] * len(columns), [NOW_MS] + [VALUES[name]] * (len(columns) - 1)):
        result = RowMapper(columns, rule=RULES, now_ms=NOW_MS).map([tuple(cells)] * 2)
        assert len(result.rejections) == 2


def test_a_row_may_be_any_object() -> None:
    mapper = RowMapper(("happened_at", "email"), rule=1, now_ms=NOW_MS)
    rows: list[Any] = [(NOW_MS, "test@example.com"), Hostile(), pandas.Series([1, 2]), "ab", b"ab", {1, 2}, 7]
    result = mapper.map(rows)
    assert result.positions == [0]
    assert {each.code for each in result.rejections} == {"row_shape"}
