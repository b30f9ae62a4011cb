"""Which stored rows a report replaces, and how its figures differ from them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from airflow_provider_linkedin_capi.api import urns
from airflow_provider_linkedin_capi.reports import metrics
from airflow_provider_linkedin_capi.reports.report import Column, Report, totals

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Iterable, Sequence
    from decimal import Decimal

    from airflow_provider_linkedin_capi.reports.report import Row
    from airflow_provider_linkedin_capi.reports.request import ReportRequest


#: The column that says when a row was read; it has the same moment in all rows of one report.
READ_AT = "read_at"


@dataclass(frozen=True, slots=True)
class Scope:
    """The stored rows that a report replaces.

    They are of the same ad account and granularity, and their days touch the window; where rules and campaigns are
    told apart, they are of the chosen ones. With granularity ``ALL`` a row is a statement about exactly its window, so
    only equal windows are replaced.

    :param equals: column and value.
    :param among: column and the values it may have.
    :param start: first day of the window.
    :param end: last day.
    :param exact: windows that are replaced, instead of all that touch the days.
    """

    equals: dict[str, Any]
    among: dict[str, tuple[str, ...]]
    start: dt.date
    end: dt.date
    exact: frozenset[tuple[dt.date, dt.date]] | None = None

    def holds(self, row: Row) -> bool:
        """Whether a stored row is replaced."""
        days = (row["start_date"], row["end_date"])
        if not (days in self.exact if self.exact else days[0] <= self.end and days[1] >= self.start):
            return False
        return all(row[name] == value for name, value in self.equals.items()) and all(
            row[name] in values for name, values in self.among.items()
        )


def scope(report: Report, columns: Iterable[Column]) -> Scope:
    """Return which rows of the given columns a report replaces."""
    asked = report.request
    there = {column.name for column in columns}
    among = {"conversion": asked.rules, "campaign": asked.campaigns}
    exact = None
    if asked.granularity == "ALL":
        exact = frozenset({(asked.start, asked.end), *((row["start_date"], row["end_date"]) for row in report.rows)})
    return Scope(
        equals={"ad_account_id": urns.number(asked.account), "time_granularity": asked.granularity},
        among={name: values for name, values in among.items() if values and name in there},
        start=asked.start,
        end=asked.end,
        exact=exact,
    )


@dataclass(frozen=True, slots=True)
class Change:
    """One metric of one period that LinkedIn restated."""

    start_date: dt.date
    metric: str
    before: int | Decimal
    after: int | Decimal

    def __str__(self) -> str:
        return f"{self.start_date} {self.metric}: {self.before} -> {self.after} ({self.after - self.before:+})"


def restated(before: Sequence[Row], after: Sequence[Row], asked: ReportRequest) -> list[Change]:
    """Return by how much a period's totals differ from the stored ones; a period that was not stored is new."""
    columns = [metrics.column(field) for field in asked.metrics if metrics.additive(field)]
    # A column that was added later holds NULL in older rows, which cannot be compared.
    columns = [column for column in columns if all(row.get(column) is not None for row in before)]
    changes = []
    for start in sorted({row["start_date"] for row in before}):
        old, new = (
            totals((row for row in rows if row["start_date"] == start), asked.metrics, columns)
            for rows in (before, after)
        )
        changes += [Change(start, name, old[name], new[name]) for name in columns if old[name] != new[name]]
    return changes


def by_metric(changes: Iterable[Change]) -> dict[str, dict[str, int | Decimal]]:
    """Return the changes of all periods added up, by metric."""
    found: dict[str, dict[str, int | Decimal]] = {}
    for change in changes:
        sums = found.setdefault(change.metric, {"before": 0, "after": 0, "periods": 0})
        sums["before"] += change.before
        sums["after"] += change.after
        sums["periods"] += 1
    return found


def stored_columns(columns: Iterable[Column]) -> tuple[Column, ...]:
    """Return the columns of stored rows: those of the report, and when they were read."""
    return (*columns, Column(READ_AT, metrics.Kind.TIME))
