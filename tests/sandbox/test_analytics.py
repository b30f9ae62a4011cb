from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.raw_http import ACCOUNT, CAMPAIGN, ENCODED_ACCOUNT, OTHER_CAMPAIGN, event, send_batch

if TYPE_CHECKING:
    from airflow_provider_linkedin_capi.sandbox.world import World
    from tests.support.raw_http import Rest

FIELDS = (
    "dateRange,pivotValues,externalWebsiteConversions,externalWebsitePostClickConversions,"
    "externalWebsitePostViewConversions,conversionValueInLocalCurrency,costInLocalCurrency"
)
DAY_MS = 86_400_000


@pytest.fixture
def delivered(rest: Rest, rule: int, world: World) -> int:
    """A rule that got 400 events over the last twenty days."""
    deliver(rest, rule, world)
    return rule


def deliver(rest: Rest, rule: int, world: World, count: int = 400, prefix: str = "", currency: str = "USD") -> None:
    now = world.clock.now_ms()
    events = [
        event(
            rule,
            number,
            conversionHappenedAt=now - 60_000 - (number % 20) * DAY_MS,
            conversionValue={"currencyCode": currency, "amount": f"{number % 90}.{number % 100:02}"},
            eventId=f"{prefix}{number}",
        )
        for number in range(count)
    ]
    assert send_batch(rest, events).status_code == 200


def report(rest: Rest, query: str = "", *, q: str = "analytics&pivot=CONVERSION", **options: Any) -> Any:
    finder = {
        "q": q,
        "timeGranularity": "DAILY",
        "dateRange": "(start:(year:2026,month:1,day:1))",
        "accounts": f"List({ENCODED_ACCOUNT})",
        "fields": FIELDS,
        **options,
    }
    parameters = "&".join(f"{name}={value}" for name, value in finder.items() if value is not None)
    return rest("GET", f"/adAnalytics?{parameters}{query}")


def rows(answer: Any) -> list[dict[str, Any]]:
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.json()["elements"]
    return found


def value(found: list[dict[str, Any]]) -> Decimal:
    cents = Decimal("0.01")
    return sum((Decimal(row["conversionValueInLocalCurrency"]).quantize(cents) for row in found), Decimal(0))


def conversions(found: list[dict[str, Any]]) -> int:
    return sum(row["externalWebsiteConversions"] for row in found)


# What is attributed


def test_a_report_adds_up_to_the_attributed_totals_to_the_cent(rest: Rest, delivered: int, world: World) -> None:
    found = rows(report(rest))
    totals = world.attributed_totals()

    assert 0 < totals.conversions < 400
    assert conversions(found) == totals.conversions
    assert sum(row["externalWebsitePostClickConversions"] for row in found) == totals.post_click > 0
    assert sum(row["externalWebsitePostViewConversions"] for row in found) == totals.post_view > 0
    assert value(found) == totals.value > 0
    assert {row["pivotValues"][0] for row in found} == {f"urn:lla:llaPartnerConversion:{delivered}"}
    assert {row["costInLocalCurrency"] for row in found} == {"0"}


def test_amounts_are_text_with_a_binary_tail(rest: Rest, delivered: int) -> None:
    amounts = [row["conversionValueInLocalCurrency"] for row in rows(report(rest))]

    assert all(isinstance(amount, str) for amount in amounts)
    assert all(Decimal(amount) != Decimal(amount).quantize(Decimal("0.01")) for amount in amounts)


def test_the_same_events_give_the_same_report_in_any_world(rest: Rest, rule: int, world: World) -> None:
    fixed = [event(rule, n, conversionHappenedAt=world.clock.now_ms() - 1000) for n in range(300)]
    send_batch(rest, fixed)
    first = world.attributed_totals(campaign=CAMPAIGN)

    world.reset()
    world.add_rule(rule, type="PURCHASE", campaigns=[OTHER_CAMPAIGN, CAMPAIGN])
    send_batch(rest, fixed[::-1])

    assert first.conversions > 0
    assert world.attributed_totals(campaign=CAMPAIGN) == first


def test_nothing_is_attributed_without_an_associated_campaign(rest: Rest, world: World) -> None:
    lonely = world.add_rule(type="PURCHASE")
    deliver(rest, lonely, world)
    assert rows(report(rest)) == []

    world.associate(CAMPAIGN, lonely)
    assert conversions(rows(report(rest))) > 0


