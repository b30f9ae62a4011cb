"""Which run of which task an outcome belongs to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from airflow_provider_linkedin_capi.events.columns import match_columns
from airflow_provider_linkedin_capi.exceptions import ColumnError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from airflow.providers.common.compat.sdk import Context

    from airflow_provider_linkedin_capi.delivery.outcomes import BatchOutcome, RowOutcome


@dataclass(frozen=True, slots=True)
class TaskRun:
    """A task instance and its try.

    :param resumed: whether this try goes on where an earlier one of the same task instance ended, so that
        outcomes already kept are not to be kept twice.
    """

    dag_id: str
    run_id: str
    task_id: str
    map_index: int
    try_number: int
    resumed: bool

    @classmethod
    def of(cls, context: Context, *, resumed: bool) -> TaskRun:
        """Return the one that is running."""
        ti = context["ti"]
        map_index = -1 if ti.map_index is None else ti.map_index
        return cls(ti.dag_id, ti.run_id, ti.task_id, map_index, ti.try_number, resumed)

    @property
    def name(self) -> str:
        """The task instance in one word, without the try."""
        shard = "" if self.map_index < 0 else f"[{self.map_index}]"
        return f"{self.dag_id}/{self.run_id}/{self.task_id}{shard}"


class EventIds:
    """Finds the event id of a row that became no event, in the column that holds it.

    :param column_mapping: the operator's.
    """

    def __init__(self, column_mapping: Mapping[str, str] | None) -> None:
        self._column_mapping = column_mapping
        self._columns: tuple[str, ...] = ()
        self._index: int | None = None

    def of(self, batch: BatchOutcome, row: RowOutcome) -> str | None:
        """Return the event's id, derived or not, or else the text of the row's own id."""
        if row.event is not None:
            return row.event.event_id
        if batch.columns != self._columns:
            self._columns = batch.columns
            self._index = _event_id_column(batch.columns, self._column_mapping)
        if self._index is None or self._index >= len(row.row) or row.row[self._index] is None:
            return None
        return str(row.row[self._index]).strip() or None


def _event_id_column(columns: tuple[str, ...], column_mapping: Mapping[str, str] | None) -> int | None:
    try:
        return match_columns(columns, column_mapping).get("eventId")
    except ColumnError:
        # Rows of the retired offline API have fields of their own, and no event id.
        return None
