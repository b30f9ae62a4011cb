"""Conversion rules: ``/conversions``.

Follows https://learn.microsoft.com/linkedin/marketing/integrations/ads-reporting/conversion-tracking and
.../conversions-api. There is no DELETE: a rule that is no longer wanted is disabled. Creating is not
idempotent and names are not unique: search for a rule before creating it, and again after a lost answer.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from airflow_provider_linkedin_capi.api import batches, limits, paging, restli, urns
from airflow_provider_linkedin_capi.api.campaign_associations import (
    CampaignAssociation,  # noqa: TC001 - msgspec reads the annotations at run time
)
from airflow_provider_linkedin_capi.api.restli import Resource
from airflow_provider_linkedin_capi.api.rule_checks import check, check_changes
from airflow_provider_linkedin_capi.exceptions import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from airflow_provider_linkedin_capi.api.batches import BatchResult
    from airflow_provider_linkedin_capi.api.call import Call, Reply
    from airflow_provider_linkedin_capi.api.paging import Page

__all__ = [
    "AUTO_ASSOCIATIONS",
    "ConversionRule",
    "Money",
    "UrlMatchRule",
    "batch_create",
    "batch_get",
    "batch_update",
    "check",
    "check_auto_association",
    "check_changes",
    "create",
    "find",
    "get",
    "update",
]

RESOURCE = Resource("conversions", scope="rw_conversions", personal=False)

#: What LinkedIn can associate when it creates a rule, once: later campaigns are not added.
AUTO_ASSOCIATIONS = ("ALL_CAMPAIGNS", "OBJECTIVE_BASED")


class Money(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """An amount as decimal text, and its ISO 4217 currency."""

    currency_code: str
    amount: str


class UrlMatchRule(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """One condition of an insight-tag rule on the page's URL."""

    match_type: str
    match_value: str


