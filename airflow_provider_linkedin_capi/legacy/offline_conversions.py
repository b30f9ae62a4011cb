"""Events of the retired offline conversions API: ``/dmpSegments/{id}/conversions``; see :mod:`.dmp_segments`.

The elements differ from today's conversion events in shape and identifiers, and can be removed again.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Literal

import msgspec

from airflow_provider_linkedin_capi.api import batches, limits, restli, urns
from airflow_provider_linkedin_capi.exceptions import ConfigurationError
from airflow_provider_linkedin_capi.legacy import dmp_segments

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from airflow_provider_linkedin_capi.api.batches import ElementStatus
    from airflow_provider_linkedin_capi.api.call import Call

#: Hex characters of each kind of identifier.
_ID_TYPES = {"SHA256_EMAIL": 64, "SHA512_EMAIL": 128}
_HEX = re.compile(r"[0-9a-f]*\Z")
_COUNTRY = re.compile(r"[A-Za-z]{2}\Z")


class OfflineUserId(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A hashed e-mail address: ``SHA256_EMAIL`` (64 lower-case hex characters) or ``SHA512_EMAIL`` (128)."""

    id_type: str
    id_value: str


class OfflineUser(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """Who converted: at least one hashed address, or first and last name."""

    user_ids: list[OfflineUserId] = []
    first_name: str | None = None
    last_name: str | None = None
    title: str | None = None
    company: str | None = None
    country: str | None = None


class OfflineMoney(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """An amount as decimal text, and its ISO 4217 currency."""

    currency_code: str
    amount: str


class OfflineDetails(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """What happened and when, in epoch milliseconds."""

    conversion_type: str
    conversion_happened_at: int
    money_amount: OfflineMoney | None = None


class OfflineConversion(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """One element of the stream; ``REMOVE`` takes back what was added with the same contents."""

    action: Literal["ADD", "REMOVE"] = "ADD"
    user: OfflineUser
    conversion: OfflineDetails


def create(segment: int | str, conversion: OfflineConversion, version: str) -> Call[None]:
    """Return the call that streams one offline conversion into a segment."""
    _check([conversion])
    return restli.call(
        dmp_segments.resource(version),
        "CREATE",
        parse=restli.nothing,
        path=_path(segment),
        body=msgspec.json.encode(conversion),
    )


def batch_create(
    segment: int | str, conversions: Sequence[OfflineConversion], version: str
) -> Call[list[ElementStatus]]:
    """Return the call that streams up to 5,000 offline conversions, 2 MB, all or nothing."""
    if not 0 < len(conversions) <= limits.MAX_EVENTS_PER_BATCH:
        raise ConfigurationError(
            f"{len(conversions)} offline conversions in one batch; LinkedIn takes 1 to {limits.MAX_EVENTS_PER_BATCH}"
        )
    _check(conversions)
    body = msgspec.json.encode({"elements": conversions})
    if len(body) > limits.MAX_BATCH_BYTES:
        raise ConfigurationError(f"the batch has {len(body)} bytes; send at most {limits.MAX_BATCH_BYTES}")
    resource = dmp_segments.resource(version)
    return restli.call(
        resource,
        "BATCH_CREATE",
        parse=batches.created(resource, len(conversions)),
        path=_path(segment),
        body=body,
    )


def batched(conversions: Iterable[OfflineConversion]) -> Iterator[list[OfflineConversion]]:
    """Yield the conversions in batches that hold at most 5,000 of them and 2 MB."""
    batch: list[OfflineConversion] = []
    size = len('{"elements":[]}')
    for conversion in conversions:
        length = len(msgspec.json.encode(conversion)) + len(",")
        if batch and (len(batch) == limits.MAX_EVENTS_PER_BATCH or size + length > limits.MAX_BATCH_BYTES):
            yield batch
            batch, size = [], len('{"elements":[]}')
        batch.append(conversion)
        size += length
    if batch:
        yield batch


def _path(segment: int | str) -> str:
    return f"dmpSegments/{urns.number(urns.dmp_segment(segment))}/conversions"


def _check(conversions: Sequence[OfflineConversion]) -> None:
    """Refuse bad elements; say what is wrong in which one, without its personal data."""
    problems = [
        f"element {position}: {problem}"
        for position, conversion in enumerate(conversions)
        if (problem := _problem(conversion.user))
    ]
    if problems:
        more = f" (and {len(problems) - 10} more)" if len(problems) > 10 else ""
        raise ConfigurationError("; ".join(problems[:10]) + more)


def _problem(user: OfflineUser) -> str | None:
    for user_id in user.user_ids:
        if (length := _ID_TYPES.get(user_id.id_type)) is None:
            return f"user.userIds has an idType other than {', '.join(_ID_TYPES)}"
        if len(user_id.id_value) != length or not _HEX.match(user_id.id_value):
            return f"user.userIds has a {user_id.id_type} that is not {length} lower-case hex characters"
    if not user.user_ids and not (user.first_name and user.last_name):
        return "user needs one of userIds, or firstName and lastName"
    limited = {
        "firstName": (user.first_name, 35),
        "lastName": (user.last_name, 35),
        "title": (user.title, 50),
        "company": (user.company, 50),
    }
    for name, (text, longest) in limited.items():
        if len(text or "") > longest:
            return f"user.{name} is longer than {longest} characters"
    if user.country is not None and not _COUNTRY.match(user.country):
        return "user.country is not a code of two letters"
    return None
