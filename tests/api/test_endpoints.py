"""Every endpoint's request, byte for byte as LinkedIn's documentation shows it."""

from __future__ import annotations

import datetime as dt
import json

import pytest

from airflow_provider_linkedin_capi import exceptions
from airflow_provider_linkedin_capi.api import (
    account_users,
    ad_accounts,
    ad_analytics,
    campaign_associations,
    campaigns,
    conversion_events,
    conversion_rules,
    insight_tag_domains,
    insight_tag_permissions,
    insight_tags,
    path_to_conversion,
)
from airflow_provider_linkedin_capi.api.call import Reply

V = "202609"
ACCOUNT = "urn%3Ali%3AsponsoredAccount%3A519072844"
KEY = "(campaign:urn%3Ali%3AsponsoredCampaign%3A345396555,conversion:urn%3Alla%3AllaPartnerConversion%3A104004)"
PAIR = {"campaign": "urn:li:sponsoredCampaign:345396555", "conversion": "urn:lla:llaPartnerConversion:104004"}
RULE = {"name": "CRM purchase", "account": "urn:li:sponsoredAccount:519072844", "type": "PURCHASE"}
DOMAIN = f"(account:{ACCOUNT},domainName:www.example.com)"
SEPTEMBER = (dt.date(2026, 9, 1), dt.date(2026, 9, 30))

