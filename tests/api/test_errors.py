"""Every documented refusal, as the exception it means, what follows from it, and what its reader is told."""

from __future__ import annotations

import dataclasses
import datetime as dt
import json
import pickle
from typing import Any

import pytest

from airflow_provider_linkedin_capi import exceptions
from airflow_provider_linkedin_capi.api import conversion_events, conversion_rules, messages, oauth, restli, retry
from airflow_provider_linkedin_capi.api.call import Reply
from tests.support.refusals import (
    DOCUMENTED,
    INPUT_ERRORS,
    STOP,
    unauthorized,
    wait,
)

READ = restli.call(conversion_rules.RESOURCE, "GET", parse=restli.nothing, key=1)
WRITE = restli.call(conversion_events.RESOURCE, "BATCH_CREATE", parse=restli.nothing, body=b"{}")
TOKEN = oauth.refresh("id", "secret", "refresh")


NOW = dt.datetime(2026, 11, 22, 10, tzinfo=dt.UTC)


def refused(call, status, body, **headers):
    """The exception for an answer with LinkedIn's own headers."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    reply = Reply(
        status, {"content-type": "application/json", "x-restli-protocol-version": "2.0.0", **headers}, content
    )
    with pytest.raises(exceptions.LinkedInError) as raised:
        call.result(reply, now=NOW)
    return raised.value


def decide(call, error, attempt=1, **kwargs):
    return retry.decide(call, attempt, error, jitter=lambda: 1.0, **kwargs)


@pytest.mark.parametrize(("status", "body", "kind", "decision"), DOCUMENTED)
def test_each_documented_refusal_is_one_exception_and_one_decision(status, body, kind, decision):
    error = refused(READ, status, body)
    assert type(error) is kind
    assert decide(READ, error) == decision


@pytest.mark.parametrize(
    ("status", "body", "advice"),
    [
        (
            400,
            {"error": "invalid_request", "error_description": "refresh token is invalid, expired or revoked"},
            "consent again",
        ),
        (400, {"error": "invalid_grant", "error_description": "Token has been expired or revoked."}, "consent again"),
        (400, {"error": "invalid_redirect_uri", "error_description": "Unable to retrieve"}, "consent again"),
        (401, {"error": "invalid_client", "error_description": "Client authentication failed"}, "client secret"),
        (401, {"error": "unauthorized_scope_error", "error_description": "Invalid scope"}, "product"),
        (
            400,
            {"error": "invalid_request", "error_description": 'A required parameter "client_id" is missing'},
            "Fill in",
        ),
    ],
)
def test_a_refused_refresh_is_final_and_says_what_to_correct(status, body, advice):
    error = refused(TOKEN, status, body)
    assert isinstance(error, exceptions.CredentialsError)
    assert advice in error.advice
    assert decide(TOKEN, error) == STOP


def test_a_busy_token_service_is_asked_again():
    assert decide(TOKEN, refused(TOKEN, 503, b"")) == wait(1.0)


def test_a_second_401_after_a_refresh_is_final():
    error = refused(READ, 401, unauthorized(65600, "INVALID_ACCESS_TOKEN", "Invalid access token"))
    assert decide(READ, error, refreshed=True) == STOP


def test_waits_double_up_to_a_minute_and_end_after_six_attempts():
    error = refused(READ, 503, b"")
    assert [decide(READ, error, attempt) for attempt in range(1, 7)] == [
        wait(1.0),
        wait(2.0),
        wait(4.0),
        wait(8.0),
        wait(16.0),
        STOP,
    ]


def test_a_minute_limit_is_outwaited_even_by_the_shortest_waits():
    error = refused(READ, 429, {"message": "Resource level throttle MEMBER MINUTE limit is reached."})
    decisions = [retry.decide(READ, attempt, error, jitter=lambda: 0.0) for attempt in range(1, 9)]
    assert decisions[-1] == STOP
    assert sum(decision.seconds for decision in decisions[:-1]) > 60


def test_half_of_each_wait_is_chance():
    error = refused(READ, 503, b"")
    assert retry.decide(READ, 3, error, jitter=lambda: 0.0) == wait(2.0)


def test_a_conflict_gets_one_more_try():
    error = refused(READ, 409, {"message": "again"})
    assert decide(READ, error, 2) == STOP


@pytest.mark.parametrize("status", [408, 500, 502, 503, 504])
def test_a_write_that_may_have_happened_is_only_repeated_where_that_is_allowed(status):
    error = refused(WRITE, status, b"")
    assert error.outcome_unknown
    assert decide(WRITE, error) == STOP
    assert decide(dataclasses.replace(WRITE, idempotent=True), error) == wait(1.0)


def test_a_broken_connection_differs_from_one_never_made():
    assert decide(WRITE, exceptions.NotSentError("refused")) == wait(1.0)
    assert decide(WRITE, exceptions.OutcomeUnknownError("reset")) == STOP
    assert decide(READ, exceptions.OutcomeUnknownError("reset")) == wait(1.0)


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("7", 7.0),
        ("0", 0.0),
        ("-5", 0.0),
        ("86400", 600.0),
        ("Sun, 22 Nov 2026 10:00:30 GMT", 30.0),
        ("Sun, 22 Nov 2026 09:00:00 -0000", 0.0),
    ],
)
def test_retry_after_is_obeyed_in_both_forms_up_to_ten_minutes(header, seconds):
    error = refused(READ, 429, b"", **{"retry-after": header})
    assert decide(READ, error) == wait(seconds, everybody=True)


@pytest.mark.parametrize(
    "header", ["86400000000", "1e300", "Fri, 31 Dec 9999 23:59:59 GMT", "9" * 400, "Sat, 01 Jan 3026 00:00:00 -2359"]
)
def test_a_retry_after_of_any_size_is_at_most_a_day(header):
    error = refused(READ, 429, b"", **{"retry-after": header})
    assert error.retry_after in (86_400.0, None)
    assert decide(READ, error).seconds <= 600
    assert "retry-after=86400 s" in str(error) or error.retry_after is None


@pytest.mark.parametrize("header", ["soon", "nan", "inf", "", "Sun, 22 Nov 99999999999999999999999 10:00:30 GMT"])
def test_a_senseless_retry_after_leaves_the_usual_wait(header):
    assert decide(READ, refused(READ, 503, b"", **{"retry-after": header})) == wait(1.0)


BATCH_422 = (
    "Index: 0, ERROR :: /conversionValue/amount :: field is required but not found and has no default value\n"
    "ERROR :: /user/userInfo/firstName :: field is required but not found and has no default value\n"
    "Index: 17, ERROR :: /conversion :: Invalid Urn format. Invalid prefix.\n"
)


@pytest.mark.parametrize(
    ("message", "elements"),
    [
        (
            BATCH_422,
            {
                0: "ERROR :: /conversionValue/amount :: field is required but not found and has no default value; "
                "ERROR :: /user/userInfo/firstName :: field is required but not found and has no default value",
                17: "ERROR :: /conversion :: Invalid Urn format. Invalid prefix.",
            },
        ),
        (
            "Conversion time should be within 90 days and not exceed current time, indices [0, 3] (0-indexed).",
            {
                0: "Conversion time should be within 90 days and not exceed current time",
                3: "Conversion time should be within 90 days and not exceed current time",
            },
        ),
        (
            "Too old, indices [0] (0-indexed). Wrong method, indices [3,0] (0-indexed)",
            {0: "Too old; Wrong method", 3: "Wrong method"},
        ),
        (
            "Validation failed because [{field=time, batchIndex=2, type=T, message=old.}, {field=id, batchIndex=5}]",
            {2: "{field=time, batchIndex=2, type=T, message=old.}", 5: "{field=id, batchIndex=5}"},
        ),
        ("Something batchIndex=4 is wrong", {4: "batchIndex=4"}),
        ("Nothing about positions", {}),
        ('ERROR :: /user/userIds/0/idType :: "X" is not an enum symbol\n', {}),
        ("", {}),
    ],
)
def test_positions_of_bad_elements_are_read_in_every_documented_form(message, elements):
    assert messages.element_messages(message) == elements


def test_an_error_shows_call_status_code_message_field_and_request_ids():
    error = refused(READ, 400, INPUT_ERRORS, **{"x-li-uuid": "AAY=", "x-li-fabric": "prod-lor1", "set-cookie": "x"})
    assert str(error) == (
        "conversions.GET: LinkedIn answered 400 ILLEGAL_ARGUMENT: Invalid query parameters passed to request; "
        "pivots_0: Invalid value for param; wrong type or other syntax error [x-li-uuid=AAY=, x-li-fabric=prod-lor1]"
    )


@pytest.mark.parametrize(
    "value",
    ['\\"max@example.com\\"', '"Max Muster"', "max@example.com", "9" * 64, "Max Muster cannot be coerced to INT"],
)
def test_no_error_about_an_event_repeats_its_data(value):
    secret = value.strip('\\"').removesuffix(" cannot be coerced to INT")
    said = f"Index: 3, ERROR :: /user/userInfo/firstName :: {value}\nIndex: 4, ERROR :: /user :: wrong\n"
    detail = {"description": f"bad: {value}" if "coerced" not in value else "bad", "code": "C"}
    error = refused(WRITE, 422, {"message": said, "errorDetails": {"inputErrors": [detail]}})
    shown = f"{error} {error!r} {error.message} {error.details} {error.elements}"
    assert secret not in shown
    assert "/user/userInfo/firstName" in error.elements[3]
    assert "/user :: wrong" in error.elements[4]


def test_an_error_about_a_rule_repeats_what_was_wrong():
    assert '"LEED"' in str(refused(READ, 422, {"message": 'ERROR :: /type :: "LEED" is not an enum symbol'}))


def test_an_unknown_rule_is_explained():
    error = refused(WRITE, 403, {"message": "No ad accounts found", "status": 403})
    assert "conversion rule's id is unknown" in str(error)


@pytest.mark.parametrize(
    "body",
    [
        {"message": None, "status": 400},
        {"message": {"a": 1}, "errorDetails": "text"},
        {"message": "m", "errorDetails": {"inputErrors": ["text", None, {"code": "C"}]}},
        {"message": "m", "errorDetails": {"inputErrors": 5}, "code": [1], "serviceErrorCode": {}},
        {"message": "m", "errorDetails": {"inputErrors": [{"input": "text"}, {"input": {"inputPath": 1}}]}},
        {"message": "m", "errorDetails": {"inputErrors": [{"input": None}]}},
    ],
)
def test_odd_bodies_still_become_an_exception_that_can_be_read(body):
    assert "LinkedIn answered 400" in str(refused(READ, 400, body))


def test_errors_survive_pickling_since_airflow_carries_them_between_processes():
    error = refused(WRITE, 422, {"message": BATCH_422, "status": 422}, **{"x-li-uuid": "AAY="})
    again = pickle.loads(pickle.dumps(error))
    assert (type(again), str(again), again.elements) == (type(error), str(error), error.elements)


THINGS = restli.call(restli.Resource("things"), "FINDER", parse=restli.entity(dict[str, list[Any]]))
CREATED = restli.call(restli.Resource("things"), "CREATE", parse=restli.nothing, body=b"{}")


@pytest.mark.parametrize(
    "body", [b'{"elements":"new shape"}', b'{"elements":[' + b"[" * 5000 + b"]" * 5000 + b"]}", b"{}x"]
)
def test_an_undocumented_success_is_not_repeated(body):
    call = dataclasses.replace(THINGS, parse=lambda reply: restli.entity(dict[str, list[Any]])(reply)["elements"])
    error = refused(call, 200, body)
    assert error.outcome_unknown
    if body.endswith(b"}"):
        assert type(error) is exceptions.UnexpectedReplyError
        assert decide(call, error) == STOP


PAGE = b"<html><head><title>Access denied - Acme &amp; Co firewall</title></head></html>"


@pytest.mark.parametrize("status", [200, 201, 204, 302, 400, 401, 403, 404, 405, 409, 411, 422, 426, 429, 500, 503])
@pytest.mark.parametrize("call", [THINGS, CREATED, TOKEN], ids=lambda call: call.name)
def test_a_page_is_never_linkedins_answer(call, status):
    with pytest.raises(exceptions.ForeignAnswerError, match="titled 'Access denied - Acme & Co firewall'") as raised:
        call.result(Reply(status, {"content-type": "text/html"}, PAGE))
    assert raised.value.outcome_unknown
    assert not raised.value.permanent
    assert decide(THINGS, raised.value) == wait(1.0)
    assert decide(CREATED, raised.value) == STOP


@pytest.mark.parametrize(
    ("status", "headers", "body"),
    [
        (302, {"location": "https://sso.corp.example/login?to=https://api.linkedin.com/rest"}, b""),
        (307, {"location": "https://sso.corp.example/x", "x-li-uuid": "A="}, b'{"status":307}'),
        (200, {}, b""),
        (200, {"content-type": "application/json"}, b'{"elements":[{"id":1},{"i'),
        (200, {"content-type": "application/json"}, b"[1,2]"),
        (200, {"content-type": "application/json"}, b'"ok"'),
        (403, {}, b""),
        (401, {}, b""),
        (403, {"content-type": "application/json"}, b'{"message":"Forbidden"}'),
        (404, {"content-type": "application/json"}, b'{"message":"no Route matched with those values"}'),
        (400, {"x-li-uuid": "A="}, PAGE),
        (201, {"server": "nginx"}, b""),
        (204, {"server": "nginx"}, b""),
    ],
)
def test_what_linkedins_api_never_sends_is_foreign(status, headers, body):
    for call in (THINGS, CREATED, TOKEN):
        with pytest.raises(exceptions.ForeignAnswerError, match=f"HTTP {status} with") as raised:
            call.result(Reply(status, headers, body))
    assert "/login" not in str(raised.value)
    assert ("a redirect to sso.corp.example" in str(raised.value)) is ("location" in headers)


@pytest.mark.parametrize(
    ("status", "headers", "body"),
    [
        (201, {"x-restli-id": "1"}, b""),
        (204, {"x-li-uuid": "AAY="}, b""),
        (200, {"x-restli-protocol-version": "2.0.0"}, b""),
        (200, {}, b"{}"),
    ],
)
def test_an_answer_without_content_is_linkedins_where_it_sends_such(status, headers, body):
    assert CREATED.result(Reply(status, headers, body)) is None


GATEWAY_JSON = [
    (400, {"timestamp": "2026-11-22T10:00:00Z", "status": 400, "error": "Bad Request", "path": "/rest/things"}),
    (401, {"error": "unauthorized"}),
    (403, {"status": 403, "message": "Blocked by policy"}),
    (404, {"error": "no route"}),
    (422, {"status": 422, "message": "The conversion rule is not allowed"}),
    (426, {"status": 426, "error": "Upgrade Required"}),
    (429, {"status": 429, "message": "DAY limit"}),
]


@pytest.mark.parametrize(("status", "body"), GATEWAY_JSON)
def test_a_gateways_json_is_not_linkedins_verdict(status, body):
    reply = Reply(status, {"content-type": "application/json", "server": "gateway"}, json.dumps(body).encode())
    for call in (READ, CREATED):
        with pytest.raises(exceptions.ForeignAnswerError, match="JSON that lacks LinkedIn's headers") as raised:
            call.result(reply)
        assert raised.value.outcome_unknown
        assert not raised.value.permanent
    assert decide(READ, raised.value) == wait(1.0)


def test_a_service_error_code_proves_that_linkedin_answered():
    body = unauthorized(65600, "INVALID_ACCESS_TOKEN", "Invalid access token")
    with pytest.raises(exceptions.CredentialsError):
        READ.result(Reply(401, {}, json.dumps(body).encode()))


def test_the_token_services_refusal_needs_no_header():
    body = {"error": "invalid_client", "error_description": "Client authentication failed"}
    with pytest.raises(exceptions.CredentialsError):
        TOKEN.result(Reply(401, {}, json.dumps(body).encode()))


@pytest.mark.parametrize("status", [413, 414])
def test_too_large_is_too_large_whoever_says_so(status):
    with pytest.raises(exceptions.TooLargeError, match="a proxy lets no request of this size pass") as raised:
        CREATED.result(Reply(status, {"content-type": "text/html"}, PAGE))
    assert (raised.value.foreign, raised.value.permanent) == (True, False)
    own = refused(CREATED, status, {"status": status, "message": "Request Entity Too Large"})
    assert (type(own), own.foreign, own.permanent) == (exceptions.TooLargeError, False, True)


@pytest.mark.parametrize(
    ("date", "resets_at"),
    [
        ("Sun, 22 Nov 2026 10:00:00 GMT", dt.datetime(2026, 11, 23, tzinfo=dt.UTC)),
        ("Sun, 22 Nov 2026 23:59:58 GMT", NOW + dt.timedelta(seconds=2)),
        ("Mon, 23 Nov 2026 00:00:02 GMT", NOW + dt.timedelta(days=1, seconds=-2)),
        ("nonsense", dt.datetime(2026, 11, 23, tzinfo=dt.UTC)),
    ],
)
def test_a_day_limit_ends_when_linkedins_day_does(date, resets_at):
    said = {"status": 429, "message": "Resource level throttle MEMBER DAY limit is reached."}
    assert refused(READ, 429, said, date=date).resets_at == resets_at
