"""Which stored rows a report replaces, and how its figures differ from theirs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from airflow_provider_linkedin_capi.api import urns
from airflow_provider_linkedin_capi.reports import metrics
from airflow_provider_linkedin_capi.reports.report import Column, Report, totals

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Iterable, Iterator, Sequence
    from decimal import Decimal

    from airflow_provider_linkedin_capi.reports.report import Row
    from airflow_provider_linkedin_capi.reports.request import ReportRequest


@dataclass(frozen=True, slots=True)
class Scope:
    """The stored rows that stand for the same as a report: they are replaced by it.

    Those of the same ad account and granularity whose days touch the window; of the chosen rules and campaigns, if
    they are told apart. With granularity ``ALL`` a row is a statement about exactly its window, so only equal
    windows are replaced.

    :param equals: column and value.
    :param among: column and the values of which it has one.
    :param start: first day of the window.
    :param end: last day.
    :param exact: windows that are replaced, instead of all that overlap.
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
    """Return what a report replaces among rows of the given columns."""
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
    """Return what differs from the stored figures, over all rows of a period; periods not stored are new."""
    columns = [metrics.column(field) for field in asked.metrics if metrics.additive(field)]
    # A table that got a column later holds NULL in older rows: there is nothing to compare.
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
    """Return the changes of all periods together, by metric."""
    found: dict[str, dict[str, int | Decimal]] = {}
    for change in changes:
        sums = found.setdefault(change.metric, {"before": 0, "after": 0, "periods": 0})
        sums["before"] += change.before
        sums["after"] += change.after
        sums["periods"] += 1
    return found


def stored_columns(columns: Iterable[Column]) -> Iterator[Column]:
    """Yield the columns of rows at rest: those of the report, and when they were read."""
    yield from columns
    yield Column("read_at", metrics.Kind.TIME)
