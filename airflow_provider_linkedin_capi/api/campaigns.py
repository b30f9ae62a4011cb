"""Campaigns: ``/adAccounts/{id}/adCampaigns``, read only.

Follows https://learn.microsoft.com/linkedin/marketing/integrations/ads/account-structure/
create-and-manage-campaigns.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from airflow_provider_linkedin_capi.api import limits, paging, urns
from airflow_provider_linkedin_capi.api.restli import Resource
from airflow_provider_linkedin_capi.exceptions import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from airflow_provider_linkedin_capi.api.call import Call
    from airflow_provider_linkedin_capi.api.paging import Page

RESOURCE = Resource("adCampaigns", personal=False)

#: Every status a campaign can have.
STATUSES = (
    "ACTIVE",
    "PAUSED",
    "ARCHIVED",
    "COMPLETED",
    "CANCELED",
    "DRAFT",
    "PENDING_DELETION",
    "REMOVED",
)


class Campaign(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A campaign, with the fields that a conversion set-up needs."""

    id: int
    name: str = ""
    account: str = ""
    campaign_group: str | None = None
    status: str = ""
    type: str | None = None
    objective_type: str | None = None
    optimization_target_type: str | None = None
    test: bool = False

    @property
    def urn(self) -> str:
        """``urn:li:sponsoredCampaign:<id>``."""
        return urns.campaign(self.id)


def search(
    account: int | str,
    *,
    status: Sequence[str] | None = None,
    name: Sequence[str] | None = None,
    campaign_group: Iterable[int | str] | None = None,
    ids: Iterable[int | str] | None = None,
    type: Sequence[str] | None = None,
    test: bool | None = None,
    page_size: int = limits.PAGE_SIZE,
) -> Call[Page[Campaign]]:
    """Return the call of the first page of an account's campaigns; filters are AND-ed, values OR-ed.

    :param status: e.g. ``["ACTIVE", "PAUSED"]``; campaigns of every status when None, since LinkedIn's
        documents call a filter mandatory.
    :param name: whole names.
    :param campaign_group: ids of campaign groups.
    :param ids: ids of campaigns.
    :param type: e.g. ``["SPONSORED_UPDATES"]``.
    :param test: only campaigns of test accounts, or none of them.
    """
    filters: dict[str, Any] = {
        "status": STATUSES if status is None else status,
        "name": name,
        "campaignGroup": None if campaign_group is None else [urns.campaign_group(group) for group in campaign_group],
        "id": None if ids is None else [urns.campaign(campaign) for campaign in ids],
        "type": type,
    }
    for filtered, values in filters.items():
        if values is not None and not list(values):
            raise ConfigurationError(f"the filter {filtered} has no values; leave it out to allow any")
    wanted: dict[str, Any] = {
        filtered: {"values": list(values)} for filtered, values in filters.items() if values is not None
    }
    if test is not None:
        wanted["test"] = test
    return paging.Finder(
        Campaign,
        RESOURCE,
        {"q": "search", "search": wanted, "sortOrder": "ASCENDING"},
        path=f"adAccounts/{urns.number(urns.ad_account(account))}/{RESOURCE.name}",
    ).by_cursor(page_size)
