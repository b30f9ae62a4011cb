"""Query tunnelling: the true request inside a POST that carries its query in the body."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from airflow_provider_linkedin_capi.sandbox import answers

if TYPE_CHECKING:
    from airflow_provider_linkedin_capi.sandbox.rest import Raw

_FORM = "application/x-www-form-urlencoded"


def unfold(raw: Raw) -> Raw:
    """Return the request that is meant: itself unless it is tunnelled."""
    verb = raw.headers.get("x-http-method-override")
    if verb is None:
        return raw
    if raw.method != "POST":
        raise answers.short(400, "X-HTTP-Method-Override is only allowed on POST")
    kind, _, details = raw.headers.get("content-type", "").partition(";")
    headers = {name: value for name, value in raw.headers.items() if name != "content-type"}
    if kind.strip().lower() == _FORM:
        query, body = raw.body, b""
    elif kind.strip().lower() == "multipart/mixed":
        query, body, headers["content-type"] = _parts(raw.body, details)
    else:
        raise answers.Refused(415, {"status": 415, "message": "Unsupported Media Type"})
    joined = "&".join(part for part in (raw.query, query.decode("ascii", "replace")) if part)
    return replace(raw, method=verb.upper(), query=joined, headers=headers, body=body)


def _parts(body: bytes, details: str) -> tuple[bytes, bytes, str]:
    """Return the query, the body and the body's content type out of a two-part message."""
    name, _, boundary = details.strip().partition("=")
    delimiter = b"--" + boundary.strip('"').encode()
    sections = body.split(delimiter)
    if name.lower() != "boundary" or len(sections) != 4 or not sections[3].startswith(b"--"):
        raise answers.short(400, "Malformed multipart/mixed entity")
    query, content, kind = b"", b"", ""
    for section, expected in zip(sections[1:3], (_FORM, None), strict=True):
        head, blank, data = section.removeprefix(b"\r\n").partition(b"\r\n\r\n")
        lines = (line.partition(":") for line in head.decode("ascii", "replace").split("\r\n"))
        kinds = [value.strip() for name, _, value in lines if name.strip().lower() == "content-type"]
        if not blank or not data.endswith(b"\r\n") or not kinds or expected not in (None, kinds[0].lower()):
            raise answers.short(400, "Malformed multipart/mixed entity")
        data = data.removesuffix(b"\r\n")
        if expected:
            query = data
        else:
            content, kind = data, kinds[0]
    return query, content, kind
