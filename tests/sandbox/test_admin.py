from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest
import requests

from airflow_provider_linkedin_capi.sandbox.world import World as FreshWorld
from tests.support.raw_http import CAMPAIGN, event, send_batch

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from airflow_provider_linkedin_capi.sandbox.server import SandboxServer
    from airflow_provider_linkedin_capi.sandbox.world import World
    from tests.support.raw_http import Rest

HEADERS = {
    "Authorization": "Bearer sandbox-token",
    "LinkedIn-Version": "202609",
    "X-Restli-Protocol-Version": "2.0.0",
}


def admin(sandbox: SandboxServer, method: str, path: str, **body: Any) -> Any:
    answer = requests.request(method, f"{sandbox.url}/admin/{path}", json=body or None)
    assert answer.status_code == 200, answer.text
    return answer.json()


# Levers


def test_the_state_is_summed_up(sandbox: SandboxServer, rest: Rest, rule: int) -> None:
    send_batch(rest, [event(rule, 1), event(rule, 1), event(rule, 2)])
    send_batch(rest, [event(rule, conversionHappenedAt=1)])

    state = admin(sandbox, "GET", "state")

    assert (state["events"], state["distinct_events"], state["duplicates"]) == (3, 2, 1)
    assert (state["rules"][0]["id"], state["rules"][0]["events"], state["rules"][0]["campaigns"]) == (rule, 3, 2)
    assert {"request": "conversionEvents.BATCH_CREATE", "status": 200, "count": 1} in state["requests"]
    assert state["refusals"][0]["status"] == 400


def test_refusals_are_shown_without_what_was_sent(sandbox: SandboxServer, rest: Rest, rule: int) -> None:
    rest(
        "POST", "/conversionEvents", json=event(rule, user={"userIds": [{"idType": "jane@example.com", "idValue": ""}]})
    )

    page = requests.get(sandbox.url).text

    assert "is not an enum symbol" in page
    assert "jane@example.com" not in page + str(admin(sandbox, "GET", "state"))


def test_the_world_is_set_up_over_http(sandbox: SandboxServer, world: World) -> None:
    account = admin(sandbox, "POST", "accounts", name="Second", currency="EUR")["result"]
    campaign = admin(sandbox, "POST", "campaigns", account=account)["result"]
    rule = admin(sandbox, "POST", "rules", account=account, campaigns=[campaign])["result"]
    admin(sandbox, "POST", "tokens", token="late", lifetime_seconds=-5)
    admin(sandbox, "POST", "roles", role="VIEWER", account=account)

    assert world.entities.accounts[account]["currency"] == "EUR"
    assert world.associations == {(campaign, rule)}
    assert world.entities.tokens["late"].expires_at < world.clock.now()  # type: ignore[operator]
    assert world.entities.roles["urn:li:person:sandbox"][account] == "VIEWER"


def test_settings_faults_and_clock_are_set_over_http(sandbox: SandboxServer, world: World) -> None:
    admin(sandbox, "PATCH", "settings", report_delay_seconds=60, versions=["202609"])
    admin(sandbox, "POST", "faults", kind="status", status=500, times=2)
    before = world.clock.now()
    admin(sandbox, "POST", "clock", advance_seconds=3600)

    assert (world.settings.report_delay_seconds, world.settings.versions) == (60, {"202609"})
    assert admin(sandbox, "GET", "faults")[0]["status"] == 500
    assert world.clock.now() - before >= 3600
    admin(sandbox, "DELETE", "faults")
    assert admin(sandbox, "GET", "faults") == []


def test_a_moved_clock_says_the_time_it_was_given(sandbox: SandboxServer) -> None:
    assert admin(sandbox, "POST", "clock", now="2026-09-30T12:00:00+00:00")["now"].startswith("2026-09-30T12:00:0")


def test_reset_starts_afresh(sandbox: SandboxServer, rest: Rest, rule: int, world: World) -> None:
    send_batch(rest, [event(rule)])

    admin(sandbox, "POST", "reset")

    assert (world.event_count(), world.rules, len(world.requests)) == (0, {}, 0)
    assert CAMPAIGN in world.entities.campaigns


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "faults", {"kind": "explode"}),
        ("PATCH", "settings", {"nope": 1}),
        ("POST", "tokens", {"member": "urn:li:person:1"}),
    ],
)
def test_an_invalid_admin_request_is_refused(
    sandbox: SandboxServer, world: World, method: str, path: str, body: dict[str, Any]
) -> None:
    answer = requests.request(method, f"{sandbox.url}/admin/{path}", json=body)

    assert (answer.status_code, answer.json()["status"]) == (400, 400)


