"""Raw HTTP to the local LinkedIn: nothing here uses the client whose tests the server serves."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import requests

from tests.support.raw_http import CAMPAIGN, OTHER_CAMPAIGN

if TYPE_CHECKING:
    from collections.abc import Iterator

    from airflow_provider_linkedin_capi.sandbox.server import SandboxServer
    from airflow_provider_linkedin_capi.sandbox.world import World
    from tests.support.raw_http import Rest


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
