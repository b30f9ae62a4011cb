from __future__ import annotations

import pytest

from airflow_provider_linkedin_capi.sandbox import restli


@pytest.mark.parametrize(
    ("wire", "value"),
    [
        ("urn%3Ali%3AsponsoredAccount%3A123", "urn:li:sponsoredAccount:123"),
        (
            "List(urn%3Ali%3AsponsoredCampaign%3A1,urn%3Ali%3AsponsoredCampaign%3A2)",
            ["urn:li:sponsoredCampaign:1", "urn:li:sponsoredCampaign:2"],
        ),
        (
            "(campaign:urn%3Ali%3AsponsoredCampaign%3A337643194,conversion:urn%3Alla%3AllaPartnerConversion%3A70203)",
            {"campaign": "urn:li:sponsoredCampaign:337643194", "conversion": "urn:lla:llaPartnerConversion:70203"},
        ),
        (
            "List((campaign:urn%3Ali%3AsponsoredCampaign%3A1,conversion:urn%3Alla%3AllaPartnerConversion%3A2))",
            [{"campaign": "urn:li:sponsoredCampaign:1", "conversion": "urn:lla:llaPartnerConversion:2"}],
        ),
        ("(status:(values:List(ACTIVE,DRAFT)))", {"status": {"values": ["ACTIVE", "DRAFT"]}}),
        ("(start:(year:2026,month:1,day:1))", {"start": {"year": "2026", "month": "1", "day": "1"}}),
        ("a%20b%2Cc%28d%29%27e%3Af", "a b,c(d)'e:f"),
        ("''", ""),
        ("List()", []),
        ("List('',x)", ["", "x"]),
        ("Gr%C3%BC%C3%9Fe", "Grüße"),
        ("100%25", "100%"),
        ("a%2Fb%3Fc%23d%2Be", "a/b?c#d+e"),
        ("a%2Ab%21c~d-e_f.g", "a*b!c~d-e_f.g"),
        ("a*b!c~d-e_f.g", "a*b!c~d-e_f.g"),
        (
            "(account:urn%3Ali%3AsponsoredAccount%3A123456,domainName:www.example.com)",
            {"account": "urn:li:sponsoredAccount:123456", "domainName": "www.example.com"},
        ),
    ],
)
def test_reads_the_reference_vectors(wire: str, value: object) -> None:
    assert restli.parse(wire) == value


@pytest.mark.parametrize(
    "wire",
    [
        "List(urn:li:sponsoredCampaign:1)",
        "List(a",
        "List(a,)",
        "(a:b",
        "(a)",
        "(a:b,a:c)",
        "a,b",
        "a'b",
        "a b",
        "a+b",
        "100%",
        "%FF",
        "",
        "List(a)b",
        "((a:b):c)",
    ],
)
def test_refuses_what_is_not_rest_li(wire: str) -> None:
    with pytest.raises(restli.RestliSyntaxError):
        restli.parse(wire)


def test_writes_keys_in_the_reduced_form() -> None:
    assert restli.key_text("a b,c(d)'e:f") == "a b%2Cc%28d%29%27e%3Af"
    assert (
        restli.key_text({"campaign": "urn:li:sponsoredCampaign:1", "conversion": "urn:lla:llaPartnerConversion:2"})
        == "(campaign:urn%3Ali%3AsponsoredCampaign%3A1,conversion:urn%3Alla%3AllaPartnerConversion%3A2)"
    )


def test_a_bare_urn_is_taken_as_a_text_but_a_comma_is_not() -> None:
    assert restli.parse_scalar("urn:li:sponsoredAccount:1") == "urn:li:sponsoredAccount:1"
    with pytest.raises(restli.RestliSyntaxError):
        restli.parse_scalar("a,b")
