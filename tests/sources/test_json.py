from __future__ import annotations

import json
import tracemalloc

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from airflow_provider_linkedin_capi.exceptions import SourceError
from airflow_provider_linkedin_capi.sources.files import FileSource

ROWS = [{"id": 1, "email": "a@b.c"}, {"id": 2, "city": "Köln"}, {"email": "d@e.f", "id": 3}]
#: As rows with the columns of all of them.
FULL = [{"id": row["id"], "email": row.get("email"), "city": row.get("city")} for row in ROWS]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("lines.jsonl", "\n".join(map(json.dumps, ROWS))),
        ("lines_end.ndjson", "".join(json.dumps(row) + "\r\n" for row in ROWS)),
        ("lines_apart.json", "\n\n".join(map(json.dumps, ROWS)) + "\n \n"),
        ("array.json", json.dumps(ROWS)),
        ("pretty.json", json.dumps(ROWS, indent=4)),
        ("array_of_lines.json", "[\n" + ",\n".join(map(json.dumps, ROWS)) + "\n]\n"),
        ("objects.json", "\n".join(json.dumps(row, indent=2) for row in ROWS)),
        ("side_by_side.json", "  " + json.dumps(ROWS[0], indent=2) + " ".join(map(json.dumps, ROWS[1:]))),
    ],
)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_objects_become_rows_with_the_columns_of_all(write, read, name, content, encoding):
    assert read(FileSource(write(name, content, encoding))) == FULL


def test_columns_that_come_late_join_at_the_end_of_the_next_chunks(write):
    path = write("a.jsonl", "".join(f'{{"id": {n}}}\n' for n in range(200_000)) + '{"lead": "x", "id": 200000}\n')
    chunks = list(FileSource(path).chunks(5000))
    assert chunks[0].columns == ("id",)
    assert chunks[-1].columns == ("id", "lead")
    assert chunks[-1].rows == [(200_000, "x")]
    assert [row[0] for chunk in chunks for row in chunk.rows] == list(range(200_001))
    assert {len(chunk.rows) for chunk in chunks[:-1]} == {5000}


@pytest.mark.parametrize(
    "line",
    [
        '{"id": 7, "email":',
        '{"id": 7, "amount": NaN}',
        '{"id": 7, "amount": -Infinity}',
        "[7]",
        '"id"',
        "null",
        "{id: 7}",
        '{"id": "tab\there"}',
        "[" * 100_000,
    ],
)
@pytest.mark.parametrize("place", [0, 7, 19])
def test_a_malformed_line_is_one_row_that_cannot_be_read(write, line, place):
    lines = [json.dumps({"id": number}) for number in range(19)]
    lines.insert(place, line)
    if place == 0 and line.startswith("["):
        pytest.skip("an array")
    (chunk,) = FileSource(write("a.jsonl", "\n".join(lines))).chunks(100)
    assert list(chunk.unreadable) == [place]
    assert chunk.unreadable[place].code == "row_unreadable"
    assert chunk.unreadable[place].message.endswith(f"a.jsonl, line {place + 1}: it is not a JSON object")
    assert chunk.rows.pop(place) == (line,)
    assert chunk.rows == [(number,) for number in range(19)]


def test_a_line_that_is_not_utf_8_is_one_row_that_cannot_be_read(write, read):
    content = '{"id": "Köln"}\n'.encode() * 3 + b'{"id": "K\xf6ln"}\n{"id": 5}'
    rows = read(FileSource(write("a.jsonl", content)))
    assert rows[:3] == [{"id": "Köln"}] * 3
    assert "line 4" in rows[3]
    assert rows[4] == {"id": 5}


@pytest.mark.parametrize("bad", ['{"id": 7, "amount": NaN}', "7", "null", '"text"', "[1, 2]"])
def test_a_malformed_element_of_an_array_is_one_row_that_cannot_be_read(write, bad):
    (chunk,) = FileSource(write("a.json", f'[{{"id": 1}}, {bad}, {{"id": 3}}]')).chunks(10)
    assert chunk.rows == [(1,), (bad,), (3,)]
    assert chunk.unreadable[1].message.endswith("a.json, object 2: it is not a JSON object")


@pytest.mark.parametrize(
    "value", ["\0", "\ud83d", "a\u2028b", 10**4000, -1.5, True, None, {"a": [1]}, [[]], "\U0001f600"]
)
@pytest.mark.parametrize("array", [False, True])
def test_every_value_of_json_comes_as_it_is(write, read, value, array):
    rows = [{"id": 1, "value": value}, {"id": 2, "value": "x"}]
    path = write("a.json", json.dumps(rows) if array else "\n".join(map(json.dumps, rows)))
    assert read(FileSource(path)) == rows


