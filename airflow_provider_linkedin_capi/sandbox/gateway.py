"""From an HTTP request to the handler of its Rest.li method, with LinkedIn's checks in LinkedIn's order."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NoReturn

from airflow_provider_linkedin_capi.sandbox import answers, restli, tunnelling
from airflow_provider_linkedin_capi.sandbox.rest import RestRequest

if TYPE_CHECKING:
    from collections.abc import Mapping

    from airflow_provider_linkedin_capi.sandbox.answers import Answer
    from airflow_provider_linkedin_capi.sandbox.entities import Token
    from airflow_provider_linkedin_capi.sandbox.rest import Method, Raw, Resources
    from airflow_provider_linkedin_capi.sandbox.world import World

MAX_URL = 8 * 1024
MAX_QUERY = 4 * 1024
MAX_SEGMENT = 4 * 1024
MAX_URL_AND_HEADERS = 28 * 1024

_VERSION = re.compile(r"(\d{6})(\.\d{2})?")
#: Rest.li methods that LinkedIn only recognises by the X-RestLi-Method header.
_NAMED_BY_HEADER = frozenset({"BATCH_CREATE", "PARTIAL_UPDATE", "BATCH_PARTIAL_UPDATE"})


def method_name(raw: Raw, resources: Resources) -> str | None:
    """What a request asks for, ``resource.METHOD``, for logs and faults; None when it is not understood."""
    try:
        raw = tunnelling.unfold(raw)
        resource, key, _ = _resource(raw.path, resources)
        return f"{resource}.{_method(raw, restli.split_query(raw.query), key)}"
    except (answers.Refused, restli.RestliSyntaxError):
        return None


def answer(world: World, raw: Raw, resources: Resources) -> Answer:
    """Answer a request below ``/rest``; raises :class:`~.answers.Refused` for the first check it fails."""
    _check_sizes(raw, world.settings.max_body_bytes)
    raw = tunnelling.unfold(raw)
    resource, key, parent = _resource(raw.path, resources)
    lenient = _lenient_parameters(raw.query)
    method = _method(raw, lenient, key)
    known = resources[resource].get(method)
    if known is None:
        _unknown_method(method)
    version = _version(world, raw)
    if known.until is not None and version > known.until:
        raise _no_resource()
    token_text, token = _token(world, raw)
    if known.scopes.isdisjoint(token.scopes):
        raise answers.permission(
            403,
            100,
            "ACCESS_DENIED",
            f"Not enough permissions to access: {resource.rpartition('/')[2]}.{method}.{version}01",
        )
    parameters = _parameters(raw, known)
    world.throttle.count(token_text, resource)
    _check_body(raw)
    request = RestRequest(world, resource, method, key, parent, parameters, version, token, raw.body)
    return known.handler(request)


def _check_sizes(raw: Raw, max_body_bytes: int) -> None:
    url = len(raw.path) + 1 + len(raw.query)
    headers = sum(len(name) + len(value) + 4 for name, value in raw.headers.items())
    if (
        url > MAX_URL
        or len(raw.query) > MAX_QUERY
        or any(len(segment) > MAX_SEGMENT for segment in raw.path.split("/"))
        or url + headers > MAX_URL_AND_HEADERS
    ):
        raise answers.Refused(414, {"status": 414, "message": "Request URI Too Long"})
    if len(raw.body) > max_body_bytes:
        raise answers.Refused(413, {"status": 413, "message": "Request Entity Too Large"})
    if raw.method == "POST" and not raw.body and "content-length" not in raw.headers:
        raise answers.Refused(411, {"status": 411, "message": "Length Required"})


def _resource(path: str, resources: Resources) -> tuple[str, str | None, str | None]:
    """Return the resource, the key and the parent's key that a path names."""
    segments = path.removeprefix("/rest/").removesuffix("/").split("/")
    parent = segments[1] if len(segments) > 2 else None
    resource = segments[0] if parent is None else f"{segments[0]}/{segments[2]}"
    rest = segments[1:] if parent is None else segments[3:]
    if resource not in resources or len(rest) > 1:
        raise _no_resource()
    return resource, rest[0] if rest else None, parent


