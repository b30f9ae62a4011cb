"""The ledger's tables, and what is asked of them beside claims; docs/ledger.md describes every column."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from airflow_provider_linkedin_capi.api import urns
from airflow_provider_linkedin_capi.databases.tables import Column, Table, name_parts, short_name

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Mapping

    from airflow_provider_linkedin_capi.databases.base import Database

#: Families whose ``||`` does not join texts.
_WITHOUT_PIPES = frozenset({"MySQL", "SQL Server"})

_EVENTS = (
    Column("event_id", "text", 256),
    Column("conversion_id", "integer"),
    # LinkedIn's reports are by the day on which a conversion happened.
    Column("happened_at", "time", required=True),
    Column("delivery", "integer", required=True),
    Column("batch", "integer", required=True),
    Column("outcome", "text", 16),
)
_BATCHES = (
    Column("delivery", "integer"),
    Column("batch", "integer"),
    Column("outcome", "text", 16, required=True),
    Column("first_position", "integer", required=True),
    Column("row_count", "integer", required=True),
    Column("digest", "text", 32),
    Column("sent_at", "time"),
    Column("recorded_at", "time", required=True),
)
_DELIVERIES = (
    Column("delivery", "integer"),
    Column("task_run", "text", 128, required=True),
    Column("dag_id", "text", 250, required=True),
    Column("run_id", "text", 250, required=True),
    Column("task_id", "text", 250, required=True),
    Column("map_index", "integer", required=True),
    Column("try_number", "integer", required=True),
    Column("state", "text", 16, required=True),
    Column("ticket", "integer", required=True),
    Column("started_at", "time", required=True),
    Column("heartbeat_at", "time", required=True),
    Column("ended_at", "time"),
    Column("summary", "text"),
)
_REJECTED = (
    Column("delivery", "integer", required=True),
    Column("batch", "integer", required=True),
    Column("position", "integer", required=True),
    Column("event_id", "text", 256),
    Column("conversion_id", "integer"),
    Column("happened_at", "time"),
    Column("field", "text", 128),
    Column("reason", "text", 128, required=True),
    Column("message", "text", 1000, required=True),
    Column("recorded_at", "time", required=True),
)


@dataclass(frozen=True, slots=True)
class LedgerTables:
    """The four tables of one ledger, and its view.

    :ivar events: one row for each event that was claimed; has the name that the user gave.
    :ivar batches: one row for each batch with an answer.
    :ivar deliveries: one row for each try of a task.
    :ivar rejected: one row for each row that was refused.
    :ivar outcomes: name of the view that joins them.
    """

    events: Table
    batches: Table
    deliveries: Table
    rejected: Table
    outcomes: str

    @classmethod
    def of(cls, name: str, database: Database) -> LedgerTables:
        """Return the tables of the ledger of a name, in a database.

        :raises ValueError: it is not the name of a table.
        """
        *schema, table = name_parts(name)

        def named(suffix: str) -> str:
            part = short_name(table, suffix, limit=database.name_limit)
            return ".".join(f'"{each.replace(chr(34), chr(34) * 2)}"' for each in (*schema, part))

        return cls(
            Table(name, _EVENTS, key=("event_id", "conversion_id")),
            Table(named("batches"), _BATCHES, key=("delivery", "batch")),
            Table(named("deliveries"), _DELIVERIES, key=("delivery",), index=("task_run",)),
            Table(named("rejected"), _REJECTED, index=("delivery", "position"), generation="recorded_at"),
            named("outcomes"),
        )

    @property
    def all(self) -> tuple[Table, ...]:
        """The tables, in the order in which they are created."""
        return self.deliveries, self.batches, self.rejected, self.events


def ddl(database: Database, name: str) -> str:
    """Return the statements that create a ledger in a database, for somebody who may run them.

    Example::

        print(ddl(open_database("warehouse"), "ads.linkedin_results"))
    """
    tables = LedgerTables.of(name, database)
    return "\n\n".join([*map(database.ddl, tables.all), f"{create_view(database, tables)};"])


def create_view(database: Database, tables: LedgerTables) -> str:
    """Return the statement that creates the view of outcomes: one row for each event or refused row."""
    return f"CREATE VIEW {database.name(tables.outcomes)} AS\n{_outcomes(database, tables)}"


def _outcomes(database: Database, tables: LedgerTables) -> str:
    q = database.quoted
    urn = {alias: _urn(database, f"{alias}.{q('conversion_id')}") for alias in "er"}
    outcome = f"COALESCE(e.{q('outcome')}, b.{q('outcome')}, 'claimed')"
    run = ", ".join(f"d.{q(name)}" for name in ("dag_id", "run_id", "task_id", "map_index", "try_number"))

    def join(table: Table, alias: str, *names: str, to: str) -> str:
        condition = " AND ".join(f"{alias}.{q(name)} = {to}.{q(name)}" for name in names)
        return f"LEFT JOIN {database.name(table.name)} {alias} ON {condition}"

    unknown = f"CASE WHEN {outcome} IN ('held', 'unknown') THEN 'UNKNOWN_OUTCOME' END"
    return f"""\
