"""The interface that every database family is used through, on the DB-API connections of its Airflow hook."""

from __future__ import annotations

import contextlib
import datetime as dt
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain, islice
from typing import TYPE_CHECKING, Any, ClassVar

from tenacity import Retrying, retry_if_exception, stop_after_delay, wait_random_exponential

from airflow_provider_linkedin_capi.databases import errors
from airflow_provider_linkedin_capi.databases.tables import name_parts, short_name, storable
from airflow_provider_linkedin_capi.exceptions import DatabaseError

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from airflow.providers.common.sql.hooks.sql import DbApiHook

    from airflow_provider_linkedin_capi.databases.tables import Column, Table

Parameters = Mapping[str, Any] | Iterable[Any]
Row = Sequence[Any]
Key = tuple[Any, ...]

#: The SQLSTATE of a key that is there already.
UNIQUE_VIOLATION = "23505"
#: How often other writers may be in the way of one insertion. Each time, one of them has finished.
_CONFLICTS = 20
#: How long a transaction is repeated that others keep rolling back.
_CONFLICT_SECONDS = 60
#: A connection that was idle for longer is tried before it is used.
_IDLE_SECONDS = 30.0


class Database:
    """One database, by the means of its family.

    It holds one connection, opened at the first use and again when it broke; :meth:`rows` opens one of its own. Use
    an object in one thread at a time. Outside of :meth:`transaction` each call commits what it did.

    SQL given to :meth:`query`, :meth:`execute` and as ``where`` has ``?`` for each parameter, whatever the driver
    calls it, and names from :meth:`name` and :meth:`quoted`. SQL given to :meth:`rows` is the user's own.

    This class itself serves databases that the package knows nothing of: plain SQL, ``DbApiHook.insert_rows``.

    :param hook: of the connection.
    """

    #: Its name for people.
    family: ClassVar[str] = "generic"
    #: Whether it enforces a table's key, so that :meth:`insert_new` decides between two writers.
    arbitrates: ClassVar[bool] = False
    #: Whether several statements can be one transaction.
    transactional: ClassVar[bool] = False
    quotes: ClassVar[tuple[str, str]] = ('"', '"')
    #: Whether names without quotes are stored in upper case.
    upper_case: ClassVar[bool] = False
    #: Greatest length of a name, in bytes.
    name_limit: ClassVar[int] = 63
    #: Greatest number of parameters of a statement.
    parameter_limit: ClassVar[int] = 1000
    #: Types by kind; ``{length}`` and ``{scale}`` are filled in.
    types: ClassVar[Mapping[str, str]] = {
        "text": "VARCHAR({length})",
        "unbounded": "VARCHAR(4000)",
        "integer": "BIGINT",
        "decimal": "DECIMAL(24, {scale})",
        "date": "DATE",
        "time": "TIMESTAMP",
    }
    #: Python's types that the driver takes as they are.
    plain: ClassVar[frozenset[type]] = frozenset({str, int, float, bool, type(None)})
    #: What follows the columns in CREATE TABLE.
    table_options: ClassVar[str] = ""

    def __init__(self, hook: DbApiHook) -> None:
        self.hook = hook
        self.conn_id: str = hook.get_conn_id()
        self._connection: Any = None
        self._used = 0.0
        self._depth = 0

    # Reading

    def rows(
        self, sql: str, parameters: Parameters | None = None, size: int = 5000
    ) -> Generator[tuple[tuple[str, ...], list[tuple[Any, ...]]], None, None]:
        """Stream a query's rows: yield its columns with ``size`` rows at a time, the last time fewer.

        Memory holds about ``size`` rows where the driver can stream. A query without rows yields its columns once,
        with an empty list. Close the generator when you stop early.

        :param sql: one statement, in the database's own SQL with the driver's own placeholders.
        :param parameters: its values, as the hook takes them.
        :raises DatabaseError: the query failed, or returns no rows.
        """
        with self.translated(f"The query on connection {self.conn_id!r}", sql):
            connection = self._reading_connection()
        try:
            yield from self._stream(connection, sql, parameters, size)
        finally:
            # Leaves the transaction as well; a connection that broke cannot be closed properly.
            with contextlib.suppress(Exception):
                connection.close()

    def _stream(
        self, connection: Any, sql: str, parameters: Parameters | None, size: int
    ) -> Generator[tuple[tuple[str, ...], list[tuple[Any, ...]]], None, None]:
        what = f"The query on connection {self.conn_id!r}"
        with self.translated(what, sql):
            cursor = self._reading_cursor(connection, size)
            self._execute_reading(cursor, sql, parameters)
            # Some drivers know the columns of a server-side cursor only after the first rows.
            portion = list(cursor.fetchmany(size)) if cursor.description or self._is_server_side(cursor) else None
        if cursor.description is None or portion is None:
            raise self._no_rows()
        columns = tuple(self.column_name(column[0]) for column in cursor.description)

        def portions() -> Iterator[list[Any]]:
            nonlocal portion
            while portion:
                yield portion
                with self.translated(what, sql):
                    portion = list(cursor.fetchmany(size))

        # Drivers may return fewer rows than asked for.
        rows = chain.from_iterable(portions())
        first = True
        while (chunk := list(islice(rows, size))) or first:
            first = False
            yield columns, chunk if not chunk or type(chunk[0]) is tuple else list(map(tuple, chunk))
            if len(chunk) < size:
                return

    def _no_rows(self) -> DatabaseError:
        return DatabaseError(
            f"The statement on connection {self.conn_id!r} returns no rows. Write a single SELECT.", permanent=True
        )

    def _reading_connection(self) -> Any:
        return self._connect()

    def _reading_cursor(self, connection: Any, size: int) -> Any:
        return connection.cursor()

    def _is_server_side(self, cursor: Any) -> bool:
        return False

    def _execute_reading(self, cursor: Any, sql: str, parameters: Parameters | None) -> None:
        if not parameters:
            # Without parameters a driver does not look for placeholders: LIKE 'a%' is not one.
            cursor.execute(sql)
        else:
            cursor.execute(sql, parameters if isinstance(parameters, Mapping) else tuple(parameters))

    # Tables

    def columns(self, table: Table | str) -> set[str] | None:
        """Return the names of a table's columns; None when there is no such table."""
        name = table if isinstance(table, str) else table.name
        try:
            with self._session(), self._cursor(f"SELECT * FROM {self.name(name)} WHERE 1 = 0") as cursor:
                return {self.column_name(column[0]) for column in cursor.description}
        except DatabaseError as error:
            # A driver without codes gives nothing else.
            if error.missing_table or (error.code is None and type(self) is Database):
                return None
            raise

    def ddl(self, table: Table) -> str:
        """Return the statements that create a table, for somebody who may run them."""
        return ";\n".join(self._create_statements(table)) + ";"

    def create(self, table: Table) -> None:
        """Create a table when it is missing; several tasks may do so at the same time.

        A table that is there is left as it is, whatever its columns.

        :raises DatabaseError: it is not there and cannot be created; permission to create it is missing, for example.
        """
        if self.columns(table) is not None:
            return
        try:
            self._repeated(lambda: self._create(table))
        except DatabaseError as error:
            # Somebody else may have been faster, which databases report in many ways.
            if self.columns(table) is None:
                raise DatabaseError(
                    f"Table {table.name} cannot be created on connection {self.conn_id!r}: {error} Have somebody "
                    f"with the permission create it:\n{self.ddl(table)}",
                    code=error.code,
                    permanent=error.permanent,
                ) from None

    def _create(self, table: Table) -> None:
        with self.transaction():
            for statement in self._create_statements(table):
                self.execute(statement)

    def _create_statements(self, table: Table) -> list[str]:
        """Return the statements of :meth:`ddl`."""
        definitions = [self._column_definition(table, column) for column in table.columns]
        definitions += self._constraints(table)
        body = ",\n".join(f"  {definition}" for definition in definitions)
        create = f"CREATE TABLE {self.name(table.name)} (\n{body}\n){self._options(table)}"
        return [create, *self._index_statements(table)]

    def _column_definition(self, table: Table, column: Column) -> str:
        required = " NOT NULL" if table.required(column) else ""
        return f"{self.quoted(column.name)} {self.type_of(table, column)}{required}"

    def type_of(self, table: Table, column: Column) -> str:
        """Return the type of a column in this database."""
        kind = "unbounded" if column.kind == "text" and column.length is None else column.kind
        return self.types[kind].format(length=column.length, scale=column.scale)

    def _constraints(self, table: Table) -> list[str]:
        return [f"PRIMARY KEY ({self._list(table.key)})"] if table.key and self.arbitrates else []

    def _options(self, table: Table) -> str:
        return self.table_options

    def _index_statements(self, table: Table) -> list[str]:
        return []

    def _index_name(self, table: Table) -> str:
        return short_name("ix", name_parts(table.name)[-1], *table.index, limit=self.name_limit)

    # Writing

    def append(self, table: Table, columns: Sequence[str], rows: Sequence[Row]) -> None:
        """Add rows in bulk, all or none where the database has transactions.

        :param columns: the names of the rows' values.
        :param rows: text, whole numbers, decimals, dates, moments with their zone, and None. NUL and unpaired
            surrogates in texts are stored escaped.
        """
        if rows:
            rows = storable(rows)
            with self.transaction():
                self._append(table, columns, rows)

    def _append(self, table: Table, columns: Sequence[str], rows: Sequence[Row]) -> None:
        with self.translated(f"Writing to {table.name} on connection {self.conn_id!r}"):
            self.hook.insert_rows(
                self.name(table.name),
                self._bound_rows(rows),
                target_fields=[self.quoted(column) for column in columns],
                commit_every=1000,
            )

    def _executemany(self, table: Table, columns: Sequence[str], rows: Sequence[Row]) -> None:
        """Append by the driver's ``executemany``, for drivers that send many rows at once."""
        insert = self._insert_statement(table, columns, 1)
        with (
            self.translated(f"Writing to {table.name} on connection {self.conn_id!r}", insert),
            contextlib.closing(self._new_cursor(self._ready())) as cursor,
        ):
            cursor.executemany(self._with_placeholders(insert), self._bound_rows(rows))

    def _insert_many_values(self, table: Table, columns: Sequence[str], rows: Sequence[Row]) -> None:
        """Append by INSERT statements of as many rows as parameters are allowed, where ``executemany`` sends each."""
        size = max(self.parameter_limit // len(columns), 1)
        for start in range(0, len(rows), size):
            chunk = rows[start : start + size]
            insert = self._insert_statement(table, columns, len(chunk))
            self.execute(insert, [value for row in chunk for value in row])

    def _insert_statement(self, table: Table, columns: Sequence[str], rows: int) -> str:
        values = ", ".join([f"({', '.join('?' * len(columns))})"] * rows)
        return f"INSERT INTO {self.name(table.name)} ({self._list(columns)}) VALUES {values}"

    def insert_new(self, table: Table, columns: Sequence[str], rows: Sequence[Row]) -> set[Key]:
        """Add the rows whose key is not in the table yet, all or none; return the keys that are, and were left out.

        Of rows with the same key the first one counts. Several writers may insert at the same time: for each key
        exactly one of them succeeds, and the others find it in what they get back. A call that fails may have
        inserted all the same, when the connection broke at its end: store in each row who inserts it, and look.

        :raises NotImplementedError: the database does not enforce keys (:attr:`arbitrates`).
        """
        if not self.arbitrates:
            raise NotImplementedError(f"{self.family} does not enforce keys")
        if not rows:
            return set()
        positions = [columns.index(name) for name in table.key]
        unique: dict[Key, Row] = {}
        for row in storable(rows):
            unique.setdefault(tuple([row[position] for position in positions]), row)
        # Writers that insert in the same order wait for each other, and cannot deadlock.
        keys = sorted(unique)
        found: set[Key] = self._repeated(lambda: self._insert_new(table, columns, [unique[key] for key in keys], keys))
        return found

    def _insert_new(self, table: Table, columns: Sequence[str], rows: list[Row], keys: list[Key]) -> set[Key]:
        there: set[Key] = set()
        if self._depth:
            # A failure would end the caller's transaction.
            there = self._present(table, keys)
        for attempt in range(1, _CONFLICTS + 1):
            # Nearly always nobody else has the keys, so inserting comes before looking.
            new = [row for row, key in zip(rows, keys, strict=True) if key not in there]
            try:
                self.append(table, columns, new)
            except DatabaseError as error:
                if error.code != UNIQUE_VIOLATION or self._depth or attempt == _CONFLICTS:
                    raise
                there = self._present(table, keys)
            else:
                break
        return there

    def _present(self, table: Table, keys: list[Key]) -> set[Key]:
        return {tuple(row) for row in self.find(table, table.key, keys)}

    def replace_window(
        self, table: Table, columns: Sequence[str], rows: Sequence[Row], where: str, parameters: Sequence[Any] = ()
    ) -> None:
        """Replace the rows that meet a condition, in one transaction or one statement.

        A database that has neither adds the new rows first and then deletes older ones, by the column
        :attr:`Table.generation`, which has the same moment in all ``rows``, later than in those there. A task that is
        killed in between leaves both, never a hole; the next call for that window deletes what is older. So there,
        read the rows of a window's latest generation.

        :param where: SQL with ``?`` for each of the parameters.
        """
        if not self.transactional:
            self._append_then_delete(table, columns, rows, where, parameters)
            return

        def replace() -> None:
            with self.transaction():
                self._lock(table)
                self.execute(f"DELETE FROM {self.name(table.name)} WHERE {where}", parameters)
                self.append(table, columns, rows)

        self._repeated(replace)

    def _append_then_delete(
        self, table: Table, columns: Sequence[str], rows: Sequence[Row], where: str, parameters: Sequence[Any]
    ) -> None:
        delete = f"DELETE FROM {self.name(table.name)} WHERE ({where})"
        if not rows:
            self.execute(delete, parameters)
            return
        if table.generation is None:
            raise DatabaseError(
                f"Rows of table {table.name} cannot be replaced: it has no generation column, by which {self.family}, "
                "without transactions, would find the older rows to delete.",
                permanent=True,
            )
        generation = rows[0][list(columns).index(table.generation)]
        self.append(table, columns, rows)
        self.execute(f"{delete} AND {self.quoted(table.generation)} < ?", [*parameters, generation])

    def _lock(self, table: Table) -> None:
        """Have others that replace rows of the table wait until the end of the transaction."""

    # Looking up, and small statements

    def find(
        self,
        table: Table,
        key_columns: Sequence[str],
        keys: Iterable[Key],
        columns: Sequence[str] = (),
        where: str = "",
        parameters: Sequence[Any] = (),
    ) -> list[tuple[Any, ...]]:
        """Look up keys as a set; return the rows found: their key columns, then ``columns``.

        :param keys: values of the key columns.
        :param where: a further condition, with ``?`` for each of the parameters.
        """
        wanted = sorted(set(keys))
        width = len(key_columns)
        size = max((self.parameter_limit - len(parameters)) // width, 1)
        further = f" AND ({where})" if where else ""
        selected = f"SELECT {self._list([*key_columns, *columns])} FROM {self.name(table.name)} WHERE "
        found: list[tuple[Any, ...]] = []
        with self._session():
            for start in range(0, len(wanted), size):
                chunk = set(wanted[start : start + size])
                # One list a column finds all the keys, and combinations of theirs that nobody asked for.
                lists = [sorted({key[position] for key in chunk}) for position in range(width)]
                condition = " AND ".join(
                    self._among(name, values) for name, values in zip(key_columns, lists, strict=True)
                )
                values = [value for column in lists for value in self._among_parameters(column)]
                rows = self.query(selected + condition + further, [*values, *parameters])
                found += [row for row in rows if row[:width] in chunk]
        return found

    def _among(self, name: str, values: list[Any]) -> str:
        return f"{self.quoted(name)} IN ({', '.join('?' * len(values))})"

    def _among_parameters(self, values: list[Any]) -> list[Any]:
        return values

    def query(self, sql: str, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """Return all rows of a small query."""
        with self._session(), self._cursor(sql, parameters) as cursor, self.translated(self._statement, sql):
            return list(map(tuple, cursor.fetchall()))

    def execute(self, sql: str, parameters: Sequence[Any] = ()) -> int:
        """Run a small statement; return how many rows it changed, -1 when the database does not say."""
        with self.transaction(), self._cursor(sql, parameters) as cursor:
            return int(cursor.rowcount)

    @property
    def _statement(self) -> str:
        return f"A statement on connection {self.conn_id!r}"

    @contextlib.contextmanager
    def _cursor(self, sql: str, parameters: Sequence[Any] = ()) -> Iterator[Any]:
        with self.translated(self._statement, sql):
            cursor = self._new_cursor(self._ready())
        try:
            with self.translated(self._statement, sql):
                values = tuple(map(self._bound, parameters))
                cursor.execute(self._with_placeholders(sql), values) if values else cursor.execute(sql)
            yield cursor
        finally:
            with contextlib.suppress(Exception):
                cursor.close()

    def transaction(self) -> contextlib.AbstractContextManager[None]:
        """Make the calls inside one transaction, where the database has transactions; inside another one, join it.

        Example::

            with database.transaction():
                before = database.query(...)
                database.replace_window(...)
        """
        return self._session(write=True)

    @contextlib.contextmanager
    def _session(self, *, write: bool = False) -> Iterator[None]:
        if self._depth == 0:
            self._refresh()
        self._depth += 1
        try:
            if self._depth == 1 and write:
                self._begin()
            yield
            if self._depth == 1:
                with self.translated(f"The end of the transaction on connection {self.conn_id!r}"):
                    self._commit()
        except BaseException:
            if self._depth == 1:
                self._rollback()
            raise
        finally:
            self._depth -= 1
            self._used = time.monotonic()

    def _begin(self) -> None:
        """Begin a transaction that writes; most drivers do so themselves, at the first statement."""

    def _commit(self) -> None:
        # Drivers of databases without transactions take it as well, and some open one by themselves.
        if self._connection is not None:
            self._connection.commit()

    def _rollback(self) -> None:
        if self._connection is None:
            return
        try:
            self._connection.rollback()
        except Exception:
            # It broke: the next call opens another one.
            self.close()

    def _repeated(self, action: Callable[[], Any]) -> Any:
        """Do something that the database rolls back when another writer is in its way; again, for a while."""
        for attempt in Retrying(
            retry=retry_if_exception(lambda error: isinstance(error, DatabaseError) and self._rolled_back(error)),
            wait=wait_random_exponential(multiplier=0.05, max=2),
            stop=stop_after_delay(0 if self._depth else _CONFLICT_SECONDS),
            reraise=True,
        ):
            with attempt:
                result = action()
        return result

    def _rolled_back(self, error: DatabaseError) -> bool:
        """Whether a transaction was undone because of another one, so that it may just be repeated."""
        return (error.code or "").startswith("40")

    # Connections

    def close(self) -> None:
        """Close the connection; the next call opens another one."""
        connection, self._connection = self._connection, None
        if connection is not None:
            with contextlib.suppress(Exception):
                connection.close()

    def _connect(self) -> Any:
        """Open a connection by the hook's own means: its credentials, session settings, catalog."""
        return self.hook.get_conn()

    def _new_cursor(self, connection: Any) -> Any:
        """Return a cursor whose rows are tuples."""
        return connection.cursor()

    def _ready(self) -> Any:
        if self._connection is None:
            self._connection = self._connect()
        return self._connection

    def _refresh(self) -> None:
        """Drop a connection that broke while nobody used it."""
        if self._connection is None or time.monotonic() - self._used < _IDLE_SECONDS:
            return
        try:
            self._ping(self._connection)
        except Exception:
            self.close()

    def _ping(self, connection: Any) -> None:
        with contextlib.closing(connection.cursor()) as cursor:
            cursor.execute("SELECT 1")
            cursor.fetchall()

    # Names and values

    def name(self, table: str) -> str:
        """Return the name of a table for SQL, quoted part by part."""
        return ".".join(map(self.quoted, name_parts(table)))

    def quoted(self, name: str) -> str:
        """Return the name of a column, or of one part of a table's name, in quotes.

        Where names without quotes are upper-case, a lower-case name means that one, so that users need no quotes.
        """
        if self.upper_case and name == name.lower() and name.replace("_", "a").isalnum():
            name = name.upper()
        left, right = self.quotes
        return left + name.replace(right, right * 2) + right

    def column_name(self, name: str) -> str:
        """Return a column's name as it is written without quotes."""
        return name.lower() if self.upper_case and name == name.upper() else name

    def _list(self, names: Iterable[str]) -> str:
        return ", ".join(map(self.quoted, names))

    def _bound(self, value: Any) -> Any:
        """Return a value as the driver takes it."""
        return value

    def moment(self, value: Any) -> dt.datetime | None:
        """Return what was read from a ``time`` column as a moment with its zone."""
        if value is None or isinstance(value, dt.datetime):
            return value.replace(tzinfo=dt.UTC) if value is not None and value.tzinfo is None else value
        moment = dt.datetime.fromisoformat(str(value))
        return moment if moment.tzinfo else moment.replace(tzinfo=dt.UTC)

    def _bound_rows(self, rows: Sequence[Row]) -> list[tuple[Any, ...]]:
        """Return rows with each value :meth:`bound`, column by column, which is faster."""
        columns: list[Sequence[Any]] = []
        for values in zip(*rows, strict=True):
            columns.append(values if self.plain.issuperset(map(type, values)) else list(map(self._bound, values)))
        return list(zip(*columns, strict=True))

    def _with_placeholders(self, sql: str) -> str:
        placeholder = self._placeholder
        return sql if placeholder == "?" else sql.replace("%", "%%").replace("?", placeholder)

    @property
    def _placeholder(self) -> str:
        return str(self.hook.placeholder)

    # Errors

    @contextlib.contextmanager
    def translated(self, what: str, sql: str = "") -> Iterator[None]:
        """Turn a driver's exception into a :class:`DatabaseError`, which does not carry its text."""
        try:
            yield
        except DatabaseError:
            raise
        except Exception as error:
            code, state = self._code(error), self._state(error)
            raise DatabaseError(
                f"{what} failed: {errors.describe(error, code, state, sql)}.",
                code=state or code,
                permanent=self._is_permanent(error, code, state),
            ) from None

    def _code(self, error: Exception) -> str | None:
        """Return the database's own code for an error."""
        return self._state(error)

    def _state(self, error: Exception) -> str | None:
        """Return the SQLSTATE of an error, or the one that means the same."""
        return errors.sqlstate(error)

    def _is_permanent(self, error: Exception, code: str | None, state: str | None) -> bool:
        return errors.is_permanent(state)


def naive_utc(value: Any) -> Any:
    """Return a moment without its zone, in UTC; other values as they are."""
    if isinstance(value, dt.datetime) and value.tzinfo is not None:
        return value.astimezone(dt.UTC).replace(tzinfo=None)
    return value
