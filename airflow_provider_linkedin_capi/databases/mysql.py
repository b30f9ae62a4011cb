"""MySQL and MariaDB."""

from __future__ import annotations

import datetime as dt
from importlib import import_module
from typing import TYPE_CHECKING, Any, ClassVar

from airflow_provider_linkedin_capi.databases.base import Database, naive_utc

if TYPE_CHECKING:
    from collections.abc import Sequence

    from airflow_provider_linkedin_capi.databases.base import Row
    from airflow_provider_linkedin_capi.databases.tables import Table
    from airflow_provider_linkedin_capi.exceptions import DatabaseError

#: How long the server waits for a reader that does not fetch, or a writer that does not write.
_PATIENCE_SECONDS = 7 * 24 * 3600
#: Error numbers, and the SQLSTATE that means the same.
_STATES = {
    1040: "53300",
    1044: "42501",
    1045: "28000",
    1048: "23502",
    1049: "3F000",
    1050: "42P07",
    1053: "57P01",
    1054: "42S22",
    1062: "23505",
    1064: "42601",
    1142: "42501",
    1143: "42501",
    1146: "42S02",
    1203: "53300",
    1205: "40001",
    1213: "40001",
    1264: "22003",
    1290: "25006",
    1292: "22007",
    1305: "42883",
    1364: "23502",
    1366: "22018",
    1406: "22001",
    1969: "57014",
    2002: "08001",
    2003: "08001",
    2006: "08006",
    2013: "08006",
    2055: "08006",
    3024: "57014",
}


class MySql(Database):
    """MySQL and MariaDB through mysqlclient or MySQL Connector, whichever the hook connects with."""

    family = "MySQL"
    arbitrates = True
    transactional = True
    quotes = ("`", "`")
    name_limit = 64
    parameter_limit = 10_000
    types: ClassVar = {
        "text": "VARCHAR({length})",
        "unbounded": "LONGTEXT",
        "integer": "BIGINT",
        "decimal": "DECIMAL(24, {scale})",
        "date": "DATE",
        "time": "DATETIME(6)",
    }

    def _connect(self) -> Any:
        connection = super()._connect()
        # The connection's character set decides what texts arrive as; older clients ask for latin1.
        if hasattr(connection, "set_charset_collation"):
            connection.set_charset_collation("utf8mb4")
        else:
            connection.set_character_set("utf8mb4")
        with connection.cursor() as cursor:
            # What does not fit is an error instead of a silent change.
            cursor.execute("SET SESSION sql_mode = CONCAT_WS(',', NULLIF(@@sql_mode, ''), 'STRICT_ALL_TABLES')")
        return connection

    def _reading_connection(self) -> Any:
        connection = self._connect()
        with connection.cursor() as cursor:
            # The server hangs up on a reader that pauses for longer, as a 429 asks for; its default is a minute.
            cursor.execute(f"SET SESSION net_write_timeout = {_PATIENCE_SECONDS}")
        return connection

    def _reading_cursor(self, connection: Any, size: int) -> Any:
        if hasattr(connection, "set_charset_collation"):
            return connection.cursor(buffered=False)
        return connection.cursor(import_module("MySQLdb.cursors").SSCursor)

    def _new_cursor(self, connection: Any) -> Any:
        if hasattr(connection, "set_charset_collation"):
            return connection.cursor(buffered=True)
        # Tuples, whatever the extra "cursor" asks for.
        return connection.cursor(import_module("MySQLdb.cursors").Cursor)

    def _options(self, table: Table) -> str:
        [(version,)] = self.query("SELECT VERSION()")
        if "MariaDB" in version:
            collation = "utf8mb4_nopad_bin"
        elif int(version.split(".")[0]) >= 8:
            collation = "utf8mb4_0900_bin"
        else:
            collation = "utf8mb4_bin"
        # Event ids differ by case, and may hold any character.
        return f" ENGINE = InnoDB CHARACTER SET utf8mb4 COLLATE {collation}"

    def _constraints(self, table: Table) -> list[str]:
        index = [f"INDEX {self.quoted(self._index_name(table))} ({self._list(table.index)})"] if table.index else []
        return super()._constraints(table) + index

    def _append(self, table: Table, columns: Sequence[str], rows: Sequence[Row]) -> None:
        # Both drivers make statements of many rows of it.
        self._executemany(table, columns, rows)

    def _bound(self, value: Any) -> Any:
        return naive_utc(value) if isinstance(value, dt.datetime) else value

    def _with_placeholders(self, sql: str) -> str:
        if self.hook.connection_extra.get("client") == "mysql-connector-python":
            # It takes a percent sign as one, unlike mysqlclient.
            return sql.replace("?", "%s")
        return super()._with_placeholders(sql)

    @property
    def _placeholder(self) -> str:
        return "%s"

    def _code(self, error: Exception) -> str | None:
        number = getattr(error, "errno", None) or (error.args[0] if error.args else None)
        return str(number) if isinstance(number, int) else None

    def _state(self, error: Exception) -> str | None:
        code = self._code(error)
        return _STATES.get(int(code)) if code else None

    def _rolled_back(self, error: DatabaseError) -> bool:
        return error.code == "40001"
