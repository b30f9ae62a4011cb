"""Rows of a query, through any connection whose hook is a ``DbApiHook``."""

from __future__ import annotations

import re
from contextlib import closing
from itertools import chain
from typing import TYPE_CHECKING, Any

from airflow_provider_linkedin_capi.exceptions import SourceError
from airflow_provider_linkedin_capi.sources.chunks import cut

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Mapping

    from airflow.providers.common.sql.hooks.sql import DbApiHook
    from sqlalchemy.engine import Engine

    from airflow_provider_linkedin_capi.delivery.interfaces import Chunk

    Parameters = Mapping[str, Any] | Iterable[Any]

#: What databases quote of a cell, as in ``invalid input syntax for type integer: "jane@example.com"``.
_VALUES = re.compile(r"""(?<=: )(["']).*\1|[0-9a-fA-F]{32,}|\S+@\S+""")


class SqlSource:
    """The rows of one query.

    They are streamed: the SQLAlchemy dialect opens a server-side cursor where the database has one, so memory
    stays bounded and the first batch leaves while the query still runs. Hooks without a SQLAlchemy dialect are
    read through their DB-API cursor; whether that streams is up to the driver. The read transaction stays open
    until the last row was taken: mind limits on idle transactions, and write through another connection.

    :param conn_id: an Airflow connection whose hook is a ``DbApiHook``.
    :param sql: one statement that returns rows, in the database's own SQL and with the driver's own
        placeholders. Order it by a unique key: then a retry finds the same batches again.
    :param parameters: values for the placeholders.
    :param count: whether :meth:`count_rows` may run ``SELECT COUNT(*)`` over the query.
    """

    template_fields = ("conn_id", "sql", "parameters")
    template_ext = (".sql",)

    def __init__(self, conn_id: str, sql: str, parameters: Parameters | None = None, *, count: bool = False) -> None:
        self.conn_id = conn_id
        self.sql = sql
        self.parameters = parameters
        self.count = count

    def __repr__(self) -> str:
        return f"SqlSource({self.conn_id!r}, {self.sql!r}, count={self.count})"

    def count_rows(self) -> int | None:
        """Return how many rows the query has, if counting was asked for: it runs the query once more."""
        if not self.count:
            return None
        counting = f"SELECT COUNT(*) FROM (\n{_one_statement(self.sql)}\n) conversions"
        return int(next(self._rows(counting, 1)).rows[0][0])

    def chunks(self, size: int) -> Generator[Chunk, None, None]:
        """Yield the query's rows, ``size`` at a time."""
        return self._rows(_one_statement(self.sql), size)

    def _rows(self, sql: str, size: int) -> Generator[Chunk, None, None]:
        self._hook = sql_hook(self.conn_id)
        engine = engine_of(self._hook)
        try:
            yield from self._stream(engine, sql, size) if engine else self._fetch(sql, size)
        except SourceError:
            raise
        except Exception as error:
            # Without the original exception as a cause: its text holds the parameters' values.
            raise SourceError(f"The query failed on connection {self.conn_id!r}: {_reason(error)}") from None
        finally:
            if engine:
                engine.dispose()

    def _stream(self, engine: Engine, sql: str, size: int) -> Generator[Chunk, None, None]:
        # Without parameters a driver must not look for placeholders: LIKE 'a%' is none.
        options = {"stream_results": True, "max_row_buffer": size, "no_parameters": True}
        with engine.connect().execution_options(**options) as connection:
            # Not text(): that would take every :name in a literal for a parameter.
            result = connection.exec_driver_sql(sql, _driver_parameters(self.parameters))
            if not result.returns_rows:
                raise self._no_rows()
            # The driver's own tuples, server-side cursor or not: SQLAlchemy's rows would cost twice the reading.
            yield from _portions(
                tuple(result.keys()), lambda rows: result.cursor_strategy.fetchmany(result, result.cursor, rows), size
            )

    def _fetch(self, sql: str, size: int) -> Generator[Chunk, None, None]:
        with closing(self._hook.get_conn()) as connection, closing(connection.cursor()) as cursor:
            cursor.execute(sql, self.parameters) if self.parameters else cursor.execute(sql)
            if cursor.description is None:
                raise self._no_rows()
            columns = tuple(column[0] for column in cursor.description)
            yield from _portions(columns, cursor.fetchmany, size)

    def _no_rows(self) -> SourceError:
        return SourceError(f"The statement for connection {self.conn_id!r} returns no rows; write a single SELECT.")


def sql_hook(conn_id: str) -> DbApiHook:
    """Return the connection's hook, or say that it is not one for SQL."""
    from airflow.providers.common.compat.sdk import BaseHook
    from airflow.providers.common.sql.hooks.sql import DbApiHook

    hook = BaseHook.get_hook(conn_id)
    if not isinstance(hook, DbApiHook):
        raise SourceError(
            f"Connection {conn_id!r} is of a type that cannot run SQL ({type(hook).__name__}); "
            "use the connection of a database."
        )
    return hook


def engine_of(hook: DbApiHook) -> Engine | None:
    """Return a SQLAlchemy engine for the hook's connection, or None where there is no dialect for it."""
    try:
        return hook.get_sqlalchemy_engine()
    except Exception as error:
        hook.log.debug("No SQLAlchemy engine for this connection (%s)", type(error).__name__)
        return None


def _portions(
    columns: tuple[str, ...], fetch: Callable[[int], Iterable[Iterable[Any]]], size: int
) -> Generator[Chunk, None, None]:
    # Drivers may hand out fewer rows than asked for, so the portions are joined before they are cut.
    portions = iter(lambda: _tuples(fetch(size)), [])
    return cut(columns, chain.from_iterable(portions), size)


def _tuples(rows: Iterable[Iterable[Any]]) -> list[tuple[Any, ...]]:
    """Some drivers have rows of their own kind."""
    rows = list(rows)
    return rows if not rows or type(rows[0]) is tuple else list(map(tuple, rows))  # type: ignore[return-value]


def _driver_parameters(parameters: Parameters | None) -> Any:
    if parameters is None or hasattr(parameters, "keys"):
        return parameters or None
    return tuple(parameters) or None


def _one_statement(sql: str) -> str:
    import sqlparse

    statements = [
        statement
        for statement in sqlparse.split(sql)
        if sqlparse.format(statement, strip_comments=True).strip("; \n\t")
    ]
    if len(statements) != 1:
        raise SourceError(
            f"sql holds {len(statements)} statements; write a single SELECT (set-up belongs into a task before)."
        )
    return statements[0].rstrip().removesuffix(";")


def _reason(error: BaseException) -> str:
    """The driver's own first line, without the values of cells that it quotes: what follows may quote more."""
    original = getattr(error, "orig", None) or error
    lines = str(original).strip().splitlines()
    return f"{type(original).__name__}: {_VALUES.sub('...', lines[0]) if lines else 'no message'}"
