"""Which exception a refusing answer of LinkedIn means, and what its reader can do."""

from __future__ import annotations

import datetime as dt
import math
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any, TypeVar

from airflow_provider_linkedin_capi import exceptions

if TYPE_CHECKING:
    from collections.abc import Mapping

    from airflow_provider_linkedin_capi.api.call import Call, Reply

T = TypeVar("T")

#: Resources whose requests are about persons: e-mail hashes, names, addresses.
_OF_PERSONS = frozenset({"conversionEvents", "dmpSegments"})


def from_reply(call: Call[Any], reply: Reply, *, now: dt.datetime | None = None) -> exceptions.LinkedInError:
    """Return the exception that a refusing reply means."""
    body = reply.json()
    if not isinstance(body, dict):
        kind = reply.headers.get("content-type", "no content type").split(";")[0]
        body = {"message": f"no message in the answer ({kind}, {len(reply.body)} bytes)"}
    return from_body(
        body,
        reply.status,
        call=call.name,
        origin=call.origin,
        request_ids=reply.request_ids,
        retry_after=_retry_after(reply.headers.get("retry-after"), now),
    )


def from_body(
    body: Mapping[str, Any],
    status: int,
    *,
    call: str,
    origin: str = "api",
    request_ids: dict[str, str] | None = None,
    retry_after: float | None = None,
) -> exceptions.LinkedInError:
    """Return the exception that an error body means; batch answers carry one per key or element."""
    message = body.get("message") or body.get("error_description") or body.get("error")
    message = str(message or "no message in the answer").strip()
    code = _as(str, body.get("code") or body.get("error"))
    service_code = _as(int, body.get("serviceErrorCode"))
    details = _as(dict, body.get("errorDetails")) or {}
    problems = _as(list, details.get("inputErrors")) or []
    error = _error_class(status, code, origin)(
        message,
        call=call,
        status=status,
        code=code,
        service_code=service_code,
        request_ids=request_ids,
        details=[problem for problem in problems if isinstance(problem, dict)],
        advice=_advice(status, code, message, origin, service_code),
        retry_after=retry_after,
    )
    if call.partition(".")[0] in _OF_PERSONS:
        error.forget_values()
    return error


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


def _advice(status: int, code: str | None, message: str, origin: str, service_code: int | None) -> str | None:
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
            "has no writing role."
        )
    if status == 403 and code == "ACCESS_DENIED" and "Not enough permissions" in message:
        return "The token lacks the scope, or the app the product, for this call; add it and consent again."
    return None


def _retry_after(value: str | None, now: dt.datetime | None) -> float | None:
    """Seconds of a Retry-After header, a number or a date; None when it says neither."""
    if value is None:
        return None
    try:
        seconds = float(value)
    except ValueError:
        try:
            until = parsedate_to_datetime(value)
        except ValueError:
            return None
        if until.tzinfo is None:
            until = until.replace(tzinfo=dt.UTC)
        seconds = (until - (now or dt.datetime.now(dt.UTC))).total_seconds()
    return max(0.0, seconds) if math.isfinite(seconds) else None
