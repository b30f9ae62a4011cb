"""The difference between a rule's campaigns and the declared ones, and how it is sent."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeVar

from airflow_provider_linkedin_capi import exceptions
from airflow_provider_linkedin_capi.api import urns
from airflow_provider_linkedin_capi.declarations.campaign_filter import LIVING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from airflow_provider_linkedin_capi.api.batches import BatchResult
    from airflow_provider_linkedin_capi.api.campaigns import Campaign
    from airflow_provider_linkedin_capi.api.conversion_rules import ConversionRule
    from airflow_provider_linkedin_capi.declarations.campaign_filter import CampaignFilter
    from airflow_provider_linkedin_capi.hooks.linkedin_conversions import LinkedInConversionsHook

T = TypeVar("T")

log = logging.getLogger(__name__)

#: A pair of campaign and rule takes up to 128 characters of a URL, of whose query LinkedIn reads 4,000: this many
#: always fit, so that batches go out in their documented form.
_PAIRS_PER_REQUEST = 30
_IDS_PER_SEARCH = 500
#: When this many campaigns are refused for one reason and none is accepted, the campaigns are not the reason.
_REFUSED_ALIKE = 3


@dataclass(frozen=True, slots=True)
class Difference:
    """What has to change so that a rule's campaigns are as declared. Campaigns are URNs.

    :param unchanged: those of the selection that are as declared already.
    :param afterwards: all campaigns of the rule once the change is made.
    """

    add: list[str]
    remove: list[str]
    unchanged: list[str]
    afterwards: list[str]

    @classmethod
    def between(cls, associated: Iterable[str], selected: Iterable[str], mode: str) -> Difference:
        """Compare what is with what is declared, see :class:`.AssociateCampaignsOperator` for the modes."""
        now, chosen = set(associated), set(selected)
        add = set() if mode == "remove" else chosen - now
        remove = {"add": set(), "replace": now - chosen, "remove": now & chosen}[mode]
        return cls(
            add=_ordered(add),
            remove=_ordered(remove),
            unchanged=_ordered(chosen - now if mode == "remove" else chosen & now),
            afterwards=_ordered((now | add) - remove),
        )


@dataclass(slots=True)
class Outcome:
    """What became of a difference: campaigns changed, and LinkedIn's refusal for each of the others."""

    added: list[str] = field(default_factory=list)
    removed: list[str] = field(default_factory=list)
    refused: dict[str, exceptions.LinkedInError] = field(default_factory=dict)

    @property
    def reasons(self) -> list[tuple[exceptions.LinkedInError, list[str]]]:
        """Each reason of a refusal with its campaigns."""
        alike: dict[tuple[type[exceptions.LinkedInError], str], list[str]] = {}
        for campaign, error in self.refused.items():
            alike.setdefault((type(error), error.message), []).append(campaign)
        return [(self.refused[campaigns[0]], campaigns) for campaigns in alike.values()]


def selected_by(hook: LinkedInConversionsHook, wanted: CampaignFilter) -> dict[str, Campaign]:
    """Return the account's campaigns that a filter selects, by URN, from all pages."""
    found = hook.find_campaigns(status=wanted.status, campaign_group=wanted.campaign_group or None)
    return {campaign.urn: campaign for campaign in found if wanted.selects(campaign)}


def read_campaigns(hook: LinkedInConversionsHook, wanted: Sequence[str]) -> dict[str, Campaign] | None:
    """Return campaigns of the account by URN; None when the token may not read them (it lacks ``r_ads``)."""
    found: dict[str, Campaign] = {}
    try:
        for ids in _parts(wanted, _IDS_PER_SEARCH):
            found |= {campaign.urn: campaign for campaign in hook.find_campaigns(ids=ids)}
    except exceptions.AccessDeniedError as error:
        log.warning("Cannot read whether the campaigns belong to the account and still run: %s", error)
        return None
    return found


