"""What a task remembers, where a later try or poll of the same task instance finds it."""

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


class TaskState:
    """One value that a task instance keeps, over its tries, polls and clears.

    Airflow 3.3 and newer have the task state store (``context["task_state_store"]``), kept by dag, run, task and map
    index. Before, the value is an Airflow Variable; Airflow never removes those. Use it on the task's main thread only.

    :param context: the running task's.
    :param key: the name in the task state store, readable in the UI's Storage tab; a Variable's name begins with it.
    :param retention: how long the task state store keeps the value.
    """

    def __init__(self, context: Context, key: str, retention: dt.timedelta) -> None:
        ti = context["ti"]
        self._key = key
        self._retention = retention
        self._store: Any = _state_store(context)
        self._variable = _variable_key(key, ti.dag_id, ti.run_id, ti.task_id, ti.map_index)

    def get(self) -> Any:
        """Return the value, or None."""
        if self._store is not None:
            return self._store.get(self._key)
        from airflow.providers.common.compat.sdk import Variable

        text = Variable.get(self._variable, None)
        return json.loads(text) if text else None

    def set(self, value: Any) -> None:
        """Keep a JSON value, durably before returning."""
        if self._store is not None:
            self._store.set(self._key, value, retention=self._retention)
            return
        from airflow.providers.common.compat.sdk import Variable

        Variable.set(self._variable, json.dumps(value, separators=(",", ":")))

    def delete(self) -> None:
        """Remove the value."""
        if self._store is not None:
            self._store.delete(self._key)
            return
        from airflow.providers.common.compat.sdk import Variable

        Variable.delete(self._variable)


class TaskCheckpoint:
    """Keeps a delivery's state for one task instance.

    A finished delivery leaves only a small final record, since Airflow before 3.3 never removes it.

    ``ti.max_tries`` tells a retry from a Clear: it stays the same over automatic retries and grows with a Clear.
    A delivery that had finished before a Clear starts over; a finished one that is only retried (the worker died
    before it could report success) has nothing left to do; an unfinished one goes on in either case.

    :param context: the running task's.
    """

    def __init__(self, context: Context) -> None:
        self._generation = context["ti"].max_tries
        self._kept = TaskState(context, KEY, RETENTION)
        record = self._kept.get() or {}
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
        self._kept.set({**state, "delivery": self.delivery_id, "generation": self._generation})

    def finish(self, summary: dict[str, Any]) -> None:
        """Record that everything was delivered; of the state only the summary is needed from now on."""
        self._kept.set({"finished": summary, "generation": self._generation})


def _variable_key(key: str, dag_id: str, run_id: str, task_id: str, map_index: int | None) -> str:
    name = "__".join((key, dag_id, run_id, task_id, str(map_index)))
    if len(name) <= _LONGEST_VARIABLE_KEY:
        return name
    digest = hashlib.blake2b(name.encode(), digest_size=8).hexdigest()
    return f"{name[: _LONGEST_VARIABLE_KEY - len(digest) - 2]}__{digest}"


def _state_store(context: Context) -> Any:
    """Airflow's task state store; None before 3.3."""
    return context.get("task_state_store")
