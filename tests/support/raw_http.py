"""Raw HTTP to the local LinkedIn, and what it takes."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    import requests

ACCOUNT = "urn:li:sponsoredAccount:5012345"
ENCODED_ACCOUNT = "urn%3Ali%3AsponsoredAccount%3A5012345"
CAMPAIGN = 345_396_001
OTHER_CAMPAIGN = 345_396_002


class Rest(Protocol):
    """``rest("GET", "/conversions?...", headers={name: value or None to leave out}, json=...)``."""

    def __call__(
        self, method: str, path: str, *, headers: dict[str, str | None] | None = ..., **body: Any
    ) -> requests.Response: ...


def event(rule: int, number: int = 0, **members: Any) -> dict[str, Any]:
    """A conversion event that LinkedIn takes."""
    return {
        "conversion": f"urn:lla:llaPartnerConversion:{rule}",
        "conversionHappenedAt": int(time.time() * 1000) - 3_600_000 - number,
        "conversionValue": {"currencyCode": "USD", "amount": "50.0"},
        "user": {"userIds": [{"idType": "SHA256_EMAIL", "idValue": f"{number:064x}"}]},
        "eventId": f"order-{number}",
        **members,
    }


def send_batch(rest: Rest, events: list[Any], **headers: str) -> requests.Response:
    """Post events as one batch."""
    return rest(
        "POST", "/conversionEvents", headers={"X-RestLi-Method": "BATCH_CREATE", **headers}, json={"elements": events}
    )