def test_short_windows_attribute_less(rest: Rest, rule: int, world: World) -> None:
    narrow = world.add_rule(
        type="PURCHASE",
        campaigns=[CAMPAIGN],
        postClickAttributionWindowSize=1,
        viewThroughAttributionWindowSize=1,
    )
    deliver(rest, rule, world)
    deliver(rest, narrow, world)

    wide_total = world.attributed_totals(rule=rule).conversions
    assert 0 < world.attributed_totals(rule=narrow).conversions < 0.8 * wide_total


def test_events_show_only_after_the_delay(rest: Rest, rule: int, world: World) -> None:
    world.settings.report_delay_seconds = 72 * 3600
    deliver(rest, rule, world)

    assert rows(report(rest)) == []
    world.clock.advance(71 * 3600)
    assert rows(report(rest)) == []
    world.clock.advance(3601)
    assert conversions(rows(report(rest))) > 0


def test_reports_are_restated(rest: Rest, rule: int, world: World) -> None:
    world.settings.restated_share = 0.3
    deliver(rest, rule, world)
    before = conversions(rows(report(rest)))

    world.clock.advance(86_401)

    assert 0 < before < conversions(rows(report(rest)))


def test_rules_without_value_and_with_a_fixed_one(rest: Rest, world: World) -> None:
    worthless = world.add_rule(campaigns=[CAMPAIGN], valueType="NO_VALUE")
    fixed = world.add_rule(campaigns=[CAMPAIGN], valueType="FIXED", value={"currencyCode": "USD", "amount": "2.50"})
    for rule in (worthless, fixed):
        deliver(rest, rule, world)

    assert world.attributed_totals(rule=worthless).value == 0
    totals = world.attributed_totals(rule=fixed)
    assert totals.value == totals.conversions * Decimal("2.50") > 0


def test_other_currencies_are_converted_and_nonsense_ones_count_nothing(rest: Rest, world: World) -> None:
    euros, nonsense = (world.add_rule(campaigns=[CAMPAIGN]) for _ in range(2))
    value_of_one = {"currencyCode": "EUR", "amount": "100"}
    send_batch(rest, [event(euros, n, conversionValue=value_of_one) for n in range(50)])
    deliver(rest, nonsense, world, currency="QQQ")

    totals = world.attributed_totals(rule=euros)
    assert totals.value == totals.conversions * Decimal(116) > 0
    assert world.attributed_totals(rule=nonsense).conversions > 0
    assert world.attributed_totals(rule=nonsense).value == 0


def test_the_insight_tag_wins_over_an_event_with_the_same_id(rest: Rest, world: World) -> None:
    world.settings.matched_share = 1.0
    api = world.add_rule(campaigns=[CAMPAIGN], postClickAttributionWindowSize=90, viewThroughAttributionWindowSize=90)
    tag = world.add_rule(
        campaigns=[CAMPAIGN],
        method="INSIGHT_TAG_JAVASCRIPT_EVENT",
        postClickAttributionWindowSize=90,
        viewThroughAttributionWindowSize=90,
    )
    send_batch(rest, [event(api, 1), event(api, 2)])
    assert world.attributed_totals(rule=api).conversions == 2

    world.browser_hit(tag, event_id="order-1")
    world.browser_hit(tag, event_id="another")

    assert world.attributed_totals(rule=api).conversions == 1
    assert world.attributed_totals(rule=tag).conversions == 2
    assert world.event_count() == 2


# Pivots and periods


def test_campaign_by_conversion_is_a_statistics_report(rest: Rest, delivered: int, world: World) -> None:
    found = rows(report(rest, q="statistics", pivots="List(CAMPAIGN,CONVERSION)", timeGranularity="(value:ALL)"))

    by_campaign = {row["pivotValues"][0]: row for row in found}
    assert set(by_campaign) == {f"urn:li:sponsoredCampaign:{n}" for n in (CAMPAIGN, OTHER_CAMPAIGN)}
    for campaign in (CAMPAIGN, OTHER_CAMPAIGN):
        row = by_campaign[f"urn:li:sponsoredCampaign:{campaign}"]
        assert row["pivotValues"][1] == f"urn:lla:llaPartnerConversion:{delivered}"
        assert row["externalWebsiteConversions"] == world.attributed_totals(campaign=campaign).conversions > 0


