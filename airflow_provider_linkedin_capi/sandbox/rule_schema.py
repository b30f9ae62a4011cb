"""What a conversion rule may say: its schema by version, and what LinkedIn refuses beyond it."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

from airflow_provider_linkedin_capi.sandbox import answers
from airflow_provider_linkedin_capi.sandbox.entities import ACCOUNT_PREFIX, CAMPAIGN_PREFIX, SEGMENT_PREFIX, id_of
from airflow_provider_linkedin_capi.sandbox.validation import (
    Check,
    array,
    boolean,
    decimal_text,
    long,
    read_only,
    record,
    symbol,
    text,
    urn,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from airflow_provider_linkedin_capi.sandbox.answers import Refused

MQL_SQL_GONE = 202408
MQL_SQL_SINCE = 202608
LAST_LEGACY_VERSION = 202310

LONG_WINDOW_TYPES = frozenset(
    {
        "ADD_TO_CART",
        "PURCHASE",
        "LEAD",
        "SUBMIT_APPLICATION",
        "QUALIFIED_LEAD",
        "MARKETING_QUALIFIED_LEAD",
        "SALES_QUALIFIED_LEAD",
    }
)
TYPES = frozenset(
    [
        "ADD_TO_CART",
        "DOWNLOAD",
        "INSTALL",
        "KEY_PAGE_VIEW",
        "LEAD",
        "PURCHASE",
        "SIGN_UP",
        "OTHER",
        "SAVE",
        "START_CHECKOUT",
        "SCHEDULE",
        "VIEW_CONTENT",
        "VIEW_VIDEO",
        "ADD_BILLING_INFO",
        "BOOK_APPOINTMENT",
        "REQUEST_QUOTE",
        "SEARCH",
        "SUBSCRIBE",
        "AD_CLICK",
        "AD_VIEW",
        "COMPLETE_SIGNUP",
        "SUBMIT_APPLICATION",
        "PHONE_CALL",
        "INVITE",
        "LOGIN",
        "SHARE",
        "DONATE",
        "ADD_TO_LIST",
        "START_TRIAL",
        "OUTBOUND_CLICK",
        "CONTACT",
        "QUALIFIED_LEAD",
    ]
)
#: Known to versions up to 202310 alone.
LEGACY_TYPES = frozenset({"RATE", "TALENT_LEAD", "JOB_APPLY", "TALENT_MEDIA_ENGAGEMENT"})
METHODS_OF_CONVERSION = frozenset(
    {
        "CONVERSIONS_API",
        "INSIGHT_TAG_URL_MATCH_RULES",
        "INSIGHT_TAG_JAVASCRIPT_EVENT",
        "OFFLINE_CONVERSIONS_UPLOAD",
    }
)
#: LinkedIn does not publish which objectives fit which type; these are this server's.
LEAD_TYPES = frozenset({"LEAD", "QUALIFIED_LEAD", "MARKETING_QUALIFIED_LEAD", "SALES_QUALIFIED_LEAD"})

READ_ONLY = [
    "id",
    "created",
    "lastModified",
    "ownershipType",
    "urlRules",
    "imagePixelTag",
    "latestFirstPartyCallbackAt",
    "lastCallbackAt",
    "associatedCampaigns",
    "key",
]


def schema(version: int, required: tuple[str, ...]) -> Check:
    """The schema of a rule in a version; a patch requires nothing."""
    types = TYPES
    if version >= MQL_SQL_SINCE or version < MQL_SQL_GONE:
        types |= {"MARKETING_QUALIFIED_LEAD", "SALES_QUALIFIED_LEAD"}
    if version <= LAST_LEGACY_VERSION:
        types |= LEGACY_TYPES
    match = record({"matchType": symbol(frozenset({"EXACT", "STARTS_WITH", "CONTAINS"})), "matchValue": text})
    members: dict[str, Check] = {
        "name": text,
        "account": urn(ACCOUNT_PREFIX),
        "conversionMethod": symbol(METHODS_OF_CONVERSION),
        "type": symbol(types),
        "postClickAttributionWindowSize": long,
        "viewThroughAttributionWindowSize": long,
        "attributionType": symbol(frozenset({"LAST_TOUCH_BY_CAMPAIGN", "LAST_TOUCH_BY_CONVERSION"})),
        "valueType": symbol(frozenset({"DYNAMIC", "FIXED", "NO_VALUE"})),
        "value": record({"currencyCode": text, "amount": decimal_text}),
        "enabled": boolean,
        "dmpSegment": urn(SEGMENT_PREFIX),
        "urlMatchRuleExpression": array(array(match)),
        "campaigns": array(urn(CAMPAIGN_PREFIX)),
    }
    members |= dict.fromkeys(READ_ONLY, read_only)
    return record({name: members.pop(name) for name in required}, members)


def check_meaning(rule: Mapping[str, Any], segments: Mapping[int, Mapping[str, Any]]) -> None:
    """Refuse what the schema allows and LinkedIn does not."""
    windows = {1, 7, 30, 90} | ({180, 365} if rule["type"] in LONG_WINDOW_TYPES else set())
    for name in ("postClickAttributionWindowSize", "viewThroughAttributionWindowSize"):
        if rule[name] not in windows:
            raise invalid(f"{name} {rule[name]} is not allowed for type {rule['type']}")
    if not rule["name"].strip():
        raise invalid("name should not be empty")
    if rule["valueType"] == "FIXED" and "value" not in rule:
        raise invalid("value is required when valueType is FIXED")
    if "value" in rule and Decimal(rule["value"]["amount"]) < 0:
        raise invalid("value should not be negative")
    if rule["conversionMethod"] == "OFFLINE_CONVERSIONS_UPLOAD" and not _has_segment(rule, segments):
        raise invalid("dmpSegment of this account is required when conversionMethod is OFFLINE_CONVERSIONS_UPLOAD")
    if rule.get("urlMatchRuleExpression") and not rule["conversionMethod"].startswith("INSIGHT_TAG"):
        raise invalid("urlMatchRuleExpression is only allowed for Insight Tag conversions")
    for group in rule.get("urlMatchRuleExpression", ()):
        for match in group:
            if not match["matchValue"] or "://" in match["matchValue"]:
                raise invalid("matchValue should be a URL without scheme")


def _has_segment(rule: Mapping[str, Any], segments: Mapping[int, Mapping[str, Any]]) -> bool:
    segment = segments.get(id_of(rule["dmpSegment"])) if "dmpSegment" in rule else None
    return segment is not None and segment["account"] == rule["account"]


def invalid(message: str) -> Refused:
    """400 for a rule."""
    return answers.short(400, f"Invalid conversion: {message}")
