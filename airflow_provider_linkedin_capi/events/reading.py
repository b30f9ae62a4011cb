"""Reading a column: a fast pass over all of it, then a careful one over the cells that the fast one left open."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence, Set
from itertools import compress
from types import NoneType
from typing import Any, Final, NamedTuple

from airflow_provider_linkedin_capi.events.cells import Corrected, Refused, is_placeholder, to_python
from airflow_provider_linkedin_capi.events.codes import CODES
from airflow_provider_linkedin_capi.events.model import Rejection, RowWarning

#: Takes texts; gives the finished value of each usual one and ``None`` for all others. A value given is never wrong.
ReadMany = Callable[[list[str]], list[str | None]]
#: Takes a plain value that is not absent; gives what the event holds, ``None`` for absence, Refused or Corrected.
ReadOne = Callable[[Any], Any]

ID_PLACEHOLDER: Final = Refused("id_placeholder")
PLACEHOLDER: Final = Corrected("placeholder")
_UNREADABLE: Final = Refused("cell_unreadable")
#: How many cells the fast pass checks at once: an unusual one slows down its block only.
_BLOCK: Final = 100
#: How many different cells a repetitive column remembers.
_MOST_KNOWN: Final = 20_000


class Finding(NamedTuple):
    """Something wrong with one cell; ``warning`` when the row can do without it in any case."""

    field: str
    code: str
    warning: bool


class Findings:
    """What was found in the rows of one chunk, by position.

    :param identifiers: fields of which one has to remain; a bad one alone does not refuse the row.
    :param optional: fields that no event needs; a bad one is left out with a warning.
    """

    def __init__(self, identifiers: Set[str], optional: Set[str]) -> None:
        self._identifiers = identifiers
        self._optional = optional
        self._found: dict[int, list[Finding]] = {}

    def add(self, position: int, field: str, code: str, *, warning: bool = False) -> None:
        """Note what is wrong with a cell."""
        self._found.setdefault(position, []).append(Finding(field, code, warning or field in self._optional))

    def has(self, position: int, *fields: str) -> bool:
        """Tell whether a cell of one of these fields of the row could not be used."""
        return any(not found.warning and found.field in fields for found in self._found.get(position, ()))

    def conclude(self, unidentified: Sequence[int]) -> tuple[list[Rejection], list[RowWarning]]:
        """Return the rejections, and the warnings of the rows that remain.

        :param unidentified: positions of rows without any identifier.
        """
        for position in unidentified:
            self._found.setdefault(position, [])
        without_identifier = frozenset(unidentified)
        identifiers = self._identifiers
        rejections: list[Rejection] = []
        warnings: list[RowWarning] = []
        for position, found in sorted(self._found.items()):
            reasons = [each for each in found if not each.warning and each.field not in identifiers]
            texts = [message(each.field, each.code) for each in reasons]
            if found and found[0].field == "row":
                texts = texts[:1]
            elif position in without_identifier:
                lost = [each for each in found if not each.warning and each.field in identifiers]
                reasons += lost if len(lost) == 1 else [Finding("user", "no_identifier", False)]
                why = f" ({'; '.join(message(each.field, each.code) for each in lost)})" if lost else ""
                texts.append(CODES["no_identifier"] + why)
            if reasons:
                first = reasons[0]
                rejections.append(Rejection(position, first.field, first.code, "; ".join(texts)))
            else:
                warnings += [
                    RowWarning(position, each.field, each.code, message(each.field, each.code)) for each in found
                ]
        return rejections, warnings


def message(field: str, code: str) -> str:
    """Return the message of a rejection or warning."""
    return f"{field}: {CODES[code]}"


class Reader:
    """How the cells of one field become what the event holds.

    :param one: reads a value carefully.
    :param many: reads the usual texts of a column fast.
    :param placeholder: what a text such as ``NULL`` is taken for.
    :param is_placeholder: recognizes such a text.
    """

    def __init__(
        self,
        one: ReadOne,
        many: ReadMany | None = None,
        *,
        placeholder: Refused | Corrected = PLACEHOLDER,
        is_placeholder: Callable[[str], bool] = is_placeholder,
    ) -> None:
        self._one = one
        self._many = many
        self._placeholder = placeholder
        self._is_placeholder = is_placeholder

    def read(self, field: str, cells: Sequence[Any], findings: Findings) -> list[Any]:
        """Return a value for each cell of the column, ``None`` where there is nothing to send."""
        values = self.usual(cells)
        if all(values):
            return values
        for position, (cell, value) in enumerate(zip(cells, values, strict=True)):
            if value is None and cell is not None:
                value = self.read_one(cell)
                if value.__class__ is Refused:
                    findings.add(position, field, value.code)
                    value = None
                elif value.__class__ is Corrected:
                    findings.add(position, field, value.code, warning=True)
                    value = value.value
                values[position] = value
        return values

    def usual(self, cells: Sequence[Any]) -> list[Any]:
        """Return the finished values of the cells that are usual, ``None`` for all others."""
        if self._many is None:
            return [None] * len(cells)
        return of_kind(str, cells, self._many)

    def read_one(self, cell: Any) -> Any:
        """Return the value of one cell, ``None`` for absence, Refused or Corrected."""
        try:
            value = to_python(cell)
            if value is None:
                return None
            if value.__class__ is str and self._is_placeholder(value):
                return self._placeholder
            return self._one(value)
        except Exception:  # a cell can be any object, and its methods foreign code
            return _UNREADABLE


class RepetitiveReader(Reader):
    """Reads a column in which the same cells come again (rules, countries, names): each different one once.

    What ``one`` gives must depend on the cell alone. Remembers nothing when hardly any cell comes again.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._known: dict[object, Any] = {}
        self._chunks = 0
        self._worth_it = True

    def usual(self, cells: Sequence[Any]) -> list[Any]:
        """Return the values of the cells known, and of those now learned."""
        if not self._worth_it:
            return super().usual(cells)
        kinds = set(map(type, cells))
        if not kinds <= {str, int, NoneType}:
            # equal cells of other types (1, 1.0, True) are not read alike
            cells = [cell if cell.__class__ is str or cell.__class__ is int else None for cell in cells]
        known = self._known
        values = list(map(known.get, cells))
        if None in values:
            fresh = {cell for cell, value in zip(cells, values, strict=True) if value is None}
            fresh.discard(None)
            if fresh:
                self._learn(fresh)
                values = list(map(known.get, cells))
                self._chunks += 1
                if self._many and self._chunks > 1 and len(fresh) > 0.75 * len(cells) > 100:
                    self._worth_it = False
                    known.clear()
        return values

    def _learn(self, fresh: Set[Any]) -> None:
        if len(self._known) + len(fresh) > _MOST_KNOWN:
            self._known.clear()
        known = self._known
        others = fresh
        if self._many:
            texts = [cell for cell in fresh if cell.__class__ is str]
            found = dict(zip(texts, self._many(texts), strict=True))
            if len(found) == len(fresh) and all(found.values()):
                known.update(found)
                return
            known.update((text, value) for text, value in found.items() if value)
            others = {cell for cell in fresh if not found.get(cell)}
        for cell in others:
            value = self.read_one(cell)
            if value.__class__ is str:
                known[cell] = value


