"""What LinkedIn would refuse in a conversion rule, checked before anything is sent."""

from __future__ import annotations

import difflib
import re
from typing import TYPE_CHECKING, Any

from airflow_provider_linkedin_capi.api import limits, urns
from airflow_provider_linkedin_capi.exceptions import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

#: Kinds of rules.
CONVERSIONS_API = "CONVERSIONS_API"
INSIGHT_TAG_METHODS = ("INSIGHT_TAG_URL_MATCH_RULES", "INSIGHT_TAG_JAVASCRIPT_EVENT")
OFFLINE = "OFFLINE_CONVERSIONS_UPLOAD"

# fmt: off
#: Types whose attribution windows may be 180 and 365 days long.
LONG_WINDOW_TYPES = frozenset({
    "ADD_TO_CART", "LEAD", "PURCHASE", "SUBMIT_APPLICATION", "QUALIFIED_LEAD", "MARKETING_QUALIFIED_LEAD",
    "SALES_QUALIFIED_LEAD",
})
_TYPES = LONG_WINDOW_TYPES | {
    "DOWNLOAD", "INSTALL", "KEY_PAGE_VIEW", "SIGN_UP", "OTHER", "SAVE", "START_CHECKOUT", "SCHEDULE",
    "VIEW_CONTENT", "VIEW_VIDEO", "ADD_BILLING_INFO", "BOOK_APPOINTMENT", "REQUEST_QUOTE", "SEARCH",
    "SUBSCRIBE", "AD_CLICK", "AD_VIEW", "COMPLETE_SIGNUP", "PHONE_CALL", "INVITE", "LOGIN", "SHARE", "DONATE",
    "ADD_TO_LIST", "START_TRIAL", "OUTBOUND_CLICK", "CONTACT",
}
_READ_ONLY = frozenset({
    "id", "created", "lastModified", "associatedCampaigns", "ownershipType", "urlRules", "imagePixelTag",
    "latestFirstPartyCallbackAt", "lastCallbackAt", "key",
})
# fmt: on
_MQL_SQL_TYPES = frozenset({"MARKETING_QUALIFIED_LEAD", "SALES_QUALIFIED_LEAD"})
_OFFLINE_TYPES = frozenset({"RATE", "TALENT_LEAD", "JOB_APPLY", "TALENT_MEDIA_ENGAGEMENT"})
_WINDOWS = (1, 7, 30, 90)
_LONG_WINDOWS = (*_WINDOWS, 180, 365)
_ATTRIBUTION_TYPES = ("LAST_TOUCH_BY_CAMPAIGN", "LAST_TOUCH_BY_CONVERSION")
_VALUE_TYPES = ("DYNAMIC", "FIXED", "NO_VALUE")
_MATCH_TYPES = ("EXACT", "STARTS_WITH", "CONTAINS")
_AMOUNT = re.compile(r"[0-9]+(\.[0-9]+)?\Z")
_CURRENCY = re.compile(r"[A-Z]{3}\Z")


def conversion_types(version: str) -> frozenset[str]:
    """Return the types a rule may have in a version; the two marketing and sales ones came back in 202608."""
    return _TYPES if version >= limits.SINCE_MQL_SQL_TYPES else _TYPES - _MQL_SQL_TYPES


def check(rule: Mapping[str, Any], version: str) -> None:
    """Raise a ValueError that lists every problem of a whole rule, given by LinkedIn's field names.

    Checks what LinkedIn documents: required and unknown fields, types and their version, windows by type,
    values, URL match rules, and the DMP segment of retired offline rules.
    """
    missing = [name for name in ("name", "account", "type") if name not in rule]
    problems = [f"{name} is missing" for name in missing]
    problems += _problems(rule, version)
    method = rule.get("conversionMethod")
    if rule.get("valueType") == "FIXED" and "value" not in rule:
        problems.append("value is missing: valueType FIXED needs {currencyCode, amount}")
    if "value" in rule and method == CONVERSIONS_API and rule.get("valueType") != "FIXED":
        problems.append("value is only used with valueType FIXED; with DYNAMIC each event brings its own")
    if method == OFFLINE:
        if version[:6] > limits.LAST_OFFLINE_VERSION:
            problems.append(
                f"conversionMethod {OFFLINE} was retired in November 2023 and needs API version "
                f"{limits.LAST_OFFLINE_VERSION} or earlier, this is {version}; use {CONVERSIONS_API}"
            )
        if "dmpSegment" not in rule:
            problems.append(f"dmpSegment is missing: {OFFLINE} rules need it")
    elif "dmpSegment" in rule:
        problems.append(f"dmpSegment belongs to {OFFLINE} rules only")
    if "urlMatchRuleExpression" in rule and method not in (None, INSIGHT_TAG_METHODS[0]):
        problems.append("urlMatchRuleExpression belongs to insight-tag rules with URL match rules only")
    _refuse("conversion rule", problems)


def check_changes(changes: Mapping[str, Any], version: str) -> None:
    """Raise a ValueError that lists every problem of changes to a rule."""
    problems = list(_problems(changes, version))
    if not changes:
        problems.append("nothing to change was given")
    if "account" in changes:
        problems.append("account can't be changed after creation")
    _refuse("changes to the conversion rule", problems)


