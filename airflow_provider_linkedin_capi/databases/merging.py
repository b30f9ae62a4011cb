"""Databases whose MERGE replaces rows in one statement, since they have no transactions."""

from __future__ import annotations

import contextlib
import uuid
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from airflow_provider_linkedin_capi.databases.base import Database
from airflow_provider_linkedin_capi.databases.tables import name_parts
from airflow_provider_linkedin_capi.exceptions import DatabaseError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from airflow_provider_linkedin_capi.databases.base import Row
    from airflow_provider_linkedin_capi.databases.tables import Table


class MergingDatabase(Database):
    """A database with ``MERGE ... WHEN NOT MATCHED BY SOURCE``."""

    def replace_window(
        self, table: Table, columns: Sequence[str], rows: Sequence[Row], where: str, parameters: Sequence[Any] = ()
    ) -> None:
        """Replace the rows that meet a condition, in one MERGE, which a kill leaves done or not begun.

        The new rows are gathered in a table beside the other one before, which is dropped afterwards. A kill may
        leave that one behind; nothing reads it.
        """
        if not rows:
            self.execute(f"DELETE FROM {self.name(table.name)} WHERE {where}", parameters)
            return
        *schema, name = name_parts(table.name)
        staged = f"{name}_{uuid.uuid4().hex[:12]}"
        staging = replace(table, name=".".join(f'"{part.replace(chr(34), chr(34) * 2)}"' for part in [*schema, staged]))
        self._create_staging(staging)
        try:
            self.append(staging, columns, rows)
            names = self._list(columns)
            self._repeated(
                lambda: self.execute(
                    f"MERGE INTO {self.name(table.name)} AS target USING {self.name(staging.name)} AS source ON FALSE "
                    f"WHEN NOT MATCHED THEN INSERT ({names}) VALUES ({names}) "
                    f"WHEN NOT MATCHED BY SOURCE AND ({where}) THEN DELETE",
                    parameters,
                )
            )
        finally:
            with contextlib.suppress(DatabaseError):
                self.execute(f"DROP TABLE {self.name(staging.name)}")

    def _create_staging(self, staging: Table) -> None:
        for statement in self._create_statements(staging):
            self.execute(statement)
