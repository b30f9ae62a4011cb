"""Requests and answers as values, and which exception a refusing answer means."""

from __future__ import annotations

import datetime as dt
import json
import math
from dataclasses import dataclass, field, replace
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any, Generic, Literal, TypeVar

from airflow_provider_linkedin_capi import exceptions
from airflow_provider_linkedin_capi.api import limits, messages

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

T = TypeVar("T")

#: Headers in which LinkedIn names a request; its support asks for all three.
REQUEST_ID_HEADERS = ("x-li-uuid", "x-li-fabric", "x-li-request-id")
#: Headers that only LinkedIn's own answers have.
_OF_LINKEDIN = ("x-li-", "x-restli-", "x-linkedin-")
#: A smaller difference is the time that the answer took.
_CLOCKS_AGREE = dt.timedelta(seconds=10)
#: What parsers raise about a body that is not as documented.
_UNREADABLE = (ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError)


@dataclass(frozen=True, slots=True)
class Reply:
    """What came back for a :class:`Call`: status, headers with lower-case names, and the whole body."""

    status: int
    headers: Mapping[str, str]
    body: bytes = field(default=b"", repr=False)

    @property
    def ok(self) -> bool:
        """Whether LinkedIn took the request; single elements of a batch may still have failed."""
        return 200 <= self.status < 300

    def json(self) -> Any:
        """Return the parsed body, or None when it is empty, nested too deeply, or not JSON."""
        try:
            return json.loads(self.body)
        except (ValueError, RecursionError):
            return None

    @property
    def request_ids(self) -> dict[str, str]:
        """The ids that LinkedIn's support asks for, as far as they were sent."""
        return {name: self.headers[name] for name in REQUEST_ID_HEADERS if name in self.headers}

    @property
    def content(self) -> str:
        """Type and length of the body, for messages."""
        return f"{self.headers.get('content-type', 'no content type').split(';')[0]}, {len(self.body)} bytes"

    def is_linkedins(self, origin: Literal["api", "oauth"]) -> bool:
        """Whether LinkedIn wrote this answer, rather than a proxy, gateway or login page on the way.

        LinkedIn never redirects. Successes are JSON objects, which their parsers check, or empty. Gateways write JSON
        too, and empty answers: refusals and empty answers of the API need one of LinkedIn's headers, or its own
        ``serviceErrorCode``. The token service may send no such header; its refusals have an ``error``.

        :param origin: which service was called, see :class:`Call`.
        """
        if 300 <= self.status < 400:
            return False
        has_headers = any(name.startswith(_OF_LINKEDIN) for name in self.headers)
        if not self.body:
            return has_headers
        if self.ok and self.body.startswith(b'{"') and self.body.endswith(b"}"):
            return True  # parsed later: a report or a batch may be large
        body = self.json()
        if not isinstance(body, dict):
            return False
        return self.ok or has_headers or "serviceErrorCode" in body or (origin == "oauth" and "error" in body)


