"""Rows to LinkedIn: batches, pacing, isolation of refused elements, checkpoint, outcomes. No Airflow here."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_provider_linkedin_capi.delivery.interfaces import (
    CheckpointStore,
    Chunk,
    Claims,
    DeliveryInfo,
    DeliverySettings,
    Ledger,
    MapperFactory,
    OutcomeSink,
    Source,
    Transport,
)
from airflow_provider_linkedin_capi.delivery.outcomes import BatchOutcome, Reason, RowOutcome, Summary
from airflow_provider_linkedin_capi.exceptions import (
    DayLimitReachedError,
    DeliveryInterruptedError,
    DeliveryStoppedError,
)

if TYPE_CHECKING:
    from airflow_provider_linkedin_capi.delivery.engine import Delivery

__all__ = [
    "BatchOutcome",
    "CheckpointStore",
    "Chunk",
    "Claims",
    "DayLimitReachedError",
    "Delivery",
    "DeliveryInfo",
    "DeliveryInterruptedError",
    "DeliverySettings",
    "DeliveryStoppedError",
    "Ledger",
    "MapperFactory",
    "OutcomeSink",
    "Reason",
    "RowOutcome",
    "Source",
    "Summary",
    "Transport",
]


def __getattr__(name: str) -> Any:
    """Load the engine, and the mapper with it, only for those who deliver: DAG files import the rest."""
    if name == "Delivery":
        from airflow_provider_linkedin_capi.delivery.engine import Delivery

        return Delivery
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
