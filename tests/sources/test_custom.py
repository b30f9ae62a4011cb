from __future__ import annotations

import functools

import pandas as pd
import pytest

from airflow_provider_linkedin_capi.exceptions import SourceError
from airflow_provider_linkedin_capi.sources.custom import GeneratorSource


def leads(first=0, count=5):
    for number in range(first, first + count):
        yield {"id": number}


def test_dictionaries_become_chunks_of_one_size():
    chunks = list(GeneratorSource(leads).chunks(2))
    assert [chunk.rows for chunk in chunks] == [[(0,), (1,)], [(2,), (3,)], [(4,)]]


def test_lists_and_data_frames_may_be_yielded_between_dictionaries(read):
    def pages():
        yield {"id": 1}
        yield [{"id": 2, "lead": "x"}, {"id": 3}]
        yield []
        yield pd.DataFrame({"lead": ["y"], "id": [4]})
        yield {"id": 5}

    assert [(row["id"], row.get("lead")) for row in read(GeneratorSource(pages))] == [
        (1, None), (2, "x"), (3, None), (4, "y"), (5, None)
    ]  # fmt: skip


@pytest.mark.parametrize("size", [1, 3, 100])
def test_columns_that_come_late_extend_those_before(size):
    def rows():
        yield {"id": 1, "email": "a"}
        yield {"email": "b", "id": 2}
        yield {"id": 3, "lead": "x"}

    chunks = list(GeneratorSource(rows).chunks(size))
    assert chunks[-1].columns == ("id", "email", "lead")
    assert all(chunk.columns == ("id", "email", "lead")[: len(chunk.columns)] for chunk in chunks)
    assert [row[0] for chunk in chunks for row in chunk.rows] == [1, 2, 3]


def test_a_row_that_is_not_a_dictionary_is_one_unreadable_row(read):
    def rows():
        yield [{"id": 1}, "oops", {"id": 2}]

    first, odd, last = read(GeneratorSource(rows))
    assert (first, last) == ({"id": 1}, {"id": 2})
    assert odd.endswith("rows yields[1] is str, not a dictionary of column to value")


@pytest.mark.parametrize("item", ["text", 7, None])
def test_anything_but_a_row_ends_the_delivery(read, item):
    def rows():
        yield item

    with pytest.raises(SourceError, match=f"rows yields has to be a list of dictionaries, not {type(item).__name__}"):
        read(GeneratorSource(rows))


def test_a_function_that_is_not_a_generator_differs_from_one_without_rows(read):
    with pytest.raises(SourceError, match=r"returned NoneType\. It has to yield dictionaries") as raised:
        read(GeneratorSource(lambda: None))
    assert raised.value.permanent
    assert read(GeneratorSource(lambda: [])) == []


def test_arguments_can_be_filled_in(read):
    assert read(GeneratorSource(functools.partial(leads, first=7, count=1))) == [{"id": 7}]


def test_rows_are_taken_as_they_are_needed():
    taken = []

    def rows():
        for number in range(1000):
            taken.append(number)
            yield {"id": number}

    next(GeneratorSource(rows).chunks(10))
    assert len(taken) == 10


@pytest.mark.parametrize("function", [leads, functools.partial(leads, first=1), lambda: []])
def test_a_source_is_the_same_at_every_parse(function):
    assert "0x" not in repr(GeneratorSource(function))
