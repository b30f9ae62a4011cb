"""LinkedIn's own event shape: columns that hold records of other fields, as structs or as their JSON text.

``user`` holds ``userIds``, ``userInfo``, ``externalIds`` and ``lead``; ``conversionValue`` holds ``currencyCode`` and
``amount``. A column of its own wins over the same field in a record.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from airflow_provider_linkedin_capi.events.cells import is_placeholder, to_python
from airflow_provider_linkedin_capi.events.fields import Role, fields_of

if TYPE_CHECKING:
    from airflow_provider_linkedin_capi.events.reading import Findings

#: A text that begins otherwise belongs to a column of another system.
_JSON_STARTS: Final = ("{", "[")


class _NotARecordError(Exception):
    """The cell is not of the shape that LinkedIn documents."""


class RecordColumns:
    """The columns that hold records.

    :param names: their fields.
    """

    def __init__(self, names: Sequence[str]) -> None:
        self._names = names
        self._id_types = {field.id_type: field.name for field in fields_of(Role.USER_ID)}
        self._info = frozenset(field.name for field in fields_of(Role.NAME, Role.INFO))

    def fields(self) -> frozenset[str]:
        """Return the fields that the records may hold."""
        found: set[str] = set()
        if not {"user", "userIds"}.isdisjoint(self._names):
            found |= {*self._id_types.values()}
        if not {"user", "userInfo"}.isdisjoint(self._names):
            found |= self._info
        if "user" in self._names:
            found |= {"externalIds", "lead"}
        if "conversionValue" in self._names:
            found |= {"currencyCode", "amount"}
        return frozenset(found)

    def spread(self, cells: dict[str, Sequence[Any]], count: int, findings: Findings) -> None:
        """Add the columns of the fields that the records of these rows hold to ``cells``."""
        found: dict[str, dict[int, Any]] = {}
        for name in self._names:
            for position, cell in enumerate(cells.pop(name)):
                if cell is None:
                    continue
                try:
                    members = self._members(name, cell, position, findings)
                except Exception:  # a cell can be any object, and its methods foreign code
                    findings.add(position, name, "record_invalid")
                    continue
                for field, value in members:
                    found.setdefault(field, {}).setdefault(position, value)
        for field, values in found.items():
            column = list(cells.get(field) or [None] * count)
            for position, value in values.items():
                if column[position] is None:
                    column[position] = value
            cells[field] = column

    def _members(self, name: str, cell: Any, position: int, findings: Findings) -> list[tuple[str, Any]]:
        """Return (field, cell) for the members of a record that are fields; others are noted."""
        value = _parsed(cell)
        if value is None:
            return []
        if name == "userIds":
            return self._user_ids(value, position, findings)
        record = _record(value)
        members: list[tuple[str, Any]] = []
        for key, member in record.items():
            if member is None:
                continue
            if name == "user" and key in ("userIds", "userInfo"):
                members += self._members(key, member, position, findings)
            elif key in _MEMBERS.get(name, self._info):
                members.append((key, member))
            else:
                findings.add(position, name, "member_unknown", warning=True)
        return members

    def _user_ids(self, value: Any, position: int, findings: Findings) -> list[tuple[str, Any]]:
        if not isinstance(value, list | tuple):
            raise _NotARecordError
        found: dict[str, Any] = {}
        for entry in map(_record, value):
            field = self._id_types.get(entry.get("idType"))
            if field is None:
                findings.add(position, "userIds", "id_type_unknown")
            elif field in found:
                findings.add(position, field, "id_type_repeated", warning=True)
            else:
                found[field] = entry.get("idValue")
        return list(found.items())


_MEMBERS: Final[Mapping[str, frozenset[str]]] = {
    "user": frozenset({"externalIds", "lead"}),
    "conversionValue": frozenset({"currencyCode", "amount"}),
}


def _parsed(cell: Any) -> Any:
    """Return the value of a cell, that of its JSON text if it is text; ``None`` for other text."""
    value = to_python(cell)
    if not isinstance(value, str):
        return value if isinstance(value, Mapping | list | tuple) else None
    if is_placeholder(value) or not value.startswith(_JSON_STARTS):
        return None
    return json.loads(value)


def _record(value: Any) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise _NotARecordError
    return value
