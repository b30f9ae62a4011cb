"""When a retry of the whole task can help."""

from __future__ import annotations

import datetime as dt

import pytest

from airflow_provider_linkedin_capi import exceptions, retry_policy, version_compat
from airflow_provider_linkedin_capi.delivery.outcomes import Summary
from airflow_provider_linkedin_capi.exceptions import DayLimitReachedError, DeliveryStoppedError, SourceError

PERMANENT = [
    exceptions.AccessDeniedError("no role", status=403),
    exceptions.CredentialsError("revoked", status=401),
    exceptions.InvalidRequestError("no such field", status=422),
    exceptions.NotFoundError("no such rule", status=404),
    exceptions.VersionError("not active", status=426),
    exceptions.TooLargeError("too large", status=413),
    exceptions.RateLimitError("SEGMENT_LIMIT_EXCEEDED", status=429, window="quota"),
    exceptions.ConfigurationError("two columns for one field"),
]
PASSING = [
    exceptions.ConflictError("concurrent write", status=409),
    exceptions.RateLimitError("slow down", status=429),
    exceptions.ServerError("oops", status=500),
    exceptions.NotSentError("no connection"),
    exceptions.OutcomeUnknownError("reset"),
    exceptions.ForeignAnswerError("a firewall's page"),
    SourceError("the database went away"),
    ValueError("I/O operation on closed file"),
    UnicodeDecodeError("utf-8", b"\xff", 0, 1, "invalid start byte"),
    RuntimeError("anything else"),
]


def stopped(error: exceptions.LinkedInError) -> DeliveryStoppedError:
    return DeliveryStoppedError("stopped", summary=Summary(), error=error)


def day_limit(resets_at: dt.datetime) -> DayLimitReachedError:
    error = DayLimitReachedError("used up", summary=Summary())
    error.resets_at = resets_at
    return error


@pytest.mark.parametrize("error", PERMANENT, ids=lambda error: type(error).__name__)
def test_what_somebody_has_to_change_first_is_permanent(error):
    assert retry_policy.is_permanent(error)


@pytest.mark.parametrize("error", PASSING, ids=lambda error: type(error).__name__)
def test_what_may_pass_is_not_permanent(error):
    assert not retry_policy.is_permanent(error)


def test_a_stopped_delivery_is_as_permanent_as_its_cause():
    assert retry_policy.is_permanent(stopped(exceptions.AccessDeniedError("no role", status=403)))
    assert not retry_policy.is_permanent(stopped(exceptions.ServerError("oops", status=500)))


def test_the_wait_that_linkedin_asks_for_is_obeyed():
    assert retry_policy.wait_seconds(exceptions.RateLimitError("slow", status=429, retry_after=7.0)) == 7.0
    assert retry_policy.wait_seconds(stopped(exceptions.ServerError("busy", status=503, retry_after=90.0))) == 90.0
    assert retry_policy.wait_seconds(exceptions.ServerError("oops", status=500)) is None


def test_a_day_limit_is_waited_for_until_a_little_after_its_end():
    midnight = dt.datetime.now(dt.UTC) + dt.timedelta(hours=3)
    seconds = retry_policy.wait_seconds(day_limit(midnight))
    assert 3 * 3600 < seconds < 3 * 3600 + 60


def test_a_day_limit_that_ended_meanwhile_is_hardly_waited_for():
    assert retry_policy.wait_seconds(day_limit(dt.datetime.now(dt.UTC) - dt.timedelta(seconds=1))) < 60
    assert retry_policy.wait_seconds(day_limit(dt.datetime.now(dt.UTC) - dt.timedelta(days=1))) == 0


@pytest.mark.parametrize("seconds", [86_400_000_000.0, 1e300, float("inf")])
def test_no_wait_is_longer_than_a_day(seconds):
    error = exceptions.RateLimitError("slow", status=429, retry_after=seconds)
    assert retry_policy.wait_seconds(error) == 86_400
    if version_compat.RetryPolicy is not None:
        assert retry_policy.LinkedInRetryPolicy().evaluate(error, 1, 3).retry_delay == dt.timedelta(days=1)


@pytest.mark.skipif(version_compat.RetryPolicy is None, reason="Airflow before 3.3 has no retry policies")
def test_the_policy_fails_waits_or_leaves_it_to_airflow():
    from airflow.sdk.definitions.retry_policy import RetryAction

    policy = retry_policy.LinkedInRetryPolicy()
    assert policy.evaluate(PERMANENT[0], 1, 3).action is RetryAction.FAIL
    waiting = policy.evaluate(exceptions.RateLimitError("slow", status=429, retry_after=7.0), 1, 3)
    assert (waiting.action, waiting.retry_delay) == (RetryAction.RETRY, dt.timedelta(seconds=7))
    assert policy.evaluate(PASSING[-1], 1, 3).action is RetryAction.DEFAULT


@pytest.mark.skipif(version_compat.RetryPolicy is None, reason="Airflow before 3.3 has no retry policies")
def test_the_author_s_own_policy_wins():
    own = object()
    assert _with_default({"retry_policy": own}) == {"retry_policy": own}
    assert _with_default({"default_args": {"retry_policy": own}}) == {"default_args": {"retry_policy": own}}
    assert isinstance(_with_default({})["retry_policy"], retry_policy.LinkedInRetryPolicy)


def test_without_policies_a_day_limit_ends_the_task(monkeypatch):
    used_up = day_limit(dt.datetime.now(dt.UTC))
    assert retry_policy.is_final(used_up) is (version_compat.RetryPolicy is None)
    monkeypatch.setattr(version_compat, "RetryPolicy", None)
    assert retry_policy.is_final(used_up)
    assert retry_policy.is_final(PERMANENT[0])
    assert not retry_policy.is_final(PASSING[0])
    assert _with_default({}) == {}


def _with_default(kwargs):
    retry_policy.default_retry_policy(kwargs)
    return kwargs
