"""Reports in a table of any database that the package knows."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from airflow_provider_linkedin_capi.databases import tables
from airflow_provider_linkedin_capi.exceptions import DatabaseError, ReportTableError
from airflow_provider_linkedin_capi.reports.metrics import Kind
from airflow_provider_linkedin_capi.reports.window import READ_AT

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from airflow_provider_linkedin_capi.databases.base import Database
    from airflow_provider_linkedin_capi.reports.report import Column, Row
    from airflow_provider_linkedin_capi.reports.window import Scope

#: Short enough for a key in any database, long enough for any URN.
_KEY_CHARACTERS = 120
#: Decimal places of money, and of other decimals.
_SCALES = {Kind.MONEY: 4, Kind.USD: 4, Kind.DECIMAL: 6}


class ReportTable:
    """A table of report rows, created when it is missing; several tasks may do so at the same time.

    Its key identifies a row. Two runs that replace the same window at the same time wait for each other where
    the database has transactions, and the later one's rows stay.

    :param database: where it is.
    :param name: the table's name, of one to three parts.
    :param columns: of the rows, as :func:`~airflow_provider_linkedin_capi.reports.window.stored_columns` returns them.
    """

    def __init__(self, database: Database, name: str, columns: Iterable[Column]) -> None:
        self._database = database
        self._columns = tuple(columns)
        self._table = tables.Table(
            name,
            tuple(map(_definition, self._columns)),
            key=tuple(column.name for column in self._columns if column.key),
            generation=READ_AT,
        )

    def replace(self, scope: Scope, rows: Sequence[Row]) -> list[Row]:
        """Replace the rows of a scope, and return those that were there.

        In one transaction or, where the database has none, in an order that a kill cannot turn into a hole.

        :raises ReportTableError: the table has other columns, or its schema does not exist.
        :raises DatabaseError: the database refused.
        """
        self._prepare()
        database, names = self._database, [column.name for column in self._columns]
        where, parameters = self._condition(scope)
        select = f"SELECT {', '.join(map(database.quoted, names))} FROM {database.name(self._table.name)} WHERE {where}"
        with database.transaction():
            before = [self._typed(values) for values in database.query(select, parameters)]
            values = [tuple(row[name] for name in names) for row in rows]
            database.replace_window(self._table, names, values, where, parameters)
        return self._latest(before)

    def _prepare(self) -> None:
        try:
            self._database.create(self._table)
        except DatabaseError as error:
            if (error.code or "").startswith("3F"):
                raise ReportTableError(
                    f"Table {self._table.name} cannot be created: its schema does not exist on connection "
                    f"{self._database.conn_id!r}. Create the schema, or correct the table's name."
                ) from None
            raise
        present = self._database.columns(self._table) or set()
        if missing := [column for column in self._table.columns if column.name not in present]:
            wanted = ", ".join(f"{column.name} {self._database.type_of(self._table, column)}" for column in missing)
            raise ReportTableError(
                f"Table {self._table.name} lacks columns of this report: {wanted}. Add them with ALTER TABLE, ask for "
                "other fields or pivots, or name a table that does not exist yet."
            )

    def _condition(self, scope: Scope) -> tuple[str, list[Any]]:
        """Return the scope as SQL with ``?`` for each of the parameters."""
        q = self._database.quoted
        start, end = q("start_date"), q("end_date")
        clauses, parameters = [], []
        for name, value in scope.equals.items():
            clauses.append(f"{q(name)} = ?")
            parameters.append(value)
        for name, values in scope.among.items():
            clauses.append(f"{q(name)} IN ({', '.join('?' * len(values))})")
            parameters += values
        if scope.exact:
            windows = sorted(scope.exact)
            clauses.append(f"({' OR '.join([f'({start} = ? AND {end} = ?)'] * len(windows))})")
            parameters += [day for window in windows for day in window]
        else:
            clauses.append(f"{start} <= ? AND {end} >= ?")
            parameters += [scope.end, scope.start]
        return " AND ".join(clauses), parameters

    def _typed(self, values: Sequence[Any]) -> Row:
        """Return a stored row with the types that a report has; databases without decimals or dates return others."""
        return {column.name: self._read(column, value) for column, value in zip(self._columns, values, strict=True)}

    def _read(self, column: Column, value: Any) -> Any:
        if value is None or column.kind is Kind.TEXT:
            return value
        if column.kind is Kind.COUNT:
            return int(value)
        if column.kind is Kind.TIME:
            return self._database.moment(value)
        if column.kind is Kind.DATE:
            return dt.date.fromisoformat(str(value)[:10])
        return Decimal(str(value)).quantize(Decimal(1).scaleb(-_SCALES[column.kind]))

    def _latest(self, rows: list[Row]) -> list[Row]:
        """Leave out rows that a killed task was about to delete: of each key the one written last counts."""
        found: dict[tuple[Any, ...], Row] = {}
        for row in sorted(rows, key=lambda row: (row[READ_AT] is not None, row[READ_AT])):
            found[tuple(row[name] for name in self._table.key)] = row
        return list(found.values())


def derived_name(database: Database, table: str, suffix: str) -> str:
    """Return the name of a table beside another one, shortened to what the database takes."""
    *schema, name = tables.name_parts(table)
    parts = [*schema, tables.short_name(name, suffix, limit=database.name_limit)]
    return ".".join(f'"{part}"' if "." in part else part for part in parts)


def _definition(column: Column) -> tables.Column:
    if column.kind is Kind.TEXT:
        return tables.Column(column.name, "text", _KEY_CHARACTERS if column.key else None)
    if column.kind in _SCALES:
        return tables.Column(column.name, "decimal", scale=_SCALES[column.kind])
    kinds: dict[Kind, tables.Kind] = {Kind.DATE: "date", Kind.TIME: "time", Kind.COUNT: "integer"}
    return tables.Column(column.name, kinds[column.kind])