REQUESTS = [
    (
        conversion_rules.create(RULE, V, auto_association="ALL_CAMPAIGNS"),
        "POST /rest/conversions?autoAssociationType=ALL_CAMPAIGNS",
        RULE,
    ),
    (conversion_rules.create(RULE, V), "POST /rest/conversions", RULE),
    (conversion_rules.batch_create([RULE], V), "POST /rest/conversions", {"elements": [RULE]}),
    (conversion_rules.get("519072844", 104012), f"GET /rest/conversions/104012?account={ACCOUNT}", None),
    (
        conversion_rules.batch_get(519072844, [104012, "104004"]),
        f"GET /rest/conversions?account={ACCOUNT}&ids=List(104012,104004)",
        None,
    ),
    (
        conversion_rules.find(519072844),
        f"GET /rest/conversions?q=account&account={ACCOUNT}&start=0&count=100",
        None,
    ),
    (
        conversion_rules.update(519072844, 104004, {"name": "new name", "enabled": False}, V),
        f"POST /rest/conversions/104004?account={ACCOUNT}",
        {"patch": {"$set": {"name": "new name", "enabled": False}}},
    ),
    (
        conversion_rules.batch_update(519072844, {104004: {"name": "A"}, 107620: {"enabled": False}}, V),
        f"POST /rest/conversions?account={ACCOUNT}&ids=List(104004,107620)",
        {"entities": {"104004": {"patch": {"$set": {"name": "A"}}}, "107620": {"patch": {"$set": {"enabled": False}}}}},
    ),
    (campaign_associations.put(345396555, 104004), f"PUT /rest/campaignConversions/{KEY}", PAIR),
    (
        campaign_associations.batch_put([(345396555, 104004)]),
        f"PUT /rest/campaignConversions?ids=List({KEY})",
        {"entities": {KEY: PAIR}},
    ),
    (campaign_associations.get(345396555, 104004), f"GET /rest/campaignConversions/{KEY}", None),
    (
        campaign_associations.batch_get([(345396555, 104004)]),
        f"GET /rest/campaignConversions?ids=List({KEY})",
        None,
    ),
    (
        campaign_associations.find([1, 2]),
        "GET /rest/campaignConversions?q=campaigns&campaigns="
        "List(urn%3Ali%3AsponsoredCampaign%3A1,urn%3Ali%3AsponsoredCampaign%3A2)&start=0&count=100",
        None,
    ),
    (campaign_associations.delete(345396555, 104004), f"DELETE /rest/campaignConversions/{KEY}", None),
    (
        campaign_associations.batch_delete([(345396555, 104004)]),
        f"DELETE /rest/campaignConversions?ids=List({KEY})",
        None,
    ),
    (conversion_events.create(b'{"a":1}', idempotent=False), "POST /rest/conversionEvents", {"a": 1}),
    (
        conversion_events.batch_create(b'{"elements":[{}]}', count=1, idempotent=False),
        "POST /rest/conversionEvents",
        {"elements": [{}]},
    ),
    (
        ad_analytics.analytics(
            "CONVERSION",
            *SEPTEMBER,
            accounts=[5012345],
            fields=["dateRange", "pivotValues", "externalWebsiteConversions"],
        ),
        "GET /rest/adAnalytics?q=analytics&pivot=CONVERSION&timeGranularity=DAILY"
        "&dateRange=(start:(year:2026,month:9,day:1),end:(year:2026,month:9,day:30))"
        "&accounts=List(urn%3Ali%3AsponsoredAccount%3A5012345)"
        "&fields=dateRange,pivotValues,externalWebsiteConversions",
        None,
    ),
    (
        ad_analytics.statistics(
            ["CAMPAIGN", "CONVERSION"],
            SEPTEMBER[0],
            None,
            time_granularity="ALL",
            campaigns=[1],
            campaign_groups=[2],
            creatives=[3],
            shares=["urn:li:share:4"],
            companies=[5],
            campaign_type="TEXT_AD",
            objective_type="LEAD_GENERATION",
            sort_by="EXTERNAL_WEBSITE_CONVERSIONS",
        ),
        "GET /rest/adAnalytics?q=statistics&pivots=List(CAMPAIGN,CONVERSION)&timeGranularity=ALL"
        "&dateRange=(start:(year:2026,month:9,day:1))"
        "&campaignGroups=List(urn%3Ali%3AsponsoredCampaignGroup%3A2)&campaigns=List(urn%3Ali%3AsponsoredCampaign%3A1)"
        "&creatives=List(urn%3Ali%3AsponsoredCreative%3A3)&shares=List(urn%3Ali%3Ashare%3A4)"
        "&companies=List(urn%3Ali%3Aorganization%3A5)&campaignType=TEXT_AD&objectiveType=LEAD_GENERATION"
        "&sortBy=(field:EXTERNAL_WEBSITE_CONVERSIONS,order:DESCENDING)",
        None,
    ),
    (
        ad_analytics.attributed_revenue_metrics(5012345, ["CAMPAIGN"], *SEPTEMBER),
        "GET /rest/adAnalytics?q=attributedRevenueMetrics&pivots=List(CAMPAIGN)"
        "&dateRange=(start:(year:2026,month:9,day:1),end:(year:2026,month:9,day:30))"
        "&account=List(urn%3Ali%3AsponsoredAccount%3A5012345)&fields=revenueAttributionMetrics,dateRange,pivotValues",
        None,
    ),
    (
        ad_accounts.search(ids=[1], name=["A, B"], status=["ACTIVE"], type=["BUSINESS"], test=False, page_size=100),
        "GET /rest/adAccounts?q=search&search=(id:(values:List(urn%3Ali%3AsponsoredAccount%3A1)),"
        "name:(values:List(A%2C%20B)),status:(values:List(ACTIVE)),type:(values:List(BUSINESS)),test:false)&pageSize=100",
        None,
    ),
    (ad_accounts.search(page_size=100), "GET /rest/adAccounts?q=search&pageSize=100", None),
    (ad_accounts.get(5012345), "GET /rest/adAccounts/5012345", None),
    (
        campaigns.search(5012345, status=["ACTIVE", "PAUSED"], campaign_group=[611], page_size=100),
        "GET /rest/adAccounts/5012345/adCampaigns?q=search&search=(status:(values:List(ACTIVE,PAUSED)),"
        "campaignGroup:(values:List(urn%3Ali%3AsponsoredCampaignGroup%3A611)))&sortOrder=ASCENDING&pageSize=100",
        None,
    ),
    (
        campaigns.search(5012345, page_size=100),
        "GET /rest/adAccounts/5012345/adCampaigns?q=search&search=(status:(values:List(ACTIVE,PAUSED,ARCHIVED,"
        "COMPLETED,CANCELED,DRAFT,PENDING_DELETION,REMOVED)))&sortOrder=ASCENDING&pageSize=100",
        None,
    ),
    (
        account_users.of_authenticated_member(),
        "GET /rest/adAccountUsers?q=authenticatedUser&fields=account,user,role",
        None,
    ),
    (
        insight_tags.create(123456),
        "POST /rest/insightTags",
        {"sponsoredAccounts": ["urn:li:sponsoredAccount:123456"]},
    ),
    (insight_tags.find(519072844), f"GET /rest/insightTags?q=account&account={ACCOUNT}", None),
    (insight_tags.get("urn:tscp:insightTag:100"), "GET /rest/insightTags/100", None),
    (
        insight_tags.update(100, first_party_tracking=True),
        "POST /rest/insightTags/100",
        {"patch": {"$set": {"firstPartyTrackingEnabled": True}}},
    ),
    (
        insight_tag_permissions.find(519072844),
        f"GET /rest/insightTagsPermission?q=account&account={ACCOUNT}",
        None,
    ),
    (
        insight_tag_permissions.grant(123456, 100, 654321, role="USE_ONLY"),
        "POST /rest/insightTagsPermission?action=grantAccess",
        {
            "account": "urn:li:sponsoredAccount:123456",
            "insightTag": "urn:tscp:insightTag:100",
            "targetAccount": "urn:li:sponsoredAccount:654321",
            "role": "USE_ONLY",
        },
    ),
    (
        insight_tag_permissions.revoke(123456, 100, 654321),
        "POST /rest/insightTagsPermission?action=revokeAccess",
        {
            "account": "urn:li:sponsoredAccount:123456",
            "insightTag": "urn:tscp:insightTag:100",
            "targetAccount": "urn:li:sponsoredAccount:654321",
        },
    ),
    (
        insight_tag_domains.find(519072844, domain="WWW.example.com", count=100),
        f"GET /rest/insightTagDomains?q=account&account={ACCOUNT}&domainName=www.example.com&start=0&count=100",
        None,
    ),
    (insight_tag_domains.get(519072844, "www.example.com"), f"GET /rest/insightTagDomains/{DOMAIN}", None),
    (
        insight_tag_domains.batch_get(519072844, ["www.example.com"]),
        f"GET /rest/insightTagDomains?ids=List({DOMAIN})",
        None,
    ),
    (
        insight_tag_domains.update(519072844, "www.example.com", blocked=True),
        f"POST /rest/insightTagDomains/{DOMAIN}",
        {"patch": {"$set": {"blocked": True}}},
    ),
    (
        insight_tag_domains.batch_update(519072844, {"www.example.com": False}),
        f"POST /rest/insightTagDomains?ids=List({DOMAIN})",
        {"entities": {DOMAIN: {"patch": {"$set": {"blocked": False}}}}},
    ),
    (
        path_to_conversion.find(519072844, "A 1"),
        f"GET /rest/adEventWithConversions?q=accountWithOrderId&account={ACCOUNT}&orderId=A%201",
        None,
    ),
]


