"""Rows to conversion events, by columns over a chunk of rows."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import compress
from typing import Any

from airflow_provider_linkedin_capi.api.limits import DEFAULT_API_VERSION, SINCE_HASHED_NAMES
from airflow_provider_linkedin_capi.events import event_ids, identifiers, texts, users
from airflow_provider_linkedin_capi.events.columns import RETIRED, match_columns, normalized_name
from airflow_provider_linkedin_capi.events.model import ConversionEvent, MappedRows, Rejection, RowWarning, User
from airflow_provider_linkedin_capi.events.money import read_values
from airflow_provider_linkedin_capi.events.reading import (
    EXTRAS,
    IDENTIFIERS,
    Column,
    Findings,
    RepetitiveColumn,
    finding_text,
)
from airflow_provider_linkedin_capi.events.rules import RuleColumns
from airflow_provider_linkedin_capi.events.times import CLOCK_SKEW_MS, TimeColumn
from airflow_provider_linkedin_capi.exceptions import ColumnError


class RowMapper:
    """Turn rows into conversion events; a total function: a row becomes an event or a rejection.

    The columns are looked at once, before the first row. See docs/fields.md for every field, what it takes
    and what is refused.

    :param columns: names of the rows' columns.
    :param rule: the conversion rule (number or URN) of rows that name none; or conversion type -> rule, chosen
        by the column ``conversion_type``. A row's own ``conversion`` wins over both.
    :param column_mapping: column -> field, for columns with names of their own.
    :param naive_timezone: zone of times without one.
    :param now_ms: the clock that tells what is too old, in epoch milliseconds; the same on every try of a delivery.
    :param clock: the clock that tells what is in the future, asked once for each :meth:`map`; ``now_ms`` when None.
    :param api_version: LinkedIn's version; hashed names need 202609.
    :param derive_event_ids: give rows without event id one that depends on their contents only.
    :raises ColumnError: two columns for one field, or columns that can't make any event.
    :raises ValueError: a rule that is no id, an unknown time zone.

    .. seealso:: https://learn.microsoft.com/en-us/linkedin/marketing/integrations/ads-reporting/conversions-api
    """

    def __init__(
        self,
        columns: Sequence[str],
        *,
        rule: str | int | Mapping[str, str | int] | None = None,
        column_mapping: Mapping[str, str] | None = None,
        naive_timezone: str = "UTC",
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
        #: Sentences for the log, said once: columns left out and why.
        self.notices: tuple[str, ...] = tuple(self._leave_out(columns, api_version))
        self._rules = RuleColumns(self._index, rule)
        if not self._rules.reads_types:
            self._index.pop("conversion_type", None)
        self._check_columns()
        #: Index of the column with the event ids.
        self.key_column: int | None = self._index.get("eventId")
        used = set(self._index.values())
        #: Columns that take no part in any event.
        self.ignored_columns: tuple[str, ...] = tuple(
            str(column) for index, column in enumerate(columns) if index not in used
        )
        self._times = TimeColumn(naive_timezone=naive_timezone, now_ms=now_ms)
        self._columns = {column.field: column for column in cell_columns() if column.field in self._index}

    def _leave_out(self, columns: Sequence[str], api_version: str) -> list[str]:
        """Forget columns that can't be sent; return a sentence for each."""
        retired = {normalized_name(name): why for name, why in RETIRED.items()}
        notices = [
            f"column {column!r} is left out: {retired[normalized_name(column)]}"
            for column in columns
            if normalized_name(column) in retired
        ]
        if api_version < SINCE_HASHED_NAMES:
            notices += [
                f"{field} is left out: it needs LinkedIn's version {SINCE_HASHED_NAMES}, this is {api_version}"
                for field in users.HASHED_NAMES
                if self._index.pop(field, None) is not None
            ]
        if not any(field in self._index for field in users.NAMES):
            notices += [
                f"{field} is left out: LinkedIn takes it only with first and last name"
                for field in EXTRAS
                if self._index.pop(field, None) is not None
            ]
        if "amount" not in self._index and self._index.pop("currencyCode", None) is not None:
            notices.append("currencyCode is left out: LinkedIn takes it only with an amount")
        return notices

    def _check_columns(self) -> None:
        if "conversionHappenedAt" not in self._index:
            raise ColumnError("no column says when the conversion happened: name one conversionHappenedAt")
        if "amount" in self._index and "currencyCode" not in self._index:
            raise ColumnError(
                "a column holds the amount but none its currency, which LinkedIn wants with it: name one currencyCode"
            )
        if IDENTIFIERS.isdisjoint(self._index):
            raise ColumnError("no column identifies a person: name at least one " + ", ".join(sorted(IDENTIFIERS)))

    def map(self, rows: Sequence[Sequence[Any]]) -> MappedRows:
        """Return the events, the rejections and the warnings of the rows.

        :param rows: each with one cell for each column. Never raises for what the cells hold.
        """
        count = len(rows)
        findings = Findings()
        cells = self._cells(rows, findings)
        conversions: list[Any] = self._rules.read(cells, count, findings)
        times = self._times.read(cells["conversionHappenedAt"], findings)
        absent: list[Any] = [None] * count
        read = {field: column.read(cells[field], findings) for field, column in self._columns.items()}
        infos = users.read_infos(read, count, findings)
        values = absent
        if "amount" in cells:
            values = read_values(cells["amount"], cells["currencyCode"], findings)
        leads = read.get("lead", absent)
        externals = [text and (text,) for text in read["externalIds"]] if "externalIds" in read else absent
        ids = users.read_ids(read, count)
        people = list(map(User, ids, infos, externals, leads))
        own_ids = read.get("eventId", absent)

        rejections, warnings = findings.judge(users.unidentified(ids, infos, externals, leads))
        kept: Sequence[int] = range(count)
        if rejections:
            keep = [True] * count
            for rejection in rejections:
                keep[rejection.position] = False
            kept, conversions, times, people, values, own_ids = (
                list(compress(column, keep)) for column in (kept, conversions, times, people, values, own_ids)
            )
        if self._derive_event_ids and not all(own_ids):
            own_ids = [
                own or event_ids.derive(*contents)
                for own, *contents in zip(own_ids, conversions, times, values, people, strict=True)
            ]
        events = list(map(ConversionEvent, conversions, times, people, values, own_ids))
        mapped = MappedRows(events, list(kept), rejections, warnings)
        # A clock that was set back between two tries does not make the past future.
        now_ms = max(self._clock(), self._now_ms)
        return _without_future(mapped, now_ms) if times and max(times) > now_ms else mapped

    def _cells(self, rows: Sequence[Sequence[Any]], findings: Findings) -> dict[str, Sequence[Any]]:
        """Return the column of each field; rows of another length are found wanting."""
        try:
            columns = list(zip(*rows, strict=True))
            if len(columns) != self._width and rows:
                raise ValueError
        except (TypeError, ValueError):
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
    """Tell the events that lie ahead of the clock: sent as now if it is little, else rejected for the time being."""
    latest = now_ms + CLOCK_SKEW_MS
    not_yet: dict[int, int] = {}
    warnings: list[RowWarning] = []
    for place, (event, position) in enumerate(zip(mapped.events, mapped.positions, strict=True)):
        if event.conversion_happened_at > latest:
            not_yet[position] = place
        elif event.conversion_happened_at > now_ms:
            warnings.append(RowWarning(position, *finding_text("conversionHappenedAt", "time_clamped")))
    rejections = [Rejection(position, *finding_text("conversionHappenedAt", "time_in_future")) for position in not_yet]
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
    """Return the event of a single row, or why there is none.

    Meant for looking at one row; for many, make one :class:`RowMapper`.

    :param row: column -> cell.
    :param settings: those of :class:`RowMapper`.
    """
    mapped = RowMapper(tuple(row), **settings).map([tuple(row.values())])
    return mapped.rejections[0] if mapped.rejections else mapped.events[0]


