"""The asynchronous twin sends the same calls and obeys the same decisions."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_linkedin_capi import exceptions
from airflow_provider_linkedin_capi.api import account_users, conversion_rules
from airflow_provider_linkedin_capi.hooks.linkedin_conversions_async import LinkedInConversionsAsyncHook

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from airflow_provider_linkedin_capi.sandbox.server import SandboxServer

USERS = account_users.of_authenticated_member()


def within(conn_id: str, work: Callable[[LinkedInConversionsAsyncHook], Awaitable[Any]]) -> Any:
    async def run() -> Any:
        async with LinkedInConversionsAsyncHook(conn_id) as hook:
            return await work(hook)

    return asyncio.run(run())


async def all_rules(hook: LinkedInConversionsAsyncHook) -> list[int]:
    return [rule.id async for rule in hook.paginate(conversion_rules.find(hook.ad_account, count=10))]


def test_it_sends_the_same_request_as_the_hook(linkedin: str, hook: Any, sandbox: SandboxServer) -> None:
    hook.call(conversion_rules.find(5012345))
    within(linkedin, lambda twin: twin.call(conversion_rules.find(5012345)))
    ours, twins = list(sandbox.world.requests)[-2:]
    assert (twins.method, twins.path, twins.query) == (ours.method, ours.path, ours.query)
    different = {"accept-encoding", "connection", "accept"}
    assert {k: v for k, v in twins.headers.items() if k not in different} == {
        k: v for k, v in ours.headers.items() if k not in different
    }


def test_it_paginates(linkedin: str, sandbox: SandboxServer) -> None:
    known = set(sandbox.world.rules)
    known |= {sandbox.world.add_rule() for _ in range(25)}
    assert set(within(linkedin, all_rules)) == known


def test_it_refreshes_a_token(refreshable: str, sandbox: SandboxServer) -> None:
    assert within(refreshable, lambda hook: hook.call(USERS)).elements
    assert [r.status for r in sandbox.world.requests] == [401, 200, 200]


@pytest.mark.parametrize("kind", ["status", "reset", "truncate"])
def test_it_tries_again(linkedin: str, sandbox: SandboxServer, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("airflow_provider_linkedin_capi.api.retry._FIRST_WAIT", 0.01)
    sandbox.world.faults.add(kind, times=2)
    assert within(linkedin, lambda hook: hook.call(USERS)).elements
    assert len(sandbox.world.requests) == 3


def test_it_raises_what_the_hook_raises(linkedin: str, sandbox: SandboxServer) -> None:
    with pytest.raises(exceptions.NotFoundError, match="404"):
        within(linkedin, lambda hook: hook.call(conversion_rules.get(5012345, 999)))


def test_cookies_are_never_sent_back(linkedin: str, sandbox: SandboxServer) -> None:
    cookie = {"Content-Type": "application/json", "Set-Cookie": "lidc=abc; Path=/"}
    sandbox.world.faults.add("status", status=200, body='{"elements":[]}', headers=cookie, times=1)

    async def twice(hook: LinkedInConversionsAsyncHook) -> None:
        await hook.call(USERS)
        await hook.call(USERS)

    within(linkedin, twice)
    assert "cookie" not in sandbox.world.requests[-1].headers


def test_other_work_continues_while_it_waits(linkedin: str, sandbox: SandboxServer) -> None:
    sandbox.world.faults.add("delay", seconds=0.3)
    ticks = 0

    async def count() -> None:
        nonlocal ticks
        while True:
            await asyncio.sleep(0.01)
            ticks += 1

    async def work(hook: LinkedInConversionsAsyncHook) -> None:
        counter = asyncio.create_task(count())
        await hook.call(USERS)
        counter.cancel()

    within(linkedin, work)
    assert ticks >= 10
