from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.support.raw_http import ACCOUNT, CAMPAIGN, ENCODED_ACCOUNT

if TYPE_CHECKING:
    import requests

    from airflow_provider_linkedin_capi.sandbox.world import World
    from tests.support.raw_http import Rest

LEGACY: dict[str, str | None] = {"LinkedIn-Version": "202310"}
SEGMENT = {
    "name": "Offline Conversion Events",
    "sourcePlatform": "ACME",
    "account": ACCOUNT,
    "accessPolicy": "PRIVATE",
    "type": "USER",
    "sourceType": "CONVERSION",
    "destinations": [{"destination": "LINKEDIN"}],
}


@pytest.fixture
def segment(rest: Rest, world: World) -> int:
    """A settled segment; the legacy version is switched on."""
    world.settings.versions.add("202310")
    answer = rest("POST", "/dmpSegments", json=SEGMENT, headers=LEGACY)
    assert answer.status_code == 201
    world.clock.advance(6)
    return int(answer.headers["x-linkedin-id"])


def element(
    world: World, number: int = 1, *, action: str = "ADD", user: dict[str, Any] | None = None
) -> dict[str, Any]:
    return {
        "action": action,
        "user": user or {"userIds": [{"idType": "SHA256_EMAIL", "idValue": f"{number:064x}"}]},
        "conversion": {
            "conversionType": "LEAD",
            "moneyAmount": {"currencyCode": "USD", "amount": "50.0"},
            "conversionHappenedAt": 1000 * (world.clock.now_ms() // 1_000_000) * 1000,
        },
    }


def stream(rest: Rest, segment: int, elements: list[Any]) -> requests.Response:
    return rest(
        "POST",
        f"/dmpSegments/{segment}/conversions",
        headers={**LEGACY, "X-RestLi-Method": "BATCH_CREATE"},
        json={"elements": elements},
    )


def stored(world: World) -> int:
    with world.transaction() as store:
        count: int = store.query("SELECT COUNT(*) FROM event WHERE source = 'OFFLINE'").fetchone()[0]
        return count


def test_todays_versions_have_no_segments(rest: Rest, world: World) -> None:
    for path in ("/dmpSegments", "/dmpSegments/1/conversions"):
        answer = rest("POST", path, json=SEGMENT)
        assert (answer.status_code, answer.json()["code"]) == (404, "RESOURCE_NOT_FOUND")
    assert rest("POST", "/dmpSegments", json=SEGMENT, headers=LEGACY).status_code == 426


def test_a_segment_is_created_read_and_found(rest: Rest, segment: int) -> None:
    assert rest("GET", f"/dmpSegments/{segment}", headers=LEGACY).json()["name"] == SEGMENT["name"]
    finder = f"/dmpSegments?q=account&account={ENCODED_ACCOUNT}&sourceType=CONVERSION"
    assert [found["id"] for found in rest("GET", finder, headers=LEGACY).json()["elements"]] == [segment]
    assert rest("GET", f"{finder}&sourcePlatform=OTHER", headers=LEGACY).json()["elements"] == []


def test_a_new_segment_has_to_settle_for_five_seconds(rest: Rest, segment: int, world: World) -> None:
    fresh = int(rest("POST", "/dmpSegments", json=SEGMENT, headers=LEGACY).headers["x-linkedin-id"])

    assert stream(rest, fresh, [element(world)]).status_code == 400
    world.clock.advance(5)
    assert stream(rest, fresh, [element(world)]).status_code == 200


def test_conversions_are_added_one_by_one_or_in_batches_and_removed(rest: Rest, segment: int, world: World) -> None:
    single = rest("POST", f"/dmpSegments/{segment}/conversions", json=element(world, 1), headers=LEGACY)
    assert (single.status_code, single.content) == (201, b"")

    batch = stream(rest, segment, [element(world, 2), element(world, 3)])
    assert batch.json() == {"elements": [{"status": 201}, {"status": 201}]}
    assert stored(world) == 3

    stream(rest, segment, [element(world, 2, action="REMOVE")])
    assert stored(world) == 2
    assert world.event_count() == 0


@pytest.mark.parametrize(
    "user",
    [
        {"userIds": [{"idType": "SHA256_EMAIL", "idValue": "short"}]},
        {"userIds": [{"idType": "SHA512_EMAIL", "idValue": "a" * 64}]},
        {"firstName": "mike"},
        {"firstName": "m" * 36, "lastName": "smith"},
        {"firstName": "mike", "lastName": "smith", "country": "USA"},
        {"firstName": "mike", "lastName": "smith", "phone": "1"},
    ],
)
def test_one_bad_element_refuses_all_and_is_named_by_batch_index(
    rest: Rest, segment: int, world: World, user: dict[str, Any]
) -> None:
    answer = stream(rest, segment, [element(world), element(world, user=user)])

    assert answer.status_code == 400
    assert "batchIndex=1" in answer.json()["message"]
    assert "batchIndex=0" not in answer.json()["message"]
    assert stored(world) == 0


def test_names_alone_and_sha512_are_taken(rest: Rest, segment: int, world: World) -> None:
    sha512 = {"userIds": [{"idType": "SHA512_EMAIL", "idValue": "a" * 128}]}

    assert stream(rest, segment, [element(world, user={"firstName": "mike", "lastName": "smith"})]).status_code == 200
    assert stream(rest, segment, [element(world, user=sha512)]).status_code == 200


def test_offline_rules_attribute_their_segments_conversions(rest: Rest, segment: int, world: World) -> None:
    body = {
        "name": "Offline leads",
        "account": ACCOUNT,
        "type": "LEAD",
        "conversionMethod": "OFFLINE_CONVERSIONS_UPLOAD",
        "dmpSegment": f"urn:li:dmpSegment:{segment}",
    }
    created = rest("POST", "/conversions", json=body, headers=LEGACY)
    assert created.status_code == 201
    rule = int(created.headers["X-LinkedIn-Id"])
    world.associate(CAMPAIGN, rule)

    stream(rest, segment, [element(world, number) for number in range(100)])

    totals = world.attributed_totals(rule=rule)
    assert 0 < totals.conversions < 100
    assert totals.value == totals.conversions * 50
    assert rest("POST", "/conversions", json={**body, "dmpSegment": "urn:li:dmpSegment:1"}).status_code == 400
