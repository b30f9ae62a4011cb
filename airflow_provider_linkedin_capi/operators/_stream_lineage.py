"""What OpenLineage is told about a delivery."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_provider_linkedin_capi.api import urns
from airflow_provider_linkedin_capi.databases.opening import sql_hook

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from airflow.providers.openlineage.extractors import OperatorLineage


def lineage(
    *,
    sql: str | None,
    sql_conn_id: str | None,
    hook_params: Mapping[str, Any] | None,
    path: str | None,
    rules: Iterable[str],
    accepted: int,
) -> OperatorLineage[Any, Any]:
    """Return the tables or the file read, and the conversion rules written to.

    :param rules: URNs of the conversion rules; with a single one, the number of events is reported as well.
    :param accepted: how many events LinkedIn accepted.
    """
    from airflow.providers.common.compat.openlineage.facet import (
        Dataset,
        OutputDataset,
        OutputStatisticsOutputDatasetFacet,
    )
    from airflow.providers.openlineage.extractors import OperatorLineage

    result = _tables_read(sql, sql_conn_id, hook_params) if sql and sql_conn_id else OperatorLineage()
    if path:
        scheme, _, name = path.rpartition("://")
        result.inputs = [Dataset(namespace=scheme or "file", name=name)]
    names = [f"conversions/{urns.number(rule)}" for rule in rules]
    statistics: dict[str, Any] = {"outputStatistics": OutputStatisticsOutputDatasetFacet(rowCount=accepted)}
    result.outputs = [
        OutputDataset(namespace="linkedin://ads", name=name, outputFacets=statistics if len(names) == 1 else {})
        for name in names
    ]
    return result


def _tables_read(sql: str, conn_id: str, hook_params: Mapping[str, Any] | None) -> OperatorLineage[Any, Any]:
    from airflow.providers.openlineage.extractors import OperatorLineage
    from airflow.providers.openlineage.sqlparser import SQLParser

    hook = sql_hook(conn_id, hook_params=hook_params)
    connection = hook.get_connection(conn_id)
    database = hook.get_openlineage_database_info(connection)
    if database is None:
        return OperatorLineage()
    parser = SQLParser(
        dialect=hook.get_openlineage_database_dialect(connection),
        default_schema=hook.get_openlineage_default_schema(),
    )
    return parser.generate_openlineage_metadata_from_sql(
        sql=sql, hook=hook, database_info=database, use_connection=False
    )
