"""Every documented refusal, as the exception it means, what follows from it, and what its reader is told."""

from __future__ import annotations

import datetime as dt
import json
import pickle

import pytest

from airflow_provider_linkedin_capi import exceptions
from airflow_provider_linkedin_capi.api import oauth, refusals, restli, retry
from airflow_provider_linkedin_capi.api.call import Reply
from tests.support.refusals import (
    DOCUMENTED,
    INPUT_ERRORS,
    STOP,
    unauthorized,
    wait,
)

READ = restli.call("conversions", "GET", version="202609", parse=restli.nothing, key=1)
WRITE = restli.call("conversionEvents", "BATCH_CREATE", version="202609", parse=restli.nothing, body=b"{}")
TOKEN = oauth.refresh("id", "secret", "refresh")


def refused(call, status, body, **headers):
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return refusals.from_reply(call, Reply(status, {"content-type": "application/json", **headers}, content))


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
def test_a_refused_refresh_is_final_and_says_what_to_mend(status, body, advice):
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


@pytest.mark.parametrize("status", [500, 502, 504])
def test_a_write_that_may_have_happened_is_only_repeated_where_that_is_allowed(status):
    error = refused(WRITE, status, b"")
    assert error.outcome_unknown
    assert decide(WRITE, error) == STOP
    assert decide(WRITE, error, may_repeat=True) == wait(1.0)


@pytest.mark.parametrize("status", [408, 503])
def test_a_write_that_was_not_taken_up_is_repeated(status):
    error = refused(WRITE, status, b"")
    assert not error.outcome_unknown
    assert decide(WRITE, error) == wait(1.0)


def test_a_broken_connection_is_told_from_one_that_was_never_made():
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
    reply = Reply(429, {"retry-after": header}, b"")
    error = refusals.from_reply(READ, reply, now=dt.datetime(2026, 11, 22, 10, tzinfo=dt.UTC))
    assert decide(READ, error) == wait(seconds, everybody=True)


@pytest.mark.parametrize("header", ["soon", "nan", "inf", ""])
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
    assert exceptions.element_messages(message) == elements


def test_an_error_tells_call_status_code_message_field_advice_and_request_ids():
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
        [1, 2],
        b"\xff\xfe not json",
    ],
)
def test_odd_bodies_still_become_an_exception_that_can_be_read(body):
    assert "LinkedIn answered 400" in str(refused(READ, 400, body))


def test_errors_survive_pickling_since_airflow_carries_them_between_processes():
    error = refused(WRITE, 422, {"message": BATCH_422, "status": 422}, **{"x-li-uuid": "AAY="})
    again = pickle.loads(pickle.dumps(error))
    assert (type(again), str(again), again.elements) == (type(error), str(error), error.elements)


def test_a_success_that_cannot_be_read_is_an_unknown_outcome():
    call = restli.call("conversions", "GET", version="202609", parse=restli.entity(dict[str, int]), key=1)
    with pytest.raises(exceptions.UnexpectedReplyError, match=r"conversions\.GET.*text/html, 6 bytes") as caught:
        call.result(Reply(200, {"content-type": "text/html; charset=utf-8"}, b"<html>"))
    assert caught.value.outcome_unknown


@pytest.mark.parametrize(
    ("body", "decision"),
    [(b"<html>log in to the network</html>", wait(1.0)), (b'{"elements":"new shape"}', STOP), (b"", STOP)],
)
def test_a_strange_page_is_tried_again_but_an_answer_that_linkedin_changed_is_not_sent_for_six_times(body, decision):
    call = restli.call("things", "FINDER", version="202609", parse=restli.entity(dict[str, list[int]]))
    with pytest.raises(exceptions.UnexpectedReplyError) as caught:
        call.result(Reply(200, {}, body))
    assert decide(call, caught.value) == decision
