"""Trino."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from airflow_provider_linkedin_capi.databases.literals import LiteralDatabase

if TYPE_CHECKING:
    from airflow_provider_linkedin_capi.databases.tables import Column, Table

#: Trino's error names, and the SQLSTATE that means the same.
_STATES = {
    "TABLE_NOT_FOUND": "42P01",
    "SCHEMA_NOT_FOUND": "3F000",
    "CATALOG_NOT_FOUND": "3D000",
    "COLUMN_NOT_FOUND": "42703",
    "FUNCTION_NOT_FOUND": "42883",
    "TABLE_ALREADY_EXISTS": "42P07",
    "SYNTAX_ERROR": "42601",
    "TYPE_MISMATCH": "42804",
    "PERMISSION_DENIED": "42501",
    "NOT_SUPPORTED": "0A000",
    "INVALID_CAST_ARGUMENT": "22000",
    "NUMERIC_VALUE_OUT_OF_RANGE": "22003",
    "CONSTRAINT_VIOLATION": "23000",
    "USER_CANCELED": "57014",
    "TRANSACTION_CONFLICT": "40001",
    "SERVER_SHUTTING_DOWN": "57P01",
}


class Trino(LiteralDatabase):
    """Trino, in the catalog and schema of its hook. Each statement that writes makes a file: write seldom.

    Replacing rows needs a connector that deletes, such as Iceberg's or Delta Lake's.
    """

    family = "Trino"
    name_limit = 128
    types: ClassVar = {
        # Hive, Iceberg and Delta Lake differ in lengths and in what can be required.
        "text": "VARCHAR",
        "unbounded": "VARCHAR",
        "integer": "BIGINT",
        "decimal": "DECIMAL(24, {scale})",
        "date": "DATE",
        # In UTC. Zones are for some connectors only.
        "time": "TIMESTAMP(6)",
    }

    def _column_definition(self, table: Table, column: Column) -> str:
        return f"{self.quoted(column.name)} {self.type_of(table, column)}"

    def _create_statements(self, table: Table) -> list[str]:
        [create] = super()._create_statements(table)
        return [create.replace("CREATE TABLE", "CREATE TABLE IF NOT EXISTS", 1)]

    def _code(self, error: Exception) -> str | None:
        name = getattr(error, "error_name", None)
        return name if isinstance(name, str) else None

    def _state(self, error: Exception) -> str | None:
        return _STATES.get(self._code(error) or "")

    def _is_permanent(self, error: Exception, code: str | None, state: str | None) -> bool:
        if state:
            return super()._is_permanent(error, code, state)
        return getattr(error, "error_type", None) == "USER_ERROR"
