"""Two tasks at once, in processes of their own, over rows that overlap: LinkedIn gets each event once."""

from __future__ import annotations

import random
import time
from collections import Counter

import pytest

from airflow_provider_linkedin_capi.databases.opening import open_database
from tests.support.streaming import RULE, conversions
from tests.support.task_process import Task

ROWS, BATCH = 400, 20
LEDGERS = ("postgres", "mariadb", "warehouse", "snowflake_server")


@pytest.fixture(params=LEDGERS)
def ledger(request):
    """The connection of an empty database for the ledger."""
    fixture = request.getfixturevalue(request.param)
    return getattr(fixture, "conn_id", fixture)


@pytest.fixture
def tasks(linkedin, sandbox, warehouse, ledger, tmp_path):
    """Two tasks that read most of the rows both, in opposite directions."""
    sandbox.world.add_rule(RULE)
    conversions(warehouse, ROWS)
    first, last = ROWS // 4, ROWS - ROWS // 4
    select = "SELECT event_id, email, happened_at FROM conversions WHERE"
    queries = {"one": f"{select} id < {last} ORDER BY id", "two": f"{select} id >= {first} ORDER BY id DESC"}
    return [
        Task(
            name,
            tmp_path,
            {
                "sql": query,
                "sql_conn_id": "warehouse",
                "conversion_rule": RULE,
                "results_table": "results",
                "results_conn_id": ledger,
                "batch_size": BATCH,
                "max_in_flight": 3,
            },
        )
        for name, query in queries.items()
    ]


def stored(sandbox):
    return Counter(event["eventId"] for event in sandbox.world.events)


def outcomes(conn_id):
    database = open_database(conn_id)
    rows = database.query(f"SELECT event_id, outcome FROM {database.name('results_outcomes')}")
    database.close()
    return Counter(map(tuple, rows))


def test_two_tasks_at_once_send_each_event_once(sandbox, ledger, tasks):
    tries = [task.start() for task in tasks]
    summaries = [each.summary() for each in tries]
    assert stored(sandbox) == Counter({f"e-{number}": 1 for number in range(ROWS)})
    assert outcomes(ledger) == Counter({(f"e-{number}", "accepted"): 1 for number in range(ROWS)})
    assert [summary["rows_read"] for summary in summaries] == [300, 300]
    assert sum(summary["accepted"] for summary in summaries) == ROWS
    assert sum(summary["resent_unknown"] for summary in summaries) == 0


@pytest.mark.parametrize("seed", [1, 2])
def test_killed_tasks_lose_nothing_and_send_twice_only_what_they_say(sandbox, ledger, tasks, seed):
    if ledger == "snowflake":
        pytest.skip("fakesnow never ends the transaction of a client that was killed; Snowflake does, after hours")
    print(f"seed {seed}")
    chance = random.Random(seed)
    for task in tasks:
        task.lease = 2.0  # under load one that lives may be taken for dead, which is counted as well
    tries = [task.start() for task in tasks]
    deadline = time.monotonic() + 60
    for each, progress in zip(tries, sorted(chance.sample(range(1, ROWS - 50), 2)), strict=True):
        while len(sandbox.world.events) < progress and time.monotonic() < deadline:
            time.sleep(0.005)
        time.sleep(chance.uniform(0, 0.05))
        each.kill()
    summaries = [each.summary() for each in [task.start() for task in tasks]]
    twice = sum(stored(sandbox).values()) - ROWS
    print(f"twice {twice}, resent_unknown {[summary['resent_unknown'] for summary in summaries]}")
    assert set(stored(sandbox)) == {f"e-{number}" for number in range(ROWS)}
    assert twice <= sum(summary["resent_unknown"] for summary in summaries)
    assert outcomes(ledger) == Counter({(f"e-{number}", "accepted"): 1 for number in range(ROWS)})
    for summary in summaries:
        assert summary["rows_read"] == 300
        assert summary["accepted"] + summary["skipped"] == 300
