"""From LinkedIn's retired offline conversions API to today's conversion events and rules.

The offline API ended with version 202310 in November 2023. Its rows and rules live on in warehouses; here they
become what the Conversions API takes, and what has no equivalent is said row by row.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

from msgspec.structs import replace

from airflow_provider_linkedin_capi.api import urns
from airflow_provider_linkedin_capi.events.cells import to_python
from airflow_provider_linkedin_capi.events.codes import CODES
from airflow_provider_linkedin_capi.events.columns import names_of, normalized_name, resolve_mapping
from airflow_provider_linkedin_capi.events.mapper import RowMapper
from airflow_provider_linkedin_capi.events.model import MappedRows, Rejection
from airflow_provider_linkedin_capi.exceptions import ConfigurationError

#: Conversion types that no rule can have today.
RETIRED_TYPES: Final = frozenset({"RATE", "TALENT_LEAD", "JOB_APPLY", "TALENT_MEDIA_ENGAGEMENT"})

_USER_FIELDS: Final = {
    "firstName": "firstName",
    "lastName": "lastName",
    "title": "title",
    "company": "companyName",
    "country": "countryCode",
}
_CONVERSION_FIELDS: Final = {"conversionType": "conversion_type", "conversionHappenedAt": "conversionHappenedAt"}
_MONEY_FIELDS: Final = {"currencyCode": "currencyCode", "amount": "amount"}
#: Columns of the offline API that are none today, and the fields they become.
_BECOMES: Final[dict[str, tuple[str, ...]]] = {
    "action": (),
    "user": ("email", *_USER_FIELDS.values(), "user"),
    "userids": ("email",),
    "sha512email": ("email",),
    "conversion": (*_CONVERSION_FIELDS.values(), *_MONEY_FIELDS.values()),
    "moneyamount": tuple(_MONEY_FIELDS.values()),
}
_COLUMNS: Final = ("action", "user", "userIds", "SHA512_EMAIL", "conversion", "moneyAmount", "conversionType")
_TIMES: Final = names_of("conversionHappenedAt")
_TYPES: Final = names_of("conversion_type")
_EMAILS: Final = names_of("email")
_RULE_FIELDS: Final = (
    "name",
    "account",
    "type",
    "postClickAttributionWindowSize",
    "viewThroughAttributionWindowSize",
    "attributionType",
    "valueType",
    "value",
    "enabled",
)


class _NoEquivalent(Exception):
    """A part of the row that today's API has no place for."""

    def __init__(self, field: str, code: str) -> None:
        self.field = field
        self.code = code


def migrate_offline_row(
    row: Mapping[str, Any], *, rules_by_type: Mapping[str, object] | None = None
) -> dict[str, Any] | Rejection:
    """Return the fields of today's row that an offline row holds, or why it has no equivalent.

    :param row: the legacy element (``{"action": ..., "user": {...}, "conversion": {...}}``, its parts as records
        or as their JSON text), or the same in flat columns (``action``, ``SHA256_EMAIL``, ``SHA512_EMAIL``,
        ``firstName``, ..., ``conversionType``, ``conversionHappenedAt``, ``currencyCode``, ``amount``). Columns
        that today's rows have as well, such as ``eventId``, stay as they are, and so do ``userInfo``, ``externalIds``
        and ``lead`` in ``user``.
    :param rules_by_type: conversion type -> rule; a retired type is taken only when it is named here.
    :return: column -> cell for :class:`~airflow_provider_linkedin_capi.events.mapper.RowMapper`; a SHA-512 is
        handed on as e-mail when there is no SHA-256, so that it is refused by its own name.
    """
    try:
        return _migrate(row, frozenset(map(normalized_name, rules_by_type or ())))
    except _NoEquivalent as missing:
        return Rejection(0, missing.field, missing.code, f"{missing.field}: {CODES[missing.code]}")


