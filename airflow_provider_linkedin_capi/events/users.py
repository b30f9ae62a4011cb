"""Who converted: the entries of ``userIds``, ``userInfo``, and whether they say enough."""

from __future__ import annotations

from itertools import repeat
from typing import TYPE_CHECKING, Any, Final

from airflow_provider_linkedin_capi.events.model import UserId, UserInfo
from airflow_provider_linkedin_capi.events.reading import EXTRAS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from airflow_provider_linkedin_capi.events.reading import Findings

#: ``idType`` of each field, in the order of ``userIds``; derived event ids rest on this order.
_ID_TYPES: Final = {
    "email": "SHA256_EMAIL",
    "li_fat_id": "LINKEDIN_FIRST_PARTY_ADS_TRACKING_UUID",
    "ACXIOM_ID": "ACXIOM_ID",
    "ip_address": "PLAINTEXT_IP_ADDRESS",
    "SHA256_IP_ADDRESS": "SHA256_IP_ADDRESS",
    "GOOGLE_AID": "GOOGLE_AID",
}
HASHED_NAMES: Final = ("hashedFirstName", "hashedLastName")
NAMES: Final = ("firstName", "lastName", *HASHED_NAMES)


def read_ids(read: Mapping[str, list[Any]], count: int) -> list[tuple[UserId, ...]]:
    """Return the entries of ``userIds`` of each row.

    :param read: the values of each field that has a column.
    :param count: number of rows.
    """
    columns = [
        list(map(UserId, repeat(id_type), read[field]))
        if all(read[field])
        else [text and UserId(id_type, text) for text in read[field]]
        for field, id_type in _ID_TYPES.items()
        if field in read
    ]
    if not columns:
        return [()] * count
    rows = zip(*columns, strict=True)
    return list(rows) if all(map(all, columns)) else [tuple(filter(None, row)) for row in rows]


def read_infos(read: Mapping[str, list[str | None]], count: int, findings: Findings) -> list[UserInfo | None]:
    """Return the ``userInfo`` of each row; half a name, and what needs names to be sent, is found wanting.

    :param read: the values of each field that has a column.
    :param count: number of rows.
    """
    if not any(field in read for field in (*NAMES, *EXTRAS)):
        return [None] * count
    absent: list[str | None] = [None] * count
    first, last, hashed_first, hashed_last = (read.get(field, absent) for field in NAMES)
    first, last = _unless(first, hashed_first), _unless(last, hashed_last)
    extras = [read.get(field, absent) for field in EXTRAS]
    columns = (first, last, hashed_first, hashed_last, *extras)
    if all(first) and all(last):
        return list(map(UserInfo, *columns))
    infos = [
        UserInfo(*cells) if (cells[0] or cells[2]) and (cells[1] or cells[3]) else None
        for cells in zip(*columns, strict=True)
    ]
    for position, info in enumerate(infos):
        if info is None:
            names = [field for field in NAMES if field in read and read[field][position]]
            if names and not findings.has(position, *NAMES):
                findings.add(position, names[0], "name_half")
            for field in EXTRAS:
                if field in read and read[field][position]:
                    findings.add(position, field, "info_without_names", warning=True)
    return infos


def unidentified(
    ids: Sequence[tuple[UserId, ...]],
    infos: Sequence[UserInfo | None],
    externals: Sequence[tuple[str] | None],
    leads: Sequence[str | None],
) -> list[int]:
    """Return the positions of rows without any identifier."""
    if all(ids):
        return []
    return [
        position
        for position, identifiers in enumerate(zip(ids, infos, externals, leads, strict=True))
        if not any(identifiers)
    ]


def _unless(plain: list[str | None], hashed: list[str | None]) -> list[str | None]:
    """Return the plain names of rows that have no hashed one; LinkedIn takes either."""
    return [None if other else name for name, other in zip(plain, hashed, strict=True)] if any(hashed) else plain
