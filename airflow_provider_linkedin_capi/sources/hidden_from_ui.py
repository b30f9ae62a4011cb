"""Records on their way through Airflow."""

from __future__ import annotations

from typing import Any


class HiddenFromUI:
    """Keeps records from being shown: Airflow stores and displays the text of every rendered parameter.

    :param records: what another task handed over.
    """

    def __init__(self, records: Any) -> None:
        self.records = records

    def __str__(self) -> str:
        return "(not shown: records may hold personal data)"