def of_kind(kind: type, cells: Sequence[Any], many: Callable[[list[Any]], list[Any]]) -> list[Any]:
    """Return what ``many`` makes of the cells of exactly one type, ``None`` for all others."""
    kinds = set(map(type, cells))
    if kinds == {kind}:
        return many(list(cells))
    if kind not in kinds:
        return [None] * len(cells)
    found = iter(many([cell for cell in cells if cell.__class__ is kind]))
    return [next(found) if cell.__class__ is kind else None for cell in cells]


def in_blocks(
    cells: list[Any], whole: Callable[[list[Any]], list[Any] | None], single: Callable[[Any], Any]
) -> list[Any]:
    """Return the values of a column read block by block.

    :param whole: reads a block of usual cells in a few calls; gives ``None`` when one of them is not usual.
    :param single: reads one cell of such a block; gives ``None`` when it is the one.
    """
    values: list[Any] = []
    for start in range(0, len(cells), _BLOCK):
        block = cells[start : start + _BLOCK]
        values += whole(block) or map(single, block)
    return values


class ConstantColumn:
    """Tells a column in which every row has the same identifier, which then identifies nobody and nothing.

    Decides by the chunks so far, in their order: the same rows are judged alike on every try.

    :param least_people: of how many different people the rows are at least, for an identifier that is not a person's;
        None when only the number of rows counts.
    """

    #: In how many rows of a chunk at least.
    LEAST_ROWS: Final = 20

    def __init__(self, least_people: int | None = None) -> None:
        self._least_people = least_people
        self._constants: set[str] = set()
        self._candidate: str | None = None
        self._people: set[Hashable] = set()

    def is_constant(self, values: Sequence[str | None], people: Sequence[Hashable] = ()) -> bool:
        """Tell whether all values of a chunk are the same, and it or those before it are enough to judge by.

        :param people: whose row each is; needed with ``least_people``.
        """
        value = next(filter(None, values), None)
        if value is None:
            return False
        count = values.count(value)
        if count + values.count(None) < len(values):
            self._candidate = None
            return False
        if value in self._constants:
            return True
        if count < self.LEAST_ROWS and not self._has_enough_people(value, values, people):
            return False
        self._constants.add(value)
        return True

    def _has_enough_people(self, value: str, values: Sequence[str | None], people: Sequence[Hashable]) -> bool:
        if self._least_people is None:
            return False
        if value != self._candidate:
            self._candidate = value
            self._people = set()
        self._people.update(compress(people, values))
        return len(self._people) >= self._least_people
