"""Rows of files, wherever Airflow's object storage can read them."""

from __future__ import annotations

import codecs
import posixpath
import re
from contextlib import contextmanager
from dataclasses import dataclass
from fnmatch import fnmatch
from importlib import import_module
from typing import IO, TYPE_CHECKING, Any, Literal
from urllib.parse import unquote

from airflow_provider_linkedin_capi.delivery.interfaces import Chunk
from airflow_provider_linkedin_capi.delivery.rows import cut
from airflow_provider_linkedin_capi.exceptions import ConfigurationError, SourceError
from airflow_provider_linkedin_capi.sources import csv_files, json_files, parquet_files
from airflow_provider_linkedin_capi.sources.chunks import Columns
from airflow_provider_linkedin_capi.sources.decoding import blocks, decompressed, texts

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    #: fsspec's; it has no types.
    AbstractFileSystem = Any

Format = Literal["csv", "json", "parquet"]

_FORMATS: dict[str, Format] = {
    "csv": "csv",
    "tsv": "csv",
    "tab": "csv",
    "json": "json",
    "jsonl": "json",
    "ndjson": "json",
    "parquet": "parquet",
    "parq": "parquet",
    "pq": "parquet",
}
_COMPRESSIONS = ("gz", "gzip", "zst", "zstd", "bz2", "xz")
_GLOB = re.compile(r"[*?\[]")
_HIVE_NULL = "__HIVE_DEFAULT_PARTITION__"
#: Folders of formats whose files also hold rows that were deleted or replaced since.
_TABLE_FORMATS = {"_delta_log": "Delta Lake", ".hoodie": "Hudi"}
#: What an object store is asked for at a time.
_BLOCK_BYTES = 4 << 20
_SNIFFED_BYTES = 1 << 16


