from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.support.raw_http import ACCOUNT, CAMPAIGN, ENCODED_ACCOUNT, OTHER_CAMPAIGN

if TYPE_CHECKING:
    from airflow_provider_linkedin_capi.sandbox.world import World
    from tests.support.raw_http import Rest

RULE = {"name": "CRM purchase", "account": ACCOUNT, "conversionMethod": "CONVERSIONS_API", "type": "PURCHASE"}


def create(rest: Rest, query: str = "", version: str = "202609", **members: Any) -> Any:
    body = {name: value for name, value in {**RULE, **members}.items() if value is not None}
    return rest("POST", f"/conversions{query}", json=body, headers={"LinkedIn-Version": version})


def update(rest: Rest, rule: int, patch: dict[str, Any], account: str = ENCODED_ACCOUNT) -> Any:
    return rest(
        "POST",
        f"/conversions/{rule}?account={account}",
        headers={"X-RestLi-Method": "PARTIAL_UPDATE"},
        json={"patch": patch},
    )


# Create


def test_a_new_rule_is_answered_whole_with_its_id_in_the_headers(rest: Rest, world: World) -> None:
    answer = create(rest, postClickAttributionWindowSize=90, viewThroughAttributionWindowSize=30, valueType="DYNAMIC")

    assert answer.status_code == 201
    rule = answer.json()
    assert answer.headers["x-restli-id"] == str(rule["id"])
    assert answer.headers["Location"] == f"/conversions/{rule['id']}"
    assert rule | RULE == rule
    assert (rule["postClickAttributionWindowSize"], rule["viewThroughAttributionWindowSize"]) == (90, 30)
    assert (rule["enabled"], rule["campaigns"], rule["urlRules"]) == (True, [], [])
    assert world.rules[rule["id"]]["name"] == "CRM purchase"


def test_defaults_are_30_and_7_days_last_touch_by_campaign(rest: Rest) -> None:
    rule = create(rest).json()

    assert (rule["postClickAttributionWindowSize"], rule["viewThroughAttributionWindowSize"]) == (30, 7)
    assert (rule["attributionType"], rule["valueType"]) == ("LAST_TOUCH_BY_CAMPAIGN", "DYNAMIC")


def test_names_are_not_unique(rest: Rest, world: World) -> None:
    assert create(rest).json()["id"] != create(rest).json()["id"]
    assert len(world.rules) == 2


def test_the_account_may_stand_in_the_query(rest: Rest) -> None:
    assert create(rest, f"?account={ENCODED_ACCOUNT}", account=None).json()["account"] == ACCOUNT


def test_all_campaigns_means_active_paused_and_draft_ones_of_now(rest: Rest, world: World) -> None:
    answer = create(rest, "?autoAssociationType=ALL_CAMPAIGNS")
    world.add_campaign()

    rule = answer.json()["id"]
    assert answer.json()["campaigns"] == []
    assert world.associations == {(number, rule) for number in range(345_396_001, 345_396_005)}


def test_all_campaigns_stops_at_200(rest: Rest, world: World) -> None:
    for _ in range(250):
        world.add_campaign()

    create(rest, "?autoAssociationType=ALL_CAMPAIGNS")

    assert len(world.associations) == 200


def test_objective_based_takes_the_campaigns_whose_objective_fits(rest: Rest, world: World) -> None:
    leads = world.add_campaign(objective="LEAD_GENERATION")

    rule = create(rest, "?autoAssociationType=OBJECTIVE_BASED", type="LEAD").json()["id"]

    assert world.associations == {(leads, rule)}


@pytest.mark.parametrize(
    ("members", "message"),
    [
        ({"name": None}, "ERROR :: /name :: field is required but not found and has no default value\n"),
        ({"type": "NOTHING"}, 'ERROR :: /type :: "NOTHING" is not an enum symbol\n'),
        ({"enabled": "yes"}, 'ERROR :: /enabled :: "yes" cannot be coerced to Boolean\n'),
        ({"isPrimary": True}, "ERROR :: /isPrimary :: unrecognized field found but not allowed\n"),
        ({"id": 5}, "ERROR :: /id :: ReadOnly field present in a create or update request\n"),
        (
            {"value": {"currencyCode": "USD", "amount": 5}},
            "ERROR :: /value/amount :: 5 cannot be coerced to String\n",
        ),
    ],
)
def test_the_schema_is_checked(rest: Rest, world: World, members: dict[str, Any], message: str) -> None:
    answer = create(rest, **members)

    assert (answer.status_code, answer.json()) == (422, {"message": message, "status": 422})
    assert not world.rules


@pytest.mark.parametrize(
    ("members", "status"),
    [
        ({"postClickAttributionWindowSize": 365}, 201),
        ({"postClickAttributionWindowSize": 180, "type": "LEAD"}, 201),
        ({"postClickAttributionWindowSize": 180, "type": "SIGN_UP"}, 400),
        ({"viewThroughAttributionWindowSize": 14}, 400),
        ({"valueType": "FIXED"}, 400),
        ({"valueType": "FIXED", "value": {"currencyCode": "USD", "amount": "20"}}, 201),
        ({"name": " "}, 400),
    ],
)
def test_windows_and_values_are_checked(rest: Rest, members: dict[str, Any], status: int) -> None:
    assert create(rest, **members).status_code == status


