"""A conversion event as LinkedIn wants it on the wire, and what becomes of rows that are none."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from collections.abc import Sequence


class UserId(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    """One identifier of a person: ``{"idType": "SHA256_EMAIL", "idValue": "..."}``."""

    id_type: str
    id_value: str


class UserInfo(msgspec.Struct, frozen=True, gc=False, rename="camel", omit_defaults=True):
    """Names, plain or hashed, with company, title and country; LinkedIn takes it only with both names."""

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
    """Who converted. LinkedIn wants ``userIds`` even when it is empty."""

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
    :param message: what is wrong and what to do; never holds the row's values.
    """

    position: int
    field: str
    code: str
    message: str


class RowWarning(msgspec.Struct, frozen=True):
    """A row that is sent, but not with everything it held; fields as in :class:`Rejection`."""

    position: int
    field: str
    code: str
    message: str


class MappedRows(msgspec.Struct, frozen=True):
    """What became of a sequence of rows: ``len(events) + len(rejections)`` is the number of rows.

    :param events: in the order of the rows.
    :param positions: index of the row of each event.
    :param rejections: by position, at most one a row.
    :param warnings: by position, only of rows that became events.
    """

    events: list[ConversionEvent]
    positions: list[int]
    rejections: list[Rejection]
    warnings: list[RowWarning]


class _Batch(msgspec.Struct, frozen=True):
    elements: list[ConversionEvent]


_encoder = msgspec.json.Encoder()


def encode_event(event: ConversionEvent) -> bytes:
    """Return the event as the JSON body of a single-event request."""
    return _encoder.encode(event)


def encode_batch(events: Sequence[ConversionEvent]) -> bytes:
    """Return the JSON body of a batch request, ``{"elements": [...]}``; the same events give the same bytes."""
    return _encoder.encode(_Batch(list(events)))
