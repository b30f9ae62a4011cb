"""The domains on which an Insight Tag was seen, and whether they are heard: ``/insightTagDomains``.

Follows https://learn.microsoft.com/linkedin/marketing/integrations/ads-reporting/conversion-tracking. LinkedIn
lists a domain 5 to 10 minutes after its first visit. A blocked domain feeds no conversions, audiences and
demographics any more. Every operation here may be repeated.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from airflow_provider_linkedin_capi.api import batches, limits, paging, restli, urns
from airflow_provider_linkedin_capi.api.restli import Resource
from airflow_provider_linkedin_capi.exceptions import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from airflow_provider_linkedin_capi.api.batches import BatchResult
    from airflow_provider_linkedin_capi.api.call import Call
    from airflow_provider_linkedin_capi.api.paging import Page

RESOURCE = Resource("insightTagDomains", scope="rw_ads", personal=False)


class InsightTagDomain(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A domain that sent signals; times are epoch milliseconds."""

    domain_name: str
    insight_tag: str | None = None
    blocked: bool = False
    created: int | None = None
    last_callback_at: int | None = None


def find(
    account: int | str,
    *,
    domain: str | None = None,
    count: int = limits.INSIGHT_TAG_DOMAINS_PAGE_SIZE,
) -> Call[Page[InsightTagDomain]]:
    """Return the call of the first page of an account's domains, newest first.

    :param domain: only this domain.
    :param count: domains per page, at most 500.
    """
    parameters = {
        "q": "account",
        "account": urns.ad_account(account),
        "domainName": None if domain is None else domain_name(domain),
    }
    return paging.Finder(InsightTagDomain, RESOURCE, parameters).by_index(count)


def get(account: int | str, domain: str) -> Call[InsightTagDomain]:
    """Return the call that reads one domain."""
    return restli.call(RESOURCE, "GET", parse=restli.entity(InsightTagDomain), key=_key(account, domain))


def batch_get(account: int | str, domains: Iterable[str]) -> Call[BatchResult[str, InsightTagDomain]]:
    """Return the call that reads several domains; its result is keyed by their names."""
    keys = _keys(account, domains)
    return restli.call(
        RESOURCE,
        "BATCH_GET",
        parse=batches.keyed(RESOURCE, "BATCH_GET", keys, lambda value: msgspec.convert(value, InsightTagDomain)),
        parameters={"ids": list(keys.values())},
    )


def update(account: int | str, domain: str, *, blocked: bool) -> Call[None]:
    """Return the call that blocks a domain, or allows it again."""
    return restli.call(
        RESOURCE,
        "PARTIAL_UPDATE",
        parse=restli.nothing,
        key=_key(account, domain),
        body=restli.patch({"blocked": blocked}),
    )


def batch_update(account: int | str, blocked: Mapping[str, bool]) -> Call[BatchResult[str, None]]:
    """Return the call that blocks and allows several domains; its result is keyed by their names."""
    keys = _keys(account, blocked)
    return restli.call(
        RESOURCE,
        "BATCH_PARTIAL_UPDATE",
        parse=batches.keyed(RESOURCE, "BATCH_PARTIAL_UPDATE", keys, batches.done),
        parameters={"ids": list(keys.values())},
        body={
            "entities": {
                restli.encode_reduced(_key(account, domain)): restli.patch({"blocked": flag})
                for domain, flag in blocked.items()
            }
        },
    )


def domain_name(value: str) -> str:
    """Return a domain's name as LinkedIn writes it: lower case, without scheme, path and port."""
    name = value.strip().lower()
    if not name or any(mark in name for mark in "/:?# "):
        raise ConfigurationError(
            f"{value!r} is not a domain name; leave out scheme, port and path, as in www.example.com"
        )
    return name


def _key(account: int | str, domain: str) -> dict[str, str]:
    return {"account": urns.ad_account(account), "domainName": domain_name(domain)}


def _keys(account: int | str, domains: Iterable[str]) -> dict[str, dict[str, str]]:
    keys = {domain_name(domain): _key(account, domain) for domain in domains}
    if not keys:
        raise ConfigurationError("no domain was given")
    return keys
