"""Insight Tags, the snippets on advertisers' sites: ``/insightTags``.

Follows https://learn.microsoft.com/linkedin/marketing/integrations/ads-reporting/conversion-tracking. An ad
account has one tag at most, a tag may serve several accounts; there is no DELETE.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from airflow_provider_linkedin_capi.api import paging, restli, urns
from airflow_provider_linkedin_capi.api.restli import Resource

if TYPE_CHECKING:
    from airflow_provider_linkedin_capi.api.call import Call, Reply
    from airflow_provider_linkedin_capi.api.paging import Page

RESOURCE = Resource("insightTags", scope="rw_ads", personal=False)


class InsightTag(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """An Insight Tag.

    :param id: number of the tag, the ``pid`` of image pixels.
    :param tag: the HTML snippet for the footer of every page.
    :param sponsored_accounts: the account it was created for.
    :param first_party_tracking_enabled: whether it may set a cookie of the advertiser's own domain.
    """

    id: int
    tag: str = ""
    sponsored_accounts: list[str] = []
    first_party_tracking_enabled: bool | None = None

    @property
    def urn(self) -> str:
        """``urn:tscp:insightTag:<id>``."""
        return urns.insight_tag(self.id)


def create(account: int | str) -> Call[InsightTag]:
    """Return the call that creates the tag of an account that has none. Not repeated after a lost answer."""
    owner = urns.ad_account(account)

    def parse(reply: Reply) -> InsightTag:
        echo = reply.json()
        entity = {"sponsoredAccounts": [owner], **(echo if isinstance(echo, dict) else {})}
        return msgspec.convert({**entity, "id": int(restli.created_id(reply))}, InsightTag)

    return restli.call(RESOURCE, "CREATE", parse=parse, body={"sponsoredAccounts": [owner]})


def find(account: int | str) -> Call[Page[InsightTag]]:
    """Return the call that finds the tag of an account: one or none."""
    parameters = {"q": "account", "account": urns.ad_account(account)}
    return paging.Finder(InsightTag, RESOURCE, parameters).by_index()


def get(tag: int | str) -> Call[InsightTag]:
    """Return the call that reads one tag."""
    return restli.call(RESOURCE, "GET", parse=restli.entity(InsightTag), key=urns.number(urns.insight_tag(tag)))


def update(tag: int | str, *, first_party_tracking: bool) -> Call[None]:
    """Return the call that switches first-party tracking, for every account that shares the tag."""
    return restli.call(
        RESOURCE,
        "PARTIAL_UPDATE",
        parse=restli.nothing,
        key=urns.number(urns.insight_tag(tag)),
        body=restli.patch({"firstPartyTrackingEnabled": first_party_tracking}),
    )
