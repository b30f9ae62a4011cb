"""The ad account's Insight Tag, who may use it, where it was seen, and paths to conversion, through the hook."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_provider_linkedin_capi.api import (
    insight_tag_domains,
    insight_tag_permissions,
    insight_tags,
    path_to_conversion,
)
from airflow_provider_linkedin_capi.api.caller import Caller

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from airflow_provider_linkedin_capi.api.batches import BatchResult
    from airflow_provider_linkedin_capi.api.insight_tag_domains import InsightTagDomain
    from airflow_provider_linkedin_capi.api.insight_tag_permissions import InsightTagPermission
    from airflow_provider_linkedin_capi.api.insight_tags import InsightTag


class InsightTagsMixin(Caller):
    """Insight Tags. Reading needs the scope ``r_ads``, everything else ``rw_ads`` and ``FULL`` access to the tag."""

    def find_insight_tag(self) -> InsightTag | None:
        """Return the account's tag; it has one at most."""
        return next(self.paginate(insight_tags.find(self.ad_account, self.api_version)), None)

    def get_insight_tag(self, tag: int | str) -> InsightTag:
        """Return a tag by id or URN."""
        return self.call(insight_tags.get(tag, self.api_version))

    def create_insight_tag(self) -> InsightTag:
        """Create the account's tag. Not repeated after a lost answer; find it instead."""
        return self.call(insight_tags.create(self.ad_account, self.api_version))

    def set_first_party_tracking(self, tag: int | str, enabled: bool) -> None:
        """Allow or forbid first-party cookies, for every account that shares the tag."""
        self.call(insight_tags.update(tag, self.api_version, first_party_tracking=enabled))

    def find_insight_tag_permission(self, account: int | str | None = None) -> InsightTagPermission | None:
        """Return which tag an account (the hook's when None) may use, and in which role."""
        account = self.ad_account if account is None else account
        return next(self.paginate(insight_tag_permissions.find(account, self.api_version)), None)

    def grant_insight_tag_access(self, tag: int | str, target: int | str, *, role: str) -> None:
        """Let the hook's account give another one, which has no tag, ``FULL`` or ``USE_ONLY`` access to a tag."""
        self.call(insight_tag_permissions.grant(self.ad_account, tag, target, self.api_version, role=role))

    def revoke_insight_tag_access(self, tag: int | str, target: int | str) -> None:
        """Let the hook's account end the access of an account, itself included, to a tag."""
        self.call(insight_tag_permissions.revoke(self.ad_account, tag, target, self.api_version))

    def find_insight_tag_domains(self, *, domain: str | None = None) -> Iterator[InsightTagDomain]:
        """Yield the domains on which the account's tag was seen, newest first; or the one with a name."""
        yield from self.paginate(insight_tag_domains.find(self.ad_account, self.api_version, domain=domain))

    def get_insight_tag_domain(self, domain: str) -> InsightTagDomain:
        """Return one domain."""
        return self.call(insight_tag_domains.get(self.ad_account, domain, self.api_version))

    def batch_get_insight_tag_domains(self, domains: Iterable[str]) -> BatchResult[str, InsightTagDomain]:
        """Return several domains; results and errors by name."""
        return self.call(insight_tag_domains.batch_get(self.ad_account, domains, self.api_version))

    def block_insight_tag_domain(self, domain: str) -> None:
        """Stop a domain from feeding conversions, audiences and demographics."""
        self.call(insight_tag_domains.update(self.ad_account, domain, self.api_version, blocked=True))

    def allow_insight_tag_domain(self, domain: str) -> None:
        """Let a blocked domain feed conversions, audiences and demographics again."""
        self.call(insight_tag_domains.update(self.ad_account, domain, self.api_version, blocked=False))

    def batch_update_insight_tag_domains(self, blocked: Mapping[str, bool]) -> BatchResult[str, None]:
        """Block (True) and allow (False) several domains in one request; results and errors by name."""
        return self.call(insight_tag_domains.batch_update(self.ad_account, blocked, self.api_version))

    def find_path_to_conversion(self, order_id: str) -> Iterator[dict[str, Any]]:
        """Yield the impressions and clicks of up to 90 days that led to an order, as LinkedIn sends them.

        Of this query LinkedIn documents only that it exists; see
        :mod:`~airflow_provider_linkedin_capi.api.path_to_conversion` for what is inferred.
        """
        yield from self.paginate(path_to_conversion.find(self.ad_account, order_id, self.api_version))
