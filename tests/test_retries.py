"""What a retry of the whole task can mend."""

from __future__ import annotations

import datetime as dt

import pytest

from airflow_provider_linkedin_capi import _compat, _retries
from airflow_provider_linkedin_capi.api import errors
from airflow_provider_linkedin_capi.delivery.errors import DayLimitReachedError, DeliveryStoppedError
from airflow_provider_linkedin_capi.delivery.outcomes import Summary
from airflow_provider_linkedin_capi.sources.chunks import SourceError

LASTING = [
    errors.AccessDeniedError("no role", status=403),
    errors.CredentialsError("revoked", status=401),
    errors.InvalidRequestError("no such field", status=422),
    errors.NotFoundError("no such rule", status=404),
    errors.VersionError("not active", status=426),
    errors.TooLargeError("too large", status=413),
    errors.RateLimitError("SEGMENT_LIMIT_EXCEEDED", status=429),
    ValueError("two columns for one field"),
]
PASSING = [
    errors.ConflictError("concurrent write", status=409),
    errors.RateLimitError("slow down", status=429),
    errors.ServerError("oops", status=500),
    errors.NotSentError("no connection"),
    errors.OutcomeUnknownError("reset"),
    SourceError("the database went away"),
    RuntimeError("anything else"),
]


def stopped(error: errors.LinkedInError) -> DeliveryStoppedError:
    return DeliveryStoppedError("stopped", summary=Summary(), error=error)


def day_limit(resets_at: dt.datetime) -> DayLimitReachedError:
    error = DayLimitReachedError("used up", summary=Summary())
    error.resets_at = resets_at
    return error


@pytest.mark.parametrize("error", LASTING, ids=lambda error: type(error).__name__)
def test_what_somebody_has_to_change_first_is_lasting(error):
    assert _retries.is_lasting(error)


@pytest.mark.parametrize("error", PASSING, ids=lambda error: type(error).__name__)
def test_what_may_be_over_next_time_is_not(error):
    assert not _retries.is_lasting(error)


def test_a_stopped_delivery_is_judged_by_what_linkedin_said():
    assert _retries.is_lasting(stopped(errors.AccessDeniedError("no role", status=403)))
    assert not _retries.is_lasting(stopped(errors.ServerError("oops", status=500)))


def test_the_wait_that_linkedin_asks_for_is_obeyed():
    assert _retries.wait_seconds(errors.RateLimitError("slow", status=429, retry_after=7.0)) == 7.0
    assert _retries.wait_seconds(stopped(errors.ServerError("busy", status=503, retry_after=90.0))) == 90.0
    assert _retries.wait_seconds(errors.ServerError("oops", status=500)) is None


def test_a_day_limit_is_waited_for_until_a_little_after_its_end():
    midnight = dt.datetime.now(dt.UTC) + dt.timedelta(hours=3)
    seconds = _retries.wait_seconds(day_limit(midnight))
    assert 3 * 3600 + 60 < seconds < 3 * 3600 + 180


@pytest.mark.skipif(_compat.RetryPolicy is None, reason="Airflow before 3.3 has no retry policies")
def test_the_policy_fails_waits_or_leaves_it_to_airflow():
    from airflow.sdk.definitions.retry_policy import RetryAction

    policy = _retries.LinkedInRetryPolicy()
    assert policy.evaluate(LASTING[0], 1, 3).action is RetryAction.FAIL
    waiting = policy.evaluate(errors.RateLimitError("slow", status=429, retry_after=7.0), 1, 3)
    assert (waiting.action, waiting.retry_delay) == (RetryAction.RETRY, dt.timedelta(seconds=7))
    assert policy.evaluate(PASSING[-1], 1, 3).action is RetryAction.DEFAULT


@pytest.mark.skipif(_compat.RetryPolicy is None, reason="Airflow before 3.3 has no retry policies")
def test_the_author_s_own_policy_wins():
    own = object()
    assert _with_default({"retry_policy": own}) == {"retry_policy": own}
    assert _with_default({"default_args": {"retry_policy": own}}) == {"default_args": {"retry_policy": own}}
    assert isinstance(_with_default({})["retry_policy"], _retries.LinkedInRetryPolicy)


def test_without_policies_a_day_limit_ends_the_task_as_what_is_lasting_does(monkeypatch):
    used_up = day_limit(dt.datetime.now(dt.UTC))
    assert _retries.is_final(used_up) is (_compat.RetryPolicy is None)
    monkeypatch.setattr(_compat, "RetryPolicy", None)
    assert _retries.is_final(used_up)
    assert _retries.is_final(LASTING[0])
    assert not _retries.is_final(PASSING[0])
    assert _with_default({}) == {}


def _with_default(kwargs):
    _retries.default_retry_policy(kwargs)
    return kwargs
