from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.support.raw_http import ENCODED_ACCOUNT

if TYPE_CHECKING:
    from airflow_provider_linkedin_capi.sandbox.world import World
    from tests.support.raw_http import Rest

CAMPAIGNS = "/adAccounts/5012345/adCampaigns?q=search"


def ids(answer: Any) -> list[int]:
    return [element["id"] for element in answer.json()["elements"]]


def test_accounts_are_those_the_member_can_see(rest: Rest, world: World) -> None:
    world.add_account(77, name="Foreign", member=None)

    answer = rest("GET", "/adAccounts?q=search")

    (account,) = answer.json()["elements"]
    assert (account["id"], account["name"], account["currency"]) == (5_012_345, "Example", "USD")
    assert answer.json()["metadata"] == {}
    assert rest("GET", "/adAccounts/5012345").json()["id"] == 5_012_345
    assert rest("GET", "/adAccounts/77").status_code == 403
    assert rest("GET", "/adAccounts/78").status_code == 404


def test_accounts_are_searched_by_their_members(rest: Rest, world: World) -> None:
    test_account = world.add_account(test=True)

    search = "/adAccounts?q=search&search=(status:(values:List(ACTIVE)),type:(values:List(BUSINESS)),test:true)"

    assert ids(rest("GET", search)) == [test_account]


def test_campaigns_are_searched_by_status(rest: Rest) -> None:
    search = f"{CAMPAIGNS}&search=(status:(values:List(PAUSED,DRAFT)))&sortOrder=DESCENDING&fields=id,status"

    assert rest("GET", search).json()["elements"] == [
        {"id": 345_396_004, "status": "DRAFT"},
        {"id": 345_396_003, "status": "PAUSED"},
    ]


@pytest.mark.parametrize(
    "criteria",
    [
        "campaignGroup:(values:List(urn%3Ali%3AsponsoredCampaignGroup%3A9))",
        "name:(values:List(Wanted%2C%20indeed))",
        "id:(values:List(urn%3Ali%3AsponsoredCampaign%3A4711))",
        "test:true",
    ],
)
def test_campaigns_are_searched_by_any_criterion(rest: Rest, world: World, criteria: str) -> None:
    world.add_campaign(4711, name="Wanted, indeed", group=9, test=True)

    assert ids(rest("GET", f"{CAMPAIGNS}&search=({criteria})")) == [4711]


def test_an_unknown_criterion_is_refused(rest: Rest) -> None:
    assert rest("GET", f"{CAMPAIGNS}&search=(colour:(values:List(RED)))").status_code == 400
    assert rest("GET", f"{CAMPAIGNS}&search=(status:List(ACTIVE))").status_code == 400


def test_campaigns_page_by_cursor(rest: Rest, world: World) -> None:
    expected = list(range(345_396_001, 345_396_006)) + [world.add_campaign(400_000_000 + n) for n in range(7)]
    found: list[int] = []
    token: str | None = None
    pages = 0
    while token is not None or pages == 0:
        answer = rest("GET", f"{CAMPAIGNS}&pageSize=5" + (f"&pageToken={token}" if token else ""))
        found += ids(answer)
        token = answer.json()["metadata"].get("nextPageToken")
        pages += 1

    assert (found, pages) == (expected, 3)


def test_a_page_token_only_fits_its_own_search(rest: Rest) -> None:
    token = rest("GET", f"{CAMPAIGNS}&pageSize=2").json()["metadata"]["nextPageToken"]

    assert rest("GET", f"{CAMPAIGNS}&pageSize=2&pageToken={token}").status_code == 200
    other = f"{CAMPAIGNS}&pageSize=2&pageToken={token}&search=(status:(values:List(ACTIVE)))"
    assert rest("GET", other).status_code == 400


def test_more_than_1000_campaigns_need_a_page_size(rest: Rest, world: World) -> None:
    for _ in range(1_000):
        world.add_campaign()

    answer = rest("GET", CAMPAIGNS)

    assert (answer.status_code, answer.json()["message"]) == (400, "Request would return too many entities")
    assert len(ids(rest("GET", f"{CAMPAIGNS}&pageSize=1000"))) == 1_000
    assert rest("GET", f"{CAMPAIGNS}&pageSize=1001").status_code == 400


def test_campaigns_are_read_by_id(rest: Rest) -> None:
    path = "/adAccounts/5012345/adCampaigns"

    assert rest("GET", f"{path}/345396001").json()["name"] == "Spring leads"
    answer = rest("GET", f"{path}?ids=List(345396001,9)").json()
    assert answer["results"]["345396001"]["objectiveType"] == "WEBSITE_CONVERSION"
    assert answer["errors"]["9"]["status"] == 404


def test_campaigns_of_a_foreign_account_are_refused(rest: Rest, world: World) -> None:
    foreign = world.add_account(member=None)

    assert rest("GET", f"/adAccounts/{foreign}/adCampaigns?q=search").status_code == 403


def test_a_member_reads_own_roles_on_one_page(rest: Rest, world: World) -> None:
    world.add_account(5_000_123, role="VIEWER")

    answer = rest("GET", "/adAccountUsers?q=authenticatedUser&fields=account,role").json()

    assert answer["elements"] == [
        {"account": "urn:li:sponsoredAccount:5012345", "role": "ACCOUNT_MANAGER"},
        {"account": "urn:li:sponsoredAccount:5000123", "role": "VIEWER"},
    ]
    assert answer["paging"] == {"start": 0, "count": 2_147_483_647, "links": [], "total": 2}


def test_the_members_of_an_account_are_found(rest: Rest, world: World) -> None:
    world.set_role("VIEWER", member="urn:li:person:other")

    answer = rest("GET", f"/adAccountUsers?q=accounts&accounts=List({ENCODED_ACCOUNT})").json()

    assert {(found["user"], found["role"]) for found in answer["elements"]} == {
        ("urn:li:person:sandbox", "ACCOUNT_MANAGER"),
        ("urn:li:person:other", "VIEWER"),
    }
