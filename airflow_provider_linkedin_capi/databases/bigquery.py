"""BigQuery."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from importlib import import_module
from typing import TYPE_CHECKING, Any, ClassVar

from airflow_provider_linkedin_capi.databases.merging import MergingDatabase
from airflow_provider_linkedin_capi.databases.tables import name_parts
from airflow_provider_linkedin_capi.exceptions import DatabaseError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from airflow_provider_linkedin_capi.databases.base import Row
    from airflow_provider_linkedin_capi.databases.tables import Column, Table

#: Types of load jobs; unlike those of columns they have no length.
_LOADED = {"text": "STRING", "integer": "INTEGER", "decimal": "NUMERIC", "date": "DATE", "time": "TIMESTAMP"}
#: A table is clustered by at most four columns.
_CLUSTERED = 4
_STAGING_HOURS = 6
#: Classes of google.api_core's exceptions, and the SQLSTATE that means the same.
_STATES = {
    "NotFound": "42P01",
    "Forbidden": "42501",
    "Unauthorized": "28000",
    "BadRequest": "42000",
    "Conflict": "42P07",
    "TooManyRequests": "53000",
    "ServiceUnavailable": "57000",
    "InternalServerError": "58000",
    "BadGateway": "08006",
    "GatewayTimeout": "08006",
}
#: Reasons that BigQuery gives, where the class says too little.
_REASONS = {"quotaExceeded": "53000", "rateLimitExceeded": "53000", "backendError": "58000", "stopped": "57014"}
#: How BigQuery's texts begin, where the reason says too little.
_TEXTS = {"Unrecognized name": "42703", "Syntax error": "42601", "Function not found": "42883"}


class BigQuery(MergingDatabase):
    """BigQuery by its own client, with the hook's credentials; rows are added by load jobs, which cost nothing.

    Statements are GoogleSQL. Tables are ``dataset.table`` or ``project.dataset.table``, or ``table`` in
    the dataset given as ``database``.
    """

    family = "BigQuery"
    quotes = ("`", "`")
    name_limit = 300
    parameter_limit = 10_000
    types: ClassVar = {
        "text": "STRING({length})",
        "unbounded": "STRING",
        "integer": "INT64",
        "decimal": "NUMERIC(24, {scale})",
        "date": "DATE",
        "time": "TIMESTAMP",
    }

    def _connect(self) -> Any:
        hook: Any = self.hook
        client = hook.get_client(project_id=hook.project_id, location=hook.location)
        config = import_module("google.cloud.bigquery").QueryJobConfig(labels=getattr(hook, "labels", None) or {})
        if self._dataset:
            config.default_dataset = f"{client.project}.{self._dataset}"
        client.default_query_job_config = config
        dbapi = import_module("google.cloud.bigquery.dbapi")
        # Its faster way to fetch would need another permission.
        connection = dbapi.Connection(client=client, prefer_bqstorage_client=False)
        connection.linkedin_capi_client = client
        return connection

    @property
    def _dataset(self) -> str | None:
        # What open_database() sets for database=.
        return getattr(self.hook, "schema", None)

    @property
    def _client(self) -> Any:
        return self._ready().linkedin_capi_client

    def _reading_cursor(self, connection: Any, size: int) -> Any:
        cursor = connection.cursor()
        # Rows of one page, which is what memory holds.
        cursor.arraysize = size
        return cursor

    def _ping(self, connection: Any) -> None:
        # Each statement is a request of its own.
        connection.cursor()

    def columns(self, table: Table | str) -> set[str] | None:
        """Return the names of a table's columns; None when there is no such table. It costs no query."""
        reference = self._reference(table if isinstance(table, str) else table.name)
        try:
            with self.translated(self._statement):
                return {field.name for field in self._client.get_table(reference).schema}
        except DatabaseError as error:
            if error.missing_table:
                return None
            raise

    def _reference(self, table: str) -> Any:
        parts = name_parts(table)
        dataset = parts[-2] if len(parts) > 1 else self._dataset
        if not dataset:
            raise DatabaseError(
                f"Table {table!r} on connection {self.conn_id!r} has no dataset. Write dataset.{table}.", permanent=True
            )
        with self.translated(self._statement):
            project = parts[-3] if len(parts) == 3 else self._client.project
            bigquery = import_module("google.cloud.bigquery")
            return bigquery.TableReference(bigquery.DatasetReference(project, dataset), parts[-1])

    def _create_statements(self, table: Table) -> list[str]:
        self._reference(table.name)
        [create] = super()._create_statements(table)
        return [create.replace("CREATE TABLE", "CREATE TABLE IF NOT EXISTS", 1)]

    def _options(self, table: Table) -> str:
        columns = [name for name in dict.fromkeys((*table.index, *table.key)) if table.column(name).kind != "decimal"]
        return f"\nCLUSTER BY {self._list(columns[:_CLUSTERED])}" if columns else ""

    def _create_staging(self, staging: Table) -> None:
        [create] = self._create_statements(staging)
        expires = f"TIMESTAMP_ADD(CURRENT_TIMESTAMP(), INTERVAL {_STAGING_HOURS} HOUR)"
        self.execute(f"{create}\nOPTIONS (expiration_timestamp = {expires})")

    def _append(self, table: Table, columns: Sequence[str], rows: Sequence[Row]) -> None:
        reference = self._reference(table.name)
        with self.translated(f"Writing to {table.name} on connection {self.conn_id!r}"):
            bigquery = import_module("google.cloud.bigquery")
            config = bigquery.LoadJobConfig(
                schema=[self._field(bigquery, table.column(name)) for name in columns],
                write_disposition="WRITE_APPEND",
                create_disposition="CREATE_NEVER",
            )
            records = [dict(zip(columns, row, strict=True)) for row in map(_json_row, rows)]
            self._client.load_table_from_json(records, reference, job_config=config).result()

    def _field(self, bigquery: Any, column: Column) -> Any:
        return bigquery.SchemaField(column.name, _LOADED[column.kind])

    def _among(self, name: str, values: list[Any]) -> str:
        return f"{self.quoted(name)} IN UNNEST(?)"

    def _among_parameters(self, values: list[Any]) -> list[Any]:
        return [values]

    @property
    def _placeholder(self) -> str:
        return "%s"

    def _code(self, error: Exception) -> str | None:
        return self._reason(error) or super()._code(error)

    def _reason(self, error: Exception) -> str | None:
        # The DB-API wraps the client's exceptions; their "reason" is a word such as notFound.
        google: Any = error.args[0] if error.args and isinstance(error.args[0], Exception) else error
        details = getattr(google, "errors", None) or [{}]
        return details[0].get("reason") if isinstance(details[0], dict) else None

    def _state(self, error: Exception) -> str | None:
        google = error.args[0] if error.args and isinstance(error.args[0], Exception) else error
        reason = self._reason(error)
        for text, state in _TEXTS.items():
            if reason == "invalidQuery" and text in str(error):
                return state
        return _REASONS.get(reason or "") or _STATES.get(type(google).__name__)

    def _rolled_back(self, error: DatabaseError) -> bool:
        # Statements that change one table at the same time may be in each other's way.
        return error.code in ("53000", "58000")


def _json_row(row: Row) -> list[Any]:
    return [
        value.isoformat() if isinstance(value, dt.date) else str(value) if isinstance(value, Decimal) else value
        for value in row
    ]
