"""Rest.li 2.0 on the wire: values, keys and the calls made of them."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar
from urllib.parse import quote, unquote

import msgspec

from airflow_provider_linkedin_capi.api.call import Call, Reply

T = TypeVar("T")

#: Set by the hooks, from the connection, unless a call names its own.
VERSION_HEADER = "LinkedIn-Version"

_UNRESERVED = "-_.~"
_REDUCED = re.compile("[(),:']")

#: HTTP verb of each Rest.li method.
_VERBS = {
    "GET": "GET",
    "BATCH_GET": "GET",
    "FINDER": "GET",
    "CREATE": "POST",
    "BATCH_CREATE": "POST",
    "UPDATE": "PUT",
    "BATCH_UPDATE": "PUT",
    "PARTIAL_UPDATE": "POST",
    "BATCH_PARTIAL_UPDATE": "POST",
    "DELETE": "DELETE",
    "BATCH_DELETE": "DELETE",
    "ACTION": "POST",
}
_NOT_REPEATABLE = frozenset({"CREATE", "BATCH_CREATE", "ACTION"})


@dataclass(frozen=True, slots=True)
class Resource:
    """A resource of LinkedIn's API, as its messages spell it, and what its requests need and carry.

    :param name: e.g. ``conversions``; also its path below ``/rest/``.
    :param scope: what a token needs for all that this package does with it.
    :param personal: whether LinkedIn's messages about it may quote data of persons; they are redacted then.
    :param only_version: the API version that its calls name; None for the connection's.
    """

    name: str
    scope: str = "r_ads"
    personal: bool = True
    only_version: str | None = None


def encode(value: Any) -> str:
    """Return a value in Rest.li 2.0 URL form: ``List(a,b)``, ``(key:value)``, percent-encoded text."""
    return _encode(value, lambda text: quote(text, safe=_UNRESERVED))


def encode_reduced(value: Any) -> str:
    """Return a value in the reduced form of JSON keys and headers: only ``( ) , : '`` are escaped."""
    return _encode(value, lambda text: _REDUCED.sub(lambda match: quote(match[0], safe=""), text))


def _encode(value: Any, escape: Callable[[str], str]) -> str:
    match value:
        case bool():
            return "true" if value else "false"
        case int() | float():
            return str(value)
        case str():
            return escape(value) if value else "''"
        case Mapping():
            members = (f"{_encode(k, escape)}:{_encode(v, escape)}" for k, v in value.items())
            return f"({','.join(members)})"
        case Iterable() if not isinstance(value, bytes):
            return f"List({','.join(_encode(item, escape) for item in value)})"
        case _:
            raise TypeError(f"{type(value).__name__} has no Rest.li form; leave the parameter out instead")


def query(parameters: Mapping[str, Any]) -> str:
    """Return a finished query string; parameters that are None are left out.

    ``fields`` is not a Rest.li list but a plain comma list.
    """
    return "&".join(
        f"{name}={','.join(value) if name == 'fields' else encode(value)}"
        for name, value in parameters.items()
        if value is not None
    )


def decode_key(key: str) -> dict[str, str] | str:
    """Return a key of an answer, in either encoding, as a mapping (compound keys) or text (simple ones)."""
    if not (key.startswith("(") and key.endswith(")")):
        return _decode_text(key)
    members = (member.partition(":") for member in key[1:-1].split(","))
    return {_decode_text(name): _decode_text(value) for name, _, value in members}


def _decode_text(text: str) -> str:
    return "" if text == "''" else unquote(text)


def call(
    resource: Resource,
    method: str,
    *,
    parse: Callable[[Reply], T],
    key: Any = None,
    parameters: Mapping[str, Any] | None = None,
    body: bytes | Mapping[str, Any] | None = None,
    path: str | None = None,
    idempotent: bool | None = None,
) -> Call[T]:
    """Return the call of one Rest.li method on one resource, tunnelled when its query is too long.

    :param resource: what it is about.
    :param method: the Rest.li method, e.g. ``BATCH_PARTIAL_UPDATE``.
    :param parse: turns a successful reply into the typed result; a ``ValueError`` (msgspec's are) says that the
        reply is not what the documentation promises.
    :param key: the entity's key, simple or a mapping.
    :param parameters: query parameters as values, encoded here.
    :param body: JSON as a mapping, or bytes that are already encoded.
    :param path: the resource's path where it differs from its name (sub-resources).
    :param idempotent: overrides what the method implies.
    """
    verb = _VERBS[method]
    headers = {"X-Restli-Protocol-Version": "2.0.0", "X-RestLi-Method": method}
    if resource.only_version is not None:
        headers[VERSION_HEADER] = resource.only_version
    if body is None and verb in ("POST", "PUT"):
        body = b""  # a POST without Content-Length is answered 411
    if isinstance(body, Mapping):
        body = json.dumps(body, separators=(",", ":")).encode()
    if body is not None:
        headers["Content-Type"] = "application/json"
    finder = (parameters or {}).get("q") or (parameters or {}).get("action")
    return Call(
        name=f"{resource.name}.{method}" + (f"-{finder}" if finder else ""),
        method=verb,
        path=f"/rest/{path or resource.name}" + ("" if key is None else f"/{encode(key)}"),
        query=query(parameters or {}),
        headers=headers,
        body=body,
        parse=parse,
        idempotent=method not in _NOT_REPEATABLE if idempotent is None else idempotent,
        scope=resource.scope,
        personal=resource.personal,
    ).tunnelled()


def entity(kind: type[T]) -> Callable[[Reply], T]:
    """Return a parser of bodies that are one entity."""
    return lambda reply: msgspec.json.decode(reply.body, type=kind)


def patch(changes: Mapping[str, Any]) -> dict[str, Any]:
    """Return the body of a partial update that sets some fields."""
    return {"patch": {"$set": dict(changes)}}


def nothing(reply: Reply) -> None:
    """Parse an answer whose status says everything."""


def created_id(reply: Reply) -> str:
    """Return the id of a created entity.

    LinkedIn names it in ``x-restli-id``, on older pages in ``x-linkedin-id``, and in ``Location``; the body
    comes last.
    """
    headers = reply.headers
    location = headers.get("location", "").rstrip("/").rpartition("/")[2]
    encoded = headers.get("x-restli-id") or headers.get("x-linkedin-id") or location
    if encoded:
        return unquote(encoded)
    body = reply.json()
    if isinstance(body, dict) and body.get("id"):
        return str(body["id"])
    raise ValueError("no id of the created entity in x-restli-id, x-linkedin-id, Location or the body")
