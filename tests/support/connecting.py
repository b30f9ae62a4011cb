"""How a test defines an Airflow connection."""

from __future__ import annotations

from typing import Any, Protocol


class Connect(Protocol):
    """Defines an Airflow connection for the length of a test."""

    def __call__(self, conn_id: str, **fields: Any) -> str: ...
