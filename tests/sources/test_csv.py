from __future__ import annotations

import csv
import io
import tracemalloc

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from airflow_provider_linkedin_capi.exceptions import SourceError
from airflow_provider_linkedin_capi.sources.files import FileSource

HEADER = "email,happened_at,company\n"


def test_columns_come_from_the_header_and_values_are_text(write, read):
    path = write("a.csv", 'id,company\r\n1,"Example, Inc"\r\n\r\n2,"two\nlines"\r\n')
    assert read(FileSource(path)) == [{"id": "1", "company": "Example, Inc"}, {"id": "2", "company": "two\nlines"}]


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_the_delimiter_is_detected_from_the_header(write, read, delimiter, end):
    lines = [f"id{delimiter}email", f"1{delimiter}a@b.c", ""]
    assert read(FileSource(write("a.csv", end.join(lines)))) == [{"id": "1", "email": "a@b.c"}]


def test_a_decimal_comma_is_not_a_delimiter_beside_semicolons(write, read):
    assert read(FileSource(write("a.csv", "id;amount\n1;2,5\n"))) == [{"id": "1", "amount": "2,5"}]


def test_delimiters_inside_quotes_do_not_count(write, read):
    path = write("a.csv", '"name; title; more";amount,net\nx;1\n')
    assert read(FileSource(path, delimiter=";")) == [{"name; title; more": "x", "amount,net": "1"}]
    path = write("b.csv", '"a,b,c,d";e;f\n1;2;3\n')
    assert read(FileSource(path)) == [{"a,b,c,d": "1", "e": "2", "f": "3"}]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "cp1252"])
def test_the_encoding_is_detected_from_the_content(write, read, caplog, encoding):
    path = write("a.csv", "id,city\n1,Köln\n2,São Paulo\n", encoding)
    assert read(FileSource(path)) == [{"id": "1", "city": "Köln"}, {"id": "2", "city": "São Paulo"}]
    assert ("reading it as Windows-1252" in caplog.text) == (encoding == "cp1252")


def test_an_encoding_can_be_set(write, read):
    path = write("a.csv", "id,city\n1,Łódź\n", "cp1250")
    assert read(FileSource(path, encoding="cp1250")) == [{"id": "1", "city": "Łódź"}]


def test_a_line_that_is_not_text_is_one_row_that_cannot_be_read(write, read):
    lines = "id,city\n" + "".join(f"{number},Köln\n" for number in range(3))
    path = write("a.csv", lines.encode() + b"3,K\xf6ln\n4,ok\n")
    *good, bad, last = read(FileSource(path))
    assert len(good) == 3
    assert bad.endswith("a.csv, line 5: it is not text in the file's encoding")
    assert last == {"id": "4", "city": "ok"}


def test_letters_of_several_bytes_may_lie_across_blocks(write, read):
    rows = [{"id": str(number), "city": "ü" * 1001} for number in range(1500)]
    path = write("a.csv", "id,city\n" + "".join(f"{row['id']},{row['city']}\n" for row in rows))
    assert read(FileSource(path), 1000) == rows


def test_the_line_sep_names_the_delimiter(write, read):
    assert read(FileSource(write("a.csv", "sep=|\nid|note\n1|a;b;c\n"))) == [{"id": "1", "note": "a;b;c"}]


def test_google_s_preamble_is_named_and_can_be_skipped(write, read):
    path = write("a.csv", "Parameters:TimeZone=+0100,,\nid,email,time\n1,a@b.c,x\n")
    with pytest.raises(SourceError, match=r"Parameters:TimeZone.*skip_lines=1.*naive_timezone") as raised:
        read(FileSource(path))
    assert raised.value.permanent
    assert read(FileSource(path, skip_lines=1)) == [{"id": "1", "email": "a@b.c", "time": "x"}]


def test_spaces_after_commas_are_not_part_of_cells(write, read):
    path = write("a.csv", '"email", "company"\n"a@b.c", "Example, Inc"\n')
    assert read(FileSource(path)) == [{"email": "a@b.c", "company": "Example, Inc"}]


def test_empty_columns_at_the_right_edge_and_empty_lines_are_left_out(write, read):
    path = write("a.csv", "id,email,,\n1,a@b.c,,\n2,d@e.f\n,,,\n \n,\n3,g@h.i,,\n")
    assert read(FileSource(path)) == [
        {"id": "1", "email": "a@b.c"},
        {"id": "2", "email": "d@e.f"},
        {"id": "3", "email": "g@h.i"},
    ]


def test_a_value_in_a_column_without_name_at_the_right_edge_is_not_passed_over(write, read):
    assert "3 values for 2 columns" in read(FileSource(write("a.csv", "id,email,\n1,a@b.c,oops\n")))[0]


