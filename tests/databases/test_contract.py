"""What every database family promises, on real databases."""

from __future__ import annotations

import datetime as dt
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from airflow_provider_linkedin_capi.databases.tables import Table
from airflow_provider_linkedin_capi.exceptions import DatabaseError
from tests.databases.ledger_table import AT, COLUMNS, NAMES, TABLE, row, stored

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow_provider_linkedin_capi.databases.base import Database
    from tests.databases.place import Place


def filled(database: Database, count: int) -> None:
    database.create(TABLE)
    database.append(TABLE, NAMES, [row(number) for number in range(count)])


# Tables


def test_a_created_table_has_its_columns(database: Database) -> None:
    assert database.columns(TABLE) is None
    database.create(TABLE)
    assert database.columns(TABLE) == set(NAMES)


def test_creating_a_table_again_changes_nothing(database: Database) -> None:
    filled(database, 3)
    database.create(TABLE)
    assert len(stored(database)) == 3


def test_several_tasks_create_the_same_table_at_once(place: Place) -> None:
    tasks = [place.open() for _ in range(4)]
    for number in range(5):
        together = threading.Barrier(len(tasks))
        table = Table(f"made_{number}", COLUMNS, key=TABLE.key, index=TABLE.index)

        def create(database: Database, table: Table = table, together: threading.Barrier = together) -> None:
            together.wait()
            database.create(table)

        with ThreadPoolExecutor(len(tasks)) as threads:
            list(threads.map(create, tasks))
        assert tasks[0].columns(table) == set(NAMES)


@pytest.mark.parametrize(
    "name",
    [
        "Mixed Case",
        'with"quote',
        "with'apostrophe",
        "ünïcode_名前",
        "select",
        "l" * 60,
        'drop"; DROP TABLE x; --',
        "a%b",
    ],
)
def test_a_table_may_have_an_odd_name(database: Database, name: str) -> None:
    quoted = '"' + name.replace('"', '""') + '"'
    table = Table(quoted, COLUMNS, key=("event_id",), index=("rule", "position"))
    database.create(table)
    database.append(table, NAMES, [row(1)])
    assert stored(database, table) == [("e-000001",)]


def test_a_table_that_cannot_be_created_says_what_to_run(database: Database) -> None:
    table = Table("no_such_schema.ledger", COLUMNS)
    with pytest.raises(DatabaseError, match=r"(?s)no_such_schema.ledger cannot be created.*CREATE TABLE"):
        database.create(table)


def test_the_ddl_creates_the_table(database: Database) -> None:
    for statement in database.ddl(TABLE).split(";"):
        if statement.strip():
            database.execute(statement)
    assert database.columns(TABLE) == set(NAMES)


# Writing


def test_rows_come_back_as_they_were_written(database: Database) -> None:
    database.create(TABLE)
    database.append(TABLE, NAMES, [row(1), row(2, amount=None, position=-(2**63), day=None, sent_at=None, note=None)])
    first, second = stored(database, columns=("event_id", "amount", "position", "day", "sent_at", "note"))
    assert (first[0], float(first[1]), first[2]) == ("e-000001", 12.34, 1)
    assert str(first[3]) == "2026-11-27"
    assert database.moment(first[4]) == AT
    assert second == ("e-000002", None, -(2**63), None, None, None)


def test_moments_are_stored_in_utc(database: Database) -> None:
    database.create(TABLE)
    tokyo = AT.astimezone(dt.timezone(dt.timedelta(hours=9)))
    database.append(TABLE, NAMES, [row(1, sent_at=tokyo)])
    [(_, sent_at)] = stored(database, columns=("event_id", "sent_at"))
    assert database.moment(sent_at) == AT


@pytest.mark.parametrize(
    "text",
    [
        "a\tb\nc\rd\\e",
        "\\N",
        'it\'s "quoted" `so`',
        "名前 é 😀",
        "%s ? :x {y}",
        "-- x; /* y */",
        "x" * 3000,
        " padded ",
    ],
)
def test_texts_are_stored_to_the_letter(database: Database, text: str) -> None:
    database.create(TABLE)
    database.append(TABLE, NAMES, [row(1, note=text), row(2)])
    assert stored(database, columns=("event_id", "note"))[0][1] == text


