"""Answers in which each entity has its own success or error."""

from __future__ import annotations

import json

import pytest

from airflow_provider_linkedin_capi import exceptions
from airflow_provider_linkedin_capi.api import (
    campaign_associations,
    conversion_events,
    conversion_rules,
    insight_tag_domains,
)
from airflow_provider_linkedin_capi.api.call import Reply

VERSION = "202609"
ONE = ("urn:li:sponsoredCampaign:1", "urn:lla:llaPartnerConversion:9")
TWO = ("urn:li:sponsoredCampaign:2", "urn:lla:llaPartnerConversion:9")
WIRE_ONE = "(campaign:urn%3Ali%3AsponsoredCampaign%3A1,conversion:urn%3Alla%3AllaPartnerConversion%3A9)"
WIRE_TWO = "(conversion:urn%3Alla%3AllaPartnerConversion%3A9,campaign:urn%3Ali%3AsponsoredCampaign%3A2)"


def reply(body, status=200):
    return Reply(status, {"x-li-uuid": "AAY="}, json.dumps(body).encode())


@pytest.mark.parametrize("make", [campaign_associations.batch_put, campaign_associations.batch_delete])
@pytest.mark.parametrize("status", [200, 204])
def test_a_success_without_body_is_the_success_of_every_key(make, status):
    result = make([(1, 9), (2, 9)]).result(Reply(status, {"x-li-uuid": "AAY="}))
    assert (result.results, result.errors) == ({ONE: None, TWO: None}, {})


@pytest.mark.parametrize("make", [campaign_associations.batch_put, campaign_associations.batch_delete])
def test_a_200_has_a_result_for_each_key_in_any_order_of_its_parts(make):
    result = make([(1, 9), (2, 9)]).result(
        reply({"results": {WIRE_ONE: {"status": 204}}, "errors": {WIRE_TWO: {"status": 404, "message": "gone"}}})
    )
    assert result.results == {ONE: None}
    assert isinstance(result.errors[TWO], exceptions.NotFoundError)
    assert "gone" in str(result.errors[TWO])
    assert "x-li-uuid=AAY=" in str(result.errors[TWO])


def test_an_error_status_among_the_results_is_an_error():
    result = campaign_associations.batch_put([(1, 9)]).result(
        reply({"results": {WIRE_ONE: {"status": 403, "error": {"message": "no role"}}}, "errors": {}})
    )
    assert result.results == {}
    assert "no role" in str(result.errors[ONE])


def test_a_key_that_the_answer_does_not_mention_is_an_error():
    result = campaign_associations.batch_put([(1, 9), (2, 9)]).result(reply({"results": {WIRE_ONE: {"status": 204}}}))
    assert isinstance(result.errors[TWO], exceptions.UnexpectedReplyError)


def test_a_read_without_body_is_refused():
    with pytest.raises(exceptions.OutcomeUnknownError):
        conversion_rules.batch_get(5, [1]).result(Reply(200, {}))


def test_entities_are_keyed_as_the_caller_knows_them():
    result = conversion_rules.batch_get(5, [104004, "urn:lla:llaPartnerConversion:999"]).result(
        reply(
            {
                "statuses": {},
                "results": {"104004": {"id": 104004, "name": "r"}},
                "errors": {"999": {"status": 404, "message": "no such rule"}},
            }
        )
    )
    assert result.results["urn:lla:llaPartnerConversion:104004"].name == "r"
    assert set(result.errors) == {"urn:lla:llaPartnerConversion:999"}


def test_keys_in_reduced_encoding_are_recognised():
    result = insight_tag_domains.batch_update(5, {"a.com": True}).result(
        reply({"results": {"(account:urn%3Ali%3AsponsoredAccount%3A5,domainName:a.com)": {"status": 204}}})
    )
    assert result.results == {"a.com": None}


def test_check_raises_the_first_error_with_its_key():
    result = campaign_associations.batch_put([(1, 9)]).result(
        reply({"results": {}, "errors": {WIRE_ONE: {"status": 403, "message": "no"}}})
    )
    with pytest.raises(exceptions.AccessDeniedError) as caught:
        result.check()
    assert str(ONE) in caught.value.__notes__[0]


def events(count=2):
    body = json.dumps({"elements": [{}] * count}).encode()
    return conversion_events.batch_create(body, count=count, idempotent=True)


def test_refused_events_are_known_by_their_positions():
    refused = events().result(
        reply({"elements": [{"status": 201}, {"status": 422, "error": {"status": 422, "message": "bad"}}]})
    )
    assert set(refused) == {1}
    assert isinstance(refused[1], exceptions.InvalidRequestError)


@pytest.mark.parametrize(
    "text",
    ['{"elements":[{"status":201},{"status":201}]}', '{"elements": [{"status": 201, "id": 1}, {"status": 200}]}'],
)
def test_a_batch_of_taken_events_refuses_none(text):
    assert events().result(Reply(200, {}, text.encode())) == {}


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b'{"elements":[{}]}', b'{"elements":[{"status":201}]}'])
def test_a_batch_answer_without_statuses_is_an_unknown_outcome(body):
    with pytest.raises(exceptions.OutcomeUnknownError):
        events().result(Reply(200, {}, body))


@pytest.mark.parametrize("error", [{}, {"message": "bad", "status": 422}])
def test_an_element_that_succeeded_and_failed_is_not_accepted(error):
    refused = events().result(reply({"elements": [{"status": 201}, {"status": 201, "error": error}]}))
    assert set(refused) == {1}
    assert refused[1].outcome_unknown
    assert not isinstance(refused[1], exceptions.InvalidRequestError)


@pytest.mark.parametrize("error", [{}, {"message": "bad", "status": 422}])
def test_a_key_that_succeeded_and_failed_is_not_done(error):
    result = campaign_associations.batch_put([(1, 9)]).result(
        reply({"results": {WIRE_ONE: {"status": 204, "error": error}}})
    )
    assert (result.results, result.errors[ONE].outcome_unknown) == ({}, True)


def test_rules_created_together_are_known_by_their_positions():
    rule = {"name": "r", "account": "urn:li:sponsoredAccount:5", "type": "LEAD"}
    result = conversion_rules.batch_create([rule, {**rule, "name": "s"}], VERSION).result(
        reply(
            {
                "elements": [
                    {"status": 201, "id": "107628", "location": "/conversions/107628", "entity": {"id": 107628}},
                    {"status": 422, "error": {"status": 422, "message": "no"}},
                ]
            }
        )
    )
    assert result.results[0].urn == "urn:lla:llaPartnerConversion:107628"
    assert result.results[0].name == "r"
    assert set(result.errors) == {1}


def test_fewer_answers_than_rules_is_an_unknown_outcome():
    rule = {"name": "r", "account": "urn:li:sponsoredAccount:5", "type": "LEAD"}
    with pytest.raises(exceptions.UnexpectedReplyError, match="2 elements were sent"):
        conversion_rules.batch_create([rule, rule], VERSION).result(reply({"elements": [{"status": 201, "id": "1"}]}))
