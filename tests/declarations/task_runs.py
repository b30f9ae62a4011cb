"""What one run of a task left behind."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

from tests.support import dag_runs


@dataclass(frozen=True)
class TaskRun:
    """What a run of one task left behind.

    :param log: all that was logged in the meantime.
    """

    dag_run: Any
    log: str

    @property
    def state(self) -> str | None:
        return dag_runs.state(self.dag_run, "task")

    @property
    def tries(self) -> int:
        return int(self.dag_run.get_task_instance("task").try_number)

    def xcom(self, key: str = "return_value") -> Any:
        return dag_runs.xcom(self.dag_run, "task", key)


class RunTask(Protocol):
    """Runs one operator as the task of a DAG."""

    def __call__(self, operator: Any, **parameters: Any) -> TaskRun: ...


@dataclass(frozen=True)
class Execution:
    """What an operator's own work left behind; the same words as :class:`TaskRun`."""

    state: str
    pushed: dict[str, Any]
    log: str

    def xcom(self, key: str = "return_value") -> Any:
        return self.pushed.get(key)
