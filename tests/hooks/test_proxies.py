"""Behind a proxy: what was sent, who answered, and which settings win, in both hooks alike."""

from __future__ import annotations

import asyncio
import socket
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_linkedin_capi import exceptions
from airflow_provider_linkedin_capi.api import account_users, conversion_events
from airflow_provider_linkedin_capi.hooks.linkedin_conversions import LinkedInConversionsHook
from airflow_provider_linkedin_capi.hooks.linkedin_conversions_async import LinkedInConversionsAsyncHook
from tests.support import proxy as proxies

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from airflow_provider_linkedin_capi.api.call import Call
    from airflow_provider_linkedin_capi.sandbox.server import SandboxServer
    from tests.support.connecting import Connect

USERS = account_users.of_authenticated_member()
RULE = {"name": "lost", "type": "LEAD", "conversionMethod": "CONVERSIONS_API"}
EVENTS = conversion_events.batch_create(b'{"elements":[]}', count=0, idempotent=False)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return proxies.certificate(tmp_path_factory.mktemp("tls") / "proxy.pem")


@pytest.fixture
def proxy(sandbox: SandboxServer, certificate: Path) -> Iterator[proxies.Proxy]:
    with proxies.Proxy(sandbox.url, certificate) as running:
        yield running


@pytest.fixture
def direct(monkeypatch: pytest.MonkeyPatch) -> None:
    """No proxies in the environment, whatever the machine has."""
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


@pytest.fixture(params=["http", "https"])
def proxied(
    request: pytest.FixtureRequest,
    connect: Connect,
    sandbox: SandboxServer,
    proxy: proxies.Proxy,
    certificate: Path,
    direct: None,
) -> str:
    """A connection to the local LinkedIn through ``proxy``: forwarded, or by CONNECT."""
    extra = {"access_token": "sandbox-token", "ad_account_id": 5012345, "proxies": {request.param: proxy.url}}
    host = sandbox.url.replace("http://", f"{request.param}://")
    return connect("proxied", conn_type="linkedin_capi", host=host, extra={**extra, "verify": str(certificate)})


def synchronously(conn_id: str, call: Call[Any]) -> Any:
    return LinkedInConversionsHook(conn_id).call(call)


def asynchronously(conn_id: str, call: Call[Any]) -> Any:
    async def run() -> Any:
        async with LinkedInConversionsAsyncHook(conn_id) as hook:
            return await hook.call(call)

    return asyncio.run(run())


both_hooks = pytest.mark.parametrize("run", [synchronously, asynchronously])


@pytest.fixture(autouse=True)
def short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("airflow_provider_linkedin_capi.api.retry._FIRST_WAIT", 0.001)


@both_hooks
def test_requests_go_through_the_connections_proxy(run: Callable[..., Any], proxied: str, proxy: proxies.Proxy) -> None:
    assert run(proxied, USERS).elements
    assert "/rest/adAccountUsers?" in proxy.seen[-1]


@pytest.mark.parametrize("loss", ["fin", "rst", proxies.BLOCKED])
@both_hooks
def test_a_lost_answer_is_an_unknown_outcome(
    run: Callable[..., Any], proxied: str, proxy: proxies.Proxy, sandbox: SandboxServer, loss: Any
) -> None:
    proxy.answers = [loss]
    with pytest.raises(exceptions.OutcomeUnknownError):
        run(proxied, EVENTS)
    assert len(sandbox.world.requests) == 1


@pytest.mark.parametrize("loss", ["fin", "rst", proxies.BLOCKED])
def test_a_rule_whose_answer_was_lost_is_not_created_twice(
    proxied: str, proxy: proxies.Proxy, sandbox: SandboxServer, loss: Any
) -> None:
    proxy.answers = [loss]
    with pytest.raises(exceptions.OutcomeUnknownError):
        LinkedInConversionsHook(proxied).create_conversion_rule(RULE)
    assert [rule["name"] for rule in sandbox.world.rules.values()].count("lost") == 1


@pytest.mark.parametrize("loss", ["fin", "rst", proxies.BLOCKED])
@both_hooks
def test_a_lost_answer_to_a_read_is_asked_for_again(
    run: Callable[..., Any], proxied: str, proxy: proxies.Proxy, loss: Any
) -> None:
    proxy.answers = [loss, loss]
    assert run(proxied, USERS).elements


@pytest.mark.parametrize("answer", proxies.GATEWAY_ANSWERS.values(), ids=proxies.GATEWAY_ANSWERS.keys())
@both_hooks
def test_a_gateways_own_answer_leaves_the_outcome_unknown(
    run: Callable[..., Any], proxied: str, proxy: proxies.Proxy, sandbox: SandboxServer, answer: bytes
) -> None:
    proxy.answers = [answer, answer]
    with pytest.raises(exceptions.ForeignAnswerError) as raised:
        run(proxied, EVENTS)
    assert not raised.value.permanent
    assert run(proxied, USERS).elements
    assert {request.path for request in sandbox.world.requests} == {"/rest/conversionEvents", "/rest/adAccountUsers"}


@both_hooks
def test_a_page_in_every_answer_ends_with_its_title(
    run: Callable[..., Any], proxied: str, proxy: proxies.Proxy, sandbox: SandboxServer
) -> None:
    proxy.answers = [proxies.BLOCKED] * 20
    with pytest.raises(exceptions.ForeignAnswerError, match="HTTP 403 with a page titled 'Blocked by Acme'"):
        run(proxied, USERS)
    assert len(sandbox.world.requests) == 6


