"""Reports in a database table, in the SQL dialect of its connection."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_provider_linkedin_capi.exceptions import ReportTableError
from airflow_provider_linkedin_capi.reports.metrics import Kind

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from sqlalchemy import ColumnElement, Engine, Table
    from sqlalchemy.types import TypeEngine

    from airflow_provider_linkedin_capi.reports.report import Column, Row
    from airflow_provider_linkedin_capi.reports.window import Scope

_TEXT_CHARACTERS = 250
#: Short enough for the primary key of any database, long enough for any URN.
_KEY_CHARACTERS = 120
_INSERT_ROWS = 1_000


class ReportTable:
    """A table of report rows, created when it is missing.

    Its primary key is what tells rows apart, so that two runs at the same time cannot leave doubles: the later one
    fails and is retried.

    :param engine: of the warehouse.
    :param name: the table's name, with a schema before a dot if need be.
    :param columns: of the rows.
    """

    def __init__(self, engine: Engine, name: str, columns: Iterable[Column]) -> None:
        self._engine = engine
        self._table = _definition(name, columns)

    def replace(self, scope: Scope, rows: Sequence[Row]) -> list[Row]:
        """Replace the rows of a scope in one transaction; return those that were there.

        :raises ReportTableError: the table is there with other columns.
        """
        from sqlalchemy import select

        self._prepare()
        where = self._clause(scope)
        with self._engine.begin() as connection:
            before = [dict(row._mapping) for row in connection.execute(select(self._table).where(where))]
            connection.execute(self._table.delete().where(where))
            for first in range(0, len(rows), _INSERT_ROWS):
                connection.execute(self._table.insert(), list(rows[first : first + _INSERT_ROWS]))
        return before

    def _clause(self, scope: Scope) -> ColumnElement[bool]:
        from sqlalchemy import and_, or_

        columns = self._table.c
        start, end = columns.start_date, columns.end_date
        clauses = [columns[name] == value for name, value in scope.equals.items()]
        clauses += [columns[name].in_(values) for name, values in scope.among.items()]
        if scope.exact:
            clauses.append(or_(*(and_(start == days[0], end == days[1]) for days in sorted(scope.exact))))
        else:
            clauses += [start <= scope.end, end >= scope.start]
        return and_(*clauses)

    def _prepare(self) -> None:
        from sqlalchemy import inspect

        table = self._table
        table.metadata.create_all(self._engine)
        present = {
            column["name"].lower() for column in inspect(self._engine).get_columns(table.name, schema=table.schema)
        }
        if missing := [column for column in table.columns if column.name not in present]:
            wanted = ", ".join(f"{column.name} {column.type.compile(self._engine.dialect)}" for column in missing)
            raise ReportTableError(
                f"Table {table.fullname} has no column for this report's {wanted}. Add what is missing with ALTER "
                "TABLE, ask for other fields or pivots, or name a table that does not exist yet."
            )


def _definition(name: str, columns: Iterable[Column]) -> Table:
    from sqlalchemy import Column as SqlColumn
    from sqlalchemy import MetaData, Table

    schema, _, table = name.rpartition(".")
    return Table(
        table,
        MetaData(),
        *(SqlColumn(column.name, _sql_type(column), primary_key=column.key, autoincrement=False) for column in columns),
        schema=schema or None,
    )


def _sql_type(column: Column) -> TypeEngine[Any]:
    from sqlalchemy import BigInteger, Date, DateTime, Float, Numeric, String

    kind = column.kind
    if kind in (Kind.MONEY, Kind.USD, Kind.DECIMAL):
        scale = 6 if kind is Kind.DECIMAL else 4
        # SQLite has no decimals: its numbers come back as decimals rounded to the same places.
        on_sqlite = Float(asdecimal=True, decimal_return_scale=scale)
        return Numeric(24, scale).with_variant(on_sqlite, "sqlite")
    others: dict[Kind, TypeEngine[Any]] = {
        Kind.DATE: Date(),
        Kind.TIME: DateTime(timezone=True),
        Kind.TEXT: String(_KEY_CHARACTERS if column.key else _TEXT_CHARACTERS),
        Kind.COUNT: BigInteger(),
    }
    return others[kind]
