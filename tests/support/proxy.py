"""A proxy between the hooks and the local LinkedIn: HTTP and CONNECT, opening TLS as corporate proxies do."""

from __future__ import annotations

import datetime as dt
import ipaddress
import socket
import socketserver
import ssl
import struct
import threading
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import urlsplit

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

if TYPE_CHECKING:
    from pathlib import Path

BLOCKED = (
    b"HTTP/1.1 403 Forbidden\r\nContent-Type: text/html\r\nConnection: close\r\n\r\n"
    b"<html><head><title>Blocked by Acme</title></head></html>"
)


def gateway_json(status: int, body: str) -> bytes:
    """An API gateway's own answer, without any header of LinkedIn."""
    head = f"HTTP/1.1 {status} Gateway\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n"
    return f"{head}Server: gateway\r\nConnection: close\r\n\r\n{body}".encode()


#: What Spring, a policy and a router answer in JSON, and nginx with nothing.
GATEWAY_ANSWERS = {
    "spring": gateway_json(400, '{"timestamp":"2026-11-22T10:00:00Z","status":400,"error":"Bad Request"}'),
    "policy": gateway_json(403, '{"status":403,"message":"Blocked by policy"}'),
    "token": gateway_json(401, '{"error":"unauthorized"}'),
    "route": gateway_json(404, '{"error":"no route"}'),
    "empty": gateway_json(201, ""),
}


class Proxy(socketserver.ThreadingTCPServer):
    """Forwards every request to one origin, and does to the answers what a test orders.

    :param origin: ``http://host:port`` of the local LinkedIn.
    :param certificate: PEM file for CONNECT, see :func:`certificate`; None answers CONNECT with 503.
    :ivar answers: for the next answers, in turn: ``pass``, ``fin`` or ``rst`` (the connection ends instead of the
        answer), or the bytes to send in its place. All further answers pass.
    :ivar seen: request lines.
    """

    daemon_threads = True

    def __init__(self, origin: str, certificate: Path | None = None) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.origin = urlsplit(origin)
        self.tls = None
        if certificate is not None:
            self.tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self.tls.load_cert_chain(certificate)
        self.url = f"http://127.0.0.1:{self.server_address[1]}"
        self.answers: list[Literal["pass", "fin", "rst"] | bytes] = []
        self.seen: list[str] = []

    def __enter__(self) -> Proxy:
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.shutdown()
        self.server_close()


class _Handler(socketserver.BaseRequestHandler):
    server: Proxy

    def handle(self) -> None:
        client: socket.socket = self.request
        head, body = _read(client)
        if head.startswith(b"CONNECT"):
            self.server.seen.append(head.split(b"\r\n")[0].decode())
            if self.server.tls is None:
                client.sendall(b"HTTP/1.1 503 No tunnel today\r\nContent-Length: 0\r\n\r\n")
                return
            client.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
            try:
                client = self.server.tls.wrap_socket(client, server_side=True)
            except OSError:  # the client does not trust the certificate
                return
            head, body = _read(client)
        line, _, headers = head.partition(b"\r\n")
        method, target, version = line.split(b" ")
        self.server.seen.append(line.decode())
        path = target[target.index(b"/", 8) :] if target.startswith(b"http") else target
        origin = self.server.origin
        with socket.create_connection((origin.hostname, origin.port)) as upstream:
            kept = [
                header for header in headers.split(b"\r\n") if header and not header.lower().startswith(b"connection")
            ]
            upstream.sendall(b"\r\n".join([b" ".join([method, path, version]), *kept, b"Connection: close", b"", body]))
            answer = b"".join(iter(lambda: upstream.recv(65_536), b""))
        match self.server.answers.pop(0) if self.server.answers else "pass":
            case "pass":
                client.sendall(answer)
            case bytes(page):
                client.sendall(page)
            case "rst":
                client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        client.close()


def _read(sock: socket.socket) -> tuple[bytes, bytes]:
    """Return head and body of a request."""
    received = b""
    while b"\r\n\r\n" not in received:
        if not (more := sock.recv(65_536)):
            return b"", b""
        received += more
    head, _, body = received.partition(b"\r\n\r\n")
    lengths = [line.split(b":")[1] for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
    while len(body) < int(lengths[0] if lengths else 0):
        body += sock.recv(65_536)
    return head, body


def certificate(path: Path) -> Path:
    """Write a certificate of its own authority for 127.0.0.1, with its key; ``verify`` may name the same file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    now = dt.datetime.now(dt.UTC)
    made: Any = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    path.write_bytes(
        made.public_bytes(pem) + key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return path
