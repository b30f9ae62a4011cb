"""How operators fail: at once on what no retry can mend, and in plain words."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, NoReturn

from airflow_provider_linkedin_capi._retries import cause, is_final, is_lasting
from airflow_provider_linkedin_capi.api import errors
from airflow_provider_linkedin_capi.delivery.errors import DeliveryStoppedError
from airflow_provider_linkedin_capi.hooks._diagnosis import diagnosis

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from airflow_provider_linkedin_capi.hooks.linkedin_conversions import LinkedInConversionsHook


@contextmanager
def explained(hook: LinkedInConversionsHook) -> Iterator[None]:
    """Turn refusals and wrong parameters into ``AirflowFailException``, which skips the task's retries.

    Errors that another try may not meet pass unchanged. After a 403 or 404 the connection is tested, to say which
    of token, role, ad account, scope and product is wrong; LinkedIn's own answer does not.
    """
    from airflow.providers.common.compat.sdk import AirflowFailException

    try:
        yield
    except (errors.LinkedInError, DeliveryStoppedError, ValueError) as error:
        if not is_final(error):
            raise
        raise AirflowFailException(_in_words(hook, error)) from error


def _in_words(hook: LinkedInConversionsHook, error: Exception) -> str:
    refusal = cause(error)
    if not isinstance(refusal, errors.AccessDeniedError | errors.NotFoundError):
        return str(error)
    words = diagnosis(hook, refusal)
    if refusal is not error:
        return f"{error} {words}"
    refusal.advice = words
    return str(error)


def fail(message: str, refusals: Collection[Exception]) -> NoReturn:
    """End a task of which parts were refused: for good, unless a retry may mend one of them."""
    from airflow.providers.common.compat.sdk import AirflowException, AirflowFailException

    raise (AirflowFailException if all(map(is_lasting, refusals)) else AirflowException)(message)
