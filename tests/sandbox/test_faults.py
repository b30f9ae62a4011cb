from __future__ import annotations

import socket
import time
from typing import TYPE_CHECKING, Any

import msgspec
import pytest
import requests

from airflow_provider_linkedin_capi.sandbox.server import SandboxServer
from tests.support.raw_http import ENCODED_ACCOUNT, event, send_batch

if TYPE_CHECKING:
    from airflow_provider_linkedin_capi.sandbox.world import World
    from tests.support.raw_http import Rest

FIND = f"/conversions?q=account&account={ENCODED_ACCOUNT}"


def test_a_reset_before_processing_stores_nothing(rest: Rest, rule: int, world: World) -> None:
    fault = world.faults.add("reset", times=1)

    with pytest.raises(requests.ConnectionError, match="Connection reset by peer"):
        send_batch(rest, [event(rule)])

    assert (world.event_count(), fault.matched) == (0, 1)
    assert world.requests[-1].status is None
    assert send_batch(rest, [event(rule)]).status_code == 200


def test_a_reset_after_processing_has_stored_the_batch(rest: Rest, rule: int, world: World) -> None:
    world.faults.add("reset", processed=True, times=1)

    with pytest.raises(requests.ConnectionError, match="Connection reset by peer"):
        send_batch(rest, [event(rule)])

    assert world.event_count() == 1


def test_a_reset_is_a_real_one_on_the_socket(sandbox: SandboxServer) -> None:
    sandbox.world.faults.add("reset")
    with socket.create_connection((sandbox.host, sandbox.port)) as client:
        client.sendall(b"GET /rest/conversions HTTP/1.1\r\nHost: x\r\n\r\n")
        with pytest.raises(ConnectionResetError):
            client.recv(100)


def test_a_reset_can_come_before_the_body_is_there(sandbox: SandboxServer) -> None:
    sandbox.world.faults.add("reset_upload", path="/rest/conversionEvents")
    with socket.create_connection((sandbox.host, sandbox.port)) as client:
        client.sendall(b"POST /rest/conversionEvents HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n{")
        with pytest.raises(ConnectionResetError):
            client.recv(100)
    assert not sandbox.world.requests, "a request that never arrived whole is in no log"


def test_a_closed_connection_is_not_a_reset(rest: Rest, rule: int, world: World) -> None:
    world.faults.add("close", times=1)

    with pytest.raises(requests.ConnectionError, match="closed connection without response"):
        send_batch(rest, [event(rule)])
    assert world.event_count() == 0


def test_a_truncated_answer_ends_in_the_middle_of_its_body(rest: Rest, rule: int, world: World) -> None:
    world.faults.add("truncate", times=1)

    with pytest.raises(requests.exceptions.ChunkedEncodingError, match="IncompleteRead"):
        send_batch(rest, [event(rule)])
    assert world.event_count() == 1


def test_a_truncated_empty_answer_ends_in_its_head(sandbox: SandboxServer, rest: Rest, rule: int, world: World) -> None:
    world.faults.add("truncate", times=1)

    with pytest.raises(requests.ConnectionError):
        rest("POST", "/conversionEvents", json=event(rule)).raise_for_status()
    assert world.event_count() == 1


def test_an_error_page_is_html(rest: Rest, rule: int, world: World) -> None:
    world.faults.add("html", status=502, times=1)

    answer = send_batch(rest, [event(rule)])

    assert (answer.status_code, answer.headers["Content-Type"]) == (502, "text/html")
    assert "<html>" in answer.text
    assert world.event_count() == 0


def test_any_status_body_and_headers_can_be_ordered(rest: Rest, world: World) -> None:
    world.faults.add("status", status=409, body='{"code":"CONFLICT"}', headers={"Retry-After": "3"}, times=1)

    answer = rest("GET", FIND)

    assert (answer.status_code, answer.text, answer.headers["Retry-After"]) == (409, '{"code":"CONFLICT"}', "3")


