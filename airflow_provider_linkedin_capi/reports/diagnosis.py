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
    """What keeps a report empty until somebody changes it."""

    NO_ACCESS = "no access"
    WRONG_RULE = "wrong rule"
    NOT_ASSOCIATED = "rule not associated"


@dataclass(frozen=True, slots=True)
class Finding:
    """A cause, and a message that says what to do about it."""

    cause: Cause
    message: str


def diagnose(request: ReportRequest) -> Plan[Finding | None]:
    """Plan the search for the cause of an empty report; its result is None when only waiting can help.

    For an account in which the token's member has no role, adAnalytics returns no rows instead of an error.
    """
    roles = yield from all_pages(account_users.of_authenticated_member())
    if all(user.account != request.account for user in roles):
        return Finding(
            Cause.NO_ACCESS,
            f"The token's member has no role in ad account {urns.number(request.account)}, so LinkedIn answers with an "
            "empty report. Add the member to the account (VIEWER is enough for reports), or correct the account's id.",
        )
    if "CONVERSION" not in request.pivots:
        return None
    rules: list[ConversionRule] = []
    if not request.rules:
        rules = yield from all_pages(conversion_rules.find(request.account))
    for first in range(0, len(request.rules), limits.MAX_RULES_PER_BATCH):
        batch = request.rules[first : first + limits.MAX_RULES_PER_BATCH]
        answer = yield conversion_rules.batch_get(request.account, batch)
        if answer.errors:
            return Finding(
                Cause.WRONG_RULE,
                f"Ad account {urns.number(request.account)} has no conversion rule "
                f"{', '.join(str(urns.number(rule)) for rule in answer.errors)}: the id is unknown, or the rule "
                "belongs to another account. Correct conversion_rules or ad_account_id.",
            )
        rules += answer.results.values()
    if not rules:
        return Finding(
            Cause.WRONG_RULE, f"Ad account {urns.number(request.account)} has no conversion rules: create one first."
        )
    if not (yield from _associated(request, rules)):
        named = ", ".join(f"{rule.name!r} ({rule.id})" for rule in rules[:5])
        return Finding(
            Cause.NOT_ASSOCIATED,
            f"Conversion rule {named} is associated with no campaign, so its events are accepted and never "
            "attributed. Associate campaigns with it (AssociateCampaignsOperator) and clear this task.",
        )
    return None


def _associated(request: ReportRequest, rules: list[ConversionRule]) -> Plan[bool]:
    """Plan whether any of the rules has a campaign."""
    if any(rule.campaign_urns for rule in rules):
        return True
    # Rules do not list their campaigns in every answer, so the associations decide.
    wanted = {rule.urn for rule in rules}
    try:
        every = yield from all_pages(campaigns.search(request.account))
        for first in range(0, len(every), _CAMPAIGNS_PER_CALL):
            some = [campaign.id for campaign in every[first : first + _CAMPAIGNS_PER_CALL]]
            found = yield from all_pages(campaign_associations.find(some))
            if any(association.conversion in wanted for association in found):
                return True
    except exceptions.AccessDeniedError:
        # A token for reports alone may not read this; then only waiting shows.
        return True
    return False