@pytest.mark.parametrize(
    ("call", "line", "body"), REQUESTS, ids=[f"{number}-{call.name}" for number, (call, _, _) in enumerate(REQUESTS)]
)
def test_the_request_is_the_documented_one(call, line, body):
    assert f"{call.method} {call.target}" == line
    assert (json.loads(call.body) if call.body else None) == body
    assert call.headers.get("Content-Type") == (None if body is None else "application/json")


#: Endpoints whose messages cannot quote data of persons; every other one is redacted.
IMPERSONAL = {
    "adAccounts",
    "adAnalytics",
    "adCampaigns",
    "campaignConversions",
    "conversions",
    "insightTagDomains",
    "insightTags",
    "insightTagsPermission",
}


@pytest.mark.parametrize(("call", "line", "body"), REQUESTS, ids=[call.name for call, _, _ in REQUESTS])
def test_messages_are_redacted_unless_the_endpoint_says_otherwise(call, line, body):
    assert call.personal is (call.name.partition(".")[0] not in IMPERSONAL)
    message = 'ERROR :: /x :: "Max Muster" is wrong, max@example.com'
    with pytest.raises(exceptions.InvalidRequestError) as refused:
        call.result(Reply(422, {"x-li-uuid": "AAY="}, json.dumps({"message": message, "status": 422}).encode()))
    assert ("Max" in str(refused.value)) is not call.personal
    assert refused.value.scope == call.scope


