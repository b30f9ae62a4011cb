"""A delivery that ends early says how far it came, and which of token, role, scope, product and version is at fault."""

from __future__ import annotations

import pytest

from tests.support.streaming import conversions

NO_PRODUCT = '{"status":404,"code":"RESOURCE_NOT_FOUND","message":"No virtual resource found"}'


def without_a_role(world):
    world.set_role("VIEWER")


def without_the_scope(world):
    world.add_token("sandbox-token", scopes=["r_ads"])


def without_the_product(world):
    world.faults.add("status", status=404, body=NO_PRODUCT, path="/rest/conversionEvents")


def with_a_version_of_the_past(world):
    world.settings.versions = {"202712"}


def with_a_token_that_was_revoked(world):
    world.revoke_token()


@pytest.mark.parametrize(
    ("situation", "words"),
    [
        (without_a_role, "the member's role in ad account 5012345 is VIEWER"),
        (without_the_scope, "lacks the scope rw_conversions, or the app the product"),
        (without_the_product, "LinkedIn does not offer conversionEvents to this app: add the product"),
        (with_a_version_of_the_past, "Set the connection's API version to"),
        (with_a_token_that_was_revoked, "The member revoked the token: consent again"),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_the_error_names_what_is_at_fault_and_no_retry_follows(stream, sandbox, warehouse, task_log, situation, words):
    conversions(warehouse, 3)
    situation(sandbox.world)
    run = stream(retries=3)
    assert (run.state, run.try_number, run.summary["accepted"]) == ("failed", 1, 0)
    log = task_log()
    assert words in log
    assert "AirflowFailException" in log


def test_a_source_that_breaks_off_leaves_the_figures_of_what_went_before(stream, sandbox, warehouse):
    conversions(warehouse, 30)
    overflow = "CASE WHEN id = 25 THEN abs(-9223372036854775808) END AS overflow"
    query = f"SELECT conversions.*, {overflow} FROM conversions"
    run = stream(sql=query, sql_conn_id="warehouse", batch_size=10, max_in_flight=1)
    assert run.state == "failed"
    assert sandbox.world.event_count() in (10, 20)
    assert run.summary["rows_read"] == run.summary["accepted"] == sandbox.world.event_count()


@pytest.mark.timeout(60)
@pytest.mark.parametrize("read", ["dead.jsonl", ""])
def test_dead_letters_do_not_go_where_the_rows_are_read(stream, warehouse, tmp_path, task_log, read):
    conversions(warehouse, 3, bad_emails={0, 1, 2})
    place = tmp_path / "rejects"
    stream(rejects_path=f"file://{place}/dead.jsonl", max_invalid=1.0)
    before = (place / "dead.jsonl").read_text()
    # Without the check a replay reads, a batch later, what it has just written.
    run = stream(path=str(place / read), rejects_path=f"file://{place}/dead.jsonl", batch_size=1, max_invalid=1.0)
    assert run.state == "failed"
    assert "Give the dead letters another place" in task_log()
    assert (place / "dead.jsonl").read_text() == before
