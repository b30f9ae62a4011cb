"""Raw HTTP to the local LinkedIn: nothing here uses the client whose tests the server serves."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Protocol

import pytest
import requests

if TYPE_CHECKING:
    from collections.abc import Iterator

    from airflow_provider_linkedin_capi.sandbox.server import SandboxServer
    from airflow_provider_linkedin_capi.sandbox.world import World

ACCOUNT = "urn:li:sponsoredAccount:5012345"
ENCODED_ACCOUNT = "urn%3Ali%3AsponsoredAccount%3A5012345"
CAMPAIGN = 345_396_001
OTHER_CAMPAIGN = 345_396_002


class Rest(Protocol):
    """``rest("GET", "/conversions?...", headers={name: value or None to leave out}, json=...)``."""

    def __call__(
        self, method: str, path: str, *, headers: dict[str, str | None] | None = ..., **body: Any
    ) -> requests.Response: ...


@pytest.fixture
def world(sandbox: SandboxServer) -> World:
    """What the server knows."""
    return sandbox.world


@pytest.fixture
def session() -> Iterator[requests.Session]:
    """One kept connection."""
    with requests.Session() as session:
        yield session


@pytest.fixture
def rest(sandbox: SandboxServer, session: requests.Session) -> Rest:
    """Sends one request below ``/rest`` with the headers that LinkedIn asks for."""

    def send(method: str, path: str, *, headers: dict[str, str | None] | None = None, **body: Any) -> requests.Response:
        usual = {
            "Authorization": "Bearer sandbox-token",
            "LinkedIn-Version": "202609",
            "X-Restli-Protocol-Version": "2.0.0",
        }
        wanted = {name: value for name, value in {**usual, **(headers or {})}.items() if value is not None}
        return session.request(method, f"{sandbox.url}/rest{path}", headers=wanted, **body)

    return send


@pytest.fixture
def rule(world: World) -> int:
    """An enabled rule for purchases, associated with two campaigns."""
    return world.add_rule(type="PURCHASE", campaigns=[CAMPAIGN, OTHER_CAMPAIGN])


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
