"""Ids as users write them (a number, its text, or the full URN) and as LinkedIn takes them."""

from __future__ import annotations

import re

from airflow_provider_linkedin_capi.exceptions import ConfigurationError

_KINDS = {
    "ad account": "urn:li:sponsoredAccount:",
    "campaign": "urn:li:sponsoredCampaign:",
    "campaign group": "urn:li:sponsoredCampaignGroup:",
    "creative": "urn:li:sponsoredCreative:",
    "conversion rule": "urn:lla:llaPartnerConversion:",
    "DMP segment": "urn:li:dmpSegment:",
    "insight tag": "urn:tscp:insightTag:",
    "organization": "urn:li:organization:",
}
_NUMBER = re.compile(r"[1-9][0-9]{0,18}\Z")


def _urn(kind: str, value: int | str) -> str:
    prefix = _KINDS[kind]
    text = str(value).strip()
    number = text.removeprefix(prefix)
    if isinstance(value, bool) or not _NUMBER.match(number):
        article = "an" if kind[0] in "aeiou" else "a"
        raise ConfigurationError(f"{value!r} is not the id of {article} {kind}: give the number, or {prefix}<number>")
    return prefix + number


def ad_account(value: int | str) -> str:
    """Return ``urn:li:sponsoredAccount:<id>``."""
    return _urn("ad account", value)


def campaign(value: int | str) -> str:
    """Return ``urn:li:sponsoredCampaign:<id>``."""
    return _urn("campaign", value)


def campaign_group(value: int | str) -> str:
    """Return ``urn:li:sponsoredCampaignGroup:<id>``."""
    return _urn("campaign group", value)


def creative(value: int | str) -> str:
    """Return ``urn:li:sponsoredCreative:<id>``."""
    return _urn("creative", value)


def conversion_rule(value: int | str) -> str:
    """Return ``urn:lla:llaPartnerConversion:<id>``; note the *lla*."""
    return _urn("conversion rule", value)


def dmp_segment(value: int | str) -> str:
    """Return ``urn:li:dmpSegment:<id>``."""
    return _urn("DMP segment", value)


def insight_tag(value: int | str) -> str:
    """Return ``urn:tscp:insightTag:<id>``; note the *tscp*."""
    return _urn("insight tag", value)


def organization(value: int | str) -> str:
    """Return ``urn:li:organization:<id>``, a company in reports."""
    return _urn("organization", value)


def number(urn: int | str) -> int:
    """Return the number at the end of a URN."""
    return int(str(urn).rpartition(":")[2])
