"""Which column holds which field."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from airflow_provider_linkedin_capi.exceptions import ColumnError

if TYPE_CHECKING:
    from collections.abc import Sequence

#: Every field of a row, with its other spellings.
FIELDS: Final = {
    "conversion": ("conversion_rule",),
    "conversion_type": ("event_name",),
    "conversionHappenedAt": ("happened_at", "event_time", "timestamp"),
    "eventId": (),
    "email": ("SHA256_EMAIL",),
    "li_fat_id": ("LINKEDIN_FIRST_PARTY_ADS_TRACKING_UUID",),
    "ACXIOM_ID": (),
    "ip_address": ("PLAINTEXT_IP_ADDRESS",),
    "SHA256_IP_ADDRESS": (),
    "GOOGLE_AID": (),
    "firstName": (),
    "lastName": (),
    "hashedFirstName": (),
    "hashedLastName": (),
    "companyName": ("company",),
    "title": ("job_title",),
    "countryCode": ("country",),
    "externalIds": ("external_id",),
    "lead": (),
    "currencyCode": ("currency",),
    "amount": ("value",),
}
#: Fields that older documents name and LinkedIn takes no more.
RETIRED: Final = {"ORACLE_MOAT_ID": "LinkedIn no longer takes ORACLE_MOAT_ID"}

_LOOSE: Final = re.compile(r"[\s_-]+")


def normalized_name(name: object) -> str:
    """Return a column's name without regard to case, ``_``, ``-`` and white space."""
    return _LOOSE.sub("", str(name)).lower()


_FIELD_OF: Final = {normalized_name(name): field for field, others in FIELDS.items() for name in (field, *others)}


def match_columns(columns: Sequence[str], column_mapping: Mapping[str, str] | None = None) -> dict[str, int]:
    """Return the index of the column of each field found.

    :param columns: names as the source gives them.
    :param column_mapping: column -> field, for columns with names of their own.
    :raises ColumnError: two columns for one field; a mapping of a column that is not there or to a field
        that does not exist.
    """
    mapped = resolve_mapping(columns, column_mapping or {})
    found: dict[str, int] = {}
    for index, column in enumerate(columns):
        field = mapped.get(normalized_name(column)) or _FIELD_OF.get(normalized_name(column))
        if field is None:
            continue
        if field in found:
            raise ColumnError(
                f"columns {columns[found[field]]!r} and {column!r} both hold {field}: "
                "select only one of them, or rename the other"
            )
        found[field] = index
    return found


def resolve_mapping(
    columns: Sequence[str], column_mapping: Mapping[str, str], also: Sequence[str] = ()
) -> dict[str, str]:
    """Return the field of each mapped column, by the column's loose name.

    :param also: further names that columns may be mapped to.
    :raises ColumnError: see :func:`match_columns`.
    """
    if not isinstance(column_mapping, Mapping):
        raise ColumnError(
            f"column_mapping has to be a mapping of column to field, not {type(column_mapping).__name__}; "
            "templates go into its values"
        )
    targets = _FIELD_OF | {normalized_name(name): name for name in also}
    resolved = {}
    present = {normalized_name(column) for column in columns}
    for column, target in column_mapping.items():
        if normalized_name(column) not in present:
            raise ColumnError(
                f"column_mapping names the column {column!r}, which is not among the rows' columns"
                + _suggestion(column, columns)
            )
        field = targets.get(normalized_name(target))
        if field is None:
            raise ColumnError(
                f"column_mapping sends {column!r} to {target!r}, which is no field"
                + _suggestion(target, [*FIELDS, *also])
            )
        resolved[normalized_name(column)] = field
    return resolved


def _suggestion(name: object, names: Sequence[str]) -> str:
    by_loose = {normalized_name(each): each for each in names}
    close = difflib.get_close_matches(normalized_name(name), by_loose, n=3, cutoff=0.5)
    if close:
        return f"; did you mean {' or '.join(repr(by_loose[each]) for each in close)}?"
    return f"; there are {', '.join(map(repr, names))}"
