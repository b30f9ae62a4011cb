"""A report is complete, however many calls that takes. Against LinkedIn on localhost."""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import Callable
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_linkedin_capi import exceptions
from airflow_provider_linkedin_capi.api import limits
from airflow_provider_linkedin_capi.exceptions import IncompleteReportError
from airflow_provider_linkedin_capi.reports import plan
from airflow_provider_linkedin_capi.reports.metrics import REVENUE_METRICS, column
from airflow_provider_linkedin_capi.reports.report import Report
from airflow_provider_linkedin_capi.reports.report_plan import field_groups, report_plan
from airflow_provider_linkedin_capi.reports.request import report_request
from tests.support.attribution import CAMPAIGN, OTHER_CAMPAIGN, days_ago, deliver

if TYPE_CHECKING:
    from airflow_provider_linkedin_capi.hooks.linkedin_conversions import LinkedInConversionsHook
    from airflow_provider_linkedin_capi.sandbox.server import SandboxServer
    from airflow_provider_linkedin_capi.sandbox.world import World

Fetch = Callable[..., Report]


@pytest.fixture
def world(sandbox: SandboxServer) -> World:
    return sandbox.world


@pytest.fixture
def report(hook: LinkedInConversionsHook) -> Fetch:
    """``report(first, last, **selection)`` fetches a window that many days ago."""

    def fetched(first: int, last: int, **selection: Any) -> Report:
        asked = hook.report_request(start_date=days_ago(first), end_date=days_ago(last), **selection)
        return hook.fetch_report(asked)

    return fetched


def asked_for(world: World) -> list[str]:
    """The queries of the reports that LinkedIn was asked for."""
    return [request.query for request in world.requests if request.path == "/rest/adAnalytics"]


def cap(world: World, monkeypatch: pytest.MonkeyPatch, elements: int) -> None:
    """Let LinkedIn cut reports off earlier than at 15,000 rows."""
    monkeypatch.setattr(limits, "MAX_ANALYTICS_ELEMENTS", elements)
    world.settings.max_report_elements = elements


def assert_complete(report: Report, world: World) -> None:
    attributed = world.attributed_totals()
    assert report.totals() == {
        "external_website_conversions": attributed.conversions,
        "external_website_post_click_conversions": attributed.post_click,
        "external_website_post_view_conversions": attributed.post_view,
        "conversion_value_in_local_currency": attributed.value,
    }
    assert attributed.conversions > 0


def test_an_answer_at_the_cap_is_asked_for_again_by_shorter_windows(
    world: World, hook: LinkedInConversionsHook, report: Fetch, monkeypatch: pytest.MonkeyPatch
) -> None:
    rule = world.add_rule(campaigns=[CAMPAIGN])
    for day in range(1, 10):
        deliver(hook, rule, days_ago(day), 20)
    cap(world, monkeypatch, 4)

    whole = report(12, 0)

    assert_complete(whole, world)
    assert [row["start_date"] for row in whole.rows] == [days_ago(day) for day in range(9, 0, -1)]


def test_a_single_day_at_the_cap_is_read_campaign_by_campaign_and_added_up(
    world: World, hook: LinkedInConversionsHook, report: Fetch, monkeypatch: pytest.MonkeyPatch
) -> None:
    rules = [
        *(world.add_rule(campaigns=[CAMPAIGN]) for _ in range(3)),
        *(world.add_rule(campaigns=[OTHER_CAMPAIGN]) for _ in range(3)),
        world.add_rule(campaigns=[CAMPAIGN, OTHER_CAMPAIGN]),
    ]
    for rule in rules:
        deliver(hook, rule, days_ago(2), 30)
    cap(world, monkeypatch, 5)

    whole = report(2, 2)

    assert_complete(whole, world)
    assert [row["conversion_id"] for row in whole.rows] == sorted(rules)


