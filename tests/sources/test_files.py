from __future__ import annotations

import json

import pytest

from airflow_provider_linkedin_capi.exceptions import SourceError
from airflow_provider_linkedin_capi.sources.files import FileSource


def rows(source: FileSource, size: int = 100):
    return [row for chunk in source.chunks(size) for row in chunk.rows]


def columns(source: FileSource):
    return next(source.chunks(1)).columns


@pytest.fixture
def write(tmp_path):
    def write(name: str, text: str, encoding: str = "utf-8") -> str:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(text.encode(encoding))
        return f"file://{tmp_path / name}"

    return write


def test_json_lines_become_rows_with_the_columns_of_all_lines(write):
    source = FileSource(write("a.jsonl", '{"id": 1, "email": "a@b.c"}\n\n{"id": 2, "lead": "x"}\n'))
    assert columns(source) == ("id", "email", "lead")
    assert rows(source) == [(1, "a@b.c", None), (2, None, "x")]
    assert source.count_rows() == 2


def test_files_are_cut_into_full_chunks(write):
    source = FileSource(write("a.ndjson", "".join(f'{{"id": {number}}}\n' for number in range(5))))
    assert [len(chunk.rows) for chunk in source.chunks(2)] == [2, 2, 1]


def test_csv_takes_its_columns_from_the_header_and_its_values_as_text(write):
    source = FileSource(write("a.csv", 'id,company\r\n1,"Example, Inc"\r\n\r\n2,"two\nlines"\r\n'))
    assert columns(source) == ("id", "company")
    assert rows(source) == [("1", "Example, Inc"), ("2", "two\nlines")]


@pytest.mark.parametrize("name", ["a.csv", "a.jsonl"])
def test_a_byte_order_mark_is_not_part_of_the_first_column(write, name):
    text = "id\n1\n" if name == "a.csv" else '{"id": "1"}\n'
    source = FileSource(write(name, text, "utf-8-sig"))
    assert columns(source) == ("id",)
    assert rows(source) == [("1",)]


def test_a_dead_letter_counts_as_the_row_inside_it(write):
    dead_letter = {
        "position": 7, "key": "e-7", "field": "email", "code": "invalid_email", "message": "…",
        "row": {"event_id": "e-7", "email": "mended@example.com"},
    }  # fmt: skip
    source = FileSource(write("dead.jsonl", json.dumps(dead_letter) + "\n"))
    assert columns(source) == ("event_id", "email")
    assert rows(source) == [("e-7", "mended@example.com")]


def test_a_row_with_a_column_named_row_is_no_dead_letter(write):
    source = FileSource(write("a.jsonl", '{"row": {"a": 1}, "message": "x"}\n'))
    assert columns(source) == ("row", "message")


def test_a_directory_is_read_file_by_file_in_the_order_of_names(write):
    write("parts/2.jsonl", '{"id": 2}\n')
    write("parts/1.jsonl", '{"id": 1}\n')
    write("parts/_SUCCESS", "")
    path = write("parts/3.csv", "id\n3\n").removesuffix("/3.csv")
    assert rows(FileSource(path)) == [(1,), (2,), ("3",)]


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("a.jsonl", '{"id": 1}\n{"id": \n', "a.jsonl, line 2 is not JSON"),
        ("a.jsonl", '{"id": 1}\n[1]\n', "a.jsonl, line 2 is not a JSON object"),
        ("a.csv", "id,email\n1,a@b.c\n2\n", "a.csv, line 3 has 1 values for 2 columns"),
        ("a.csv", "id,id\n1,2\n", "more than one column 'id'"),
        ("a.csv", "", "needs a header line"),
        ("a.csv", 'id\n"1"2\n', "a.csv, line 2 is not CSV"),
        ("a.parquet", "PAR1", "only JSON lines"),
    ],
)
def test_a_malformed_file_is_refused_with_file_and_line_before_any_row_is_given(write, name, text, message):
    with pytest.raises(SourceError, match=message):
        next(FileSource(write(name, text)).chunks(5))


def test_text_in_another_encoding_is_refused(write):
    with pytest.raises(SourceError, match="not UTF-8"):
        next(FileSource(write("a.csv", "id\nMünchen\n", "latin-1")).chunks(5))


def test_a_missing_file_and_an_empty_directory_are_refused(tmp_path):
    with pytest.raises(SourceError, match="There is no file"):
        FileSource(f"file://{tmp_path}/none.jsonl").count_rows()
    with pytest.raises(SourceError, match="holds no JSON lines"):
        FileSource(f"file://{tmp_path}").count_rows()
