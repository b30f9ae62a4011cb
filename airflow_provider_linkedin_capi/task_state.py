"""What a task remembers over its tries, reschedules and deferrals."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import logging
import uuid
from typing import TYPE_CHECKING, Any

from airflow_provider_linkedin_capi import version_compat
from airflow_provider_linkedin_capi.exceptions import DeliverySupersededError

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context

KEY = "linkedin_conversions_delivery"
#: As long as LinkedIn takes a conversion: an older record can no longer be resumed.
RETENTION = dt.timedelta(days=90)
_LONGEST_VARIABLE_KEY = 250

log = logging.getLogger(__name__)


class TaskState:
    """One value that a task instance remembers.

    Airflow 3.3 and newer keep it in the task state store (``context["task_state_store"]``), by DAG run, task and map
    index; it goes with the run. Each iteration of a task loop has its own. Before, it is an Airflow Variable. Airflow
    never removes those, so the Variable also holds which run it belongs to: a run that was deleted and made again under
    its run id starts with nothing.

    Use it on the task's main thread only.

    :param context: the running task's.
    :param key: the value's name, readable in the UI; a Variable's name begins with it.
    :param retention: how long the task state store keeps the value.
    """

    def __init__(self, context: Context, key: str, retention: dt.timedelta) -> None:
        ti = context["ti"]
        if (loop_index := version_compat.loop_index(context)) is not None:
            key = f"{key}_iteration_{loop_index}"
        self._key = key
        self._retention = retention
        self._store = version_compat.task_state_store(context)
        self._variable = _variable_key(key, ti.dag_id, ti.run_id, ti.task_id, ti.map_index)
        self._run = {**version_compat.run_identity(context), "try": ti.try_number}

    def get(self) -> Any:
        """Return the value, or None when this run of the task has none."""
        if self._store is not None:
            return self._store.get(self._key)
        from airflow.providers.common.compat.sdk import Variable

        text = Variable.get(self._variable, None)
        kept = json.loads(text) if text else {}
        return kept["value"] if "value" in kept and self._is_of_this_run(kept["run"]) else None

    def set(self, value: Any) -> None:
        """Keep the value (JSON types, not None) durably before returning."""
        if self._store is not None:
            self._store.set(self._key, value, retention=self._retention)
        else:
            text = json.dumps({"run": self._run, "value": value}, separators=(",", ":"))
            version_compat.set_variable(self._variable, text)

    def delete(self) -> None:
        """Forget the value."""
        if self._store is not None:
            self._store.delete(self._key)
            return
        from airflow.providers.common.compat.sdk import Variable

        Variable.delete(self._variable)

    def _is_of_this_run(self, run: dict[str, Any]) -> bool:
        """Whether a Variable was written by this run: a Clear may have restarted it, but it was not made again."""
        if "id" in self._run or "id" in run:
            return bool(run.get("id") == self._run.get("id"))
        cleared = run["clears"] < self._run["clears"] and run["try"] < self._run["try"]
        return bool(run["started"] == self._run["started"] or cleared)


def _variable_key(*parts: object) -> str:
    key = "__".join(map(str, parts))
    if len(key) <= _LONGEST_VARIABLE_KEY:
        return key
    digest = hashlib.blake2b(key.encode(), digest_size=8).hexdigest()
    return f"{key[: _LONGEST_VARIABLE_KEY - len(digest) - 2]}__{digest}"


class TaskCheckpoint:
    """Keeps a delivery's checkpoint for one task instance.

    ``ti.max_tries`` tells a retry from a Clear: it stays the same over automatic retries and grows with a Clear. A
    delivery that had finished before a Clear starts over; a finished one that is only retried (the worker died before
    it could report success) has nothing left to do; an unfinished one continues in either case.

    Two processes may run the same task instance for a while, when Airflow has given up on one that still lives. The
    one that comes last takes the record over at once, and the other one learns at its next save, which is before it
    sends anything more, that it has been superseded.

    :param context: the running task's.
    """

    def __init__(self, context: Context) -> None:
        self._task_state = TaskState(context, KEY, RETENTION)
        self._generation = context["ti"].max_tries
        record = self._task_state.get() or {}
        # Which process, with what number of writes; the process that came later has the greater one.
        self._last_write: list[Any] = record.get("writer", [0, "", 0])
        self._writer: list[Any] = [self._last_write[0] + 1, uuid.uuid4().hex[:8]]
        self._writes = 0
        if "finished" in record and record.get("generation") != self._generation:
            log.info("The task was cleared after its delivery had finished: starting over.")
            record = {}
        #: The summary of the delivery, when an earlier try had finished it.
        self.finished: dict[str, Any] | None = record.get("finished")
        #: The same for all tries of one delivery.
        self.delivery_id: str = record.get("delivery") or uuid.uuid4().hex
        self._state: dict[str, Any] | None = record.get("state")
        if self.finished is None:
            self._write({"state": self._state})

    @property
    def resumed(self) -> bool:
        """Whether an earlier try of this delivery left a record."""
        return self._state is not None

    def load(self) -> dict[str, Any] | None:
        """Return what the earlier try saved, or None."""
        return self._state

    def save(self, state: dict[str, Any]) -> dict[str, Any] | None:
        """Keep the state durably; or keep nothing and return what another process has saved since.

        :raises DeliverySupersededError: another process has taken over.
        """
        found = self._task_state.get() or {}
        if (write := found.get("writer", self._last_write)) != self._last_write:
            if write[:2] > self._writer:
                raise DeliverySupersededError(
                    "Another process has taken over this task instance; this one stops. Nothing needs to be done."
                )
            self._last_write = write
            if found.get("state"):
                return dict(found["state"])
        self._write({"state": state})
        return None

    def finish(self, summary: dict[str, Any]) -> None:
        """Record that everything was delivered; from now on only the summary is needed."""
        self._write({"finished": summary})

    def _write(self, content: dict[str, Any]) -> None:
        self._writes += 1
        self._last_write = [*self._writer, self._writes]
        self._task_state.set(
            {**content, "delivery": self.delivery_id, "generation": self._generation, "writer": self._last_write}
        )
