"""One warehouse row in, one conversion event or one precise reason why not out."""

from __future__ import annotations

from airflow_provider_linkedin_capi.events.codes import CODES
from airflow_provider_linkedin_capi.events.mapper import RowMapper, map_row
from airflow_provider_linkedin_capi.events.model import (
    ConversionEvent,
    MappedRows,
    Rejection,
    RowWarning,
    encode_batch,
    encode_event,
)
from airflow_provider_linkedin_capi.exceptions import ColumnError

__all__ = [
    "CODES",
    "ColumnError",
    "ConversionEvent",
    "MappedRows",
    "Rejection",
    "RowMapper",
    "RowWarning",
    "encode_batch",
    "encode_event",
    "map_row",
]