def associated_with(
    hook: LinkedInConversionsHook, rule: ConversionRule, selected: Iterable[str], mode: str
) -> set[str]:
    """Return the campaigns that are associated with a rule, as far as the mode needs to know them.

    A rule may come without its campaigns; that it lists none is checked against the associations themselves.
    """
    if rule.campaign_urns:
        return set(rule.campaign_urns)
    candidates = set(selected)
    if mode != "add":
        try:
            candidates |= {campaign.urn for campaign in hook.find_campaigns()}
        except exceptions.AccessDeniedError as error:
            log.warning("Cannot read which other campaigns are associated with rule %s: %s", rule.id, error)
    found: set[str] = set()
    for part in _parts(_ordered(candidates), _PAIRS_PER_REQUEST):
        try:
            found |= {campaign for campaign, _ in hook.get_campaign_associations(rule.urn, part).results}
        except exceptions.NotFoundError:
            continue
    return found


def warnings(difference: Difference, known: Mapping[str, Campaign], rule: str) -> Iterator[str]:
    """Yield a warning for each thing that keeps conversions from being attributed."""
    if foreign := [campaign for campaign in difference.add if campaign not in known]:
        yield (
            f"Campaigns {listed(foreign, known)} are not in the ad account: their ids are wrong, or they belong to "
            "another account, whose conversions this rule does not count."
        )
    if not difference.afterwards:
        yield f"{rule} has no campaign: LinkedIn accepts its events and attributes none of them."
    elif all(urn in known and known[urn].status not in LIVING for urn in difference.afterwards):
        yield (
            f"All campaigns of {rule} have ended ({listed(difference.afterwards, known)}): LinkedIn accepts its events "
            "and attributes them only as far as the attribution window reaches back."
        )


def carry_out(hook: LinkedInConversionsHook, rule: str, difference: Difference) -> Outcome:
    """Send a difference in parts; a campaign that is refused does not keep the others back.

    :raises LinkedInError: LinkedIn could not be reached, or refuses all campaigns for one reason.
    """
    outcome = Outcome()
    for part in _parts(difference.add, _PAIRS_PER_REQUEST):
        _send(lambda campaigns: hook.associate_campaigns(rule, campaigns), part, outcome.added, outcome)
    if difference.add and outcome.refused.keys() >= set(difference.afterwards):
        if difference.remove:
            log.warning("No association was ended: LinkedIn accepted none of the campaigns that should replace them")
        return outcome
    for part in _parts(difference.remove, _PAIRS_PER_REQUEST):
        _send(lambda campaigns: hook.dissociate_campaigns(rule, campaigns), part, outcome.removed, outcome)
    for campaign in difference.remove:
        if isinstance(outcome.refused.get(campaign), exceptions.NotFoundError):
            # Somebody else has ended the association.
            del outcome.refused[campaign]
            outcome.removed.append(campaign)
    return outcome


def listed(campaigns: Iterable[str], known: Mapping[str, Campaign]) -> str:
    """Name campaigns for people: number, name and status as far as known."""
    return ", ".join(
        f"{urns.number(urn)} ({known[urn].name!r}, {known[urn].status})" if urn in known else str(urns.number(urn))
        for urn in campaigns
    )


def _send(
    send: Callable[[list[str]], BatchResult[tuple[str, str], None]],
    campaigns: list[str],
    done: list[str],
    outcome: Outcome,
) -> None:
    """Send one batch; when it is refused as a whole, its halves, until the refused campaigns stand alone."""
    try:
        result = send(campaigns)
    except (
        exceptions.InvalidRequestError,
        exceptions.NotFoundError,
        exceptions.AccessDeniedError,
        exceptions.TooLargeError,
    ) as error:
        if len(campaigns) == 1:
            outcome.refused[campaigns[0]] = error
            if not done and len(outcome.refused) >= _REFUSED_ALIKE and len(outcome.reasons) == 1:
                raise
        else:
            middle = len(campaigns) // 2
            _send(send, campaigns[:middle], done, outcome)
            _send(send, campaigns[middle:], done, outcome)
        return
    done.extend(campaign for campaign, _ in result.results)
    outcome.refused.update((campaign, error) for (campaign, _), error in result.errors.items())


def _ordered(campaigns: Iterable[str]) -> list[str]:
    return sorted(campaigns, key=urns.number)


def _parts(items: Sequence[T], size: int) -> Iterator[list[T]]:
    return (list(items[start : start + size]) for start in range(0, len(items), size))
