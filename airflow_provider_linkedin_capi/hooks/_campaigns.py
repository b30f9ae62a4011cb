"""The ad account, its campaigns, and which of them a conversion rule is associated with, through the hook."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_provider_linkedin_capi.api import ad_accounts, campaign_associations, campaigns
from airflow_provider_linkedin_capi.api.caller import Caller

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from airflow_provider_linkedin_capi.api.ad_accounts import AdAccount
    from airflow_provider_linkedin_capi.api.batches import BatchResult
    from airflow_provider_linkedin_capi.api.campaign_associations import CampaignAssociation
    from airflow_provider_linkedin_capi.api.campaigns import Campaign


class CampaignsMixin(Caller):
    """Read the ad account and its campaigns; associate campaigns with conversion rules."""

    def get_ad_account(self) -> AdAccount:
        """Return the hook's ad account, e.g. for its currency. Needs the scope ``r_ads``."""
        return self.call(ad_accounts.get(self.ad_account, self.api_version))

    def find_campaigns(
        self,
        *,
        status: Sequence[str] | None = None,
        campaign_group: Iterable[int | str] | None = None,
        ids: Iterable[int | str] | None = None,
    ) -> Iterator[Campaign]:
        """Yield the account's campaigns from all pages, of every status unless some are given."""
        yield from self.paginate(
            campaigns.search(self.ad_account, self.api_version, status=status, campaign_group=campaign_group, ids=ids)
        )

    def get_campaign_associations(
        self, rule: int | str, campaigns: Iterable[int | str]
    ) -> BatchResult[tuple[str, str], CampaignAssociation]:
        """Return which of some campaigns are associated with a rule; the error of each other is a 404."""
        pairs = [(campaign, rule) for campaign in campaigns]
        return self.call(campaign_associations.batch_get(pairs, self.api_version))

    def associate_campaigns(
        self, rule: int | str, campaigns: Iterable[int | str]
    ) -> BatchResult[tuple[str, str], None]:
        """Associate campaigns with a rule in one request; results and errors by (campaign URN, rule URN)."""
        pairs = [(campaign, rule) for campaign in campaigns]
        return self.call(campaign_associations.batch_put(pairs, self.api_version))

    def dissociate_campaigns(
        self, rule: int | str, campaigns: Iterable[int | str]
    ) -> BatchResult[tuple[str, str], None]:
        """End associations of campaigns with a rule in one request; results and errors by (campaign URN, rule URN)."""
        pairs = [(campaign, rule) for campaign in campaigns]
        return self.call(campaign_associations.batch_delete(pairs, self.api_version))