class ConversionRule(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A conversion rule as LinkedIn returns it; fields of other kinds of rules are None.

    Times are epoch milliseconds, windows are days.
    """

    id: int
    name: str = ""
    account: str = ""
    conversion_method: str | None = None
    type: str = ""
    enabled: bool = True
    attribution_type: str | None = None
    post_click_attribution_window_size: int | None = None
    view_through_attribution_window_size: int | None = None
    value_type: str | None = None
    value: Money | None = None
    campaigns: list[str] = []
    associated_campaigns: list[CampaignAssociation] = []
    url_match_rule_expression: list[list[UrlMatchRule]] | None = None
    dmp_segment: str | None = None
    image_pixel_tag: str | None = None
    ownership_type: str | None = None
    created: int | None = None
    last_modified: int | None = None
    last_callback_at: int | None = None
    latest_first_party_callback_at: int | None = None

    @property
    def urn(self) -> str:
        """``urn:lla:llaPartnerConversion:<id>``."""
        return urns.conversion_rule(self.id)

    @property
    def campaign_urns(self) -> frozenset[str]:
        """The campaigns that it is associated with, as far as the answer lists them in either of its two fields."""
        return frozenset([*self.campaigns, *(association.campaign for association in self.associated_campaigns)])


def check_auto_association(value: str | None) -> None:
    """Refuse what LinkedIn cannot associate; None associates nothing.

    :raises ConfigurationError: the value is not one of :data:`AUTO_ASSOCIATIONS`.
    """
    if value not in (None, *AUTO_ASSOCIATIONS):
        raise ConfigurationError(
            f"auto_association={value!r} is not one of {', '.join(AUTO_ASSOCIATIONS)}; "
            "leave it out to associate no campaign"
        )


def create(rule: Mapping[str, Any], version: str, *, auto_association: str | None = None) -> Call[ConversionRule]:
    """Return the call that creates a rule.

    :param rule: the rule's fields by LinkedIn's names; see :func:`check`, which is applied.
    :param auto_association: ``ALL_CAMPAIGNS`` (up to 200 active, paused or draft ones) or
        ``OBJECTIVE_BASED``; None associates none.
    """
    check(rule, version)
    check_auto_association(auto_association)

    def parse(reply: Reply) -> ConversionRule:
        echo = reply.json()
        return _created(rule, restli.created_id(reply), echo if isinstance(echo, dict) else {})

    return restli.call(
        RESOURCE,
        "CREATE",
        parse=parse,
        parameters={"autoAssociationType": auto_association},
        body=rule,
    )


def batch_create(rules: Sequence[Mapping[str, Any]], version: str) -> Call[BatchResult[int, ConversionRule]]:
    """Return the call that creates up to 100 rules; its result is keyed by their positions."""
    if not 0 < len(rules) <= limits.MAX_RULES_PER_BATCH:
        raise ConfigurationError(f"{len(rules)} rules in one batch; LinkedIn takes 1 to {limits.MAX_RULES_PER_BATCH}")
    for number, rule in enumerate(rules, 1):
        try:
            check(rule, version)
        except ValueError as error:
            raise ConfigurationError(f"rule {number} of {len(rules)}, {rule.get('name')!r}: {error}") from None
    statuses = batches.created(RESOURCE, len(rules))

    def parse(reply: Reply) -> BatchResult[int, ConversionRule]:
        result: BatchResult[int, ConversionRule] = batches.BatchResult({}, {})
        for position, status in enumerate(statuses(reply)):
            if status.error is not None:
                result.errors[position] = status.error
            elif status.id is None:
                raise ValueError(f"element {position} has no id")
            else:
                result.results[position] = _created(rules[position], status.id, status.entity)
        return result

    return restli.call(RESOURCE, "BATCH_CREATE", parse=parse, body={"elements": list(rules)})


def _created(rule: Mapping[str, Any], rule_id: str, echo: Mapping[str, Any]) -> ConversionRule:
    """The created rule: what was sent, overlaid by what LinkedIn echoed."""
    return msgspec.convert({**rule, **echo, "id": int(rule_id)}, ConversionRule)


def get(account: int | str, rule: int | str) -> Call[ConversionRule]:
    """Return the call that reads one rule; its account is the second half of its key."""
    return restli.call(
        RESOURCE,
        "GET",
        parse=restli.entity(ConversionRule),
        key=urns.number(urns.conversion_rule(rule)),
        parameters={"account": urns.ad_account(account)},
    )


def batch_get(account: int | str, rules: Iterable[int | str]) -> Call[BatchResult[str, ConversionRule]]:
    """Return the call that reads several rules; its result is keyed by their URNs."""
    keys = _keys(rules)
    return restli.call(
        RESOURCE,
        "BATCH_GET",
        parse=batches.keyed(RESOURCE, "BATCH_GET", keys, lambda value: msgspec.convert(value, ConversionRule)),
        parameters={"account": urns.ad_account(account), "ids": list(keys.values())},
    )


def find(account: int | str, *, count: int = 100) -> Call[Page[ConversionRule]]:
    """Return the call of the first page of the account's own rules: of every kind, enabled or not.

    :param count: rules per page, at most 1,000.
    """
    parameters = {"q": "account", "account": urns.ad_account(account)}
    return paging.Finder(ConversionRule, RESOURCE, parameters).by_index(count)


def update(account: int | str, rule: int | str, changes: Mapping[str, Any], version: str) -> Call[None]:
    """Return the call that changes some fields of a rule; arrays are replaced whole, nothing in retrospect.

    :param changes: fields by LinkedIn's names, e.g. ``{"enabled": False}``; see :func:`check_changes`, which
        is applied.
    """
    check_changes(changes, version)
    return restli.call(
        RESOURCE,
        "PARTIAL_UPDATE",
        parse=restli.nothing,
        key=urns.number(urns.conversion_rule(rule)),
        parameters={"account": urns.ad_account(account)},
        body=restli.patch(changes),
    )


def batch_update(
    account: int | str, changes: Mapping[int | str, Mapping[str, Any]], version: str
) -> Call[BatchResult[str, None]]:
    """Return the call that changes several rules; its result is keyed by their URNs."""
    patches = {}
    for rule, fields in changes.items():
        check_changes(fields, version)
        patches[str(urns.number(urns.conversion_rule(rule)))] = restli.patch(fields)
    keys = _keys(changes)
    return restli.call(
        RESOURCE,
        "BATCH_PARTIAL_UPDATE",
        parse=batches.keyed(RESOURCE, "BATCH_PARTIAL_UPDATE", keys, batches.done),
        parameters={"account": urns.ad_account(account), "ids": list(keys.values())},
        body={"entities": patches},
    )


def _keys(rules: Iterable[int | str]) -> dict[str, int]:
    keys = {urn: urns.number(urn) for urn in map(urns.conversion_rule, rules)}
    if not keys:
        raise ConfigurationError("no conversion rule was given")
    return keys