def _method(raw: Raw, parameters: Mapping[str, str], key: str | None) -> str:
    """Return the Rest.li method that verb, URL and header agree on."""
    header = raw.headers.get("x-restli-method", "").upper()
    batch = "ids" in parameters
    if raw.method == "GET":
        method = "GET" if key is not None else "BATCH_GET" if batch else "FINDER" if "q" in parameters else "GET_ALL"
    elif raw.method == "PUT":
        method = "BATCH_UPDATE" if batch else "UPDATE"
    elif raw.method == "DELETE":
        method = "BATCH_DELETE" if batch else "DELETE"
    elif raw.method != "POST":
        raise answers.gateway(405, "METHOD_NOT_ALLOWED", "Method Not Allowed")
    elif "action" in parameters:
        method = "ACTION"
    elif key is not None:
        method = "PARTIAL_UPDATE"
    elif batch:
        method = "BATCH_PARTIAL_UPDATE"
    else:
        method = "BATCH_CREATE" if header == "BATCH_CREATE" else "CREATE"
    if header not in ({method} if method in _NAMED_BY_HEADER else {method, ""}):
        raise answers.short(400, f"X-RestLi-Method '{header or 'absent'}' does not fit this request")
    if method in ("FINDER", "ACTION"):
        method = f"{method}-{parameters['q' if method == 'FINDER' else 'action']}"
    return method


def _unknown_method(method: str) -> NoReturn:
    if method.startswith(("FINDER-", "ACTION-")):
        raise _no_resource()
    raise answers.gateway(405, "METHOD_NOT_ALLOWED", f"{method} is not supported on this resource")


def _no_resource() -> answers.Refused:
    return answers.gateway(404, "RESOURCE_NOT_FOUND", "No virtual resource found")


def _version(world: World, raw: Raw) -> int:
    header = raw.headers.get("linkedin-version", "")
    if not header:
        raise answers.gateway(
            400,
            "VERSION_MISSING",
            "A version must be present. Please specify a version by adding the LinkedIn-Version header.",
        )
    match = _VERSION.fullmatch(header)
    if match is None or match[1] not in world.settings.versions:
        number = header.replace(".", "") if match and match[2] else f"{header}01"
        raise answers.Refused(
            426,
            {"status": 426, "code": "NONEXISTENT_VERSION", "message": f"Requested version {number} is not active"},
        )
    return int(match[1])


def _token(world: World, raw: Raw) -> tuple[str, Token]:
    scheme, _, text = raw.headers.get("authorization", "").partition(" ")
    text = text.strip()
    if scheme.lower() != "bearer" or not text:
        raise answers.unauthorised(65604, "EMPTY_ACCESS_TOKEN", "Empty oauth2 access token")
    token = world.entities.tokens.get(text)
    if token is None:
        raise answers.unauthorised(65600, "INVALID_ACCESS_TOKEN", "Invalid access token")
    if token.status == "revoked":
        raise answers.unauthorised(
            65601, "REVOKED_ACCESS_TOKEN", "The token used in the request has been revoked by the user"
        )
    if token.expires_at is not None and token.expires_at <= world.clock.now():
        raise answers.unauthorised(65602, "EXPIRED_ACCESS_TOKEN", "The token used in the request has expired")
    if token.status == "restricted":
        raise answers.unauthorised(65608, "RESTRICTED_MEMBER", "Member is restricted")
    return text, token


def _lenient_parameters(query: str) -> dict[str, str]:
    """The parameters of a query whose syntax nobody has checked yet."""
    return dict(pair.partition("=")[::2] for pair in query.split("&") if pair)


def _parameters(raw: Raw, known: Method) -> dict[str, str]:
    try:
        parameters = restli.split_query(raw.query)
    except restli.RestliSyntaxError:
        raise answers.parameter("query") from None
    allowed = known.parameters | {"q", "action", "ids", "fields"}
    for name in parameters:
        if name not in allowed:
            raise answers.parameter(name, "QUERY_PARAM_NOT_ALLOWED", "Query parameter not allowed")
    protocol = raw.headers.get("x-restli-protocol-version")
    structured = next((name for name, value in parameters.items() if "(" in value), None)
    # Without the header LinkedIn reads URLs by protocol 1, which has no such values.
    if protocol not in (None, "1.0.0", "2.0.0") or (protocol != "2.0.0" and structured is not None):
        raise answers.parameter(structured or "X-RestLi-Protocol-Version")
    return parameters


def _check_body(raw: Raw) -> None:
    kind = raw.headers.get("content-type", "").partition(";")[0].strip().lower()
    if raw.body and kind != "application/json":
        raise answers.Refused(415, {"status": 415, "message": "Unsupported Media Type"})
