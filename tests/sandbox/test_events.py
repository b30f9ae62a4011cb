from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.raw_http import event, send_batch

if TYPE_CHECKING:
    from airflow_provider_linkedin_capi.sandbox.world import World
    from tests.support.raw_http import Rest

DAY_MS = 86_400_000
REQUIRED = "field is required but not found and has no default value"


def user(**members: Any) -> dict[str, Any]:
    return {"userIds": [], **members}


# What is taken


def test_the_references_single_event_is_taken_without_a_word(rest: Rest, rule: int, world: World) -> None:
    sent = {
        "conversion": f"urn:lla:llaPartnerConversion:{rule}",
        "conversionHappenedAt": int(time.time() * 1000) - 1000,
        "conversionValue": {"currencyCode": "USD", "amount": "50.0"},
        "user": {
            "userIds": [
                {
                    "idType": "SHA256_EMAIL",
                    "idValue": "973dfe463ec85785f5f95af5ba3906eedb2d931c24e69824a89ea65dba4e813b",
                },
                {"idType": "LINKEDIN_FIRST_PARTY_ADS_TRACKING_UUID", "idValue": "df5gf5-gh6t7-ph4j7h-fgf6n1"},
            ],
            "userInfo": {
                "firstName": "Mary",
                "lastName": "O'Brien",
                "companyName": "Example Inc",
                "title": "Engineer",
                "countryCode": "US",
            },
            "externalIds": ["crm-000123"],
            "lead": "urn:li:leadGenFormResponse:4ab9b0e5-3d0c-4a3f-8d5a-1b5f0c3b5a11-2",
        },
        "eventId": "order-000123",
    }

    answer = rest("POST", "/conversionEvents", json=sent)

    assert (answer.status_code, answer.content, answer.headers["Content-Length"]) == (201, b"", "0")
    assert "order-000123" not in str(answer.headers)
    assert world.events == [sent]


def test_a_batch_answers_one_status_per_element(rest: Rest, rule: int, world: World) -> None:
    answer = send_batch(rest, [event(rule, 1), event(rule, 2)])

    assert (answer.status_code, answer.json()) == (200, {"elements": [{"status": 201}, {"status": 201}]})
    assert [stored["eventId"] for stored in world.events] == ["order-1", "order-2"]


def test_rules_may_be_mixed_in_a_batch(rest: Rest, rule: int, world: World) -> None:
    other = world.add_rule()

    assert send_batch(rest, [event(rule), event(other)]).status_code == 200


def test_5000_events_are_a_batch_and_5001_are_not(rest: Rest, rule: int, world: World) -> None:
    events = [event(rule, number) for number in range(5_001)]

    assert send_batch(rest, events).status_code == 400
    assert world.event_count() == 0
    assert send_batch(rest, events[:5_000]).status_code == 200
    assert world.event_count() == 5_000


def test_an_empty_batch_is_refused(rest: Rest) -> None:
    assert send_batch(rest, []).status_code == 400


@pytest.mark.parametrize(
    "identity",
    [
        {"userIds": [{"idType": "PLAINTEXT_IP_ADDRESS", "idValue": "999.999.999.999"}]},
        {"userIds": [{"idType": "SHA256_IP_ADDRESS", "idValue": "x"}]},
        {"userIds": [{"idType": "GOOGLE_AID", "idValue": "x"}]},
        {"userIds": [{"idType": "ACXIOM_ID", "idValue": "x"}]},
        user(userInfo={"firstName": "a", "lastName": "b"}),
        user(userInfo={"hashedFirstName": "a", "lastName": "b"}),
        user(externalIds=["crm-1"]),
        user(lead="urn:li:leadGenFormResponse:1"),
    ],
)
def test_any_one_identifier_suffices(rest: Rest, rule: int, identity: dict[str, Any]) -> None:
    assert rest("POST", "/conversionEvents", json=event(rule, user=identity)).status_code == 201


def test_a_nonsense_currency_is_taken(rest: Rest, rule: int) -> None:
    value = {"currencyCode": "QQQ", "amount": "1"}

    assert rest("POST", "/conversionEvents", json=event(rule, conversionValue=value)).status_code == 201


def test_events_with_the_same_contents_are_stored_twice_and_counted(rest: Rest, rule: int, world: World) -> None:
    once, other = event(rule, 1), event(rule, 2)

    send_batch(rest, [once, other])
    rest("POST", "/conversionEvents", json=dict(reversed(once.items())))

    assert (world.event_count(), world.distinct_events(), world.duplicates()) == (3, 2, 1)


