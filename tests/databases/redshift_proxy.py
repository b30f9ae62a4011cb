"""A PostgreSQL that behaves as Redshift where the two differ: a proxy that refuses what Redshift refuses."""

from __future__ import annotations

import re
import socket
import struct
import threading
from contextlib import closing, suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_SSL_REQUEST, _GSS_REQUEST = 80877103, 80877104
#: What PostgreSQL knows of what a client says of itself.
_KNOWN = {"user", "database", "application_name", "client_encoding", "options"}
_REFUSED = re.compile(
    rb"standard_conforming_strings|create\s+index|on\s+conflict|copy\s.*from\s+stdin|advisory|=\s*any\s*\(|"
    rb"idle_in_transaction|share\s+row|unnest|primary\s+key|\bindex\b|returning",
    re.IGNORECASE | re.DOTALL,
)
_SORT_KEY = re.compile(rb"\s*SORTKEY\s*\([^)]*\)", re.IGNORECASE)


def serve(port: int) -> Iterator[int]:
    """Run a proxy before the PostgreSQL on ``port``; yield its own port."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=_accept, args=(listener, port), daemon=True)
        thread.start()
        yield listener.getsockname()[1]
        with suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)
    thread.join()


def _accept(listener: socket.socket, port: int) -> None:
    while True:
        try:
            client, _ = listener.accept()
        except OSError:
            return
        threading.Thread(target=_converse, args=(client, port), daemon=True).start()


def _converse(client: socket.socket, port: int) -> None:
    with closing(client), suppress(OSError, EOFError), socket.create_connection(("127.0.0.1", port)) as server:
        server.sendall(_startup(client))
        threading.Thread(target=_answers, args=(server, client), daemon=True).start()
        while True:
            kind = _read(client, 1)
            body = _read(client, struct.unpack("!i", _read(client, 4))[0] - 4)
            if kind == b"Q":
                body = _as_redshift(body)
            elif kind == b"P":
                name, _, rest = body.partition(b"\0")
                sql, _, types = rest.partition(b"\0")
                body = b"\0".join([name, _as_redshift(sql), types])
            server.sendall(kind + struct.pack("!i", len(body) + 4) + body)


def _startup(client: socket.socket) -> bytes:
    while True:
        body = _read(client, struct.unpack("!i", _read(client, 4))[0] - 4)
        if struct.unpack("!i", body[:4])[0] not in (_SSL_REQUEST, _GSS_REQUEST):
            break
        client.sendall(b"N")
    words = body[4:].rstrip(b"\0").split(b"\0")
    pairs = zip(words[::2], words[1::2], strict=True)
    kept = [word for pair in pairs if pair[0].decode() in _KNOWN for word in pair]
    body = body[:4] + b"\0".join(kept) + b"\0\0"
    return struct.pack("!i", len(body) + 4) + body


def _as_redshift(sql: bytes) -> bytes:
    if _REFUSED.search(sql):
        return b'SELECT "Redshift does not know this"' + (b"\0" if sql.endswith(b"\0") else b"")
    return _SORT_KEY.sub(b"", sql)


def _answers(server: socket.socket, client: socket.socket) -> None:
    with suppress(OSError, EOFError):
        kind = b""
        # Until it is ready for a query.
        while kind != b"Z":
            kind = _read(server, 1)
            body = _read(server, struct.unpack("!i", _read(server, 4))[0] - 4)
            if kind == b"S" and body.startswith(b"server_version\0"):
                body = b"server_version\x008.0.2\0"
            client.sendall(kind + struct.pack("!i", len(body) + 4) + body)
        while data := server.recv(65536):
            client.sendall(data)
    with suppress(OSError):
        client.shutdown(socket.SHUT_RDWR)


def _read(source: socket.socket, size: int) -> bytes:
    data = b""
    while len(data) < size:
        if not (more := source.recv(size - len(data))):
            raise EOFError
        data += more
    return data
