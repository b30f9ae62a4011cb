"""The token service's requests and answers."""

from __future__ import annotations

import json
from urllib.parse import parse_qs

import pytest

from airflow_provider_linkedin_capi import exceptions
from airflow_provider_linkedin_capi.api import oauth
from airflow_provider_linkedin_capi.api.call import Reply

MINTED = {
    "access_token": "AQV-new",
    "expires_in": 5184000,
    "refresh_token": "AQX-next",
    "refresh_token_expires_in": 26438400,
    "scope": "r_ads,rw_conversions",
}


def form(call):
    return {name: value for name, [value] in parse_qs(call.body.decode(), strict_parsing=True).items()}


def answer(document, status=200):
    return Reply(status, {"content-type": "application/json"}, json.dumps(document).encode())


def test_a_refresh_sends_secret_and_token_in_the_body_and_nowhere_else():
    call = oauth.refresh("86abcd", "s3cr3t&=", "AQX+/")
    assert (call.method, call.target, call.origin) == ("POST", "/accessToken", "oauth")
    assert call.headers == {"Content-Type": "application/x-www-form-urlencoded"}
    assert form(call) == {
        "grant_type": "refresh_token",
        "refresh_token": "AQX+/",
        "client_id": "86abcd",
        "client_secret": "s3cr3t&=",
    }
    assert call.idempotent


@pytest.mark.parametrize("scope", ["r_ads,rw_conversions", "r_ads rw_conversions", "r_ads, rw_conversions"])
def test_granted_scopes_are_read_with_either_separator(scope):
    token = oauth.refresh("a", "b", "c").result(answer({**MINTED, "scope": scope}))
    assert token.scopes == {"r_ads", "rw_conversions"}


def test_an_app_without_refresh_gets_an_access_token_alone():
    token = oauth.refresh("a", "b", "c").result(answer({"access_token": "AQV", "expires_in": 5184000}))
    assert (token.access_token, token.refresh_token, token.refresh_token_expires_in) == ("AQV", None, None)


def test_neither_a_token_nor_its_call_nor_an_error_shows_what_is_secret():
    call = oauth.refresh("86abcd", "s3cr3t", "AQX-old")
    token = call.result(answer(MINTED))
    shown = repr(call) + repr(token) + repr(list(token.__rich_repr__()))
    with pytest.raises(exceptions.UnexpectedReplyError) as caught:
        call.result(answer({**MINTED, "expires_in": "soon"}))
    shown += str(caught.value) + repr(caught.value)
    with pytest.raises(exceptions.CredentialsError) as refused:
        call.result(answer({"error": "invalid_grant", "error_description": "Token has been expired or revoked."}, 400))
    shown += str(refused.value)
    for secret in ("s3cr3t", "AQX-old", "AQV-new", "AQX-next"):
        assert secret not in shown


@pytest.mark.parametrize("document", [{}, {"access_token": ""}, {"access_token": "", "expires_in": 1}, [MINTED]])
def test_an_answer_without_a_token_is_an_error(document):
    with pytest.raises(exceptions.OutcomeUnknownError):
        oauth.refresh("a", "b", "c").result(answer(document))
