"""The pivots of reports: which there are, and what value each has for a group of conversions."""

from __future__ import annotations

from hashlib import blake2b
from typing import TYPE_CHECKING

from airflow_provider_linkedin_capi.sandbox.entities import ACCOUNT_PREFIX, CAMPAIGN_PREFIX, RULE_PREFIX

if TYPE_CHECKING:
    from airflow_provider_linkedin_capi.sandbox import restli
    from airflow_provider_linkedin_capi.sandbox.attribution import Group
    from airflow_provider_linkedin_capi.sandbox.world import World

CREATIVE_PREFIX = "urn:li:sponsoredCreative"
DESIGNATED_MARKET_AREA_SINCE = 202609

_ENTITY_PIVOTS = frozenset(
    {"ACCOUNT", "CAMPAIGN", "CAMPAIGN_GROUP", "CONVERSION", "CREATIVE", "COMPANY", "SHARE", "OBJECTIVE_TYPE"}
)
#: Values of pivots about which this server knows nothing, drawn by campaign and day.
_DRAWN_PIVOTS = {
    "CARD_INDEX": ("0", "1", "2"),
    "CONVERSATION_NODE": ("urn:li:sponsoredConversationNode:1",),
    "CONVERSATION_NODE_OPTION_INDEX": ("0", "1"),
    "EVENT_STAGE": ("PRE_EVENT", "DURING_EVENT", "POST_EVENT"),
    "IMPRESSION_DEVICE_TYPE": ("DESKTOP_WEB", "MOBILE_APP", "MOBILE_WEB"),
    "PLACEMENT_NAME": ("PLACEMENT_FEED", "PLACEMENT_RIGHT_RAIL"),
    "SERVING_LOCATION": ("ON_PLATFORM", "OFF_PLATFORM"),
    "MEMBER_COMPANY": ("urn:li:organization:1441", "urn:li:organization:1035"),
    "MEMBER_COMPANY_SIZE": ("SIZE_2_TO_10", "SIZE_11_TO_50", "SIZE_51_TO_200"),
    "MEMBER_COUNTRY_V2": ("urn:li:geo:103644278", "urn:li:geo:101282230"),
    "MEMBER_COUNTY": ("urn:li:geo:105080838", "urn:li:geo:102095887"),
    "MEMBER_DESIGNATED_MARKET_AREA": ("urn:li:geo:90000070", "urn:li:geo:90000084"),
    "MEMBER_INDUSTRY": ("urn:li:industry:4", "urn:li:industry:6"),
    "MEMBER_JOB_FUNCTION": ("urn:li:function:8", "urn:li:function:25"),
    "MEMBER_JOB_TITLE": ("urn:li:title:9", "urn:li:title:25201"),
    "MEMBER_REGION_V2": ("urn:li:geo:90000070", "urn:li:geo:90009735"),
    "MEMBER_SENIORITY": ("urn:li:seniority:4", "urn:li:seniority:5"),
}
PIVOTS = _ENTITY_PIVOTS | _DRAWN_PIVOTS.keys()


def known(pivot: restli.Value, version: int) -> bool:
    """Whether a version has this pivot."""
    if pivot == "MEMBER_DESIGNATED_MARKET_AREA" and version < DESIGNATED_MARKET_AREA_SINCE:
        return False
    return isinstance(pivot, str) and pivot in PIVOTS


def value(world: World, pivot: str, group: Group) -> str:
    """The value of a pivot for a group."""
    campaign = world.entities.campaigns[group.campaign]
    match pivot:
        case "CONVERSION":
            return f"{RULE_PREFIX}:{group.rule}"
        case "CAMPAIGN":
            return f"{CAMPAIGN_PREFIX}:{group.campaign}"
        case "CAMPAIGN_GROUP":
            return str(campaign["campaignGroup"])
        case "ACCOUNT":
            return f"{ACCOUNT_PREFIX}:{group.account}"
        case "CREATIVE":
            return f"{CREATIVE_PREFIX}:{group.campaign}"
        case "SHARE":
            return f"urn:li:share:{group.campaign}"
        case "COMPANY":
            return str(world.entities.accounts[group.account].get("reference", "urn:li:organization:2414183"))
        case "OBJECTIVE_TYPE":
            return str(campaign["objectiveType"])
    values = _DRAWN_PIVOTS[pivot]
    return values[draw(pivot, group.campaign, group.day) % len(values)]


def draw(*subject: object) -> int:
    """A number that is always the same for the same subject."""
    return int.from_bytes(blake2b(repr(subject).encode(), digest_size=6).digest())
