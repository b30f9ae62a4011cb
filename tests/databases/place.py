"""Where a database is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from airflow_provider_linkedin_capi.databases.opening import open_database

if TYPE_CHECKING:
    from airflow_provider_linkedin_capi.databases.base import Database


@dataclass
class Place:
    """An empty database behind an Airflow connection."""

    family: str
    conn_id: str
    opened: list[Database]

    def open(self, **options: Any) -> Database:
        """Open it once more; closed at the end of the test."""
        if self.family == "bigquery":
            options.setdefault("database", "ads")
        database = open_database(self.conn_id, **options)
        self.opened.append(database)
        return database