def cell_columns() -> list[Column]:
    """Return how each field that is read from one cell alone is read; the time and the rule need settings."""
    return [
        Column("eventId", identifiers.opaque_ids, identifiers.event_id),
        Column("email", identifiers.emails, identifiers.email),
        Column("li_fat_id", identifiers.opaque_ids, identifiers.opaque_id),
        Column("ACXIOM_ID", identifiers.opaque_ids, identifiers.opaque_id),
        Column("ip_address", identifiers.ip_addresses, identifiers.ip_address),
        Column("SHA256_IP_ADDRESS", identifiers.hashes, identifiers.hashed_ip_address),
        Column("GOOGLE_AID", identifiers.none_usual, identifiers.google_aid),
        Column("externalIds", identifiers.opaque_ids, identifiers.external_ids),
        Column("lead", identifiers.none_usual, identifiers.lead),
        Column("firstName", texts.usual_names, texts.name),
        Column("lastName", texts.usual_names, texts.name),
        Column("hashedFirstName", identifiers.hashes, texts.hashed_name),
        Column("hashedLastName", identifiers.hashes, texts.hashed_name),
        Column("companyName", texts.usual_companies_and_titles, texts.company_or_title),
        Column("title", texts.usual_companies_and_titles, texts.company_or_title),
        RepetitiveColumn("countryCode", texts.country),
    ]
