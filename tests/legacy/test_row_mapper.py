from __future__ import annotations

import json
from typing import Any

import pytest

from airflow_provider_linkedin_capi.api import conversion_rules
from airflow_provider_linkedin_capi.events import MappedRows, Rejection, encode_event
from airflow_provider_linkedin_capi.exceptions import ColumnError
from airflow_provider_linkedin_capi.legacy.row_mapper import OfflineRowMapper, migrate_offline_row, migrate_offline_rule
from tests.events.linkedin_schema import problems
from tests.support.mapped_rows import NOW_MS, RULE

SHA256 = "973dfe463ec85785f5f95af5ba3906eedb2d931c24e69824a89ea65dba4e813b"
SHA512 = "b" * 128
USER: dict[str, Any] = {
    "userIds": [{"idType": "SHA256_EMAIL", "idValue": SHA256}],
    "firstName": "mike",
    "lastName": "smith",
    "title": "software engineer",
    "company": "microsoft",
    "country": "us",
}
CONVERSION: dict[str, Any] = {
    "conversionType": "LEAD",
    "moneyAmount": {"currencyCode": "USD", "amount": "50.0"},
    "conversionHappenedAt": NOW_MS,
}
ELEMENT = {"action": "ADD", "user": USER, "conversion": CONVERSION}
FLAT = {
    "action": "ADD",
    "SHA256_EMAIL": SHA256,
    "firstName": "mike",
    "lastName": "smith",
    "title": "software engineer",
    "company": "microsoft",
    "country": "us",
    "conversionType": "LEAD",
    "currencyCode": "USD",
    "amount": "50.0",
    "conversionHappenedAt": NOW_MS,
}


def mapped(row: dict[str, Any], **settings: Any) -> MappedRows:
    settings = {"rule": {"LEAD": RULE}, "now_ms": NOW_MS, **settings}
    result = OfflineRowMapper(tuple(row), **settings).map([tuple(row.values())])
    for event in result.events:
        assert not problems(json.loads(encode_event(event)), NOW_MS, "202609")
    return result


def rejection_of(row: dict[str, Any], **settings: Any) -> Rejection:
    result = mapped(row, **settings)
    assert not result.events
    return result.rejections[0]


AS_TEXT = {"action": "ADD", "user": json.dumps(USER), "conversion": json.dumps(CONVERSION)}
HALF_FLAT = {**FLAT, "moneyAmount": CONVERSION["moneyAmount"], "userIds": USER["userIds"]}
del HALF_FLAT["SHA256_EMAIL"], HALF_FLAT["currencyCode"], HALF_FLAT["amount"]


@pytest.mark.parametrize("row", [ELEMENT, AS_TEXT, FLAT, HALF_FLAT], ids=["element", "json", "flat", "half flat"])
def test_an_offline_row_becomes_todays_event(row: dict[str, Any]) -> None:
    (event,) = mapped(row, derive_event_ids=False).events
    assert json.loads(encode_event(event)) == {
        "conversion": RULE,
        "conversionHappenedAt": NOW_MS,
        "conversionValue": {"currencyCode": "USD", "amount": "50.00"},
        "user": {
            "userIds": [{"idType": "SHA256_EMAIL", "idValue": SHA256}],
            "userInfo": {
                "firstName": "mike",
                "lastName": "smith",
                "companyName": "microsoft",
                "title": "software engineer",
                "countryCode": "US",
            },
        },
    }


def test_columns_that_todays_rows_have_stay() -> None:
    row = {**FLAT, "eventId": "order-000123", "li_fat_id": "df5gf5-gh6t7", "conversion": 7, "region": "EMEA"}
    mapper = OfflineRowMapper(tuple(row), rule={"LEAD": RULE}, now_ms=NOW_MS)
    (event,) = mapper.map([tuple(row.values())]).events
    assert event.event_id == "order-000123"
    assert event.conversion == "urn:lla:llaPartnerConversion:7"
    assert len(event.user.user_ids) == 2
    assert mapper.ignored_columns == ("region",)


@pytest.mark.parametrize("as_text", [False, True])
def test_members_that_todays_user_has_are_sent(as_text: bool) -> None:
    info = {"firstName": "Mary", "lastName": "Jones", "companyName": "Acme", "title": "CEO", "countryCode": "DE"}
    user = {"userIds": USER["userIds"], "userInfo": info, "externalIds": ["crm-000123"], "lead": "4ab9b0e5-2"}
    (event,) = mapped({**ELEMENT, "user": json.dumps(user) if as_text else user}).events
    assert json.loads(encode_event(event))["user"] == {
        "userIds": USER["userIds"],
        "userInfo": info,
        "externalIds": ["crm-000123"],
        "lead": "urn:li:leadGenFormResponse:4ab9b0e5-2",
    }