# Schema: 422


@pytest.mark.parametrize(
    ("members", "line"),
    [
        (
            {"user": {"userIds": [{"idType": "X", "idValue": "1"}]}},
            '/user/userIds/0/idType :: "X" is not an enum symbol',
        ),
        (
            {"user": {"userIds": [{"idType": "SHA512_EMAIL", "idValue": "1"}]}},
            '/user/userIds/0/idType :: "SHA512_EMAIL" is not an enum symbol',
        ),
        (
            {"conversionValue": {"currencyCode": "USD", "amount": 19.9}},
            "/conversionValue/amount :: 19.9 cannot be coerced to String",
        ),
        (
            {"conversionValue": {"currencyCode": "USD", "amount": "1e3"}},
            '/conversionValue/amount :: "1e3" is not a decimal number',
        ),
        ({"conversionValue": {"currencyCode": "USD"}}, f"/conversionValue/amount :: {REQUIRED}"),
        ({"user": {}}, f"/user/userIds :: {REQUIRED}"),
        ({"user": user(userInfo={"lastName": "b"})}, f"/user/userInfo/firstName :: {REQUIRED}"),
        ({"user": user(userInfo={"title": "b", "firstName": "a"})}, f"/user/userInfo/lastName :: {REQUIRED}"),
        ({"quux": 1}, "/quux :: unrecognized field found but not allowed"),
        (
            {"conversion": "urn:li:llaPartnerConversion:1"},
            '/conversion :: "urn:li:llaPartnerConversion:1" Invalid Urn format. Invalid prefix.',
        ),
        (
            {"user": user(lead="urn:li:lead:1")},
            '/user/lead :: "urn:li:lead:1" Invalid Urn format. Invalid prefix.',
        ),
        (
            {"conversionHappenedAt": "1790000000000"},
            '/conversionHappenedAt :: "1790000000000" cannot be coerced to Long',
        ),
        ({"eventId": None}, "/eventId :: null cannot be coerced to String"),
    ],
)
def test_a_refused_single_event_names_the_field(
    rest: Rest, rule: int, world: World, members: dict[str, Any], line: str
) -> None:
    answer = rest("POST", "/conversionEvents", json=event(rule, **members))

    assert answer.status_code == 422
    assert answer.json() == {"message": f"ERROR :: {line}\n", "status": 422}
    assert world.event_count() == 0


def test_the_time_is_required(rest: Rest, rule: int) -> None:
    incomplete = event(rule)
    del incomplete["conversionHappenedAt"]

    answer = rest("POST", "/conversionEvents", json=incomplete)

    assert answer.json()["message"] == f"ERROR :: /conversionHappenedAt :: {REQUIRED}\n"


def test_a_batch_names_the_index_once_per_bad_element_and_stores_nothing(rest: Rest, rule: int, world: World) -> None:
    doubly_bad = event(rule, conversionValue={"currencyCode": "USD"}, user=user(userInfo={"lastName": "b"}))

    answer = send_batch(rest, [event(rule), doubly_bad, event(rule), event(rule, quux=1)])

    assert answer.status_code == 422
    assert answer.json()["message"] == (
        f"Index: 1, ERROR :: /conversionValue/amount :: {REQUIRED}\n"
        f"ERROR :: /user/userInfo/firstName :: {REQUIRED}\n"
        "Index: 3, ERROR :: /quux :: unrecognized field found but not allowed\n"
    )
    assert world.event_count() == 0


def test_hashed_names_need_version_202609(rest: Rest, rule: int) -> None:
    hashed = event(rule, user=user(userInfo={"hashedFirstName": "a" * 64, "hashedLastName": "b" * 64}))

    assert rest("POST", "/conversionEvents", json=hashed).status_code == 201
    older = rest("POST", "/conversionEvents", json=hashed, headers={"LinkedIn-Version": "202608"})
    assert older.status_code == 422
    assert "/user/userInfo/hashedFirstName :: unrecognized field" in older.json()["message"]


def test_a_batch_without_its_header_is_read_as_one_event(rest: Rest, rule: int) -> None:
    answer = rest("POST", "/conversionEvents", json={"elements": [event(rule)]})

    assert answer.status_code == 422
    assert "/elements :: unrecognized field" in answer.json()["message"]
    assert f"/conversion :: {REQUIRED}" in answer.json()["message"]