def test_given_campaigns_are_the_ones_that_are_halved(
    world: World, hook: LinkedInConversionsHook, report: Fetch, monkeypatch: pytest.MonkeyPatch
) -> None:
    rules = [world.add_rule(campaigns=[campaign]) for campaign in (CAMPAIGN, OTHER_CAMPAIGN)]
    for rule in rules:
        deliver(hook, rule, days_ago(2), 30)
    cap(world, monkeypatch, 2)

    assert_complete(report(2, 2, campaigns=[CAMPAIGN, OTHER_CAMPAIGN], pivot=["CAMPAIGN", "CONVERSION"]), world)

    assert not any(request.path.endswith("/adCampaigns") for request in world.requests)


def test_a_report_that_cannot_be_split_further_fails(
    world: World, hook: LinkedInConversionsHook, report: Fetch, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(2):
        deliver(hook, world.add_rule(campaigns=[CAMPAIGN]), days_ago(2), 30)
    cap(world, monkeypatch, 2)

    with pytest.raises(IncompleteReportError, match=r"cut the report off at 2 rows for .*for a single campaign"):
        report(2, 2, campaigns=CAMPAIGN)


def test_what_cannot_be_added_up_is_not_read_campaign_by_campaign(
    world: World, hook: LinkedInConversionsHook, report: Fetch, monkeypatch: pytest.MonkeyPatch
) -> None:
    for campaign in (CAMPAIGN, OTHER_CAMPAIGN):
        deliver(hook, world.add_rule(campaigns=[campaign]), days_ago(2), 30)
    cap(world, monkeypatch, 2)
    fields = ["externalWebsiteConversions", "approximateMemberReach"]

    with pytest.raises(IncompleteReportError, match="approximateMemberReach cannot be added up"):
        report(2, 2, fields=fields)
    # Each row has its campaign then, so nothing has to be added up.
    assert len(report(2, 2, fields=fields, pivot=["CAMPAIGN", "CONVERSION"]).rows) == 2


def test_heavy_windows_that_end_in_a_server_error_are_shortened() -> None:
    asked = report_request(
        account="urn:li:sponsoredAccount:1",
        start_date="2026-11-01",
        end_date="2026-11-08",
        today=dt.date(2026, 11, 22),
    )
    windows: list[tuple[int, int]] = []

    def linkedin(call: Any) -> list[dict[str, Any]]:
        days = [int(part.split(")")[0]) for part in call.query.split("day:")[1:]]
        windows.append((days[0], days[1]))
        if days[1] - days[0] > 2:
            raise exceptions.ServerError("Gateway Timeout", call=call.name, status=504)
        return []

    plan.run(report_plan(asked), linkedin)

    assert windows == [(1, 8), (1, 4), (1, 2), (3, 4), (5, 8), (5, 6), (7, 8)]


def test_a_server_error_for_a_single_day_is_raised() -> None:
    asked = report_request(
        account="urn:li:sponsoredAccount:1",
        start_date="2026-11-01",
        end_date="2026-11-04",
        today=dt.date(2026, 11, 22),
    )
    calls = []

    def broken(call: Any) -> Any:
        calls.append(call)
        raise exceptions.ServerError("Internal Server Error", call=call.name, status=500)

    with pytest.raises(exceptions.ServerError):
        plan.run(report_plan(asked), broken)

    assert len(calls) == 3


def test_any_number_of_fields_is_asked_for_in_groups_and_joined(
    world: World, hook: LinkedInConversionsHook, report: Fetch
) -> None:
    from airflow_provider_linkedin_capi.reports.request import DEFAULT_FIELDS

    rule = world.add_rule(campaigns=[CAMPAIGN])
    for day in (2, 3):
        deliver(hook, rule, days_ago(day), 40)
    more = [
        "impressions", "clicks", "costInLocalCurrency", "costInUsd", "landingPageClicks", "likes", "comments", "shares",
        "follows", "reactions", "opens", "sends", "videoViews", "videoStarts", "videoCompletions", "qualifiedLeads",
        "oneClickLeads", "totalEngagements", "actionClicks", "adUnitClicks", "cardClicks", "registrations",
    ]  # fmt: skip

    whole = report(3, 2, fields=[*more, *DEFAULT_FIELDS], pivot="CAMPAIGN")

    queries = asked_for(world)
    assert [query.partition("fields=")[2].count(",") + 1 for query in queries] == [20, 10]
    attributed = world.attributed_totals()
    assert whole.totals()["conversion_value_in_local_currency"] == attributed.value
    assert whole.totals()["external_website_conversions"] == attributed.conversions
    assert whole.totals()["clicks"] > 0
    assert [row["start_date"] for row in whole.rows] == [days_ago(3), days_ago(2)]
    assert set(map(column, more)) <= whole.rows[0].keys()


def test_a_group_holds_at_most_20_fields_with_those_of_the_row() -> None:
    asked = report_request(
        account="urn:li:sponsoredAccount:1",
        start_date="2026-11-01",
        end_date="2026-11-04",
        fields=[f"metric{number}" for number in range(37)],
        today=dt.date(2026, 11, 22),
    )

    groups = list(field_groups(asked))

    assert [len(group) for group in groups] == [20, 20, 3]
    assert all(group[:2] == ("dateRange", "pivotValues") for group in groups)
    assert sorted(name for group in groups for name in group[2:]) == sorted(asked.fields)


def test_long_lists_of_campaigns_are_tunnelled(world: World, hook: LinkedInConversionsHook, report: Fetch) -> None:
    rule = world.add_rule(campaigns=[CAMPAIGN])
    deliver(hook, rule, days_ago(2), 40)

    assert_complete(report(2, 2, campaigns=[CAMPAIGN, *range(900_000, 900_400)]), world)

    [request] = [request for request in world.requests if request.path == "/rest/adAnalytics"]
    assert (request.method, request.headers["x-http-method-override"]) == ("POST", "GET")


def test_the_limit_of_45_million_values_is_waited_out(
    world: World, hook: LinkedInConversionsHook, report: Fetch, monkeypatch: pytest.MonkeyPatch
) -> None:
    deliver(hook, world.add_rule(campaigns=[CAMPAIGN]), days_ago(2), 40)
    monkeypatch.setattr(limits, "ANALYTICS_VALUES_WAIT_SECONDS", 0.2)
    message = (
        '{"message":"The data request limit has been exceeded. More than 45 million metric values were requested '
        'in a 5-minute window.","status":429}'
    )
    fault = world.faults.add("status", status=429, body=message, path="/rest/adAnalytics", times=2)

    assert_complete(report(2, 2), world)
    assert fault.matched == 2


def test_the_budget_waits_five_minutes_before_it_would_be_exceeded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "ANALYTICS_VALUES_PER_WINDOW", 100)
    now = [0.0]
    budget = plan.ValueBudget(clock=lambda: now[0])
    budget.spend(60)
    now[0] = 10.0
    budget.spend(30)

    assert budget.wait_for(10) == 0
    assert budget.wait_for(11) == 290
    assert budget.wait_for(71) == 300
    now[0] = 300.0
    assert budget.wait_for(70) == 0


