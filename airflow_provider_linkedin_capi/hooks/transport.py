"""Sessions of the hook: whole answers within a deadline, and what a broken connection says about the request."""

from __future__ import annotations

import io
import socket
import time
from http.client import HTTPResponse
from http.cookiejar import DefaultCookiePolicy
from ssl import SSLCertVerificationError
from typing import TYPE_CHECKING, Any

import requests
from requests.adapters import HTTPAdapter
from requests.auth import AuthBase
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool
from urllib3 import exceptions as urllib3_errors
from urllib3.connection import HTTPConnection, HTTPSConnection

from airflow_provider_linkedin_capi import __version__, exceptions, version_compat

if TYPE_CHECKING:
    from airflow_provider_linkedin_capi.api.call import Call
    from airflow_provider_linkedin_capi.hooks.connection_settings import ConnectionSettings

#: A whole answer may take this many times the connection's time-out, which holds for each read.
ANSWER_TIMEOUTS = 5

#: Keep-alive as the HTTP provider sets it, as far as the platform knows it.
_SOCKET_OPTIONS = [
    *HTTPConnection.default_socket_options,
    (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1),
    *(
        (socket.IPPROTO_TCP, getattr(socket, name), value)
        for name, value in (("TCP_KEEPIDLE", 120), ("TCP_KEEPINTVL", 30), ("TCP_KEEPCNT", 20))
        if hasattr(socket, name)
    ),
]

#: Failures of the way to LinkedIn, or to a proxy, before a request could leave.
_NEVER_SENT = (
    urllib3_errors.NewConnectionError,
    urllib3_errors.ConnectTimeoutError,
    urllib3_errors.NameResolutionError,
)


def new_session(settings: ConnectionSettings) -> requests.Session:
    """Return a session that is set up from the connection.

    It has no cookie jar: LinkedIn sets cookies on every answer, which must not be carried from one account to another.
    """
    session = requests.Session()
    for scheme in ("http://", "https://"):
        session.mount(scheme, _Adapter())
    session.proxies = dict(settings.proxies)
    session.verify = settings.verify
    session.cert = settings.cert
    session.trust_env = settings.trust_env
    session.headers["User-Agent"] = user_agent()
    session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
    return session


def route(session: requests.Session, url: str) -> dict[str, Any]:
    """Return ``proxies``, ``verify`` and ``cert`` for a URL: the connection's, the environment's where it has none."""
    # A copy: the environment's proxies are added to it, and those of a connection that has its own must not be.
    merged = session.merge_environment_settings(url, {}, None, session.verify, session.cert)
    if session.proxies:
        merged["proxies"] = dict(session.proxies)
    return {name: merged[name] for name in ("proxies", "verify", "cert")}


class Bearer(AuthBase):
    """Sets the bearer token, or keeps requests from taking credentials out of a ``.netrc``."""

    def __init__(self, token: str | None) -> None:
        self._token = token

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        """Add the header."""
        if self._token is not None:
            request.headers["Authorization"] = f"Bearer {self._token}"
        return request


def user_agent() -> str:
    """Say to LinkedIn's support who is calling."""
    return f"airflow-provider-linkedin-capi/{__version__} apache-airflow/{version_compat.airflow_version()}"


def transport_error(call: Call[Any], error: Exception) -> exceptions.LinkedInError:
    """Return the exception that a failed attempt means: not sent where that is certain, else an unknown outcome.

    A proxy's failure proves nothing by itself: urllib3 also blames the proxy when the connection breaks while the
    answer is awaited. The exception's own text may hold the URL and is left out.
    """
    cause = _innermost(error)
    kind = type(cause).__name__
    # TLS may also break after the request left; a certificate is checked before.
    untrusted = isinstance(cause, SSLCertVerificationError)
    no_tunnel = isinstance(cause, OSError) and str(cause).startswith("Tunnel connection failed")
    # A ValueError is the URL's or the proxy's: no request can be made with it.
    if untrusted or no_tunnel or isinstance(error, ValueError) or isinstance(cause, _NEVER_SENT):
        return not_sent(call, f"{kind}: {cause}" if no_tunnel else kind)
    return outcome_unknown(call, kind)


def not_sent(call: Call[Any], reason: str) -> exceptions.NotSentError:
    """Return the exception for a request that certainly has not left."""
    return exceptions.NotSentError(f"cannot connect to LinkedIn ({reason})", call=call.name)


def outcome_unknown(call: Call[Any], reason: str) -> exceptions.OutcomeUnknownError:
    """Return the exception for a connection that broke after the request may have left."""
    return exceptions.OutcomeUnknownError(
        f"the connection broke before the whole answer arrived ({reason})", call=call.name
    )


def _innermost(error: BaseException) -> BaseException:
    """What requests and urllib3 wrap: ``ConnectionError(MaxRetryError(reason=ProxyError(…, original)))``."""
    while True:
        if isinstance(error, urllib3_errors.MaxRetryError) and error.reason is not None:
            error = error.reason
        elif isinstance(error, urllib3_errors.ProxyError):
            error = error.original_error
        elif (
            isinstance(error, requests.RequestException | urllib3_errors.SSLError | urllib3_errors.ProtocolError)
            and error.args
            and isinstance(error.args[-1], BaseException)
        ):
            error = error.args[-1]
        else:
            return error


class _TimedReader(io.RawIOBase):
    """The bytes of one answer, until its deadline."""

    def __init__(self, raw: io.RawIOBase, sock: socket.socket) -> None:
        self._raw = raw
        self._sock = sock
        self._timeout = sock.gettimeout()
        self._ends = time.monotonic() + ANSWER_TIMEOUTS * (self._timeout or 0.0)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        if self._timeout is not None:
            left = self._ends - time.monotonic()
            if left <= 0:
                raise TimeoutError("the answer took too long as a whole")
            self._sock.settimeout(min(self._timeout, left))
        return self._raw.readinto(buffer)

    def close(self) -> None:
        self._raw.close()
        super().close()


class _TimedResponse(HTTPResponse):
    """An answer that must arrive as a whole in time; the time-out of a read starts again with each byte."""

    def __init__(self, sock: socket.socket, *args: Any, **kwargs: Any) -> None:
        super().__init__(sock, *args, **kwargs)
        self.fp = io.BufferedReader(_TimedReader(self.fp.detach(), sock))


class _Connection(HTTPConnection):
    response_class = _TimedResponse


class _TlsConnection(HTTPSConnection):
    response_class = _TimedResponse


class _Pool(HTTPConnectionPool):
    ConnectionCls = _Connection


class _TlsPool(HTTPSConnectionPool):
    ConnectionCls = _TlsConnection


class _Adapter(HTTPAdapter):
    """Timed answers and TCP keep-alive, directly and through proxies."""

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, socket_options=_SOCKET_OPTIONS, **kwargs)
        self.poolmanager.pool_classes_by_scheme = {"http": _Pool, "https": _TlsPool}

    def proxy_manager_for(self, proxy: str, **kwargs: Any) -> Any:
        manager = super().proxy_manager_for(proxy, socket_options=_SOCKET_OPTIONS, **kwargs)
        if not proxy.lower().startswith("socks"):
            manager.pool_classes_by_scheme = {"http": _Pool, "https": _TlsPool}
        return manager
