"""The Test button: token, version and role, and which of them is wrong."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from airflow_provider_linkedin_capi import exceptions
from airflow_provider_linkedin_capi.hooks.linkedin_conversions import LinkedInConversionsHook

if TYPE_CHECKING:
    from airflow_provider_linkedin_capi.sandbox.server import SandboxServer
    from tests.support.connecting import Connect


def test_it_says_what_works(hook: LinkedInConversionsHook) -> None:
    assert hook.test_connection() == (
        True,
        "Token accepted (no refresh token: replace it by hand when it ends), API version 202609 (served until "
        "2027-09-15); role ACCOUNT_MANAGER in ad account 5012345.",
    )


def test_a_viewer_may_not_write(hook: LinkedInConversionsHook, sandbox: SandboxServer) -> None:
    sandbox.world.set_role("VIEWER")
    ok, message = hook.test_connection()
    assert not ok
    assert "role in ad account 5012345 is VIEWER" in message


def test_an_account_without_the_member_is_named(hook: LinkedInConversionsHook, sandbox: SandboxServer) -> None:
    sandbox.world.set_role(None)
    ok, message = hook.test_connection()
    assert not ok
    assert "no role in ad account 5012345, nor in any other" in message


def test_the_accounts_that_it_could_be_are_named(linkedin: str) -> None:
    ok, message = LinkedInConversionsHook(linkedin, ad_account_id=777).test_connection()
    assert not ok
    assert "no role in ad account 777, only in 5012345:" in message


def test_a_dead_token_is_named(hook: LinkedInConversionsHook, sandbox: SandboxServer) -> None:
    sandbox.world.expire_token()
    ok, message = hook.test_connection()
    assert not ok
    assert message.startswith("Token: ")


def test_a_sunset_version_is_named(linkedin: str) -> None:
    ok, message = LinkedInConversionsHook(linkedin, api_version="202511").test_connection()
    assert not ok
    assert message.startswith("API version: ")
    assert "NONEXISTENT_VERSION" in message
    assert "Set the connection's API version to a newer one" in message


def test_a_missing_scope_is_named(hook: LinkedInConversionsHook, sandbox: SandboxServer) -> None:
    sandbox.world.add_token("sandbox-token", scopes=["rw_conversions"])
    ok, message = hook.test_connection()
    assert not ok
    assert "needs the scope r_ads" in message


def test_an_unreachable_host_is_named(connect: Connect, waits: list[float]) -> None:
    conn_id = connect("away", conn_type="linkedin_capi", host="http://127.0.0.1:9", extra={"access_token": "t"})
    ok, message = LinkedInConversionsHook(conn_id).test_connection()
    assert not ok
    assert message.startswith("LinkedIn cannot be reached")
    assert waits == []


@pytest.mark.parametrize("extra", [{}, {"access_token": "***"}])
def test_an_unusable_connection_is_named(connect: Connect, extra: dict[str, str]) -> None:
    conn_id = connect("empty", conn_type="linkedin_capi", extra=extra)
    ok, message = LinkedInConversionsHook(conn_id).test_connection()
    assert not ok
    assert "token" in message
    assert "Connection under test" in message


def test_a_firewalls_page_is_named(hook: LinkedInConversionsHook, sandbox: SandboxServer, waits: list[float]) -> None:
    sandbox.world.faults.add("html", status=403)
    ok, message = hook.test_connection()
    assert not ok
    assert message.startswith("Something else than LinkedIn answered: ")
    assert waits == []


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (
            exceptions.NotFoundError("no", call="conversions.GET", code="RESOURCE_NOT_FOUND"),
            "does not offer conversions",
        ),
        (exceptions.NotFoundError("no", call="conversions.GET"), "does not exist in urn:li:sponsoredAccount:5012345"),
        (exceptions.AccessDeniedError("no", call="conversions.GET"), "belongs to another ad account"),
        (
            exceptions.AccessDeniedError("no", code="ACCESS_DENIED", scope="rw_conversions"),
            "the token lacks the scope rw_conversions",
        ),
    ],
)
def test_a_refusal_is_diagnosed(hook: LinkedInConversionsHook, error: exceptions.LinkedInError, said: str) -> None:
    assert said in hook.diagnose_refusal(error)


def test_a_refusal_for_the_members_role_is_diagnosed(hook: LinkedInConversionsHook, sandbox: SandboxServer) -> None:
    sandbox.world.set_role("VIEWER")
    assert "is VIEWER" in hook.diagnose_refusal(exceptions.AccessDeniedError("no", code="ACCESS_DENIED"))
