"""What goes out on the wire, and what becomes of what comes back."""

from __future__ import annotations

import socket
import threading
from typing import TYPE_CHECKING

import pytest

from airflow_provider_linkedin_capi import exceptions
from airflow_provider_linkedin_capi.api import account_users, conversion_events, conversion_rules, retry
from airflow_provider_linkedin_capi.hooks.linkedin_conversions import LinkedInConversionsHook

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow_provider_linkedin_capi.sandbox.server import SandboxServer
    from tests.support.connecting import Connect

USERS = account_users.of_authenticated_member()


def test_only_what_linkedin_wants_goes_out_as_headers(sandbox: SandboxServer, connect: Connect) -> None:
    conn_id = connect(
        "linkedin_capi_default",
        conn_type="linkedin_capi",
        host=sandbox.url,
        login="client-id",
        password="client-secret",
        extra={
            "access_token": "sandbox-token",
            "refresh_token": "refresh",
            "api_version": "202609",
            "note": "of no concern",
            "ad_account_id": None,
        },
    )
    LinkedInConversionsHook(conn_id).call(USERS)
    headers = dict(sandbox.world.requests[-1].headers)
    assert headers.pop("authorization") == "Bearer sandbox-token"
    assert headers.pop("user-agent").startswith("airflow-provider-linkedin-capi/")
    assert headers.pop("linkedin-version") == "202609"
    assert headers.pop("x-restli-protocol-version") == "2.0.0"
    assert headers.pop("x-restli-method") == "FINDER"
    assert set(headers) <= {"host", "accept", "accept-encoding", "connection"}


def test_the_query_goes_out_exactly_as_encoded(hook: LinkedInConversionsHook, sandbox: SandboxServer) -> None:
    list(hook.paginate(conversion_rules.find(5012345)))
    assert sandbox.world.requests[-1].query.startswith("q=account&account=urn%3Ali%3AsponsoredAccount%3A5012345&")


def test_cookies_are_never_sent_back(hook: LinkedInConversionsHook, sandbox: SandboxServer) -> None:
    cookie = {"Content-Type": "application/json", "Set-Cookie": "lidc=abc; Path=/"}
    fault = sandbox.world.faults.add("status", status=200, body='{"elements":[]}', headers=cookie, times=1)
    hook.call(USERS)
    hook.call(USERS)
    assert fault.matched == 1
    assert "cookie" not in sandbox.world.requests[-1].headers


def test_each_thread_has_a_session_of_its_own(hook: LinkedInConversionsHook) -> None:
    sessions = [hook.get_conn()]
    thread = threading.Thread(target=lambda: sessions.append(hook.get_conn()))
    thread.start()
    thread.join()
    assert sessions[0] is not sessions[1]
    assert sessions[0] is hook.get_conn()


@pytest.mark.parametrize("status", [408, 500, 502, 503, 504])
def test_a_failing_server_is_asked_again(
    hook: LinkedInConversionsHook, sandbox: SandboxServer, waits: list[float], status: int
) -> None:
    sandbox.world.faults.add("status", status=status, times=2)
    assert hook.call(USERS).elements
    assert [0.5 <= waits[0] <= 1, 1 <= waits[1] <= 2, len(waits)] == [True, True, 2]


def test_an_error_page_in_html_is_survived(
    hook: LinkedInConversionsHook, sandbox: SandboxServer, waits: list[float]
) -> None:
    sandbox.world.faults.add("html", status=502)
    with pytest.raises(exceptions.ForeignAnswerError, match=r"HTTP 502 with a page titled 'Bad Gateway' \(text/html"):
        hook.call(USERS)
    assert len(waits) == retry.MAX_ATTEMPTS - 1


def test_a_wait_that_linkedin_asks_for_is_kept(
    hook: LinkedInConversionsHook, sandbox: SandboxServer, waits: list[float]
) -> None:
    body = '{"status":429,"code":"TOO_MANY_REQUESTS","message":"Resource level throttle MINUTE limit"}'
    sandbox.world.faults.add("status", status=429, body=body, headers={"Retry-After": "7"}, times=1)
    hook.call(USERS)
    assert waits == [7]