class FileSource:
    """The rows of a file, of all files in a directory and the directories in it, or of all files that match a glob.

    .. code-block:: python

        StreamConversionsOperator(
            task_id="stream_conversions",
            source=FileSource("s3://aws_default@crm/exports/dt={{ ds }}/*.csv.gz", delimiter=";", encoding="cp1252"),
            conversion_rule=22285180,
        )

    Reads CSV in any dialect, JSON lines, JSON arrays and Parquet, as they are or compressed with gzip, zstd, bzip2 or
    xz. Format, dialect, encoding and compression are told from names and contents unless parameters say them. Each
    file is read once, part by part, in the order of the paths. Folders named ``name=value`` become columns.

    In a directory, names that begin with ``_`` or ``.`` are left out, as Spark and Hive do. Any other file that cannot
    be read is an error before the first row, so nothing is passed over in silence.

    :param path: what ``ObjectStoragePath`` takes: ``/data/x.csv``, ``s3://connection@bucket/exports/``,
        ``gs://bucket/**/*.parquet``. (templated)
    :param format: ``csv`` (any delimiter), ``json`` (lines or arrays) or ``parquet``, for names without a suffix.
    :param delimiter: between the cells of CSV files.
    :param encoding: of CSV and JSON files, as Python names it, such as ``cp1252``.
    :param header: the columns of CSV files whose first line is a row already.
    :param skip_lines: how many lines of CSV files stand before the header, or before the first row.
    :param ignore: globs of names or paths, below the directory, that are not to be read. (templated)
    :raises SourceError: there is no such file, or it cannot be read. Damaged lines are not errors, each one is a
        rejected row.
    """

    template_fields: Sequence[str] = ("path", "ignore")

    def __init__(
        self,
        path: str,
        *,
        format: Format | None = None,
        delimiter: str | None = None,
        encoding: str | None = None,
        header: Sequence[str] = (),
        skip_lines: int = 0,
        ignore: str | Sequence[str] = (),
    ) -> None:
        if format not in (None, "csv", "json", "parquet"):
            raise ConfigurationError(f"format must be 'csv', 'json' or 'parquet', not {format!r}")
        if delimiter is not None and (not isinstance(delimiter, str) or len(delimiter) != 1):
            raise ConfigurationError(f"delimiter must be a single character, not {delimiter!r}")
        if isinstance(header, str):
            raise ConfigurationError(f"header must be a list of column names, not {header!r}")
        if encoding is not None:
            try:
                codecs.lookup(encoding)
            except LookupError:
                raise ConfigurationError(f"{encoding!r} is not an encoding that Python knows") from None
        self.path = path
        self.format = format
        self.delimiter = delimiter
        self.encoding = encoding
        self.header = header
        self.skip_lines = skip_lines
        self.ignore = ignore
        #: Whether the columns of the first rows are those of all rows; known once the files were listed.
        self.fixed_columns = False

    def __repr__(self) -> str:
        return f"FileSource({self.path!r})"

    def chunks(self, size: int) -> Iterator[Chunk]:
        """Yield the rows, ``size`` at a time; a row has None for a column that its file or line lacks."""
        return cut(self._portions(size), size)

    def _portions(self, size: int) -> Iterator[Chunk]:
        files = self._files()
        self.fixed_columns = len(files) == 1 and files[0].format != "json"
        columns = Columns()
        for file in files:
            for chunk in self._read(file, size):
                yield columns.arrange(_with_partitions(chunk, file.partitions))

    def _read(self, file: _File, size: int) -> Iterator[Chunk]:
        if file.format == "parquet":
            with file.open(cache_type="none") as raw:
                yield from parquet_files.read_parquet(raw, file.name)
            return
        with file.open(block_size=_BLOCK_BYTES) as raw:
            content = texts(blocks(decompressed(raw, file.name), file.name), self.encoding, file.name)
            if file.format == "json":
                yield from json_files.read_json(content, file.name)
            else:
                dialect = csv_files.Dialect(self.delimiter, tuple(self.header), self.skip_lines)
                yield from csv_files.read_csv(content, file.name, dialect, size)

    # Which files

    def _files(self) -> list[_File]:
        from airflow.providers.common.compat.sdk import ObjectStoragePath

        location = ObjectStoragePath(self.path)
        fs = _file_system(location)
        path: str = fs._strip_protocol(location.path).rstrip("/") or "/"
        if fs.isfile(path):
            return [self._explicit(fs, path)]
        if fs.isdir(path):
            return self._in_directory(fs, path)
        matches = sorted(fs.glob(path)) if _GLOB.search(path) else []
        if not matches:
            # It may still come, so a retry may help.
            raise SourceError(f"There is no file {self.path}.")
        files: list[_File] = []
        for match in matches:
            if fs.isdir(match):
                files += self._in_directory(fs, match)
            elif not _is_left_out(posixpath.basename(match)) and not self._is_ignored(match):
                files.append(self._explicit(fs, match))
        return files

    def _explicit(self, fs: AbstractFileSystem, path: str) -> _File:
        file = _File(fs, path)
        file.format = self.format or _format_by_name(path) or file.sniffed_format()
        if file.format is None:
            raise SourceError(
                f"{file.name} is in no format that can be read: CSV, JSON or Parquet, also compressed with gzip, zstd, "
                "bzip2 or xz. If it is one of these, say so with FileSource(..., format=...).",
                permanent=True,
            )
        return file

    def _in_directory(self, fs: AbstractFileSystem, directory: str) -> list[_File]:
        root = fs._strip_protocol(directory).rstrip("/") + "/"
        found = {path.removeprefix(root): info for path, info in fs.find(directory, detail=True).items()}
        _refuse_table_formats(found, directory)
        files: list[_File] = []
        others: list[str] = []
        for relative in sorted(found):
            if _is_left_out(relative) or self._is_ignored(relative):
                continue
            file = _File(fs, root + relative, empty=found[relative].get("size") == 0)
            suffix = _suffix(relative)
            file.format = self.format or _format_by_name(relative)
            # What has no suffix is content of Spark, Hive and Redshift.
            if file.format is None and not file.empty and (not suffix or suffix.isdigit()):
                file.format = file.sniffed_format()
            if file.format or file.empty:
                files.append(file)
            else:
                others.append(relative)
        if others:
            more = f" and {len(others) - 5} more" if len(others) > 5 else ""
            raise SourceError(
                f"{self.path} holds files that cannot be read: {', '.join(others[:5])}{more}. Name those to read with "
                "a glob, such as path='…/*.csv', or leave these out with FileSource(..., ignore=[...]).",
                permanent=True,
            )
        if not files and "_SUCCESS" not in found:
            raise SourceError(f"The directory {self.path} holds no file to read.")
        return [file for file in files if not file.empty]

    def _is_ignored(self, path: str) -> bool:
        globs = [self.ignore] if isinstance(self.ignore, str) else self.ignore
        return any(fnmatch(path, glob) or fnmatch(posixpath.basename(path), glob) for glob in globs)