SELECT e.{q("event_id")}, {urn["e"]} AS {q("conversion")}, e.{q("conversion_id")}, e.{q("happened_at")},
  {outcome} AS {q("outcome")}, {unknown} AS {q("reason")}, NULL AS {q("field")}, NULL AS {q("message")},
  e.{q("delivery")}, e.{q("batch")}, b.{q("sent_at")}, {run}
FROM {database.name(tables.events.name)} e
{join(tables.batches, "b", "delivery", "batch", to="e")}
{join(tables.deliveries, "d", "delivery", to="e")}
UNION ALL
SELECT r.{q("event_id")}, {urn["r"]}, r.{q("conversion_id")}, r.{q("happened_at")},
  'rejected', r.{q("reason")}, r.{q("field")}, r.{q("message")},
  r.{q("delivery")}, r.{q("batch")}, NULL, {run}
FROM {database.name(tables.rejected.name)} r
{join(tables.deliveries, "d", "delivery", to="r")}"""


def _urn(database: Database, number: str) -> str:
    prefix = f"'{urns.conversion_rule(1).removesuffix('1')}'"
    if database.family in _WITHOUT_PIPES:
        return f"CONCAT({prefix}, {number})"
    return f"{prefix} || CAST({number} AS {database.types['text'].format(length=20)})"


def count_events(database: Database, name: str, begin: dt.datetime, end: dt.datetime) -> dict[str, tuple[int, int]]:
    """Count the events of a ledger that happened in a time, by rule, each event id once.

    :param begin: the first moment, with its zone.
    :param end: the moment after the last one.
    :returns: by URN of the rule: how many left for LinkedIn, and how many of those it accepted.
    :raises DatabaseError: there is no such ledger, or it cannot be read.

    Example::

        with closing(open_database("warehouse")) as database:
            day = dt.datetime(2026, 11, 26, tzinfo=dt.UTC)
            count_events(database, "linkedin_results", day, day + dt.timedelta(days=1))
        {"urn:lla:llaPartnerConversion:22285180": (812, 800)}
    """
    tables, q = LedgerTables.of(name, database), database.quoted
    events, batches, rejected = (
        database.name(table.name) for table in (tables.events, tables.batches, tables.rejected)
    )
    counted = f"COUNT(DISTINCT e.{q('event_id')})"
    when = f"e.{q('happened_at')} >= ? AND e.{q('happened_at')} < ? GROUP BY e.{q('conversion_id')}"
    of_accepted = (
        f"SELECT e.{q('conversion_id')}, {counted} FROM {events} e JOIN {batches} b "
        f"ON b.{q('delivery')} = e.{q('delivery')} AND b.{q('batch')} = e.{q('batch')} "
        f"WHERE COALESCE(e.{q('outcome')}, b.{q('outcome')}) = 'accepted' AND {when}"
    )
    # An event that LinkedIn refused, and accepted once it was corrected, counts among the accepted ones.
    of_refused = (
        f"SELECT e.{q('conversion_id')}, {counted} FROM {rejected} e WHERE e.{q('conversion_id')} IS NOT NULL AND "
        f"NOT EXISTS (SELECT 1 FROM {events} a WHERE a.{q('event_id')} = e.{q('event_id')} "
        f"AND a.{q('conversion_id')} = e.{q('conversion_id')}) AND {when}"
    )
    of_all = f"SELECT e.{q('conversion_id')}, {counted} FROM {events} e WHERE {when}"
    window = [begin, end]
    accepted, claimed, refused = (_by_rule(database, sql, window) for sql in (of_accepted, of_all, of_refused))
    return {
        urns.conversion_rule(rule): (claimed.get(rule, 0) + refused.get(rule, 0), accepted.get(rule, 0))
        for rule in sorted(claimed.keys() | refused.keys())
    }


def _by_rule(database: Database, sql: str, parameters: list[dt.datetime]) -> Mapping[int, int]:
    return {int(rule): int(count) for rule, count in database.query(sql, parameters)}


def delivered_condition(database: Database, name: str, rule: str, column: str) -> str:
    """Return SQL that says of a row ``q`` whether a ledger holds its event as accepted.

    :param rule: URN of the conversion rule.
    :param column: the row's event id.
    """
    tables, q = LedgerTables.of(name, database), database.quoted
    # Longer than any event id: a longer text is cut, and equals none.
    event_id = f"CAST(q.{q(column)} AS VARCHAR(1000))"
    return (
        f"EXISTS (SELECT 1 FROM {database.name(tables.events.name)} e "
        f"JOIN {database.name(tables.batches.name)} b "
        f"ON b.{q('delivery')} = e.{q('delivery')} AND b.{q('batch')} = e.{q('batch')} "
        f"WHERE e.{q('event_id')} = {event_id} AND e.{q('conversion_id')} = {urns.number(rule)} "
        f"AND e.{q('outcome')} IS NULL AND b.{q('outcome')} = 'accepted')"
    )
