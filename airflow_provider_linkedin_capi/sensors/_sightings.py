"""What a rescheduled sensor saw last, kept where its next look finds it: XCom is emptied in between."""

from __future__ import annotations

import datetime as dt
import json
from typing import TYPE_CHECKING, Any

import msgspec

from airflow_provider_linkedin_capi.reports.readiness import ReportSnapshot, plain

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context

#: The key in the task state store, readable in the UI's Storage tab; before Airflow 3.3 a Variable begins so.
KEY = "linkedin_report_sighting"
_RETENTION = dt.timedelta(days=14)


class TaskSnapshots:
    """Keeps the last sighting of one task instance."""

    def __init__(self, context: Context) -> None:
        ti = context["ti"]
        self._store: Any = context.get("task_state_store")
        self._variable = "__".join((KEY, ti.dag_id, ti.run_id, ti.task_id, str(ti.map_index)))

    def load(self) -> ReportSnapshot | None:
        """Return the last sighting, or None."""
        from airflow.providers.common.compat.sdk import Variable

        if self._store is not None:
            kept = self._store.get(KEY)
        else:
            text = Variable.get(self._variable, None)
            kept = json.loads(text) if text else None
        return msgspec.convert(kept, ReportSnapshot) if kept else None

    def save(self, sighting: ReportSnapshot) -> None:
        """Keep a sighting."""
        from airflow.providers.common.compat.sdk import Variable

        if self._store is not None:
            self._store.set(KEY, plain(sighting), retention=_RETENTION)
        else:
            Variable.set(self._variable, json.dumps(plain(sighting)))

    def forget(self) -> None:
        """Remove it, since Airflow never removes Variables."""
        from airflow.providers.common.compat.sdk import Variable

        if self._store is not None:
            self._store.delete(KEY)
        else:
            Variable.delete(self._variable)
