from __future__ import annotations

import bz2
import gzip
import lzma

import fsspec
import pyarrow as pa
import pyarrow.parquet
import pytest
from fsspec.implementations.memory import MemoryFileSystem
from fsspec.spec import AbstractBufferedFile

from airflow_provider_linkedin_capi.exceptions import ConfigurationError, SourceError
from airflow_provider_linkedin_capi.sources.files import FileSource


def zstd(content: bytes) -> bytes:
    return pa.compress(content, "zstd", asbytes=True)


COMPRESSIONS = {"gz": gzip.compress, "zst": zstd, "bz2": bz2.compress, "xz": lzma.compress}


@pytest.fixture
def directory(write, tmp_path):
    """``directory({"a.csv": "…", …})`` writes files and returns the URL of their directory."""

    def directory(files):
        for name, content in files.items():
            write(f"d/{name}", content)
        (tmp_path / "d").mkdir(exist_ok=True)
        return f"file://{tmp_path}/d"

    return directory


@pytest.mark.parametrize("suffix", COMPRESSIONS)
@pytest.mark.parametrize(("name", "content"), [("a.csv", b"id\n1\n2\n"), ("a.jsonl", b'{"id": "1"}\n{"id": "2"}')])
def test_compressed_files_are_read(write, read, suffix, name, content):
    rows = [{"id": "1"}, {"id": "2"}]
    compressed = COMPRESSIONS[suffix](content)
    assert read(FileSource(write(f"{name}.{suffix.upper()}", compressed))) == rows
    # What it is decides, not the name: stores decompress on the way, and warehouses leave out the suffix.
    assert read(FileSource(write(f"plain/{name}.{suffix}", content))) == rows
    assert read(FileSource(write(f"hidden/{name}", compressed))) == rows


@pytest.mark.parametrize("suffix", COMPRESSIONS)
def test_files_of_several_compressed_parts_are_read_to_their_end(write, read, suffix):
    parts = [COMPRESSIONS[suffix](part) for part in (b"id\n1\n", b"2\n", b"3\n")]
    assert len(read(FileSource(write(f"a.csv.{suffix}", b"".join(parts))))) == 3


@pytest.mark.parametrize("suffix", COMPRESSIONS)
@pytest.mark.parametrize("damage", ["cut off", "overwritten"])
def test_a_damaged_compressed_file_is_not_taken_for_whole(write, read, suffix, damage):
    compressed = COMPRESSIONS[suffix](("id\n" + "".join(f"{number}\n" for number in range(100_000))).encode())
    middle = len(compressed) // 2
    if (suffix, damage) == ("zst", "overwritten"):
        pytest.skip("its checksums are optional")
    rest = b"" if damage == "cut off" else b"x" * 100 + compressed[middle + 100 :]
    with pytest.raises(SourceError, match="cut off or damaged") as raised:
        read(FileSource(write(f"a.csv.{suffix}", compressed[:middle] + rest)))
    assert not raised.value.permanent


def test_a_directory_is_read_with_the_directories_in_it(directory, read):
    path = directory({
        "a.csv": "id\n1\n",
        "B.CSV": "id\n2\n",
        "d.tsv": "id\tx\n3\ty\n",
        "dt=2026-11-26/country=DE/f.csv": "id\n4\n",
        "dt=2026-11-26/country=__HIVE_DEFAULT_PARTITION__/f.csv": "id\n5\n",
        "dt=2026-11-27%2F1/g.csv.gz": gzip.compress(b"id\n6\n"),
        "h.jsonl.gz": gzip.compress(b'{"id": "7"}'),
        "part-00000": "id,x\n8,y\n",
        "part-00001": '{"id": "9"}',
        "000002_0": gzip.compress(b"id|x\n10|y\n"),
    })  # fmt: skip
    rows = read(FileSource(path))
    assert sorted(int(row["id"]) for row in rows) == list(range(1, 11))
    by_id = {row["id"]: row for row in rows}
    assert by_id["4"]["dt"] == "2026-11-26"
    assert by_id["4"]["country"] == "DE"
    assert by_id["5"].get("country") is None
    assert by_id["6"]["dt"] == "2026-11-27/1"
    assert by_id["10"]["x"] == "y"


def test_files_are_read_in_the_order_of_their_paths(directory, read):
    path = directory({"b/1.csv": "id\n2\n", "a.csv": "id\n1\n", "c.csv": "id\n3\n"})
    assert [row["id"] for row in read(FileSource(path))] == ["1", "2", "3"]


def test_what_is_not_read_is_named_before_the_first_row(directory, read):
    path = directory({"a.csv": "id\n1\n", "x/book.xlsx": b"PK\3\4", "notes.txt": "hello, you", "README": "No table"})
    with pytest.raises(SourceError, match=r"cannot be read: README, notes.txt, x/book.xlsx\.") as raised:
        read(FileSource(path))
    assert raised.value.permanent


@pytest.mark.parametrize("ignore", ["*.xlsx", ["x/*"], ["nothing", "book.*"], "x/book.xlsx"])
def test_files_can_be_left_out(directory, read, ignore):
    path = directory({"a.csv": "id\n1\n", "x/book.xlsx": b"PK\3\4"})
    assert read(FileSource(path, ignore=ignore)) == [{"id": "1"}]


@pytest.mark.parametrize(
    "name", ["_SUCCESS", ".part-0.crc", "_temporary/0/part-0", "_committed_17", ".hidden/a.csv", "x_$folder$"]
)
def test_what_writers_leave_beside_their_data_is_left_out(directory, read, name):
    assert read(FileSource(directory({"a.csv": "id\n1\n", name: "id\n2\n"}))) == [{"id": "1"}]


