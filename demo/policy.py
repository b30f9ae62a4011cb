"""The demo's ``airflow_local_settings``: nobody wants to wait a quarter of an hour for a demo's next look."""

from __future__ import annotations

from typing import Any


def task_policy(task: Any) -> None:
    """Let sensors look every three seconds, whatever their DAG says."""
    if hasattr(task, "poke_interval"):
        task.poke_interval = 3
