"""Reports in files: every form keeps every value, in file systems and object stores."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_linkedin_capi.exceptions import ReportFileError
from airflow_provider_linkedin_capi.reports.files import ReportFile
from airflow_provider_linkedin_capi.reports.report import Column, report_columns
from airflow_provider_linkedin_capi.reports.request import ReportRequest
from airflow_provider_linkedin_capi.reports.window import Scope, stored_columns

if TYPE_CHECKING:
    from pathlib import Path

REQUEST = ReportRequest(
    account="urn:li:sponsoredAccount:5012345",
    start=dt.date(2026, 11, 1),
    end=dt.date(2026, 11, 2),
    fields=("clicks", "costInLocalCurrency", "audiencePenetration"),
    names=True,
)
COLUMNS = tuple(stored_columns(report_columns(REQUEST)))
FORMS = ["csv", "jsonl", "ndjson", "parquet"]


@pytest.fixture(params=["file system", "object store"])
def directory(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "file system":
        return f"file://{tmp_path}"
    from fsspec.implementations.memory import MemoryFileSystem

    try:
        from airflow.sdk.io import attach
    except ImportError:  # Airflow 2
        from airflow.io.store import attach

    attach("memory", fs=MemoryFileSystem())
    return f"memory://{tmp_path.name}"


def row(day: int, **changes: Any) -> dict[str, Any]:
    return {
        "ad_account_id": 5012345,
        "time_granularity": "DAILY",
        "start_date": dt.date(2026, 11, day),
        "end_date": dt.date(2026, 11, day),
        "conversion": "urn:lla:llaPartnerConversion:1",
        "conversion_id": 1,
        "conversion_name": 'Käufe, "online"\nund mehr',
        "clicks": 2**40,
        "cost_in_local_currency": Decimal("12345678901234.05"),
        "audience_penetration": None,
        "currency": "EUR",
        "read_at": dt.datetime(2026, 11, 22, 8, 30, 1, tzinfo=dt.UTC),
        **changes,
    }


def scope(*days: int) -> Scope:
    return Scope(
        equals={"ad_account_id": 5012345, "time_granularity": "DAILY"},
        among={},
        start=dt.date(2026, 11, min(days)),
        end=dt.date(2026, 11, max(days)),
    )


def file(directory: str, form: str, columns: tuple[Column, ...] = COLUMNS) -> ReportFile:
    from airflow.providers.common.compat.sdk import ObjectStoragePath

    if form == "parquet":
        pytest.importorskip("pyarrow")
    return ReportFile(ObjectStoragePath(f"{directory}/reports/report.{form}"), columns)


@pytest.mark.parametrize("form", FORMS)
def test_values_come_back_as_they_were_written(directory: str, form: str) -> None:
    rows = [row(1), row(2, conversion_name=None, audience_penetration=Decimal("0.123456"))]
    file(directory, form).replace(scope(1, 2), rows)

    assert file(directory, form).replace(scope(1, 2), rows) == rows


@pytest.mark.parametrize("form", FORMS)
def test_days_of_other_windows_stay(directory: str, form: str) -> None:
    for day in (2, 1, 2, 3):
        file(directory, form).replace(scope(day), [row(day, clicks=day)])

    kept = file(directory, form).replace(scope(1, 3), [])
    assert [(each["start_date"].day, each["clicks"]) for each in kept] == [(1, 1), (2, 2), (3, 3)]


@pytest.mark.parametrize("form", FORMS)
def test_an_empty_report_is_a_file_that_can_be_added_to(directory: str, form: str) -> None:
    file(directory, form).replace(scope(1), [])
    file(directory, form).replace(scope(1), [row(1)])

    assert file(directory, form).replace(scope(1), []) == [row(1)]


@pytest.mark.parametrize("form", FORMS)
def test_a_file_with_other_columns_is_left_alone(directory: str, form: str) -> None:
    file(directory, form).replace(scope(1), [row(1)])
    more = (*COLUMNS, Column("likes", COLUMNS[0].kind))

    with pytest.raises(ReportFileError, match="other columns: the file lacks likes"):
        file(directory, form, more).replace(scope(1), [row(1, likes=1)])

    assert file(directory, form).replace(scope(1), []) == [row(1)]


@pytest.mark.parametrize(
    ("form", "content"),
    [("csv", b"start_date\nyesterday\n"), ("jsonl", b"{"), ("parquet", b"PAR"), ("csv", b"\xff\xfe")],
)
def test_a_file_that_is_not_a_report_is_left_alone(tmp_path: Path, form: str, content: bytes) -> None:
    path = tmp_path / "reports" / f"report.{form}"
    path.parent.mkdir()
    path.write_bytes(content)

    with pytest.raises(ReportFileError, match="cannot be read as a report"):
        file(f"file://{tmp_path}", form).replace(scope(1), [row(1)])

    assert path.read_bytes() == content


def test_without_pyarrow_parquet_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "pyarrow", None)
    from airflow.providers.common.compat.sdk import ObjectStoragePath

    with pytest.raises(ReportFileError, match=r"airflow-provider-linkedin-capi\[parquet\]"):
        ReportFile(ObjectStoragePath(f"file://{tmp_path}/r.parquet"), COLUMNS).replace(scope(1), [row(1)])
