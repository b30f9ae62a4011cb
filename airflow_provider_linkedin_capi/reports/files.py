"""Reports in a Parquet, CSV or JSON lines file, wherever Airflow's object storage reaches."""

from __future__ import annotations

import csv
import datetime as dt
import importlib
import io
import json
import os
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from airflow_provider_linkedin_capi.exceptions import ReportFileError
from airflow_provider_linkedin_capi.reports.metrics import Kind
from airflow_provider_linkedin_capi.reports.report import as_json

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from airflow.sdk import ObjectStoragePath

    from airflow_provider_linkedin_capi.reports.report import Column, Row
    from airflow_provider_linkedin_capi.reports.window import Scope

_PARSE: dict[Kind, Callable[[str], Any]] = {
    Kind.DATE: dt.date.fromisoformat,
    Kind.TIME: dt.datetime.fromisoformat,
    Kind.TEXT: str,
    Kind.COUNT: int,
    Kind.MONEY: Decimal,
    Kind.USD: Decimal,
    Kind.DECIMAL: Decimal,
}


class ReportFile:
    """A file of report rows, in the format of its suffix: ``.parquet``, ``.csv``, ``.jsonl`` or ``.ndjson``.

    :param path: the file, which need not exist.
    :param columns: of the rows.
    :raises ReportFileError: the suffix is another one.
    """

    def __init__(self, path: ObjectStoragePath, columns: Iterable[Column]) -> None:
        self._path = path
        self._columns = tuple(columns)
        form = _FORMS.get(path.suffix.lower())
        if form is None:
            raise ReportFileError(f"{path.name!r} does not end in {', '.join(_FORMS)}: the suffix is the format")
        self._decode, self._encode = form

    def replace(self, scope: Scope, rows: Sequence[Row]) -> list[Row]:
        """Replace the rows of a scope, and return those that were there. Readers see the old file or the new one.

        :raises ReportFileError: the file has other columns or another format.
        """
        stored = self._stored()
        before = [row for row in stored if scope.holds(row)]
        kept = [row for row in stored if not scope.holds(row)]
        key = [column.name for column in self._columns if column.key]
        content = self._encode(sorted([*kept, *rows], key=lambda row: [row[name] for name in key]), self._columns)
        if self._path.protocol in ("", "file", "local"):
            self._path.parent.mkdir(parents=True, exist_ok=True)
            beside = f"{self._path.path}.new"
            with open(beside, "wb") as file:
                file.write(content)
            os.replace(beside, self._path.path)
        else:
            self._path.write_bytes(content)
        return before

    def _stored(self) -> list[Row]:
        if not self._path.exists():
            return []
        try:
            rows = self._decode(self._path.read_bytes(), self._columns)
        except (ValueError, KeyError, ArithmeticError) as error:
            raise ReportFileError(
                f"{self._path} cannot be read as a report ({type(error).__name__}): give the path of a new file"
            ) from error
        names = {column.name for column in self._columns}
        if rows and rows[0].keys() != names:
            sides = {"the file lacks": names - rows[0].keys(), "this report lacks": rows[0].keys() - names}
            missing = "; ".join(f"{side} {', '.join(sorted(lacks))}" for side, lacks in sides.items() if lacks)
            raise ReportFileError(
                f"{self._path} holds a report with other columns: {missing}. Give the path of a new file."
            )
        return rows


def _typed(row: dict[str, Any], columns: Sequence[Column]) -> Row:
    """Return a row of texts with typed values; unknown columns stay as they are."""
    kinds = {column.name: column.kind for column in columns}
    return {
        name: None if value is None or value == "" else _PARSE[kinds[name]](str(value)) if name in kinds else value
        for name, value in row.items()
    }


def _from_csv(content: bytes, columns: Sequence[Column]) -> list[Row]:
    return [_typed(row, columns) for row in csv.DictReader(io.StringIO(content.decode(), newline=""))]


def _to_csv(rows: Sequence[Row], columns: Sequence[Column]) -> bytes:
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, [column.name for column in columns], lineterminator="\n")
    writer.writeheader()
    writer.writerows(as_json(row) for row in rows)
    return text.getvalue().encode()


def _from_lines(content: bytes, columns: Sequence[Column]) -> list[Row]:
    return [_typed(json.loads(line), columns) for line in content.splitlines()]


def _to_lines(rows: Sequence[Row], columns: Sequence[Column]) -> bytes:
    return b"".join(json.dumps(as_json(row), ensure_ascii=False).encode() + b"\n" for row in rows)


def _from_parquet(content: bytes, columns: Sequence[Column]) -> list[Row]:
    rows: list[Row] = _pyarrow("pyarrow.parquet").read_table(io.BytesIO(content)).to_pylist()
    return rows


def _to_parquet(rows: Sequence[Row], columns: Sequence[Column]) -> bytes:
    arrow = _pyarrow("pyarrow")
    types = {
        Kind.DATE: arrow.date32(),
        Kind.TIME: arrow.timestamp("us", "UTC"),
        Kind.TEXT: arrow.string(),
        Kind.COUNT: arrow.int64(),
        Kind.MONEY: arrow.decimal128(24, 4),
        Kind.USD: arrow.decimal128(24, 4),
        Kind.DECIMAL: arrow.decimal128(24, 6),
    }
    schema = arrow.schema([(column.name, types[column.kind]) for column in columns])
    content = io.BytesIO()
    _pyarrow("pyarrow.parquet").write_table(arrow.Table.from_pylist(list(rows), schema), content)
    return content.getvalue()


def _pyarrow(module: str) -> Any:
    """Import an optional dependency."""
    try:
        return importlib.import_module(module)
    except ImportError:
        raise ReportFileError(
            "Parquet needs pyarrow: pip install 'airflow-provider-linkedin-capi[parquet]', or write .csv or .jsonl"
        ) from None


_FORMS = {
    ".parquet": (_from_parquet, _to_parquet),
    ".csv": (_from_csv, _to_csv),
    ".jsonl": (_from_lines, _to_lines),
    ".ndjson": (_from_lines, _to_lines),
}