def test_a_plan_pauses_for_its_budget(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "ANALYTICS_VALUES_PER_WINDOW", 20)
    monkeypatch.setattr(limits, "MAX_ANALYTICS_ELEMENTS", 3)
    asked = report_request(
        account="urn:li:sponsoredAccount:1",
        start_date="2026-11-01",
        end_date="2026-11-02",
        fields="clicks",
        today=dt.date(2026, 11, 22),
    )
    row = {"pivotValues": ["urn:lla:llaPartnerConversion:1"], "clicks": 1}
    pauses: list[float] = []

    def linkedin(call: Any) -> Any:
        if "adAnalytics" not in call.name:
            return type("Account", (), {"currency": "USD"})
        days = [int(part.split(")")[0]) for part in call.query.split("day:")[1:]]
        count = 3 if days[0] != days[1] else 1
        return [{**row, "dateRange": {"start": {"year": 2026, "month": 11, "day": days[0]}}} for _ in range(count)]

    report = plan.run(report_plan(asked), linkedin, pauses.append)

    # 9 values for the whole window; 9 more may be asked for; then 12 are spent and 9 would be too many.
    assert len(report.rows) == 2
    assert [round(pause) for pause in pauses] == [300]


def test_rows_with_the_same_key_are_added_up_or_refused() -> None:
    day = {"dateRange": {"start": {"year": 2026, "month": 11, "day": 1}}, "pivotValues": ["a"]}

    def read(field: str) -> Report:
        asked = report_request(
            account="urn:li:sponsoredAccount:1",
            start_date="2026-11-01",
            end_date="2026-11-01",
            fields=[field],
            today=dt.date(2026, 11, 22),
        )
        account = type("Account", (), {"currency": "USD"})
        return plan.run(
            report_plan(asked),
            lambda call: [{**day, field: 1}] * 2 if "adAnalytics" in call.name else account,
        )

    assert [row["clicks"] for row in read("clicks").rows] == [2]
    with pytest.raises(IncompleteReportError, match=r"averageDwellTime cannot be added up\. Leave this field out"):
        read("averageDwellTime")


