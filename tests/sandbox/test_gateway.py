from __future__ import annotations

import http.client
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.raw_http import ACCOUNT, ENCODED_ACCOUNT, event, send_batch

if TYPE_CHECKING:
    from airflow_provider_linkedin_capi.sandbox.server import SandboxServer
    from airflow_provider_linkedin_capi.sandbox.world import World
    from tests.support.raw_http import Rest

FIND = f"/conversions?q=account&account={ENCODED_ACCOUNT}"


def input_error(document: dict[str, Any]) -> tuple[str, str]:
    (error,) = document["errorDetails"]["inputErrors"]
    return error["code"], error["input"]["inputPath"]["fieldPath"]


# Paths and finders


def test_an_unknown_path_is_answered_first_of_all(rest: Rest) -> None:
    answer = rest("GET", "/conversionsX", headers={"LinkedIn-Version": None, "Authorization": None})

    assert answer.status_code == 404
    assert answer.json() == {"status": 404, "code": "RESOURCE_NOT_FOUND", "message": "No virtual resource found"}
    assert answer.headers["X-Restli-Gateway-Error"] == "true"


def test_an_unknown_finder_is_not_found(rest: Rest) -> None:
    answer = rest("GET", "/conversions?q=nobody", headers={"Authorization": None})

    assert (answer.status_code, answer.json()["code"]) == (404, "RESOURCE_NOT_FOUND")


def test_a_method_that_a_resource_lacks_is_not_allowed(rest: Rest, rule: int) -> None:
    assert rest("DELETE", f"/conversions/{rule}").status_code == 405


def test_a_trailing_slash_is_tolerated(rest: Rest, rule: int, world: World) -> None:
    assert rest("POST", "/conversionEvents/", json=event(rule)).status_code == 201
    assert world.event_count() == 1


# Versions


def test_a_missing_version_comes_before_a_missing_token(rest: Rest) -> None:
    answer = rest("GET", FIND, headers={"LinkedIn-Version": None, "Authorization": None})

    assert answer.status_code == 400
    assert answer.json() == {
        "status": 400,
        "code": "VERSION_MISSING",
        "message": "A version must be present. Please specify a version by adding the LinkedIn-Version header.",
    }
    assert answer.headers["X-Restli-Gateway-Error"] == "true"


@pytest.mark.parametrize(
    ("version", "named"), [("202506", "20250601"), ("202701", "20270101"), ("202512.03", "20251203")]
)
def test_a_version_that_is_not_active_is_refused_by_number(rest: Rest, version: str, named: str) -> None:
    answer = rest("GET", FIND, headers={"LinkedIn-Version": version, "Authorization": None})

    assert answer.status_code == 426
    assert answer.json() == {
        "status": 426,
        "code": "NONEXISTENT_VERSION",
        "message": f"Requested version {named} is not active",
    }


@pytest.mark.parametrize("version", ["202601", "202609", "202610", "202609.01"])
def test_active_versions_are_served(rest: Rest, version: str) -> None:
    assert rest("GET", FIND, headers={"linkedin-version": version, "LinkedIn-Version": None}).status_code == 200


def test_the_active_versions_can_be_set(rest: Rest, world: World) -> None:
    world.settings.versions = {"202609"}

    assert rest("GET", FIND).status_code == 200
    assert rest("GET", FIND, headers={"LinkedIn-Version": "202608"}).status_code == 426


# Tokens and scopes


@pytest.mark.parametrize(
    ("header", "code", "name", "message"),
    [
        (None, 65604, "EMPTY_ACCESS_TOKEN", "Empty oauth2 access token"),
        ("Bearer ", 65604, "EMPTY_ACCESS_TOKEN", "Empty oauth2 access token"),
        ("Bearer nobodys", 65600, "INVALID_ACCESS_TOKEN", "Invalid access token"),
        (
            "Bearer revoked",
            65601,
            "REVOKED_ACCESS_TOKEN",
            "The token used in the request has been revoked by the user",
        ),
        ("Bearer expired", 65602, "EXPIRED_ACCESS_TOKEN", "The token used in the request has expired"),
        ("Bearer restricted", 65608, "RESTRICTED_MEMBER", "Member is restricted"),
    ],
)
def test_each_bad_token_has_its_own_401(
    rest: Rest, world: World, header: str | None, code: int, name: str, message: str
) -> None:
    world.add_token("revoked", status="revoked")
    world.add_token("expired", lifetime_seconds=-1)
    world.add_token("restricted", status="restricted")

    answer = rest("GET", FIND, headers={"Authorization": header})

    assert answer.status_code == 401
    assert answer.json() == {"status": 401, "serviceErrorCode": code, "code": name, "message": message}