@pytest.mark.parametrize(
    ("name", "scope"),
    [
        ("adAccounts", "r_ads"),
        ("adAccountUsers", "r_ads"),
        ("adAnalytics", "r_ads_reporting"),
        ("conversionEvents", "rw_conversions"),
        ("conversions", "rw_conversions"),
        ("campaignConversions", "rw_conversions"),
        ("insightTags", "rw_ads"),
    ],
)
def test_each_endpoint_names_the_scope_that_it_needs(name, scope):
    assert {call.scope for call, _, _ in REQUESTS if call.name.partition(".")[0] == name} == {scope}


def test_only_creations_and_actions_are_not_to_be_repeated():
    refused = {call.name for call, _, _ in REQUESTS if not call.idempotent}
    assert refused == {
        "conversions.CREATE",
        "conversions.BATCH_CREATE",
        "conversionEvents.CREATE",
        "conversionEvents.BATCH_CREATE",
        "insightTags.CREATE",
        "insightTagsPermission.ACTION-grantAccess",
        "insightTagsPermission.ACTION-revokeAccess",
    }


@pytest.mark.parametrize(
    ("headers", "body"),
    [
        ({"x-restli-id": "14488340", "location": "/conversions/1"}, b""),
        ({"x-linkedin-id": "14488340", "location": "/conversions/1"}, b""),
        ({"location": "/conversions/14488340"}, b'{"id":1}'),
        ({}, b'{"id":14488340}'),
    ],
)
def test_the_id_of_a_created_rule_is_read_wherever_linkedin_puts_it(headers, body):
    rule = conversion_rules.create(RULE, V).result(Reply(201, headers, body))
    assert (rule.id, rule.urn, rule.name) == (14488340, "urn:lla:llaPartnerConversion:14488340", "CRM purchase")


def test_a_rule_may_have_fields_and_values_that_nobody_knows_yet():
    body = {"id": 1, "type": "TELEPATHY", "conversionMethod": "DREAM", "brandNew": {"a": 1}}
    rule = conversion_rules.get(5, 1).result(Reply(200, {}, json.dumps(body).encode()))
    assert (rule.type, rule.conversion_method) == ("TELEPATHY", "DREAM")


def test_a_documented_rule_is_read_whole():
    body = {
        "postClickAttributionWindowSize": 30,
        "created": 1563230255308,
        "viewThroughAttributionWindowSize": 7,
        "type": "ADD_TO_CART",
        "enabled": True,
        "associatedCampaigns": [
            {
                "campaign": "urn:li:sponsoredCampaign:345396555",
                "associatedAt": 1563657869695,
                "conversion": "urn:lla:llaPartnerConversion:104004",
            }
        ],
        "campaigns": ["urn:li:sponsoredCampaign:345396555"],
        "urlMatchRuleExpression": [[{"matchType": "CONTAINS", "matchValue": "thankyou"}]],
        "name": "test conversion 1",
        "lastModified": 1563230265652,
        "id": 104004,
        "attributionType": "LAST_TOUCH_BY_CAMPAIGN",
        "value": {"amount": "10", "currencyCode": "USD"},
        "account": "urn:li:sponsoredAccount:519072844",
        "key": {"id": 104004, "account": "urn:li:sponsoredAccount:519072844"},
    }
    rule = conversion_rules.get(5, 104004).result(Reply(200, {}, json.dumps(body).encode()))
    assert rule.associated_campaigns[0].associated_at == 1563657869695
    assert rule.campaign_urns == {"urn:li:sponsoredCampaign:345396555"}
    assert (rule.value.amount, rule.value.currency_code) == ("10", "USD")
    assert rule.url_match_rule_expression[0][0].match_value == "thankyou"
    assert (rule.post_click_attribution_window_size, rule.view_through_attribution_window_size) == (30, 7)


def test_the_campaigns_of_a_rule_are_read_from_either_field():
    body = {"id": 1, "campaigns": ["urn:li:sponsoredCampaign:1"], "associatedCampaigns": [
        {"campaign": "urn:li:sponsoredCampaign:2", "conversion": "urn:lla:llaPartnerConversion:1"}
    ]}  # fmt: skip
    rule = conversion_rules.get(5, 1).result(Reply(200, {}, json.dumps(body).encode()))
    assert rule.campaign_urns == {"urn:li:sponsoredCampaign:1", "urn:li:sponsoredCampaign:2"}


