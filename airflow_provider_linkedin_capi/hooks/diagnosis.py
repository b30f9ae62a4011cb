"""Which of token, role, ad account, scope and product is wrong: for the Test button, and after a refusal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_provider_linkedin_capi import exceptions
from airflow_provider_linkedin_capi.api import limits, urns

if TYPE_CHECKING:
    from collections.abc import Sequence

    from airflow_provider_linkedin_capi.api.account_users import AccountUser
    from airflow_provider_linkedin_capi.hooks.connection_settings import ConnectionSettings

_SHOWN_ACCOUNTS = 5
_PRODUCT = "Conversions API, or Advertising API"


def of_failed_test(error: Exception, conn_id: str) -> str:
    """Name the part of the connection that an error is about.

    :param conn_id: left out of the answer: Airflow tests under an id of its own making.
    """
    return _failed_part(error).replace(f"onnection {conn_id!r}", "onnection under test")


def _failed_part(error: Exception) -> str:
    match error:
        case exceptions.VersionError():
            return f"API version: {error}"
        case exceptions.CredentialsError():
            return f"Token: {error}"
        case exceptions.AccessDeniedError():
            return (
                "Token and API version work, but the member's roles cannot be read, which needs the scope r_ads: "
                f"{error}"
            )
        case exceptions.ForeignAnswerError():
            return f"Something else than LinkedIn answered: {error}"
        case exceptions.ServerError():
            return f"LinkedIn failed: {error}"
        case exceptions.NotSentError() | exceptions.OutcomeUnknownError():
            return f"LinkedIn cannot be reached; check host, port and proxies: {error}"
        case _:
            return str(error)


def of_roles(users: Sequence[AccountUser], settings: ConnectionSettings) -> tuple[bool, str]:
    """Say whether the member's roles allow to write in the connection's ad account."""
    ends = limits.VERSION_SUPPORT_ENDS.get(settings.api_version[:6])
    version = f"API version {settings.api_version}" + (f" (served until {ends})" if ends else "")
    renewal = "renewed automatically" if settings.can_refresh else "no refresh token: replace it by hand when it ends"
    works = f"Token accepted ({renewal}), {version}"
    if settings.ad_account is None:
        return True, f"{works}; the member has a role in {len(users)} ad account(s); no ad account is set."
    number = urns.number(settings.ad_account)
    user = next((user for user in users if user.account == settings.ad_account), None)
    if user is None:
        return False, (
            f"{works}, but the member has no role in ad account {number}, {_where(users)}: "
            "have the account's manager add the member, or correct the ad account id."
        )
    if not user.may_write:
        return False, (
            f"{works}, but the member's role in ad account {number} is {user.role}: it may read reports, but not "
            "write conversion rules or events. That takes CREATIVE_MANAGER or more."
        )
    return True, f"{works}; role {user.role} in ad account {number}."


def of_missing_product(error: exceptions.LinkedInError) -> str | None:
    """Say what to add when LinkedIn does not offer the resource to the app at all; None for other refusals."""
    if error.code != "RESOURCE_NOT_FOUND":
        return None
    return (
        f"LinkedIn does not offer {error.call.partition('.')[0]} to this app: add the product ({_PRODUCT}) to the app "
        "in LinkedIn's developer portal, then consent again."
    )


def of_refusal(error: exceptions.LinkedInError, ad_account: str) -> str:
    """Say what a 403 or 404 is about, given that the connection's test succeeded."""
    if isinstance(error, exceptions.NotFoundError):
        return f"Token, API version and role are right, so what was asked for does not exist in {ad_account}."
    if error.code != "ACCESS_DENIED":
        return "Token, API version and role are right, so the entity belongs to another ad account or does not exist."
    return (
        f"Token, API version and role are right, so the token lacks the scope {error.scope}, or the app the product "
        f"that grants it ({_PRODUCT}): add it and consent again."
    )


def _where(users: Sequence[AccountUser]) -> str:
    if not users:
        return "nor in any other"
    accounts = [str(urns.number(user.account)) for user in users[:_SHOWN_ACCOUNTS]]
    return f"only in {', '.join(accounts)}" + (f" and {more} more" if (more := len(users) - len(accounts)) else "")
