"""What OpenLineage is told about a delivery."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_provider_linkedin_capi.api import urns
from airflow_provider_linkedin_capi.databases.opening import sql_hook

if TYPE_CHECKING:
    from collections.abc import Iterable

    from airflow.providers.openlineage.extractors import OperatorLineage

    from airflow_provider_linkedin_capi.delivery.interfaces import Source
    from airflow_provider_linkedin_capi.sources.sql import SqlSource


def lineage(source: Source, rules: Iterable[str], *, accepted: int) -> OperatorLineage[Any, Any]:
    """Return the tables or the file read, and the conversion rules written to.

    :param source: where the rows came from.
    :param rules: URNs of the conversion rules; with a single one, the number of events is reported as well.
    :param accepted: how many events LinkedIn accepted.
    """
    from airflow.providers.common.compat.openlineage.facet import (
        Dataset,
        OutputDataset,
        OutputStatisticsOutputDatasetFacet,
    )
    from airflow.providers.openlineage.extractors import OperatorLineage

    from airflow_provider_linkedin_capi.sources.files import FileSource
    from airflow_provider_linkedin_capi.sources.sql import SqlSource

    result = _tables_read(source) if isinstance(source, SqlSource) else OperatorLineage()
    if isinstance(source, FileSource):
        scheme, _, name = source.path.rpartition("://")
        result.inputs = [Dataset(namespace=scheme or "file", name=name)]
    names = [f"conversions/{urns.number(rule)}" for rule in rules]
    statistics: dict[str, Any] = {"outputStatistics": OutputStatisticsOutputDatasetFacet(rowCount=accepted)}
    result.outputs = [
        OutputDataset(namespace="linkedin://ads", name=name, outputFacets=statistics if len(names) == 1 else {})
        for name in names
    ]
    return result


def _tables_read(source: SqlSource) -> OperatorLineage[Any, Any]:
    from airflow.providers.openlineage.extractors import OperatorLineage
    from airflow.providers.openlineage.sqlparser import SQLParser

    hook = sql_hook(source.conn_id, hook_params=source.hook_params, database=source.database)
    connection = hook.get_connection(source.conn_id)
    database = hook.get_openlineage_database_info(connection)
    if database is None:
        return OperatorLineage()
    parser = SQLParser(
        dialect=hook.get_openlineage_database_dialect(connection),
        default_schema=hook.get_openlineage_default_schema(),
    )
    return parser.generate_openlineage_metadata_from_sql(
        sql=source.sql, hook=hook, database_info=database, use_connection=False
    )