def test_texts_that_no_database_takes_are_escaped(database: Database) -> None:
    database.create(TABLE)
    database.append(TABLE, NAMES, [row(1, event_id="nul\0", note="half \ud83d"), row(2, note="fine é")])
    assert stored(database, columns=("event_id", "note")) == [("e-000002", "fine é"), ("nul\\u0000", "half \\ud83d")]


def test_many_rows_are_written(database: Database) -> None:
    filled(database, 2500)
    assert len(stored(database)) == 2500


def test_nothing_is_written_when_one_row_does_not_fit(database: Database, needs: Callable[[str], None]) -> None:
    needs("transactional")
    database.create(TABLE)
    with pytest.raises(DatabaseError) as failure:
        database.append(TABLE, NAMES, [row(1), row(2, event_id=None), row(3)])
    assert failure.value.permanent
    assert stored(database) == []


# Keys


def test_only_new_keys_are_inserted(database: Database, needs: Callable[[str], None]) -> None:
    needs("arbitrates")
    filled(database, 3)
    there = database.insert_new(TABLE, NAMES, [row(number, note="later") for number in range(5)])
    assert there == {("r1", f"e-{number:06}") for number in range(3)}
    assert [note for _, note in stored(database, columns=("event_id", "note"))] == ["", "", "", "later", "later"]


def test_of_rows_with_one_key_the_first_is_inserted(database: Database, needs: Callable[[str], None]) -> None:
    needs("arbitrates")
    database.create(TABLE)
    assert database.insert_new(TABLE, NAMES, [row(1, note="first"), row(1, note="second")]) == set()
    assert stored(database, columns=("event_id", "note")) == [("e-000001", "first")]


def test_keys_differ_by_case(database: Database, needs: Callable[[str], None]) -> None:
    needs("arbitrates")
    database.create(TABLE)
    rows = [row(1, event_id=text) for text in ("Ab", "ab", "AB", "äb", "ab ")]
    assert database.insert_new(TABLE, NAMES, rows) == set()
    assert len(stored(database)) == 5


def test_each_key_goes_to_one_of_several_writers(place: Place, needs: Callable[[str], None]) -> None:
    needs("arbitrates")
    writers = [place.open() for _ in range(4)]
    writers[0].create(TABLE)
    together = threading.Barrier(len(writers))

    def insert(number: int) -> int:
        together.wait()
        inserted = 0
        for start in range(0, 600, 200):
            # Overlapping, and in another order for each writer.
            rows = [row((start + number * 50 + each) % 600) for each in range(200)]
            inserted += 200 - len(writers[number].insert_new(TABLE, NAMES, rows[:: 1 if number % 2 else -1]))
        return inserted

    with ThreadPoolExecutor(len(writers)) as threads:
        inserted = list(threads.map(insert, range(len(writers))))
    assert sum(inserted) == len(stored(writers[0])) == 600


def test_keys_are_found_as_a_set(database: Database) -> None:
    filled(database, 2500)
    database.append(TABLE, NAMES, [row(7, rule="r2")])
    keys = [("r1", f"e-{number:06}") for number in range(0, 5000, 2)] + [("r2", "e-000007"), ("r2", "e-000008")]
    found = database.find(TABLE, ("rule", "event_id"), keys, ("position",))
    assert sorted(found) == [("r1", f"e-{number:06}", number) for number in range(0, 2500, 2)] + [("r2", "e-000007", 7)]


def test_keys_are_found_under_a_condition(database: Database) -> None:
    filled(database, 10)
    keys = [("r1", f"e-{number:06}") for number in range(10)]
    found = database.find(TABLE, TABLE.key, keys, where=f"{database.quoted('position')} >= ?", parameters=[8])
    assert sorted(found) == [("r1", "e-000008"), ("r1", "e-000009")]