@dataclass(frozen=True, slots=True, kw_only=True)
class Call(Generic[T]):
    """One request to LinkedIn, complete but for the bearer token and the host.

    Its ``repr`` leaves the body out: it may hold hashed identifiers, names or the client secret.

    :param name: resource and Rest.li method as LinkedIn's messages spell them, e.g. ``conversions.CREATE``.
    :param method: the HTTP verb.
    :param path: the path below the host, each key already encoded.
    :param query: the finished query string; never to be encoded again.
    :param headers: everything but ``Authorization``.
    :param body: the finished body, or None.
    :param parse: turns a successful reply into the typed result.
    :param idempotent: whether sending it twice ends as sending it once does; decides what may be done after
        a lost answer.
    :param scope: what the token needs for it.
    :param personal: whether LinkedIn's messages about it may quote data of persons. They are redacted unless an
        endpoint says that they cannot.
    :param origin: ``api`` for the API's host, ``oauth`` for the token service (no bearer token goes there).
    """

    name: str
    method: str
    path: str
    query: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes | None = field(default=None, repr=False)
    parse: Callable[[Reply], T]
    idempotent: bool = True
    scope: str = ""
    personal: bool = True
    origin: Literal["api", "oauth"] = "api"

    @property
    def target(self) -> str:
        """Path and query as they go on the request line."""
        return f"{self.path}?{self.query}" if self.query else self.path

    def result(self, reply: Reply, *, now: dt.datetime | None = None) -> T:
        """Return what the reply says, typed.

        :param now: when the reply came, for waits that it asks for; the present when None.
        :raises LinkedInError: the reply is a refusal, not LinkedIn's, or a success that cannot be read.
        """
        if not reply.is_linkedins(self.origin):
            raise _foreign(self, reply, now)
        if not reply.ok:
            raise refusal(self, reply, now=now)
        try:
            return self.parse(reply)
        except _UNREADABLE as error:
            # Validation errors of msgspec say where, not what.
            problem = str(error) if isinstance(error, ValueError) else type(error).__name__
            raise exceptions.UnexpectedReplyError(
                f"the answer is not what LinkedIn documents ({reply.content}): {problem}",
                call=self.name,
                status=reply.status,
                request_ids=reply.request_ids,
            ) from error

    def tunnelled(self) -> Call[T]:
        """The same request with a query too long for a URL moved into the body; itself when it is short.

        Follows LinkedIn's query tunnelling: without a body the query becomes a form, with one the two travel
        as ``multipart/mixed``, and ``X-HTTP-Method-Override`` names the verb that is meant.
        """
        if len(self.query) <= limits.MAX_QUERY_CHARACTERS:
            return self
        headers = {**self.headers, "X-HTTP-Method-Override": self.method}
        query = self.query.encode()
        if self.body is None:
            headers["Content-Type"] = "application/x-www-form-urlencoded"
            body = query
        else:
            boundary = _boundary_outside(query + self.body)
            parts = (
                (b"application/x-www-form-urlencoded", query),
                (self.headers.get("Content-Type", "application/json").encode(), self.body),
            )
            body = b"".join(
                b"--%s\r\nContent-Type: %s\r\n\r\n%s\r\n" % (boundary, kind, content) for kind, content in parts
            )
            body += b"--%s--\r\n" % boundary
            headers["Content-Type"] = f"multipart/mixed; boundary={boundary.decode()}"
        return replace(self, method="POST", query="", headers=headers, body=body)


def _boundary_outside(content: bytes) -> bytes:
    """A multipart boundary that does not occur in the content; the same one for the same content."""
    number = 0
    while (boundary := b"linkedin-capi-%d" % number) in content:
        number += 1
    return boundary


def refusal(call: Call[Any], reply: Reply, *, now: dt.datetime | None = None) -> exceptions.LinkedInError:
    """Return the exception that a refusing answer of LinkedIn means."""
    body = reply.json()
    if not isinstance(body, dict):
        body = {"message": f"no message in the answer ({reply.content})"}
    return refusal_in(
        body,
        reply.status,
        call=call.name,
        origin=call.origin,
        scope=call.scope,
        personal=call.personal,
        request_ids=reply.request_ids,
        retry_after=_retry_after(reply, now),
        day_end=_day_end(reply, now),
    )


def refusal_in(
    body: Mapping[str, Any],
    status: int,
    *,
    call: str,
    origin: str = "api",
    scope: str = "",
    personal: bool = True,
    request_ids: Mapping[str, str] | None = None,
    retry_after: float | None = None,
    day_end: dt.datetime | None = None,
) -> exceptions.LinkedInError:
    """Return the exception that an error body means; batch answers carry one for each key or element."""
    message = body.get("message") or body.get("error_description") or body.get("error")
    message = str(message or "no message in the answer").strip()
    code = _as(str, body.get("code") or body.get("error"))
    service_code = _as(int, body.get("serviceErrorCode"))
    problems = _as(list, (_as(dict, body.get("errorDetails")) or {}).get("inputErrors")) or []
    details = [problem for problem in problems if isinstance(problem, dict)]
    elements = messages.element_messages(message)
    advice = _advice(status, code, message, origin, service_code, scope)
    kind = _error_class(status, code, origin)
    of_kind: dict[str, Any] = {}
    if issubclass(kind, exceptions.RateLimitError):
        of_kind["window"] = window = messages.limit_window(message, code)
        of_kind["resets_at"] = day_end if window == "day" else None
    if issubclass(kind, exceptions.InvalidRequestError):
        of_kind["rule_at_fault"] = messages.names_the_rule(message)
    if personal:
        message = messages.redacted(message)
        details = messages.redacted_details(details)
        elements = {position: messages.redacted(text) for position, text in elements.items()}
    if issubclass(kind, exceptions.InvalidRequestError):
        of_kind["elements"] = elements
    return kind(
        message,
        call=call,
        scope=scope,
        status=status,
        code=code,
        service_code=service_code,
        request_ids=request_ids,
        details=details,
        advice=advice,
        retry_after=retry_after,
        **of_kind,
    )