def test_a_token_expires_as_the_clock_moves(rest: Rest, world: World) -> None:
    assert rest("GET", FIND).status_code == 200

    world.clock.advance(61 * 86_400)

    assert rest("GET", FIND).json()["code"] == "EXPIRED_ACCESS_TOKEN"


@pytest.mark.parametrize(
    ("method", "path", "named"),
    [
        ("GET", FIND, "conversions.FINDER-account.20260901"),
        ("POST", "/conversionEvents", "conversionEvents.CREATE.20260901"),
        ("GET", "/adAnalytics?q=analytics", "adAnalytics.FINDER-analytics.20260901"),
        ("GET", "/adAccounts/5012345/adCampaigns?q=search", "adCampaigns.FINDER-search.20260901"),
    ],
)
def test_a_missing_scope_comes_before_query_and_body(
    rest: Rest, world: World, method: str, path: str, named: str
) -> None:
    world.add_token("powerless", scopes=["openid"])

    answer = rest(
        method, f"{path}&bad=(" if "?" in path else path, headers={"Authorization": "Bearer powerless"}, data=""
    )

    assert answer.status_code == 403
    assert answer.json() == {
        "status": 403,
        "serviceErrorCode": 100,
        "code": "ACCESS_DENIED",
        "message": f"Not enough permissions to access: {named}",
    }


# Queries


@pytest.mark.parametrize(
    ("query", "code", "field"),
    [
        ("q=campaigns&campaigns=List(urn:li:sponsoredCampaign:1)", "PARAM_INVALID", "campaigns"),
        ("q=campaigns&campaigns=urn%3Ali%3AsponsoredCampaign%3A1", "FIELD_INVALID", "campaigns"),
        ("q=campaigns&campaigns=List(urn%253Ali%253AsponsoredCampaign%253A1)", "PARAM_INVALID", "campaigns"),
        ("q=campaigns&campaigns[0]=1", "QUERY_PARAM_NOT_ALLOWED", "campaigns[0]"),
        ("q=campaigns&search.status=ACTIVE", "QUERY_PARAM_NOT_ALLOWED", "search.status"),
    ],
)
def test_a_query_that_is_not_rest_li_2_is_refused(rest: Rest, query: str, code: str, field: str) -> None:
    answer = rest("GET", f"/campaignConversions?{query}")

    assert answer.status_code == 400
    assert answer.json()["code"] == "ILLEGAL_ARGUMENT"
    assert input_error(answer.json()) == (code, field)


def test_without_the_protocol_header_structured_values_are_misread(rest: Rest) -> None:
    answer = rest(
        "GET",
        "/campaignConversions?q=campaigns&campaigns=List(urn%3Ali%3AsponsoredCampaign%3A345396001)",
        headers={"X-Restli-Protocol-Version": None},
    )

    assert (answer.status_code, input_error(answer.json())) == (400, ("PARAM_INVALID", "campaigns"))


def test_events_do_without_the_protocol_header(rest: Rest, rule: int) -> None:
    answer = rest("POST", "/conversionEvents", json=event(rule), headers={"X-Restli-Protocol-Version": None})

    assert answer.status_code == 201


def test_a_missing_finder_parameter_is_named_in_the_short_shape(rest: Rest) -> None:
    answer = rest("GET", "/conversions?q=account")

    assert answer.status_code == 400
    assert answer.json() == {"message": "Parameter 'account' is required", "status": 400}


def test_a_query_over_4_kb_is_too_long(rest: Rest) -> None:
    urns = ",".join(["urn%3Ali%3AsponsoredCampaign%3A1"] * 140)

    assert rest("GET", f"/campaignConversions?q=campaigns&campaigns=List({urns})").status_code == 414


def test_a_long_query_travels_in_the_body_as_a_form(rest: Rest, rule: int) -> None:
    urns = ",".join(["urn%3Ali%3AsponsoredCampaign%3A345396001"] * 140)

    answer = rest(
        "POST",
        "/campaignConversions",
        headers={"X-HTTP-Method-Override": "GET", "Content-Type": "application/x-www-form-urlencoded"},
        data=f"q=campaigns&campaigns=List({urns})&count=1000",
    )

    assert answer.status_code == 200
    assert len(answer.json()["elements"]) == 140