def _migrate(row: Mapping[str, Any], types_with_rule: frozenset[str]) -> dict[str, Any]:
    is_flat = any(normalized_name(column) in _TIMES for column in row)
    migrated: dict[str, Any] = {}
    sha512 = None
    for column, cell in row.items():
        match normalized_name(column):
            case "action":
                _check_action(cell)
            case "user":
                user = _record(cell, "user")
                migrated |= _renamed(user, _USER_FIELDS)
                migrated |= _emails(user.get("userIds"))
                # what only today's record of a person has: userInfo, externalIds, lead
                migrated["user"] = {name: user[name] for name in user if name not in (*_USER_FIELDS, "userIds")} or None
            case "userids":
                migrated |= _emails(cell)
            case "sha512email":
                sha512 = cell
            case "conversion" if not is_flat:
                conversion = _record(cell, "conversion")
                migrated |= _renamed(conversion, _CONVERSION_FIELDS)
                migrated |= _renamed(_record(conversion.get("moneyAmount"), "moneyAmount"), _MONEY_FIELDS)
            case "moneyamount":
                migrated |= _renamed(_record(cell, "moneyAmount"), _MONEY_FIELDS)
            case name:
                migrated[column] = cell
                if name in _TYPES:
                    migrated["conversion_type"] = migrated.pop(column)
    if to_python(sha512) is not None:
        email = next((column for column in migrated if normalized_name(column) in _EMAILS), "email")
        if to_python(migrated.get(email)) is None:
            migrated[email] = sha512
    _check_type(migrated.get("conversion_type"), types_with_rule)
    return migrated


def _check_action(cell: Any) -> None:
    action = to_python(cell)
    if action is None:
        return
    name = action.upper() if isinstance(action, str) else ""
    if name != "ADD":
        raise _NoEquivalent("action", "offline_remove" if name == "REMOVE" else "offline_action_unknown")


def _check_type(cell: Any, types_with_rule: frozenset[str]) -> None:
    name = to_python(cell)
    if isinstance(name, str) and name.upper() in RETIRED_TYPES and normalized_name(name) not in types_with_rule:
        raise _NoEquivalent("conversion_type", "offline_type_retired")


def _record(cell: Any, field: str) -> Mapping[str, Any]:
    value = _parsed(cell, field)
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        raise _NoEquivalent(field, "offline_element_invalid")
    return value


def _parsed(cell: Any, field: str) -> Any:
    value = to_python(cell)
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except (ValueError, RecursionError):
            raise _NoEquivalent(field, "offline_element_invalid") from None
    return value


def _renamed(record: Mapping[str, Any], names: Mapping[str, str]) -> dict[str, Any]:
    return {today: record[name] for name, today in names.items() if name in record}


def _emails(cell: Any) -> dict[str, Any]:
    """Return the e-mail among the ids of a user: the SHA-256, else the SHA-512 for its refusal."""
    entries = _parsed(cell, "userIds")
    if entries is None:
        return {}
    if not isinstance(entries, list | tuple):
        raise _NoEquivalent("userIds", "offline_element_invalid")
    found: dict[str, Any] = {}
    for entry in entries:
        id_type = entry.get("idType") if isinstance(entry, Mapping) else None
        if id_type not in ("SHA256_EMAIL", "SHA512_EMAIL"):
            raise _NoEquivalent("userIds", "offline_element_invalid")
        if id_type in found:
            raise _NoEquivalent("userIds", "offline_more_emails")
        found[id_type] = entry.get("idValue")
    return {"email": found.get("SHA256_EMAIL", found.get("SHA512_EMAIL"))} if found else {}


