"""The resources of the local LinkedIn, by their paths below ``/rest/``. A new one is a module and its line here."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_provider_linkedin_capi.sandbox import (
    accounts,
    analytics,
    associations,
    events,
    insight_tag_domains,
    insight_tags,
    offline,
    rules,
)

if TYPE_CHECKING:
    from airflow_provider_linkedin_capi.sandbox.rest import Resources

RESOURCES: Resources = {
    "adAccounts": accounts.ACCOUNT_METHODS,
    "adAccounts/adCampaigns": accounts.CAMPAIGN_METHODS,
    "adAccountUsers": accounts.USER_METHODS,
    "adAnalytics": analytics.METHODS,
    "adEventWithConversions": insight_tags.PATH_METHODS,
    "campaignConversions": associations.METHODS,
    "conversionEvents": events.METHODS,
    "conversions": rules.METHODS,
    "dmpSegments": offline.SEGMENT_METHODS,
    "dmpSegments/conversions": offline.CONVERSION_METHODS,
    "insightTagDomains": insight_tag_domains.METHODS,
    "insightTags": insight_tags.TAG_METHODS,
    "insightTagsPermission": insight_tags.PERMISSION_METHODS,
}