@dataclass
class _File:
    """A file to read.

    :param path: in its file system.
    :param empty: whether it is known to have no content.
    """

    fs: AbstractFileSystem
    path: str
    format: Format | None = None
    empty: bool = False

    @property
    def name(self) -> str:
        """What messages call it; without the signature that a URL may have."""
        name: str = self.fs.unstrip_protocol(self.path)
        return name.partition("?")[0] if name.startswith("http") else name

    @property
    def partitions(self) -> dict[str, str | None]:
        """The columns that the names of its folders are, as in ``dt=2026-11-26/country=DE/``."""
        pairs = [folder.split("=", 1) for folder in posixpath.dirname(self.path).split("/") if "=" in folder[1:]]
        return {unquote(name): None if value == _HIVE_NULL else unquote(value) for name, value in pairs}

    @contextmanager
    def open(self, **options: Any) -> Iterator[IO[bytes]]:
        """Open the file for reading."""
        try:
            raw = self.fs.open(self.path, "rb", **options)
        except FileNotFoundError:
            raise SourceError(f"{self.name} disappeared before it was read.") from None
        with raw:
            yield raw

    def sniffed_format(self) -> Format | None:
        """Detect the format from the content; None when it is not supported."""
        with self.open(block_size=_SNIFFED_BYTES) as raw:
            start = decompressed(raw, self.name).read(_SNIFFED_BYTES)
        if start.startswith(b"PAR1"):
            return "parquet"
        text = next(texts(iter([start]), None, self.name), "")
        if text.lstrip().startswith(("{", "[")):
            return "json"
        line = text.lstrip().partition("\n")[0]
        is_table = "\0" not in text and any(delimiter in line for delimiter in csv_files.DELIMITERS)
        return "csv" if is_table else None


def _file_system(location: Any) -> AbstractFileSystem:
    try:
        return location.fs
    except ValueError:
        # No Airflow provider registers this scheme, but fsspec may know it.
        return import_module("fsspec").filesystem(location.protocol)


def _suffix(path: str) -> str:
    """Return the suffix of a file's name, that of the compression aside."""
    name, _, suffix = posixpath.basename(path).lower().rpartition(".")
    if name and suffix in _COMPRESSIONS:
        name, _, suffix = name.rpartition(".")
    return suffix if name else ""


def _format_by_name(path: str) -> Format | None:
    return _FORMATS.get(_suffix(path))


def _is_left_out(path: str) -> bool:
    """Whether a name by convention holds no data: ``_SUCCESS``, ``.part-0.crc``, what is in ``_temporary/``."""
    return path.endswith("_$folder$") or any(
        part.startswith(("_", ".")) and "=" not in part for part in path.split("/")
    )


def _refuse_table_formats(paths: Iterable[str], directory: str) -> None:
    """Refuse directories whose files are not all of the table, or hold rows that were deleted from it."""
    for path in paths:
        first = path.partition("/")[0]
        kind = _TABLE_FORMATS.get(first) or ("Iceberg" if fnmatch(path, "metadata/*.metadata.json") else None)
        if kind:
            raise SourceError(
                f"{directory} is a table of {kind}: its files also hold rows that were deleted or replaced. Read it "
                "with sql= through a query engine, or unload it first.",
                permanent=True,
            )


def _with_partitions(chunk: Chunk, partitions: dict[str, str | None]) -> Chunk:
    """Return a chunk with the columns that the folders' names are, unless the file has them itself."""
    new = {name: value for name, value in partitions.items() if name not in chunk.columns}
    if not new:
        return chunk
    values = tuple(new.values())
    rows = [row if index in chunk.unreadable else row + values for index, row in enumerate(chunk.rows)]
    return Chunk((*chunk.columns, *new), rows, chunk.unreadable)
