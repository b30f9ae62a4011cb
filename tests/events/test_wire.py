from __future__ import annotations

import json
from typing import Any

import msgspec

from airflow_provider_linkedin_capi.events import RowMapper, encode_batch, encode_event
from airflow_provider_linkedin_capi.events.model import ConversionEvent
from tests.events.linkedin_schema import problems
from tests.support.mapped_rows import NOW_MS, event_of

ROW = {
    "happened_at": 1_790_000_000_000,
    "email": "test@example.com",
    "li_fat_id": "df5gf5-gh6t7-ph4j7h-fgf6n1",
    "firstName": "Mary",
    "lastName": "O'Brien",
    "companyName": "Example Inc",
    "title": "Engineer",
    "countryCode": "us",
    "externalIds": "crm-000123",
    "lead": "4ab9b0e5-3d0c-4a3f-8d5a-1b5f0c3b5a11-2",
    "currency": "USD",
    "amount": "50.0",
    "eventId": "order-000123",
}


def test_an_event_is_on_the_wire_as_linkedin_documents_it() -> None:
    assert json.loads(encode_event(event_of(ROW))) == {
        "conversion": "urn:lla:llaPartnerConversion:14488340",
        "conversionHappenedAt": 1790000000000,
        "conversionValue": {"currencyCode": "USD", "amount": "50.00"},
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


def test_user_ids_are_there_even_when_empty_and_nothing_else_is() -> None:
    event = event_of({"externalIds": "crm-000123"}, derive_event_ids=False)
    assert json.loads(encode_event(event)) == {
        "conversion": "urn:lla:llaPartnerConversion:14488340",
        "conversionHappenedAt": NOW_MS,
        "user": {"userIds": [], "externalIds": ["crm-000123"]},
    }


def test_a_batch_is_its_events_and_the_same_bytes_each_time() -> None:
    mapper = RowMapper(tuple(ROW), rule=1, now_ms=NOW_MS)
    events = mapper.map([tuple(ROW.values())] * 3).events
    body = encode_batch(events)
    assert body == b'{"elements":[' + b",".join(map(encode_event, events)) + b"]}"
    assert encode_batch(mapper.map([tuple(ROW.values())] * 3).events) == body


def test_an_event_can_be_read_back() -> None:
    event = event_of(ROW)
    assert msgspec.json.decode(encode_event(event), type=ConversionEvent) == event


def test_the_schema_of_these_tests_rejects_what_linkedin_rejects() -> None:
    good = json.loads(encode_event(event_of(ROW)))
    assert problems(good, NOW_MS, "202609") == []
    broken = [
        good | {"conversion": "urn:li:llaPartnerConversion:1"},
        good | {"conversionHappenedAt": NOW_MS + 1},
        good | {"conversionHappenedAt": NOW_MS - 90 * 86_400_000 - 1},
        good | {"conversionHappenedAt": "1790000000000"},
        good | {"conversionValue": {"currencyCode": "USD", "amount": 50.0}},
        good | {"conversionValue": {"currencyCode": "USD"}},
        good | {"conversionValue": {"currencyCode": "USD", "amount": "1,000.00"}},
        good | {"eventId": ""},
        good | {"eventId": None},
        good | {"quux": 1},
        {field: value for field, value in good.items() if field != "user"},
    ]
    changes: list[dict[str, Any]] = [
        {"userIds": [{"idType": "SHA512_EMAIL", "idValue": "a" * 128}]},
        {"userIds": [{"idType": "SHA256_EMAIL", "idValue": "A" * 64}]},
        {"userIds": [{"idType": "GOOGLE_AID", "idValue": ""}]},
        {"userIds": [{"idType": "PLAINTEXT_IP_ADDRESS", "idValue": "::1"}]},
        {"userInfo": {"firstName": "Mary"}},
        {"userInfo": {"firstName": "Mary", "lastName": "O" * 36}},
        {"userInfo": {"companyName": "Example Inc"}},
        {"externalIds": ["a", "b"]},
        {"externalIds": []},
        {"lead": "123"},
    ]
    broken += [good | {"user": good["user"] | change} for change in changes]
    broken.append(good | {"user": {"userIds": []}})
    for event in broken:
        assert problems(event, NOW_MS, "202609"), event
    hashed = {"userIds": [], "userInfo": {"hashedFirstName": "a" * 64, "hashedLastName": "a" * 64}}
    assert problems(good | {"user": hashed}, NOW_MS, "202609") == []
    assert problems(good | {"user": hashed}, NOW_MS, "202608")
