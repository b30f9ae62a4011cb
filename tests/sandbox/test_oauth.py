from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import requests

from tests.support.raw_http import ENCODED_ACCOUNT

if TYPE_CHECKING:
    from airflow_provider_linkedin_capi.sandbox.server import SandboxServer
    from airflow_provider_linkedin_capi.sandbox.world import World
    from tests.support.raw_http import Rest

FORM = {
    "grant_type": "refresh_token",
    "refresh_token": "sandbox-refresh",
    "client_id": "sandbox-client",
    "client_secret": "sandbox-secret",
}


def refresh(sandbox: SandboxServer, **changes: str) -> requests.Response:
    return requests.post(f"{sandbox.url}/oauth/v2/accessToken", data={**FORM, **changes})


def test_a_refresh_token_buys_an_access_token_that_works(sandbox: SandboxServer, rest: Rest) -> None:
    answer = refresh(sandbox)

    assert answer.status_code == 200
    token = answer.json()
    assert token["expires_in"] == 5_184_000
    assert token["refresh_token"] == "sandbox-refresh"
    assert 31_535_000 < token["refresh_token_expires_in"] <= 31_536_000
    assert "rw_conversions" in token["scope"].split(",")
    used = rest(
        "GET",
        f"/conversions?q=account&account={ENCODED_ACCOUNT}",
        headers={"Authorization": f"Bearer {token['access_token']}"},
    )
    assert used.status_code == 200


def test_the_refresh_token_ends_365_days_after_consent_however_often_used(sandbox: SandboxServer, world: World) -> None:
    world.clock.advance(360 * 86_400)
    token = refresh(sandbox).json()

    assert 4 * 86_400 < token["expires_in"] <= 5 * 86_400
    assert 4 * 86_400 < token["refresh_token_expires_in"] <= 5 * 86_400
    world.clock.advance(5 * 86_400)
    assert refresh(sandbox).status_code == 400


def test_a_rotating_client_gets_a_new_refresh_token_and_loses_the_old(sandbox: SandboxServer, world: World) -> None:
    world.add_client("sandbox-client", "sandbox-secret", rotates=True)

    second = refresh(sandbox).json()["refresh_token"]

    assert second != "sandbox-refresh"
    assert refresh(sandbox).status_code == 400
    assert refresh(sandbox, refresh_token=second).status_code == 200


@pytest.mark.parametrize(
    ("changes", "status", "body"),
    [
        (
            {"client_id": ""},
            400,
            {"error": "invalid_request", "error_description": 'A required parameter "client_id" is missing'},
        ),
        (
            {"refresh_token": "spent"},
            400,
            {
                "error": "invalid_request",
                "error_description": "The provided authorization grant or refresh token is invalid, expired or revoked",
            },
        ),
        (
            {"client_secret": "wrong"},
            401,
            {"error": "invalid_client", "error_description": "Client authentication failed"},
        ),
        (
            {"client_id": "nobody"},
            401,
            {"error": "invalid_client", "error_description": "Client authentication failed"},
        ),
    ],
)
def test_refusals_have_the_documented_bodies(
    sandbox: SandboxServer, changes: dict[str, str], status: int, body: dict[str, str]
) -> None:
    answer = refresh(sandbox, **changes)

    assert (answer.status_code, answer.json()) == (status, body)


def test_a_refresh_token_of_another_client_is_invalid(sandbox: SandboxServer, world: World) -> None:
    world.add_client("other", "secret")

    assert refresh(sandbox, client_id="other", client_secret="secret").status_code == 400


def introspect(sandbox: SandboxServer, **changes: str) -> requests.Response:
    form = {"client_id": "sandbox-client", "client_secret": "sandbox-secret", "token": "sandbox-token", **changes}
    return requests.post(f"{sandbox.url}/oauth/v2/introspectToken", data=form)


def test_introspection_returns_the_state_of_a_token(sandbox: SandboxServer, world: World) -> None:
    answer = introspect(sandbox).json()
    assert (answer["active"], answer["status"], answer["auth_type"]) == (True, "active", "3L")
    assert answer["expires_at"] - answer["created_at"] == 5_184_000

    world.expire_token()
    assert introspect(sandbox).json()["status"] == "expired"
    world.add_token("revoked", status="revoked")
    revoked = introspect(sandbox, token="revoked").json()
    assert (revoked["active"], revoked["status"]) == (False, "revoked")


def test_introspection_of_a_foreign_token_returns_nothing(sandbox: SandboxServer, world: World) -> None:
    world.add_token("foreign", client=None)

    assert introspect(sandbox, token="foreign").json() == {"active": False}
    assert introspect(sandbox, client_id="nobody").status_code == 400
    assert introspect(sandbox, client_secret="wrong").status_code == 401
