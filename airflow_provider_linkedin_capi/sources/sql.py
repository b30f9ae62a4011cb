"""Rows of a query, through any connection of a database."""

from __future__ import annotations

import logging
import re
from contextlib import closing
from itertools import chain
from typing import TYPE_CHECKING, Any

from airflow_provider_linkedin_capi.delivery.interfaces import Chunk
from airflow_provider_linkedin_capi.exceptions import ConfigurationError, DatabaseError

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence

    from airflow_provider_linkedin_capi.databases.base import Database

    Parameters = Mapping[str, Any] | Iterable[Any]
    Condition = Callable[[Database, Sequence[str]], str | None]

#: Families that return the rows of an ordered subquery in its order.
_KEEP_ORDER_OF_SUBQUERIES = frozenset({"PostgreSQL", "SQLite", "DuckDB"})

_log = logging.getLogger(__name__)

#: What may hold a semicolon that ends no statement; comments of one line differ from database to database.
_TOKEN = r"""(?P<comment>/\*|--[^\n]*{comment})|;|\$(\w*)\$.*?(?:\$\2\$|\Z)|{string}|"[^"]*(?:"|\Z)|`[^`]*(?:`|\Z)"""
_STRING = r"'[^']*(?:'|\Z)"
_STRING_WITH_BACKSLASHES = r"""'''.*?(?:'''|\Z)|\"\"\".*?(?:\"\"\"|\Z)|'(?:[^'\\]|\\.)*(?:'|\Z)"""
_READINGS = [
    re.compile(_TOKEN.format(comment=comment, string=string), re.DOTALL)
    for comment in ("", r"|//[^\n]*", r"|\#[^\n]*")
    for string in (_STRING, _STRING_WITH_BACKSLASHES)
]


class SqlSource:
    """The rows of one query.

    They are streamed where the driver can: memory stays bounded, and the first batch leaves while the query still
    runs. The reading transaction stays open until the last row was taken: mind limits on long transactions.

    .. code-block:: python

        StreamConversionsOperator(
            task_id="stream_conversions",
            source=SqlSource(
                "snowflake_default",
                "SELECT * FROM conversions WHERE day = %(day)s ORDER BY id",
                parameters={"day": "{{ ds }}"},
                hook_params={"warehouse": "LOAD_WH"},
            ),
            conversion_rule=22285180,
        )

    :param conn_id: an Airflow connection of a database. (templated)
    :param sql: one statement that returns rows, in the database's own SQL and with the driver's own placeholders; or
        a ``.sql`` file. Order it by a unique key: then a retry finds the same batches again. (templated)
    :param parameters: values for the placeholders. (templated)
    :param count: whether the query's rows are counted first, so that the log can show the time left; it runs twice.
    :param hook_params: parameters of the connection's hook, as Airflow's SQL operators take them. (templated)
    :param database: another database or schema than the connection's. (templated)
    :raises DatabaseError: the query failed, or returns no rows.
    """

    template_fields: Sequence[str] = ("conn_id", "sql", "parameters", "hook_params", "database")
    fixed_columns = True

    def __init__(
        self,
        conn_id: str,
        sql: str,
        parameters: Parameters | None = None,
        *,
        count: bool = False,
        hook_params: Mapping[str, Any] | None = None,
        database: str | None = None,
    ) -> None:
        self.conn_id = conn_id
        self.sql = sql
        self.parameters = parameters
        self.count = count
        self.hook_params = hook_params
        self.database = database
        self._delivered: Condition | None = None

    def __repr__(self) -> str:
        return f"SqlSource({self.conn_id!r}, {self.sql!r})"

    def count_rows(self) -> int | None:
        """Return how many rows the query has, if counting was asked for."""
        if not self.count:
            return None
        counting = f"SELECT COUNT(*) FROM (\n{one_statement(self.sql)}\n) conversions"
        try:
            with closing(self._open()) as database, closing(database.rows(counting, self.parameters, 1)) as portions:
                _, rows = next(portions)
                return int(rows[0][0])
        except DatabaseError as error:
            # SQL Server takes no ORDER BY there, for example.
            _log.warning("The rows cannot be counted, so the log will not show the time left. %s", error)
            return None

    def mark_delivered(self, condition: Condition) -> None:
        """Have the database say of each row whether it was delivered before.

        Where it cannot, or would not keep the order of the rows, the rows come without marks.

        :param condition: returns SQL about the row ``q``, for the columns of the query; None when it does not know.
        """
        self._delivered = condition

    def chunks(self, size: int) -> Generator[Chunk, None, None]:
        """Yield the query's rows, ``size`` at a time."""
        sql = one_statement(self.sql)
        with closing(self._open()) as database:
            if self._delivered and database.family in _KEEP_ORDER_OF_SUBQUERIES:
                try:
                    marked = self._marked(database, sql, self._delivered)
                    if marked:
                        with closing(database.rows(marked, self.parameters, size)) as portions:
                            yield from _with_marks(portions)
                            return
                except _NotMarkedError as error:
                    _log.info("The ledger is asked batch by batch, since the query cannot be joined to it. %s", error)
            with closing(database.rows(sql, self.parameters, size)) as portions:
                for columns, rows in portions:
                    if rows:
                        yield Chunk(columns, rows)

    def _marked(self, database: Database, sql: str, delivered: Condition) -> str | None:
        try:
            with closing(database.rows(f"SELECT q.* FROM (\n{sql}\n) q WHERE 1 = 0", self.parameters, 1)) as portions:
                columns, _ = next(portions)
        except DatabaseError as error:
            raise _NotMarkedError(str(error)) from error
        condition = delivered(database, columns)
        if condition is None:
            return None
        return f"SELECT q.*, CASE WHEN {condition} THEN 1 ELSE 0 END AS linkedin_delivered FROM (\n{sql}\n) q"

    def _open(self) -> Database:
        from airflow_provider_linkedin_capi.databases.opening import open_database

        return open_database(self.conn_id, self.hook_params, self.database)