def test_a_number_that_python_cannot_hold_comes_as_text(write, read):
    digits = "9" * 10_000
    assert read(FileSource(write("a.jsonl", f'{{"id": {digits}}}\n'))) == [{"id": digits}]


@pytest.mark.parametrize("cut_off", [1, 5, 20])
def test_an_array_that_is_cut_off_may_be_whole_at_the_next_try(write, read, cut_off):
    with pytest.raises(SourceError, match="damaged or cut off") as raised:
        read(FileSource(write("a.json", json.dumps(ROWS)[:-cut_off])))
    assert not raised.value.permanent
    assert "@" not in str(raised.value)


def test_what_follows_an_array_is_not_passed_over(write, read):
    with pytest.raises(SourceError, match="has content after the end") as raised:
        read(FileSource(write("a.json", '[{"id": 1}]\n[{"id": 2}]')))
    assert raised.value.permanent


@pytest.mark.parametrize("content", ["", " \n\n", "[]", "[ ]\n"])
def test_a_file_without_objects_has_no_rows(write, read, content):
    assert read(FileSource(write("a.json", content))) == []


def letter(row):
    return {"position": 7, "key": "e-7", "field": "email", "code": "email_invalid", "message": "…", "row": row}


def test_a_dead_letter_counts_as_the_row_inside_it(write, read):
    lines = [letter({"event_id": "e-7", "email": "fixed@example.com"}), {"event_id": "e-8", "email": "a@b.c"}]
    path = write("dead.jsonl", "\n".join(map(json.dumps, lines)))
    assert read(FileSource(path)) == [
        {"event_id": "e-7", "email": "fixed@example.com"},
        {"event_id": "e-8", "email": "a@b.c"},
    ]


def test_a_dead_letter_whose_row_is_not_an_object_cannot_be_read(write, read):
    path = write("dead.jsonl", json.dumps(letter("a,b,c")) + '\n{"event_id": 1}\n')
    assert read(FileSource(path)) == [
        "the row of this dead letter is not an object of column to value",
        {"event_id": 1},
    ]


def test_a_row_with_a_column_named_row_is_not_a_dead_letter(write, read):
    rows = [{"row": {"a": 1}, "message": "x"}]
    assert read(FileSource(write("a.jsonl", json.dumps(rows[0])))) == rows


def test_more_columns_than_any_table_has_are_refused(write, read):
    path = write("a.jsonl", "\n".join(f'{{"m{number}@example.com": 1}}' for number in range(10_001)))
    with pytest.raises(SourceError, match="more than 10000 different columns") as raised:
        read(FileSource(path), 5000)
    assert raised.value.permanent


_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda children: st.lists(children, max_size=3) | st.dictionaries(st.text(), children, max_size=3),
    max_leaves=5,
)
_names = st.sampled_from(["id", "email", "lead", "Notes", "a b", "ü"])


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=150, deadline=None)
@given(
    rows=st.lists(st.dictionaries(_names, _values, min_size=1), max_size=8),
    indent=st.sampled_from([None, 2]),
    form=st.sampled_from(["lines", "array"]),
    size=st.integers(1, 5),
)
def test_what_json_writers_write_is_read_as_it_was(tmp_path_factory, rows, indent, form, size):
    path = tmp_path_factory.mktemp("json") / "a.json"
    text = json.dumps(rows, indent=indent) if form == "array" else "\n".join(json.dumps(row) for row in rows)
    path.write_text(text)
    chunks = list(FileSource(f"file://{path}").chunks(size))
    got = [dict(zip(chunk.columns, row, strict=True)) for chunk in chunks for row in chunk.rows]
    columns = {name for row in rows for name in row}
    assert [{name: row.get(name) for name in columns} for row in got] == [
        {name: row.get(name) for name in columns} for row in rows
    ]
    assert not any(chunk.unreadable for chunk in chunks)


@pytest.mark.parametrize("array", [False, True])
def test_a_large_file_is_read_part_by_part(write, array):
    row = json.dumps({"id": 1, "email": "member@example.com", "city": "x" * 200})
    content = "[" + ",\n".join([row] * 100_000) + "]" if array else f"{row}\n" * 100_000
    chunks = FileSource(write("a.json", content)).chunks(5000)
    next(chunks)
    tracemalloc.start()
    rows = sum(len(chunk.rows) for chunk in chunks)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert rows == 95_000
    assert peak < 30 << 20
