"""Events as sinks are told of them."""

from __future__ import annotations

import datetime as dt

from airflow_provider_linkedin_capi.events.model import ConversionEvent, User, UserId

RULE = "urn:lla:llaPartnerConversion:22285180"
HAPPENED_MS = 1_790_000_000_123
SENT_AT = dt.datetime(2026, 11, 1, 12, 30, tzinfo=dt.UTC)


def event(event_id: str | None, conversion: str = RULE) -> ConversionEvent:
    """An event with an id."""
    return ConversionEvent(
        conversion=conversion,
        conversion_happened_at=HAPPENED_MS,
        user=User(user_ids=(UserId("SHA256_EMAIL", "a" * 64),)),
        event_id=event_id,
    )
