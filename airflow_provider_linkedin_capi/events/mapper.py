"""Rows to conversion events, by columns over a chunk of rows."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import compress
from typing import Any, Final

from airflow_provider_linkedin_capi.api.limits import DEFAULT_API_VERSION
from airflow_provider_linkedin_capi.events import event_ids, fields, users
from airflow_provider_linkedin_capi.events.columns import match_columns, normalized_name, resolve_mapping
from airflow_provider_linkedin_capi.events.fields import DISTINCT, IDENTIFYING, Role, fields_of
from airflow_provider_linkedin_capi.events.model import ConversionEvent, MappedRows, Rejection, RowWarning, User
from airflow_provider_linkedin_capi.events.money import read_values
from airflow_provider_linkedin_capi.events.reading import ConstantColumn, Findings, Reader, message
from airflow_provider_linkedin_capi.events.records import RecordColumns
from airflow_provider_linkedin_capi.events.rules import RuleColumns
from airflow_provider_linkedin_capi.events.times import CLOCK_SKEW_MS, TimeReader
from airflow_provider_linkedin_capi.exceptions import ColumnError

#: Rows of so many people that all have one event id are different events.
_LEAST_PEOPLE: Final = 3


class RowMapper:
    """Turn rows into conversion events; a total function: a row becomes an event or a rejection.

    The columns are matched once, before the first row. See docs/fields.md for every field, what it takes and what is
    refused.

    .. code-block:: python

        mapper = RowMapper(("happened_at", "email"), rule=14488340, now_ms=time.time_ns() // 1_000_000)
        mapped = mapper.map([("2026-11-22T06:00:00Z", "test@example.com")])

    :param columns: names of the rows' columns.
    :param rule: the conversion rule (number or URN) of rows that name none; or conversion type -> rule, chosen
        by the column ``conversion_type``. A row's own ``conversion`` wins over both.
    :param column_mapping: column -> field, for columns with names of their own; to ``None`` for one not to be read.
    :param naive_timezone: zone of times without one.
    :param time_format: form of times that are neither numbers nor ISO 8601 nor name the month, as ``datetime.strptime``
        takes it: ``%m/%d/%Y`` for LinkedIn's own CSV template.
    :param now_ms: the clock by which events are too old, in epoch milliseconds; the same on every try of a delivery.
    :param clock: the clock by which events are in the future, asked once for each :meth:`map`; ``now_ms`` when None.
    :param api_version: LinkedIn's version; hashed names need 202609.
    :param derive_event_ids: give rows without event id one that depends on their contents only.
    :raises ColumnError: two columns for one field, or columns that can't make any event.
    :raises ConfigurationError: a rule is not an id, an unknown time zone, an unusable ``time_format``.

    .. seealso:: https://learn.microsoft.com/en-us/linkedin/marketing/integrations/ads-reporting/conversions-api
    """

    def __init__(
        self,
        columns: Sequence[str],
        *,
        rule: str | int | Mapping[str, str | int] | None = None,
        column_mapping: Mapping[str, str | None] | None = None,
        naive_timezone: str = "UTC",
        time_format: str | None = None,
        now_ms: int,
        clock: Callable[[], int] | None = None,
        api_version: str = DEFAULT_API_VERSION,
        derive_event_ids: bool = True,
    ) -> None:
        self._width = len(columns)
        self._clock = clock or (lambda: now_ms)
        self._now_ms = now_ms
        self._derive_event_ids = derive_event_ids
        self._index = match_columns(columns, column_mapping)
        mapped = frozenset(resolve_mapping(columns, column_mapping or {}).values())
        self._records = RecordColumns([field.name for field in fields_of(Role.RECORD) if field.name in self._index])
        self._has_records = bool(self._records.fields())
        self._fields = {field.name: field for field in fields.FIELDS}
        self._known = self._index.keys() | self._records.fields()
        #: Sentences to log once: columns left out and why, columns that may be another system's.
        self.notices: tuple[str, ...] = (
            *self._leave_out(columns, api_version),
            *(
                f"column {columns[index]!r} is taken for {self._fields[name].taken_for}; if it is something else, "
                f'leave it out with column_mapping={{"{columns[index]}": None}}'
                for name, index in self._index.items()
                if self._fields[name].taken_for and name not in mapped
            ),
        )
        self._rules = RuleColumns(self._index, rule)
        if not self._rules.reads_types:
            self._index.pop("conversion_type", None)
        self._check_columns(len(columns))
        #: Index of the column with the event ids.
        self.key_column: int | None = self._index.get("eventId")
        used = set(self._index.values())
        #: Columns that take no part in any event.
        self.ignored_columns: tuple[str, ...] = tuple(
            str(column) for index, column in enumerate(columns) if index not in used
        )
        self._times = TimeReader(naive_timezone=naive_timezone, time_format=time_format, now_ms=now_ms)
        self._readers: dict[str, Reader] = {}
        for field in fields.FIELDS:
            make = field.mapped_reader if field.name in mapped and field.mapped_reader else field.reader
            if make and field.name in self._known:
                self._readers[field.name] = make()
        self._ids = [field for field in fields_of(Role.USER_ID) if field.name in self._known]
        self._constants = {
            field.name: ConstantColumn(_LEAST_PEOPLE if field.role is Role.EVENT_ID else None)
            for field in fields_of(*DISTINCT)
            if field.name in self._readers
        }
        records = {field.name for field in fields_of(Role.RECORD)} - {"conversionValue"}
        self._identifying = frozenset(field.name for field in fields_of(*IDENTIFYING)) | records
        self._optional = frozenset(field.name for field in fields_of(Role.INFO))

    def _leave_out(self, columns: Sequence[str], api_version: str) -> list[str]:
        """Forget columns that can't be sent; return a sentence for each."""
        retired = {normalized_name(name): why for name, why in fields.RETIRED.items()}
        notices = [
            f"column {column!r} is left out: {retired[normalized_name(column)]}"
            for column in columns
            if normalized_name(column) in retired
        ]

        def forget(name: str, why: str, *, in_records: bool = False) -> None:
            if name in self._known:
                self._known -= {name}
                if self._index.pop(name, None) is not None or in_records:
                    notices.append(f"{name} is left out: {why}")

        for field in fields.FIELDS:
            if field.since and api_version < field.since:
                why = f"it needs LinkedIn's version {field.since}, this is {api_version}"
                forget(field.name, why, in_records=True)
        if self._known.isdisjoint(field.name for field in fields_of(Role.NAME)):
            for field in fields_of(Role.INFO):
                forget(field.name, "LinkedIn accepts it only with first and last name")
        if "amount" not in self._known:
            forget("currencyCode", "LinkedIn accepts it only with an amount")
        return notices

    def _check_columns(self, count: int) -> None:
        if "conversionHappenedAt" not in self._index:
            raise ColumnError(
                f"none of the {count} columns says when the conversion happened: name one conversionHappenedAt, or map "
                "one with column_mapping"
            )
        if "amount" in self._known and "currencyCode" not in self._known:
            raise ColumnError(
                "a column holds the amount but none its currency, which LinkedIn requires: name one currencyCode, "
                "or map one with column_mapping"
            )
        identifying = [field.name for field in fields_of(*IDENTIFYING)]
        if self._known.isdisjoint(identifying):
            raise ColumnError(
                f"none of the {count} columns identifies a person: name at least one of {', '.join(identifying)}, "
                "or map one with column_mapping"
            )

    def map(self, rows: Sequence[Sequence[Any]]) -> MappedRows:
        """Return the events, the rejections and the warnings of the rows.

        :param rows: each with one cell for each column. Never raises for what the cells hold.
        """
        count = len(rows)
        findings = Findings(self._identifying, self._optional)
        cells = self._cells(rows, findings)
        if self._has_records:
            self._records.spread(cells, count, findings)
        conversions: list[Any] = self._rules.read(cells, count, findings)
        times = self._times.read("conversionHappenedAt", cells["conversionHappenedAt"], findings)
        absent: list[Any] = [None] * count
        read = {
            name: reader.read(name, cells[name], findings) for name, reader in self._readers.items() if name in cells
        }
        infos = users.read_infos(read, count, findings)
        values = absent
        if "amount" in cells or "currencyCode" in cells:
            values = read_values(cells.get("amount", absent), cells.get("currencyCode", absent), findings)
        leads = read.get("lead", absent)
        externals = [text and (text,) for text in read["externalIds"]] if "externalIds" in read else absent
        ids = users.read_ids(self._ids, read, count)
        people = list(map(User, ids, infos, externals, leads))
        self._check_constants(read, people, findings)
        own_ids = read.get("eventId", absent)

        rejections, warnings = findings.conclude(users.unidentified(ids, infos, externals, leads))
        kept: Sequence[int] = range(count)
        if rejections:
            keep = [True] * count
            for rejection in rejections:
                keep[rejection.position] = False
            kept, conversions, times, people, values, own_ids = (
                list(compress(column, keep)) for column in (kept, conversions, times, people, values, own_ids)
            )
        if self._derive_event_ids and not all(own_ids):
            derive = event_ids.derive
            own_ids = [
                own or derive(conversion, time, value, person)
                for own, conversion, time, value, person in zip(
                    own_ids, conversions, times, values, people, strict=True
                )
            ]
        events = list(map(ConversionEvent, conversions, times, people, values, own_ids))
        mapped = MappedRows(events, list(kept), rejections, warnings)
        # A clock that was set back between two tries does not make the past future.
        now_ms = max(self._clock(), self._now_ms)
        return _without_future(mapped, now_ms) if times and max(times) > now_ms else mapped

    def _check_constants(self, read: dict[str, list[Any]], people: list[User], findings: Findings) -> None:
        """Note identifiers that are the same in every row; such an event id is not used."""
        for name, constant in self._constants.items():
            if name in read and constant.is_constant(read[name], people):
                is_event_id = self._fields[name].role is Role.EVENT_ID
                for position in compress(range(len(read[name])), read[name]):
                    findings.add(position, name, "event_id_constant" if is_event_id else "id_constant", warning=True)
                if is_event_id:
                    read[name] = [None] * len(read[name])

    def _cells(self, rows: Sequence[Sequence[Any]], findings: Findings) -> dict[str, Sequence[Any]]:
        """Return the column of each field; rows of another length are noted."""
        try:
            columns: list[Any] = list(zip(*rows, strict=True))
            if len(columns) != self._width and rows:
                raise ValueError
        except Exception:  # a row can be any object
            columns = list(zip(*self._shaped(rows, findings), strict=True))
        if not rows:
            columns = [()] * self._width
        return {field: columns[index] for field, index in self._index.items()}

    def _shaped(self, rows: Sequence[Sequence[Any]], findings: Findings) -> list[Sequence[Any]]:
        shaped: list[Sequence[Any]] = []
        for position, row in enumerate(rows):
            if isinstance(row, Sequence) and not isinstance(row, str | bytes) and len(row) == self._width:
                shaped.append(row)
            else:
                findings.add(position, "row", "row_shape")
                shaped.append((None,) * self._width)
        return shaped


def _without_future(mapped: MappedRows, now_ms: int) -> MappedRows:
    """Note the events ahead of the clock: those slightly ahead are sent as now, the others rejected for now."""
    latest = now_ms + CLOCK_SKEW_MS
    field = "conversionHappenedAt"
    not_yet: dict[int, int] = {}
    warnings: list[RowWarning] = []
    for place, (event, position) in enumerate(zip(mapped.events, mapped.positions, strict=True)):
        if event.conversion_happened_at > latest:
            not_yet[position] = place
        elif event.conversion_happened_at > now_ms:
            warnings.append(RowWarning(position, field, "time_clamped", message(field, "time_clamped")))
    why = message(field, "time_in_future")
    rejections = [Rejection(position, field, "time_in_future", why) for position in not_yet]
    warnings += [warning for warning in mapped.warnings if warning.position not in not_yet]

    def by_position(found: Rejection | RowWarning) -> int:
        return found.position

    return MappedRows(
        events=mapped.events,
        positions=mapped.positions,
        rejections=sorted(mapped.rejections + rejections, key=by_position),
        warnings=sorted(warnings, key=by_position),
        latest_ms=now_ms,
        not_yet=frozenset(not_yet.values()),
    )


def map_row(row: Mapping[str, Any], **settings: Any) -> ConversionEvent | Rejection:
    """Return the event of a single row, or why it can't be one.

    Meant for examining one row; for many, make one :class:`RowMapper`.

    :param row: column -> cell.
    :param settings: those of :class:`RowMapper`.
    """
    mapped = RowMapper(tuple(row), **settings).map([tuple(row.values())])
    return mapped.rejections[0] if mapped.rejections else mapped.events[0]
