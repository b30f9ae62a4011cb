"""Finding the adapter for an Airflow connection."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from airflow_provider_linkedin_capi.exceptions import DatabaseError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from airflow.providers.common.sql.hooks.sql import DbApiHook

    from airflow_provider_linkedin_capi.databases.base import Database

#: Connection types whose registered hook runs no SQL: the hook that does, the parameter that takes the connection's
#: id, and the extra of this package that installs it.
_SQL_HOOKS = {
    "databricks": ("airflow.providers.databricks.hooks.databricks_sql.DatabricksSqlHook", "databricks_conn_id"),
    "google_cloud_platform": ("airflow.providers.google.cloud.hooks.bigquery.BigQueryHook", "gcp_conn_id"),
}
#: Extras of this package by connection type.
_EXTRAS = {
    "clickhouse": "clickhouse",
    "databricks": "databricks",
    "duckdb": "duckdb",
    "gcpbigquery": "bigquery",
    "google_cloud_platform": "bigquery",
    "mssql": "mssql",
    "mysql": "mysql",
    "oracle": "oracle",
    "postgres": "postgres",
    "redshift": "redshift",
    "snowflake": "snowflake",
    "trino": "trino",
}

#: Adapters by the name of the hook's class, or of a class that it derives from.
_ADAPTERS = {
    "BigQueryHook": "bigquery.BigQuery",
    "ClickHouseHook": "clickhouse.ClickHouse",
    "DatabricksSqlHook": "databricks.Databricks",
    "DuckDBHook": "duckdb.DuckDb",
    "MsSqlHook": "mssql.SqlServer",
    "MySqlHook": "mysql.MySql",
    "OracleHook": "oracle.Oracle",
    "PostgresHook": "postgres.Postgres",
    "RedshiftSQLHook": "redshift.Redshift",
    "SnowflakeHook": "snowflake.Snowflake",
    "SqliteHook": "sqlite.Sqlite",
    "TrinoHook": "trino.Trino",
}


def open_database(conn_id: str, hook_params: Mapping[str, Any] | None = None, database: str | None = None) -> Database:
    """Return the adapter for a connection. It connects at its first use.

    :param conn_id: a connection of a database.
    :param hook_params: parameters of its hook, as Airflow's SQL operators take them: ``{"warehouse": "LOAD_WH"}``,
        ``{"http_path": "/sql/1.0/warehouses/…"}``, ``{"location": "EU"}``.
    :param database: another database, or schema, than the connection's, as Airflow's SQL operators take it.
    :raises DatabaseError: the connection is not one of a database, or the provider for it is not installed.

    Example::

        with closing(open_database("warehouse")) as database:
            for columns, rows in database.rows("SELECT * FROM conversions ORDER BY id", size=5000):
                ...
    """
    hook = sql_hook(conn_id, hook_params, database)
    return _adapter(hook)(hook)


def sql_hook(conn_id: str, hook_params: Mapping[str, Any] | None = None, database: str | None = None) -> DbApiHook:
    """Return the hook that runs SQL on a connection; parameters and errors of :func:`open_database`."""
    from airflow.providers.common.compat.sdk import BaseHook
    from airflow.providers.common.sql.hooks.sql import DbApiHook

    connection = BaseHook.get_connection(conn_id)
    conn_type = connection.conn_type
    try:
        if conn_type in _SQL_HOOKS:
            path, parameter = _SQL_HOOKS[conn_type]
            module, _, name = path.rpartition(".")
            hook = getattr(import_module(module), name)(**{parameter: conn_id}, **(hook_params or {}))
        else:
            hook = connection.get_hook(hook_params=dict(hook_params or {}))
    except Exception as error:
        if not _is_missing(error):
            raise
        extra = _EXTRAS.get(conn_type or "")
        install = f"'airflow-provider-linkedin-capi[{extra}]'" if extra else f"the provider of type {conn_type!r}"
        raise DatabaseError(
            f"The hook of connection {conn_id!r} cannot be loaded ({type(error).__name__}). Install {install}.",
            permanent=True,
        ) from error
    if not isinstance(hook, DbApiHook):
        raise DatabaseError(
            f"Connection {conn_id!r} is of type {conn_type!r}, which cannot run SQL ({type(hook).__name__}). Use the "
            "connection of a database.",
            permanent=True,
        )
    if database:
        # As BaseSQLOperator does it.
        setattr(hook, "database" if hook.conn_type == "postgres" else "schema", database)
    return hook


def _is_missing(error: Exception) -> bool:
    """Whether a hook is not installed, or a library of it is not."""
    return isinstance(error, ImportError) or "Unknown hook type" in str(error)


def _adapter(hook: DbApiHook) -> type[Database]:
    path = _adapter_path(hook)
    module, _, name = path.partition(".")
    adapter: type[Database] = getattr(import_module(f"{__package__}.{module}"), name)
    return adapter


def _adapter_path(hook: DbApiHook) -> str:
    found = next((path for base in type(hook).__mro__ if (path := _ADAPTERS.get(base.__name__))), "base.Database")
    if found == "postgres.Postgres" and _is_redshift(hook):
        return "redshift.Redshift"
    if hook.conn_type == "odbc" and "sql server" in str(getattr(hook, "driver", "")).lower():
        return "mssql.SqlServer"
    return found


def _is_redshift(hook: DbApiHook) -> bool:
    """Whether a connection of type ``postgres`` leads to Redshift, which many do."""
    extra = hook.connection.extra_dejson
    host = str(hook.connection.host or "")
    return bool(
        extra.get("redshift")
        or extra.get("redshift-serverless")
        or host.endswith((".redshift.amazonaws.com", ".redshift-serverless.amazonaws.com"))
    )
