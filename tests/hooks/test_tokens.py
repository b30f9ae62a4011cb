"""One refresh per 401, shared by all threads; secrets masked; rotated refresh tokens kept."""

from __future__ import annotations

import json
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from airflow_provider_linkedin_capi import exceptions
from airflow_provider_linkedin_capi.api import account_users, conversion_events, retry
from airflow_provider_linkedin_capi.events.model import ConversionEvent, User, UserId
from airflow_provider_linkedin_capi.hooks.linkedin_conversions import LinkedInConversionsHook

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow_provider_linkedin_capi.sandbox.server import SandboxServer
    from tests.support.connecting import Connect

USERS = account_users.of_authenticated_member()
KEPT = "AIRFLOW_VAR_LINKEDIN_CAPI__LINKEDIN_CAPI_DEFAULT__REFRESH_TOKEN"


class Variables(dict[str, str]):
    """Airflow's Variables, in memory, and the threads that used them."""

    def __init__(self) -> None:
        super().__init__()
        self.threads: set[int] = set()

    def read(self, key: str) -> str:
        self.threads.add(threading.get_ident())
        return self[key]

    def write(self, key: str, value: str) -> None:
        self.threads.add(threading.get_ident())
        self[key] = value


@pytest.fixture
def variables(monkeypatch: pytest.MonkeyPatch) -> Variables:
    kept = Variables()
    monkeypatch.setattr("airflow.providers.common.compat.sdk.Variable.get", kept.read)
    monkeypatch.setattr("airflow.providers.common.compat.sdk.Variable.set", kept.write)
    return kept


@pytest.fixture(autouse=True)
def short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("airflow_provider_linkedin_capi.hooks.tokens._CHECK_AFTER_SECONDS", (0.0, 0.05, 0.1, 0.2))


def exchanges(sandbox: SandboxServer) -> list[str]:
    """Bodies of the requests to the token service."""
    return [r.body.decode() for r in sandbox.world.requests if r.path.endswith("/accessToken")]


def test_a_401_requests_one_token_and_the_call_succeeds(refreshable: str, sandbox: SandboxServer) -> None:
    hook = LinkedInConversionsHook(refreshable)
    assert hook.call(USERS).elements
    assert len(exchanges(sandbox)) == 1
    hook.call(USERS)
    assert len(exchanges(sandbox)) == 1


def test_no_bearer_token_goes_to_the_token_service(refreshable: str, sandbox: SandboxServer) -> None:
    LinkedInConversionsHook(refreshable).call(USERS)
    exchange = next(r for r in sandbox.world.requests if r.path.endswith("/accessToken"))
    assert "authorization" not in exchange.headers
    assert "sandbox-secret" not in exchange.query


def test_all_threads_share_one_refresh(refreshable: str, sandbox: SandboxServer) -> None:
    hook = LinkedInConversionsHook(refreshable)
    assert hook.tokens.current() == "stale-token"
    barrier = threading.Barrier(8)

    def work(_: int) -> int:
        barrier.wait()
        return len(hook.call(USERS).elements)

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(work, range(8))) == [1] * 8
    assert len(exchanges(sandbox)) == 1


def test_a_missing_access_token_is_requested_before_the_first_call(
    sandbox: SandboxServer, app_connection: Callable[..., str]
) -> None:
    conn_id = app_connection()
    LinkedInConversionsHook(conn_id).call(USERS)
    assert [r.status for r in sandbox.world.requests] == [200, 200]


def test_a_dead_bare_token_says_what_to_put_into_the_connection(linkedin: str, sandbox: SandboxServer) -> None:
    sandbox.world.expire_token()
    with pytest.raises(exceptions.CredentialsError, match="no refresh token to request another one with") as failure:
        LinkedInConversionsHook(linkedin).call(USERS)
    assert "65602" in str(failure.value.__cause__)


def test_a_revoked_token_is_not_refreshed(refreshable: str, sandbox: SandboxServer) -> None:
    sandbox.world.add_token("stale-token", status="revoked")
    with pytest.raises(exceptions.CredentialsError, match=r"REVOKED_ACCESS_TOKEN.*consent again"):
        LinkedInConversionsHook(refreshable).call(USERS)
    assert exchanges(sandbox) == []


