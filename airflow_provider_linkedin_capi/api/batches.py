"""Answers about many entities at once: HTTP 200, and each entity's own success or error inside."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import msgspec

from airflow_provider_linkedin_capi import exceptions
from airflow_provider_linkedin_capi.api import restli
from airflow_provider_linkedin_capi.api.call import refusal_in

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Mapping

    from airflow_provider_linkedin_capi.api.call import Reply
    from airflow_provider_linkedin_capi.api.restli import Resource
    from airflow_provider_linkedin_capi.exceptions import LinkedInError

K = TypeVar("K")
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class BatchResult(Generic[K, T]):
    """What became of each entity; every key that was asked for is in exactly one of the two."""

    results: dict[K, T]
    errors: dict[K, LinkedInError]

    def check(self) -> dict[K, T]:
        """Return the results, or raise the first error with the count of all."""
        for key, error in self.errors.items():
            error.add_note(f"{key}: {len(self.errors)} of {len(self.errors) + len(self.results)} were refused")
            raise error
        return self.results


class ElementStatus(msgspec.Struct, frozen=True):
    """What became of one element of a batch create, in the order of the request.

    :param status: HTTP status of the element, 201 when it was created.
    :param id: the id of the created entity, where LinkedIn names one.
    :param error: why it was refused, None when it was not.
    :param entity: the created entity, where LinkedIn echoes it.
    """

    status: int
    id: str | None = None
    error: LinkedInError | None = None
    entity: Mapping[str, Any] = {}


class _Element(msgspec.Struct):
    status: int
    id: str | int | None = None
    error: dict[str, Any] | None = None
    entity: dict[str, Any] = {}


class _Created(msgspec.Struct):
    elements: list[_Element]


class _Keyed(msgspec.Struct):
    results: dict[str, Any] = {}
    errors: dict[str, dict[str, Any]] = {}


def created(resource: Resource, count: int) -> Callable[[Reply], list[ElementStatus]]:
    """Return the parser of a ``BATCH_CREATE`` answer.

    :param resource: whose elements they are, for their errors.
    :param count: how many elements were sent.
    """

    def parse(reply: Reply) -> list[ElementStatus]:
        elements = msgspec.json.decode(reply.body, type=_Created).elements
        if len(elements) != count:
            raise ValueError(f"{count} elements were sent, but the answer has {len(elements)}")
        return [_status(element, resource, reply) for element in elements]

    return parse


def _status(element: _Element, resource: Resource, reply: Reply) -> ElementStatus:
    error: LinkedInError | None = None
    if not 200 <= element.status < 300:
        error = _refusal(element.error or {}, element.status, resource, "BATCH_CREATE", reply)
    elif element.error is not None:
        error = _contradiction(element.status, f"{resource.name}.BATCH_CREATE", reply)
    return ElementStatus(element.status, None if element.id is None else str(element.id), error, element.entity)


def _refusal(body: Mapping[str, Any], status: int, resource: Resource, method: str, reply: Reply) -> LinkedInError:
    return refusal_in(
        body,
        status,
        call=f"{resource.name}.{method}",
        scope=resource.scope,
        personal=resource.personal,
        request_ids=reply.request_ids,
    )


def _contradiction(status: int, name: str, reply: Reply) -> LinkedInError:
    return exceptions.OutcomeUnknownError(
        f"LinkedIn reports status {status} and an error for the same element",
        call=name,
        status=reply.status,
        request_ids=reply.request_ids,
    )


def keyed(
    resource: Resource, method: str, keys: Mapping[K, Any], convert: Callable[[Any], T]
) -> Callable[[Reply], BatchResult[K, T]]:
    """Return the parser of a batch answer with ``results`` and ``errors``.

    Keys are compared after decoding, since URLs and bodies escape them differently. Without a body, as documented for
    writes to ``campaignConversions`` (204), every key succeeded.

    :param resource: whose keys they are, for their errors.
    :param method: the Rest.li method, e.g. ``BATCH_GET``.
    :param keys: the caller's keys, each with the key as it goes on the wire (text, number or mapping).
    :param convert: makes the result of one key from its JSON; gets an empty mapping when there is no body.
    """
    name = f"{resource.name}.{method}"
    asked = {_comparable(restli.encode(wire)): key for key, wire in keys.items()}

    def parse(reply: Reply) -> BatchResult[K, T]:
        if not reply.body:
            return BatchResult({key: convert({}) for key in keys}, {})
        answer = msgspec.json.decode(reply.body, type=_Keyed)
        result: BatchResult[K, T] = BatchResult({}, {})
        refused = {_comparable(text): body for text, body in answer.errors.items()}
        contradictory: dict[Hashable, LinkedInError] = {}
        for text, value in answer.results.items():
            status = value.get("status") if isinstance(value, dict) else None
            if isinstance(status, int) and status >= 400:
                refused.setdefault(_comparable(text), {"status": status, **(value.get("error") or {})})
            elif isinstance(value, dict) and value.get("error") is not None:
                contradictory[_comparable(text)] = _contradiction(status or reply.status, name, reply)
            elif (key := asked.get(_comparable(text))) is not None:
                result.results[key] = convert(value)
        for comparable, key in asked.items():
            if comparable in refused:
                body = refused[comparable]
                status = body.get("status")
                result.results.pop(key, None)
                status = status if isinstance(status, int) else 400
                result.errors[key] = _refusal(body, status, resource, method, reply)
            elif comparable in contradictory:
                result.errors[key] = contradictory[comparable]
            elif key not in result.results:
                result.errors[key] = exceptions.UnexpectedReplyError(
                    "LinkedIn's answer does not mention this key",
                    call=name,
                    status=reply.status,
                    request_ids=reply.request_ids,
                )
        return result

    return parse


def _comparable(key: str) -> Hashable:
    decoded = restli.decode_key(key)
    return decoded if isinstance(decoded, str) else frozenset(decoded.items())


def done(value: Any) -> None:
    """Convert the result of a key whose presence says everything."""