def test_a_member_of_user_that_nobody_knows_gets_a_warning() -> None:
    result = mapped({**ELEMENT, "user": USER | {"nickname": "mi"}})
    assert [(each.field, each.code) for each in result.warnings] == [("user", "member_unknown")]


def test_a_column_of_its_own_wins_over_the_same_member_of_user() -> None:
    (event,) = mapped({**ELEMENT, "user": USER | {"externalIds": ["crm-000001"]}, "external_id": "crm-000002"}).events
    assert event.user.external_ids == ("crm-000002",)


def test_the_offline_apis_user_needs_no_notice() -> None:
    notices = OfflineRowMapper(tuple(ELEMENT), rule={"LEAD": RULE}, now_ms=NOW_MS).notices
    assert not [notice for notice in notices if "'user'" in notice]


@pytest.mark.parametrize("action", [None, "", "add", " ADD "])
def test_a_row_without_action_adds(action: Any) -> None:
    assert mapped({**FLAT, "action": action}).events


@pytest.mark.parametrize(
    ("change", "field", "code"),
    [
        ({"action": "REMOVE"}, "action", "offline_remove"),
        ({"action": "remove"}, "action", "offline_remove"),
        ({"action": "UPDATE"}, "action", "offline_action_unknown"),
        ({"action": 7}, "action", "offline_action_unknown"),
        ({"user": "{"}, "user", "offline_element_invalid"),
        ({"user": [USER]}, "user", "offline_element_invalid"),
        ({"user": {"userIds": {}}}, "userIds", "offline_element_invalid"),
        ({"user": {"userIds": ["a"]}}, "userIds", "offline_element_invalid"),
        ({"user": {"userIds": [{"idType": "MD5_EMAIL", "idValue": "a"}]}}, "userIds", "offline_element_invalid"),
        ({"user": {"userIds": USER["userIds"] * 2}}, "userIds", "offline_more_emails"),
        ({"user": {"userIds": [{"idType": "SHA512_EMAIL", "idValue": SHA512}]}}, "email", "email_sha512"),
        ({"user": None}, "user", "no_identifier"),
        ({"conversion": 7}, "conversion", "offline_element_invalid"),
        ({"conversion": CONVERSION | {"moneyAmount": 50}}, "moneyAmount", "offline_element_invalid"),
        ({"conversion": CONVERSION | {"conversionType": "SIGN_UP"}}, "conversion_type", "conversion_type_unknown"),
        ({"conversion": CONVERSION | {"conversionType": "talent_lead"}}, "conversion_type", "offline_type_retired"),
        ({"conversion": None}, "conversion", "conversion_missing"),
    ],
)
def test_what_has_no_equivalent_is_rejected_by_its_own_code(change: dict[str, Any], field: str, code: str) -> None:
    rejection = rejection_of(ELEMENT | change)
    assert (rejection.field, rejection.code) == (field, code)


@pytest.mark.parametrize("name", ["RATE", "TALENT_LEAD", "JOB_APPLY", "TALENT_MEDIA_ENGAGEMENT"])
def test_a_retired_type_is_taken_only_when_a_rule_is_named_for_it(name: str) -> None:
    row = {**FLAT, "conversionType": name}
    assert rejection_of(row, rule=RULE).code == "offline_type_retired"
    assert mapped(row, rule={name.lower(): RULE}).events[0].conversion == RULE


def test_a_sha512_beside_another_identifier_is_left_out() -> None:
    user = USER | {"userIds": [{"idType": "SHA512_EMAIL", "idValue": SHA512}]}
    result = mapped({**ELEMENT, "user": user})
    assert [(warning.field, warning.code) for warning in result.warnings] == [("email", "email_sha512")]
    both = USER | {"userIds": [{"idType": "SHA512_EMAIL", "idValue": SHA512}, *USER["userIds"]]}
    result = mapped({**ELEMENT, "user": both})
    assert result.events[0].user.user_ids[0].id_value == SHA256
    assert not result.warnings


@pytest.mark.parametrize("email", ["SHA256_EMAIL", "e-mail"])
def test_flat_columns_of_both_hashes_are_one_email(email: str) -> None:
    row = {"happened_at": NOW_MS, "SHA512_EMAIL": SHA512, email: SHA256}
    assert mapped(row, rule=RULE).events[0].user.user_ids[0].id_value == SHA256
    assert rejection_of({**row, email: None}, rule=RULE).code == "email_sha512"
    assert rejection_of({"happened_at": NOW_MS, "SHA512_EMAIL": SHA512}, rule=RULE).code == "email_sha512"