def test_a_dead_refresh_token_ends_it_at_once(refreshable: str, sandbox: SandboxServer) -> None:
    sandbox.world.add_token("sandbox-refresh", refresh=True, status="revoked")
    with pytest.raises(exceptions.CredentialsError, match="member has to consent again"):
        LinkedInConversionsHook(refreshable).call(USERS)
    assert len(exchanges(sandbox)) == 1


def test_a_failing_token_service_is_asked_again_as_part_of_the_call(
    refreshable: str, sandbox: SandboxServer, waits: list[float]
) -> None:
    sandbox.world.faults.add("status", status=500, path="/oauth", times=3)
    create = conversion_events.batch_create(b'{"elements":[]}', count=0, idempotent=False)
    with pytest.raises(exceptions.InvalidRequestError):
        LinkedInConversionsHook(refreshable).call(create)
    assert [r.status for r in sandbox.world.requests] == [401, 500, 500, 500, 200, 400]
    assert len(waits) == 3


def test_an_unreachable_token_service_ends_after_the_attempts_of_one_call(
    app_connection: Callable[..., str], waits: list[float]
) -> None:
    conn_id = app_connection(oauth_base_url="http://127.0.0.1:9/oauth/v2")
    with pytest.raises(exceptions.NotSentError, match=r"no access token: .*cannot connect to LinkedIn"):
        LinkedInConversionsHook(conn_id).call(USERS)
    assert len(waits) == retry.MAX_ATTEMPTS - 1


def test_a_wrong_client_secret_is_named(app_connection: Callable[..., str]) -> None:
    conn_id = app_connection(password="not-the-secret")
    with pytest.raises(exceptions.CredentialsError, match="client id and client secret"):
        LinkedInConversionsHook(conn_id).call(USERS)


def test_a_rotated_refresh_token_is_used_at_once(refreshable: str, sandbox: SandboxServer) -> None:
    sandbox.world.add_client("sandbox-client", "sandbox-secret", rotates=True)
    hook = LinkedInConversionsHook(refreshable)
    hook.tokens.discard("stale-token")
    hook.tokens.discard(hook.tokens.current())
    hook.tokens.current()
    first, second = exchanges(sandbox)
    assert first != second
    assert [r.status for r in sandbox.world.requests] == [200, 200]


