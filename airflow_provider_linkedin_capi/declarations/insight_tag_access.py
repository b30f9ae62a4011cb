"""Who may use an Insight Tag: LinkedIn's rules, checked as far as the token can see."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_provider_linkedin_capi import exceptions
from airflow_provider_linkedin_capi.api import account_users, urns
from airflow_provider_linkedin_capi.api.insight_tag_permissions import FULL, ROLES
from airflow_provider_linkedin_capi.exceptions import ConfigurationError

if TYPE_CHECKING:
    from airflow_provider_linkedin_capi.api.insight_tag_permissions import InsightTagPermission
    from airflow_provider_linkedin_capi.hooks.linkedin_conversions import LinkedInConversionsHook

_ONE_TAG = (
    "An ad account has one Insight Tag at most. To move it to another one: give FULL access to its present tag to "
    "another account, revoke its own, then grant this one."
)
_ONE_FULL = (
    "A tag needs one account with FULL access, and cannot lose its last account. Grant FULL access to another account "
    "first."
)


def require_full(hook: LinkedInConversionsHook, tag: int | str | None, purpose: str) -> str:
    """Return the URN of the tag, the account's own when None, to which the hook's account has ``FULL`` access.

    :raises ValueError: it has not.
    """
    permission = hook.find_insight_tag_permission()
    if permission is None:
        raise ConfigurationError(f"{hook.ad_account} has no Insight Tag, so it cannot {purpose}; create one first")
    if tag is not None and urns.insight_tag(tag) != permission.insight_tag:
        raise ConfigurationError(
            f"{hook.ad_account} uses {permission.insight_tag}, not {urns.insight_tag(tag)}, so it cannot {purpose}"
        )
    if permission.role != FULL:
        raise ConfigurationError(
            f"{hook.ad_account} has {permission.role} access to {permission.insight_tag}; to {purpose}, it needs FULL "
            "access, which another account with FULL access can grant"
        )
    return permission.insight_tag


def grant(hook: LinkedInConversionsHook, tag: str, target: str, role: str) -> str:
    """Grant a role unless the account has it; return what was done.

    :raises ValueError: the account has another role, or another tag.
    """
    if role not in ROLES:
        raise ConfigurationError(f"role {role!r} is not one of {', '.join(ROLES)}")
    _, present = _look(hook, target)
    if present is not None and present.insight_tag != tag:
        raise ConfigurationError(f"{target} uses {present.insight_tag}. {_ONE_TAG}")
    if present is not None and present.role != role:
        raise ConfigurationError(
            f"{target} has {present.role} access to {tag} already; revoke that before granting {role}"
        )
    if present is not None:
        return "unchanged"
    try:
        hook.grant_insight_tag_access(tag, target, role=role)
    except exceptions.LinkedInError as error:
        _, present = _look(hook, target) if error.outcome_unknown else (False, None)
        if present is None or (present.insight_tag, present.role) != (tag, role):
            raise _with_rule(error, _ONE_TAG) from None
    return "granted"


def revoke(
    hook: LinkedInConversionsHook, tag: int | str | None, target: str, keeper: int | str | None
) -> tuple[str | None, str]:
    """Revoke the access of an account unless it has none; return the tag and what was done.

    :raises ValueError: nobody is known who would keep ``FULL`` access.
    """
    wanted = None if tag is None else urns.insight_tag(tag)
    if target == hook.ad_account:
        present = hook.find_insight_tag_permission()
        if present is None or wanted not in (None, present.insight_tag):
            return wanted, "unchanged"
        wanted = require_full(hook, wanted, "revoke its own access")
        _require_keeper(hook, wanted, keeper)
    else:
        wanted = require_full(hook, wanted, f"revoke the access of {target}")
        if not _may_have_access(hook, target, wanted):
            return wanted, "unchanged"
    try:
        hook.revoke_insight_tag_access(wanted, target)
    except exceptions.LinkedInError as error:
        if not error.outcome_unknown or _may_have_access(hook, target, wanted):
            raise _with_rule(error, _ONE_FULL) from None
    return wanted, "revoked"


def _require_keeper(hook: LinkedInConversionsHook, tag: str, keeper: int | str | None) -> None:
    """Raise a ValueError unless another account than the hook's keeps ``FULL`` access, or may do so unseen."""
    if keeper is not None:
        account = urns.ad_account(keeper)
        seen, permission = _look(hook, account)
        if account == hook.ad_account or (seen and not _is_full(permission, tag)):
            raise ConfigurationError(f"{account} will not have FULL access to {tag}, so it cannot keep it. {_ONE_FULL}")
        return
    for user in hook.paginate(account_users.of_authenticated_member()):
        if user.account != hook.ad_account and _is_full(_look(hook, user.account)[1], tag):
            hook.log.info("%s keeps FULL access to %s", user.account, tag)
            return
    raise ConfigurationError(
        f"no other account that the token can see has FULL access to {tag}. {_ONE_FULL} If one that the token cannot "
        "see has it, name that as keeper_account."
    )


def _look(hook: LinkedInConversionsHook, account: str) -> tuple[bool, InsightTagPermission | None]:
    """Whether the token may see which tag an account uses, and if so, its permission."""
    try:
        return True, hook.find_insight_tag_permission(account)
    except (exceptions.AccessDeniedError, exceptions.NotFoundError):
        return False, None


def _may_have_access(hook: LinkedInConversionsHook, account: str, tag: str) -> bool:
    seen, permission = _look(hook, account)
    return not seen or (permission is not None and permission.insight_tag == tag)


def _is_full(permission: InsightTagPermission | None, tag: str) -> bool:
    return permission is not None and (permission.insight_tag, permission.role) == (tag, FULL)


def _with_rule(error: exceptions.LinkedInError, rule: str) -> exceptions.LinkedInError:
    """The same error; a refusal explains LinkedIn's rule, which its own message may not."""
    if isinstance(error, exceptions.InvalidRequestError):
        error.advice = rule
    return error