def test_columns_of_offline_rows_can_be_mapped() -> None:
    row = {"op": "REMOVE", "who": USER, "what": CONVERSION}
    mapping = {"op": "action", "who": "user", "what": "conversion"}
    assert rejection_of(row, column_mapping=mapping).code == "offline_remove"
    assert mapped(row | {"op": None}, column_mapping=mapping).events
    with pytest.raises(ColumnError, match="'opp'"):
        mapped(row, column_mapping={"opp": "action"})


def test_positions_are_those_of_the_rows_given() -> None:
    rows = [
        ("REMOVE", SHA256, NOW_MS),
        ("ADD", SHA256, NOW_MS),
        ("ADD",),
        ("ADD", "x", NOW_MS),
        ("ADD", SHA256, NOW_MS),
    ]
    mapper = OfflineRowMapper(("action", "SHA256_EMAIL", "conversionHappenedAt"), rule=RULE, now_ms=NOW_MS)
    result = mapper.map(rows)
    assert result.positions == [1, 4]
    assert [(rejection.position, rejection.code) for rejection in result.rejections] == [
        (0, "offline_remove"),
        (2, "row_shape"),
        (3, "email_invalid"),
    ]


def test_a_single_row_can_be_migrated_for_other_uses() -> None:
    assert migrate_offline_row(FLAT) == {
        "SHA256_EMAIL": SHA256,
        "firstName": "mike",
        "lastName": "smith",
        "title": "software engineer",
        "company": "microsoft",
        "country": "us",
        "conversion_type": "LEAD",
        "currencyCode": "USD",
        "amount": "50.0",
        "conversionHappenedAt": NOW_MS,
    }
    rejection = migrate_offline_row({**FLAT, "action": "REMOVE"})
    assert isinstance(rejection, Rejection)


OFFLINE_RULE = {
    "id": 77,
    "name": "CRM leads",
    "account": "urn:li:sponsoredAccount:5012345",
    "conversionMethod": "OFFLINE_CONVERSIONS_UPLOAD",
    "dmpSegment": "urn:li:dmpSegment:10804",
    "type": "LEAD",
    "postClickAttributionWindowSize": 90,
    "viewThroughAttributionWindowSize": 7,
    "attributionType": "LAST_TOUCH_BY_CAMPAIGN",
    "valueType": "FIXED",
    "value": {"currencyCode": "USD", "amount": "50.0"},
    "enabled": True,
    "campaigns": ["urn:li:sponsoredCampaign:1"],
    "created": 1617658551000,
}


def test_an_offline_rule_becomes_a_body_that_todays_api_takes() -> None:
    body = migrate_offline_rule(OFFLINE_RULE)
    assert body == {
        "name": "CRM leads",
        "account": "urn:li:sponsoredAccount:5012345",
        "conversionMethod": "CONVERSIONS_API",
        "type": "LEAD",
        "postClickAttributionWindowSize": 90,
        "viewThroughAttributionWindowSize": 7,
        "attributionType": "LAST_TOUCH_BY_CAMPAIGN",
        "valueType": "FIXED",
        "value": {"currencyCode": "USD", "amount": "50.0"},
        "enabled": True,
    }
    conversion_rules.check(body, "202609")


def test_the_account_of_a_rule_may_come_from_its_segment() -> None:
    rule = {field: value for field, value in OFFLINE_RULE.items() if field != "account"}
    segment = {"id": 10804, "account": "urn:li:sponsoredAccount:5012345"}
    assert migrate_offline_rule(rule, segment)["account"] == "urn:li:sponsoredAccount:5012345"
    with pytest.raises(ValueError, match="ad account"):
        migrate_offline_rule(rule)


def test_a_rule_of_a_retired_type_needs_todays_type() -> None:
    rule = OFFLINE_RULE | {"type": "JOB_APPLY"}
    with pytest.raises(ValueError, match="JOB_APPLY"):
        migrate_offline_rule(rule)
    assert migrate_offline_rule(rule, conversion_type="SUBMIT_APPLICATION")["type"] == "SUBMIT_APPLICATION"


def test_a_rule_of_another_kind_is_refused() -> None:
    with pytest.raises(ValueError, match="CONVERSIONS_API"):
        migrate_offline_rule(OFFLINE_RULE | {"conversionMethod": "CONVERSIONS_API"})
