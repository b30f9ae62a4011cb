"""A report as rows of typed values, the same for tables, files and XCom."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from airflow_provider_linkedin_capi.api import urns
from airflow_provider_linkedin_capi.reports import metrics
from airflow_provider_linkedin_capi.reports.metrics import Kind

if TYPE_CHECKING:
    from airflow_provider_linkedin_capi.reports.request import ReportRequest

Row = dict[str, Any]
#: First day, last day and pivot values, which identify a row.
Key = tuple[dt.date, dt.date, tuple[str, ...]]
#: Metrics by LinkedIn's names, not yet rounded.
Values = dict[str, int | Decimal | None]

#: Greatest size of rows in XCom, in bytes of JSON.
MAX_XCOM_BYTES = 256_000

#: Pivots whose values are names, not URNs; they get no id column.
_WORDS = frozenset(
    {
        "CARD_INDEX",
        "CONVERSATION_NODE",
        "CONVERSATION_NODE_OPTION_INDEX",
        "EVENT_STAGE",
        "IMPRESSION_DEVICE_TYPE",
        "MEMBER_COMPANY_SIZE",
        "OBJECTIVE_TYPE",
        "PLACEMENT_NAME",
        "SERVING_LOCATION",
    }
)


@dataclass(frozen=True, slots=True)
class Column:
    """One column: its name, what it holds, and whether it belongs to the key that identifies a row."""

    name: str
    kind: Kind
    key: bool = False


@dataclass(frozen=True, slots=True)
class Report:
    """All rows of one report, in the order of dates and pivots.

    :param request: the request it answers.
    :param currency: the ad account's; None when there are no rows.
    :param rows: one dictionary a row, by column.
    """

    request: ReportRequest
    currency: str | None
    rows: list[Row]

    @property
    def empty(self) -> bool:
        """Whether nothing was attributed: no rows, or only rows of zeros."""
        return not self.rows or not any(self.totals().values())

    def totals(self) -> dict[str, int | Decimal]:
        """Return the sum of each metric that can be added up."""
        return totals(self.rows, self.request.metrics)

    def conversions(self) -> dict[str, int]:
        """Return the attributed conversions of each rule; empty without pivot CONVERSION or that field."""
        counted: dict[str, int] = {}
        column = metrics.column("externalWebsiteConversions")
        for row in self.rows:
            if "conversion" in row and column in row:
                counted[row["conversion"]] = counted.get(row["conversion"], 0) + row[column]
        return counted


def totals(
    rows: Iterable[Row], fields: Iterable[str], columns: Iterable[str] | None = None
) -> dict[str, int | Decimal]:
    """Return the sum of each additive metric over some rows, by column; of all columns or the given ones."""
    summed: dict[str, int | Decimal] = {
        metrics.column(field): 0 if metrics.kind(field) is Kind.COUNT else Decimal(0)
        for field in fields
        if metrics.additive(field) and (columns is None or metrics.column(field) in columns)
    }
    for row in rows:
        for column in summed:
            summed[column] += row[column]
    return summed


def report_columns(request: ReportRequest) -> tuple[Column, ...]:
    """Return the columns of a report's rows, in order."""
    columns = [
        Column("ad_account_id", Kind.COUNT, key=True),
        Column("time_granularity", Kind.TEXT, key=True),
        Column("start_date", Kind.DATE, key=True),
        Column("end_date", Kind.DATE, key=True),
    ]
    for pivot in request.pivots:
        name = pivot.lower()
        columns.append(Column(name, Kind.TEXT, key=True))
        if pivot not in _WORDS:
            columns.append(Column(f"{name}_id", Kind.COUNT))
        if request.names:
            columns.append(Column(f"{name}_name", Kind.TEXT))
    columns += (Column(metrics.column(field), metrics.kind(field)) for field in request.metrics)
    return (*columns, Column("currency", Kind.TEXT))


def row_of(request: ReportRequest, key: Key, values: Values, currency: str, names: Mapping[str, str]) -> Row:
    """Return a row with its pivot URNs split into ids, and its numbers rounded."""
    first, last, pivots = key
    row: Row = {
        "ad_account_id": urns.number(request.account),
        "time_granularity": request.granularity,
        "start_date": first,
        "end_date": last,
    }
    for pivot, value in zip(request.pivots, pivots, strict=True):
        name = pivot.lower()
        row[name] = value
        if pivot not in _WORDS:
            tail = value.rpartition(":")[2]
            row[f"{name}_id"] = int(tail) if tail.isascii() and tail.isdigit() else None
        if request.names:
            row[f"{name}_name"] = names.get(value)
    for field in request.metrics:
        row[metrics.column(field)] = metrics.rounded(field, values.get(field, metrics.zero(field)), currency)
    row["currency"] = currency
    return row


def as_json(value: Any) -> Any:
    """Return rows or totals as plain JSON: days as ISO text, decimals as text, since a float would lose cents."""
    if isinstance(value, dict):
        return {key: as_json(item) for key, item in value.items()}
    if isinstance(value, str):
        return value
    if isinstance(value, Sequence):
        return [as_json(item) for item in value]
    return str(value) if isinstance(value, Decimal | dt.date) else value
