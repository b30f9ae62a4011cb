"""The only place that knows which Airflow it runs on."""

from __future__ import annotations

from importlib.metadata import version
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import datetime as dt

    from airflow.triggers.base import BaseTrigger

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


def wake_up_at(moment: dt.datetime) -> BaseTrigger:
    """Return the trigger that fires at a moment."""
    try:
        from airflow.providers.standard.triggers.temporal import DateTimeTrigger
    except ImportError:
        # Airflow 2 has it without the provider.
        from airflow.triggers.temporal import DateTimeTrigger  # type: ignore[import-not-found, no-redef]
    return DateTimeTrigger(moment=moment)


def first_reschedule(context: Any) -> dt.datetime | None:
    """Return when a sensor in mode ``reschedule`` first gave its slot back in this try; None when it has not yet."""
    task_instance = context["ti"]
    try:
        first: dt.datetime | None = task_instance.get_first_reschedule_date(context)
    except AttributeError:
        # Airflow 2 asks the database.
        from airflow.models.taskreschedule import TaskReschedule
        from airflow.utils.session import create_session

        with create_session() as session:
            earlier = session.scalars(TaskReschedule.stmt_for_task_instance(task_instance).limit(1)).first()
            first = earlier and earlier.start_date
    return first


def airflow_version() -> str:
    """Return the version of the Airflow that is installed."""
    return version("apache-airflow")
