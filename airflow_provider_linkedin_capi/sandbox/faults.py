"""Faults to inject: on the way to LinkedIn, at LinkedIn, and on the way back."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Literal

import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterator

#: ``status``: an answer of your choice. ``html``: an error page of the edge. ``throttle``: 429. ``reset``: a TCP
#: reset instead of an answer. ``reset_upload``: a reset as soon as the head of the request is there.
#: ``close``: the connection ends without an answer. ``truncate``: the true answer, cut off. ``delay``: the true
#: answer, late.
Kind = Literal["status", "html", "throttle", "reset", "reset_upload", "close", "truncate", "delay"]


class Fault(msgspec.Struct, kw_only=True, forbid_unknown_fields=True, dict=True):
    """One kind of fault, and the requests that it happens to.

    :param kind: what happens.
    :param processed: whether the request takes effect first, so that only its answer is lost or late.
    :param status: status of ``status`` and ``html``.
    :param body: body of ``status``; JSON text as a rule.
    :param headers: headers of ``status``, and further ones of ``throttle``.
    :param window: ``MINUTE`` or ``DAY``, for ``throttle``.
    :param seconds: delay before the fault happens.
    :param method: only requests with this HTTP verb.
    :param path: only requests whose path starts like this.
    :param restli_method: only this Rest.li method, with or without its resource: ``BATCH_CREATE``,
        ``conversionEvents.BATCH_CREATE``.
    :param after: how many matching requests pass first.
    :param every: then happens to the first of this many.
    :param times: how often it happens before it stops; None for always.
    :param probability: happens by chance, with ``seed``.
    :ivar matched: how often it happened.
    """

    kind: Kind
    processed: bool = False
    status: int = 503
    body: str = '{"message":"Service Unavailable","status":503}'
    headers: dict[str, str] = msgspec.field(default_factory=lambda: {"Content-Type": "application/json"})
    window: Literal["MINUTE", "DAY"] = "MINUTE"
    seconds: float = 0.0
    method: str | None = None
    path: str = "/"
    restli_method: str | None = None
    after: int = 0
    every: int = 1
    times: int | None = None
    probability: float = 1.0
    seed: int = 0
    seen: int = 0
    matched: int = 0

    def __post_init__(self) -> None:
        self._chance = random.Random(self.seed)

    def matches(self, method: str, path: str, restli_method: str | None) -> bool:
        """Whether it happens to this request; counts it."""
        resource_method = restli_method or ""
        if (
            self.method not in (None, method)
            or not path.startswith(self.path)
            or self.restli_method not in (None, resource_method, resource_method.rpartition(".")[2])
            or (self.times is not None and self.matched >= self.times)
        ):
            return False
        self.seen += 1
        turn = self.seen - self.after - 1
        if turn < 0 or turn % self.every or self._chance.random() >= self.probability:
            return False
        self.matched += 1
        return True


class Faults:
    """The faults ordered; the first one that matches a request happens."""

    def __init__(self) -> None:
        self._faults: list[Fault] = []

    def add(self, kind: Kind, **details: object) -> Fault:
        """Order a fault; its ``matched`` counts how often it happened. See :class:`Fault`."""
        fault = msgspec.convert({"kind": kind, **details}, Fault)
        self._faults.append(fault)
        return fault

    def __iter__(self) -> Iterator[Fault]:
        """The faults ordered."""
        return iter(list(self._faults))

    def clear(self) -> None:
        """Forget all faults."""
        self._faults.clear()

    def match(self, method: str, path: str, restli_method: str | None, *, uploading: bool) -> Fault | None:
        """Return the fault that happens to a request, while its body is on the way or once it is there."""
        for fault in self:
            if (fault.kind == "reset_upload") is uploading and fault.matches(method, path, restli_method):
                return fault
        return None
