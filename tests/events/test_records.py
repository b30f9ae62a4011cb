"""LinkedIn's own event shape as columns: user, userIds, userInfo, conversionValue, externalIds."""

from __future__ import annotations

import json
from typing import Any

import pytest

from airflow_provider_linkedin_capi.events import RowMapper
from tests.support.mapped_rows import NOW_MS, RULE, elements_of, event_of, mapped, rejection_of, warning_of

EVENT: dict[str, Any] = {
    "conversion": RULE,
    "conversionHappenedAt": NOW_MS - 1000,
    "conversionValue": {"currencyCode": "USD", "amount": "50.00"},
    "eventId": "order-000123",
    "user": {
        "userIds": [
            {"idType": "SHA256_EMAIL", "idValue": "973dfe463ec85785f5f95af5ba3906eedb2d931c24e69824a89ea65dba4e813b"},
            {"idType": "LINKEDIN_FIRST_PARTY_ADS_TRACKING_UUID", "idValue": "df5gf5-gh6t7-ph4j7h-fgf6n1"},
        ],
        "userInfo": {"firstName": "Mary", "lastName": "O'Brien", "title": "Engineer", "countryCode": "US"},
        "externalIds": ["crm-000123"],
        "lead": "urn:li:leadGenFormResponse:4ab9b0e5-3d0c-4a3f-8d5a-1b5f0c3b5a11-2",
    },
}
EMAIL = {"email": "test@example.com"}


def test_an_event_of_linkedins_own_shape_is_sent_as_it_is() -> None:
    for as_text in (False, True):
        row = {
            name: json.dumps(value) if as_text and isinstance(value, dict) else value for name, value in EVENT.items()
        }
        result = RowMapper(tuple(row), now_ms=NOW_MS).map([tuple(row.values())])
        assert elements_of(result) == [EVENT]
        assert not result.warnings


def test_parts_of_the_user_may_be_columns_of_their_own() -> None:
    user = EVENT["user"]
    whole = event_of({"user": user})
    parts = event_of(
        {
            "userIds": json.dumps(user["userIds"]),
            "userInfo": user["userInfo"],
            "externalIds": json.dumps(user["externalIds"]),
            "lead": user["lead"],
        }
    )
    assert whole == parts


def test_a_column_of_its_own_wins_over_the_same_field_in_a_record() -> None:
    record = {"userInfo": {"firstName": "Mary", "lastName": "O'Brien", "title": "Engineer"}}
    result = mapped({"user": record, "title": "CTO"})
    assert result.events[0].user.user_info is not None
    assert result.events[0].user.user_info.title == "CTO"
    assert event_of({"user": record, "title": None}).user.user_info.title == "Engineer"  # type: ignore[union-attr]


def test_what_a_record_holds_is_checked_like_a_column() -> None:
    user = {"userIds": [{"idType": "SHA256_EMAIL", "idValue": " Test@Example.com"}]}
    assert event_of({"user": user}) == event_of(EMAIL)
    user["userIds"][0]["idValue"] = "NULL"
    assert rejection_of({"user": user}).code == "id_placeholder"
    value = {"currencyCode": "usd", "amount": "12.345"}
    event, warning = warning_of({**EMAIL, "conversionValue": value})
    assert (warning.field, warning.code) == ("amount", "amount_rounded")
    assert event.conversion_value is not None
    assert event.conversion_value.amount == "12.35"
    assert rejection_of({**EMAIL, "conversionValue": {"amount": "5"}}).code == "amount_without_currency"


@pytest.mark.parametrize(
    ("row", "field", "code"),
    [
        ({"userIds": [{"idType": "SHA512_EMAIL", "idValue": "a" * 128}]}, "userIds", "id_type_unknown"),
        ({"userIds": [{"idValue": "x"}]}, "userIds", "id_type_unknown"),
        ({"userIds": ["x"]}, "userIds", "record_invalid"),
        ({"userIds": {"SHA256_EMAIL": "x"}}, "userIds", "record_invalid"),
        ({"user": {"phone": "+49 170"}}, "user", "member_unknown"),
        ({"user": {"userInfo": {"firstName": "M", "lastName": "O", "age": 7}}}, "userInfo", "member_unknown"),
        ({"user": '{"userIds": ['}, "user", "record_invalid"),
        ({"user": "{" * 100_000}, "user", "record_invalid"),
        ({"user": ["x"]}, "user", "record_invalid"),
        ({"userInfo": '{"firstName": 1e400}'}, "firstName", "name_invalid"),
        (
            {"userIds": [{"idType": "ACXIOM_ID", "idValue": "a1"}, {"idType": "ACXIOM_ID", "idValue": "b2"}]},
            "ACXIOM_ID",
            "id_type_repeated",
        ),
    ],
)
def test_members_that_linkedin_does_not_have_are_left_out_with_a_warning(
    row: dict[str, Any], field: str, code: str
) -> None:
    _, warning = warning_of({**EMAIL, **row})
    assert (warning.field, warning.code) == (field, code)


@pytest.mark.parametrize("value", [[], "[]", "{", [5, "USD"], '{"amount"'])
def test_a_value_of_another_shape_rejects_the_row(value: object) -> None:
    rejection = rejection_of({**EMAIL, "conversionValue": value})
    assert (rejection.field, rejection.code) == ("conversionValue", "record_invalid")


@pytest.mark.parametrize("value", ["jdoe", "42", 42, None, "", "NULL", True])
def test_a_column_user_of_another_system_is_not_read(value: object) -> None:
    assert event_of({**EMAIL, "user": value}) == event_of(EMAIL)


def test_members_that_an_older_version_does_not_have_are_left_out_with_a_notice() -> None:
    info = {"firstName": "Mary", "lastName": "O'Brien", "hashedFirstName": "a" * 64}
    mapper = RowMapper(("happened_at", "userInfo"), rule=RULE, now_ms=NOW_MS, api_version="202608")
    (event,) = mapper.map([(NOW_MS, info)]).events
    assert event.user.user_info is not None
    assert event.user.user_info.hashed_first_name is None
    assert [notice.partition(" ")[0] for notice in mapper.notices] == ["hashedFirstName", "hashedLastName"]
