from __future__ import annotations

import pytest

from airflow_provider_linkedin_capi.exceptions import SourceError
from airflow_provider_linkedin_capi.sources.records import RecordsSource


def test_records_become_rows_with_all_columns_in_the_order_of_appearance():
    source = RecordsSource([{"id": 1, "email": "a@b.c"}, {"lead": "x", "id": 2}])
    (chunk,) = source.chunks(10)
    assert chunk.columns == ("id", "email", "lead")
    assert chunk.rows == [(1, "a@b.c", None), (2, None, "x")]
    assert source.count_rows() == 2


def test_records_are_cut_into_chunks_of_the_same_columns():
    chunks = list(RecordsSource([{"id": number} for number in range(5)]).chunks(2))
    assert [chunk.rows for chunk in chunks] == [[(0,), (1,)], [(2,), (3,)], [(4,)]]


def test_the_lists_of_a_mapped_task_are_joined():
    (chunk,) = RecordsSource([[{"id": 1}], [], [{"id": 2}, {"id": 3}]]).chunks(10)
    assert chunk.rows == [(1,), (2,), (3,)]


def test_text_is_read_as_json():
    (chunk,) = RecordsSource('[{"id": 1}]').chunks(10)
    assert chunk.rows == [(1,)]


def test_no_records_give_no_chunk():
    assert list(RecordsSource([]).chunks(10)) == []


@pytest.mark.parametrize(
    ("records", "message"),
    [
        ("[{'id': 1}]", "not JSON"),
        ({"id": 1}, "list of dictionaries, not dict"),
        (7, "list of dictionaries, not int"),
        ([{"id": 1}, ("a", "b")], r"records\[1\] is tuple"),
        ([[{"id": 1}, 3]], r"records\[0\]\[1\] is int"),
    ],
)
def test_what_is_not_a_list_of_dictionaries_is_refused_with_its_place(records, message):
    with pytest.raises(SourceError, match=message):
        RecordsSource(records).count_rows()
