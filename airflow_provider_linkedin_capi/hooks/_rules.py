"""Conversion rules through the hook."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_provider_linkedin_capi.api import conversion_rules
from airflow_provider_linkedin_capi.api import rule_references as references
from airflow_provider_linkedin_capi.api.caller import Caller
from airflow_provider_linkedin_capi.exceptions import RuleReferenceError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from airflow_provider_linkedin_capi.api.batches import BatchResult
    from airflow_provider_linkedin_capi.api.conversion_rules import ConversionRule


class ConversionRulesMixin(Caller):
    """Create, read, change and name the conversion rules of the hook's ad account."""

    def create_conversion_rule(self, rule: Mapping[str, Any], *, auto_association: str | None = None) -> ConversionRule:
        """Create a rule. Not repeated after a lost answer, since names are not unique.

        :param rule: fields as on the wire, without the account.
        :param auto_association: ``ALL_CAMPAIGNS``, ``OBJECTIVE_BASED`` or None.
        """
        body = {**rule, "account": self.ad_account}
        return self.call(conversion_rules.create(body, self.api_version, auto_association=auto_association))

    def get_conversion_rule(self, rule: int | str) -> ConversionRule:
        """Return one rule by id or URN."""
        return self.call(conversion_rules.get(self.ad_account, rule, self.api_version))

    def find_conversion_rules(self, *, name: str | None = None, method: str | None = None) -> Iterator[ConversionRule]:
        """Yield the account's own rules from all pages, of every kind unless a method is given.

        :param name: only rules with exactly this name, but for spaces around it; there may be several.
        :param method: only rules of this conversion method, e.g. ``CONVERSIONS_API``.
        """
        for rule in self.paginate(conversion_rules.find(self.ad_account, self.api_version)):
            if name in (None, rule.name, rule.name.strip()) and method in (None, rule.conversion_method):
                yield rule

    def update_conversion_rule(self, rule: int | str, changes: Mapping[str, Any]) -> None:
        """Change some fields of a rule, e.g. ``{"enabled": False}``. LinkedIn knows no deletion."""
        self.call(conversion_rules.update(self.ad_account, rule, changes, self.api_version))

    def batch_create_conversion_rules(self, rules: Sequence[Mapping[str, Any]]) -> BatchResult[int, ConversionRule]:
        """Create up to 100 rules; results and errors by position."""
        bodies = [{**rule, "account": self.ad_account} for rule in rules]
        return self.call(conversion_rules.batch_create(bodies, self.api_version))

    def batch_get_conversion_rules(self, rules: Iterable[int | str]) -> BatchResult[str, ConversionRule]:
        """Return rules by id or URN; results and errors by URN."""
        return self.call(conversion_rules.batch_get(self.ad_account, list(rules), self.api_version))

    def batch_update_conversion_rules(self, changes: Mapping[int | str, Mapping[str, Any]]) -> BatchResult[str, None]:
        """Change some fields of several rules; results and errors by URN."""
        return self.call(conversion_rules.batch_update(self.ad_account, changes, self.api_version))

    def resolve_conversion_rules(
        self,
        value: references.RuleReferences,
        *,
        method: str | None = references.CONVERSIONS_API,
    ) -> str | dict[str, str]:
        """Return the URN of a rule given by id, URN or name, or a mapping of URNs for a mapping.

        Ids and URNs cost no request; all names of one call together cost one walk over the account's rules.
        Text of digits is an id; a name of digits, or with ``=`` in it, is written ``name:2024``. Names are
        compared exactly, but for spaces around them.

        :param value: ``22285180``, ``"urn:lla:llaPartnerConversion:22285180"``, ``"CRM purchase"``,
            ``{"LEAD": 22285180, "PURCHASE": "CRM purchase"}``, or the latter as text
            ``"LEAD=22285180,PURCHASE=CRM purchase"``.
        :param method: the conversion method that a rule given by name has to have; None when any will do.
        :raises RuleReferenceError: a name stands for no rule, or for several.
        :raises ValueError: an id or URN that cannot be one.
        """
        parsed = references.parse(value)
        if isinstance(parsed, dict):
            return _urns(self, parsed, method)
        return _urns(self, {"": parsed}, method)[""]

    def resolve_conversion_rule(
        self, value: references.RuleReference, *, method: str | None = references.CONVERSIONS_API
    ) -> str:
        """Return the URN of one rule given by id, URN or name; see :meth:`resolve_conversion_rules`."""
        parsed = references.parse(value)
        if isinstance(parsed, dict):
            raise RuleReferenceError(f"one conversion rule is wanted here, not several: {value!r}")
        return _urns(self, {"": parsed}, method)[""]


def _urns(caller: Caller, by_type: Mapping[str, references.RuleReference], method: str | None) -> dict[str, str]:
    rules: list[ConversionRule] = []
    resolved: dict[str, str] = {}
    for kind, reference in by_type.items():
        urn = references.as_urn(reference)
        if urn is None:
            rules = rules or list(caller.paginate(conversion_rules.find(caller.ad_account, caller.api_version)))
            rule = references.choose(rules, reference, account=caller.ad_account, method=method)
            urn = rule.urn
            caller.log.info("Conversion rule %r is %s", rule.name, urn)
            if not rule.enabled:
                caller.log.warning("Conversion rule %r (%s) is disabled: LinkedIn refuses its events.", rule.name, urn)
        resolved[kind] = urn
    return resolved
