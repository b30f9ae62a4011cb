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


def task_state_store(context: Any) -> Any:
    """Return Airflow's task state store; None before Airflow 3.3."""
    return context.get("task_state_store")


def loop_index(context: Any) -> int | None:
    """Return which iteration of a task loop this is, from 1; None outside loops and before Airflow 3.4.

    The iterations of a loop have the same DAG run, task and map index.

    .. seealso:: https://airflow.apache.org/docs/apache-airflow/3.4.0/authoring-and-scheduling/loops.html
    """
    index: int | None = getattr(context.get("loop"), "index", None)
    return index


def run_identity(context: Any) -> dict[str, Any]:
    """Return what distinguishes a DAG run from one that was made later under the same run id.

    Airflow 2 has the database's own id. Airflow 3 has only the start date, which a Clear of a finished run sets anew,
    raising ``clear_number``.
    """
    dag_run = context["dag_run"]
    if (number := getattr(dag_run, "id", None)) is not None:
        return {"id": number}
    return {"started": str(dag_run.start_date), "clears": getattr(dag_run, "clear_number", 0) or 0}


def set_variable(key: str, value: str) -> None:
    """Set an Airflow Variable, or raise."""
    try:
        # Variable.set of Airflow 3.0 to 3.2 logs an error and continues.
        from airflow.sdk.execution_time.context import _set_variable
    except ImportError:
        from airflow.providers.common.compat.sdk import Variable

        Variable.set(key, value)
    else:
        _set_variable(key, value)


def airflow_version() -> str:
    """Return the version of the Airflow that is installed."""
    return version("apache-airflow")