def test_a_daily_limit_is_not_waited_for(
    hook: LinkedInConversionsHook, sandbox: SandboxServer, waits: list[float]
) -> None:
    sandbox.world.faults.add("throttle", window="DAY")
    with pytest.raises(exceptions.RateLimitError, match="00:00 UTC"):
        hook.call(USERS)
    assert waits == []


@pytest.mark.parametrize("kind", ["reset", "close", "truncate"])
def test_a_lost_answer_to_a_read_is_asked_for_again(
    hook: LinkedInConversionsHook, sandbox: SandboxServer, waits: list[float], kind: str
) -> None:
    sandbox.world.faults.add(kind, processed=True, times=1)
    assert hook.call(USERS).elements
    assert len(waits) == 1


def test_a_lost_answer_to_a_create_is_not_sent_again(
    hook: LinkedInConversionsHook, sandbox: SandboxServer, waits: list[float]
) -> None:
    sandbox.world.faults.add("reset", processed=True, restli_method="CREATE", times=1)
    with pytest.raises(exceptions.OutcomeUnknownError):
        hook.create_conversion_rule({"name": "r", "type": "LEAD", "conversionMethod": "CONVERSIONS_API"})
    assert [rule["name"] for rule in sandbox.world.rules.values()].count("r") == 1
    assert waits == []


def test_a_refused_connection_was_never_sent(connect: Connect, waits: list[float]) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        host = f"http://127.0.0.1:{unused.getsockname()[1]}"
    conn_id = connect("nobody", conn_type="linkedin_capi", host=host, extra={"access_token": "t"})
    with pytest.raises(exceptions.NotSentError, match="cannot connect to LinkedIn"):
        LinkedInConversionsHook(conn_id).call(
            conversion_events.batch_create(b'{"elements":[]}', count=0, idempotent=False)
        )
    assert len(waits) == retry.MAX_ATTEMPTS - 1


def test_the_http_providers_run_is_refused(hook: LinkedInConversionsHook) -> None:
    with pytest.raises(NotImplementedError, match=r"no run\(\); use one of its methods, or hook\.call"):
        hook.run("/rest/adAccounts")


def test_a_server_that_does_not_answer_in_time_leaves_the_outcome_unknown(
    sandbox: SandboxServer, connect: Connect, waits: list[float]
) -> None:
    conn_id = connect(
        "slow", conn_type="linkedin_capi", host=sandbox.url, extra={"access_token": "sandbox-token", "timeout": 0.2}
    )
    sandbox.world.faults.add("delay", seconds=0.5, times=1)
    with pytest.raises(exceptions.OutcomeUnknownError, match="ReadTimeout"):
        LinkedInConversionsHook(conn_id).call(
            conversion_events.batch_create(b'{"elements":[]}', count=0, idempotent=False)
        )


def test_without_an_ad_account_it_says_where_to_set_one(sandbox: SandboxServer, connect: Connect) -> None:
    conn_id = connect("bare", conn_type="linkedin_capi", host=sandbox.url, extra={"access_token": "t"})
    with pytest.raises(ValueError, match="pass ad_account_id, or set it in connection 'bare'"):
        _ = LinkedInConversionsHook(conn_id).ad_account
    assert LinkedInConversionsHook(conn_id, ad_account_id=7).ad_account == "urn:li:sponsoredAccount:7"


def test_a_refusal_carries_linkedins_request_ids(hook: LinkedInConversionsHook, sandbox: SandboxServer) -> None:
    with pytest.raises(exceptions.NotFoundError) as refusal:
        hook.get_conversion_rule(999)
    assert set(refusal.value.request_ids) >= {"x-li-uuid", "x-li-fabric"}
    assert refusal.value.request_ids["x-li-uuid"] in str(refusal.value)


def test_an_old_version_is_warned_of_and_refused_with_advice(
    sandbox: SandboxServer, connect: Connect, logged: Callable[[], str]
) -> None:
    conn_id = connect(
        "old",
        conn_type="linkedin_capi",
        host=sandbox.url,
        extra={"access_token": "sandbox-token", "api_version": "202511"},
    )
    old = LinkedInConversionsHook(conn_id)
    with pytest.raises(exceptions.VersionError, match="NONEXISTENT_VERSION"):
        old.call(account_users.of_authenticated_member())
    assert "202511 is no longer served by LinkedIn; set the connection's to 202609" in logged()
