"""The fields of a conversion rule: from operator parameters to the wire, and compared with what LinkedIn has."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any

import msgspec

from airflow_provider_linkedin_capi.api import conversion_rules
from airflow_provider_linkedin_capi.api import url_match_rules as url_match
from airflow_provider_linkedin_capi.exceptions import ConfigurationError

if TYPE_CHECKING:
    from airflow_provider_linkedin_capi.api.conversion_rules import ConversionRule

#: What holds where LinkedIn's answer leaves a field out.
_LINKEDIN_DEFAULTS = {
    "enabled": True,
    "attributionType": "LAST_TOUCH_BY_CAMPAIGN",
    "postClickAttributionWindowSize": 30,
    "viewThroughAttributionWindowSize": 7,
    "valueType": "DYNAMIC",
}
_REQUIRED = {"name", "account", "type", "conversionMethod"}
#: Fields whose allowed values depend on one another.
_INTERDEPENDENT = {
    "type",
    "postClickAttributionWindowSize",
    "viewThroughAttributionWindowSize",
    "valueType",
    "value",
    "urlMatchRuleExpression",
}


def wire_fields(
    *,
    name: str | None = None,
    conversion_type: str | None = None,
    conversion_method: str | None = None,
    attribution_type: str | None = None,
    post_click_attribution_window: int | str | None = None,
    view_through_attribution_window: int | str | None = None,
    value_type: str | None = None,
    value: Any = None,
    enabled: bool | None = None,
    url_match_rules: str | None = None,
) -> dict[str, Any]:
    """Return the fields that are not None as LinkedIn spells them.

    A bare amount becomes a value without a currency, which the caller completes.

    :raises ValueError: something cannot be a field at all; LinkedIn's own rules are checked elsewhere.
    """
    fields = {
        "name": None if name is None else str(name).strip(),
        "type": conversion_type,
        "conversionMethod": conversion_method,
        "attributionType": attribution_type,
        "postClickAttributionWindowSize": _days("post_click_attribution_window", post_click_attribution_window),
        "viewThroughAttributionWindowSize": _days("view_through_attribution_window", view_through_attribution_window),
        "valueType": value_type,
        "value": None if value is None else _money(value),
        "enabled": enabled,
        "urlMatchRuleExpression": None if url_match_rules is None else url_match.parse(url_match_rules),
    }
    if fields["name"] == "":
        raise ConfigurationError("a conversion rule needs a name")
    return {field: value for field, value in fields.items() if value is not None}


def differences(rule: ConversionRule, fields: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Return the declared fields in which a rule differs: ``{field: {"declared": ..., "actual": ...}}``."""
    actual = _LINKEDIN_DEFAULTS | wire_form(rule)
    return {
        field: {"declared": declared, "actual": actual.get(field)}
        for field, declared in fields.items()
        if _comparable(field, declared) != _comparable(field, actual.get(field))
    }


def check_together(rule: ConversionRule, changes: Mapping[str, Any], version: str) -> None:
    """Refuse changes that are right by themselves but not with the rest of the rule, e.g. a window with its type.

    :raises ValueError: the changed rule would have problems; all are listed.
    """
    if not changes.keys() & _INTERDEPENDENT:
        return
    changed = {
        field: value for field, value in wire_form(rule).items() if field in _REQUIRED | _LINKEDIN_DEFAULTS.keys()
    }
    changed |= changes
    if changed.get("valueType") == "FIXED" and "value" not in changed and rule.value:
        changed["value"] = msgspec.to_builtins(rule.value)
    conversion_rules.check(changed, version)


def wire_form(rule: ConversionRule) -> dict[str, Any]:
    """Return a rule as LinkedIn spells it, without the fields that it does not have."""
    return {field: value for field, value in msgspec.to_builtins(rule).items() if value is not None}


def shown(differing: Mapping[str, Mapping[str, Any]]) -> str:
    """Return differences for the log; URL-match expressions in their readable form."""
    return "; ".join(
        f"{field}: declared {_shown(field, both['declared'])}, in LinkedIn {_shown(field, both['actual'])}"
        for field, both in differing.items()
    )


def _shown(field: str, value: Any) -> str:
    if field == "urlMatchRuleExpression" and value:
        return url_match.readable(value)
    return repr(value)


def _comparable(field: str, value: Any) -> Any:
    """Bring what means the same to one form: 20 and 20.00, the conditions of an expression in any order."""
    if value is None:
        return None
    if field == "value":
        return value.get("currencyCode"), Decimal(value["amount"])
    if field == "urlMatchRuleExpression":
        return {frozenset((item["matchType"], item["matchValue"]) for item in group) for group in value}
    return value


def _days(parameter: str, value: int | str | None) -> int | None:
    try:
        return None if value is None else int(str(value))
    except ValueError:
        raise ConfigurationError(f"{parameter}={value!r} is not a number of days") from None


def _money(value: Any) -> dict[str, str]:
    """Return ``{"currencyCode", "amount"}``; without the currency for a bare amount."""
    amount = value.get("amount") if isinstance(value, Mapping) else value
    try:
        number = Decimal(str(amount))
    except InvalidOperation:
        number = Decimal("NaN")
    if not number.is_finite() or number < 0:
        raise ConfigurationError(f'value={value!r}: give an amount, or {{"currencyCode": "USD", "amount": "50.00"}}')
    money = {"amount": format(number, "f")}
    if isinstance(value, Mapping) and (currency := value.get("currencyCode")):
        money["currencyCode"] = str(currency).strip().upper()
    return money