def test_empty_files_of_a_directory_have_no_rows(directory, read):
    assert read(FileSource(directory({"part-0": "", "part-1": "id,x\n1,y\n", "b.csv": ""}))) == [{"id": "1", "x": "y"}]
    assert read(FileSource(directory({"a/_SUCCESS": ""}).replace("/d", "/d/a"))) == []


@pytest.mark.parametrize(
    ("name", "kind"),
    [("_delta_log/0.json", "Delta Lake"), (".hoodie/x", "Hudi"), ("metadata/v1.metadata.json", "Iceberg")],
)
def test_a_table_format_is_refused_since_its_files_hold_deleted_rows(directory, read, name, kind):
    with pytest.raises(SourceError, match=f"is a table of {kind}") as raised:
        read(FileSource(directory({"part-0.csv": "id\n1\n", name: "{}"})))
    assert raised.value.permanent


def test_a_glob_says_what_is_read(directory, write, read):
    path = directory({
        "a.csv": "id\n1\n", "b.txt": "id;x\n2;y\n", "c.xlsx": b"PK", "e/dt=1/a.csv": "id\n3\n", "_x.csv": "id\n9\n"
    })  # fmt: skip
    assert [row["id"] for row in read(FileSource(f"{path}/*.csv"))] == ["1"]
    assert [row["id"] for row in read(FileSource(f"{path}/**/*.csv"))] == ["1", "3"]
    assert [row["id"] for row in read(FileSource(f"{path}/[ab].*"))] == ["1", "2"]
    assert [row["id"] for row in read(FileSource(f"{path}/e/dt=*"))] == ["3"]
    assert read(FileSource(write("odd[1].csv", "id\n7\n"))) == [{"id": "7"}]


@pytest.mark.parametrize("name", ["nothing.csv", "nothing/", "*.csv", "empty"])
def test_what_is_not_there_may_still_come(tmp_path, read, name):
    (tmp_path / "empty").mkdir()
    with pytest.raises(SourceError, match=r"There is no file|holds no file") as raised:
        read(FileSource(f"file://{tmp_path}/{name}"))
    assert not raised.value.permanent


def test_a_file_of_another_format_is_refused(write, read):
    with pytest.raises(SourceError, match="in no format that can be read") as raised:
        read(FileSource(write("a.bin", b"\0\1\2\3")))
    assert raised.value.permanent


def test_the_format_can_be_set(write, read):
    assert read(FileSource(write("export.dat", "id\n1\n"), format="csv")) == [{"id": "1"}]
    assert read(FileSource(write("export.txt", '{"id": 1}'), format="json")) == [{"id": 1}]


@pytest.mark.parametrize(
    "wrong",
    [{"format": "xlsx"}, {"delimiter": ";;"}, {"delimiter": ""}, {"encoding": "klingon"}, {"header": "id,email"}],
)
def test_wrong_parameters_are_refused_when_the_dag_is_parsed(wrong):
    with pytest.raises(ConfigurationError, match=next(iter(wrong))):
        FileSource("/a.csv", **wrong)


def test_a_local_path_needs_no_scheme(write, read):
    assert read(FileSource(write("a.csv", "id\n1\n").removeprefix("file://"))) == [{"id": "1"}]


def test_a_source_is_the_same_at_every_parse():
    assert repr(FileSource("s3://bucket/{{ ds }}/")) == repr(FileSource("s3://bucket/{{ ds }}/"))
    assert " at 0x" not in repr(FileSource("s3://bucket/"))


class BucketFile(AbstractBufferedFile):
    """Reads ranges, as the files of object stores do."""

    def _fetch_range(self, start, end):
        return self.fs.store[self.path].getvalue()[start:end]


class Bucket(MemoryFileSystem):
    """A file system whose files are read as those of an object store."""

    protocol = "bucket"
    store = {}  # noqa: RUF012
    pseudo_dirs = [""]  # noqa: RUF012

    @classmethod
    def _strip_protocol(cls, path):
        return "/" + path.removeprefix("bucket:").strip("/")

    def _open(self, path, mode="rb", **options):
        return BucketFile(self, path, mode, **options) if mode == "rb" else super()._open(path, mode, **options)


@pytest.mark.filterwarnings("ignore:UPath 'bucket'")
@pytest.mark.parametrize("scheme", ["memory", "bucket"])
def test_object_stores_are_read(read, scheme):
    fsspec.register_implementation("bucket", Bucket, clobber=True)
    fs = fsspec.filesystem(scheme)
    root = "/exports"
    table = pa.table({"id": ["4", "5"], "x": ["y", None]})
    with fs.open(f"{root}/dt=1/c.parquet", "wb") as file:
        pa.parquet.write_table(table, file)
    fs.pipe(f"{root}/a.csv.gz", gzip.compress(b"id\n1\n"))
    fs.pipe(f"{root}/b.jsonl", b'{"id": "2"}\n{"id": "3"}\n')
    fs.pipe(f"{root}/d.csv.zst", zstd(b"id\n6\n"))
    rows = read(FileSource(f"{scheme}:/{root}"))
    assert [row["id"] for row in rows] == ["1", "2", "3", "6", "4", "5"]
    assert rows[4]["dt"] == "1"
    assert [row["id"] for row in read(FileSource(f"{scheme}:/{root}/*.jsonl"))] == ["2", "3"]
