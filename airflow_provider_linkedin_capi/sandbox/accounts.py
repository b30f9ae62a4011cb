"""``/adAccounts``, their ``/adCampaigns``, and ``/adAccountUsers``: read only."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from airflow_provider_linkedin_capi.sandbox import answers, paging, restli
from airflow_provider_linkedin_capi.sandbox.entities import ACCOUNT_PREFIX, CAMPAIGN_PREFIX, id_of
from airflow_provider_linkedin_capi.sandbox.rest import Method, number_key

if TYPE_CHECKING:
    from collections.abc import Iterable

    from airflow_provider_linkedin_capi.sandbox.answers import Answer
    from airflow_provider_linkedin_capi.sandbox.rest import RestRequest

_ACCOUNT_FILTERS = frozenset({"id", "name", "reference", "status", "type", "test"})
_CAMPAIGN_FILTERS = frozenset({"campaignGroup", "associatedEntity", "id", "name", "status", "type", "test"})
_ORDERS = frozenset({"ASCENDING", "DESCENDING"})


# Accounts


def search_accounts(request: RestRequest) -> Answer:
    """Return the accounts that the member can see."""
    visible = [account for number, account in request.world.entities.accounts.items() if request.may_read(number)]
    if "pageSize" not in request.parameters and len(visible) > paging.DEFAULT_CURSOR_PAGE:
        raise answers.short(400, "Request would return too many entities")
    return _searched(request, visible, _ACCOUNT_FILTERS, ACCOUNT_PREFIX)


def get_account(request: RestRequest) -> Answer:
    """Return one account."""
    number = request.number_key()
    account = request.world.entities.accounts.get(number)
    if account is None:
        raise answers.not_found(f"Account {number} is not found")
    request.require_reader(number)
    return answers.as_json(200, request.projected(account))


# Campaigns


def search_campaigns(request: RestRequest) -> Answer:
    """Return an account's campaigns."""
    return _searched(request, list(_campaigns(request).values()), _CAMPAIGN_FILTERS, CAMPAIGN_PREFIX)


def get_campaign(request: RestRequest) -> Answer:
    """Return one campaign."""
    campaign = _campaigns(request).get(request.number_key())
    if campaign is None:
        raise answers.not_found(f"Campaign {request.key} is not found")
    return answers.as_json(200, request.projected(campaign))


def batch_get_campaigns(request: RestRequest) -> Answer:
    """Return campaigns by id."""
    campaigns = _campaigns(request)
    numbers = [number_key(key) for key in request.batch_keys()]
    found = {str(number): request.projected(campaigns[number]) for number in numbers if number in campaigns}
    errors = {
        str(number): {"status": 404, "message": f"Campaign {number} is not found"}
        for number in numbers
        if number not in campaigns
    }
    return answers.results(found, errors)


def _campaigns(request: RestRequest) -> dict[int, dict[str, Any]]:
    account = number_key(request.parent or "")
    if account not in request.world.entities.accounts:
        raise answers.not_found(f"Account {account} is not found")
    request.require_reader(account)
    campaigns = request.world.entities.campaigns
    return {number: campaign for number, campaign in campaigns.items() if id_of(campaign["account"]) == account}


# Users


def find_own_roles(request: RestRequest) -> Answer:
    """Return the accounts in which the token's member has a role."""
    member = request.token.member
    return _roles(request, ((member, account) for account in request.world.entities.roles.get(member, {})))


def find_members(request: RestRequest) -> Answer:
    """Return the members of accounts."""
    accounts = request.urns("accounts", ACCOUNT_PREFIX)
    if accounts is None:
        raise answers.short(400, "Parameter 'accounts' is required")
    for account in accounts:
        request.require_reader(account)
    roles = request.world.entities.roles
    return _roles(request, ((member, account) for account in accounts for member in roles if account in roles[member]))


def _roles(request: RestRequest, members: Iterable[tuple[str, int]]) -> Answer:
    found = [
        {
            "user": member,
            "account": f"{ACCOUNT_PREFIX}:{account}",
            "role": request.world.entities.roles[member][account],
        }
        for member, account in members
    ]
    # Everything on one page, unless a page is asked for.
    page = paging.by_index(request, found, total=len(found), default=2**31 - 1, most=2**31 - 1, links=False)
    return answers.elements([request.projected(entity) for entity in page.elements], paging=page.paging)


# Search


def _searched(request: RestRequest, entities: list[dict[str, Any]], filters: frozenset[str], prefix: str) -> Answer:
    criteria = _criteria(request, filters)
    order = request.text("sortOrder") or "ASCENDING"
    if order not in _ORDERS:
        raise answers.parameter("sortOrder")
    found = [entity for entity in entities if _fits(entity, criteria, prefix)]
    found.sort(key=lambda entity: entity["id"], reverse=order == "DESCENDING")
    page, metadata = paging.by_cursor(request, found)
    return answers.elements([request.projected(entity) for entity in page], metadata=metadata)


def _criteria(request: RestRequest, filters: frozenset[str]) -> dict[str, set[str]]:
    """Return the wanted values of each member that ``search`` names."""
    search = request.value("search") or {}
    if not isinstance(search, Mapping):
        raise answers.parameter("search")
    criteria: dict[str, set[str]] = {}
    for name, wanted in search.items():
        if name not in filters:
            raise answers.parameter(f"search/{name}", "QUERY_PARAM_NOT_ALLOWED", "Query parameter not allowed")
        if name == "test":
            values: restli.Value | None = [wanted]
        else:
            values = wanted.get("values") if isinstance(wanted, Mapping) and set(wanted) == {"values"} else None
        if not isinstance(values, list) or not all(isinstance(value, str) for value in values):
            raise answers.parameter(f"search/{name}")
        criteria[name] = {str(value) for value in values}
    return criteria


def _fits(entity: Mapping[str, Any], criteria: Mapping[str, set[str]], prefix: str) -> bool:
    for name, wanted in criteria.items():
        value = entity.get(name)
        if name == "test":
            value = str(value).lower()
        if name == "id":
            value = f"{prefix}:{value}"
        if value not in wanted:
            return False
    return True


_READ = frozenset({"r_ads", "rw_ads"})
_SEARCH = frozenset({"search", "sortOrder", "pageSize", "pageToken"})

ACCOUNT_METHODS = {
    "FINDER-search": Method(search_accounts, _READ, _SEARCH),
    "GET": Method(get_account, _READ),
}
CAMPAIGN_METHODS = {
    "FINDER-search": Method(search_campaigns, _READ, _SEARCH),
    "GET": Method(get_campaign, _READ),
    "BATCH_GET": Method(batch_get_campaigns, _READ),
}
USER_METHODS = {
    "FINDER-authenticatedUser": Method(find_own_roles, _READ, frozenset({"start", "count"})),
    "FINDER-accounts": Method(find_members, _READ, frozenset({"accounts", "start", "count"})),
}
