"""Which conversion rule a row belongs to."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from itertools import compress
from typing import TYPE_CHECKING, Any

from airflow_provider_linkedin_capi.api import urns
from airflow_provider_linkedin_capi.events.cells import Refused, is_placeholder
from airflow_provider_linkedin_capi.events.columns import normalized_name
from airflow_provider_linkedin_capi.events.identifiers import id_text
from airflow_provider_linkedin_capi.events.reading import RepetitiveReader
from airflow_provider_linkedin_capi.exceptions import ColumnError

if TYPE_CHECKING:
    from airflow_provider_linkedin_capi.events.reading import Findings, Reader


class RuleColumns:
    """The columns that choose the rule: the row's own, else that of its conversion type, else the default.

    :param columns: the fields that have a column.
    :param rule: the default rule, or conversion type -> rule.
    :raises ColumnError: neither the columns nor ``rule`` can name a rule.
    :raises ConfigurationError: a rule is not an id.
    """

    def __init__(self, columns: Collection[str], rule: str | int | Mapping[str, str | int] | None) -> None:
        self.default: str | None = None
        self._by_type: dict[str, str] = {}
        if isinstance(rule, Mapping):
            self._by_type = {normalized_name(name): urns.conversion_rule(each) for name, each in rule.items()}
        elif rule is not None:
            self.default = urns.conversion_rule(rule)
        self._own: Reader | None = None
        self._type: Reader | None = None
        if "conversion" in columns:
            self._own = RepetitiveReader(conversion)
        if self._by_type and "conversion_type" in columns:
            self._type = RepetitiveReader(self._rule_of_type, is_placeholder=self._is_no_type)
        if not (self.default or self._own or self._type):
            raise ColumnError(
                "no conversion rule: set conversion_rule, or add a column `conversion` with the rule of each row, "
                "or a column `conversion_type` and set conversion_rule to a mapping of types to rules"
            )

    @property
    def reads_types(self) -> bool:
        """Whether the column of conversion types is used."""
        return self._type is not None

    def read(self, cells: Mapping[str, Sequence[Any]], count: int, findings: Findings) -> list[str | None]:
        """Return the URN of each row's rule; rows without one are noted.

        :param cells: the column of each field.
        :param count: number of rows.
        """
        default: list[str | None] = [self.default] * count
        rules = self._own.read("conversion", cells["conversion"], findings) if self._own else default
        if all(rules):
            return rules
        open_rows = [rule is None and not findings.has(position, "conversion") for position, rule in enumerate(rules)]
        others = default
        if self._type:
            # a row with a rule of its own may name any type
            types = [cell if asked else None for cell, asked in zip(cells["conversion_type"], open_rows, strict=True)]
            others = self._type.read("conversion_type", types, findings)
        for position in compress(range(count), open_rows):
            rules[position] = others[position]
            if others[position] is None and not findings.has(position, "conversion_type"):
                findings.add(position, "conversion", "conversion_missing")
        return rules

    def _is_no_type(self, text: str) -> bool:
        return is_placeholder(text) and normalized_name(text) not in self._by_type

    def _rule_of_type(self, value: Any) -> Any:
        rule = self._by_type.get(normalized_name(value)) if isinstance(value, str) else None
        return rule or Refused("conversion_type_unknown")


def conversion(value: Any) -> Any:
    """Return the URN of a rule given as number, text or URN."""
    try:
        return urns.conversion_rule(id_text(value) or "")
    except ValueError:
        return Refused("conversion_invalid")
