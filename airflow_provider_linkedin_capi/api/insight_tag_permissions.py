"""Which ad accounts may use an Insight Tag: ``/insightTagsPermission``.

Follows https://learn.microsoft.com/linkedin/marketing/integrations/ads-reporting/conversion-tracking. Its prose
writes ``insightTagPermissions``; the permission table and working clients use the name here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from airflow_provider_linkedin_capi.api import paging, restli, urns
from airflow_provider_linkedin_capi.api.restli import Resource
from airflow_provider_linkedin_capi.exceptions import ConfigurationError

if TYPE_CHECKING:
    from airflow_provider_linkedin_capi.api.call import Call
    from airflow_provider_linkedin_capi.api.paging import Page

RESOURCE = Resource("insightTagsPermission", scope="rw_ads", personal=False)

#: May view, update, grant, revoke and change domains.
FULL = "FULL"
#: May only view, and edit conversions and match rules.
USE_ONLY = "USE_ONLY"
ROLES = (FULL, USE_ONLY)


class InsightTagPermission(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """The role of one ad account on one Insight Tag, both as URNs."""

    account: str
    insight_tag: str
    role: str


def find(account: int | str) -> Call[Page[InsightTagPermission]]:
    """Return the call that finds the tag that an account may use, and its role."""
    parameters = {"q": "account", "account": urns.ad_account(account)}
    return paging.Finder(InsightTagPermission, RESOURCE, parameters).by_index()


def grant(account: int | str, tag: int | str, target: int | str, *, role: str = USE_ONLY) -> Call[None]:
    """Return the call by which an account with ``FULL`` access gives access to another one.

    :param account: the account that grants.
    :param tag: the Insight Tag.
    :param target: the account that gets access; it must not have a tag.
    :param role: ``USE_ONLY`` or ``FULL``. LinkedIn's field list leaves the member out although there are two roles.
    """
    if role not in ROLES:
        raise ConfigurationError(f"role {role!r} is not one of {', '.join(ROLES)}")
    return _act("grantAccess", {**_subject(account, tag, target), "role": role})


def revoke(account: int | str, tag: int | str, target: int | str) -> Call[None]:
    """Return the call that ends the access of ``target``, which may be the revoking account itself."""
    return _act("revokeAccess", _subject(account, tag, target))


def _subject(account: int | str, tag: int | str, target: int | str) -> dict[str, str]:
    return {
        "account": urns.ad_account(account),
        "insightTag": urns.insight_tag(tag),
        "targetAccount": urns.ad_account(target),
    }


def _act(action: str, body: dict[str, str]) -> Call[None]:
    return restli.call(RESOURCE, "ACTION", parse=restli.nothing, parameters={"action": action}, body=body)
