from __future__ import annotations

import datetime as dt
import json
import uuid
from decimal import Decimal

import pytest

from airflow_provider_linkedin_capi.sinks.dead_letters import DeadLetters
from airflow_provider_linkedin_capi.sources.files import FileSource

ROWS = [("e-0", "m@example.com"), ("e-1", "nonsense"), ("e-2", "x@example.com")]
REJECTED = {1: ("email", "email_invalid")}


@pytest.fixture
def path(tmp_path):
    return tmp_path / "new" / "dead.jsonl"


def lines(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def opened(letters, delivery):
    letters.open(delivery)
    return letters


def write(path, run, *batches):
    letters = opened(DeadLetters(f"file://{path}"), run)
    for batch in batches:
        letters.write(batch)


def test_a_line_says_where_the_row_stood_why_it_was_refused_and_holds_the_row_as_it_came(path, task_run, batch):
    write(path, task_run(), batch(ROWS, first_position=5000, rejected=REJECTED))
    assert lines(path) == [
        {
            "position": 5001,
            "key": "e-1",
            "outcome": "rejected",
            "field": "email",
            "code": "email_invalid",
            "message": "what is wrong",
            "task_instance": "conversions/scheduled__2026-11-01/stream",
            "row": {"event_id": "e-1", "email": "nonsense"},
        }
    ]


def test_held_rows_are_written_accepted_and_skipped_ones_are_not(path, task_run, batch):
    write(path, task_run(), batch(ROWS, held=[0], skipped=[1]))
    assert [(line["position"], line["outcome"], line["code"]) for line in lines(path)] == [
        (0, "held", "UNKNOWN_OUTCOME")
    ]


def test_the_file_exists_from_the_start_so_that_a_path_nobody_can_write_fails_before_anything_is_sent(path, task_run):
    write(path, task_run())
    assert path.read_text() == ""
    with pytest.raises(OSError, match="Is a directory"):
        opened(DeadLetters(f"file://{path.parent}"), task_run())


def test_lines_of_a_batch_are_on_disk_before_the_next_one(path, task_run, batch):
    letters = opened(DeadLetters(f"file://{path}"), task_run())
    letters.write(batch(ROWS, rejected=REJECTED))
    assert len(lines(path)) == 1


def test_a_retry_adds_what_is_new_and_repeats_nothing(path, task_run, batch):
    first = batch(ROWS, rejected=REJECTED)
    write(path, task_run(), first)
    second = batch(ROWS, number=2, first_position=3, rejected=REJECTED)
    write(path, task_run(resumed=True, try_number=2), first, second)
    assert [line["position"] for line in lines(path)] == [1, 4]


def test_a_retry_that_finds_another_row_in_the_place_of_a_refused_one_writes_both(path, task_run, batch):
    write(path, task_run(), batch(ROWS, rejected=REJECTED))
    others = [("e-0", "m@example.com"), ("e-9", "rubbish")]
    write(path, task_run(resumed=True), batch(others, rejected=REJECTED))
    assert [line["key"] for line in lines(path)] == ["e-1", "e-9"]


def test_a_line_cut_off_by_a_kill_is_removed_and_written_anew(path, task_run, batch):
    refused = batch(ROWS, rejected={1: ("email", "email_invalid"), 2: ("email", "email_invalid")})
    write(path, task_run(), refused)
    whole = path.read_bytes()
    path.write_bytes(whole[:-30])
    write(path, task_run(resumed=True), refused)
    assert path.read_bytes() == whole


def test_a_task_that_starts_over_removes_its_own_lines_and_leaves_those_of_others(path, task_run, batch):
    refused = batch(ROWS, rejected=REJECTED)
    write(path, task_run(map_index=0), refused)
    write(path, task_run(map_index=1), refused)
    write(path, task_run(map_index=0), batch(ROWS, rejected={2: ("email", "email_invalid")}))
    assert [(line["task_instance"][-3:], line["position"]) for line in lines(path)] == [("[1]", 1), ("[0]", 2)]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (Decimal("19.90"), "19.90"),
        (dt.datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=dt.UTC), "2026-01-02T03:04:05.678901+00:00"),
        (dt.datetime(2026, 1, 2, 3, 4), "2026-01-02T03:04:00"),
        (dt.date(2026, 1, 2), "2026-01-02"),
        (uuid.UUID(int=7), "00000000-0000-0000-0000-000000000007"),
        (["x", Decimal("1.0")], ["x", "1.0"]),
        ({"a": dt.date(2026, 1, 2)}, {"a": "2026-01-02"}),
        (b"text", "text"),
        (float("nan"), None),
        (float("inf"), "inf"),
        (None, None),
        (True, True),
        (12345678901234567890, 12345678901234567890),
        ("snow ☃", "snow ☃"),
        ("half \ud83d pair", "half ? pair"),
    ],
)
def test_every_value_is_written_so_that_a_replay_reads_the_same(path, task_run, batch, value, text):
    write(path, task_run(), batch([("e-0", value)], rejected={0: ("email", "email_invalid")}))
    assert next(FileSource(f"file://{path}").chunks(5)).rows == [("e-0", text)]


