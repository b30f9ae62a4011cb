from __future__ import annotations

import pandas as pd
import pyarrow as pa
import pytest

from airflow_provider_linkedin_capi.exceptions import SourceError
from airflow_provider_linkedin_capi.sources.hidden_from_ui import HiddenFromUI
from airflow_provider_linkedin_capi.sources.records import RecordsSource


def test_records_become_rows_with_all_columns_in_the_order_of_appearance():
    (chunk,) = RecordsSource([{"id": 1, "email": "a@b.c"}, {"lead": "x", "id": 2}]).chunks(10)
    assert chunk.columns == ("id", "email", "lead")
    assert chunk.rows == [(1, "a@b.c", None), (2, None, "x")]


def test_the_first_chunk_has_the_columns_of_all_records():
    first, second = RecordsSource([{"id": 1}, {"id": 2, "lead": "x"}]).chunks(1)
    assert first.columns == second.columns == ("id", "lead")


def test_records_are_cut_into_full_chunks():
    chunks = list(RecordsSource([{"id": number} for number in range(5)]).chunks(2))
    assert [chunk.rows for chunk in chunks] == [[(0,), (1,)], [(2,), (3,)], [(4,)]]


def test_the_lists_of_a_mapped_task_are_joined():
    (chunk,) = RecordsSource([[{"id": 1}], [], [{"id": 2}, {"id": 3}]]).chunks(10)
    assert chunk.rows == [(1,), (2,), (3,)]


def test_text_is_read_as_json(read):
    assert read(RecordsSource('[{"id": 1}]')) == [{"id": 1}]


def test_a_data_frame_is_read(read):
    frame = pd.DataFrame({"id": [1, 2], "mixed": ["a", 5], 2026: [None, 1.5]}, index=[7, 8])
    rows = read(RecordsSource(frame))
    assert rows[1] == {"id": 2, "mixed": 5, "2026": 1.5}
    assert read(RecordsSource([frame, frame]))[3] == rows[1]


@pytest.mark.parametrize("make", [pa.table, pa.record_batch])
def test_a_table_of_arrow_is_read(read, make):
    table = make({"id": [1, 2], "email": ["a@b.c", None]})
    assert read(RecordsSource(table)) == [{"id": 1, "email": "a@b.c"}, {"id": 2, "email": None}]


@pytest.mark.parametrize("records", [[], [[]], "[]", pd.DataFrame()])
def test_no_records_give_no_rows(records):
    assert list(RecordsSource(records).chunks(10)) == []


def test_names_of_columns_become_text(read):
    assert read(RecordsSource([{1: "a", None: "b"}])) == [{"1": "a", "None": "b"}]


@pytest.mark.parametrize("odd", ["a@b.c", None, 7, ("a", "b")])
def test_an_element_that_is_not_a_dictionary_is_one_unreadable_row(odd):
    (chunk,) = RecordsSource([{"id": 1}, odd, {"id": 3}]).chunks(10)
    assert chunk.rows == [(1,), (str(odd),), (3,)]
    assert chunk.unreadable[1].code == "row_unreadable"
    assert chunk.unreadable[1].message == (f"records[1] is {type(odd).__name__}, not a dictionary of column to value")


@pytest.mark.parametrize(
    ("records", "message"),
    [
        ("[{'id': 1}]", "not JSON"),
        ({"id": 1}, "list of dictionaries, not dict"),
        (b"[]", "list of dictionaries, not bytes"),
        (7, "list of dictionaries, not int"),
        (["jane@example.com", "b"], r"records\[0\] is str"),
        ([[("jane@example.com", 1)]], r"records\[0\]\[0\] is tuple"),
    ],
)
def test_anything_but_a_list_of_dictionaries_is_refused_for_good(records, message):
    with pytest.raises(SourceError, match=message) as raised:
        list(RecordsSource(records).chunks(10))
    assert raised.value.permanent
    assert "jane" not in str(raised.value)


def test_records_are_not_shown():
    records = [{"email": "jane@example.com"}]
    assert "jane" not in f"{RecordsSource(records)} {RecordsSource(records)!r} {HiddenFromUI(records)}"
