from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.support.raw_http import ACCOUNT, ENCODED_ACCOUNT

if TYPE_CHECKING:
    from airflow_provider_linkedin_capi.sandbox.world import World
    from tests.support.raw_http import Rest

OTHER = 654_321
OTHER_ACCOUNT = f"urn:li:sponsoredAccount:{OTHER}"


@pytest.fixture
def tag(rest: Rest) -> int:
    """The Insight Tag of the sample account."""
    answer = rest("POST", "/insightTags", json={"sponsoredAccounts": [ACCOUNT]})
    assert answer.status_code == 201
    number: int = answer.json()["id"]
    return number


def act(rest: Rest, action: str, tag: int, target: str, account: str = ACCOUNT, **members: str) -> Any:
    body = {"account": account, "insightTag": f"urn:tscp:insightTag:{tag}", "targetAccount": target, **members}
    return rest("POST", f"/insightTagsPermission?action={action}", json=body)


def role(rest: Rest, account: str) -> list[str]:
    encoded = account.replace(":", "%3A")
    answer = rest("GET", f"/insightTagsPermission?q=account&account={encoded}").json()
    return [element["role"] for element in answer["elements"]]


# Tags


def test_a_new_tag_is_answered_with_its_snippet_and_found_again(rest: Rest) -> None:
    assert rest("GET", f"/insightTags?q=account&account={ENCODED_ACCOUNT}").json()["elements"] == []

    answer = rest("POST", "/insightTags", json={"sponsoredAccounts": [ACCOUNT]})

    tag = answer.json()
    assert answer.headers["x-restli-id"] == str(tag["id"])
    assert answer.headers["Location"] == f"/insightTags/{tag['id']}"
    assert (tag["sponsoredAccounts"], tag["firstPartyTrackingEnabled"]) == ([ACCOUNT], True)
    assert str(tag["id"]) in tag["tag"]
    assert tag["tag"].startswith("<script")
    assert rest("GET", f"/insightTags?q=account&account={ENCODED_ACCOUNT}").json()["elements"] == [tag]
    assert rest("GET", f"/insightTags/{tag['id']}").json() == tag


def test_an_account_has_one_tag_and_a_tag_one_creator(rest: Rest, tag: int) -> None:
    assert rest("POST", "/insightTags", json={"sponsoredAccounts": [ACCOUNT]}).status_code == 400
    assert rest("POST", "/insightTags", json={"sponsoredAccounts": [ACCOUNT, OTHER_ACCOUNT]}).status_code == 400


def test_first_party_tracking_is_switched(rest: Rest, tag: int) -> None:
    answer = rest(
        "POST",
        f"/insightTags/{tag}",
        headers={"X-RestLi-Method": "PARTIAL_UPDATE"},
        json={"patch": {"$set": {"firstPartyTrackingEnabled": False}}},
    )

    assert answer.status_code == 204
    assert rest("GET", f"/insightTags/{tag}").json()["firstPartyTrackingEnabled"] is False


# Permissions


def test_the_creator_has_full_access(rest: Rest, tag: int) -> None:
    assert role(rest, ACCOUNT) == ["FULL"]


def test_access_is_granted_and_revoked(rest: Rest, tag: int, world: World) -> None:
    world.add_account(OTHER)

    assert act(rest, "grantAccess", tag, OTHER_ACCOUNT, role="FULL").status_code == 200
    assert role(rest, OTHER_ACCOUNT) == ["FULL"]
    assert rest("GET", f"/insightTags/{tag}").json()["sponsoredAccounts"] == [ACCOUNT, OTHER_ACCOUNT]
    assert act(rest, "revokeAccess", tag, OTHER_ACCOUNT).status_code == 200
    assert role(rest, OTHER_ACCOUNT) == []


def test_the_last_full_account_stays(rest: Rest, tag: int, world: World) -> None:
    world.add_account(OTHER)
    act(rest, "grantAccess", tag, OTHER_ACCOUNT, role="USE_ONLY")

    answer = act(rest, "revokeAccess", tag, ACCOUNT)

    assert answer.status_code == 400
    assert "at least one account with FULL access" in answer.json()["message"]
    assert role(rest, ACCOUNT) == ["FULL"]


def test_an_account_with_a_tag_gets_no_second_one(rest: Rest, tag: int, world: World) -> None:
    world.add_account(OTHER)
    rest("POST", "/insightTags", json={"sponsoredAccounts": [OTHER_ACCOUNT]})

    assert act(rest, "grantAccess", tag, OTHER_ACCOUNT, role="FULL").status_code == 400


