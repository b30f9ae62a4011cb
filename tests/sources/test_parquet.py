from __future__ import annotations

import datetime as dt
import io
import re
import subprocess
import sys
from decimal import Decimal

import pyarrow as pa
import pytest
from pyarrow import parquet

from airflow_provider_linkedin_capi.exceptions import SourceError
from airflow_provider_linkedin_capi.sources.files import FileSource

MOMENT = dt.datetime(2026, 11, 26, 18, 4, 37, 123456)
UTC = MOMENT.replace(tzinfo=dt.UTC)


def content(table: pa.Table, **options) -> bytes:
    buffer = io.BytesIO()
    parquet.write_table(table, buffer, **options)
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        (["a", None, "ü"], pa.string()),
        (["a", None, "a"], pa.dictionary(pa.int32(), pa.string())),
        ([1, None, 2**63 - 1], pa.int64()),
        ([1.5, None, -0.0], pa.float64()),
        ([True, None, False], pa.bool_()),
        ([b"\xc5\x00", None, b""], pa.binary()),
        ([Decimal("19.90"), None, Decimal("-0.01")], pa.decimal128(38, 2)),
        ([MOMENT, None, dt.datetime(1, 1, 1)], pa.timestamp("us")),
        ([UTC, None, UTC], pa.timestamp("us", "UTC")),
        ([UTC, None, UTC], pa.timestamp("us", "America/New_York")),
        ([MOMENT, None, MOMENT], pa.timestamp("ns")),
        ([MOMENT.replace(microsecond=0), None, None], pa.timestamp("s")),
        ([MOMENT.date(), None, dt.date(9999, 12, 31)], pa.date32()),
        ([dt.time(1, 2, 3), None, None], pa.time64("us")),
        ([["a", None], None, []], pa.list_(pa.string())),
        ([{"email": "a@b.c"}, None, {"email": None}], pa.struct({"email": pa.string()})),
        ([None, None, None], pa.null()),
    ],
)
def test_every_type_comes_as_a_value_of_python(write, read, values, kind):
    path = write("a.parquet", content(pa.table({"id": [1, 2, 3], "value": pa.array(values, kind)})))
    assert read(FileSource(path)) == [{"id": index, "value": value} for index, value in enumerate(values, 1)]


@pytest.mark.parametrize(
    ("kind", "days"), [(pa.date32(), 3_000_000), (pa.timestamp("us"), 2**62), (pa.timestamp("s", "UTC"), 2**40)]
)
def test_a_date_that_python_cannot_hold_comes_as_text(write, read, kind, days):
    number = pa.array([0, days, None], pa.int32() if kind == pa.date32() else pa.int64())
    first, odd, absent = read(FileSource(write("a.parquet", content(pa.table({"x": number.view(kind)})))))
    assert first["x"].year == 1970
    assert re.match(r"\d{5,6}-\d\d-\d\d", odd["x"])
    assert absent["x"] is None


def test_times_that_spark_writes_come_as_they_are(write, read):
    table = pa.table({"at": pa.array([MOMENT, dt.datetime(1, 1, 1)], pa.timestamp("us"))})
    path = write("a.parquet", content(table, use_deprecated_int96_timestamps=True))
    assert read(FileSource(path))[0] == {"at": MOMENT}


def test_rows_come_in_chunks_over_row_groups_and_files(write):
    table = pa.table({"id": list(range(25))})
    write("d/1.parquet", content(table, row_group_size=4))
    path = write("d/2.snappy.PARQUET", content(pa.table({"id": [25], "x": ["y"]}))).removesuffix("/2.snappy.PARQUET")
    chunks = list(FileSource(path).chunks(10))
    assert [len(chunk.rows) for chunk in chunks] == [10, 10, 6]
    assert chunks[2].columns == ("id", "x")
    assert chunks[2].rows[-2:] == [(24, None), (25, "y")]


def test_columns_of_one_name_are_both_kept(write):
    table = pa.table([pa.array([1]), pa.array([2])], names=["note", "note"])
    (chunk,) = FileSource(write("a.parquet", content(table))).chunks(10)
    assert (chunk.columns, chunk.rows) == (("note", "note"), [(1, 2)])


@pytest.mark.parametrize("bad", [b"PAR1", b"id\n1\n", content(pa.table({"id": [1]}))[:-10]])
def test_a_file_that_is_not_parquet_is_refused(write, read, bad):
    with pytest.raises(SourceError, match=r"a.parquet is not a Parquet file, or damaged") as raised:
        read(FileSource(write("a.parquet", bad)))
    assert raised.value.permanent


def test_without_pyarrow_the_extra_is_named(write, read, monkeypatch):
    path = write("a.parquet", content(pa.table({"id": [1]})))
    for name in [name for name in sys.modules if name.partition(".")[0] == "pyarrow"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(SourceError, match=r"airflow-provider-linkedin-capi\[parquet\]") as raised:
        read(FileSource(path))
    assert raised.value.permanent


def test_a_row_group_larger_than_memory_is_read_part_by_part(tmp_path):
    code = """
import random, resource, sys
import pyarrow as pa
from pyarrow import parquet
from airflow.providers.common.compat.sdk import ObjectStoragePath
from airflow_provider_linkedin_capi.sources.files import FileSource
table = pa.table({f"c{n}": [f"{n}-{i}-{random.random()}" for i in range(50_000)] for n in range(11)})
table = pa.concat_tables([table] * 12).combine_chunks()
parquet.write_table(table, sys.argv[1], row_group_size=len(table))
"""
    path = tmp_path / "a.parquet"
    subprocess.run([sys.executable, "-c", code, str(path)], check=True, timeout=250)
    code = """
import resource, sys
import numpy, pyarrow.parquet
from airflow_provider_linkedin_capi.sources.files import FileSource
(file,) = [path for path in sys.argv[1:]]
peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
source = FileSource(f"file://{file}")
source._files()
before = peak()
rows = sum(len(chunk.rows) for chunk in source.chunks(5000))
print(rows, peak() - before)
"""
    done = subprocess.run(
        [sys.executable, "-c", code, str(path)], check=True, timeout=250, capture_output=True, text=True
    )
    rows, mebibytes = done.stdout.splitlines()[-1].split()
    assert int(rows) == 600_000
    assert float(mebibytes) < 120