def test_a_rotated_refresh_token_survives_the_task_in_a_variable(
    refreshable: str, sandbox: SandboxServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept: dict[str, str] = {}
    monkeypatch.setattr("airflow.providers.common.compat.sdk.Variable.set", kept.__setitem__)
    sandbox.world.add_client("sandbox-client", "sandbox-secret", rotates=True)
    LinkedInConversionsHook(refreshable).call(USERS)
    assert list(kept) == ["linkedin_capi__linkedin_capi_default__refresh_token"]

    monkeypatch.setenv(KEPT, *kept.values())
    LinkedInConversionsHook(refreshable).call(USERS)
    rotated = json.loads(next(iter(kept.values())))["refresh_token"]
    assert len(exchanges(sandbox)) == 2
    assert rotated != "sandbox-refresh"


def test_a_rotated_refresh_token_is_not_kept_if_the_connection_says_so(
    refreshable: str, sandbox: SandboxServer, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept: dict[str, str] = {}
    monkeypatch.setattr("airflow.providers.common.compat.sdk.Variable.set", kept.__setitem__)
    sandbox.world.add_client("sandbox-client", "sandbox-secret", rotates=True)
    conn_id = connect(
        "sealed",
        conn_type="linkedin_capi",
        host=sandbox.url,
        login="sandbox-client",
        password="sandbox-secret",
        extra={
            "refresh_token": "sandbox-refresh",
            "oauth_base_url": f"{sandbox.url}/oauth/v2",
            "keep_rotated": False,
        },
    )
    LinkedInConversionsHook(conn_id).call(USERS)
    assert kept == {}


def test_of_tasks_that_rotate_at_once_all_get_a_token(
    refreshable: str, sandbox: SandboxServer, variables: Variables, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("airflow_provider_linkedin_capi.hooks.tokens._CHECK_AFTER_SECONDS", (0.0, 0.2, 1.0, 5.0, 10.0))
    sandbox.world.add_client("sandbox-client", "sandbox-secret", rotates=True)
    hooks = [LinkedInConversionsHook(refreshable) for _ in range(4)]
    for hook in hooks:
        hook.tokens.discard("stale-token")  # each has read the same refresh token
    barrier = threading.Barrier(4)

    def task(hook: LinkedInConversionsHook) -> int:
        hook.tokens._kept._owner = threading.get_ident()
        barrier.wait()
        return len(hook.call(USERS).elements)

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(task, hooks)) == [1] * 4
    assert json.loads(variables["linkedin_capi__linkedin_capi_default__refresh_token"])["refresh_token"]


def test_sending_threads_use_no_variables(refreshable: str, sandbox: SandboxServer, variables: Variables) -> None:
    sandbox.world.add_client("sandbox-client", "sandbox-secret", rotates=True)
    other = LinkedInConversionsHook(refreshable)
    hook = LinkedInConversionsHook(refreshable)
    hook.housekeeping()
    other.call(USERS)  # has rotated the refresh token that hook knows
    with ThreadPoolExecutor(4) as pool:
        sending = [pool.submit(hook.call, USERS) for _ in range(4)]
        while not all(future.done() for future in sending):
            hook.housekeeping()
    hook.housekeeping()
    assert all(future.result().elements for future in sending)
    assert variables.threads == {threading.get_ident()}
    rotated = json.loads(variables["linkedin_capi__linkedin_capi_default__refresh_token"])["refresh_token"]
    assert rotated in sandbox.world.entities.refresh_tokens
    LinkedInConversionsHook(refreshable).call(USERS)


def test_a_delivery_that_meets_a_401_uses_variables_on_its_own_thread(
    refreshable: str, sandbox: SandboxServer, variables: Variables
) -> None:
    sandbox.world.add_client("sandbox-client", "sandbox-secret", rotates=True)
    rule = f"urn:lla:llaPartnerConversion:{sandbox.world.add_rule()}"
    hook = LinkedInConversionsHook(refreshable)
    now = int(time.time() * 1000)
    user = User((UserId("SHA256_EMAIL", "a" * 64),))
    events = [ConversionEvent(rule, now - number, user) for number in range(20)]
    sent = hook.send_conversion_events(events, batch_size=5, max_in_flight=4)
    assert sent.summary.accepted == 20
    assert variables.threads == {threading.get_ident()}
    assert list(variables) == ["linkedin_capi__linkedin_capi_default__refresh_token"]


def test_a_task_whose_own_thread_is_busy_tries_again_later(
    refreshable: str, sandbox: SandboxServer, variables: Variables, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("airflow_provider_linkedin_capi.hooks.tokens._OWNER_SECONDS", 0.1)
    sandbox.world.add_token("sandbox-refresh", refresh=True, status="revoked")
    hook = LinkedInConversionsHook(refreshable)
    hook.tokens.discard("stale-token")
    with ThreadPoolExecutor(1) as pool, pytest.raises(exceptions.NotSentError, match="cannot be read at the moment"):
        pool.submit(hook.send, USERS).result()


def test_a_newly_pasted_refresh_token_wins_over_a_kept_one(
    refreshable: str, sandbox: SandboxServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(KEPT, json.dumps({"origin": "of another token", "refresh_token": "rotated"}))
    LinkedInConversionsHook(refreshable).call(USERS)
    assert "refresh_token=sandbox-refresh" in exchanges(sandbox)[0]


def test_secrets_show_in_no_log_line(
    refreshable: str, sandbox: SandboxServer, logged: Callable[[], str], waits: list[float]
) -> None:
    sandbox.world.faults.add("status", status=503, times=1)
    LinkedInConversionsHook(refreshable).call(USERS)
    granted = sandbox.world.requests[-1].headers["authorization"].removeprefix("Bearer ")
    lines = logged()
    assert "Requested an access token" in lines
    assert "retrying in" in lines
    for secret in ("stale-token", "sandbox-refresh", "sandbox-secret", granted):
        assert secret not in lines
    for request in sandbox.world.requests:
        assert not any(secret in request.path + request.query for secret in ("token=", "sandbox-secret", granted))


def test_the_end_of_the_refresh_token_is_warned_of(
    refreshable: str, sandbox: SandboxServer, logged: Callable[[], str]
) -> None:
    sandbox.world.add_token("sandbox-refresh", refresh=True, lifetime_seconds=20.5 * 86_400)
    LinkedInConversionsHook(refreshable).call(USERS)
    assert "expires in 20 days" in logged()