def test_use_only_may_not_grant(rest: Rest, tag: int, world: World) -> None:
    world.add_account(OTHER)
    world.add_account(111)
    act(rest, "grantAccess", tag, OTHER_ACCOUNT, role="USE_ONLY")

    answer = act(rest, "grantAccess", tag, "urn:li:sponsoredAccount:111", account=OTHER_ACCOUNT, role="USE_ONLY")

    assert answer.status_code == 403


# Domains


def key(domain: str) -> str:
    return f"(account:{ENCODED_ACCOUNT},domainName:{domain})"


def block(rest: Rest, domain: str, blocked: bool = True) -> Any:
    return rest(
        "POST",
        f"/insightTagDomains/{key(domain)}",
        headers={"X-RestLi-Method": "PARTIAL_UPDATE"},
        json={"patch": {"$set": {"blocked": blocked}}},
    )


def test_domains_are_found_newest_first_100_at_a_time(rest: Rest, tag: int, world: World) -> None:
    for number in range(101):
        world.clock.advance(1)
        world.add_domain(tag, f"d{number}.example.com")
    finder = f"/insightTagDomains?q=account&account={ENCODED_ACCOUNT}"

    first = rest("GET", finder).json()["elements"]

    assert len(first) == 100
    assert first[0]["domainName"] == "d100.example.com"
    assert first[0]["insightTag"] == f"urn:tscp:insightTag:{tag}"
    assert len(rest("GET", f"{finder}&count=500").json()["elements"]) == 101
    assert rest("GET", f"{finder}&count=501").status_code == 400
    assert len(rest("GET", f"{finder}&domainName=d7.example.com").json()["elements"]) == 1


def test_a_domain_is_blocked_and_allowed(rest: Rest, tag: int, world: World) -> None:
    world.add_domain(tag, "www.example.com")

    assert block(rest, "www.example.com").status_code == 204
    assert rest("GET", f"/insightTagDomains/{key('www.example.com')}").json()["blocked"] is True
    block(rest, "www.example.com", blocked=False)
    assert rest("GET", f"/insightTagDomains/{key('www.example.com')}").json()["blocked"] is False
    assert block(rest, "unknown.example.com").status_code == 404


def test_domains_are_read_and_blocked_in_batches(rest: Rest, tag: int, world: World) -> None:
    world.add_domain(tag, "a.com")
    keys = [key("a.com"), key("missing.com")]
    ids = f"ids=List({','.join(keys)})"

    changed = rest(
        "POST",
        f"/insightTagDomains?{ids}",
        headers={"X-RestLi-Method": "BATCH_PARTIAL_UPDATE"},
        json={"entities": {one: {"patch": {"$set": {"blocked": True}}} for one in keys}},
    ).json()

    assert changed["results"] == {keys[0]: {"status": 204}}
    assert changed["errors"][keys[1]]["status"] == 404
    read = rest("GET", f"/insightTagDomains?{ids}").json()
    assert read["results"][keys[0]]["blocked"] is True
    assert list(read["errors"]) == [keys[1]]


def test_use_only_may_not_block(rest: Rest, world: World) -> None:
    other = world.add_account(OTHER)
    tag = rest("POST", "/insightTags", json={"sponsoredAccounts": [OTHER_ACCOUNT]}).json()["id"]
    act(rest, "grantAccess", tag, ACCOUNT, account=OTHER_ACCOUNT, role="USE_ONLY")
    world.add_domain(tag, "a.com")

    assert other == OTHER
    assert rest("GET", f"/insightTagDomains/{key('a.com')}").status_code == 200
    assert block(rest, "a.com").status_code == 403


def test_insight_tags_need_rw_ads_to_write(rest: Rest, world: World) -> None:
    world.add_token("reader", scopes=["r_ads"])
    reader: dict[str, str | None] = {"Authorization": "Bearer reader"}

    assert rest("GET", f"/insightTags?q=account&account={ENCODED_ACCOUNT}", headers=reader).status_code == 200
    answer = rest("POST", "/insightTags", json={"sponsoredAccounts": [ACCOUNT]}, headers=reader)
    assert answer.json()["message"] == "Not enough permissions to access: insightTags.CREATE.20260901"


# Path to conversion


def test_the_path_to_an_order_is_found_by_its_id(rest: Rest, world: World) -> None:
    world.add_order_path("o 1", [{"eventType": "CLICK"}])
    finder = f"/adEventWithConversions?q=accountWithOrderId&account={ENCODED_ACCOUNT}"

    assert rest("GET", f"{finder}&orderId=o%201").json()["elements"] == [{"eventType": "CLICK"}]
    assert rest("GET", f"{finder}&orderId=o2").json()["elements"] == []
    assert rest("GET", finder).status_code == 400
