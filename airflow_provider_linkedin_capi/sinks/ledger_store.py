"""What the ledger does in its database: leases, claims and outcomes. Used by one thread at a time."""

from __future__ import annotations

import datetime as dt
import json
import logging
import secrets
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from airflow_provider_linkedin_capi.api import urns
from airflow_provider_linkedin_capi.databases.tables import escaped, short_name
from airflow_provider_linkedin_capi.delivery.interfaces import Claims
from airflow_provider_linkedin_capi.events import event_ids
from airflow_provider_linkedin_capi.exceptions import DatabaseError, ResultsTableError
from airflow_provider_linkedin_capi.sinks.ledger_tables import LedgerTables, create_view

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

    from airflow_provider_linkedin_capi.databases.base import Database
    from airflow_provider_linkedin_capi.databases.tables import Table
    from airflow_provider_linkedin_capi.delivery.interfaces import DeliveryInfo
    from airflow_provider_linkedin_capi.delivery.outcomes import BatchOutcome
    from airflow_provider_linkedin_capi.events.model import ConversionEvent

#: A delivery that gave no sign of life for so long is taken for dead. Workers' clocks must agree better than that.
LEASE_SECONDS = 120.0
#: How often a delivery gives one.
HEARTBEAT_SECONDS = 15.0
#: How long a delivery waits for another one, where only one may use the ledger at a time.
WAIT_SECONDS = 3600.0
_POLL_SECONDS = 2.0
_KEYS_PER_STATEMENT = 500
_CACHED_BATCHES = 50_000

#: Begins the keys of events that are sent without an id.
_NAMELESS = "without-id-"
_RELEASED = "released"

_EVENT_COLUMNS = ("event_id", "conversion_id", "happened_at", "delivery", "batch")
_KEY = ("event_id", "conversion_id")

#: Event id and number of the conversion rule.
Key = tuple[str, int]
#: Delivery and batch.
Place = tuple[int, int]
#: Delivery, batch and outcome of an event in the table; the outcome is None when it is that of the batch.
_Found = tuple[int, int, str | None]

_log = logging.getLogger(__name__)


class _Delivery(NamedTuple):
    """A row of the table of deliveries."""

    delivery: int
    try_number: int
    state: str
    ticket: int
    heartbeat_at: Any
    dag_id: str
    run_id: str
    task_id: str
    map_index: int

    @property
    def name(self) -> str:
        shard = "" if self.map_index < 0 else f"[{self.map_index}]"
        return f"{self.dag_id}/{self.run_id}/{self.task_id}{shard}"

    @property
    def running(self) -> bool:
        return self.state == "running"


class _Numbers(dict[str, int]):
    """The numbers of conversion rules, by URN."""

    def __missing__(self, urn: str) -> int:
        self[urn] = number = urns.number(urn)
        return number


@dataclass(slots=True)
class Record:
    """What is to be kept of a batch; free of the rows themselves, so that many can wait.

    :ivar row: the row of the table of batches, without delivery and time; its outcome is that of most events.
    :ivar needs_row: whether this try settled any event of the batch.
    :ivar outcomes: events whose outcome is another one, by outcome.
    :ivar released: events that are claimed no longer: they were refused, or never sent.
    :ivar rejected: rows of the table of rejected rows, without delivery and time.
    :ivar acknowledged: events that an earlier try delivered, as rows of the table of events.
    """

    batch: int
    positions: tuple[int, int]
    row: tuple[Any, ...]
    needs_row: bool
    outcomes: dict[str, list[Key]] = field(default_factory=dict)
    released: list[Key] = field(default_factory=list)
    rejected: list[tuple[Any, ...]] = field(default_factory=list)
    acknowledged: list[tuple[Any, ...]] = field(default_factory=list)


