"""Encoding and tunnelling, against the vectors of LinkedIn's documentation."""

from __future__ import annotations

import email

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_linkedin_capi.api import campaign_associations, restli
from airflow_provider_linkedin_capi.sandbox import restli as server

ACCOUNT = "urn:li:sponsoredAccount:123"
PAIR = {"campaign": "urn:li:sponsoredCampaign:337643194", "conversion": "urn:lla:llaPartnerConversion:70203"}

VECTORS = [
    (ACCOUNT, "urn%3Ali%3AsponsoredAccount%3A123"),
    (
        ["urn:li:sponsoredCampaign:1", "urn:li:sponsoredCampaign:2"],
        "List(urn%3Ali%3AsponsoredCampaign%3A1,urn%3Ali%3AsponsoredCampaign%3A2)",
    ),
    (
        PAIR,
        "(campaign:urn%3Ali%3AsponsoredCampaign%3A337643194,conversion:urn%3Alla%3AllaPartnerConversion%3A70203)",
    ),
    (
        [{"campaign": "urn:li:sponsoredCampaign:1", "conversion": "urn:lla:llaPartnerConversion:2"}],
        "List((campaign:urn%3Ali%3AsponsoredCampaign%3A1,conversion:urn%3Alla%3AllaPartnerConversion%3A2))",
    ),
    ({"status": {"values": ["ACTIVE", "DRAFT"]}}, "(status:(values:List(ACTIVE,DRAFT)))"),
    ({"start": {"year": 2026, "month": 1, "day": 1}}, "(start:(year:2026,month:1,day:1))"),
    ("a b,c(d)'e:f", "a%20b%2Cc%28d%29%27e%3Af"),
    ("", "''"),
    ([], "List()"),
    (["", "x"], "List('',x)"),
    ("Grüße", "Gr%C3%BC%C3%9Fe"),
    ("100%", "100%25"),
    ("a/b?c#d+e", "a%2Fb%3Fc%23d%2Be"),
    ("a*b!c~d-e_f.g", "a%2Ab%21c~d-e_f.g"),
    (
        {"account": "urn:li:sponsoredAccount:123456", "domainName": "www.example.com"},
        "(account:urn%3Ali%3AsponsoredAccount%3A123456,domainName:www.example.com)",
    ),
    (True, "true"),
    (False, "false"),
    (7, "7"),
]


@pytest.mark.parametrize(("value", "encoded"), VECTORS)
def test_values_are_encoded_as_the_vectors_say(value, encoded):
    assert restli.encode(value) == encoded


def test_the_reduced_form_escapes_structural_characters_alone():
    assert restli.encode_reduced("a b,c(d)'e:f") == "a b%2Cc%28d%29%27e%3Af"


@pytest.mark.parametrize("value", [None, [None], {"a": None}, b"bytes", object()])
def test_what_has_no_form_is_refused(value):
    with pytest.raises(TypeError, match=r"no Rest\.li form"):
        restli.encode(value)


@pytest.mark.parametrize("value", ["urn:li:sponsoredAccount:123", "Grüße, (a) 100%", ""])
def test_simple_keys_decode_to_what_was_encoded(value):
    assert restli.decode_key(restli.encode(value)) == value


@pytest.mark.parametrize("encode", [restli.encode, restli.encode_reduced])
def test_compound_keys_decode_alike_from_both_forms(encode):
    key = {"account": "urn:li:sponsoredAccount:1", "domainName": "a b,(c)"}
    assert restli.decode_key(encode(key)) == key


texts = st.text(st.characters(exclude_categories=["Cs"]))
values = st.recursive(
    texts,
    lambda inner: st.lists(inner) | st.dictionaries(st.text("abcXYZ", min_size=1), inner, min_size=1),
    max_leaves=8,
)


@given(values)
def test_the_server_s_own_parser_reads_every_value_back(value):
    assert server.parse(restli.encode(value)) == value


@given(st.dictionaries(st.text("abcXYZ", min_size=1), texts, min_size=1))
def test_every_compound_key_comes_back(key):
    assert restli.decode_key(restli.encode(key)) == key


