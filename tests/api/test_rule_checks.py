"""What is wrong with a conversion rule, all of it, before anything is sent."""

from __future__ import annotations

import pytest

from airflow_provider_linkedin_capi.api import conversion_rules

RULE = {
    "name": "CRM purchase",
    "account": "urn:li:sponsoredAccount:5012345",
    "conversionMethod": "CONVERSIONS_API",
    "type": "PURCHASE",
}
URL_RULE = {
    "conversionMethod": "INSIGHT_TAG_URL_MATCH_RULES",
    "urlMatchRuleExpression": [[{"matchType": "EXACT", "matchValue": "www.example.com/thankyou"}]],
}
OFFLINE = {"conversionMethod": "OFFLINE_CONVERSIONS_UPLOAD", "dmpSegment": "urn:li:dmpSegment:123"}


@pytest.mark.parametrize(
    ("changes", "version"),
    [
        ({}, "202609"),
        ({"postClickAttributionWindowSize": 365, "viewThroughAttributionWindowSize": 180}, "202601"),
        ({"type": "DOWNLOAD", "postClickAttributionWindowSize": 90, "viewThroughAttributionWindowSize": 1}, "202609"),
        ({"type": "SALES_QUALIFIED_LEAD"}, "202608"),
        ({"valueType": "FIXED", "value": {"currencyCode": "USD", "amount": "50.0"}}, "202609"),
        ({"valueType": "NO_VALUE", "attributionType": "LAST_TOUCH_BY_CONVERSION", "enabled": False}, "202609"),
        (URL_RULE, "202609"),
        ({**URL_RULE, "value": {"currencyCode": "USD", "amount": "10"}}, "202609"),
        ({**OFFLINE, "type": "TALENT_LEAD"}, "202310"),
    ],
)
def test_rules_that_linkedin_takes_pass(changes, version):
    conversion_rules.check({**RULE, **changes}, version)


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"name": "  "}, "name is empty"),
        ({"account": "5012345"}, "account '5012345' must be written urn:li:sponsoredAccount:5012345"),
        ({"account": "x"}, "is not the id of an ad account"),
        ({"type": "PURCHAS"}, "type 'PURCHAS' is not a conversion type; did you mean PURCHASE"),
        ({"type": "TALENT_LEAD"}, "type 'TALENT_LEAD' is not a conversion type"),
        ({"postClickAttributionWindowSize": 31}, "31 is not one of 1, 7, 30, 90, 180, 365 days for type PURCHASE"),
        (
            {"type": "DOWNLOAD", "viewThroughAttributionWindowSize": 180},
            "viewThroughAttributionWindowSize 180 is not one of 1, 7, 30, 90 days for type DOWNLOAD",
        ),
        ({"postClickAttributionWindowSize": True}, "True is not one of"),
        ({"postClickAttributionWindowSize": "30"}, "'30' is not one of"),
        ({"attributionType": "FIRST_TOUCH"}, "attributionType 'FIRST_TOUCH' is not one of"),
        ({"valueType": "FIXED"}, "value is missing: valueType FIXED needs"),
        ({"value": {"currencyCode": "USD", "amount": "1"}}, "value is only used with valueType FIXED"),
        ({"valueType": "FIXED", "value": {"currencyCode": "usd", "amount": "1"}}, "currencyCode 'usd'"),
        ({"valueType": "FIXED", "value": {"currencyCode": "USD", "amount": 1}}, "amount 1; write decimal text"),
        ({"valueType": "FIXED", "value": {"currencyCode": "USD", "amount": "1,000"}}, "decimal text"),
        ({"valueType": "FIXED", "value": {"currencyCode": "USD"}}, "value must be {currencyCode, amount}"),
        ({"enabled": "yes"}, "enabled 'yes' is not true or false"),
        ({"conversionMethod": "PIXEL"}, "conversionMethod 'PIXEL' is not one of"),
        ({"dmpSegment": "urn:li:dmpSegment:1"}, "dmpSegment belongs to OFFLINE_CONVERSIONS_UPLOAD rules only"),
        (OFFLINE, "was retired in November 2023 and needs API version 202310"),
        ({"conversionMethod": "OFFLINE_CONVERSIONS_UPLOAD"}, "dmpSegment is missing"),
        ({"urlMatchRuleExpression": URL_RULE["urlMatchRuleExpression"]}, "belongs to insight-tag rules"),
        ({**URL_RULE, "urlMatchRuleExpression": []}, "list .or. of lists .and."),
        ({**URL_RULE, "urlMatchRuleExpression": [[]]}, "list .or. of lists .and."),
        ({**URL_RULE, "urlMatchRuleExpression": [[{"matchType": "EXACT"}]]}, "must consist of"),
        (
            {**URL_RULE, "urlMatchRuleExpression": [[{"matchType": "REGEX", "matchValue": "a"}]]},
            "matchType 'REGEX'; it is one of EXACT, STARTS_WITH, CONTAINS",
        ),
        (
            {**URL_RULE, "urlMatchRuleExpression": [[{"matchType": "EXACT", "matchValue": "https://a"}]]},
            "leave the scheme out",
        ),
        ({"id": 5}, "id is read-only"),
        ({"nmae": "x"}, "nmae is not a field of a conversion rule; did you mean name"),
        ({"campaigns": ["1"]}, "campaigns '1' must be written urn:li:sponsoredCampaign:1"),
    ],
)
def test_each_mistake_is_named_with_what_would_be_right(changes, complaint):
    with pytest.raises(ValueError, match=complaint):
        conversion_rules.check({**RULE, **changes}, "202609")


def test_all_mistakes_are_listed_at_once():
    with pytest.raises(ValueError, match="conversion rule: ") as caught:
        conversion_rules.check({"name": "", "valueType": "FIXED"}, "202609")
    assert str(caught.value).split("; ") == [
        "conversion rule: account is missing",
        "type is missing",
        "name is empty",
        "value is missing: valueType FIXED needs {currencyCode, amount}",
    ]


@pytest.mark.parametrize("kind", ["MARKETING_QUALIFIED_LEAD", "SALES_QUALIFIED_LEAD"])
def test_the_two_newest_types_need_their_version(kind):
    with pytest.raises(ValueError, match=f"type {kind} needs API version 202608 or later, this is 202607"):
        conversion_rules.check({**RULE, "type": kind}, "202607")


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({}, "nothing to change"),
        ({"account": "urn:li:sponsoredAccount:1"}, "account can't be changed"),
        ({"created": 1}, "created is read-only"),
        ({"enabled": 0}, "enabled 0 is not true or false"),
    ],
)
def test_changes_are_checked_too(changes, complaint):
    with pytest.raises(ValueError, match=complaint):
        conversion_rules.update(5, 1, changes, "202609")
