from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_linkedin_capi.delivery.interfaces import Chunk
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
