"""Which campaigns a conversion rule is credited to: ``/campaignConversions``.

Follows https://learn.microsoft.com/linkedin/marketing/integrations/ads-reporting/conversion-tracking.
Events of a rule without any associated campaign are accepted and never attributed. Every operation here may
be repeated: putting an association twice leaves one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from airflow_provider_linkedin_capi.api import batches, paging, restli, urns
from airflow_provider_linkedin_capi.api.restli import Resource
from airflow_provider_linkedin_capi.exceptions import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from airflow_provider_linkedin_capi.api.batches import BatchResult
    from airflow_provider_linkedin_capi.api.call import Call
    from airflow_provider_linkedin_capi.api.paging import Page

RESOURCE = Resource("campaignConversions", scope="rw_conversions", personal=False)

#: A campaign's id and a conversion rule's id, as numbers, their text, or URNs.
Pair = tuple[int | str, int | str]


class CampaignAssociation(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """One campaign associated with one conversion rule, both as URNs; the time is epoch milliseconds."""

    campaign: str
    conversion: str
    associated_at: int | None = None


def put(campaign: int | str, rule: int | str) -> Call[None]:
    """Return the call that associates a campaign with a rule."""
    key = _key(campaign, rule)
    return restli.call(RESOURCE, "UPDATE", parse=restli.nothing, key=key, body=key)


def batch_put(pairs: Iterable[Pair]) -> Call[BatchResult[tuple[str, str], None]]:
    """Return the call that associates several pairs; its result is keyed by (campaign URN, rule URN)."""
    keys = _keys(pairs)
    return restli.call(
        RESOURCE,
        "BATCH_UPDATE",
        parse=batches.keyed(RESOURCE, "BATCH_UPDATE", keys, batches.done),
        parameters={"ids": list(keys.values())},
        body={"entities": {restli.encode_reduced(key): key for key in keys.values()}},
    )


def get(campaign: int | str, rule: int | str) -> Call[CampaignAssociation]:
    """Return the call that reads one association; 404 when there is none."""
    return restli.call(
        RESOURCE,
        "GET",
        parse=restli.entity(CampaignAssociation),
        key=_key(campaign, rule),
    )


def batch_get(pairs: Iterable[Pair]) -> Call[BatchResult[tuple[str, str], CampaignAssociation]]:
    """Return the call that reads several associations; its result is keyed by (campaign URN, rule URN)."""
    keys = _keys(pairs)
    return restli.call(
        RESOURCE,
        "BATCH_GET",
        parse=batches.keyed(RESOURCE, "BATCH_GET", keys, lambda value: msgspec.convert(value, CampaignAssociation)),
        parameters={"ids": list(keys.values())},
    )


def find(campaigns: Iterable[int | str], *, count: int = 100) -> Call[Page[CampaignAssociation]]:
    """Return the call of the first page of all associations of some campaigns."""
    wanted = [urns.campaign(campaign) for campaign in campaigns]
    if not wanted:
        raise ConfigurationError("no campaign was given")
    parameters = {"q": "campaigns", "campaigns": wanted}
    return paging.Finder(CampaignAssociation, RESOURCE, parameters).by_index(count)


def delete(campaign: int | str, rule: int | str) -> Call[None]:
    """Return the call that ends an association; 404 when there is none."""
    return restli.call(RESOURCE, "DELETE", parse=restli.nothing, key=_key(campaign, rule))


def batch_delete(pairs: Iterable[Pair]) -> Call[BatchResult[tuple[str, str], None]]:
    """Return the call that ends several associations; its result is keyed by (campaign URN, rule URN)."""
    keys = _keys(pairs)
    return restli.call(
        RESOURCE,
        "BATCH_DELETE",
        parse=batches.keyed(RESOURCE, "BATCH_DELETE", keys, batches.done),
        parameters={"ids": list(keys.values())},
    )


def _key(campaign: int | str, rule: int | str) -> dict[str, str]:
    return {"campaign": urns.campaign(campaign), "conversion": urns.conversion_rule(rule)}


def _keys(pairs: Iterable[Pair]) -> dict[tuple[str, str], dict[str, str]]:
    made = (_key(campaign, rule) for campaign, rule in pairs)
    keys = {(key["campaign"], key["conversion"]): key for key in made}
    if not keys:
        raise ConfigurationError("no pair of campaign and conversion rule was given")
    return keys
