"""Which domains of an Insight Tag differ from a list of allowed ones, and how to change that."""

from __future__ import annotations

from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from airflow_provider_linkedin_capi.exceptions import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from airflow_provider_linkedin_capi.api.insight_tag_domains import InsightTagDomain
    from airflow_provider_linkedin_capi.exceptions import LinkedInError
    from airflow_provider_linkedin_capi.hooks.linkedin_conversions import LinkedInConversionsHook

#: Domains per request. LinkedIn documents no limit.
_BATCH_SIZE = 100


@dataclass(frozen=True, slots=True)
class Difference:
    """What has to change so that only the listed domains feed the ad account; names in alphabetical order."""

    blocked: list[str]
    allowed: list[str]
    unchanged: list[str]

    @property
    def is_empty(self) -> bool:
        """Whether no domain was seen at all."""
        return not (self.blocked or self.allowed or self.unchanged)

    @property
    def changes(self) -> dict[str, bool]:
        """Each domain to change, and whether it is to be blocked; first those to be allowed."""
        return {**dict.fromkeys(self.allowed, False), **dict.fromkeys(self.blocked, True)}


def patterns(allowed_domains: Sequence[str] | str) -> list[str]:
    """Return the globs, given as a list or as text with commas between, in lower case.

    :raises ConfigurationError: the list is empty, or a glob cannot match a domain's name.
    """
    given = allowed_domains.split(",") if isinstance(allowed_domains, str) else allowed_domains or ()
    globs = [str(glob).strip().lower() for glob in given]
    if not any(globs):
        raise ConfigurationError(
            f"allowed_domains is {allowed_domains!r}: name at least one domain. To block every domain, name one "
            'that does not exist; to allow every domain, pass ["*"].'
        )
    for glob in globs:
        if not glob or any(mark in glob for mark in "/:# "):
            raise ConfigurationError(
                f"allowed_domains holds {glob!r}: leave out scheme, port and path, as in *.example.com"
            )
    return globs


def difference(seen: Iterable[InsightTagDomain], allowed: Sequence[str]) -> Difference:
    """Compare domains with globs."""
    result = Difference([], [], [])
    for domain in sorted(seen, key=lambda domain: domain.domain_name):
        listed = any(fnmatchcase(domain.domain_name.lower(), pattern) for pattern in allowed)
        if listed != domain.blocked:
            result.unchanged.append(domain.domain_name)
        else:
            (result.allowed if listed else result.blocked).append(domain.domain_name)
    return result


def apply(hook: LinkedInConversionsHook, changes: dict[str, bool]) -> dict[str, LinkedInError]:
    """Block and allow domains; return those that LinkedIn refused."""
    refused: dict[str, LinkedInError] = {}
    names = list(changes)
    for start in range(0, len(names), _BATCH_SIZE):
        batch = {name: changes[name] for name in names[start : start + _BATCH_SIZE]}
        refused.update(hook.batch_update_insight_tag_domains(batch).errors)
    return refused