@pytest.fixture
def store():
    """A directory of an object store in memory."""
    from airflow.providers.common.compat.sdk import ObjectStoragePath
    from fsspec.implementations.memory import MemoryFileSystem

    try:
        from airflow.sdk.io import attach
    except ImportError:  # Airflow 2
        from airflow.io.store import attach

    attach("memory", fs=MemoryFileSystem())
    directory = ObjectStoragePath("memory://bucket/dead")
    yield directory
    directory.fs.rm("/", recursive=True)


def test_an_object_store_gets_one_object_for_each_batch_with_such_rows(store, task_run, batch):
    letters = opened(DeadLetters(str(store)), task_run())
    letters.write(batch(ROWS, rejected=REJECTED))
    letters.write(batch(ROWS, number=2, first_position=3))
    letters.write(batch(ROWS, number=3, first_position=6, rejected=REJECTED))
    assert len(list(store.iterdir())) == 2
    assert [row for chunk in FileSource(str(store)).chunks(5) for row in chunk.rows] == [ROWS[1], ROWS[1]]


def test_a_retry_on_an_object_store_repeats_nothing_and_a_fresh_start_removes_its_own(store, task_run, batch):
    refused = batch(ROWS, rejected=REJECTED)
    opened(DeadLetters(str(store)), task_run()).write(refused)
    retry = opened(DeadLetters(str(store)), task_run(resumed=True, try_number=2))
    retry.write(refused)
    retry.write(batch(ROWS, number=2, first_position=3, rejected=REJECTED))
    assert FileSource(str(store)).count_rows() == 2
    opened(DeadLetters(str(store)), task_run(run_id="another")).write(refused)
    opened(DeadLetters(str(store)), task_run(try_number=3))
    assert FileSource(str(store)).count_rows() == 1


@pytest.mark.parametrize("place", ["file", "store"])
def test_lines_of_rows_mended_between_tries_go_when_the_delivery_is_complete(request, path, task_run, batch, place):
    where = f"file://{path}" if place == "file" else str(request.getfixturevalue("store"))
    other = opened(DeadLetters(where), task_run(run_id="another"))
    other.write(batch(ROWS, rejected=REJECTED))
    first = opened(DeadLetters(where), task_run())
    first.write(batch(ROWS, rejected={1: ("email", "email_invalid"), 2: ("email", "email_invalid")}))
    retry = opened(DeadLetters(where), task_run(resumed=True, try_number=2))
    retry.write(batch(ROWS, rejected={2: ("email", "email_invalid")}))
    assert FileSource(where).count_rows() == 3
    retry.close(completed=True)
    assert sorted(row[0] for chunk in FileSource(where).chunks(5) for row in chunk.rows) == ["e-1", "e-2"]
