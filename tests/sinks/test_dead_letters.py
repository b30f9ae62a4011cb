from __future__ import annotations

import datetime as dt
import json
import os
import stat
import threading
import uuid
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from hashlib import sha256

import pytest

from airflow_provider_linkedin_capi.delivery.outcomes import DEAD_LETTER_KEYS
from airflow_provider_linkedin_capi.exceptions import ConfigurationError
from airflow_provider_linkedin_capi.sinks.dead_letters import DeadLetters
from airflow_provider_linkedin_capi.sources.files import FileSource

ROWS = [("e-0", "m@example.com"), ("e-1", "nonsense"), ("e-2", "x@example.com")]
REJECTED = {1: ("email", "email_invalid")}


@pytest.fixture
def path(tmp_path):
    return tmp_path / "new" / "dead.jsonl"


def lines(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def opened(where, run):
    letters = DeadLetters(where)
    letters.open(run)
    return letters


def write(path, run, *batches, completed=True):
    letters = opened(f"file://{path}", run)
    for batch in batches:
        letters.write(batch)
    letters.close(completed=completed)


def replayed(where):
    return [row for chunk in FileSource(where).chunks(50) for row in chunk.rows]


def test_a_line_says_where_the_row_stood_why_it_was_refused_and_holds_the_row(path, task_run, batch):
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
    assert lines(path)[0].keys() > DEAD_LETTER_KEYS


def test_held_rows_are_written_accepted_and_skipped_ones_are_not(path, task_run, batch):
    write(path, task_run(), batch(ROWS, held=[0], skipped=[1]))
    assert [(line["position"], line["outcome"], line["code"]) for line in lines(path)] == [
        (0, "held", "UNKNOWN_OUTCOME")
    ]


def test_nothing_is_created_while_no_row_is_refused(path, task_run, batch):
    write(path, task_run(), batch(ROWS))
    assert not path.exists()


def test_a_path_nobody_can_write_fails_before_anything_is_sent(path, task_run):
    path.mkdir(parents=True)
    with pytest.raises(ConfigurationError, match="is a directory: name a file"):
        opened(f"file://{path}", task_run())


def test_only_the_owner_can_read_the_file(path, task_run, batch):
    write(path, task_run(), batch(ROWS, rejected=REJECTED))
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_permissions_of_a_file_that_exists_are_kept(path, task_run, batch):
    path.parent.mkdir()
    path.touch()
    path.chmod(0o640)
    write(path, task_run(), batch(ROWS, rejected={1: ("email", "x"), 2: ("email", "x")}))
    write(path, task_run(), batch(ROWS, rejected=REJECTED))
    assert stat.S_IMODE(path.stat().st_mode) == 0o640


def test_lines_of_a_batch_are_on_disk_before_the_next_one(path, task_run, batch):
    letters = opened(f"file://{path}", task_run())
    letters.write(batch(ROWS, rejected=REJECTED))
    assert len(lines(path)) == 1


def test_a_batch_that_is_written_again_after_an_error_is_there_once(path, task_run, batch, monkeypatch):
    letters = opened(f"file://{path}", task_run())
    monkeypatch.setattr(os, "fsync", lambda file: (_ for _ in ()).throw(OSError("disk full")))
    with pytest.raises(OSError, match="disk full"):
        letters.write(batch(ROWS, rejected=REJECTED))
    monkeypatch.undo()
    letters.write(batch(ROWS, rejected=REJECTED))
    letters.write(batch(ROWS, rejected=REJECTED))
    assert len(lines(path)) == 1


# Tries and runs


def test_a_retry_adds_what_is_new_and_repeats_nothing(path, task_run, batch):
    first = batch(ROWS, rejected=REJECTED)
    write(path, task_run(), first, completed=False)
    second = batch(ROWS, number=2, first_position=3, rejected=REJECTED)
    write(path, task_run(resumed=True, try_number=2), first, second)
    assert [line["position"] for line in lines(path)] == [1, 4]


def test_a_row_that_changed_and_is_refused_again_replaces_its_line(path, task_run, batch):
    write(path, task_run(), batch(ROWS, rejected=REJECTED))
    changed = [ROWS[0], ("e-1", "still nonsense"), ROWS[2]]
    write(path, task_run(resumed=True), batch(changed, rejected=REJECTED))
    assert [line["row"]["email"] for line in lines(path)] == ["still nonsense"]


def test_another_row_in_the_place_of_a_refused_one_leaves_its_line(path, task_run, batch):
    write(path, task_run(), batch(ROWS, rejected=REJECTED))
    others = [("e-0", "m@example.com"), ("e-9", "rubbish")]
    write(path, task_run(resumed=True), batch(others, rejected=REJECTED))
    assert [line["key"] for line in lines(path)] == ["e-1", "e-9"]


def test_a_line_cut_off_by_a_kill_is_written_anew(path, task_run, batch):
    refused = batch(ROWS, rejected={1: ("email", "email_invalid"), 2: ("email", "email_invalid")})
    write(path, task_run(), refused)
    whole = path.read_bytes()
    path.write_bytes(whole[:-30])
    write(path, task_run(resumed=True), refused)
    assert path.read_bytes() == whole


def test_a_last_line_that_an_editor_saved_without_newline_is_kept(path, task_run, batch):
    write(path, task_run(run_id="yesterday"), batch(ROWS, rejected=REJECTED))
    edited = path.read_text().replace("nonsense", "right@example.com").removesuffix("\n")
    path.write_text(edited)
    write(path, task_run(), batch(ROWS, rejected=REJECTED))
    assert [line["row"]["email"] for line in lines(path)] == ["right@example.com", "nonsense"]
    assert path.read_text().startswith(edited + "\n")


def test_an_iteration_of_a_loop_leaves_the_lines_of_another_one(path, task_run, batch):
    write(path, task_run(loop_index=1), batch(ROWS, rejected=REJECTED))
    write(path, task_run(loop_index=2, delivery_id="two"), batch(ROWS))
    assert [line["task_instance"] for line in lines(path)] == ["conversions/scheduled__2026-11-01/stream#1"]


def test_two_runs_that_share_a_file_lose_no_line(path, task_run, batch):
    runs = [task_run(run_id=str(number)) for number in range(4)]
    refused = [batch(ROWS, number=n, first_position=3 * n, rejected=REJECTED) for n in range(20)]
    corrected = [batch(ROWS, number=n, first_position=3 * n) for n in range(20)]
    together = threading.Barrier(4)

    def run_twice(run):
        together.wait()
        write(path, run, *refused, completed=False)
        write(path, run, *refused[:10], *corrected[10:])

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(run_twice, runs))
    assert sorted((line["task_instance"][12], line["position"]) for line in lines(path)) == [
        (str(run), 3 * n + 1) for run in range(4) for n in range(10)
    ]


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
    letters = opened(str(store), task_run())
    letters.write(batch(ROWS, rejected=REJECTED))
    letters.write(batch(ROWS, number=2, first_position=3))
    letters.write(batch(ROWS, number=3, first_position=6, rejected=REJECTED))
    assert len(list(store.iterdir())) == 2
    assert replayed(str(store)) == [ROWS[1], ROWS[1]]


