"""What the Test button says."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_provider_linkedin_capi import exceptions
from airflow_provider_linkedin_capi.api import limits, urns

if TYPE_CHECKING:
    from collections.abc import Sequence

    from airflow_provider_linkedin_capi.api.account_users import AccountUser
    from airflow_provider_linkedin_capi.hooks.connection_settings import ConnectionSettings

_SHOWN_ACCOUNTS = 5


def refusal(error: Exception, conn_id: str) -> str:
    """Name the part of the connection that an error is about.

    :param conn_id: left out of the answer: Airflow tests under an id of its own making.
    """
    return _diagnosis(error).replace(f"onnection {conn_id!r}", "onnection under test")


def _diagnosis(error: Exception) -> str:
    match error:
        case exceptions.VersionError():
            return f"API version: {error}"
        case exceptions.CredentialsError():
            return f"Token: {error}"
        case exceptions.AccessDeniedError():
            return (
                "Token and API version work, but the member's roles could not be read, which needs the scope r_ads: "
                f"{error}"
            )
        case exceptions.NotSentError() | exceptions.OutcomeUnknownError():
            return f"LinkedIn could not be reached; check host, port and proxies: {error}"
        case _:
            return str(error)


def access(users: Sequence[AccountUser], settings: ConnectionSettings) -> tuple[bool, str]:
    """Judge the member's roles."""
    ends = limits.VERSION_SUPPORT_ENDS.get(settings.api_version[:6])
    version = f"API version {settings.api_version}" + (f" (served until {ends})" if ends else "")
    renewal = "renewed when it ends" if settings.can_refresh else "no refresh token: it has to be replaced by hand"
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
            f"{works}, but the member's role in ad account {number} is {user.role}: it may read reports, not write "
            "conversion rules or events. It takes CREATIVE_MANAGER or more."
        )
    return True, f"{works}; role {user.role} in ad account {number}."


def _where(users: Sequence[AccountUser]) -> str:
    if not users:
        return "nor in any other"
    accounts = [str(urns.number(user.account)) for user in users[:_SHOWN_ACCOUNTS]]
    return f"only in {', '.join(accounts)}" + (f" and {more} more" if (more := len(users) - len(accounts)) else "")