class LedgerStore:
    """The ledger of one delivery.

    :param database: where it is.
    :param name: of the table of events.
    :param info: the delivery.
    :param skip_accepted: whether events accepted before are left out.
    """

    def __init__(self, database: Database, name: str, info: DeliveryInfo, *, skip_accepted: bool) -> None:
        self._database = database
        self._tables = LedgerTables.of(name, database)
        self._info = info
        self._skip_accepted = skip_accepted
        self._task_run = short_name(info.delivery_id or info.name, limit=128)
        #: Rises with time; the last bits tell tries apart that begin in the same microsecond.
        self._delivery = (time.time_ns() // 1000) << 11 | secrets.randbits(11)
        self._own: set[int] = {self._delivery}
        self._claimed: dict[int, list[Key]] = {}
        self._answered: dict[Place, str] = {}
        self._ended: set[int] = set()
        self._mostly_known = False
        self._exists = True
        self._heartbeat_at = 0.0

    # Beginning and end

    def begin(self) -> None:
        """Create what is missing, and enter this try among the deliveries.

        :raises ResultsTableError: the table has another form, or another delivery does not let go of it.
        """
        if self._info.dry_run:
            self._exists = self._check(self._tables.events)
            return
        for table in self._tables.all:
            self._database.create(table)
            self._check(table)
        self._create_view()
        self._register()
        self._take_over_earlier_tries()
        if not self._database.arbitrates:
            self._exclude_others()

    def _check(self, table: Table) -> bool:
        present = self._database.columns(table)
        if present is None:
            return False
        if missing := [column.name for column in table.columns if column.name not in present]:
            raise ResultsTableError(
                f"Table {table.name} on connection {self._database.conn_id!r} has no column {', '.join(missing)}. "
                "It is not a ledger of this version: docs/ledger.md has the statements that bring a results table of "
                "version 0.1.0 along. Or name a table that does not exist yet; it will be created.",
                permanent=True,
            )
        return True

    def _create_view(self) -> None:
        """Create the view that joins the tables, which nothing but people's queries depends on."""
        name = self._tables.outcomes
        if self._database.columns(name) is not None:
            return
        try:
            self._database.execute(create_view(self._database, self._tables))
        except DatabaseError as error:
            if self._database.columns(name) is None:
                _log.warning("View %s cannot be created; docs/ledger.md has its definition. %s", name, error)

    def _register(self) -> None:
        info, now = self._info, _now()
        row = {
            "delivery": self._delivery,
            "task_run": self._task_run,
            "dag_id": info.dag_id[:250],
            "run_id": info.run_id[:250],
            "task_id": info.task_id[:250],
            "map_index": info.map_index,
            "try_number": info.try_number,
            "state": "running",
            "ticket": 0,
            "started_at": now,
            "heartbeat_at": now,
        }
        self._database.append(self._tables.deliveries, tuple(row), [tuple(row.values())])
        self._heartbeat_at = time.monotonic()

    def _take_over_earlier_tries(self) -> None:
        """End earlier tries of the same delivery, which Airflow has given up; wait for a copy of this try."""
        deadline = time.monotonic() + 2 * LEASE_SECONDS
        while True:
            others = self._deliveries("task_run = ?", [self._task_run])
            self._own.update(other.delivery for other in others)
            running = [other for other in others if other.running and other.delivery != self._delivery]
            copies = [
                other
                for other in running
                if other.try_number == self._info.try_number
                and other.delivery < self._delivery
                and self._is_alive(other)
            ]
            if not copies:
                break
            self._wait_for(copies[0], deadline, "runs the same try of this task already")
        for other in running:
            if other.delivery < self._delivery:
                self._end(other.delivery, "superseded")

    def _exclude_others(self) -> None:
        """Wait until no other delivery uses the ledger (Lamport's bakery, with leases).

        For databases that do not enforce keys. A delivery without a ticket is just drawing one.
        """
        table, q = self._database.name(self._tables.deliveries.name), self._database.quoted
        others = self._deliveries("state = 'running'", [])
        ticket = 1 + max((other.ticket for other in others), default=0)
        self._database.execute(
            f"UPDATE {table} SET {q('ticket')} = ? WHERE {q('delivery')} = ?", [ticket, self._delivery]
        )
        deadline = time.monotonic() + WAIT_SECONDS
        while True:
            before = [
                other
                for other in self._deliveries("state = 'running'", [])
                if other.delivery != self._delivery
                and self._is_alive(other)
                and (other.ticket, other.delivery) < (ticket, self._delivery)
            ]
            if not before:
                return
            self._wait_for(before[0], deadline, f"uses the ledger, and {self._database.family} lets only one do so")

    def _wait_for(self, other: _Delivery, deadline: float, why: str) -> None:
        left = deadline - time.monotonic()
        if left <= 0:
            self._end(self._delivery, "failed")
            raise ResultsTableError(
                f"Delivery {other.name} {why} ({self._tables.events.name} on connection {self._database.conn_id!r}). "
                "A retry asks again; do not run these tasks at the same time."
            )
        _log.info("Waiting: delivery %s %s", other.name, why)
        time.sleep(min(_POLL_SECONDS, left))
        self.heartbeat()

    def _deliveries(self, where: str, parameters: Sequence[Any]) -> list[_Delivery]:
        columns = ", ".join(map(self._database.quoted, _Delivery._fields))
        table = self._database.name(self._tables.deliveries.name)
        rows = self._database.query(f"SELECT {columns} FROM {table} WHERE {where}", parameters)
        return [_Delivery._make(row) for row in rows]

    def _is_alive(self, other: _Delivery) -> bool:
        """Whether a delivery is running and gave a sign of life of late."""
        moment = self._database.moment(other.heartbeat_at)
        return other.running and moment is not None and (_now() - moment).total_seconds() < LEASE_SECONDS

    def heartbeat(self) -> None:
        """Give a sign of life when it is time for one; learn whether another try has taken over.

        :raises ResultsTableError: it has.
        """
        if self._info.dry_run or time.monotonic() - self._heartbeat_at < HEARTBEAT_SECONDS:
            return
        silent = time.monotonic() - self._heartbeat_at
        table, q = self._database.name(self._tables.deliveries.name), self._database.quoted
        self._database.execute(
            f"UPDATE {table} SET {q('heartbeat_at')} = ? WHERE {q('delivery')} = ? AND {q('state')} = 'running'",
            [_now(), self._delivery],
        )
        self._heartbeat_at = time.monotonic()
        self.check_lease()
        if silent > LEASE_SECONDS and not self._database.arbitrates:
            raise ResultsTableError(
                f"This task stood still for {silent:.0f} s, and another delivery may use the ledger by now. "
                "A retry continues from here."
            )

    def check_lease(self) -> None:
        """Make sure that no later try has taken over.

        :raises ResultsTableError: one has.
        """
        if not any(own.running for own in self._deliveries("delivery = ?", [self._delivery])):
            raise ResultsTableError(
                "Another try of this task has taken over its ledger; this one stops without sending anything more."
            )

    def end(self, state: str, summary: Mapping[str, Any] | None) -> None:
        """Release what was claimed and never sent, and say how the delivery ended."""
        if self._info.dry_run:
            return
        for batch, keys in list(self._claimed.items()):
            self._delete(keys, (self._delivery, batch))
            del self._claimed[batch]
        self._end(self._delivery, state, summary)

    def _end(self, delivery: int, state: str, summary: Mapping[str, Any] | None = None) -> None:
        table, q = self._database.name(self._tables.deliveries.name), self._database.quoted
        self._database.execute(
            f"UPDATE {table} SET {q('state')} = ?, {q('ended_at')} = ?, {q('summary')} = ? "
            f"WHERE {q('delivery')} = ? AND {q('state')} = 'running'",
            [state, _now(), None if summary is None else json.dumps(summary), delivery],
        )

    # Claims

    def claim(self, events: Sequence[ConversionEvent], batch: int) -> Claims:
        """Claim events of a batch; durable when this returns."""
        keys = self.keys(events)
        if self._info.dry_run:
            there = self._find(keys) if self._exists else {}
            return self._judged(keys, there, batch)
        self.check_lease()
        there = self._insert(events, keys, batch)
        claims = self._judged(keys, there, batch) if there else Claims()
        left_out = claims.accepted | claims.elsewhere
        mine = [key for position, key in enumerate(keys) if position not in left_out] if left_out else keys
        self._claimed.setdefault(batch, []).extend(mine)
        return claims

    def event_rows(self, events: Iterable[ConversionEvent], batch: int) -> list[tuple[Any, ...]]:
        """Return events as rows of the table of events."""
        delivery, numbers, moment = self._delivery, _Numbers(), dt.datetime.fromtimestamp
        return [
            (
                event.event_id or self._key_of_nameless(event),
                numbers[event.conversion],
                moment(event.conversion_happened_at / 1000, dt.UTC),
                delivery,
                batch,
            )
            for event in events
        ]

    def keys(self, events: Iterable[ConversionEvent]) -> list[Key]:
        """Return the keys of events."""
        numbers = _Numbers()
        return [(event.event_id or self._key_of_nameless(event), numbers[event.conversion]) for event in events]

    def _key_of_nameless(self, event: ConversionEvent) -> str:
        """An event that is sent without an id has one in the ledger, which no other delivery shares."""
        contents = event_ids.derive(event.conversion, event.conversion_happened_at, event.conversion_value, event.user)
        return f"{_NAMELESS}{contents}-{short_name(self._task_run, limit=32)}"

    def _insert(self, events: Sequence[ConversionEvent], keys: list[Key], batch: int) -> dict[Key, _Found]:
        """Add what is not there; return what is."""
        found: dict[Key, _Found] = {}
        arbitrates = self._database.arbitrates
        if not arbitrates or self._mostly_known:
            found = self._find(keys)
        new = [event for event, key in zip(events, keys, strict=True) if key not in found] if found else events
        rows = self.event_rows(new, batch)
        if arbitrates:
            there = self._database.insert_new(self._tables.events, _EVENT_COLUMNS, rows)
            # Released in between: asked for again later.
            found |= {(key[0], key[1]): (0, 0, _RELEASED) for key in there}
            found |= self._find([(key[0], key[1]) for key in there])
        else:
            self._database.append(self._tables.events, _EVENT_COLUMNS, list({row[:2]: row for row in rows}.values()))
        self._mostly_known = 2 * len(found) > len(keys)
        return found

    def _find(self, keys: Collection[Key]) -> dict[Key, _Found]:
        if not keys:
            return {}
        rows = self._database.find(self._tables.events, _KEY, keys, ("delivery", "batch", "outcome"))
        return {(row[0], row[1]): (row[2], row[3], row[4]) for row in rows}

    def _judged(self, keys: list[Key], there: dict[Key, _Found], batch: int) -> Claims:
        """Say what it means that events are in the table, and take over those of deliveries that ended."""
        there, alive = self._with_answers(there)
        # Thousands of events share few batches.
        outcomes = {found: found[2] or self._answered.get(found[:2]) for found in set(there.values())}
        accepted = {key for key, found in there.items() if outcomes[found] == "accepted"}
        open_keys: dict[Key, _Found] = {}
        if len(accepted) < len(there):
            open_keys = {
                key: (*found[:2], outcomes[found])
                for key, found in there.items()
                if key not in accepted and found[:2] != (self._delivery, batch) and not key[0].startswith(_NAMELESS)
            }
        if not self._skip_accepted:
            accepted.clear()
        elsewhere, unknown, earlier = set[Key](), set[Key](), set[Key]()
        if open_keys and not self._info.dry_run:
            orphans = {
                key: found
                for key, found in open_keys.items()
                if found[2] != _RELEASED and (found[2] or found[0] not in alive)
            }
            lost = self._take_over(orphans, batch)
            elsewhere = (open_keys.keys() - orphans.keys()) | lost
            for key in orphans.keys() - lost:
                (earlier if orphans[key][0] in self._own else unknown).add(key)

        def positions(wanted: set[Key]) -> frozenset[int]:
            return frozenset([position for position, key in enumerate(keys) if key in wanted] if wanted else ())

        return Claims(positions(accepted), positions(elsewhere), positions(unknown), positions(earlier))

    def _with_answers(self, there: dict[Key, _Found]) -> tuple[dict[Key, _Found], set[int]]:
        """Learn the answers of the events' batches; return the events as they are with these, and who is alive.

        A batch's answer is written together with what it changes of its events: which it releases, which it holds. One
        that came after the events were read says nothing about them, so they are read again. And a delivery that was
        not alive before its answers were read has given all of them.
        """
        ended = set(self._ended)
        asked, alive = set[Place](), set[int]()
        while True:
            found = set(there.values())
            places = {(delivery, batch) for delivery, batch, outcome in found if outcome is None} - asked
            alive |= self._alive({delivery for delivery, _, _ in found})
            if not places:
                return there, alive
            new = {place for place in places if place not in self._answered and place[0] not in ended}
            self._learn_answers(places)
            asked |= places
            if any(place in self._answered for place in new):
                there = dict.fromkeys(there, (0, 0, _RELEASED)) | self._find(there)

    def _learn_answers(self, places: set[Place]) -> None:
        """Look up the outcomes of batches. That a batch was accepted never changes."""
        if len(self._answered) > _CACHED_BATCHES:
            self._answered.clear()
        unknown = [place for place in places if self._answered.get(place) != "accepted"]
        if unknown:
            rows = self._database.find(self._tables.batches, ("delivery", "batch"), unknown, ("outcome",))
            self._answered.update({(row[0], row[1]): row[2] for row in rows})

    def _alive(self, deliveries: set[int]) -> set[int]:
        """Return those that are running; earlier tries of this delivery are not."""
        others = deliveries - self._own - self._ended
        alive = {self._delivery}
        if others:
            marks = ", ".join("?" * len(others))
            found = self._deliveries(f"{self._database.quoted('delivery')} IN ({marks})", sorted(others))
            alive |= {other.delivery for other in found if self._is_alive(other)}
            self._ended |= others - {other.delivery for other in found if other.running}
        return alive

    def _take_over(self, orphans: Mapping[Key, _Found], batch: int) -> set[Key]:
        """Make events of deliveries that ended this delivery's; return those that another one took first."""
        groups: dict[Place, list[Key]] = {}
        for key, found in orphans.items():
            groups.setdefault(found[:2], []).append(key)
        q = self._database.quoted
        for place, keys in groups.items():
            self._change(
                f"UPDATE {self._events} SET {q('delivery')} = ?, {q('batch')} = ?, {q('outcome')} = NULL",
                [self._delivery, batch],
                keys,
                place,
            )
        if not orphans:
            return set()
        now = self._find(list(orphans))
        return {key for key in orphans if key not in now or now[key][:2] != (self._delivery, batch)}

    # Outcomes

    def record_of(self, outcome: BatchOutcome) -> Record:
        """Return what is to be kept of a batch."""
        resumed = self._info.resumed
        acknowledged = [index for index, reason in outcome.skipped.items() if reason.code == "checkpoint"]
        record = Record(
            outcome.number,
            (outcome.first_position, outcome.first_position + len(outcome.rows)),
            (outcome.number, "accepted", outcome.first_position, len(outcome.rows), outcome.digest, outcome.sent_at),
            needs_row=bool(outcome.accepted),
        )
        unknown, unsent = outcome.unknown, outcome.unsettled - outcome.unknown
        if not (outcome.rejected or outcome.held or unknown or unsent or (resumed and acknowledged)):
            return record
        events = dict(zip(outcome.event_rows, outcome.events, strict=True))

        def keys(indices: Iterable[int]) -> list[Key]:
            return self.keys(events[index] for index in indices if index in events)

        record.outcomes = {
            name: found for name, found in (("held", keys(outcome.held)), ("unknown", keys(unknown))) if found
        }
        if record.outcomes:
            record.needs_row = True
            if not outcome.accepted and not acknowledged:
                # The batch's own outcome, so that no event needs one.
                name = next(iter(record.outcomes))
                record.row = (record.row[0], name, *record.row[2:])
                del record.outcomes[name]
        if resumed:
            record.acknowledged = self.event_rows((events[index] for index in acknowledged), outcome.number)
        if released := {*keys(outcome.rejected), *keys(unsent)}:
            # Rows with the same id may have fared otherwise.
            others = events.keys() - outcome.rejected.keys() - unsent
            record.released = sorted(released.difference(keys(others)))
        record.rejected = [self._rejected_row(outcome, row) for row in outcome.outcomes("rejected")]
        return record

    def _rejected_row(self, outcome: BatchOutcome, row: Any) -> tuple[Any, ...]:
        event = row.event
        return (
            outcome.number,
            row.position,
            escaped(row.key)[:256] if row.key else None,
            urns.number(event.conversion) if event else None,
            dt.datetime.fromtimestamp(event.conversion_happened_at / 1000, dt.UTC) if event else None,
            row.reason.field[:128] if row.reason.field else None,
            row.reason.code[:128],
            row.reason.message[:1000],
        )

    def record(self, records: Sequence[Record], *, again: bool = False) -> None:
        """Keep the outcomes of batches, all or none where the database has transactions.

        :param again: an earlier call with these records failed, and may have kept some of them.
        """
        if self._info.dry_run:
            return
        with self._database.transaction():
            # What an earlier try claimed becomes this one's first, so that the rest finds it here.
            for record in records:
                if record.acknowledged or (record.released and self._info.resumed):
                    self._settle_earlier(record)
            for record in records:
                self._delete(record.released, (self._delivery, record.batch))
                for outcome, keys in record.outcomes.items():
                    self._change(
                        f"UPDATE {self._events} SET {self._database.quoted('outcome')} = ?",
                        [outcome],
                        keys,
                        (self._delivery, record.batch),
                    )
            self._append_rejected(records, again=again)
            self._append_batches(records, again=again)
        for record in records:
            self._claimed.pop(record.batch, None)
            self._answered[self._delivery, record.batch] = record.row[1]

    def _settle_earlier(self, record: Record) -> None:
        """Fill the gap that a killed try left between the checkpoint and the ledger."""
        acknowledged = {row[:2]: row for row in record.acknowledged}
        there = self._find([*acknowledged, *record.released])
        self._learn_answers({found[:2] for found in there.values()})
        open_keys = {
            key: found
            for key, found in there.items()
            if found[0] in self._own and (found[2] or self._answered.get(found[:2])) != "accepted"
        }
        self._take_over(open_keys, record.batch)
        missing = [row for key, row in acknowledged.items() if key not in there]
        if missing and self._database.arbitrates:
            self._database.insert_new(self._tables.events, _EVENT_COLUMNS, missing)
        elif missing:
            self._database.append(self._tables.events, _EVENT_COLUMNS, missing)
        record.needs_row = record.needs_row or bool(missing) or bool(open_keys)

    def _append_rejected(self, records: Sequence[Record], *, again: bool) -> None:
        now, table = _now(), self._tables.rejected
        columns = tuple(column.name for column in table.columns)
        rows = {record.batch: [(self._delivery, *row, now) for row in record.rejected] for record in records}
        if not (again or self._info.resumed):
            self._database.append(table, columns, [row for batch in rows.values() for row in batch])
            return
        q = self._database.quoted
        marks = ", ".join("?" * len(self._own))
        where = f"{q('delivery')} IN ({marks}) AND {q('position')} >= ? AND {q('position')} < ?"
        for record in records:
            # Rows that were refused before, and may have been corrected since.
            self._database.replace_window(
                table, columns, rows[record.batch], where, [*sorted(self._own), *record.positions]
            )

    def _append_batches(self, records: Sequence[Record], *, again: bool) -> None:
        table = self._tables.batches
        needed = {record.batch: record for record in records if record.needs_row}
        if again and needed:
            places = [(self._delivery, batch) for batch in needed]
            for row in self._database.find(table, ("delivery", "batch"), places):
                del needed[row[1]]
        now = _now()
        rows = [(self._delivery, *record.row, now) for record in needed.values()]
        self._database.append(table, tuple(column.name for column in table.columns), rows)

    # Events by key

    @property
    def _events(self) -> str:
        return self._database.name(self._tables.events.name)

    def _delete(self, keys: Collection[Key], place: Place) -> None:
        self._change(f"DELETE FROM {self._events}", [], keys, place)

    def _change(self, statement: str, parameters: list[Any], keys: Collection[Key], place: Place) -> None:
        """Run a statement on those of the events that are in a place."""
        q = self._database.quoted
        by_rule: dict[int, list[str]] = {}
        for event_id, rule in sorted(keys):
            by_rule.setdefault(rule, []).append(event_id)
        for rule, ids in by_rule.items():
            for some in _portions(ids, _KEYS_PER_STATEMENT):
                marks = ", ".join("?" * len(some))
                self._database.execute(
                    f"{statement} WHERE {q('event_id')} IN ({marks}) AND {q('conversion_id')} = ? "
                    f"AND {q('delivery')} = ? AND {q('batch')} = ?",
                    [*parameters, *some, rule, *place],
                )


def _now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)


def _portions(values: list[str], size: int) -> Iterator[list[str]]:
    for start in range(0, len(values), size):
        yield values[start : start + size]
