"""Rows to LinkedIn: batches, pacing, isolation of refused elements, checkpoint, outcomes. No Airflow here."""

from airflow_provider_linkedin_capi.delivery.delivery import Delivery
from airflow_provider_linkedin_capi.delivery.errors import (
    DayLimitReachedError,
    DeliveryInterruptedError,
    DeliveryStoppedError,
)
from airflow_provider_linkedin_capi.delivery.outcomes import BatchOutcome, Reason, RowOutcome, Summary
from airflow_provider_linkedin_capi.delivery.protocols import (
    CheckpointStore,
    Chunk,
    DeliverySettings,
    Ledger,
    MapperFactory,
    OutcomeSink,
    Transport,
)

__all__ = [
    "BatchOutcome",
    "CheckpointStore",
    "Chunk",
    "DayLimitReachedError",
    "Delivery",
    "DeliveryInterruptedError",
    "DeliverySettings",
    "DeliveryStoppedError",
    "Ledger",
    "MapperFactory",
    "OutcomeSink",
    "Reason",
    "RowOutcome",
    "Summary",
    "Transport",
]