@pytest.mark.parametrize(("version", "status"), [("202607", 422), ("202608", 201), ("202609", 201)])
def test_qualified_lead_stages_need_version_202608(rest: Rest, version: str, status: int) -> None:
    assert create(rest, version=version, type="SALES_QUALIFIED_LEAD").status_code == status


def test_a_viewer_and_a_stranger_may_not_create(rest: Rest, world: World) -> None:
    foreign = world.add_account(member=None)
    assert create(rest, account=f"urn:li:sponsoredAccount:{foreign}").status_code == 403

    world.set_role("VIEWER")
    answer = create(rest)
    assert (answer.status_code, answer.json()["code"]) == (403, "USER_NOT_AUTHORIZED")


def test_an_insight_tag_rule_needs_no_method_and_shows_simple_expressions_twice(rest: Rest) -> None:
    expression = [[{"matchType": "EXACT", "matchValue": "www.example.com/thankyou"}]]

    rule = create(rest, conversionMethod=None, type="LEAD", urlMatchRuleExpression=expression).json()

    assert rule["conversionMethod"] == "INSIGHT_TAG_URL_MATCH_RULES"
    assert rule["urlMatchRuleExpression"] == expression
    assert rule["urlRules"] == [{"type": "EXACT", "matchValue": "www.example.com/thankyou"}]
    assert "imagePixelTag" in rule


def test_a_match_value_has_no_scheme(rest: Rest) -> None:
    expression = [[{"matchType": "EXACT", "matchValue": "https://www.example.com"}]]

    assert create(rest, conversionMethod=None, urlMatchRuleExpression=expression).status_code == 400


def test_a_batch_create_answers_each_element_by_itself(rest: Rest, world: World) -> None:
    answer = rest(
        "POST",
        "/conversions",
        headers={"X-RestLi-Method": "BATCH_CREATE"},
        json={"elements": [{**RULE, "name": "r1"}, {**RULE, "type": "X"}, {**RULE, "name": "r2"}]},
    )

    assert answer.status_code == 200
    first, bad, second = answer.json()["elements"]
    assert first["status"] == second["status"] == 201
    assert first["location"] == f"/conversions/{first['id']}"
    assert (first["entity"]["name"], first["entity"]["id"]) == ("r1", int(first["id"]))
    assert bad == {
        "status": 422,
        "error": {"status": 422, "message": 'ERROR :: /type :: "X" is not an enum symbol\n'},
    }
    assert len(world.rules) == 2


def test_a_batch_holds_at_most_100_rules(rest: Rest) -> None:
    body = {"elements": [RULE] * 101}

    assert rest("POST", "/conversions", headers={"X-RestLi-Method": "BATCH_CREATE"}, json=body).status_code == 400


# Read


def test_a_rule_is_read_with_its_campaigns(rest: Rest, rule: int) -> None:
    answer = rest("GET", f"/conversions/{rule}?account={ENCODED_ACCOUNT}").json()

    assert answer["campaigns"] == [f"urn:li:sponsoredCampaign:{n}" for n in (CAMPAIGN, OTHER_CAMPAIGN)]
    association = answer["associatedCampaigns"][0]
    assert association["conversion"] == f"urn:lla:llaPartnerConversion:{rule}"
    assert answer["ownershipType"] == "OWNED"


def test_versions_before_202605_know_no_ownership(rest: Rest, rule: int) -> None:
    path = f"/conversions/{rule}?account={ENCODED_ACCOUNT}"

    assert "ownershipType" not in rest("GET", path, headers={"LinkedIn-Version": "202604"}).json()
    finder = f"/conversions?q=account&account={ENCODED_ACCOUNT}&conversionOwnershipTypes=List(OWNED,SHARED)"
    assert rest("GET", finder).status_code == 200
    assert rest("GET", finder, headers={"LinkedIn-Version": "202604"}).status_code == 400


def test_shared_rules_are_only_found_when_asked_for(rest: Rest, rule: int, world: World) -> None:
    shared = world.add_rule(ownershipType="SHARED")
    finder = f"/conversions?q=account&account={ENCODED_ACCOUNT}"

    def found(query: str) -> list[int]:
        return [element["id"] for element in rest("GET", finder + query).json()["elements"]]

    assert found("") == [rule]
    assert found("&conversionOwnershipTypes=List(OWNED,SHARED)") == [rule, shared]


def test_a_rule_of_another_account_is_not_found(rest: Rest, world: World) -> None:
    elsewhere = world.add_rule(account=world.add_account())

    assert rest("GET", f"/conversions/{elsewhere}?account={ENCODED_ACCOUNT}").status_code == 404