class OfflineRowMapper:
    """A :class:`RowMapper` for rows made for the offline API; same parameters, same results.

    See :func:`migrate_offline_row` for what it takes. Rows that would REMOVE a conversion, and those of retired
    types, are rejected under codes of their own.
    """

    def __init__(
        self,
        columns: Sequence[str],
        *,
        rule: str | int | Mapping[str, str | int] | None = None,
        column_mapping: Mapping[str, str | None] | None = None,
        **settings: Any,
    ) -> None:
        renamed = resolve_mapping(columns, column_mapping or {}, also=_COLUMNS)
        # columns that are mapped to nothing get a name that no field has
        self._columns = tuple(renamed.get(normalized_name(column), column) or f"({column})" for column in columns)
        self._rules_by_type = rule if isinstance(rule, Mapping) else None
        self._today = _columns_of_today(self._columns)
        self._mapper = RowMapper(
            self._today, rule=rule, column_mapping={"user": "user"} if "user" in self._today else None, **settings
        )
        #: As of :class:`RowMapper`.
        self.notices = self._mapper.notices
        self.ignored_columns = self._mapper.ignored_columns
        key = self._mapper.key_column
        self.key_column = (
            self._columns.index(self._today[key]) if key is not None and self._today[key] in self._columns else None
        )

    def map(self, rows: Sequence[Sequence[Any]]) -> MappedRows:
        """Return the events, the rejections and the warnings of the rows; see :meth:`RowMapper.map`."""
        kept: list[int] = []
        migrated: list[tuple[Any, ...]] = []
        rejections: list[Rejection] = []
        for position, row in enumerate(rows):
            try:
                fields = migrate_offline_row(
                    dict(zip(self._columns, row, strict=True)), rules_by_type=self._rules_by_type
                )
            except (TypeError, ValueError):
                fields = Rejection(position, "row", "row_shape", f"row: {CODES['row_shape']}")
            if isinstance(fields, Rejection):
                rejections.append(Rejection(position, fields.field, fields.code, fields.message))
            else:
                kept.append(position)
                migrated.append(tuple(fields.get(column) for column in self._today))
        mapped = self._mapper.map(migrated)
        rejections += [replace(each, position=kept[each.position]) for each in mapped.rejections]
        return MappedRows(
            events=mapped.events,
            positions=[kept[position] for position in mapped.positions],
            rejections=sorted(rejections, key=lambda each: each.position),
            warnings=[replace(each, position=kept[each.position]) for each in mapped.warnings],
            latest_ms=mapped.latest_ms,
            not_yet=mapped.not_yet,
        )


def _columns_of_today(columns: Sequence[str]) -> tuple[str, ...]:
    is_flat = any(normalized_name(column) in _TIMES for column in columns)
    today: list[str] = []
    for column in columns:
        name = normalized_name(column)
        if name in _TYPES:
            today.append("conversion_type")
        elif name == "sha512email" or name not in _BECOMES or (name == "conversion" and is_flat):
            today.append(column)
        else:
            today += _BECOMES[name]
    if "sha512email" in map(normalized_name, today):
        today = [column for column in today if normalized_name(column) != "sha512email"]
        if _EMAILS.isdisjoint(map(normalized_name, today)):
            today.append("email")
    return tuple(today)


def migrate_offline_rule(
    rule: Mapping[str, Any], segment: Mapping[str, Any] | None = None, *, conversion_type: str | None = None
) -> dict[str, Any]:
    """Return today's body for a rule of the offline API (``OFFLINE_CONVERSIONS_UPLOAD``).

    Name, type, attribution, value and state stay; the tie to the DMP segment goes, since events now name their
    rule themselves. Campaign associations are no part of a rule: put them again for the new one.

    :param rule: the rule as LinkedIn returned it, or as it was created.
    :param segment: its DMP segment, for the ad account when the rule does not name one.
    :param conversion_type: today's type for a rule whose own type is retired.
    :return: a body for :func:`airflow_provider_linkedin_capi.api.conversion_rules.create`.
    :raises ValueError: a rule of another kind, without account, or of a retired type.
    """
    name = rule.get("name")
    method = rule.get("conversionMethod")
    if method != "OFFLINE_CONVERSIONS_UPLOAD":
        raise ConfigurationError(f"the rule {name!r} is of the kind {method}, not OFFLINE_CONVERSIONS_UPLOAD")
    body = {field: rule[field] for field in _RULE_FIELDS if rule.get(field) is not None}
    body["conversionMethod"] = "CONVERSIONS_API"
    body["type"] = conversion_type or body.get("type")
    if body["type"] in RETIRED_TYPES:
        raise ConfigurationError(
            f"the rule {name!r} has the type {body['type']}, which no rule can have today: give conversion_type"
        )
    account = body.get("account") or (segment or {}).get("account")
    if not account:
        raise ConfigurationError(f"neither the rule {name!r} nor its segment names the ad account")
    return body | {"account": urns.ad_account(account)}