def test_an_error_can_hide_a_success(rest: Rest, rule: int, world: World) -> None:
    world.faults.add("status", status=504, processed=True, times=1)

    assert send_batch(rest, [event(rule)]).status_code == 504
    assert world.event_count() == 1


def test_throttles_have_their_exact_body(rest: Rest, world: World) -> None:
    world.faults.add("throttle", window="DAY", headers={"Retry-After": "5"}, times=1)

    answer = rest("GET", FIND)

    assert (answer.status_code, answer.headers["Retry-After"]) == (429, "5")
    assert answer.json()["message"] == (
        "Resource level throttle APPLICATION_AND_MEMBER DAY limit for calls to this resource is reached."
    )


def test_a_delay_makes_the_true_answer_late(rest: Rest, world: World) -> None:
    world.faults.add("delay", seconds=0.2, times=1)

    began = time.perf_counter()
    answer = rest("GET", FIND)

    assert answer.status_code == 200
    assert time.perf_counter() - began >= 0.2


def test_a_delay_can_come_after_processing(rest: Rest, rule: int, world: World) -> None:
    world.faults.add("delay", seconds=5, processed=True)

    with pytest.raises(requests.ReadTimeout):
        rest("POST", "/conversionEvents", json=event(rule), timeout=0.2)
    assert world.event_count() == 1


def test_a_client_that_gives_up_first_leaves_nothing_behind(rest: Rest, rule: int, world: World) -> None:
    world.faults.add("reset", seconds=0.2, times=1)

    with pytest.raises(requests.ReadTimeout):
        rest("POST", "/conversionEvents", json=event(rule), timeout=0.1)
    time.sleep(0.2)
    assert rest("GET", FIND).status_code == 200
    assert world.event_count() == 0


def test_a_stop_in_the_middle_of_a_request_is_quick_and_quiet(capfd: pytest.CaptureFixture[str]) -> None:
    with SandboxServer() as server:
        server.world.faults.add("delay", seconds=3600)
        with pytest.raises(requests.ReadTimeout):
            requests.get(server.url + FIND, timeout=0.1)

    assert capfd.readouterr().err == ""


def test_latency_is_for_every_answer_but_lets_others_pass(rest: Rest, world: World) -> None:
    world.settings.latency_seconds = 0.1

    began = time.perf_counter()
    rest("GET", FIND)
    assert time.perf_counter() - began >= 0.1


def statuses(rest: Rest, count: int) -> list[int]:
    return [rest("GET", FIND).status_code for _ in range(count)]


def test_a_fault_can_wait_repeat_and_end(rest: Rest, world: World) -> None:
    fault = world.faults.add("status", after=1, every=2, times=2)

    assert statuses(rest, 7) == [200, 503, 200, 503, 200, 200, 200]
    assert fault.matched == 2


def test_a_fault_can_be_a_matter_of_chance_that_repeats_with_its_seed(rest: Rest, world: World) -> None:
    world.faults.add("status", probability=0.5, seed=7)
    first = statuses(rest, 20)
    world.faults.clear()
    world.faults.add("status", probability=0.5, seed=7)

    assert statuses(rest, 20) == first
    assert {200, 503} == set(first)


@pytest.mark.parametrize(
    "aim",
    [
        {"method": "POST"},
        {"path": "/rest/conversionEvents"},
        {"restli_method": "BATCH_CREATE"},
        {"restli_method": "conversionEvents.BATCH_CREATE"},
    ],
)
def test_a_fault_affects_only_what_it_is_aimed_at(rest: Rest, rule: int, world: World, aim: dict[str, Any]) -> None:
    world.faults.add("status", **aim)

    assert rest("GET", FIND).status_code == 200
    assert send_batch(rest, [event(rule)]).status_code == 503


def test_a_fault_with_a_wrong_name_is_refused(world: World) -> None:
    with pytest.raises(msgspec.ValidationError, match="explode"):
        world.faults.add("explode")  # type: ignore[arg-type]
    with pytest.raises(msgspec.ValidationError, match="often"):
        world.faults.add("reset", often=3)