@pytest.mark.parametrize(
    ("pivot", "expected"),
    [("ACCOUNT", {ACCOUNT}), ("CAMPAIGN_GROUP", {"urn:li:sponsoredCampaignGroup:611"})],
)
def test_other_entity_pivots(rest: Rest, delivered: int, world: World, pivot: str, expected: set[str]) -> None:
    found = rows(report(rest, q=f"analytics&pivot=(value:{pivot})", timeGranularity="ALL"))

    assert {row["pivotValues"][0] for row in found} == expected
    assert conversions(found) == world.attributed_totals().conversions


def test_campaigns_have_impressions_clicks_and_costs(rest: Rest, delivered: int) -> None:
    fields = "impressions,clicks,costInLocalCurrency"
    (row, _) = rows(report(rest, q="analytics&pivot=CAMPAIGN", timeGranularity="ALL", fields=fields))

    assert row["impressions"] > row["clicks"] > 0
    assert Decimal(row["costInLocalCurrency"]).quantize(Decimal("0.01")) == row["clicks"] * Decimal("4.35")


def test_demographic_pivots_are_for_analytics_alone_and_suppress_small_rows(
    rest: Rest, delivered: int, world: World
) -> None:
    found = rows(report(rest, q="analytics&pivot=MEMBER_COMPANY_SIZE"))
    assert 0 < conversions(found) <= world.attributed_totals().conversions
    assert min(row["externalWebsiteConversions"] for row in found) >= 3

    refused = report(rest, q="statistics", pivots="List(MEMBER_COMPANY_SIZE)")
    assert refused.status_code == 400
    assert refused.json()["errorDetails"]["inputErrors"][0]["code"] == "FIELD_INVALID"


def test_days_are_utc_and_both_ends_belong_to_the_range(rest: Rest, delivered: int, world: World) -> None:
    today = world.clock.today()
    start, end = today - dt.timedelta(days=6), today - dt.timedelta(days=2)
    found = rows(
        report(
            rest,
            dateRange=f"(start:(year:{start.year},month:{start.month},day:{start.day}),"
            f"end:(year:{end.year},month:{end.month},day:{end.day}))",
        )
    )

    days = {dt.date(**row["dateRange"]["start"]) for row in found}
    assert days <= {start + dt.timedelta(days=n) for n in range(5)}
    assert {start, end} <= days
    assert all(row["dateRange"]["start"] == row["dateRange"]["end"] for row in found)
    assert conversions(found) == world.attributed_totals(start=start, end=end).conversions


def test_months_are_clipped_to_the_range(rest: Rest, delivered: int, world: World) -> None:
    start = world.clock.today() - dt.timedelta(days=15)
    found = rows(
        report(
            rest,
            timeGranularity="MONTHLY",
            dateRange=f"(start:(year:{start.year},month:{start.month},day:{start.day}))",
        )
    )

    assert dt.date(**found[0]["dateRange"]["start"]) == start
    assert dt.date(**found[-1]["dateRange"]["end"]) == world.clock.today()
    assert conversions(found) == world.attributed_totals(start=start).conversions


def test_daily_rows_are_gone_after_six_months(rest: Rest, delivered: int, world: World) -> None:
    world.add_token("sandbox-token", lifetime_seconds=None)
    world.clock.advance(210 * 86_400)

    assert rows(report(rest)) == []
    assert conversions(rows(report(rest, timeGranularity="MONTHLY"))) > 0


# Facets, fields, sorting


def test_facets_are_anded(rest: Rest, delivered: int, world: World) -> None:
    campaign = f"List(urn%3Ali%3AsponsoredCampaign%3A{CAMPAIGN})"

    assert conversions(rows(report(rest, campaigns=campaign))) == world.attributed_totals(campaign=CAMPAIGN).conversions
    elsewhere = world.add_account()
    nothing = report(rest, campaigns=campaign, accounts=f"List(urn%3Ali%3AsponsoredAccount%3A{elsewhere})")
    assert rows(nothing) == []


def test_at_least_one_facet_is_needed(rest: Rest) -> None:
    assert report(rest, accounts=None).status_code == 400


def test_an_account_that_the_token_cannot_read_is_empty_not_refused(rest: Rest, delivered: int, world: World) -> None:
    world.set_role(None)

    answer = report(rest)

    assert (answer.status_code, answer.json()["elements"]) == (200, [])


def test_a_viewer_may_read_reports(rest: Rest, delivered: int, world: World) -> None:
    world.set_role("VIEWER")

    assert rows(report(rest))


def test_without_fields_there_are_only_impressions_and_clicks(rest: Rest, delivered: int) -> None:
    assert {tuple(row) for row in rows(report(rest, fields=None))} == {("impressions", "clicks")}