def test_no_keys_find_nothing(database: Database) -> None:
    filled(database, 1)
    assert database.find(TABLE, TABLE.key, []) == []


# Small statements


def test_a_statement_returns_how_many_rows_it_changed(database: Database) -> None:
    filled(database, 5)
    note, position = database.quoted("note"), database.quoted("position")
    update = f"UPDATE {database.name('ledger')} SET {note} = ? WHERE {position} < ? AND {note} <> 'a%b'"
    assert database.execute(update, ["changed", 3]) in (3, -1)
    assert [note for _, note in stored(database, columns=("event_id", "note"))].count("changed") == 3


def test_moments_compare(database: Database) -> None:
    filled(database, 1)
    query = f"SELECT COUNT(*) FROM {database.name('ledger')} WHERE {database.quoted('sent_at')}"
    assert database.query(f"{query} >= ?", [AT])[0][0] == 1
    assert database.query(f"{query} > ?", [AT])[0][0] == 0
    assert database.query(f"{query} < ?", [AT + dt.timedelta(milliseconds=1)])[0][0] == 1


def test_a_transaction_that_fails_leaves_nothing(database: Database, needs: Callable[[str], None]) -> None:
    needs("transactional")
    filled(database, 1)

    def failing() -> None:
        with database.transaction():
            database.append(TABLE, NAMES, [row(2)])
            database.execute(f"DELETE FROM {database.name('ledger')} WHERE {database.quoted('position')} = ?", [0])
            raise RuntimeError

    with pytest.raises(RuntimeError):
        failing()
    assert stored(database) == [("e-000000",)]


# Replacing


def test_a_window_is_replaced(database: Database) -> None:
    filled(database, 10)
    later = AT + dt.timedelta(hours=1)
    new = [row(20 + number, position=5 + number, sent_at=later) for number in range(3)]
    database.replace_window(TABLE, NAMES, new, f"{database.quoted('position')} >= ?", [5])
    assert [event_id for (event_id,) in stored(database)] == [
        *(f"e-{number:06}" for number in range(5)), "e-000020", "e-000021", "e-000022",
    ]  # fmt: skip


def test_a_window_is_replaced_by_rows_with_its_keys(database: Database) -> None:
    filled(database, 3)
    new = [row(number, note="new", sent_at=AT + dt.timedelta(hours=1)) for number in range(3)]
    database.replace_window(TABLE, NAMES, new, f"{database.quoted('rule')} = ?", ["r1"])
    assert stored(database, columns=("event_id", "note")) == [(f"e-{number:06}", "new") for number in range(3)]


def test_a_window_is_replaced_by_nothing(database: Database) -> None:
    filled(database, 3)
    database.replace_window(TABLE, NAMES, [], f"{database.quoted('position')} >= ?", [1])
    assert stored(database) == [("e-000000",)]


def test_several_tasks_replace_one_window(place: Place, needs: Callable[[str], None]) -> None:
    needs("transactional")
    tasks = [place.open() for _ in range(4)]
    tasks[0].create(TABLE)
    together = threading.Barrier(len(tasks))

    def replace(number: int) -> None:
        rows = [row(each, note=f"task {number}") for each in range(20)]
        together.wait()
        for _ in range(3):
            tasks[number].replace_window(TABLE, NAMES, rows, f"{tasks[number].quoted('rule')} = ?", ["r1"])

    with ThreadPoolExecutor(len(tasks)) as threads:
        list(threads.map(replace, range(len(tasks))))
    notes = [note for _, note in stored(tasks[0], columns=("event_id", "note"))]
    assert len(notes) == 20
    assert len(set(notes)) == 1


# Reading


def test_rows_are_streamed_in_portions(database: Database) -> None:
    filled(database, 2500)
    order = (
        f"SELECT {database.quoted('event_id')}, {database.quoted('position')} FROM {database.name('ledger')} ORDER BY 1"
    )
    chunks = list(database.rows(order, size=1000))
    assert [len(rows) for _, rows in chunks] == [1000, 1000, 500]
    assert {columns for columns, _ in chunks} == {("event_id", "position")}
    assert [row for _, rows in chunks for row in rows] == [(f"e-{number:06}", number) for number in range(2500)]