def test_a_deferral_on_an_object_store_overwrites_nothing(store, task_run, batch):
    opened(str(store), task_run()).write(batch(ROWS, rejected=REJECTED))
    resumed = opened(str(store), task_run(resumed=True))  # the same try, and batches count from 1 again
    resumed.write(batch(ROWS, rejected=REJECTED, refused_by_linkedin=[2]))
    assert sorted(row[0] for row in replayed(str(store))) == ["e-1", "e-2"]


@pytest.mark.parametrize("place", ["file", "store"])
def test_lines_of_rows_corrected_between_tries_go_when_all_is_delivered(request, path, task_run, batch, place):
    where = f"file://{path}" if place == "file" else str(request.getfixturevalue("store"))
    opened(where, task_run(run_id="another")).write(batch(ROWS, rejected=REJECTED))
    first = opened(where, task_run())
    first.write(batch(ROWS, rejected={1: ("email", "email_invalid"), 2: ("email", "email_invalid")}))
    retry = opened(where, task_run(resumed=True, try_number=2))
    retry.write(batch(ROWS, rejected={2: ("email", "email_invalid")}))
    assert len(replayed(where)) == 3
    retry.close(completed=True)
    assert sorted(row[0] for row in replayed(where)) == ["e-1", "e-2"]


# Values


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
        (sha256(b"m@example.com").digest(), sha256(b"m@example.com").hexdigest()),
        (memoryview(b"\xff\x00"), "ff00"),
        (float("nan"), None),
        (float("inf"), "inf"),
        (None, None),
        (True, True),
        (12345678901234567890, 12345678901234567890),
        ("snow ☃", "snow ☃"),
        ("nul \0 in it", "nul \0 in it"),
        ("half \ud83d pair", "half \\ud83d pair"),
    ],
    ids=ascii,
)
def test_every_value_is_written_so_that_a_replay_reads_the_same(path, task_run, batch, value, text):
    write(path, task_run(), batch([("e-0", value)], rejected={0: ("email", "email_invalid")}))
    assert replayed(f"file://{path}") == [("e-0", text)]


def nested(depth, kind):
    value = "x"
    for _ in range(depth):
        value = [value] if kind is list else {"key \ud83d": value}
    return value


class Hostile:
    __hash__ = None

    def __str__(self):
        raise RuntimeError("no text")


RELEASED = memoryview(b"x")
RELEASED.release()


@pytest.mark.parametrize(
    "value",
    [
        10**10_000,
        -(10**5_000),
        nested(1_000, list),
        nested(1_000, dict),
        [nested(5_000, list), nested(40, dict)],
        {"\ud83d": {1: {"x"}, None: Hostile()}},
        Hostile(),
        RELEASED,
        Decimal("1E+9999999"),
        Decimal("sNaN"),
        {frozenset({1}): b"\xff"},
    ],
    ids=range(11),
)
def test_any_value_can_be_written_and_replayed(path, task_run, batch, value):
    write(path, task_run(), batch([("e-0", value)], rejected={0: ("email", "email_invalid")}))
    ((key, replay),) = replayed(f"file://{path}")
    assert key == "e-0"
    assert replay


def test_deep_nesting_is_kept_as_text(path, task_run, batch):
    write(path, task_run(), batch([("e-0", nested(1_000, list))], rejected={0: ("email", "email_invalid")}))
    assert path.read_text().count("[") == 1_000


def test_columns_of_one_name_are_all_kept(path, task_run, batch):
    columns = ("event_id", "note", "note", "note (2)", "odd \ud83d")
    row = ("e-0", 1, 2, 3, 4, "without a column")
    write(path, task_run(), batch([row], columns=columns, rejected={0: ("email", "email_invalid")}))
    assert lines(path)[0]["row"] == {
        "event_id": "e-0", "note": 1, "note (2)": 2, "note (2) (2)": 3,
        "odd \\ud83d": 4, "column 6": "without a column",
    }  # fmt: skip
