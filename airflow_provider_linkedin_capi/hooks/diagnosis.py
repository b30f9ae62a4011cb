"""Which of token, role, ad account, scope and product a refusal is about; LinkedIn's own answer does not say."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_provider_linkedin_capi import exceptions
from airflow_provider_linkedin_capi.api import oauth

if TYPE_CHECKING:
    from airflow_provider_linkedin_capi.hooks.linkedin_conversions import LinkedInConversionsHook


def diagnosis(hook: LinkedInConversionsHook, error: exceptions.LinkedInError) -> str:
    """Say what a 403 or 404 is about, by testing the connection."""
    resource = error.call.partition(".")[0]
    if error.code == "RESOURCE_NOT_FOUND":
        return (
            f"LinkedIn does not offer {resource} to this app: add the product (Conversions API, or Advertising API) to "
            "the app in LinkedIn's developer portal, then consent again."
        )
    works, words = hook.test_connection()
    if not works:
        return words
    if isinstance(error, exceptions.NotFoundError):
        return f"Token, API version and role are right, so what was asked for does not exist in {hook.ad_account}."
    if error.code != "ACCESS_DENIED":
        return "Token, API version and role are right, so the entity belongs to another ad account or does not exist."
    return (
        f"Token, API version and role are right, so the token lacks the scope {oauth.scope_for(resource)}, or the app "
        "the product that grants it (Conversions API, or Advertising API): add it and consent again."
    )
