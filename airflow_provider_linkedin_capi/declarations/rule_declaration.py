"""Declaring a conversion rule: found or created, so that one rule is in use whoever else declares it."""

from __future__ import annotations

import logging
import math
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from airflow_provider_linkedin_capi import exceptions
from airflow_provider_linkedin_capi.api import rule_references as references
from airflow_provider_linkedin_capi.declarations import rule_fields
from airflow_provider_linkedin_capi.exceptions import ConfigurationError, RuleExistsError, RuleReferenceError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from airflow_provider_linkedin_capi.api.conversion_rules import ConversionRule
    from airflow_provider_linkedin_capi.hooks.linkedin_conversions import LinkedInConversionsHook

log = logging.getLogger(__name__)

_CREATE_ATTEMPTS = 3
#: How long a rule whose creation was not acknowledged may take to show up in the account's list.
_SHOW_UP_SECONDS = 3.0


@dataclass(slots=True)
class Declared:
    """What a declaration ended with.

    :param rule: the rule in use.
    :param action: ``created``, ``reused`` or ``updated``.
    :param differences: what differed from the declaration when the rule was found.
    :param disabled_duplicates: ids of rules that this task created besides the one in use, and disabled.
    """

    rule: ConversionRule
    action: str
    differences: dict[str, dict[str, Any]] = field(default_factory=dict)
    disabled_duplicates: list[int] = field(default_factory=list)

    @property
    def urn(self) -> str:
        """The rule's URN."""
        return self.rule.urn

    def as_xcom(self) -> dict[str, Any]:
        """Return everything as JSON: the rule as LinkedIn spells it, and what was done."""
        return {
            "conversion_rule": self.urn,
            "action": self.action,
            "differences": self.differences,
            "disabled_duplicates": self.disabled_duplicates,
            "rule": rule_fields.wire_form(self.rule),
        }


def declare(
    hook: LinkedInConversionsHook,
    fields: Mapping[str, Any],
    *,
    if_exists: str,
    auto_association: str | None = None,
    chosen: int | str | None = None,
) -> Declared:
    """Return the rule that has the declared name and method, created when there is none.

    :param fields: the rule's fields as on the wire, without the account.
    :param if_exists: ``reuse`` reports what differs, ``update`` changes exactly that, ``fail`` raises.
    :param chosen: id or URN of the rule that is meant, whatever its name.
    :raises RuleReferenceError: several enabled rules have the name, or the chosen one is of another method.
    :raises RuleExistsError: the rule exists and ``if_exists`` is ``fail``.
    """
    found = _lookup(hook, fields, chosen)
    duplicates: list[int] = []
    if found is None:
        creation = _create(hook, fields, auto_association)
        if creation.own:
            return Declared(creation.rule, "created", disabled_duplicates=creation.disabled)
        found, duplicates = creation.rule, creation.disabled
    if if_exists == "fail":
        raise RuleExistsError(
            f"conversion rule {found.name!r} exists already: {references.described([found])}; "
            'if_exists="reuse" or "update" would use it'
        )
    declared = bring_up_to_date(hook, found, fields, only_report=if_exists == "reuse")
    declared.disabled_duplicates = duplicates
    return declared


def bring_up_to_date(
    hook: LinkedInConversionsHook, rule: ConversionRule, fields: Mapping[str, Any], *, only_report: bool = False
) -> Declared:
    """Change exactly the fields in which a rule differs; send nothing when none does.

    :param only_report: log and return the differences, change nothing.
    """
    differing = rule_fields.differences(rule, fields)
    if differing and not only_report:
        rule_fields.check_together(rule, {name: fields[name] for name in differing}, hook.api_version)
        hook.update_conversion_rule(rule.id, {name: fields[name] for name in differing})
        log.info("Changed conversion rule %s: %s", rule.id, rule_fields.shown(differing))
        rule = hook.get_conversion_rule(rule.id)
        action = "updated"
    else:
        action = "reused"
        if differing:
            log.warning(
                'Conversion rule %s differs from its declaration (if_exists="update" would change it): %s',
                rule.id,
                rule_fields.shown(differing),
            )
    if not rule.enabled and fields.get("enabled") is not False:
        log.warning(
            "Conversion rule %s (%r) is DISABLED: LinkedIn refuses its events. To enable it again, declare "
            'enabled=True with if_exists="update", or run UpdateConversionRuleOperator(enabled=True).',
            rule.id,
            rule.name,
        )
    return Declared(rule, action, differing)


