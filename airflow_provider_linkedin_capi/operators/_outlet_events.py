"""What an operator adds to the events of its outlets."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable

    from airflow.providers.common.compat.sdk import Context

log = logging.getLogger(__name__)


def add_to_outlet_events(context: Context, outlets: Iterable[Any], extra: dict[str, Any]) -> None:
    """Add figures to the events of the assets among the outlets.

    Whatever else stands among them, such as lineage tables, dictionaries or references to assets that nobody
    registered, has no event, and fails no task that has done its work.

    :param context: the running task's.
    :param outlets: the operator's.
    :param extra: JSON values.
    """
    for outlet in outlets:
        try:
            context["outlet_events"][outlet].extra = dict(extra)
        except Exception as error:
            log.info("Outlet of type %s gets no figures (%s)", type(outlet).__name__, type(error).__name__)
