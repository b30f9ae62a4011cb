"""One row at a time: what becomes of it."""

from __future__ import annotations

import json
from typing import Any

from airflow_provider_linkedin_capi.events import (
    ConversionEvent,
    MappedRows,
    Rejection,
    RowMapper,
    RowWarning,
    encode_batch,
)
from tests.events.linkedin_schema import problems

#: 2026-09-21 14:13:20 UTC
NOW_MS = 1_790_000_000_000
DAY_MS = 86_400_000
RULE = "urn:lla:llaPartnerConversion:14488340"
VERSION = "202609"


def mapped(row: dict[str, Any], **settings: Any) -> MappedRows:
    """Return what becomes of the row, which gets a time and a rule unless it has them."""
    row = {"happened_at": NOW_MS, **row}
    settings = {"rule": RULE, "now_ms": NOW_MS, "api_version": VERSION, **settings}
    result = RowMapper(tuple(row), **settings).map([tuple(row.values())])
    for element in elements_of(result):
        assert not problems(element, settings["now_ms"], settings["api_version"])
    return result


def elements_of(result: MappedRows) -> list[Any]:
    """Return what is sent to LinkedIn, decoded."""
    events = [event for place, event in enumerate(result.events) if place not in result.not_yet]
    return json.loads(encode_batch(events, latest_ms=result.latest_ms))["elements"]  # type: ignore[no-any-return]


def event_of(row: dict[str, Any], **settings: Any) -> ConversionEvent:
    """Return the event of a row that has nothing wrong."""
    result = mapped(row, **settings)
    assert not result.rejections
    assert not result.warnings
    return result.events[0]


def rejection_of(row: dict[str, Any], **settings: Any) -> Rejection:
    """Return why the row can't be sent."""
    result = mapped(row, **settings)
    assert not elements_of(result)
    return result.rejections[0]


def warning_of(row: dict[str, Any], **settings: Any) -> tuple[ConversionEvent, RowWarning]:
    """Return the event of a row with just one thing that is not as it came."""
    result = mapped(row, **settings)
    assert not result.rejections
    (warning,) = result.warnings
    return result.events[0], warning


def id_of(row: dict[str, Any], **settings: Any) -> tuple[str, str]:
    """Return type and value of the only entry of ``userIds`` of a row that has nothing wrong."""
    (user_id,) = event_of(row, **settings).user.user_ids
    return user_id.id_type, user_id.id_value
