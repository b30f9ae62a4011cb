"""Databricks SQL."""

from __future__ import annotations

import copy
import re
from typing import TYPE_CHECKING, Any, ClassVar

from airflow_provider_linkedin_capi.databases.literals import LiteralDatabase
from airflow_provider_linkedin_capi.databases.merging import MergingDatabase

if TYPE_CHECKING:
    from airflow_provider_linkedin_capi.databases.tables import Table
    from airflow_provider_linkedin_capi.exceptions import DatabaseError

#: Delta tables are clustered by at most four columns.
_CLUSTERED = 4
_SQLSTATE = re.compile(r"SQLSTATE: ([0-9A-Z]{5})")


class Databricks(LiteralDatabase, MergingDatabase):
    """Databricks SQL on Delta tables. The hook's parameters name the warehouse: ``{"http_path": ...}``."""

    family = "Databricks"
    quotes = ("`", "`")
    name_limit = 255
    types: ClassVar = {
        "text": "STRING",
        "unbounded": "STRING",
        "integer": "BIGINT",
        "decimal": "DECIMAL(24, {scale})",
        "date": "DATE",
        "time": "TIMESTAMP",
    }

    def _connect(self) -> Any:
        # The hook would give the same connection twice.
        hook: Any = copy.copy(self.hook)
        hook._sql_conn = None
        return hook.get_conn()

    def _commit(self) -> None:
        """Nothing: each statement commits, and the driver refuses to do so again."""

    def _rollback(self) -> None:
        """Nothing, as above."""

    def _create_statements(self, table: Table) -> list[str]:
        [create] = super()._create_statements(table)
        return [create.replace("CREATE TABLE", "CREATE TABLE IF NOT EXISTS", 1)]

    def _options(self, table: Table) -> str:
        columns = list(dict.fromkeys((*table.index, *table.key)))[:_CLUSTERED]
        return f"\nCLUSTER BY ({self._list(columns)})" if columns else ""

    def _text(self, value: str) -> str:
        return "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"

    def _moment(self, utc: str) -> str:
        return f"TIMESTAMP '{utc}+00:00'"

    def _decimal(self, digits: str) -> str:
        return f"{digits}BD"

    def _state(self, error: Exception) -> str | None:
        found = _SQLSTATE.search(str(error))
        return found[1] if found else super()._state(error)

    def _rolled_back(self, error: DatabaseError) -> bool:
        # 2D521: another writer changed the table in between.
        return error.code == "2D521" or super()._rolled_back(error)
