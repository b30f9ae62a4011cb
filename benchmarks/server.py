"""A LinkedIn that takes everything at once: what is measured is the sender, not the server.

Runs in a process of its own. It looks for the end of the headers, reads the body into a buffer that it reuses, counts
elements by searching for one field's name, and answers as LinkedIn does. No HTTP library, so that it is never what one
waits for.
"""

from __future__ import annotations

import argparse
import json
import re
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

_LENGTH = re.compile(rb"content-length: *(\d+)", re.IGNORECASE)
_ELEMENT = b'"conversionHappenedAt"'


class InstantServer:
    """Counts events and answers 201 for each after ``latency`` seconds."""

    def __init__(self, latency: float) -> None:
        self._latency = latency
        self._lock = threading.Lock()
        self._events = 0
        self._arrivals: list[float] = []
        self._socket = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.port = self._socket.getsockname()[1]

    def serve(self) -> None:
        while True:
            connection, _ = self._socket.accept()
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            threading.Thread(target=self._answer_all, args=(connection,), daemon=True).start()

    def _answer_all(self, connection: socket.socket) -> None:
        buffer = bytearray(4 << 20)
        view = memoryview(buffer)
        with connection:
            while True:
                filled, end = 0, -1
                while end < 0:
                    received = connection.recv_into(view[filled:])
                    if not received:
                        return
                    filled += received
                    end = buffer.find(b"\r\n\r\n", 0, filled)
                length = _LENGTH.search(buffer, 0, end)
                total = end + 4 + (int(length[1]) if length else 0)
                while filled < total:
                    filled += connection.recv_into(view[filled:total])
                connection.sendall(self._answer(buffer, end, total))

    def _answer(self, buffer: bytearray, end: int, total: int) -> bytes:
        if buffer.startswith(b"GET"):
            return _response(json.dumps({"events": self._events, "arrivals": self._arrivals}).encode())
        events = buffer.count(_ELEMENT, end, total)
        with self._lock:
            self._events += events
            self._arrivals.append(round(time.monotonic(), 3))
        if self._latency:
            time.sleep(self._latency)
        return _response(b'{"elements":[%b]}' % b",".join([b'{"status":201}'] * events))


def _response(body: bytes) -> bytes:
    return b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body)


class RunningServer:
    """The server as the benchmarks see it."""

    def __init__(self, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}"

    def events(self) -> int:
        """How many events came."""
        return int(self._state()["events"])

    def arrivals(self) -> list[float]:
        """When each request was there, in seconds from the first."""
        arrivals = sorted(self._state()["arrivals"])
        return [arrival - arrivals[0] for arrival in arrivals]

    def _state(self) -> dict[str, Any]:
        with urllib.request.urlopen(self.url) as answer:
            state: dict[str, Any] = json.load(answer)
        return state


@contextmanager
def running(latency: float = 0.0) -> Iterator[RunningServer]:
    """Run the server in another process."""
    command = [sys.executable, str(Path(__file__).resolve()), "--latency", str(latency)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield RunningServer(int(process.stdout.readline()))
        finally:
            process.terminate()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--latency", type=float, default=0.0, help="seconds")
    server = InstantServer(parser.parse_args().latency)
    print(server.port, flush=True)
    server.serve()


if __name__ == "__main__":
    main()