def test_names_are_joined_and_urns_split(world: World, hook: LinkedInConversionsHook, report: Fetch) -> None:
    rule = world.add_rule(name="CRM purchase", campaigns=[CAMPAIGN])
    deliver(hook, rule, days_ago(2), 40)

    [row] = report(2, 2, pivot=["CONVERSION", "CAMPAIGN", "OBJECTIVE_TYPE"], names=True).rows

    assert (row["conversion"], row["conversion_id"], row["conversion_name"]) == (
        f"urn:lla:llaPartnerConversion:{rule}",
        rule,
        "CRM purchase",
    )
    assert (row["campaign_id"], row["campaign_name"]) == (CAMPAIGN, "Spring leads")
    assert row["objective_type"] == "WEBSITE_CONVERSION"
    assert "objective_type_id" not in row


def test_missing_rows_are_zeros_when_asked_for(world: World, hook: LinkedInConversionsHook, report: Fetch) -> None:
    busy = world.add_rule(campaigns=[CAMPAIGN])
    quiet = world.add_rule(campaigns=[CAMPAIGN])
    deliver(hook, busy, days_ago(3), 40)

    whole = report(4, 2, fill_zeros=True)

    assert [(row["start_date"], row["conversion_id"]) for row in whole.rows] == [
        (days_ago(day), rule) for day in (4, 3, 2) for rule in (busy, quiet)
    ]
    assert_complete(whole, world)
    zero = whole.rows[0]
    assert zero["external_website_conversions"] == 0
    assert str(zero["conversion_value_in_local_currency"]) == "0.00"


def test_only_the_chosen_rules_are_kept(world: World, hook: LinkedInConversionsHook, report: Fetch) -> None:
    rules = [world.add_rule(name=f"Rule {number}", campaigns=[CAMPAIGN]) for number in range(3)]
    for rule in rules:
        deliver(hook, rule, days_ago(2), 30)

    chosen = report(2, 2, conversion_rules=["Rule 0", rules[2]])

    assert [row["conversion_id"] for row in chosen.rows] == [rules[0], rules[2]]


def test_facets_narrow_a_report(world: World, hook: LinkedInConversionsHook, report: Fetch) -> None:
    elsewhere = world.add_campaign(group=999)
    for campaign in (CAMPAIGN, OTHER_CAMPAIGN, elsewhere):
        deliver(hook, world.add_rule(campaigns=[campaign]), days_ago(2), 30)

    def campaigns(**facets: Any) -> list[int]:
        return [row["campaign_id"] for row in report(2, 2, pivot="CAMPAIGN", **facets).rows]

    assert campaigns() == sorted([CAMPAIGN, OTHER_CAMPAIGN, elsewhere])
    assert campaigns(campaigns=[CAMPAIGN]) == [CAMPAIGN]
    assert campaigns(campaign_groups=999) == [elsewhere]
    assert campaigns(creatives=OTHER_CAMPAIGN) == [OTHER_CAMPAIGN]
    assert campaigns(campaigns=[CAMPAIGN], campaign_groups=999) == []


