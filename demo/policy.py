"""``airflow_local_settings`` of the demo: nobody wants to wait a quarter of an hour for its next look at the report."""

from __future__ import annotations

from typing import Any


def task_policy(task: Any) -> None:
    """Let the example's sensor look every three seconds."""
    if task.dag_id == "linkedin_conversions_daily" and task.task_id == "wait_for_attribution":
        task.poke_interval = 3
