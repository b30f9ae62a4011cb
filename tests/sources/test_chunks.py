from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_linkedin_capi.delivery.interfaces import Chunk
from airflow_provider_linkedin_capi.delivery.rows import cut
from airflow_provider_linkedin_capi.sources.chunks import Columns, Unreadable, unreadable

_names = st.lists(st.sampled_from("abc"), max_size=4)


@given(st.lists(_names, max_size=5))
def test_rows_keep_each_value_under_its_name_whatever_the_columns(headers):
    columns = Columns()
    for header in headers:
        row = tuple(f"{name}{index}" for index, name in enumerate(header))
        before = columns.names
        chunk = columns.arrange(Chunk(tuple(header), [row]))
        assert chunk.columns[: len(before)] == before
        cells = [(name, cell) for name, cell in zip(chunk.columns, chunk.rows[0], strict=True) if cell is not None]
        assert sorted(cells) == sorted(zip(header, row, strict=True))


def test_rows_that_cannot_be_read_stay_as_they_are():
    columns = Columns(("id", "email"))
    chunk = columns.arrange(Chunk(("email",), [("a@b.c",), ("raw line",)], {1: unreadable("x")}))
    assert chunk.rows == [(None, "a@b.c"), ("raw line",)]
    chunk = columns.of_records([{"id": 1}, Unreadable("why", "text"), {"lead": 2}])
    assert chunk.columns == ("id", "email", "lead")
    assert chunk.rows == [(1, None, None), ("text",), (None, None, 2)]
    assert chunk.unreadable[1].message == "why"


def test_small_batches_are_cut_from_large_portions_with_their_reasons():
    portions = [Chunk(("id",), [(n,) for n in range(25)], {n: unreadable(str(n)) for n in (3, 11, 24)})] * 2
    chunks = list(cut(portions, 10))
    assert [len(chunk.rows) for chunk in chunks] == [10, 10, 10, 10, 10]
    found = [(row[0], chunk.unreadable[index].message) for chunk in chunks for index, row in enumerate(chunk.rows)
             if index in chunk.unreadable]  # fmt: skip
    assert found == [(3, "3"), (11, "11"), (24, "24")] * 2


def test_rows_that_cannot_be_read_get_no_further_columns():
    first = Chunk(("id",), [(1,), ("raw line",)], {1: unreadable("x")})
    (chunk,) = cut([first, Chunk(("id", "lead"), [(2, "y")])], 10)
    assert chunk.rows == [(1, None), ("raw line",), (2, "y")]


def test_a_source_s_list_may_hold_one_row_that_cannot_be_read():
    (chunk,) = cut([[{"id": 1}, "oops", {"id": 3, 4: "x"}]], 10)
    assert chunk.columns == ("id", "4")
    assert chunk.rows == [(1, None), ("oops",), (3, "x")]
    assert chunk.unreadable[1].code == "row_unreadable"
