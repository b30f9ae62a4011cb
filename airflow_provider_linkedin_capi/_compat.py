"""The only place that knows which Airflow it runs on."""

from __future__ import annotations

from importlib.metadata import version
from typing import Any

#: ``retry_policy=`` is a parameter of every operator from Airflow 3.3 on; before, this is None.
RetryPolicy: Any
RetryDecision: Any
try:
    from airflow.sdk import RetryDecision, RetryPolicy
except ImportError:
    RetryDecision = RetryPolicy = None


def mask_secret(secret: str) -> None:
    """Have Airflow write ``***`` for a value, in every log from now on."""
    try:
        from airflow.sdk.log import mask_secret as mask
    except ImportError:
        # Airflow before 3.1
        from airflow.utils.log.secrets_masker import mask_secret as mask  # type: ignore[import-not-found, no-redef]
    mask(secret)


def airflow_version() -> str:
    """Return the version of the Airflow that is installed."""
    return version("apache-airflow")
