"""Requests and answers as values."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Generic, Literal, TypeVar

from airflow_provider_linkedin_capi import exceptions
from airflow_provider_linkedin_capi.api import limits, refusals

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

T = TypeVar("T")

#: Headers in which LinkedIn names a request; its support asks for all three.
REQUEST_ID_HEADERS = ("x-li-uuid", "x-li-fabric", "x-li-request-id")


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
        """Return the parsed body, or None when it is empty or not JSON (edge servers answer in HTML)."""
        try:
            return json.loads(self.body)
        except ValueError:
            return None

    @property
    def request_ids(self) -> dict[str, str]:
        """The ids LinkedIn's support asks for, as far as they were sent."""
        return {name: self.headers[name] for name in REQUEST_ID_HEADERS if name in self.headers}


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
    origin: Literal["api", "oauth"] = "api"

    @property
    def target(self) -> str:
        """Path and query as they go on the request line."""
        return f"{self.path}?{self.query}" if self.query else self.path

    def result(self, reply: Reply) -> T:
        """Return what the reply says, typed.

        :raises LinkedInError: the reply is a refusal, or a success that cannot be read.
        """
        if not reply.ok:
            raise refusals.from_reply(self, reply)
        try:
            return self.parse(reply)
        except (KeyError, TypeError, ValueError) as error:
            kind = reply.headers.get("content-type", "no content type").split(";")[0]
            raise exceptions.UnexpectedReplyError(
                f"the answer is not what LinkedIn documents ({kind}, {len(reply.body)} bytes): {error}",
                foreign=bool(reply.body) and reply.json() is None,
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
