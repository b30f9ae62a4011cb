"""PostgreSQL, and what speaks its protocol and has COPY."""

from __future__ import annotations

import io
import uuid
from importlib import import_module
from typing import TYPE_CHECKING, Any, ClassVar

from airflow_provider_linkedin_capi.databases.base import Database

if TYPE_CHECKING:
    from collections.abc import Sequence

    from airflow_provider_linkedin_capi.databases.base import Key, Row
    from airflow_provider_linkedin_capi.databases.tables import Table

_INSERT_ROWS = 1000
#: What COPY's text form escapes.
_ESCAPES = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"})
_UNESCAPED_TYPES = frozenset({int, float, type(None)})


class Postgres(Database):
    """PostgreSQL through psycopg or psycopg2, whichever the hook connects with."""

    family = "PostgreSQL"
    arbitrates = True
    transactional = True
    parameter_limit = 30_000
    types: ClassVar = {
        "text": "VARCHAR({length})",
        "unbounded": "TEXT",
        "integer": "BIGINT",
        "decimal": "NUMERIC(24, {scale})",
        "date": "DATE",
        "time": "TIMESTAMP WITH TIME ZONE",
    }

    def _reading_connection(self) -> Any:
        connection = self._connect()
        _read_leniently(connection)
        with connection.cursor() as cursor:
            # A pause in sending, such as a 429 asks for, must not end the transaction that reads.
            cursor.execute("SET LOCAL idle_in_transaction_session_timeout = 0")
        return connection

    def _reading_cursor(self, connection: Any, size: int) -> Any:
        return self._new_cursor(connection, f"linkedin_capi_{uuid.uuid4().hex}")

    def _new_cursor(self, connection: Any, name: str = "") -> Any:
        # Tuples, whatever the extra "cursor" asks for.
        if _is_psycopg2(connection):
            return connection.cursor(name or None, cursor_factory=import_module("psycopg2.extensions").cursor)
        return connection.cursor(name, row_factory=import_module("psycopg.rows").tuple_row)

    def _is_server_side(self, cursor: Any) -> bool:
        # psycopg2 knows its columns only after the first FETCH.
        return True

    def _create(self, table: Table) -> None:
        with self.transaction():
            # Others that create the same table wait here. CREATE TABLE IF NOT EXISTS alone fails when concurrent.
            self.query("SELECT pg_advisory_xact_lock(hashtext(?))", [f"airflow_provider_linkedin_capi {table.name}"])
            super()._create(table)

    def _create_statements(self, table: Table) -> list[str]:
        create, *others = super()._create_statements(table)
        return [create.replace("CREATE TABLE", "CREATE TABLE IF NOT EXISTS", 1), *others]

    def _index_statements(self, table: Table) -> list[str]:
        if not table.index:
            return []
        name = self.quoted(self._index_name(table))
        return [f"CREATE INDEX IF NOT EXISTS {name} ON {self.name(table.name)} ({self._list(table.index)})"]

    def _append(self, table: Table, columns: Sequence[str], rows: Sequence[Row]) -> None:
        copy = f"COPY {self.name(table.name)} ({self._list(columns)}) FROM STDIN"
        with self.translated(f"Writing to {table.name} on connection {self.conn_id!r}", copy):
            connection = self._ready()
            with connection.cursor() as cursor:
                if _is_psycopg2(connection):
                    cursor.copy_expert(copy, io.BytesIO(copy_text(rows)))
                else:
                    with cursor.copy(copy) as stream:
                        stream.write(copy_text(rows))

    def _insert_new(self, table: Table, columns: Sequence[str], rows: list[Row], keys: list[Key]) -> set[Key]:
        if not self._depth:
            return super()._insert_new(table, columns, rows, keys)
        # A failed COPY would end the caller's transaction.
        inserted: set[Key] = set()
        for start in range(0, len(rows), _INSERT_ROWS):
            chunk = rows[start : start + _INSERT_ROWS]
            inserted |= set(
                self.query(
                    f"{self._insert_statement(table, columns, len(chunk))} "
                    f"ON CONFLICT ({self._list(table.key)}) DO NOTHING RETURNING {self._list(table.key)}",
                    [value for row in chunk for value in row],
                )
            )
        return set(keys) - inserted

    def _lock(self, table: Table) -> None:
        self.execute(f"LOCK TABLE {self.name(table.name)} IN SHARE ROW EXCLUSIVE MODE")

    def _among(self, name: str, values: list[Any]) -> str:
        return f"{self.quoted(name)} = ANY(?)"

    def _among_parameters(self, values: list[Any]) -> list[Any]:
        return [values]

    @property
    def _placeholder(self) -> str:
        return "%s"


def copy_text(rows: Sequence[Row]) -> bytes:
    r"""Return rows as COPY's text form, built column by column: a row costs about a microsecond."""
    return ("\n".join(map("\t".join, zip(*map(_copy_column, zip(*rows, strict=True)), strict=True))) + "\n").encode()


def _copy_column(values: tuple[Any, ...]) -> Sequence[str]:
    first = values[0]
    if values.count(first) == len(values) and type(first) is not float:
        return [_copy_value(first)] * len(values)
    types = set(map(type, values))
    if types == {str}:
        joined = "".join(values)
        if not ("\\" in joined or "\t" in joined or "\n" in joined or "\r" in joined):
            return values
        return [value.translate(_ESCAPES) for value in values]
    if str in types:
        return list(map(_copy_value, values))
    # Numbers, dates and moments hold nothing that is escaped.
    return ["\\N" if value is None else str(value) for value in values]


def _copy_value(value: Any) -> str:
    if value is None:
        return "\\N"
    return value.translate(_ESCAPES) if type(value) is str else str(value)


def _is_psycopg2(connection: Any) -> bool:
    return type(connection).__module__.startswith("psycopg2")


def _read_leniently(connection: Any) -> None:
    """Have values that Python cannot hold, such as ``infinity`` and dates before Christ, come as text.

    They may be in columns that nobody uses, and would end the reading otherwise.
    """
    if _is_psycopg2(connection):
        extensions = import_module("psycopg2.extensions")
        for name in ("DATE", "TIME", "DATETIME", "DATETIMETZ", "INTERVAL"):
            strict = getattr(extensions, f"PY{name}")
            kind = extensions.new_type(strict.values, f"LENIENT_{name}", _lenient_cast(strict))
            extensions.register_type(kind, connection)
        return
    psycopg = import_module("psycopg")
    adapt = import_module("psycopg.adapt")
    for name in ("date", "time", "timetz", "timestamp", "timestamptz", "interval"):
        oid = psycopg.adapters.types[name].oid
        strict = connection.adapters.get_loader(oid, psycopg.pq.Format.TEXT)
        connection.adapters.register_loader(oid, _lenient_loader(adapt.Loader, strict, psycopg.DataError))


def _lenient_cast(strict: Any) -> Any:
    def cast(value: str | None, cursor: Any) -> Any:
        try:
            return strict(value, cursor)
        except Exception:
            return value

    return cast


def _lenient_loader(base: Any, strict: Any, refused: type[Exception]) -> Any:
    class Lenient(base):  # type: ignore[misc]
        def __init__(self, oid: int, context: Any = None) -> None:
            super().__init__(oid, context)
            self._strict = strict(oid, context).load

        def load(self, data: Any) -> Any:
            try:
                return self._strict(data)
            except refused:
                return bytes(data).decode()

    return Lenient
