"""Every documented refusal, over a real socket: what the hook raises, repeats, or solves by itself."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_linkedin_capi.api import ad_accounts, retry
from airflow_provider_linkedin_capi.hooks.linkedin_conversions import LinkedInConversionsHook
from tests.support.refusals import DOCUMENTED

if TYPE_CHECKING:
    from airflow_provider_linkedin_capi.exceptions import LinkedInError
    from airflow_provider_linkedin_capi.sandbox.server import SandboxServer

ACCOUNT = ad_accounts.get(5012345)


def of(kind: type[retry.Decision]) -> list[Any]:
    return [case for case in DOCUMENTED if isinstance(case[3], kind)]


def refuse_once(sandbox: SandboxServer, status: int, body: dict[str, Any] | bytes) -> None:
    text = body.decode() if isinstance(body, bytes) else json.dumps(body)
    sandbox.world.faults.add("status", status=status, body=text, path="/rest", times=1)


def asked(sandbox: SandboxServer) -> list[str]:
    return [request.path for request in sandbox.world.requests]


@pytest.mark.parametrize(("status", "body", "kind", "decision"), of(retry.Stop))
def test_what_no_repetition_helps_is_raised_at_once(
    hook: LinkedInConversionsHook,
    sandbox: SandboxServer,
    waits: list[float],
    status: int,
    body: dict[str, Any] | bytes,
    kind: type[LinkedInError],
    decision: retry.Decision,
) -> None:
    refuse_once(sandbox, status, body)
    with pytest.raises(kind) as raised:
        hook.call(ACCOUNT)
    assert (raised.value.status, waits, len(asked(sandbox))) == (status, [], 1)
    if isinstance(body, dict):
        assert raised.value.code == body.get("code")
        assert body["message"].strip() in str(raised.value)
    assert "adAccounts.GET" in str(raised.value)


@pytest.mark.parametrize(("status", "body", "kind", "decision"), of(retry.Wait))
def test_what_passes_is_waited_for(
    hook: LinkedInConversionsHook,
    sandbox: SandboxServer,
    waits: list[float],
    status: int,
    body: dict[str, Any] | bytes,
    kind: type[LinkedInError],
    decision: retry.Wait,
) -> None:
    refuse_once(sandbox, status, body)
    assert hook.call(ACCOUNT).id == 5012345
    [seconds] = waits
    assert decision.seconds / 2 <= seconds <= decision.seconds


@pytest.mark.parametrize(("status", "body", "kind", "decision"), of(retry.Refresh))
def test_an_expired_token_is_replaced(
    refreshable: str,
    sandbox: SandboxServer,
    status: int,
    body: dict[str, Any] | bytes,
    kind: type[LinkedInError],
    decision: retry.Refresh,
) -> None:
    refuse_once(sandbox, status, body)
    assert LinkedInConversionsHook(refreshable).call(ACCOUNT).id == 5012345
    assert asked(sandbox) == ["/rest/adAccounts/5012345", "/oauth/v2/accessToken", "/rest/adAccounts/5012345"]