def in_account_currency(hook: LinkedInConversionsHook, fields: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields, with the ad account's currency where the value has none.

    :raises ConfigurationError: the value is in another currency than the account, or it has no currency and the
        account cannot be read.
    """
    if "value" not in fields:
        return dict(fields)
    value = fields["value"]
    try:
        currency = hook.get_ad_account().currency
    except (exceptions.AccessDeniedError, exceptions.NotFoundError) as error:
        if "currencyCode" not in value:
            raise ConfigurationError(
                f"cannot read the ad account's currency ({error}); write "
                f"value={{'currencyCode': ..., 'amount': '{value['amount']}'}}"
            ) from error
        log.info("Cannot read the ad account's currency to compare the value's with it: %s", error)
        return dict(fields)
    if currency and value.get("currencyCode", currency) != currency:
        raise ConfigurationError(
            f"the value is in {value['currencyCode']}, the ad account's currency is {currency}: LinkedIn adds values "
            "up in the account's currency, so give the value in it"
        )
    return {**fields, "value": {"currencyCode": currency, **value}}


def _lookup(
    hook: LinkedInConversionsHook, fields: Mapping[str, Any], chosen: int | str | None
) -> ConversionRule | None:
    if chosen is not None:
        rule = hook.get_conversion_rule(chosen)
        if rule.conversion_method != fields["conversionMethod"]:
            raise RuleReferenceError(
                f"conversion rule {rule.id} uses method {rule.conversion_method}, but the DAG declares "
                f"{fields['conversionMethod']}; a rule's method cannot be changed: choose another rule"
            )
        return rule
    named = _named(hook, fields)
    candidates = [rule for rule in named if rule.enabled] or named
    if len(candidates) > 1:
        raise RuleReferenceError(
            f"{len(candidates)} conversion rules of the account are named {fields['name']!r}: "
            f"{references.described(candidates)}; choose one with conversion_rule=<id>, or disable the others"
        )
    return candidates[0] if candidates else None


def _named(hook: LinkedInConversionsHook, fields: Mapping[str, Any]) -> list[ConversionRule]:
    return list(hook.find_conversion_rules(name=fields["name"], method=fields["conversionMethod"]))


@dataclass(frozen=True, slots=True)
class _Creation:
    rule: ConversionRule
    own: bool
    disabled: list[int]


def _create(hook: LinkedInConversionsHook, fields: Mapping[str, Any], auto_association: str | None) -> _Creation:
    """Create a rule that did not exist a moment ago, and search for it again afterwards.

    A create whose answer was lost may have been carried out: it is sent again only when the rule does not show up.
    """
    lost: exceptions.LinkedInError | None = None
    for _ in range(_CREATE_ATTEMPTS):
        try:
            created = hook.create_conversion_rule(fields, auto_association=auto_association)
        except exceptions.LinkedInError as error:
            if not error.outcome_unknown:
                raise
            lost = error
            log.warning("Unknown whether conversion rule %r was created (%s); searching for it", fields["name"], error)
            time.sleep(_SHOW_UP_SECONDS)
            if present := _named(hook, fields):
                return _settle(hook, fields, present, None)
        else:
            present = _named(hook, fields)
            if created.id not in {rule.id for rule in present}:
                present.append(created)
            return _settle(hook, fields, present, None if lost else created.id)
    assert lost is not None
    raise lost


def _settle(
    hook: LinkedInConversionsHook, fields: Mapping[str, Any], present: list[ConversionRule], created: int | None
) -> _Creation:
    """Agree with tasks that created the same rule at the same time: the one that was created first stays.

    Everyone who creates searches afterwards, so the later one always finds the earlier one; each task disables its
    own rule when it is not the first. None of the rules was there before, so no events can have gone to them.

    :param created: the id this task was given; None when an answer was lost: then every rule as declared may be
        its own, and any other task's later one would be disabled by that task too.
    """
    first, *later = sorted(present, key=lambda rule: (rule.created or math.inf, rule.id))
    own = {
        rule.id
        for rule in present
        if rule.id == created or (created is None and not rule_fields.differences(rule, fields))
    }
    disabled = []
    for rule in later:
        if rule.id in own:
            if rule.enabled:
                hook.update_conversion_rule(rule.id, {"enabled": False})
            disabled.append(rule.id)
            log.warning(
                "Two tasks created conversion rule %r at the same time: %s was first and is in use, this task's %s is "
                "disabled",
                first.name,
                first.id,
                rule.id,
            )
        else:
            log.warning(
                "Another task created conversion rule %r at the same time as %s; it should disable its own, which is "
                "%s. Check this in Campaign Manager if it was made by hand.",
                first.name,
                first.id,
                rule.id,
            )
    return _Creation(first, first.id in own, disabled)