def test_columns_of_one_name_are_both_kept(write):
    (chunk,) = FileSource(write("a.csv", "id,Notes,Notes\n1,x,y\n")).chunks(10)
    assert chunk.columns == ("id", "Notes", "Notes")
    assert chunk.rows == [("1", "x", "y")]


@pytest.mark.parametrize(
    "line",
    [
        "a@b.c,2026-11-26,Acme, Inc",
        'a@b.c,2026-11-26,"Acme "Best" Ltd"',
        "a@b.c,2026-11-26",
        'a@b.c,2026-11-26,"never closed',
        '"never closed,2026-11-26,Acme',
        "cut of",
    ],
)
def test_a_malformed_line_is_one_row_that_cannot_be_read(write, line):
    good = [(f"m{number}@b.c", "2026-11-26", f"Company {number}") for number in range(20)]
    lines = [",".join(row) for row in good]
    lines.insert(7, line)
    (chunk,) = FileSource(write("a.csv", HEADER + "\n".join(lines))).chunks(100)
    (index,) = chunk.unreadable
    assert index == 7
    assert chunk.rows.pop(7) == (line,)
    assert chunk.rows == good
    reason = chunk.unreadable[7]
    assert reason.code in ("row_shape", "row_unreadable")
    assert "line 9: " in reason.message
    assert "@" not in reason.message


def test_a_quote_too_many_takes_no_other_row_with_it(write):
    good = [f'm{number}@b.c,2026-11-26,"Company, {number}"' for number in range(50_000)]
    lines = [*good[:40], 'x@b.c,2026-11-26,"oops', *good[40:]]
    chunks = list(FileSource(write("a.csv", HEADER + "\n".join(lines))).chunks(5000))
    assert sum(len(chunk.rows) for chunk in chunks) == 50_001
    assert [len(chunk.unreadable) for chunk in chunks] == [1] + [0] * 10


def test_a_cell_may_be_long(write, read):
    text = "x" * 1_000_000
    assert read(FileSource(write("a.csv", f'id,note\n1,"{text}\n{text}"\n'))) == [
        {"id": "1", "note": f"{text}\n{text}"}
    ]


@pytest.mark.parametrize(
    "line", ["jane@example.com,Jane,DE", "7,2026-11-26T18:04:37Z,x", "1,1795800000000,x", "x," + "a1" * 32 + ",y"]
)
def test_a_file_without_header_is_refused_without_showing_it(write, read, line):
    path = write("a.csv", f"{line}\n{line}\n")
    with pytest.raises(SourceError, match="no header line") as raised:
        read(FileSource(path))
    assert raised.value.permanent
    assert not any(cell in str(raised.value) for cell in line.split(",") if len(cell) > 2)


def test_the_columns_of_a_file_without_header_can_be_named(write, read):
    path = write("a.csv", "jane@example.com|7\n")
    assert read(FileSource(path, header=["email", "amount"])) == [{"email": "jane@example.com", "amount": "7"}]


@pytest.mark.parametrize("content", ["", "\n\n", "\ufeff"])
def test_an_empty_file_has_no_rows(write, read, content):
    assert read(FileSource(write("a.csv", content))) == []


def test_a_header_alone_has_no_rows(write, read):
    assert read(FileSource(write("a.csv", "id,email"))) == []


_cells = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=150, deadline=None)
@given(
    rows=st.lists(st.lists(_cells, min_size=3, max_size=3), max_size=8),
    delimiter=st.sampled_from(",;\t|"),
    ends=st.sampled_from(["\n", "\r\n"]),
    size=st.integers(1, 5),
)
def test_what_csv_writers_write_is_read_as_it_was(tmp_path_factory, rows, delimiter, ends, size):
    buffer = io.StringIO(newline="")
    writer = csv.writer(buffer, delimiter=delimiter, lineterminator=ends, quoting=csv.QUOTE_ALL)
    writer.writerows([["id", "email", "note"], *rows])
    path = tmp_path_factory.mktemp("csv") / "a.csv"
    path.write_bytes(buffer.getvalue().encode())
    chunks = list(FileSource(f"file://{path}").chunks(size))
    expected = [tuple(row) for row in rows if any(row)]
    assert [row for chunk in chunks for row in chunk.rows] == expected
    assert not any(chunk.unreadable for chunk in chunks)
    assert all(len(chunk.rows) == size for chunk in chunks[:-1])


def test_a_large_file_is_read_part_by_part(write):
    path = write("a.csv", HEADER + "m@b.c,2026-11-26,Company\n" * 300_000)
    chunks = FileSource(path).chunks(5000)
    next(chunks)
    tracemalloc.start()
    rows = sum(len(chunk.rows) for chunk in chunks)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert rows == 295_000
    assert peak < 40 << 20
