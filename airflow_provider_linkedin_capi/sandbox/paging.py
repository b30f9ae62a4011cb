"""The two ways in which LinkedIn pages: by index and by cursor."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from airflow_provider_linkedin_capi.sandbox import answers

if TYPE_CHECKING:
    from collections.abc import Sequence

    from airflow_provider_linkedin_capi.sandbox.rest import RestRequest

MAX_PAGE = 1_000
DEFAULT_CURSOR_PAGE = 100


@dataclass(frozen=True, slots=True)
class IndexPage:
    """A page and the ``paging`` record beside it."""

    elements: Sequence[Any]
    paging: dict[str, Any]


def by_index(
    request: RestRequest,
    found: Sequence[Any],
    *,
    total: int | None = None,
    default: int = 10,
    most: int = MAX_PAGE,
    links: bool = True,
) -> IndexPage:
    """Cut the page out that ``start`` and ``count`` ask for."""
    start = request.number("start", 0, most=2**31)
    count = request.number("count", default, most=most)
    if count == 0:
        raise answers.parameter("count")
    paging: dict[str, Any] = {"start": start, "count": count, "links": []}
    if links and start > 0:
        paging["links"].append(_link(request, "prev", max(0, start - count), count))
    if links and start + count < len(found):
        paging["links"].append(_link(request, "next", start + count, count))
    if total is not None:
        paging["total"] = total
    return IndexPage(found[start : start + count], paging)


def _link(request: RestRequest, relation: str, start: int, count: int) -> dict[str, str]:
    parameters = {**request.parameters, "start": str(start), "count": str(count)}
    query = "&".join(f"{name}={value}" for name, value in parameters.items())
    return {"type": "application/json", "rel": relation, "href": f"/rest/{request.resource}?{query}"}


def by_cursor(request: RestRequest, found: Sequence[Any]) -> tuple[Sequence[Any], dict[str, str]]:
    """Return the page that ``pageSize`` and ``pageToken`` ask for, and the ``metadata`` record beside it."""
    size = request.number("pageSize", DEFAULT_CURSOR_PAGE, most=MAX_PAGE)
    token = request.text("pageToken")
    if size == 0:
        raise answers.parameter("pageSize")
    if "pageSize" not in request.parameters and token is None and len(found) > MAX_PAGE:
        raise answers.short(400, "Request would return too many entities")
    start = 0 if not token else _read_token(request, token)
    end = start + size
    return found[start:end], ({"nextPageToken": _token(request, end)} if end < len(found) else {})


def _token(request: RestRequest, start: int) -> str:
    return base64.urlsafe_b64encode(f"{start}:{_fingerprint(request)}".encode()).decode().rstrip("=")


def _read_token(request: RestRequest, token: str) -> int:
    """The start that a token names; it only fits the parameters that it was given out for."""
    try:
        text = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)).decode()
    except ValueError:
        raise answers.parameter("pageToken") from None
    start, _, fingerprint = text.partition(":")
    if fingerprint != _fingerprint(request):
        raise answers.parameter("pageToken")
    return int(start)


def _fingerprint(request: RestRequest) -> str:
    parameters = sorted((name, value) for name, value in request.parameters.items() if name != "pageToken")
    return hashlib.sha256(repr((request.parent, parameters)).encode()).hexdigest()[:16]
