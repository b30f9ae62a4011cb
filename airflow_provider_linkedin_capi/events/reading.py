"""Reading a column: a fast pass over all of it, then a careful one over the cells the first left open."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final, NamedTuple

from airflow_provider_linkedin_capi.events.codes import CODES
from airflow_provider_linkedin_capi.events.model import Rejection, RowWarning
from airflow_provider_linkedin_capi.events.plain import Corrected, Refused

Fast = Callable[[Sequence[Any]], list[Any]]
Careful = Callable[[Any], Any]

#: Fields of which one has to remain; a bad one alone does not refuse the row.
IDENTIFIERS: Final = frozenset(
    {
        "email",
        "li_fat_id",
        "ACXIOM_ID",
        "ip_address",
        "SHA256_IP_ADDRESS",
        "GOOGLE_AID",
        "firstName",
        "lastName",
        "hashedFirstName",
        "hashedLastName",
        "externalIds",
        "lead",
    }
)
#: Fields that no event needs; a bad one is left out.
EXTRAS: Final = ("companyName", "title", "countryCode")
#: Cells of which types, and how many, a repetitive column keeps.
_KEPT: Final = frozenset({str, int})
_MOST_KEPT: Final = 10_000


class Finding(NamedTuple):
    """Something wrong with one cell; ``warning`` when the row can do without it in any case."""

    field: str
    code: str
    warning: bool


class Findings:
    """What was found in the rows of one :meth:`RowMapper.map`, by position."""

    def __init__(self) -> None:
        self._found: dict[int, list[Finding]] = {}

    def add(self, position: int, field: str, code: str, *, warning: bool = False) -> None:
        """Note what is wrong with a cell."""
        self._found.setdefault(position, []).append(Finding(field, code, warning or field in EXTRAS))

    def has(self, position: int, *fields: str) -> bool:
        """Tell whether a cell of one of these fields of the row could not be used."""
        return any(not found.warning and found.field in fields for found in self._found.get(position, ()))

    def judge(self, unidentified: Sequence[int]) -> tuple[list[Rejection], list[RowWarning]]:
        """Return the rejections, and the warnings of the rows that remain.

        :param unidentified: positions of rows without any identifier.
        """
        for position in unidentified:
            self._found.setdefault(position, [])
        without_identifier = frozenset(unidentified)
        rejections: list[Rejection] = []
        warnings: list[RowWarning] = []
        for position, found in sorted(self._found.items()):
            reasons = [each for each in found if not each.warning and each.field not in IDENTIFIERS]
            texts = [_text(each) for each in reasons]
            if found and found[0].field == "row":
                texts = texts[:1]
            elif position in without_identifier:
                lost = [each for each in found if not each.warning and each.field in IDENTIFIERS]
                reasons += lost if len(lost) == 1 else [Finding("user", "no_identifier", False)]
                why = f" ({'; '.join(map(_text, lost))})" if lost else ""
                texts.append(CODES["no_identifier"] + why)
            if reasons:
                first = reasons[0]
                rejections.append(Rejection(position, first.field, first.code, "; ".join(texts)))
            else:
                warnings += [RowWarning(position, each.field, each.code, _text(each)) for each in found]
        return rejections, warnings


def finding_text(field: str, code: str) -> tuple[str, str, str]:
    """Return field, code and message of a rejection or warning."""
    return field, code, f"{field}: {CODES[code]}"


def _text(finding: Finding) -> str:
    return f"{finding.field}: {CODES[finding.code]}"


class Column:
    """One field's column and how its cells become what the event holds.

    :param field: name of the field.
    :param fast: takes all cells; gives the finished value, or ``None`` for every cell that is absent, odd or
        not worth a fast path. A value given is never wrong.
    :param careful: takes one cell; gives the value, ``None`` for absence, Refused or Corrected.
    """

    def __init__(self, field: str, fast: Fast, careful: Careful) -> None:
        self.field = field
        self.fast = fast
        self.careful = careful

    def read(self, column: Sequence[Any], findings: Findings) -> list[Any]:
        """Return a value for each cell of the column, ``None`` where there is none to send."""
        values = self.fast(column)
        if all(values):
            return values
        careful, field = self.careful, self.field
        for position, value in enumerate(values):
            if value is None and column[position] is not None:
                value = careful(column[position])
                if value.__class__ is Refused:
                    findings.add(position, field, value.code)
                    value = None
                elif value.__class__ is Corrected:
                    findings.add(position, field, value.code, warning=True)
                    value = value.value
                values[position] = value
        return values


class RepetitiveColumn(Column):
    """A column of few different cells (rules, countries): each different one is looked at carefully once.

    :param field: name of the field.
    :param careful: as in :class:`Column`; what it gives must depend on the cell alone.
    """

    def __init__(self, field: str, careful: Careful) -> None:
        super().__init__(field, self._look_up, self._learn)
        self._find_out = careful
        self._known: dict[object, Any] = {}

    def _look_up(self, cells: Sequence[Any]) -> list[Any]:
        known = self._known.get
        return [known(cell) if cell.__class__ in _KEPT else None for cell in cells]

    def _learn(self, cell: Any) -> Any:
        value = self._find_out(cell)
        if cell.__class__ in _KEPT and value.__class__ is str:
            if len(self._known) >= _MOST_KEPT:
                self._known.clear()
            self._known[cell] = value
        return value
