"""The HTTP server: requests in, answers and ordered faults out, in the background of a process or on its own."""

from __future__ import annotations

import asyncio
import base64
import secrets
import signal
import socket
import struct
import threading
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import uvicorn

from airflow_provider_linkedin_capi.sandbox import admin, answers, gateway, oauth, rest, throttle
from airflow_provider_linkedin_capi.sandbox.request_log import Request
from airflow_provider_linkedin_capi.sandbox.resources import RESOURCES
from airflow_provider_linkedin_capi.sandbox.world import World

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, MutableMapping
    from types import TracebackType

    from airflow_provider_linkedin_capi.sandbox.answers import Answer
    from airflow_provider_linkedin_capi.sandbox.faults import Fault

    Scope = MutableMapping[str, Any]
    Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
    Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

_ERROR_PAGE = b"<html><head><title>Bad Gateway</title></head><body><h1>Bad Gateway</h1></body></html>"
#: Ends a connection with a reset instead of a FIN.
_LINGER_ZERO = struct.pack("ii", 1, 0)


class SandboxServer:
    """A local LinkedIn in the background of this process.

    .. code-block:: python

        with SandboxServer() as sandbox:
            rule = sandbox.world.add_rule(type="PURCHASE", campaigns=[345396001])
            requests.post(f"{sandbox.url}/rest/conversionEvents", ...)
            assert sandbox.world.event_count() == 1

    :param port: 0 for any free one.
    :param host: address to listen on.
    :param world: the state; a fresh one in memory by default.
    """

    def __init__(self, port: int = 0, *, host: str = "127.0.0.1", world: World | None = None) -> None:
        self.world = world or World()
        self._socket = socket.create_server((host, port), backlog=128)
        # Connections inherit it; without, head and body of an answer come 40 ms apart.
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.host, self.port = self._socket.getsockname()[:2]
        self._uvicorn = uvicorn.Server(
            uvicorn.Config(
                self._application,
                interface="asgi3",
                proxy_headers=False,
                loop="asyncio",
                http="h11",
                lifespan="off",
                ws="none",
                log_level="warning",
                access_log=False,
                server_header=False,
                timeout_graceful_shutdown=1,
            )
        )
        self._thread: threading.Thread | None = None
        self._serving = threading.Event()

    @property
    def url(self) -> str:
        """Where it is reached; the API below ``/rest``, OAuth below ``/oauth/v2``."""
        return f"http://{self.host}:{self.port}"

    def __enter__(self) -> SandboxServer:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Serve in a thread; connections are taken from now on."""
        self._thread = threading.Thread(target=asyncio.run, args=(self._serve(),), name="linkedin-sandbox", daemon=True)
        self._thread.start()
        self._serving.wait()

    def stop(self) -> None:
        """Stop at once, whatever is still on the way, and close the state."""
        if self._thread is not None:
            self._loop.call_soon_threadsafe(self._stopping.set)
            self._thread.join()
        self._socket.close()
        self.world.close()

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._stopping = asyncio.Event()
        serving = asyncio.create_task(self._uvicorn.serve([self._socket]))
        while not self._uvicorn.started:
            await asyncio.sleep(0)
        self._serving.set()
        # uvicorn takes a tenth of a second to stop; many short tests cannot wait for that.
        await self._stopping.wait()
        serving.cancel()
        await asyncio.gather(serving, return_exceptions=True)
        for listener in self._uvicorn.servers:
            listener.close()
        for connection in list(self._uvicorn.server_state.connections):
            connection.transport.abort()

    def serve(self) -> None:
        """Serve in this thread until SIGTERM or SIGINT."""
        for number in (signal.SIGTERM, signal.SIGINT):
            # uvicorn stops on a signal, then raises it once more for the handlers before its own.
            signal.signal(number, lambda *_: None)
        try:
            self._uvicorn.run(sockets=[self._socket])
        finally:
            self._socket.close()
            self.world.close()

    async def _application(self, scope: Scope, receive: Receive, send: Send) -> None:
        # A request that waits when the server stops gets no answer.
        with suppress(asyncio.CancelledError):
            await self._respond(scope, receive, send)

    async def _respond(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        raw = rest.Raw(
            scope["method"], scope["raw_path"].decode("latin-1"), scope["query_string"].decode("latin-1"), headers, b""
        )
        if (fault := self._fault(raw, uploading=True)) is not None:
            await self._end(scope, receive, b"", reset=True)
            return
        raw = rest.Raw(raw.method, raw.path, raw.query, headers, await _body(receive))
        fault = self._fault(raw, uploading=False)
        seconds = self.world.settings.latency_seconds + (fault.seconds if fault else 0.0)
        if fault is not None and fault.processed:
            answer: Answer | None = self._answer(raw)
            await asyncio.sleep(seconds)
        else:
            await asyncio.sleep(seconds)
            answer = self._answer(raw) if fault is None or fault.kind in _TRUE_ANSWER else None
        if fault is not None:
            answer = _faulty_answer(fault, answer)
        self._log(raw, answer if fault is None or fault.kind != "truncate" else None)
        if fault is not None and fault.kind == "truncate" and answer is not None:
            await self._end(scope, receive, _first_half(answer), reset=False)
        elif answer is not None:
            await _send(send, answer)
        else:
            await self._end(scope, receive, b"", reset=fault is not None and fault.kind == "reset")

    def _fault(self, raw: rest.Raw, *, uploading: bool) -> Fault | None:
        if raw.path.startswith("/admin"):
            return None
        return self.world.faults.match(raw.method, raw.path, gateway.method_name(raw, RESOURCES), uploading=uploading)

    def _answer(self, raw: rest.Raw) -> Answer:
        try:
            with self.world.transaction():
                if raw.path.startswith("/rest/"):
                    return gateway.answer(self.world, raw, RESOURCES)
                if raw.path.startswith("/oauth/v2/"):
                    return oauth.answer(self.world, raw)
                return admin.answer(self.world, raw)
        except answers.Refused as refused:
            return refused.answer

    def _log(self, raw: rest.Raw, answer: Answer | None) -> None:
        if raw.path.startswith(("/rest/", "/oauth/v2/")):
            self.world.request_log.add(
                Request(
                    raw.method,
                    raw.path,
                    raw.query,
                    dict(raw.headers),
                    raw.body,
                    gateway.method_name(raw, RESOURCES) if raw.path.startswith("/rest/") else None,
                    self.world.clock.now(),
                    answer.status if answer else None,
                ),
                answer,
            )

    async def _end(self, scope: Scope, receive: Receive, last_bytes: bytes, *, reset: bool) -> None:
        """End the connection under the request, past the HTTP server."""
        connections: Any = self._uvicorn.server_state.connections
        transport = next((c.transport for c in connections if c.client == tuple(scope["client"])), None)
        if transport is None:  # the client went first
            return
        if reset:
            transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_ZERO)
            transport.abort()
        else:
            transport.write(last_bytes)
            transport.close()
        while (await receive())["type"] != "http.disconnect":
            pass


_TRUE_ANSWER = frozenset({"truncate", "delay"})


def _faulty_answer(fault: Fault, answer: Answer | None) -> Answer | None:
    """What a fault makes of an answer; None for nothing at all."""
    match fault.kind:
        case "status":
            return answers.Answer(fault.status, fault.body.encode(), dict(fault.headers))
        case "html":
            return answers.Answer(fault.status, _ERROR_PAGE, {"Content-Type": "text/html"})
        case "throttle":
            refusal = throttle.refusal(fault.window).answer
            return answers.Answer(refusal.status, refusal.body, {**refusal.headers, **fault.headers})
        case "truncate" | "delay":
            return answer
        case _:
            return None


def _headers(answer: Answer) -> list[tuple[bytes, bytes]]:
    """The headers of an answer, with those that every answer of LinkedIn has."""
    headers = {
        "X-RestLi-Protocol-Version": "2.0.0",
        "x-li-uuid": base64.b64encode(secrets.token_bytes(16)).decode(),
        "x-li-fabric": "prod-sandbox",
        "x-li-request-id": secrets.token_hex(8),
        "Set-Cookie": f'lidc="b=SB01:s=S:r=S:g={secrets.randbelow(10_000)}"; Path=/; SameSite=None',
        **answer.headers,
    }
    if answer.status != 204:
        headers["Content-Length"] = str(len(answer.body))
    return [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()]


def _first_half(answer: Answer) -> bytes:
    """The wire form of an answer, cut off in the middle of its body, or of its status line without a body."""
    if not answer.body:
        return b"HTTP/1.1"
    head = b"".join(b"%s: %s\r\n" % header for header in _headers(answer))
    return b"HTTP/1.1 %d Sandbox\r\n%s\r\n%s" % (answer.status, head, answer.body[: len(answer.body) // 2])


async def _body(receive: Receive) -> bytes:
    chunks: list[bytes] = []
    while True:
        message = await receive()
        chunks.append(message.get("body", b""))
        if not message.get("more_body", False):
            return b"".join(chunks)


async def _send(send: Send, answer: Answer) -> None:
    await send({"type": "http.response.start", "status": answer.status, "headers": _headers(answer)})
    await send({"type": "http.response.body", "body": answer.body})
