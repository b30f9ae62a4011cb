from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.support.raw_http import CAMPAIGN, OTHER_CAMPAIGN

if TYPE_CHECKING:
    from airflow_provider_linkedin_capi.sandbox.world import World
    from tests.support.raw_http import Rest


@pytest.fixture
def rule(world: World) -> int:
    return world.add_rule()


def key(campaign: int, rule: int) -> str:
    return f"(campaign:urn%3Ali%3AsponsoredCampaign%3A{campaign},conversion:urn%3Alla%3AllaPartnerConversion%3A{rule})"


def body(campaign: int, rule: int) -> dict[str, str]:
    return {
        "campaign": f"urn:li:sponsoredCampaign:{campaign}",
        "conversion": f"urn:lla:llaPartnerConversion:{rule}",
    }


def put_batch(rest: Rest, *pairs: tuple[int, int]) -> Any:
    keys = [key(*pair) for pair in pairs]
    return rest(
        "PUT",
        f"/campaignConversions?ids=List({','.join(keys)})",
        headers={"X-RestLi-Method": "BATCH_UPDATE"},
        json={"entities": dict(zip(keys, (body(*pair) for pair in pairs), strict=True))},
    )


def test_putting_an_association_twice_changes_nothing_more(rest: Rest, rule: int, world: World) -> None:
    for _ in range(2):
        answer = rest("PUT", f"/campaignConversions/{key(CAMPAIGN, rule)}", json=body(CAMPAIGN, rule))
        assert (answer.status_code, answer.content) == (204, b"")

    assert world.associations == {(CAMPAIGN, rule)}


def test_key_and_body_have_to_agree(rest: Rest, rule: int, world: World) -> None:
    answer = rest("PUT", f"/campaignConversions/{key(CAMPAIGN, rule)}", json=body(OTHER_CAMPAIGN, rule))

    assert answer.status_code == 400
    assert not world.associations


def test_a_key_with_raw_colons_is_refused(rest: Rest, rule: int) -> None:
    raw = f"(campaign:urn:li:sponsoredCampaign:{CAMPAIGN},conversion:urn:lla:llaPartnerConversion:{rule})"

    assert rest("PUT", f"/campaignConversions/{raw}", json=body(CAMPAIGN, rule)).status_code == 400


def test_unknown_campaigns_and_rules_are_not_found(rest: Rest, rule: int) -> None:
    assert rest("PUT", f"/campaignConversions/{key(1, rule)}", json=body(1, rule)).status_code == 404
    assert rest("PUT", f"/campaignConversions/{key(CAMPAIGN, 1)}", json=body(CAMPAIGN, 1)).status_code == 404


def test_campaign_and_rule_have_to_share_an_account(rest: Rest, world: World) -> None:
    elsewhere = world.add_rule(account=world.add_account())

    answer = rest("PUT", f"/campaignConversions/{key(CAMPAIGN, elsewhere)}", json=body(CAMPAIGN, elsewhere))

    assert answer.status_code == 400
    assert not world.associations


def test_a_batch_put_answers_204_as_documented(rest: Rest, rule: int, world: World) -> None:
    answer = put_batch(rest, (CAMPAIGN, rule), (OTHER_CAMPAIGN, rule))

    assert (answer.status_code, answer.content) == (204, b"")
    assert world.associations == {(CAMPAIGN, rule), (OTHER_CAMPAIGN, rule)}


def test_a_batch_put_can_answer_200_with_results(rest: Rest, rule: int, world: World) -> None:
    world.settings.batch_writes_answer_200 = True

    answer = put_batch(rest, (CAMPAIGN, rule))

    assert answer.status_code == 200
    assert answer.json() == {"results": {key(CAMPAIGN, rule): {"status": 204}}, "errors": {}}


def test_a_batch_put_that_fails_in_part_names_the_keys(rest: Rest, rule: int, world: World) -> None:
    answer = put_batch(rest, (CAMPAIGN, rule), (1, rule))

    assert answer.status_code == 200
    assert list(answer.json()["results"]) == [key(CAMPAIGN, rule)]
    assert answer.json()["errors"][key(1, rule)]["status"] == 404
    assert world.associations == {(CAMPAIGN, rule)}


def test_an_association_is_read_by_its_key(rest: Rest, rule: int, world: World) -> None:
    world.associate(CAMPAIGN, rule)

    answer = rest("GET", f"/campaignConversions/{key(CAMPAIGN, rule)}").json()

    assert answer.pop("associatedAt") > 0
    assert answer == body(CAMPAIGN, rule)
    assert rest("GET", f"/campaignConversions/{key(OTHER_CAMPAIGN, rule)}").status_code == 404


def test_a_batch_get_is_keyed_by_encoded_keys(rest: Rest, rule: int, world: World) -> None:
    world.associate(CAMPAIGN, rule)
    known, unknown = key(CAMPAIGN, rule), key(OTHER_CAMPAIGN, rule)

    answer = rest("GET", f"/campaignConversions?ids=List({known},{unknown})").json()

    assert answer["statuses"] == {}
    assert list(answer["results"]) == [known]
    assert answer["errors"][unknown]["status"] == 404


def test_associations_are_found_by_campaigns_page_by_page(rest: Rest, world: World) -> None:
    rules = [world.add_rule(campaigns=[CAMPAIGN]) for _ in range(3)]
    world.add_rule(campaigns=[OTHER_CAMPAIGN])
    finder = f"/campaignConversions?q=campaigns&campaigns=List(urn%3Ali%3AsponsoredCampaign%3A{CAMPAIGN})"

    first = rest("GET", f"{finder}&start=0&count=2").json()
    second = rest("GET", f"{finder}&start=2&count=2").json()

    found = [element["conversion"] for element in first["elements"] + second["elements"]]
    assert found == [f"urn:lla:llaPartnerConversion:{rule}" for rule in rules]


def test_delete_ends_an_association_once(rest: Rest, rule: int, world: World) -> None:
    world.associate(CAMPAIGN, rule)

    assert rest("DELETE", f"/campaignConversions/{key(CAMPAIGN, rule)}").status_code == 204
    assert not world.associations
    assert rest("DELETE", f"/campaignConversions/{key(CAMPAIGN, rule)}").status_code == 404


def test_a_batch_delete_answers_204(rest: Rest, rule: int, world: World) -> None:
    world.associate(CAMPAIGN, rule)
    world.associate(OTHER_CAMPAIGN, rule)

    answer = rest(
        "DELETE",
        f"/campaignConversions?ids=List({key(CAMPAIGN, rule)},{key(OTHER_CAMPAIGN, rule)})",
        headers={"X-RestLi-Method": "BATCH_DELETE"},
    )

    assert answer.status_code == 204
    assert not world.associations


def test_a_viewer_may_read_but_not_write(rest: Rest, rule: int, world: World) -> None:
    world.associate(CAMPAIGN, rule)
    world.set_role("VIEWER")

    assert rest("GET", f"/campaignConversions/{key(CAMPAIGN, rule)}").status_code == 200
    assert rest("DELETE", f"/campaignConversions/{key(CAMPAIGN, rule)}").status_code == 403
    assert world.associations
