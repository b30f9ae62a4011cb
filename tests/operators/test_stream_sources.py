"""Rows of files, queries and users' own sources on their way to LinkedIn."""

from __future__ import annotations

import json

import pytest

from airflow_provider_linkedin_capi.sources.files import FileSource
from airflow_provider_linkedin_capi.sources.sql import SqlSource
from tests.support.streaming import QUERY, conversions, event_ids, happened_at, letters

HEADER = "event_id,email,happened_at,company,note\n"


def line(number):
    return f"e-{number},m{number}@example.com,{happened_at()},Haus GmbH,x"


@pytest.mark.parametrize(
    "bad", ["e-7,m7@example.com,x,Acme, Inc,x", 'e-7,m7@example.com,x,"Acme "Best" Ltd",x', "e-7,m7@example.com"]
)
def test_a_malformed_line_is_one_dead_letter_and_the_budget_decides(stream, sandbox, tmp_path, bad):
    lines = [bad if number == 7 else line(number) for number in range(20)]
    (tmp_path / "a.csv").write_text(HEADER + "\n".join([*lines, ",,,,", " "]))
    parameters = {"path": f"{tmp_path}/a.csv", "batch_size": 6, "rejects_path": f"{tmp_path}/dead.jsonl"}
    run = stream(**parameters, max_invalid=0.1)
    assert run.state == "success"
    assert (run.summary["rows_read"], run.summary["accepted"], run.summary["rejected"]) == (20, 19, 1)
    (letter,) = letters(tmp_path / "dead.jsonl")
    assert letter["position"] == 7
    assert letter["code"] in ("row_shape", "row_unreadable")
    assert "a.csv, line 9" in letter["message"]
    assert bad in json.dumps(letter["row"]).replace('\\"', '"')
    assert stream(**{**parameters, "rejects_path": None}, max_invalid=0).state == "failed"


@pytest.mark.parametrize("retries", [0, 3])
def test_what_no_retry_can_fix_is_tried_once(stream, tmp_path, retries):
    (tmp_path / "a.csv").write_text("jane@example.com,Jane\n")
    run = stream(path=f"{tmp_path}/a.csv", retries=retries)
    assert (run.state, run.try_number) == ("failed", 1)


def test_parameters_of_a_source_are_templated(stream, sandbox, tmp_path):
    day = tmp_path / "dt=2026-01-01"
    day.mkdir()
    (day / "a.csv").write_text((HEADER + line(1)).replace(",", ";"))
    (day / "b.xlsx").write_text("PK")
    run = stream(source=FileSource(f"{tmp_path}/dt={{{{ '2026-01-01' }}}}", ignore="{{ 'b' }}.*", delimiter=";"))
    assert run.summary["accepted"] == 1


def test_parameters_of_a_query_are_templated(stream, sandbox, warehouse):
    conversions(warehouse, 5)
    source = SqlSource("{{ 'warehouse' }}", f"SELECT * FROM ({QUERY}) t WHERE event_id > ?", ["{{ 'e-2' }}"])
    assert stream(source=source).summary["accepted"] == 2


@pytest.mark.parametrize("batch_size", [2, 100])
def test_a_mapped_column_may_come_late_in_json_lines(stream, sandbox, tmp_path, batch_size):
    rows = [{"event_id": f"e-{n}", "crm_mail": f"m{n}@example.com", "happened_at": happened_at()} for n in range(5)]
    rows[4] |= {"worth": 7, "currency": "EUR"}
    (tmp_path / "a.jsonl").write_text("\n".join(map(json.dumps, rows)))
    run = stream(
        path=f"{tmp_path}/a.jsonl", column_mapping={"crm_mail": "email", "worth": "amount"}, batch_size=batch_size
    )
    assert run.summary["accepted"] == 5
    assert [event.get("conversionValue") is not None for event in sandbox.world.events] == [False] * 4 + [True]


def test_a_mapped_column_that_a_header_lacks_is_an_error(stream, sandbox, tmp_path):
    (tmp_path / "a.csv").write_text(HEADER + line(1))
    assert stream(path=f"{tmp_path}/a.csv", column_mapping={"wrth": "amount"}).state == "failed"
    assert event_ids(sandbox) == []


@pytest.mark.parametrize(
    ("path", "rejects"),
    [("in", "in/sub/dead.jsonl"), ("in/*.jsonl", "in/dead.jsonl"), ("in/a.csv", "in/a.csv"), ("*", "in/dead.jsonl")],
)
def test_dead_letters_among_the_files_that_are_read_are_refused(stream, sandbox, tmp_path, path, rejects):
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.csv").write_text(HEADER + line(1))
    run = stream(path=f"{tmp_path}/{path}", rejects_path=f"{tmp_path}/{rejects}")
    assert run.state == "failed"
    assert event_ids(sandbox) == []