def test_a_long_query_with_a_body_travels_as_multipart(rest: Rest, world: World) -> None:
    rule = world.add_rule()
    key = f"(campaign:urn%3Ali%3AsponsoredCampaign%3A345396001,conversion:urn%3Alla%3AllaPartnerConversion%3A{rule})"
    body = (
        "--xyz\r\nContent-Type: application/x-www-form-urlencoded\r\n\r\n"
        f"ids=List({key})\r\n"
        "--xyz\r\nContent-Type: application/json\r\n\r\n"
        f'{{"entities":{{"{key}":{{"campaign":"urn:li:sponsoredCampaign:345396001",'
        f'"conversion":"urn:lla:llaPartnerConversion:{rule}"}}}}}}\r\n'
        "--xyz--\r\n"
    )

    answer = rest(
        "POST",
        "/campaignConversions",
        headers={
            "X-HTTP-Method-Override": "PUT",
            "X-RestLi-Method": "BATCH_UPDATE",
            "Content-Type": "multipart/mixed; boundary=xyz",
        },
        data=body,
    )

    assert answer.status_code == 204
    assert world.associations == {(345_396_001, rule)}


# Throttles


def test_the_minute_limit_answers_429_and_passes_with_the_minute(rest: Rest, rule: int, world: World) -> None:
    world.settings.requests_per_minute["conversionEvents"] = 1

    assert rest("POST", "/conversionEvents", json=event(rule)).status_code == 201
    answer = rest("POST", "/conversionEvents", json=event(rule))
    assert answer.status_code == 429
    assert answer.json() == {
        "status": 429,
        "serviceErrorCode": 101,
        "code": "TOO_MANY_REQUESTS",
        "message": "Resource level throttle APPLICATION_AND_MEMBER MINUTE limit for calls to this resource is reached.",
    }
    assert "Retry-After" not in answer.headers
    assert not [name for name in answer.headers if name.lower().startswith("x-ratelimit")]
    world.clock.advance(60)
    assert rest("POST", "/conversionEvents", json=event(rule)).status_code == 201
    assert world.event_count() == 2


def test_the_day_limit_is_per_token(rest: Rest, rule: int, world: World) -> None:
    world.settings.requests_per_day["conversionEvents"] = 1
    world.settings.retry_after_seconds = 7
    world.add_token("another")

    rest("POST", "/conversionEvents", json=event(rule))
    answer = rest("POST", "/conversionEvents", json=event(rule))

    assert "DAY limit" in answer.json()["message"]
    assert answer.headers["Retry-After"] == "7"
    other = rest("POST", "/conversionEvents", json=event(rule), headers={"Authorization": "Bearer another"})
    assert other.status_code == 201


def test_the_throttle_comes_before_the_schema(rest: Rest, world: World) -> None:
    world.settings.requests_per_minute["conversionEvents"] = 0

    assert rest("POST", "/conversionEvents", json={"bad": 1}).status_code == 429


# Bodies and headers


def test_a_body_that_is_not_json_is_refused(rest: Rest) -> None:
    answer = rest("POST", "/conversionEvents", data="{", headers={"Content-Type": "application/json"})

    assert (answer.status_code, answer.json()["status"]) == (400, 400)


def test_a_body_without_a_json_content_type_is_refused(rest: Rest) -> None:
    assert rest("POST", "/conversionEvents", data="{}", headers={"Content-Type": "text/plain"}).status_code == 415


def test_a_post_without_length_is_refused(sandbox: SandboxServer) -> None:
    connection = http.client.HTTPConnection(sandbox.host, sandbox.port)
    connection.putrequest("POST", "/rest/conversionEvents")
    connection.putheader("LinkedIn-Version", "202609")
    connection.endheaders()

    assert connection.getresponse().status == 411


def test_a_body_over_the_limit_is_too_large(rest: Rest, rule: int, world: World) -> None:
    world.settings.max_body_bytes = 1_000

    assert send_batch(rest, [event(rule, n) for n in range(10)]).status_code == 413
    assert world.event_count() == 0


def test_every_answer_names_the_request_and_sets_a_cookie(rest: Rest) -> None:
    first, second = rest("GET", FIND), rest("GET", "/nowhere")

    for answer in (first, second):
        assert answer.headers["x-li-fabric"]
        assert "lidc" in answer.headers["Set-Cookie"]
    assert first.headers["x-li-uuid"] != second.headers["x-li-uuid"]


def test_a_post_to_an_entity_needs_the_method_header(rest: Rest, rule: int) -> None:
    answer = rest(
        "POST", f"/conversions/{rule}?account={ENCODED_ACCOUNT}", json={"patch": {"$set": {"enabled": False}}}
    )

    assert answer.status_code == 400


def test_the_request_log_has_each_request_and_its_answer(rest: Rest, world: World) -> None:
    rest("POST", "/conversions", json={"name": "r", "account": ACCOUNT, "type": "LEAD"})

    (request,) = world.requests
    assert (request.method, request.path, request.restli_method, request.status) == (
        "POST",
        "/rest/conversions",
        "conversions.CREATE",
        201,
    )
    assert request.headers["authorization"] == "Bearer sandbox-token"
    assert b'"name": "r"' in request.body
