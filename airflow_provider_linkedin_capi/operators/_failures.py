"""How operators fail: at once on what no retry can mend, and in plain words."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from airflow_provider_linkedin_capi._retries import is_lasting
from airflow_provider_linkedin_capi.api import errors

if TYPE_CHECKING:
    from collections.abc import Iterator

    from airflow_provider_linkedin_capi.hooks.linkedin_conversions import LinkedInConversionsHook

#: Resource at the start of a call's name -> the scope its calls need.
_SCOPES = {
    "conversions": "rw_conversions",
    "campaignConversions": "rw_conversions",
    "conversionEvents": "rw_conversions",
    "adAnalytics": "r_ads_reporting",
    "insightTags": "rw_ads",
    "insightTagsPermission": "rw_ads",
    "insightTagDomains": "rw_ads",
    "dmpSegments": "rw_offlineConversions",
}


@contextmanager
def explained(hook: LinkedInConversionsHook) -> Iterator[None]:
    """Turn refusals and wrong parameters into ``AirflowFailException``, which skips the task's retries.

    Errors that another try may not meet pass unchanged. After a 403 or 404 the connection is tested, to say which
    of token, role, ad account, scope and product is wrong; LinkedIn's own answer does not.
    """
    from airflow.providers.common.compat.sdk import AirflowFailException

    try:
        yield
    except (errors.AccessDeniedError, errors.NotFoundError) as error:
        error.advice = diagnosis(hook, error)
        raise AirflowFailException(str(error)) from error
    except (errors.LinkedInError, ValueError) as error:
        if not is_lasting(error):
            raise
        raise AirflowFailException(str(error)) from error


def diagnosis(hook: LinkedInConversionsHook, error: errors.LinkedInError) -> str:
    """Say which of token, role, ad account, scope and product a 403 or 404 is about, by testing the connection."""
    resource = error.call.partition(".")[0]
    if error.code == "RESOURCE_NOT_FOUND":
        return (
            f"LinkedIn does not offer {resource} to this app: add the product (Conversions API, or Advertising API) to "
            "the app in LinkedIn's developer portal, then consent again."
        )
    works, words = hook.test_connection()
    if not works:
        return words
    if isinstance(error, errors.NotFoundError):
        return f"Token, API version and role are right, so what was asked for does not exist in {hook.ad_account}."
    if error.code != "ACCESS_DENIED":
        return "Token, API version and role are right, so the entity belongs to another ad account or does not exist."
    return (
        f"Token, API version and role are right, so the token lacks the scope {_SCOPES.get(resource, 'r_ads')}, or the "
        "app the product that grants it (Conversions API, or Advertising API): add it and consent again."
    )
