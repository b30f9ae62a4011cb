"""The record of a delivery, where a retry of the same task instance finds it."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import logging
import uuid
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context

#: The key in the task state store, readable in the UI's Storage tab.
KEY = "linkedin_conversions_delivery"
#: As long as LinkedIn takes a conversion: an older record can no longer be resumed.
RETENTION = dt.timedelta(days=90)
_LONGEST_VARIABLE_KEY = 250

log = logging.getLogger(__name__)


class TaskCheckpoint:
    """Keeps a delivery's state for one task instance.

    Airflow 3.3 and newer have the task state store (``context["task_state_store"]``), which outlives tries and
    clears and is kept by dag, run, task and map index. Before, it is an Airflow Variable of that name; Airflow
    never removes those, so a finished delivery leaves only its small final record there.

    ``ti.max_tries`` tells a retry from a Clear: it stays the same over automatic retries and grows with a Clear.
    A delivery that had finished before a Clear starts over; a finished one that is only retried (the worker died
    before it could report success) has nothing left to do; an unfinished one goes on in either case.

    :param context: the running task's.
    """

    def __init__(self, context: Context) -> None:
        ti = context["ti"]
        self._generation = ti.max_tries
        self._store: Any = _state_store(context)
        self._variable = _variable_key(ti.dag_id, ti.run_id, ti.task_id, ti.map_index)
        record = self._read() or {}
        if "finished" in record and record.get("generation") != self._generation:
            log.info("The task was cleared after its delivery had finished: starting over.")
            record = {}
        #: The summary of the delivery, when an earlier try had finished it.
        self.finished: dict[str, Any] | None = record.pop("finished", None)
        record.pop("generation", None)
        #: The same for all tries of one delivery.
        self.delivery_id: str = record.pop("delivery", None) or uuid.uuid4().hex
        self._state: dict[str, Any] = record

    @property
    def resumed(self) -> bool:
        """Whether an earlier try of this delivery left a record."""
        return bool(self._state)

    def load(self) -> dict[str, Any] | None:
        """Return what the earlier try saved, or None."""
        return self._state or None

    def save(self, state: dict[str, Any]) -> None:
        """Keep the state durably before returning."""
        self._state = state
        self._write({**state, "delivery": self.delivery_id, "generation": self._generation})

    def finish(self, summary: dict[str, Any]) -> None:
        """Record that everything was delivered; of the state only the summary is needed from now on."""
        self._write({"finished": summary, "generation": self._generation})

    def _read(self) -> Any:
        if self._store is not None:
            return self._store.get(KEY)
        from airflow.providers.common.compat.sdk import Variable

        text = Variable.get(self._variable, None)
        return json.loads(text) if text else None

    def _write(self, record: dict[str, Any]) -> None:
        if self._store is not None:
            self._store.set(KEY, record, retention=RETENTION)
            return
        from airflow.providers.common.compat.sdk import Variable

        Variable.set(self._variable, json.dumps(record, separators=(",", ":")))


def _variable_key(dag_id: str, run_id: str, task_id: str, map_index: int | None) -> str:
    key = "__".join((KEY, dag_id, run_id, task_id, str(map_index)))
    if len(key) <= _LONGEST_VARIABLE_KEY:
        return key
    digest = hashlib.blake2b(key.encode(), digest_size=8).hexdigest()
    return f"{key[: _LONGEST_VARIABLE_KEY - len(digest) - 2]}__{digest}"


def _state_store(context: Context) -> Any:
    """Airflow's task state store; None before 3.3."""
    return context.get("task_state_store")
