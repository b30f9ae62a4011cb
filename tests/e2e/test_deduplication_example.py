"""The example for shops that send each order from the browser and from the server."""

from __future__ import annotations

import datetime as dt
import html
import re
from urllib.parse import parse_qs, urlsplit

import pytest

from tests.support.airflow_home import PROJECT

pytest.importorskip("airflow.sdk", reason="the example is written for Airflow 3")

EXAMPLE = PROJECT / "example_dags" / "linkedin_deduplication.py"
ORDERS = 40


@pytest.fixture
def yesterday():
    return dt.datetime.now(dt.UTC).date() - dt.timedelta(days=1)


@pytest.fixture
def shop(warehouse, yesterday):
    """Yesterday's orders."""
    warehouse.execute(
        "CREATE TABLE orders (id INTEGER PRIMARY KEY, ordered_at TEXT, email TEXT, first_name TEXT, last_name TEXT,"
        " amount TEXT, currency TEXT)"
    )
    for number in range(ORDERS):
        warehouse.execute(
            "INSERT INTO orders VALUES (?, ?, ?, 'Mary', 'Major', '10.00', 'USD')",
            (number, f"{yesterday} 10:{number:02}:00+00:00", f"buyer{number}@example.com"),
        )
    return warehouse


@pytest.fixture
def world(sandbox):
    """A LinkedIn that recognises everybody, within any window."""
    sandbox.world.settings.matched_share = 1.0
    return sandbox.world


def rule_named(world, name):
    [rule] = [rule for rule in world.rules.values() if rule["name"] == name]
    return rule


@pytest.fixture
def run(run_dag, linkedin, shop, world):
    from tests.support.dag_runs import dag_of_file

    run = run_dag(dag_of_file(EXAMPLE, "linkedin_deduplication"), logical_date=dt.datetime.now(dt.UTC))
    assert run.state == "success"
    return run


def test_two_rules_of_two_kinds_have_the_same_campaigns(run, world):
    browser, server = rule_named(world, "Order (browser)"), rule_named(world, "Order (server)")
    assert browser["conversionMethod"] == "INSIGHT_TAG_JAVASCRIPT_EVENT"
    assert server["conversionMethod"] == "CONVERSIONS_API"
    campaigns = {rule: {c for c, r in world.associations if r == rule} for rule in (browser["id"], server["id"])}
    assert campaigns[browser["id"]] == campaigns[server["id"]] != set()


def test_the_page_names_tag_rule_order_and_the_event_id_that_the_server_sends(run, xcom, world):
    page = xcom(run, "page_code")
    browser = rule_named(world, "Order (browser)")["id"]
    [tag] = world.entities.insight_tags
    assert page.startswith("<script")
    assert f"lintrk('track', {{conversion_id: {browser}, event_id: 'order-ORDER_ID'}})" in page
    pixel = html.unescape(re.search(r'<img [^>]*src="([^"]+)"', page)[1])
    assert parse_qs(urlsplit(pixel).query) == {
        "pid": [str(tag)],
        "fmt": ["img"],
        "conversionId": [str(browser)],
        "oid": ["ORDER_ID"],
        "eventId": ["order-ORDER_ID"],
    }
    assert {event["eventId"] for event in world.events} == {f"order-{number}" for number in range(ORDERS)}


def test_of_an_order_that_both_reported_the_server_s_event_is_dropped(run, world):
    browser, server = rule_named(world, "Order (browser)"), rule_named(world, "Order (server)")
    before = world.attributed_totals(rule=server["id"]).conversions
    assert before > 0
    seen_by_both = {event["eventId"] for event in world.events[: ORDERS // 2]}
    for event_id in sorted(seen_by_both):
        world.browser_hit(browser["id"], event_id=event_id)
    world.browser_hit(browser["id"], event_id="order-of-a-blocked-server")
    after = world.attributed_totals(rule=server["id"]).conversions
    assert after < before
    from_browser = world.attributed_totals(rule=browser["id"]).conversions
    assert from_browser > 0
    assert world.attributed_totals().conversions == after + from_browser


def test_a_second_run_sets_nothing_up_twice_and_sends_nothing_again(run, run_dag, xcom, world):
    from tests.support.dag_runs import dag_of_file

    dag = dag_of_file(EXAMPLE, "linkedin_deduplication")
    again = run_dag(dag, logical_date=dt.datetime.now(dt.UTC))
    assert again.state == "success"
    assert xcom(again, "insight_tag", key="insight_tag")["action"] == "found"
    assert len(world.rules) == 2
    assert world.event_count() == ORDERS
    assert xcom(again, "stream_orders")["skipped"] == ORDERS
