from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from airflow_provider_linkedin_capi.events import RowMapper, encode_batch
from airflow_provider_linkedin_capi.events.cells import Corrected, Refused
from airflow_provider_linkedin_capi.events.codes import CODES
from airflow_provider_linkedin_capi.events.fields import FIELDS
from airflow_provider_linkedin_capi.events.times import TimeReader
from airflow_provider_linkedin_capi.legacy.row_mapper import OfflineRowMapper
from tests.events.linkedin_schema import problems
from tests.events.strategies import cells, tables
from tests.support.mapped_rows import NOW_MS, RULE, elements_of

if TYPE_CHECKING:
    from airflow_provider_linkedin_capi.events.reading import Reader

Table = tuple[list[str], list[tuple[Any, ...]]]

thorough = settings(max_examples=80, deadline=None, suppress_health_check=list(HealthCheck))
mappers = st.fixed_dictionaries(
    {
        "rule": st.sampled_from([RULE, {"LEAD": 1, "PURCHASE": RULE}]),
        "naive_timezone": st.sampled_from(["UTC", "Europe/Berlin", "Australia/Lord_Howe"]),
        "api_version": st.sampled_from(["202609", "202608"]),
        "derive_event_ids": st.booleans(),
    }
)


def make(columns: list[str], options: dict[str, Any]) -> RowMapper:
    if isinstance(options["rule"], dict) and not {"conversion", "conversion_type"} & set(columns):
        options = options | {"rule": RULE}
    return RowMapper(columns, now_ms=NOW_MS, **options)


@thorough
@given(table=tables(), options=mappers)
def test_any_row_becomes_a_valid_event_or_a_rejection_that_says_why(table: Table, options: dict[str, Any]) -> None:
    columns, rows = table
    result = make(columns, options).map(rows)

    rejected = [rejection.position for rejection in result.rejections]
    waiting = {result.positions[place] for place in result.not_yet}
    assert sorted({*result.positions, *rejected}) == list(range(len(rows)))
    assert waiting == {*result.positions} & {*rejected}
    assert result.positions == sorted(result.positions)
    assert rejected == sorted(set(rejected))
    warned = [warning.position for warning in result.warnings]
    assert warned == sorted(warned)
    assert set(warned) <= set(result.positions) - waiting
    codes = [rejection.code for rejection in result.rejections] + [warning.code for warning in result.warnings]
    assert set(codes) <= CODES.keys()

    elements = elements_of(result)
    assert len(elements) == len(result.events) - len(waiting)
    for element in elements:
        assert problems(element, NOW_MS, options["api_version"]) == []


@thorough
@given(table=tables(), options=mappers)
def test_rows_together_become_what_they_become_alone(table: Table, options: dict[str, Any]) -> None:
    columns, rows = table
    mapper = make(columns, options)
    together = mapper.map(rows)
    alone = [mapper.map([row]) for row in rows]
    again = make(columns, options).map(rows)
    assert encode_batch(together.events) == encode_batch([event for each in alone for event in each.events])
    assert encode_batch(together.events) == encode_batch(again.events)
    assert [(each.field, each.code) for each in together.rejections] == [
        (each.field, each.code) for result in alone for each in result.rejections
    ]
    assert [(each.field, each.code) for each in together.warnings] == [
        (each.field, each.code) for result in alone for each in result.warnings
    ]


@thorough
@given(table=tables(), order=st.randoms(use_true_random=False))
def test_the_order_of_the_columns_changes_nothing(table: Table, order: Any) -> None:
    columns, rows = table
    shuffled = list(range(len(columns)))
    order.shuffle(shuffled)
    one = RowMapper(columns, rule=RULE, now_ms=NOW_MS).map(rows)
    other = RowMapper([columns[index] for index in shuffled], rule=RULE, now_ms=NOW_MS).map(
        [tuple(row[index] for index in shuffled) for row in rows]
    )
    assert encode_batch(one.events) == encode_batch(other.events)
    assert one.positions == other.positions


@pytest.mark.parametrize(
    "reader",
    [
        *(pytest.param(field.reader(), id=field.name) for field in FIELDS if field.reader),
        *(pytest.param(field.mapped_reader(), id=f"mapped {field.name}") for field in FIELDS if field.mapped_reader),
        *(
            pytest.param(TimeReader(naive_timezone=zone, time_format=None, now_ms=NOW_MS), id=f"time in {zone}")
            for zone in ("UTC", "Europe/Berlin")
        ),
    ],
)
@settings(max_examples=50, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_the_fast_pass_gives_what_the_careful_one_gives(reader: Reader, data: st.DataObject) -> None:
    cell = data.draw(st.one_of(cells, st.sampled_from(["Mary", "test@example.com", "81.2.69.142", "order-000123"])))
    (fast,) = reader.usual([cell])
    careful = reader.read_one(cell)
    if fast is not None:
        assert not isinstance(careful, Refused | Corrected)
        assert fast == careful


@settings(max_examples=50, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    rows=st.lists(
        st.tuples(
            st.one_of(st.sampled_from(["ADD", "remove", None]), cells),
            st.one_of(
                cells,
                st.fixed_dictionaries(
                    {},
                    optional={
                        "userIds": st.one_of(
                            cells,
                            st.lists(st.fixed_dictionaries({"idType": cells, "idValue": cells}), max_size=2),
                            st.just([{"idType": "SHA256_EMAIL", "idValue": "a" * 64}]),
                        ),
                        "firstName": cells,
                        "lastName": cells,
                        "company": cells,
                    },
                ),
            ),
            st.one_of(
                cells,
                st.fixed_dictionaries(
                    {"conversionHappenedAt": st.one_of(st.just(NOW_MS), cells)},
                    optional={"conversionType": cells, "moneyAmount": cells},
                ),
            ),
        ),
        max_size=5,
    )
)
def test_any_offline_row_becomes_a_valid_event_or_a_rejection(rows: list[tuple[Any, ...]]) -> None:
    mapper = OfflineRowMapper(("action", "user", "conversion"), rule=RULE, now_ms=NOW_MS)
    result = mapper.map(rows)
    rejected = [rejection.position for rejection in result.rejections]
    assert sorted({*result.positions, *rejected}) == list(range(len(rows)))
    assert rejected == sorted(rejected)
    for element in elements_of(result):
        assert problems(element, NOW_MS, "202609") == []