class _NotMarkedError(Exception):
    """The database does not take the query as a part of another one."""


def _with_marks(portions: Iterator[tuple[tuple[str, ...], list[tuple[Any, ...]]]]) -> Iterator[Chunk]:
    try:
        first = next(portions)
    except DatabaseError as error:
        raise _NotMarkedError(str(error)) from error
    for columns, rows in chain([first], portions):
        if rows:
            delivered = frozenset([index for index, row in enumerate(rows) if row[-1]])
            yield Chunk(columns[:-1], [row[:-1] for row in rows], delivered=delivered)


def one_statement(sql: str) -> str:
    """Return the statement without what ends it, which not every database takes in every place.

    Databases differ in comments and strings, so it is refused only when it has several statements for any of them.
    """
    counts = []
    for reading in _READINGS:
        spans = list(_statements(sql, reading))
        if len(spans) == 1:
            return sql[spans[0][0] : spans[0][1]]
        counts.append(len(spans))
    if not any(counts):
        raise ConfigurationError("sql is empty after rendering: check its templates.")
    raise ConfigurationError(
        "sql holds more than one statement. Write a single SELECT, and run what prepares it in a task before this one."
    )


def _statements(sql: str, reading: re.Pattern[str]) -> Iterator[tuple[int, int]]:
    """Yield where each statement begins, comments before it included, and where its last token ends."""
    begin = position = 0
    end = None
    while True:
        token = reading.search(sql, position)
        stop = token.start() if token else len(sql)
        if code := sql[position:stop].rstrip():
            end = position + len(code)
        if token is None or token[0] == ";":
            if end is not None:
                yield begin, end
            if token is None:
                return
            begin, end = token.end(), None
            position = token.end()
        elif token["comment"]:
            position = _comment_end(sql, stop) if token[0] == "/*" else token.end()
        else:
            position = end = token.end()


def _comment_end(sql: str, start: int) -> int:
    """Return where a comment ends, with comments in it where they are all closed."""
    depth = 0
    first = None
    for mark in re.finditer(r"/\*|\*/", sql[start:]):
        depth += 1 if mark[0] == "/*" else -1
        if depth and mark[0] == "*/":
            first = first or mark.end()
        if depth == 0:
            return start + mark.end()
    return start + first if first else len(sql)
