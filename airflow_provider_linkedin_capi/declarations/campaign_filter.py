"""Which campaigns a filter selects."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

from airflow_provider_linkedin_capi.api import campaigns, urns
from airflow_provider_linkedin_capi.exceptions import ConfigurationError

if TYPE_CHECKING:
    from airflow_provider_linkedin_capi.api.campaigns import Campaign

_KEYS = ("status", "name", "campaign_group", "objective")
#: Statuses of campaigns that run or may still run; a filter's default.
LIVING = ("ACTIVE", "PAUSED", "DRAFT")


@dataclass(frozen=True, slots=True)
class CampaignFilter:
    """What a campaign must be: one of the values under each key.

    :param status: of the campaign.
    :param name: patterns with ``*`` and ``?``, of which one has to fit the whole name, case included.
    :param campaign_group: URNs; empty for any.
    :param objective: e.g. ``WEBSITE_CONVERSION``; empty for any.
    """

    status: tuple[str, ...]
    name: tuple[str, ...]
    campaign_group: tuple[str, ...]
    objective: tuple[str, ...]

    @classmethod
    def of(cls, given: Mapping[str, Any]) -> CampaignFilter:
        """Read a filter in which each key has one value or a list.

        :raises ValueError: an unknown key or status, or a key without values.
        """
        if not isinstance(given, Mapping):
            raise ConfigurationError(
                f"campaign_filter is a {type(given).__name__}: give a mapping with {', '.join(_KEYS)}"
            )
        if unknown := [key for key in given if key not in _KEYS]:
            raise ConfigurationError(
                f"campaign_filter: unknown key {', '.join(map(repr, unknown))}; it has {', '.join(_KEYS)}"
            )
        values = {key: _values(key, value) for key, value in given.items()}
        status = tuple(value.upper() for value in values.get("status", LIVING))
        if unknown := [value for value in status if value not in campaigns.STATUSES]:
            raise ConfigurationError(
                f"campaign_filter: status {', '.join(unknown)} is not one of {', '.join(campaigns.STATUSES)}"
            )
        return cls(
            status=status,
            # Brackets are common in campaign names, sets of characters in patterns are not.
            name=tuple(pattern.replace("[", "[[]") for pattern in values.get("name", ("*",))),
            campaign_group=tuple(map(urns.campaign_group, values.get("campaign_group", ()))),
            objective=tuple(_objective(value) for value in values.get("objective", ())),
        )

    def selects(self, campaign: Campaign) -> bool:
        """Whether a campaign passes what LinkedIn's own search cannot filter by: name pattern and objective."""
        return any(fnmatchcase(campaign.name, pattern) for pattern in self.name) and (
            not self.objective or _objective(campaign.objective_type or "") in self.objective
        )


def _values(key: str, value: Any) -> tuple[str, ...]:
    values = tuple(map(str, [value] if isinstance(value, str | int) else value or ()))
    if not values:
        raise ConfigurationError(f"campaign_filter: {key} has no values; leave it out to allow any")
    return values


def _objective(value: str) -> str:
    """LinkedIn writes WEBSITE_CONVERSION on the wire and WEBSITE_CONVERSIONS in its documents."""
    return value.upper().removesuffix("S")