def _foreign(call: Call[Any], reply: Reply, now: dt.datetime | None) -> exceptions.LinkedInError:
    """Return the exception for an answer that LinkedIn's API does not give."""
    if title := messages.page_title(reply.body):
        what = f"a page titled {title!r} ({reply.content})"
    elif host := _host(reply.headers.get("location", "")):
        what = f"a redirect to {host}"
    elif isinstance(reply.json(), dict):
        what = f"JSON that lacks LinkedIn's headers ({reply.content})"
    elif not reply.body:
        what = "no content and none of LinkedIn's headers"
    else:
        what = f"no JSON object ({reply.content})"
    if reply.status in (413, 414):
        return exceptions.TooLargeError(
            f"a proxy lets no request of this size pass: HTTP {reply.status} with {what}", call=call.name, foreign=True
        )
    return exceptions.ForeignAnswerError(
        f"HTTP {reply.status} with {what} is not an answer of LinkedIn's API",
        call=call.name,
        request_ids=reply.request_ids,
        retry_after=_retry_after(reply, now),
    )


def _host(location: str) -> str:
    """The host of a redirect's target; its path and query may hold anything."""
    return location.partition("//")[2].partition("/")[0].partition("?")[0].rpartition("@")[2]


def _as(kind: type[T], value: Any) -> T | None:
    """The value if it is of the kind that LinkedIn documents."""
    return value if isinstance(value, kind) else None


def _error_class(status: int, code: str | None, origin: str) -> type[exceptions.LinkedInError]:
    if origin == "oauth" and status in (400, 401):
        return exceptions.CredentialsError
    if status == 426 or code in ("VERSION_MISSING", "NONEXISTENT_VERSION"):
        return exceptions.VersionError
    return {
        401: exceptions.CredentialsError,
        403: exceptions.AccessDeniedError,
        404: exceptions.NotFoundError,
        408: exceptions.ServerError,
        409: exceptions.ConflictError,
        413: exceptions.TooLargeError,
        414: exceptions.TooLargeError,
        429: exceptions.RateLimitError,
    }.get(status, exceptions.ServerError if status >= 500 else exceptions.InvalidRequestError)


def _advice(
    status: int, code: str | None, message: str, origin: str, service_code: int | None, scope: str
) -> str | None:
    """More precise advice than the class's, where LinkedIn's answer allows it."""
    if origin == "oauth":
        if code == "invalid_client":
            return "Check the connection's client id and client secret."
        if code == "unauthorized_scope_error":
            return "The app lacks the product that owns the scope; ask LinkedIn for it, then consent again."
        if "required parameter" in message:
            return "Fill in the connection's client id, client secret and refresh token."
        if status in (400, 401):
            return "The member has to consent again; put the new refresh token into the connection."
    if service_code == 65608:
        return "The LinkedIn member behind the token is restricted; use the token of another member."
    if service_code == 65601:
        return "The member revoked the token: consent again and put the new tokens into the connection."
    if status == 403 and "No ad accounts found" in message:
        return (
            "The conversion rule's id is unknown, or it belongs to an ad account in which the token's member "
            "has no role that may write."
        )
    if status == 403 and code == "ACCESS_DENIED" and "Not enough permissions" in message:
        return f"The token lacks the scope {scope}, or the app the product that grants it; add it and consent again."
    return None


def _retry_after(reply: Reply, now: dt.datetime | None) -> float | None:
    """Seconds of a Retry-After header, a number or a date, at most a day; None when it is neither."""
    value = reply.headers.get("retry-after")
    if value is None:
        return None
    try:
        seconds = float(value)
    except ValueError:
        if (until := _http_date(value)) is None:
            return None
        seconds = (until - (now or dt.datetime.now(dt.UTC))).total_seconds()
    return min(max(0.0, seconds), limits.LONGEST_RETRY_AFTER_SECONDS) if math.isfinite(seconds) else None


def _http_date(value: str) -> dt.datetime | None:
    try:
        moment = parsedate_to_datetime(value)
        return moment.astimezone(dt.UTC) if moment.tzinfo else moment.replace(tzinfo=dt.UTC)
    except (ValueError, TypeError, OverflowError):
        return None


def _day_end(reply: Reply, now: dt.datetime | None) -> dt.datetime:
    """When LinkedIn's day ends, by our clock: where the two differ, LinkedIn's counts."""
    now = (now or dt.datetime.now(dt.UTC)).astimezone(dt.UTC)
    answered = _http_date(reply.headers.get("date", "")) or now
    passed = dt.timedelta(hours=answered.hour, minutes=answered.minute, seconds=answered.second)
    start = answered if abs(answered - now) < _CLOCKS_AGREE else now
    return start.replace(microsecond=0) + dt.timedelta(days=1) - passed