def test_report_rows_come_as_linkedin_sends_them():
    row = {"pivotValues": ["urn:lla:llaPartnerConversion:1"], "conversionValueInLocalCurrency": "576.05000000000014868"}
    call = ad_analytics.analytics("CONVERSION", *SEPTEMBER, accounts=[1])
    assert call.result(Reply(200, {}, json.dumps({"paging": {"count": 10}, "elements": [row]}).encode())) == [row]


@pytest.mark.parametrize(
    ("make", "complaint"),
    [
        (lambda: ad_analytics.analytics("CONVERSIONS", *SEPTEMBER, accounts=[1]), "pivot 'CONVERSIONS'"),
        (lambda: ad_analytics.analytics("CONVERSION", *SEPTEMBER), "at least one of accounts"),
        (lambda: ad_analytics.analytics("CONVERSION", *reversed(SEPTEMBER), accounts=[1]), "before it starts"),
        (
            lambda: ad_analytics.analytics("CONVERSION", *SEPTEMBER, accounts=[1], fields=["f"] * 21),
            "21 fields; LinkedIn takes 1 to 20",
        ),
        (
            lambda: ad_analytics.analytics("CONVERSION", *SEPTEMBER, accounts=[1], time_granularity="WEEKLY"),
            "time_granularity 'WEEKLY'",
        ),
        (
            lambda: ad_analytics.analytics("CONVERSION", *SEPTEMBER, accounts=[1], sort_by="NAME"),
            "sort_by 'NAME'",
        ),
        (
            lambda: ad_analytics.statistics(["CONVERSION"] * 4, *SEPTEMBER, accounts=[1]),
            "4 pivots; LinkedIn takes 1 to 3",
        ),
        (lambda: ad_analytics.statistics(["MEMBER_INDUSTRY"], *SEPTEMBER, accounts=[1]), "one pivot only"),
        (lambda: conversion_rules.batch_create([RULE] * 101, V), "101 rules in one batch"),
        (lambda: conversion_rules.batch_create([RULE, {}], V), "rule 2 of 2, None: .*name is missing"),
        (lambda: conversion_rules.create(RULE, V, auto_association="NONE"), "leave it out"),
        (lambda: conversion_rules.batch_get(5, []), "no conversion rule was given"),
        (lambda: campaign_associations.find([]), "no campaign was given"),
        (lambda: campaign_associations.batch_put([]), "no pair"),
        (lambda: campaign_associations.put("urn:li:sponsoredAccount:1", 2), "not the id of a campaign"),
        (lambda: campaigns.search(5, status=[]), "filter status has no values"),
        (lambda: insight_tag_domains.get(5, "https://www.example.com/"), "leave out scheme"),
        (lambda: insight_tag_domains.batch_update(5, {}), "no domain"),
        (lambda: insight_tag_permissions.grant(1, 2, 3, role="OWNER"), "FULL, USE_ONLY"),
        (lambda: path_to_conversion.find(5, ""), "no order id"),
    ],
)
def test_what_linkedin_would_refuse_is_refused_before_it_is_sent(make, complaint):
    with pytest.raises(ValueError, match=complaint):
        make()


def test_the_image_pixel_carries_rule_order_and_event_encoded():
    url = path_to_conversion.image_pixel_url(100, conversion_rule=7, order_id="A&1", event_id="ü 2")
    assert url == "https://px.ads.linkedin.com/collect/?pid=100&fmt=img&conversionId=7&oid=A%261&eventId=%C3%BC%202"


def test_the_image_pixel_may_name_the_page_to_match():
    url = path_to_conversion.image_pixel_url(100, url="https://example.com/a?b=c", order_id="1")
    assert url == "https://px.ads.linkedin.com/collect/?pid=100&fmt=img&url=https%3A%2F%2Fexample.com%2Fa%3Fb%3Dc&oid=1"


def test_a_pixel_address_that_linkedin_would_ignore_is_refused():
    with pytest.raises(ValueError, match="ignores url"):
        path_to_conversion.image_pixel_url(100, conversion_rule=7, url="https://example.com")
    with pytest.raises(ValueError, match="oid is empty"):
        path_to_conversion.image_pixel_url(100, order_id="")


def test_a_bad_rule_of_a_batch_is_named_and_counted_from_one():
    with pytest.raises(ValueError, match=r"rule 2 of 2, 'CRM lead': "):
        conversion_rules.batch_create([RULE, {**RULE, "name": "CRM lead", "type": "LEED"}], V)