@pytest.mark.parametrize("granularity", ["MONTHLY", "YEARLY", "ALL"])
def test_other_granularities_hold_the_same_sum(
    world: World, hook: LinkedInConversionsHook, report: Fetch, granularity: str
) -> None:
    rule = world.add_rule(campaigns=[CAMPAIGN])
    for day in (2, 40):
        deliver(hook, rule, days_ago(day), 40)

    assert_complete(report(60, 0, time_granularity=granularity), world)


def test_revenue_comes_as_columns(world: World, hook: LinkedInConversionsHook, report: Fetch) -> None:
    world.settings.crm_accounts = {5_012_345}
    deliver(hook, world.add_rule(campaigns=[CAMPAIGN]), days_ago(2), 60)

    [row] = report(3, 1, finder="attributedRevenueMetrics", pivot="CAMPAIGN").rows

    assert set(map(column, REVENUE_METRICS)) <= row.keys()
    assert row["return_on_ad_spend"] == Decimal("1.9")
    assert row["revenue_won_in_usd"] == world.attributed_totals().value
    assert isinstance(row["closed_won_opportunities"], int)


def test_the_currency_is_the_accounts(world: World, hook: LinkedInConversionsHook) -> None:
    from airflow_provider_linkedin_capi.hooks.linkedin_conversions import LinkedInConversionsHook

    account = world.add_account(5_077_777, currency="JPY")
    rule = world.add_rule(account=account, campaigns=[world.add_campaign(account=account)])
    deliver(hook, rule, days_ago(2), 60, amounts=["1"])
    japan = LinkedInConversionsHook(hook.linkedin_conn_id, ad_account_id=account)

    [row] = japan.fetch_report(japan.report_request(start_date=days_ago(2), end_date=days_ago(2))).rows

    assert row["currency"] == "JPY"
    assert row["conversion_value_in_local_currency"].as_tuple().exponent == 0


def test_the_triggerers_hook_reads_the_same(world: World, hook: LinkedInConversionsHook, report: Fetch) -> None:
    from airflow_provider_linkedin_capi.hooks.linkedin_conversions_async import LinkedInConversionsAsyncHook

    rule = world.add_rule(name="CRM purchase", campaigns=[CAMPAIGN, OTHER_CAMPAIGN])
    deliver(hook, rule, days_ago(2), 40)
    sync = report(3, 1, names=True, pivot=["CAMPAIGN", "CONVERSION"])

    async def read() -> Report:
        async with LinkedInConversionsAsyncHook(hook.linkedin_conn_id) as twin:
            return await plan.run_async(report_plan(sync.request), twin.call)

    assert asyncio.run(read()) == sync
    assert sync.rows


@pytest.mark.parametrize(
    "element",
    [
        {"pivotValues": ["urn:lla:llaPartnerConversion:1"]},
        {"dateRange": {"start": {"year": 2026, "month": 11, "day": 1}}},
        {"dateRange": {"start": {"year": 2026, "month": 13, "day": 1}}, "pivotValues": ["a"]},
        {"dateRange": {"start": {"year": 2026, "month": 11, "day": 1}}, "pivotValues": ["a", "b"]},
        {"dateRange": {"start": {"year": 2026, "month": 11, "day": 1}}, "pivotValues": None},
        "row",
    ],
)
def test_a_row_without_dates_or_pivots_is_an_error(element: Any) -> None:
    asked = report_request(
        account="urn:li:sponsoredAccount:1",
        start_date="2026-11-01",
        end_date="2026-11-04",
        today=dt.date(2026, 11, 22),
    )

    with pytest.raises(exceptions.UnexpectedReplyError):
        plan.run(report_plan(asked), lambda call: [element])
