"""What operators and sensors share: the hook of the task, and how a task fails."""

from __future__ import annotations

from contextlib import contextmanager
from functools import cached_property
from typing import TYPE_CHECKING, NoReturn

from airflow_provider_linkedin_capi import exceptions
from airflow_provider_linkedin_capi.retry_policy import cause, is_final, is_permanent

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from airflow_provider_linkedin_capi.hooks.linkedin_conversions import LinkedInConversionsHook


class LinkedInTaskMixin:
    """Gives a task the hook of its connection and ad account."""

    linkedin_conn_id: str
    ad_account_id: int | str | None

    @cached_property
    def hook(self) -> LinkedInConversionsHook:
        """The hook for the task's ad account."""
        from airflow_provider_linkedin_capi.hooks.linkedin_conversions import LinkedInConversionsHook

        return LinkedInConversionsHook(self.linkedin_conn_id, ad_account_id=self.ad_account_id)


@contextmanager
def fail_on_permanent_errors(hook: LinkedInConversionsHook) -> Iterator[None]:
    """Turn permanent errors into ``AirflowFailException``, which skips the task's retries.

    Every other exception passes unchanged. After a 403 or 404 the connection is tested, to say which of token, role,
    ad account, scope and product is wrong; LinkedIn's own answer does not say.
    """
    from airflow.providers.common.compat.sdk import AirflowException, AirflowFailException

    try:
        yield
    except exceptions.LinkedInConversionsError as error:
        if isinstance(error, AirflowException) or not is_final(error):
            raise
        raise AirflowFailException(_message(hook, error)) from error


def _message(hook: LinkedInConversionsHook, error: Exception) -> str:
    refusal = cause(error)
    if not isinstance(refusal, exceptions.AccessDeniedError | exceptions.NotFoundError):
        return str(error)
    advice = hook.diagnose_refusal(refusal)
    if refusal is not error:
        return f"{error} {advice}"
    refusal.advice = advice
    return str(error)


def fail(message: str, refusals: Collection[Exception]) -> NoReturn:
    """Fail a task that was refused in part: for good, unless a retry may help with one of the refusals."""
    from airflow.providers.common.compat.sdk import AirflowException, AirflowFailException

    raise (AirflowFailException if all(map(is_permanent, refusals)) else AirflowException)(message)
