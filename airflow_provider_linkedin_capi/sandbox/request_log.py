"""What came in: the last requests, and the last refusals without personal data."""

from __future__ import annotations

import re
from collections import deque
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import msgspec

if TYPE_CHECKING:
    from airflow_provider_linkedin_capi.sandbox.answers import Answer

_KEPT_REQUESTS = 10_000
_KEPT_REFUSALS = 20
_QUOTED = re.compile(r'"[^"]*"')


@dataclass(frozen=True, slots=True)
class Request:
    """One request as it came, with the answer's status.

    :param headers: names in lower case.
    :param restli_method: e.g. ``conversionEvents.BATCH_CREATE``; None outside ``/rest``.
    :param received_at: epoch seconds by the world's clock.
    :param status: status of the answer; None when a fault let nothing out.
    """

    method: str
    path: str
    query: str
    headers: dict[str, str]
    body: bytes
    restli_method: str | None
    received_at: float
    status: int | None


class RequestLog:
    """The last requests and refusals.

    :param keep_bodies: whether requests keep bodies and headers (they hold personal data and tokens).
    """

    def __init__(self, keep_bodies: bool) -> None:
        self._keep_bodies = keep_bodies
        self.requests: deque[Request] = deque(maxlen=_KEPT_REQUESTS)
        self.refusals: deque[tuple[str, int, str]] = deque(maxlen=_KEPT_REFUSALS)

    def clear(self) -> None:
        """Forget all."""
        self.requests.clear()
        self.refusals.clear()

    def add(self, request: Request, answer: Answer | None) -> None:
        """Remember a request, and its refusal."""
        self.requests.append(request if self._keep_bodies else replace(request, headers={}, body=b""))
        if answer is not None and answer.status >= 400:
            name = request.restli_method or request.path
            # LinkedIn's messages quote what was sent, which may be personal data.
            message = _QUOTED.sub('"..."', _message(answer))
            self.refusals.append((name, answer.status, message))


def _message(answer: Answer) -> str:
    """The message of an error answer."""
    try:
        document = msgspec.json.decode(answer.body, type=dict[str, Any])
    except msgspec.MsgspecError:
        return ""
    return str(document.get("message", document.get("error_description", "")))