@both_hooks
def test_a_proxy_that_is_not_there_sent_nothing(run: Callable[..., Any], connect: Connect, direct: None) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        dead = f"http://127.0.0.1:{unused.getsockname()[1]}"
    for host in ("http://api.example.test", "https://api.example.test"):
        extra = {"access_token": "t", "proxies": {"http": dead, "https": dead}}
        conn_id = connect("dead", conn_type="linkedin_capi", host=host, extra=extra)
        with pytest.raises(exceptions.NotSentError, match="cannot connect to LinkedIn"):
            run(conn_id, EVENTS)


@both_hooks
def test_a_refused_tunnel_sent_nothing(
    run: Callable[..., Any], connect: Connect, sandbox: SandboxServer, direct: None
) -> None:
    with proxies.Proxy(sandbox.url) as closed:
        extra = {"access_token": "t", "proxies": {"https": closed.url}}
        conn_id = connect("closed", conn_type="linkedin_capi", host="https://api.example.test", extra=extra)
        with pytest.raises(exceptions.NotSentError):
            run(conn_id, EVENTS)


@both_hooks
def test_an_untrusted_certificate_sent_nothing(
    run: Callable[..., Any], connect: Connect, sandbox: SandboxServer, proxy: proxies.Proxy, direct: None
) -> None:
    extra = {"access_token": "t", "proxies": {"https": proxy.url}}
    host = sandbox.url.replace("http:", "https:")
    conn_id = connect("untrusted", conn_type="linkedin_capi", host=host, extra=extra)
    with pytest.raises(exceptions.NotSentError):
        run(conn_id, EVENTS)
    assert len(sandbox.world.requests) == 0


@pytest.mark.parametrize("name", ["HTTP_PROXY", "http_proxy", "ALL_PROXY"])
@both_hooks
def test_the_connections_proxy_wins_over_the_environments(
    run: Callable[..., Any],
    connect: Connect,
    sandbox: SandboxServer,
    proxy: proxies.Proxy,
    direct: None,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
) -> None:
    monkeypatch.setenv(name, "http://127.0.0.1:9")
    for key in ("http", "all"):
        extra = {"access_token": "sandbox-token", "proxies": {key: proxy.url}}
        conn_id = connect("own", conn_type="linkedin_capi", host=sandbox.url, extra=extra)
        assert run(conn_id, USERS).elements
    assert len(proxy.seen) == 2


@pytest.mark.parametrize("trusted", [True, False])
@both_hooks
def test_the_environments_proxy_is_used_if_the_connection_has_none(
    run: Callable[..., Any],
    connect: Connect,
    sandbox: SandboxServer,
    proxy: proxies.Proxy,
    direct: None,
    monkeypatch: pytest.MonkeyPatch,
    trusted: bool,
) -> None:
    monkeypatch.setenv("HTTP_PROXY", proxy.url)
    extra = {"access_token": "sandbox-token", "trust_env": trusted}
    conn_id = connect("plain", conn_type="linkedin_capi", host=sandbox.url, extra=extra)
    assert run(conn_id, USERS).elements
    assert len(proxy.seen) == trusted


@pytest.mark.parametrize("verify", ["the file", False])
@both_hooks
def test_the_connections_certificates_win_over_the_environments(
    run: Callable[..., Any],
    connect: Connect,
    sandbox: SandboxServer,
    proxy: proxies.Proxy,
    certificate: Path,
    tmp_path: Path,
    direct: None,
    monkeypatch: pytest.MonkeyPatch,
    verify: Any,
) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(proxies.certificate(tmp_path / "another.pem")))
    extra = {"access_token": "sandbox-token", "proxies": {"https": proxy.url}}
    extra["verify"] = str(certificate) if verify else False
    host = sandbox.url.replace("http:", "https:")
    conn_id = connect("own", conn_type="linkedin_capi", host=host, extra=extra)
    assert run(conn_id, USERS).elements


@both_hooks
def test_the_environments_certificates_are_used_if_the_connection_has_none(
    run: Callable[..., Any],
    connect: Connect,
    sandbox: SandboxServer,
    proxy: proxies.Proxy,
    certificate: Path,
    direct: None,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificate))
    extra = {"access_token": "sandbox-token", "proxies": {"https": proxy.url}}
    host = sandbox.url.replace("http:", "https:")
    assert run(connect("own", conn_type="linkedin_capi", host=host, extra=extra), USERS).elements


@both_hooks
def test_a_netrc_is_not_used(
    run: Callable[..., Any], linkedin: str, sandbox: SandboxServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "netrc").write_text("default login a password b\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    assert run(linkedin, USERS).elements
    assert sandbox.world.requests[-1].headers["authorization"] == "Bearer sandbox-token"


def test_a_proxy_that_deferred_tasks_cannot_use_is_refused(connect: Connect, direct: None) -> None:
    extra = {"access_token": "t", "proxies": "socks5://127.0.0.1:1080"}
    conn_id = connect("socks", conn_type="linkedin_capi", host="http://api.example.test", extra=extra)
    with pytest.raises(exceptions.ConnectionSettingsError, match="deferrable=False"):
        asynchronously(conn_id, USERS)
