"""A conversion event as LinkedIn accepts it, and what becomes of rows that can't be one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
from msgspec.structs import replace

if TYPE_CHECKING:
    from collections.abc import Sequence


class UserId(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    """One identifier of a person: ``{"idType": "SHA256_EMAIL", "idValue": "..."}``."""

    id_type: str
    id_value: str


class UserInfo(msgspec.Struct, frozen=True, gc=False, rename="camel", omit_defaults=True):
    """Names, plain or hashed, with company, title and country; LinkedIn accepts it only with both names."""

    first_name: str | None = None
    last_name: str | None = None
    hashed_first_name: str | None = None
    hashed_last_name: str | None = None
    company_name: str | None = None
    title: str | None = None
    country_code: str | None = None


class ConversionValue(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    """What the conversion was worth; the amount is decimal text with the currency's minor units."""

    currency_code: str
    amount: str


class User(msgspec.Struct, frozen=True, gc=False, rename="camel", omit_defaults=True):
    """Who converted. LinkedIn requires ``userIds`` even when it is empty."""

    user_ids: tuple[UserId, ...]
    user_info: UserInfo | None = None
    external_ids: tuple[str] | None = None
    lead: str | None = None


class ConversionEvent(msgspec.Struct, frozen=True, gc=False, rename="camel", omit_defaults=True):
    """One element of ``/conversionEvents``.

    :param conversion: URN of the conversion rule.
    :param conversion_happened_at: epoch milliseconds.
    :param user: who converted.
    :param conversion_value: worth, if known.
    :param event_id: the advertiser's id of the event, shared with the Insight Tag for de-duplication.

    .. seealso:: https://learn.microsoft.com/en-us/linkedin/marketing/integrations/ads-reporting/conversions-api
    """

    conversion: str
    conversion_happened_at: int
    user: User
    conversion_value: ConversionValue | None = None
    event_id: str | None = None


class Rejection(msgspec.Struct, frozen=True):
    """A row that can't be sent.

    :param position: index of the row in the rows given.
    :param field: the field at fault.
    :param code: one of :data:`~airflow_provider_linkedin_capi.events.codes.CODES`.
    :param message: what is wrong and what to do; never contains the row's values.
    """

    position: int
    field: str
    code: str
    message: str


class RowWarning(msgspec.Struct, frozen=True):
    """A row that is sent, but not with everything that it has; fields as in :class:`Rejection`."""

    position: int
    field: str
    code: str
    message: str


class MappedRows(msgspec.Struct, frozen=True):
    """What became of a sequence of rows.

    Every row is an event or a rejection. A conversion that lies in the future is both, for the time being: its event is
    among ``events``, so that these, and a digest of them, do not depend on the time of day, but must not be sent.

    :param events: in the order of the rows, with the times of the rows.
    :param positions: index of the row of each event.
    :param rejections: by position, at most one a row.
    :param warnings: by position, only of rows that are not rejected.
    :param latest_ms: when some events lie ahead of the clock, the time that they are sent with; see
        :func:`encode_batch`.
    :param not_yet: indices in ``events`` of those that lie too far in the future and must not be sent.
    """

    events: list[ConversionEvent]
    positions: list[int]
    rejections: list[Rejection]
    warnings: list[RowWarning]
    latest_ms: int | None = None
    not_yet: frozenset[int] = frozenset()


class _Batch(msgspec.Struct, frozen=True):
    elements: list[ConversionEvent]


_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(_Batch)


def encode_event(event: ConversionEvent) -> bytes:
    """Return the event as the JSON body of a single-event request."""
    return _encoder.encode(event)


def encode_batch(events: Sequence[ConversionEvent], *, latest_ms: int | None = None) -> bytes:
    """Return the JSON body of a batch request, ``{"elements": [...]}``; the same events give the same bytes.

    :param latest_ms: LinkedIn refuses conversions that lie in its future: later ones are encoded with this time.
    """
    if latest_ms is not None:
        events = [
            event if event.conversion_happened_at <= latest_ms else replace(event, conversion_happened_at=latest_ms)
            for event in events
        ]
    return _encoder.encode(_Batch(list(events)))


def decode_batch(body: bytes) -> list[ConversionEvent]:
    """Return the events of a body that :func:`encode_batch` made."""
    return _decoder.decode(body).elements