def _refuse(what: str, problems: Iterable[str]) -> None:
    if text := "; ".join(problems):
        raise ConfigurationError(f"{what}: {text}")


def _problems(fields: Mapping[str, Any], version: str) -> Iterator[str]:
    for name, value in fields.items():
        if name in _READ_ONLY:
            yield f"{name} is read-only"
        elif (problem_of := _CHECKS.get(name)) is None:
            yield f"{name} is not a field of a conversion rule{_hint(name, _CHECKS)}"
        elif problem := problem_of(value):
            yield f"{name} {problem}"
    yield from _type_problems(fields, version)
    yield from _window_problems(fields)


def _type_problems(fields: Mapping[str, Any], version: str) -> Iterator[str]:
    kind = fields.get("type")
    if not isinstance(kind, str):
        return
    allowed = conversion_types(version)
    if fields.get("conversionMethod") == OFFLINE:
        allowed |= _OFFLINE_TYPES
    if kind in allowed:
        return
    if kind in _MQL_SQL_TYPES:
        yield f"type {kind} needs API version {limits.SINCE_MQL_SQL_TYPES} or later, this is {version}"
    else:
        yield f"type {kind!r} is not a conversion type{_hint(kind, allowed)}"


def _window_problems(fields: Mapping[str, Any]) -> Iterator[str]:
    kind = fields.get("type")
    allowed = _LONG_WINDOWS if kind is None or kind in LONG_WINDOW_TYPES else _WINDOWS
    for name in ("postClickAttributionWindowSize", "viewThroughAttributionWindowSize"):
        days = fields.get(name)
        if name in fields and (days not in allowed or isinstance(days, bool)):
            of_type = f" for type {kind}" if kind else ""
            yield f"{name} {days!r} is not one of {', '.join(map(str, allowed))} days{of_type}"


def _hint(word: str, known: Iterable[str]) -> str:
    close = difflib.get_close_matches(word, list(known), n=1)
    return f"; did you mean {close[0]}?" if close else ""


def _name(value: Any) -> str | None:
    return None if isinstance(value, str) and value.strip() else "is empty"


def _boolean(value: Any) -> str | None:
    return None if isinstance(value, bool) else f"{value!r} is not true or false"


def _one_of(allowed: tuple[str, ...]) -> Callable[[Any], str | None]:
    return lambda value: None if value in allowed else f"{value!r} is not one of {', '.join(allowed)}"


def _urn(normal: Callable[[Any], str]) -> Callable[[Any], str | None]:
    def problem(value: Any) -> str | None:
        try:
            wanted = normal(value)
        except ValueError as error:
            return str(error)
        return None if value == wanted else f"{value!r} must be written {wanted}"

    return problem


def _campaigns(value: Any) -> str | None:
    if not isinstance(value, list | tuple):
        return f"{value!r} is not a list of campaign URNs"
    return next((problem for item in value if (problem := _urn(urns.campaign)(item))), None)


def _money(value: Any) -> str | None:
    if not hasattr(value, "keys") or set(value) != {"currencyCode", "amount"}:
        return "must be {currencyCode, amount}"
    if not (isinstance(value["currencyCode"], str) and _CURRENCY.match(value["currencyCode"])):
        return f"has the currencyCode {value['currencyCode']!r}; write the three capital letters of ISO 4217"
    if not (isinstance(value["amount"], str) and _AMOUNT.match(value["amount"])):
        return f'has the amount {value["amount"]!r}; write decimal text such as "50.0"'
    return None


def _url_match_rules(value: Any) -> str | None:
    for group in value if isinstance(value, list | tuple) and value else [None]:
        if not (isinstance(group, list | tuple) and group):
            return "must be a list (or) of lists (and) of {matchType, matchValue}"
        for rule in group:
            if not hasattr(rule, "keys") or set(rule) != {"matchType", "matchValue"}:
                return "must consist of {matchType, matchValue}"
            if rule["matchType"] not in _MATCH_TYPES:
                return f"has the matchType {rule['matchType']!r}; it is one of {', '.join(_MATCH_TYPES)}"
            text = rule["matchValue"]
            if not isinstance(text, str) or not text.strip():
                return "has an empty matchValue"
            if "://" in text:
                return f"has the matchValue {text!r}; leave the scheme out"
    return None


def _window(value: Any) -> None:
    """Windows depend on the type: see :func:`_window_problems`."""


_CHECKS: dict[str, Callable[[Any], str | None]] = {
    "name": _name,
    "account": _urn(urns.ad_account),
    "conversionMethod": _one_of((CONVERSIONS_API, *INSIGHT_TAG_METHODS, OFFLINE)),
    "type": _name,
    "postClickAttributionWindowSize": _window,
    "viewThroughAttributionWindowSize": _window,
    "attributionType": _one_of(_ATTRIBUTION_TYPES),
    "valueType": _one_of(_VALUE_TYPES),
    "value": _money,
    "enabled": _boolean,
    "campaigns": _campaigns,
    "dmpSegment": _urn(urns.dmp_segment),
    "urlMatchRuleExpression": _url_match_rules,
}
