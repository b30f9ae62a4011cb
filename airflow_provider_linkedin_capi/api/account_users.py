"""Who may do what in an ad account: ``/adAccountUsers``.

Follows https://learn.microsoft.com/linkedin/marketing/integrations/ads/account-structure/
create-and-manage-account-users. Both finders answer everything in one page.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from airflow_provider_linkedin_capi.api import paging
from airflow_provider_linkedin_capi.api.restli import Resource

if TYPE_CHECKING:
    from airflow_provider_linkedin_capi.api.call import Call
    from airflow_provider_linkedin_capi.api.paging import Page

RESOURCE = Resource("adAccountUsers")

#: Roles that may write rules, associations and events; a ``VIEWER`` may not, whatever the token's scope.
WRITER_ROLES = frozenset({"ACCOUNT_BILLING_ADMIN", "ACCOUNT_MANAGER", "CAMPAIGN_MANAGER", "CREATIVE_MANAGER"})


class AccountUser(msgspec.Struct, frozen=True, kw_only=True):
    """The role of one member in one ad account, both as URNs."""

    account: str
    user: str
    role: str

    @property
    def may_write(self) -> bool:
        """Whether the role allows to write rules, associations and events."""
        return self.role in WRITER_ROLES


def of_authenticated_member() -> Call[Page[AccountUser]]:
    """Return the call that lists the ad accounts of the token's member, with the role in each.

    The cheapest test of a connection: it proves token, version and roles at once. Needs ``r_ads``.
    """
    parameters = {"q": "authenticatedUser", "fields": ["account", "user", "role"]}
    return paging.Finder(AccountUser, RESOURCE, parameters).by_index()