# Rules: 403


def test_an_unknown_rule_is_refused_as_no_ad_account_found(rest: Rest) -> None:
    answer = rest("POST", "/conversionEvents", json=event(1))

    assert (answer.status_code, answer.json()) == (403, {"message": "No ad accounts found", "status": 403})


def test_a_foreign_rule_and_a_viewers_rule_get_the_same_answer(rest: Rest, rule: int, world: World) -> None:
    foreign = world.add_rule(account=world.add_account(member=None))
    assert rest("POST", "/conversionEvents", json=event(foreign)).json()["message"] == "No ad accounts found"

    world.set_role("VIEWER")
    assert rest("POST", "/conversionEvents", json=event(rule)).status_code == 403


# Meaning: 400


def test_the_schema_comes_before_the_rule_and_the_rule_before_the_time(rest: Rest, rule: int) -> None:
    old = {"conversionHappenedAt": 1}

    assert rest("POST", "/conversionEvents", json=event(1, **old, quux=1)).status_code == 422
    assert rest("POST", "/conversionEvents", json=event(1, **old)).status_code == 403
    assert rest("POST", "/conversionEvents", json=event(rule, **old)).status_code == 400


def test_a_rule_of_another_kind_is_refused_with_positions(rest: Rest, rule: int, world: World) -> None:
    tag_rule = world.add_rule(method="INSIGHT_TAG_URL_MATCH_RULES")

    answer = send_batch(rest, [event(rule), event(tag_rule), event(tag_rule)])

    assert answer.status_code == 400
    assert answer.json()["message"] == (
        "Incorrect conversions information provided. Conversion's method should be CONVERSIONS_API,"
        " indices [1, 2] (0-indexed)."
    )


def test_a_disabled_rule_is_refused(rest: Rest, world: World) -> None:
    disabled = world.add_rule(enabled=False)

    answer = rest("POST", "/conversionEvents", json=event(disabled))

    assert answer.status_code == 400
    assert "Conversion enabled should be true" in answer.json()["message"]


def test_events_older_than_90_days_or_in_the_future_are_refused_with_positions(
    rest: Rest, rule: int, world: World
) -> None:
    now = world.clock.now_ms()
    times = [now - 1000, now - 90 * DAY_MS - 1000, now - 90 * DAY_MS + 60_000, now + 60_000]

    answer = send_batch(rest, [event(rule, conversionHappenedAt=moment) for moment in times])

    assert answer.status_code == 400
    assert answer.json() == {
        "message": "Conversion time should be within 90 days and not exceed current time, indices [1, 3] (0-indexed).",
        "status": 400,
    }
    assert world.event_count() == 0


@pytest.mark.parametrize(
    "nobody",
    [
        user(),
        user(externalIds=[]),
        user(externalIds=[""]),
        {"userIds": [{"idType": "SHA256_EMAIL", "idValue": ""}]},
        user(userInfo={"firstName": "", "lastName": "b"}),
    ],
)
def test_an_event_without_an_identifier_is_refused(rest: Rest, rule: int, nobody: dict[str, Any]) -> None:
    answer = send_batch(rest, [event(rule), event(rule, user=nobody)])

    assert answer.status_code == 400
    assert answer.json()["message"].startswith("The request must contain one of these fields: SHA256_EMAIL or")
    assert answer.json()["message"].endswith(", indices [1] (0-indexed).")


def test_a_second_external_id_is_refused(rest: Rest, rule: int) -> None:
    assert rest("POST", "/conversionEvents", json=event(rule, user=user(externalIds=["a", "b"]))).status_code == 400


def test_positions_can_come_in_the_documented_form(rest: Rest, rule: int, world: World) -> None:
    world.settings.error_positions = "batchIndex"

    answer = send_batch(rest, [event(rule), event(rule, conversionHappenedAt=1)])

    assert answer.json()["message"] == (
        "Validation failed because [{field=Invalid Conversion time, batchIndex=1,"
        " type=INVALID_CONVERSION_TIME_FIELD_VALUE,"
        " message=Conversion time should be within 90 days and not exceed current time.}]"
    )


def test_positions_can_be_hidden(rest: Rest, rule: int, world: World) -> None:
    world.settings.error_positions = "hidden"

    for bad in ({"conversionHappenedAt": 1}, {"quux": 1}):
        message = send_batch(rest, [event(rule), event(rule, **bad)]).json()["message"]
        assert "ndex" not in message
        assert "1]" not in message
