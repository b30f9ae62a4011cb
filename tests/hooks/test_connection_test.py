"""The Test button: token, version and role, and which of them is wrong."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from airflow_provider_linkedin_capi.hooks.linkedin_conversions import LinkedInConversionsHook

if TYPE_CHECKING:
    from airflow_provider_linkedin_capi.sandbox.server import SandboxServer
    from tests.conftest import Connect


def test_it_says_what_works(hook: LinkedInConversionsHook) -> None:
    assert hook.test_connection() == (
        True,
        "Token accepted (no refresh token: it has to be replaced by hand), API version 202609 (served until "
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
    assert message.startswith("LinkedIn could not be reached")
    assert waits == []


@pytest.mark.parametrize("extra", [{}, {"access_token": "***"}])
def test_an_unusable_connection_is_said(connect: Connect, extra: dict[str, str]) -> None:
    conn_id = connect("empty", conn_type="linkedin_capi", extra=extra)
    ok, message = LinkedInConversionsHook(conn_id).test_connection()
    assert not ok
    assert "token" in message
    assert "Connection under test" in message