def test_a_query_without_rows_has_its_columns(database: Database) -> None:
    database.create(TABLE)
    query = f"SELECT {database.quoted('event_id')} FROM {database.name('ledger')} WHERE 1 = 0"
    assert list(database.rows(query, size=10)) == [(("event_id",), [])]


def test_a_full_last_portion_is_the_last(database: Database) -> None:
    filled(database, 20)
    assert [len(rows) for _, rows in database.rows(f"SELECT * FROM {database.name('ledger')}", size=10)] == [10, 10]


def test_percent_signs_are_not_placeholders_without_parameters(database: Database) -> None:
    filled(database, 1)
    query = f"SELECT 'a%s' FROM {database.name('ledger')} WHERE {database.quoted('rule')} LIKE 'r%'"
    [(_, rows)] = database.rows(query, size=10)
    assert rows == [("a%s",)]


def test_another_object_writes_while_rows_are_read(place: Place, database: Database) -> None:
    filled(database, 50)
    writer = place.open()
    reading = database.rows(f"SELECT * FROM {database.name('ledger')}", size=10)
    next(reading)
    writer.append(TABLE, NAMES, [row(100)])
    writer.execute(f"DELETE FROM {writer.name('ledger')} WHERE {writer.quoted('position')} = ?", [1])
    assert sum(len(rows) for _, rows in reading) == 40


def test_the_same_object_writes_while_it_reads(database: Database) -> None:
    filled(database, 50)
    for _, rows in database.rows(f"SELECT * FROM {database.name('ledger')}", size=10):
        database.append(TABLE, NAMES, [row(1000 + int(rows[0][3]))])
    assert len(stored(database)) == 55


def test_a_statement_without_rows_is_refused(database: Database) -> None:
    database.create(TABLE)
    with pytest.raises(DatabaseError, match=r"returns no rows|syntax error") as failure:
        list(database.rows(f"DELETE FROM {database.name('ledger')}"))
    assert failure.value.permanent


def test_an_object_is_used_in_one_thread_after_another(database: Database) -> None:
    filled(database, 1)
    with ThreadPoolExecutor(1) as threads:
        threads.submit(database.append, TABLE, NAMES, [row(2)]).result()
    assert len(stored(database)) == 2


# Errors


def test_a_missing_table_is_a_permanent_error(database: Database) -> None:
    with pytest.raises(DatabaseError, match="table does not exist") as failure:
        database.query("SELECT * FROM no_such_table")
    assert failure.value.permanent
    assert failure.value.missing_table


def test_an_error_names_a_missing_column(database: Database) -> None:
    database.create(TABLE)
    with pytest.raises(DatabaseError, match=r"(column|object) does not exist") as failure:
        list(database.rows("SELECT no_such_column FROM ledger"))
    assert failure.value.permanent


def test_an_error_does_not_quote_cells(database: Database) -> None:
    filled(database, 1)
    with pytest.raises(DatabaseError) as failure:
        database.append(
            TABLE,
            NAMES,
            [row(1, event_id="jane@haus.example", position="jane@haus.example", day=None), row(2, rule=None)],
        )
    error = failure.value
    assert "jane" not in str(error)
    assert error.__cause__ is None
    assert error.__suppress_context__


def test_work_continues_after_an_error(database: Database) -> None:
    filled(database, 1)
    with pytest.raises(DatabaseError):
        database.query("SELECT * FROM no_such_table")
    database.append(TABLE, NAMES, [row(2)])
    assert len(stored(database)) == 2


def test_a_connection_that_broke_is_opened_again(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("airflow_provider_linkedin_capi.databases.base._IDLE_SECONDS", 0.0)
    filled(database, 1)
    database._connection.close()
    assert len(stored(database)) == 1