def test_date_and_pivots_come_only_when_asked_for(rest: Rest, delivered: int) -> None:
    found = rows(report(rest, fields="externalWebsiteConversions"))

    assert {tuple(row) for row in found} == {("externalWebsiteConversions",)}


def test_20_fields_are_served_and_21_are_not(rest: Rest, delivered: int) -> None:
    from airflow_provider_linkedin_capi.sandbox.report_fields import FIELDS as KNOWN

    names = sorted(KNOWN)[:21]
    assert report(rest, fields=",".join(names[:20])).status_code == 200
    assert report(rest, fields=",".join(names)).status_code == 400


@pytest.mark.parametrize("name", ["pivotValue", "pivot", "nonsense", "List(clicks)"])
def test_unknown_fields_are_refused(rest: Rest, name: str) -> None:
    answer = report(rest, fields=f"{name},clicks")

    assert answer.status_code == 400
    assert answer.json()["errorDetails"]["inputErrors"][0]["input"]["inputPath"]["fieldPath"] == "fields"


def test_rows_are_sorted_when_asked(rest: Rest, delivered: int) -> None:
    found = rows(report(rest, sortBy="(field:EXTERNAL_WEBSITE_CONVERSIONS,order:DESCENDING)"))

    counts = [row["externalWebsiteConversions"] for row in found]
    assert counts == sorted(counts, reverse=True)
    assert counts[0] > counts[-1]


@pytest.mark.parametrize(
    "options",
    [
        {"q": "analytics&pivot=NOTHING"},
        {"q": "analytics"},
        {"timeGranularity": "HOURLY"},
        {"timeGranularity": None},
        {"dateRange": None},
        {"dateRange": "(start:(year:2026,month:13,day:1))"},
        {"dateRange": "(start:(year:2026,month:2,day:1),end:(year:2026,month:1,day:1))"},
        {"dateRange.start.year": "2026"},
        {"accounts[0]": "urn"},
        {"accounts": ENCODED_ACCOUNT},
        {"q": "statistics", "pivots": "List(CAMPAIGN,CONVERSION,ACCOUNT,CREATIVE)"},
        {"q": "statistics", "pivots": "CAMPAIGN"},
        {"sortBy": "(field:NAME,order:DESCENDING)"},
    ],
)
def test_bad_requests_are_refused(rest: Rest, options: dict[str, Any]) -> None:
    assert report(rest, **options).status_code == 400


def test_an_unknown_finder_is_not_found(rest: Rest) -> None:
    assert report(rest, q="nothing").status_code == 404


# Limits


def test_a_long_report_is_cut_off_silently(rest: Rest, delivered: int, world: World) -> None:
    whole = rows(report(rest))
    world.settings.max_report_elements = 5

    answer = report(rest)

    assert len(whole) > 5
    assert rows(answer) == whole[:5]
    assert answer.json()["paging"] == {"start": 0, "count": 10, "links": []}


def test_too_many_values_in_five_minutes_are_throttled(rest: Rest, delivered: int, world: World) -> None:
    world.settings.report_values_per_window = 200

    assert report(rest).status_code == 200
    answer = report(rest)
    assert answer.status_code == 429
    assert answer.json() == {
        "message": "The data request limit has been exceeded. More than 45 million metric values were requested"
        " in a 5-minute window.",
        "status": 429,
    }
    world.clock.advance(301)
    assert report(rest).status_code == 200


# Revenue


def test_revenue_needs_a_connected_crm(rest: Rest, delivered: int, world: World) -> None:
    query = (
        "/adAnalytics?q=attributedRevenueMetrics&pivots=List(CAMPAIGN)&dateRange=(start:(year:2026,month:1,day:1))"
        "&account={}&fields=revenueAttributionMetrics,dateRange,pivotValues"
    )
    assert rows(rest("GET", query.format(f"List({ENCODED_ACCOUNT})"))) == []

    world.settings.crm_accounts = {5_012_345}
    found = rows(rest("GET", query.format(f"List({ENCODED_ACCOUNT})")))
    assert found == rows(rest("GET", query.format(ENCODED_ACCOUNT)))
    assert len(found) == 2
    won = (Decimal(row["revenueAttributionMetrics"]["revenueWonInUsd"]) for row in found)
    revenue = sum(won, Decimal(0))
    assert revenue.quantize(Decimal("0.01")) == world.attributed_totals().value