def test_a_batch_get_keeps_statuses_empty_and_names_what_is_missing(rest: Rest, rule: int) -> None:
    answer = rest("GET", f"/conversions?account={ENCODED_ACCOUNT}&ids=List({rule},999)").json()

    assert answer["statuses"] == {}
    assert list(answer["results"]) == [str(rule)]
    assert answer["errors"]["999"]["status"] == 404


def test_the_finder_pages_by_index_with_a_total_of_minus_one(rest: Rest, world: World) -> None:
    rules = [world.add_rule() for _ in range(25)]
    found: list[int] = []
    href = f"/conversions?q=account&account={ENCODED_ACCOUNT}"
    pages = 0
    while href:
        page = rest("GET", href).json()
        pages += 1
        found += [element["id"] for element in page["elements"]]
        assert (page["paging"]["total"], page["paging"]["count"]) == (-1, 10)
        following = [link["href"] for link in page["paging"]["links"] if link["rel"] == "next"]
        href = following[0].removeprefix("/rest") if following else ""

    assert (found, pages) == (rules, 3)


def test_a_page_holds_at_most_1000(rest: Rest) -> None:
    finder = f"/conversions?q=account&account={ENCODED_ACCOUNT}"

    assert rest("GET", f"{finder}&count=1000").status_code == 200
    assert rest("GET", f"{finder}&count=1001").status_code == 400


def test_fields_choose_members(rest: Rest, rule: int) -> None:
    page = rest("GET", f"/conversions?q=account&account={ENCODED_ACCOUNT}&fields=id,type").json()

    assert page["elements"] == [{"id": rule, "type": "PURCHASE"}]


def test_rules_are_found_by_campaign(rest: Rest, rule: int, world: World) -> None:
    world.add_rule()

    page = rest("GET", f"/conversions?q=campaign&campaign=urn%3Ali%3AsponsoredCampaign%3A{CAMPAIGN}").json()

    assert [element["id"] for element in page["elements"]] == [rule]


# Update


def test_a_patch_changes_only_what_it_names(rest: Rest, rule: int, world: World) -> None:
    answer = update(rest, rule, {"$set": {"name": "new name", "enabled": False}})

    assert (answer.status_code, answer.content) == (204, b"")
    assert (world.rules[rule]["name"], world.rules[rule]["enabled"]) == ("new name", False)
    assert world.rules[rule]["type"] == "PURCHASE"


def test_a_nested_patch_reaches_into_the_value(rest: Rest, world: World) -> None:
    rule = world.add_rule(valueType="FIXED", value={"currencyCode": "USD", "amount": "10"})

    assert update(rest, rule, {"value": {"$set": {"amount": "20"}}}).status_code == 204
    assert world.rules[rule]["value"] == {"currencyCode": "USD", "amount": "20"}


def test_a_patch_can_delete_an_optional_field(rest: Rest, world: World) -> None:
    rule = world.add_rule(value={"currencyCode": "USD", "amount": "10"})

    assert update(rest, rule, {"$delete": ["value"]}).status_code == 204
    assert "value" not in world.rules[rule]
    assert update(rest, rule, {"$delete": ["name"]}).status_code == 422
    assert update(rest, rule, {"$delete": [1]}).status_code == 422


def test_a_deleted_field_falls_back_to_its_default(rest: Rest, world: World) -> None:
    rule = world.add_rule(enabled=False, postClickAttributionWindowSize=90)

    assert update(rest, rule, {"$delete": ["enabled", "postClickAttributionWindowSize"]}).status_code == 204
    assert (world.rules[rule]["enabled"], world.rules[rule]["postClickAttributionWindowSize"]) == (True, 30)


def test_campaigns_are_replaced_whole(rest: Rest, rule: int, world: World) -> None:
    update(rest, rule, {"$set": {"campaigns": ["urn:li:sponsoredCampaign:345396003"]}})

    assert world.associations == {(345_396_003, rule)}


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"account": "urn:li:sponsoredAccount:1"}, 400),
        ({"postClickAttributionWindowSize": 14}, 400),
        ({"type": "X"}, 422),
        ({"created": 1}, 422),
    ],
)
def test_a_bad_patch_changes_nothing(rest: Rest, rule: int, world: World, change: dict[str, Any], status: int) -> None:
    before = dict(world.rules[rule])

    assert update(rest, rule, {"$set": {**change, "name": "changed"}}).status_code == status
    assert world.rules[rule] == before


def test_a_batch_update_answers_each_key(rest: Rest, rule: int, world: World) -> None:
    answer = rest(
        "POST",
        f"/conversions?account={ENCODED_ACCOUNT}&ids=List({rule},999)",
        headers={"X-RestLi-Method": "BATCH_PARTIAL_UPDATE"},
        json={"entities": {str(rule): {"patch": {"$set": {"name": "A"}}}, "999": {"patch": {"$set": {"name": "B"}}}}},
    ).json()

    assert answer["results"] == {str(rule): {"status": 204}}
    assert answer["errors"]["999"]["status"] == 404
    assert world.rules[rule]["name"] == "A"
