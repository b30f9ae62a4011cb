"""Why a report shows nothing, beyond LinkedIn not having attributed anything yet."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import TYPE_CHECKING

from airflow_provider_linkedin_capi import exceptions
from airflow_provider_linkedin_capi.api import (
    account_users,
    campaign_associations,
    campaigns,
    conversion_rules,
    limits,
    urns,
)
from airflow_provider_linkedin_capi.reports.plan import all_pages

if TYPE_CHECKING:
    from airflow_provider_linkedin_capi.api.conversion_rules import ConversionRule
    from airflow_provider_linkedin_capi.reports.plan import Plan
    from airflow_provider_linkedin_capi.reports.request import ReportRequest


_CAMPAIGNS_PER_CALL = 200


class Cause(enum.Enum):
    """What keeps a report empty for ever, unless somebody changes it."""

    NO_ACCESS = "no access"
    WRONG_RULE = "wrong rule"
    NOT_ASSOCIATED = "rule not associated"


@dataclass(frozen=True, slots=True)
class Finding:
    """A cause, and what is to be done about it in words."""

    cause: Cause
    words: str


def diagnose(asked: ReportRequest, version: str) -> Plan[Finding | None]:
    """Plan the search for the cause of an empty report; None when waiting is all that is left.

    adAnalytics answers with nothing, not with an error, for an account in which the token's member has no role.
    """
    roles = yield from all_pages(account_users.of_authenticated_member(version))
    if all(user.account != asked.account for user in roles):
        return Finding(
            Cause.NO_ACCESS,
            f"The token's member has no role in ad account {urns.number(asked.account)}, so LinkedIn answers with an "
            "empty report. Have the member added to the account (VIEWER is enough for reports), or correct the id.",
        )
    if "CONVERSION" not in asked.pivots:
        return None
    rules: list[ConversionRule] = []
    if not asked.rules:
        rules = yield from all_pages(conversion_rules.find(asked.account, version))
    for first in range(0, len(asked.rules), limits.MAX_RULES_PER_BATCH):
        batch = asked.rules[first : first + limits.MAX_RULES_PER_BATCH]
        answer = yield conversion_rules.batch_get(asked.account, batch, version)
        if answer.errors:
            return Finding(
                Cause.WRONG_RULE,
                f"Ad account {urns.number(asked.account)} has no conversion rule "
                f"{', '.join(str(urns.number(rule)) for rule in answer.errors)}: the id is unknown, or the rule "
                "belongs to another account.",
            )
        rules += answer.results.values()
    if not rules:
        return Finding(
            Cause.WRONG_RULE, f"Ad account {urns.number(asked.account)} has no conversion rules: create one first."
        )
    if not (yield from _associated(asked, rules, version)):
        named = ", ".join(f"{rule.name!r} ({rule.id})" for rule in rules[:5])
        return Finding(
            Cause.NOT_ASSOCIATED,
            f"Conversion rule {named} is associated with no campaign, so its events are accepted and never "
            "attributed. Associate campaigns (AssociateCampaignsOperator), then wait again.",
        )
    return None


def _associated(asked: ReportRequest, rules: list[ConversionRule], version: str) -> Plan[bool]:
    """Plan the search for a campaign of any of the rules."""
    if any(rule.campaign_urns for rule in rules):
        return True
    # Rules list their campaigns read-only, and not in every answer: the associations themselves decide.
    wanted = {rule.urn for rule in rules}
    try:
        every = yield from all_pages(campaigns.search(asked.account, version))
        for first in range(0, len(every), _CAMPAIGNS_PER_CALL):
            some = [campaign.id for campaign in every[first : first + _CAMPAIGNS_PER_CALL]]
            found = yield from all_pages(campaign_associations.find(some, version))
            if any(association.conversion in wanted for association in found):
                return True
    except exceptions.AccessDeniedError:
        # A token for reports alone may not look; then only time can tell.
        return True
    return False