# State that lasts


def test_a_state_file_survives_a_restart(tmp_path: Path, world: World) -> None:
    from airflow_provider_linkedin_capi.sandbox.server import SandboxServer

    path = tmp_path / "linkedin.sqlite"
    with SandboxServer(world=FreshWorld(path)) as first:
        rule = first.world.add_rule(campaigns=[CAMPAIGN])
        answer = requests.post(f"{first.url}/rest/conversionEvents", json=event(rule), headers=HEADERS)
        assert answer.status_code == 201
        tokens = requests.post(
            f"{first.url}/oauth/v2/accessToken",
            data={
                "grant_type": "refresh_token",
                "refresh_token": "sandbox-refresh",
                "client_id": "sandbox-client",
                "client_secret": "sandbox-secret",
            },
        ).json()
        totals = first.world.attributed_totals()
        first.world.clock.advance(3600)
        requests.get(f"{first.url}/admin/state")

    with SandboxServer(world=FreshWorld(path)) as second:
        assert second.world.event_count() == 1
        assert second.world.associations == {(CAMPAIGN, rule)}
        assert second.world.attributed_totals() == totals
        minted = {**HEADERS, "Authorization": f"Bearer {tokens['access_token']}"}
        assert requests.post(f"{second.url}/rest/conversionEvents", json=event(rule), headers=minted).status_code == 201
        assert second.world.duplicates() == 0
        assert second.world.new_id() > rule
        assert second.world.clock.offset_seconds == 3600


@contextmanager
def process(*arguments: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """The command, running, and where it is reached."""
    command = [sys.executable, "-m", "airflow_provider_linkedin_capi.sandbox", "--port", "0", *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as running:
        try:
            assert running.stdout is not None
            ready = running.stdout.readline()
            match = re.search(
                r"ready at (http://\S+) with ad account 5012345, access token sandbox-token,"
                r" client sandbox-client / sandbox-secret, refresh token sandbox-refresh$",
                ready,
            )
            assert match, ready
            yield running, match[1]
        finally:
            running.kill()


def test_the_command_serves_says_so_and_stops_on_sigterm(tmp_path: Path) -> None:
    with process("--state", str(tmp_path / "s.sqlite"), "--report-delay", "60") as (running, url):
        answer = requests.get(f"{url}/rest/adAccountUsers?q=authenticatedUser", headers=HEADERS)
        assert answer.json()["elements"][0]["account"] == "urn:li:sponsoredAccount:5012345"
        assert requests.get(f"{url}/admin/state").json()["settings"]["report_delay_seconds"] == 60
        running.send_signal(signal.SIGTERM)
        output, errors = running.communicate(timeout=10)

    assert running.returncode == 0
    assert (output, errors) == ("", "")


def test_the_command_says_why_it_cannot_start(sandbox: SandboxServer, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "airflow_provider_linkedin_capi.sandbox"]
    (tmp_path / "text").write_text("no database " * 100)

    for options, reason in (
        (["--port", str(sandbox.port)], f"cannot listen on 127.0.0.1, port {sandbox.port}"),
        (["--port", "0", "--state", str(tmp_path / "text")], "cannot keep the state in"),
    ):
        ended = subprocess.run([*command, *options], capture_output=True, text=True, check=False)
        assert ended.returncode == 2
        assert reason in ended.stderr
        assert "Traceback" not in ended.stderr


def test_the_command_keeps_what_a_killed_one_had_answered(tmp_path: Path) -> None:
    state = ("--state", str(tmp_path / "s.sqlite"))
    with process(*state) as (running, url):
        rule = requests.post(f"{url}/admin/rules", json={"campaigns": [CAMPAIGN]}).json()["result"]
        assert requests.post(f"{url}/rest/conversionEvents", json=event(rule), headers=HEADERS).status_code == 201
        os.kill(running.pid, signal.SIGKILL)
        running.wait()

    with process(*state) as (_, url):
        assert requests.get(f"{url}/admin/state").json()["events"] == 1
