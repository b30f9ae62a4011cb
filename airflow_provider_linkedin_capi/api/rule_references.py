"""Conversion rules as users name them: by id, URN or name, alone or one per conversion type."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING

from airflow_provider_linkedin_capi.api import urns
from airflow_provider_linkedin_capi.exceptions import RuleReferenceError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from airflow_provider_linkedin_capi.api.conversion_rules import ConversionRule

#: An id (number or text of digits), a URN, or a name. Text of digits is always an id.
RuleReference = int | str
#: One rule for all, or one per conversion type: a mapping, or its text ``LEAD=22285180,PURCHASE=CRM purchase``.
RuleReferences = RuleReference | Mapping[str, RuleReference]

CONVERSIONS_API = "CONVERSIONS_API"

#: Put before a name that would be read as something else: all digits, or with ``=`` in it.
NAME_PREFIX = "name:"

_PAIR = re.compile(r"\s*([A-Za-z][A-Za-z0-9_]*)\s*=\s*([^,]+?)\s*\Z")
_CLOSE = 0.5


def as_urn(reference: RuleReference) -> str | None:
    """Return the URN when the reference is an id or a URN, None when it is a name.

    :raises ConfigurationError: a number or URN that no conversion rule can have.
    """
    if not isinstance(reference, int | str):
        raise RuleReferenceError(f"{reference!r} is not a conversion rule; give its id, URN or name")
    text = reference.strip() if isinstance(reference, str) else ""
    if isinstance(reference, int) or text.isdigit() or text.startswith("urn:"):
        return urns.conversion_rule(reference)
    if not text.removeprefix(NAME_PREFIX).strip():
        raise RuleReferenceError("the conversion rule is empty; give its id, URN or name")
    return None


def parse(references: RuleReferences) -> RuleReference | dict[str, RuleReference]:
    """Return the reference for all, or the mapping from conversion type to reference, also of its text form.

    :raises RuleReferenceError: the mapping is empty, or its text form is broken or names a type twice.
    """
    if isinstance(references, Mapping):
        if not references:
            raise RuleReferenceError("the mapping from conversion type to conversion rule is empty")
        return dict(references)
    text = str(references)
    if "=" not in text or text.strip().startswith(NAME_PREFIX):
        return references
    mapping: dict[str, RuleReference] = {}
    for pair in text.split(","):
        match = _PAIR.match(pair)
        if match is None:
            raise RuleReferenceError(
                f"{pair.strip()!r} in {text!r} is not TYPE=rule; write LEAD=22285180,PURCHASE=22285188, "
                f"or {NAME_PREFIX}{text} if this is one rule's name"
            )
        if match[1] in mapping:
            raise RuleReferenceError(f"{text!r} names two conversion rules for {match[1]}")
        mapping[match[1]] = match[2]
    return mapping


def choose(
    rules: Iterable[ConversionRule], reference: RuleReference, *, account: str, method: str | None
) -> ConversionRule:
    """Return the one rule that a name stands for.

    Of several rules with the name, the only enabled one is meant (a rule cannot be deleted, only disabled);
    where any method will do, one for the Conversions API goes before those of the insight tag.

    :param rules: all rules of the account.
    :param account: URN of the ad account, for the message.
    :param method: the conversion method that the rule has to have; None when any will do.
    :raises RuleReferenceError: no rule has the name (similar ones are listed), or several have it (ids are listed).
    """
    name = str(reference).strip().removeprefix(NAME_PREFIX).strip()
    rules = list(rules)
    named = [rule for rule in rules if rule.name.strip() == name]
    usable = [rule for rule in named if method in (None, rule.conversion_method)]
    preferred = [rule for rule in usable if rule.conversion_method == CONVERSIONS_API] or usable
    candidates = [rule for rule in preferred if rule.enabled] or preferred
    if len(candidates) == 1:
        return candidates[0]
    where = f"ad account {urns.number(account)}"
    if candidates:
        raise RuleReferenceError(
            f"{len(candidates)} conversion rules in {where} are named {name!r}: {described(candidates)}; "
            "give the id of one of them"
        )
    if named:
        raise RuleReferenceError(
            f"the conversion rule named {name!r} in {where} is not of method {method}: {described(named)}; "
            "name another rule, or create one of this method"
        )
    names = sorted({rule.name for rule in rules if method in (None, rule.conversion_method)})
    raise RuleReferenceError(
        f"no conversion rule in {where} is named {name!r} ({_near(name, names)}); correct the name, give the id, "
        "or create the rule first"
    )


def described(rules: Sequence[ConversionRule]) -> str:
    """Name rules so that one can be chosen: id, method, type, state."""
    return ", ".join(
        f"{rule.id} ({rule.conversion_method}, {rule.type}, {'enabled' if rule.enabled else 'disabled'})"
        for rule in sorted(rules, key=lambda rule: rule.id)
    )


def _near(name: str, names: Sequence[str]) -> str:
    if not names:
        return "it has no such rules"
    folded = {known.casefold(): known for known in names}
    near = [folded[key] for key in difflib.get_close_matches(name.casefold(), folded, cutoff=_CLOSE)]
    if near:
        return f"similar: {', '.join(map(repr, near))}"
    return f"none of its {len(names)} names is similar"
