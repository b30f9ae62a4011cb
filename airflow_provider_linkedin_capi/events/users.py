"""Who converted: the entries of ``userIds``, ``userInfo``, and whether they say enough."""

from __future__ import annotations

from itertools import repeat
from operator import add
from typing import TYPE_CHECKING, Any, Final

from airflow_provider_linkedin_capi.events.model import UserId, UserInfo

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from airflow_provider_linkedin_capi.events.fields import Field
    from airflow_provider_linkedin_capi.events.reading import Findings

NAMES: Final = ("firstName", "lastName", "hashedFirstName", "hashedLastName")
INFO: Final = ("companyName", "title", "countryCode")


def read_ids(id_fields: Sequence[Field], read: Mapping[str, list[Any]], count: int) -> list[tuple[UserId, ...]]:
    """Return the entries of ``userIds`` of each row.

    :param id_fields: the identifier types, in the order of ``userIds``.
    :param read: the values of each field that has a column.
    :param count: number of rows.
    """
    ids: list[tuple[UserId, ...]] | None = None
    for field in id_fields:
        if field.name not in read:
            continue
        values, id_type = read[field.name], field.id_type or field.name
        if all(values):
            entries: list[Any] = list(zip(map(UserId, repeat(id_type), values)))
        else:
            entries = [(UserId(id_type, value),) if value else () for value in values]
        ids = entries if ids is None else list(map(add, ids, entries))
    return [()] * count if ids is None else ids


def read_infos(read: Mapping[str, list[str | None]], count: int, findings: Findings) -> list[UserInfo | None]:
    """Return the ``userInfo`` of each row; half a name, and what needs names to be sent, is noted.

    :param read: the values of each field that has a column.
    :param count: number of rows.
    """
    if not any(field in read for field in (*NAMES, *INFO)):
        return [None] * count
    absent: list[str | None] = [None] * count
    first, last, hashed_first, hashed_last = (read.get(field, absent) for field in NAMES)
    first, last = _unless(first, hashed_first), _unless(last, hashed_last)
    columns = (first, last, hashed_first, hashed_last, *(read.get(field, absent) for field in INFO))
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
            for field in INFO:
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