def test_fields_are_a_plain_comma_list_in_the_order_given():
    assert restli.query({"q": "analytics", "fields": ["pivotValues", "dateRange"]}) == (
        "q=analytics&fields=pivotValues,dateRange"
    )


def test_absent_parameters_are_left_out():
    assert restli.query({"q": "account", "start": None, "count": 10}) == "q=account&count=10"


def call(method="GET", *, ids=3, body=None):
    return restli.call(
        campaign_associations.RESOURCE,
        method,
        parse=restli.nothing,
        parameters={"ids": [f"urn:li:sponsoredCampaign:{n}" for n in range(ids)]},
        body=body,
    )


def test_every_call_names_protocol_and_method():
    assert call("BATCH_GET").headers == {
        "X-Restli-Protocol-Version": "2.0.0",
        "X-RestLi-Method": "BATCH_GET",
    }


def test_a_call_of_a_retired_resource_names_its_version():
    retired = restli.call(restli.Resource("things", only_version="202310"), "GET", parse=restli.nothing, key=1)
    assert retired.headers["LinkedIn-Version"] == "202310"


def test_a_post_without_contents_has_an_empty_body_so_that_its_length_is_sent():
    empty = restli.call(restli.Resource("things"), "ACTION", parse=restli.nothing, parameters={"action": "do"})
    assert empty.body == b""


def test_a_query_of_4000_characters_stays_in_the_url():
    long = restli.call(
        restli.Resource("things"), "FINDER", parse=restli.nothing, parameters={"q": "a" * (4000 - len("q="))}
    )
    assert (long.method, len(long.query)) == ("GET", 4000)


def test_a_longer_query_without_body_travels_as_a_form_under_its_own_verb():
    short, long = call("BATCH_GET", ids=3), call("BATCH_GET", ids=200)
    assert (short.method, short.body) == ("GET", None)
    assert (long.method, long.query, long.path) == ("POST", "", "/rest/campaignConversions")
    assert long.headers["X-HTTP-Method-Override"] == "GET"
    assert long.headers["X-RestLi-Method"] == "BATCH_GET"
    assert long.headers["Content-Type"] == "application/x-www-form-urlencoded"
    ids = ",".join(f"urn%3Ali%3AsponsoredCampaign%3A{n}" for n in range(200))
    assert long.body == f"ids=List({ids})".encode()


def test_a_tunnelled_delete_says_delete():
    assert call("BATCH_DELETE", ids=200).headers["X-HTTP-Method-Override"] == "DELETE"


def test_a_longer_query_with_body_travels_as_two_parts():
    long = call("BATCH_UPDATE", ids=200, body={"entities": {"k": "é"}})
    assert (long.method, long.query) == ("POST", "")
    assert long.headers["X-HTTP-Method-Override"] == "PUT"
    message = email.message_from_bytes(f"Content-Type: {long.headers['Content-Type']}\r\n\r\n".encode() + long.body)
    form, json_part = message.get_payload()
    assert form.get_content_type() == "application/x-www-form-urlencoded"
    assert form.get_payload().startswith("ids=List(urn%3Ali%3AsponsoredCampaign%3A0,")
    assert json_part.get_content_type() == "application/json"
    assert json_part.get_payload(decode=True) == b'{"entities":{"k":"\\u00e9"}}'
    assert long.body.count(b"\r\n") == long.body.count(b"\n")


def test_the_boundary_occurs_in_neither_part():
    long = call("BATCH_UPDATE", ids=200, body=b'{"name":"linkedin-capi-0 linkedin-capi-1"}')
    boundary = long.headers["Content-Type"].partition("boundary=")[2].encode()
    assert long.body.count(boundary) == 3


def test_a_call_and_a_reply_show_no_body_in_their_reprs():
    from airflow_provider_linkedin_capi.api.call import Reply

    secret = b'{"email":"jane@example.com"}'
    assert "jane" not in repr(call("CREATE", body=secret)) + repr(Reply(200, {}, secret))
