"""Conversions that LinkedIn has been told of, for tests of reports."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

import msgspec

from airflow_provider_linkedin_capi.api import conversion_events, limits

if TYPE_CHECKING:
    from collections.abc import Sequence

    from airflow_provider_linkedin_capi.hooks.linkedin_conversions import LinkedInConversionsHook

#: A campaign of the sandbox's account, running.
CAMPAIGN = 345_396_001
OTHER_CAMPAIGN = 345_396_002


def days_ago(days: int) -> dt.date:
    """A recent UTC day."""
    return dt.datetime.now(dt.UTC).date() - dt.timedelta(days=days)


def deliver(
    hook: LinkedInConversionsHook,
    rule: int,
    day: dt.date,
    count: int,
    *,
    amounts: Sequence[str] = ("19.99", "0.10", "1234.56"),
    prefix: str = "event",
) -> None:
    """Send conversions of one day to LinkedIn, each with an id of its own."""
    began = int(dt.datetime.combine(day, dt.time(1), dt.UTC).timestamp() * 1000)
    elements = [
        {
            "conversion": f"urn:lla:llaPartnerConversion:{rule}",
            "conversionHappenedAt": began + number,
            "conversionValue": {"currencyCode": "USD", "amount": amounts[number % len(amounts)]},
            "eventId": f"{prefix}-{rule}-{day}-{number}",
            "user": {"userIds": [{"idType": "SHA256_EMAIL", "idValue": f"{number:064x}"}]},
        }
        for number in range(count)
    ]
    for first in range(0, count, limits.MAX_EVENTS_PER_BATCH):
        batch = elements[first : first + limits.MAX_EVENTS_PER_BATCH]
        body = msgspec.json.encode({"elements": batch})
        hook.call(conversion_events.batch_create(body, count=len(batch), idempotent=False))
