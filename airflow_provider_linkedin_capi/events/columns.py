"""Which column holds which field."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from airflow_provider_linkedin_capi.events import fields
from airflow_provider_linkedin_capi.exceptions import ColumnError

if TYPE_CHECKING:
    from collections.abc import Sequence

_LOOSE: Final = re.compile(r"[\s_-]+")


def normalized_name(name: object) -> str:
    """Return a column's name without regard to case, ``_``, ``-`` and white space."""
    return _LOOSE.sub("", str(name)).lower()


def field_names() -> dict[str, str]:
    """Return the field that each name or alias stands for, by its normalized form."""
    return {normalized_name(name): field.name for field in fields.FIELDS for name in (field.name, *field.aliases)}


def names_of(field: str) -> frozenset[str]:
    """Return the normalized names that a column of a field may have."""
    return frozenset(name for name, other in field_names().items() if other == field)


def match_columns(columns: Sequence[str], column_mapping: Mapping[str, str | None] | None = None) -> dict[str, int]:
    """Return the index of the column of each field found.

    :param columns: names as the source gives them.
    :param column_mapping: column -> field, for columns with names of their own; to ``None`` or ``""`` for a column that
        is not to be read. A column that it names wins over one that has the field's name.
    :raises ColumnError: two columns for one field; a mapping of a column that is not there or to a field
        that does not exist.
    """
    mapped = resolve_mapping(columns, column_mapping or {})
    by_name = field_names()
    explicit = {field for field in mapped.values() if field}
    found: dict[str, int] = {}
    for index, column in enumerate(columns):
        name = normalized_name(column)
        if name in mapped:
            field = mapped[name]
        else:
            field = by_name.get(name)
            if field in explicit:
                continue
        if field is None:
            continue
        if field in found:
            raise ColumnError(
                f"columns {columns[found[field]]!r} and {column!r} both hold {field}: "
                f'select only one of them, or leave one out with column_mapping={{"{column}": None}}'
            )
        found[field] = index
    return found


def resolve_mapping(
    columns: Sequence[str], column_mapping: Mapping[str, str | None], also: Sequence[str] = ()
) -> dict[str, str | None]:
    """Return the field of each mapped column, by the column's normalized name; ``None`` for one not to be read.

    :param also: further names that columns may be mapped to.
    :raises ColumnError: see :func:`match_columns`.
    """
    if not isinstance(column_mapping, Mapping):
        raise ColumnError(
            f"column_mapping has to be a mapping of column to field, not {type(column_mapping).__name__}; "
            "templates go into its values"
        )
    targets = field_names() | {normalized_name(name): name for name in also}
    resolved: dict[str, str | None] = {}
    present = {normalized_name(column) for column in columns}
    for column, target in column_mapping.items():
        if normalized_name(column) not in present:
            # without a header line the first row's cells are taken for names: none is quoted unless it is a near miss
            raise ColumnError(
                f"column_mapping names the column {column!r}, which is not among the {len(columns)} columns of the rows"
                + _suggestion(column, columns, cutoff=0.8)
            )
        field = targets.get(normalized_name(target)) if target else None
        if target and field is None:
            names = [*(each.name for each in fields.FIELDS), *also]
            raise ColumnError(
                f"column_mapping maps {column!r} to {target!r}, which is not a field"
                + (_suggestion(target, names, cutoff=0.5) or f"; the fields are {', '.join(names)}")
            )
        resolved[normalized_name(column)] = field
    return resolved


def _suggestion(name: object, names: Sequence[str], *, cutoff: float) -> str:
    by_loose = {normalized_name(each): each for each in names}
    close = difflib.get_close_matches(normalized_name(name), by_loose, n=3, cutoff=cutoff)
    return f"; did you mean {' or '.join(repr(by_loose[each]) for each in close)}?" if close else ""
