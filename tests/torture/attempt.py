"""What one process of a run is to do; free of Airflow, which only the processes import."""

from __future__ import annotations

import multiprocessing
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from multiprocessing.context import ForkServerProcess
    from pathlib import Path


@dataclass(frozen=True)
class Try:
    """One try of a run's task.

    :param folder: of the run, for its task state, summaries and log.
    :param parameters: of the operator.
    :param connections: Airflow connections by id.
    """

    folder: Path
    run_id: str
    number: int
    max_tries: int
    parameters: dict[str, Any]
    connections: dict[str, dict[str, Any]] = field(default_factory=dict)


_forks = multiprocessing.get_context("forkserver")
_forks.set_forkserver_preload(["tests.torture.task"])


def start(attempt: Try) -> ForkServerProcess:
    """Run a try in a process of its own."""
    process = _forks.Process(target=_run, args=(attempt,), daemon=True)
    process.start()
    return process


def warm_up() -> None:
    """Have Airflow imported before the first try."""
    process = _forks.Process(target=int)
    process.start()
    process.join()


def _run(attempt: Try) -> None:
    from tests.torture.task import run

    run(attempt)
