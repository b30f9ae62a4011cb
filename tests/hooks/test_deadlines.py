"""A whole answer has to arrive in time, however many bytes keep coming."""

from __future__ import annotations

import asyncio
import contextlib
import socketserver
import threading
import time
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_linkedin_capi import exceptions
from airflow_provider_linkedin_capi.api import account_users
from airflow_provider_linkedin_capi.hooks.linkedin_conversions import LinkedInConversionsHook
from airflow_provider_linkedin_capi.hooks.linkedin_conversions_async import LinkedInConversionsAsyncHook

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.support.connecting import Connect

USERS = account_users.of_authenticated_member()
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 100000\r\n\r\n"


class _Trickle(socketserver.BaseRequestHandler):
    def handle(self) -> None:
        self.request.recv(65_536)
        with contextlib.suppress(OSError):
            self.request.sendall(self.server.prompt)  # type: ignore[attr-defined]
            for _ in range(200):
                self.request.sendall(b"x")
                time.sleep(0.05)


@pytest.fixture(params=[b"", HEAD], ids=["head", "body"])
def trickling(request: pytest.FixtureRequest, connect: Connect) -> Iterator[str]:
    """A connection to a server that answers byte by byte, for ten seconds."""
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), _Trickle) as server:
        server.daemon_threads = True
        server.prompt = request.param  # type: ignore[attr-defined]
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        extra = {"access_token": "t", "timeout": 0.2, "trust_env": False}
        yield connect(
            "trickle", conn_type="linkedin_capi", host=f"http://127.0.0.1:{server.server_address[1]}", extra=extra
        )
        server.shutdown()


def synchronously(conn_id: str) -> Any:
    return LinkedInConversionsHook(conn_id).send(USERS)


def asynchronously(conn_id: str) -> Any:
    async def run() -> Any:
        async with LinkedInConversionsAsyncHook(conn_id) as hook:
            return await hook._attempt(USERS, "t")

    return asyncio.run(run())


@pytest.mark.parametrize("run", [synchronously, asynchronously])
def test_an_answer_that_trickles_ends_at_the_deadline(run: Callable[..., Any], trickling: str) -> None:
    started = time.monotonic()
    with pytest.raises(exceptions.OutcomeUnknownError, match="before the whole answer arrived"):
        run(trickling)
    assert time.monotonic() - started < 5
