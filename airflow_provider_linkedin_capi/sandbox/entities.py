"""What the local LinkedIn knows besides events: members, tokens, accounts, campaigns, rules, tags, segments."""

from __future__ import annotations

from typing import Any

import msgspec

ACCOUNT_PREFIX = "urn:li:sponsoredAccount"
CAMPAIGN_PREFIX = "urn:li:sponsoredCampaign"
CAMPAIGN_GROUP_PREFIX = "urn:li:sponsoredCampaignGroup"
RULE_PREFIX = "urn:lla:llaPartnerConversion"
SEGMENT_PREFIX = "urn:li:dmpSegment"
INSIGHT_TAG_PREFIX = "urn:tscp:insightTag"
LEAD_PREFIX = "urn:li:leadGenFormResponse"

ALL_SCOPES = ("r_ads", "r_ads_reporting", "rw_ads", "rw_conversions", "rw_dmp_segments", "rw_offlineConversions")
WRITER_ROLES = frozenset({"ACCOUNT_BILLING_ADMIN", "ACCOUNT_MANAGER", "CAMPAIGN_MANAGER", "CREATIVE_MANAGER"})
DAY_SECONDS = 86_400


def id_of(urn: str) -> int:
    """The number at the end of a URN."""
    return int(urn.rpartition(":")[2])


class Client(msgspec.Struct):
    """An application.

    :param secret: its client secret.
    :param rotates: whether each refresh hands out a new refresh token and ends the old one.
    """

    secret: str
    rotates: bool = False


class Token(msgspec.Struct):
    """An access or refresh token.

    :param member: URN of the member who consented.
    :param scopes: granted scopes.
    :param client: the application it belongs to; None for one made in Campaign Manager.
    :param created_at: epoch seconds.
    :param expires_at: epoch seconds; None for never.
    :param status: ``active``, ``revoked`` or ``restricted`` (the member is).
    """

    member: str
    scopes: list[str]
    client: str | None
    created_at: float
    expires_at: float | None
    status: str = "active"


class InsightTag(msgspec.Struct):
    """An Insight Tag and the accounts that may use it, each with its role."""

    id: int
    roles: dict[int, str]
    first_party_tracking: bool = True


class Domain(msgspec.Struct):
    """A site on which an Insight Tag was seen; times in epoch milliseconds."""

    tag: int
    name: str
    created: int
    last_callback_at: int
    blocked: bool = False


class Entities(msgspec.Struct):
    """Everything small, kept as one document.

    Rules, campaigns, accounts and segments are kept as they stand on the wire, by id.

    :param associations: campaign id -> rule id -> time of association in epoch milliseconds.
    :param roles: member URN -> account id -> role.
    :param order_paths: account id -> order id -> what led to the order.
    :param next_id: the last id that was given to something new.
    :param clock_offset_seconds: how far the clock was moved when this was saved.
    """

    clients: dict[str, Client] = {}
    tokens: dict[str, Token] = {}
    refresh_tokens: dict[str, Token] = {}
    accounts: dict[int, dict[str, Any]] = {}
    campaigns: dict[int, dict[str, Any]] = {}
    rules: dict[int, dict[str, Any]] = {}
    associations: dict[int, dict[int, int]] = {}
    roles: dict[str, dict[int, str]] = {}
    insight_tags: dict[int, InsightTag] = {}
    domains: list[Domain] = []
    segments: dict[int, dict[str, Any]] = {}
    order_paths: dict[int, dict[str, list[dict[str, Any]]]] = {}
    next_id: int = 14_488_340
    clock_offset_seconds: float = 0.0
