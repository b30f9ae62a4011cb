"""Ad accounts: ``/adAccounts``, read only.

Follows https://learn.microsoft.com/linkedin/marketing/integrations/ads/account-structure/
create-and-manage-accounts.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from airflow_provider_linkedin_capi.api import limits, paging, restli, urns
from airflow_provider_linkedin_capi.api.restli import Resource

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from airflow_provider_linkedin_capi.api.call import Call
    from airflow_provider_linkedin_capi.api.paging import Page

RESOURCE = Resource("adAccounts", personal=False)


class AdAccount(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """An ad account, with the fields that a conversion set-up needs."""

    id: int
    name: str = ""
    currency: str | None = None
    type: str | None = None
    status: str = ""
    test: bool = False
    reference: str | None = None
    serving_statuses: list[str] = []

    @property
    def urn(self) -> str:
        """``urn:li:sponsoredAccount:<id>``."""
        return urns.ad_account(self.id)


def search(
    *,
    ids: Iterable[int | str] | None = None,
    name: Sequence[str] | None = None,
    reference: Sequence[str] | None = None,
    status: Sequence[str] | None = None,
    type: Sequence[str] | None = None,
    test: bool | None = None,
    page_size: int = limits.PAGE_SIZE,
) -> Call[Page[AdAccount]]:
    """Return the call of the first page of the accounts that the token's member can see.

    Filters are AND-ed, the values of each OR-ed.

    :param ids: ids of ad accounts.
    :param name: whole names.
    :param reference: URNs of the organizations or persons behind the accounts.
    :param status: e.g. ``["ACTIVE"]``.
    :param type: ``BUSINESS``, ``ENTERPRISE``.
    :param test: only test accounts, or none of them.
    """
    filters = {
        "id": None if ids is None else [urns.ad_account(account) for account in ids],
        "name": name,
        "reference": reference,
        "status": status,
        "type": type,
    }
    wanted: dict[str, Any] = {
        filtered: {"values": list(values)} for filtered, values in filters.items() if values is not None
    }
    if test is not None:
        wanted["test"] = test
    parameters = {"q": "search", "search": wanted or None}
    return paging.Finder(AdAccount, RESOURCE, parameters).by_cursor(page_size)


def get(account: int | str) -> Call[AdAccount]:
    """Return the call that reads one ad account, e.g. for its currency."""
    return restli.call(
        RESOURCE,
        "GET",
        parse=restli.entity(AdAccount),
        key=urns.number(urns.ad_account(account)),
    )
