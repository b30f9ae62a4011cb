"""``/insightTags``, ``/insightTagsPermission`` and ``/adEventWithConversions``: the browser's side of tracking."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_provider_linkedin_capi.sandbox import answers, paging
from airflow_provider_linkedin_capi.sandbox.entities import ACCOUNT_PREFIX, INSIGHT_TAG_PREFIX, InsightTag, id_of
from airflow_provider_linkedin_capi.sandbox.rest import Method
from airflow_provider_linkedin_capi.sandbox.validation import array, boolean, record, symbol, urn

if TYPE_CHECKING:
    from airflow_provider_linkedin_capi.sandbox.answers import Answer
    from airflow_provider_linkedin_capi.sandbox.rest import RestRequest
    from airflow_provider_linkedin_capi.sandbox.world import World

FULL = "FULL"

_TAG = record({"sponsoredAccounts": array(urn(ACCOUNT_PREFIX))}, {"firstPartyTrackingEnabled": boolean})
_TAG_PATCH = record({"patch": record({"$set": record({"firstPartyTrackingEnabled": boolean})})})
_ACCESS = {
    "account": urn(ACCOUNT_PREFIX),
    "insightTag": urn(INSIGHT_TAG_PREFIX),
    "targetAccount": urn(ACCOUNT_PREFIX),
}
_REVOKE = record(_ACCESS)
_GRANT = record(_ACCESS, {"role": symbol(frozenset({FULL, "USE_ONLY"}))})


def tag_of(world: World, account: int) -> InsightTag | None:
    """The one Insight Tag of an account."""
    return next((tag for tag in world.entities.insight_tags.values() if account in tag.roles), None)


# Tags


def create(request: RestRequest) -> Answer:
    """Create the tag of an account that has none."""
    body = request.checked(_TAG)
    if len(body["sponsoredAccounts"]) != 1:
        raise answers.short(400, "An Insight Tag is created for exactly one sponsored account")
    account = id_of(body["sponsoredAccounts"][0])
    request.require_writer(account)
    if tag_of(request.world, account) is not None:
        raise answers.short(400, f"Account {body['sponsoredAccounts'][0]} already has an Insight Tag")
    number = request.world.new_id()
    tag = InsightTag(number, {account: FULL}, body.get("firstPartyTrackingEnabled", True))
    request.world.entities.insight_tags[number] = tag
    return answers.created("insightTags", number, _wire(tag))


def get(request: RestRequest) -> Answer:
    """Return one tag."""
    tag = _tag(request, request.number_key())
    if not any(map(request.may_read, tag.roles)):
        raise answers.no_access(next(iter(tag.roles)))
    return answers.as_json(200, request.projected(_wire(tag)))


def find(request: RestRequest) -> Answer:
    """Return the tag of an account, if it has one."""
    account = request.urn("account", ACCOUNT_PREFIX)
    request.require_reader(account)
    tag = tag_of(request.world, account)
    page = paging.by_index(request, [] if tag is None else [request.projected(_wire(tag))])
    return answers.elements(list(page.elements), paging=page.paging)


def partial_update(request: RestRequest) -> Answer:
    """Switch first-party tracking, for all accounts of the tag."""
    tag = _tag(request, request.number_key())
    body = request.checked(_TAG_PATCH)
    full = [account for account, role in tag.roles.items() if role == FULL]
    if not any(map(request.may_write, full)):
        raise answers.no_access(full[0])
    tag.first_party_tracking = body["patch"]["$set"]["firstPartyTrackingEnabled"]
    return answers.no_content()


# Permissions


def find_permission(request: RestRequest) -> Answer:
    """Return an account's role for its tag."""
    account = request.urn("account", ACCOUNT_PREFIX)
    request.require_reader(account)
    tag = tag_of(request.world, account)
    found = [] if tag is None else [_permission(tag, account)]
    page = paging.by_index(request, found)
    return answers.elements(list(page.elements), paging=page.paging)


def grant(request: RestRequest) -> Answer:
    """Let another account use the tag."""
    body = request.checked(_GRANT)
    tag, target = _governed(request, body)
    if target not in request.world.entities.accounts:
        raise answers.not_found(f"Account {target} is not found")
    other = tag_of(request.world, target)
    if other is not None:
        raise answers.short(400, f"Account {body['targetAccount']} already has Insight Tag {other.id}; revoke it first")
    tag.roles[target] = body.get("role", "USE_ONLY")
    return answers.Answer(200)


def revoke(request: RestRequest) -> Answer:
    """Take the tag away from an account."""
    body = request.checked(_REVOKE)
    tag, target = _governed(request, body)
    if target not in tag.roles:
        raise answers.not_found(f"Account {body['targetAccount']} has no access to Insight Tag {tag.id}")
    if not any(role == FULL for account, role in tag.roles.items() if account != target):
        raise answers.short(400, "An Insight Tag must keep at least one account with FULL access")
    del tag.roles[target]
    return answers.Answer(200)


def _governed(request: RestRequest, body: dict[str, str]) -> tuple[InsightTag, int]:
    """The tag that the account of a request may govern, and the account that it is about."""
    account = id_of(body["account"])
    request.require_writer(account)
    tag = _tag(request, id_of(body["insightTag"]))
    if tag.roles.get(account) != FULL:
        raise answers.short(403, f"Account {body['account']} does not have FULL access to the Insight Tag")
    return tag, id_of(body["targetAccount"])


def _permission(tag: InsightTag, account: int) -> dict[str, str]:
    return {
        "account": f"{ACCOUNT_PREFIX}:{account}",
        "insightTag": f"{INSIGHT_TAG_PREFIX}:{tag.id}",
        "role": tag.roles[account],
    }


def _tag(request: RestRequest, number: int) -> InsightTag:
    tag = request.world.entities.insight_tags.get(number)
    if tag is None:
        raise answers.not_found(f"Insight Tag {number} is not found")
    return tag


def _wire(tag: InsightTag) -> dict[str, Any]:
    return {
        "id": tag.id,
        "tag": f'<script type="text/javascript">_linkedin_partner_id = "{tag.id}";</script>',
        "sponsoredAccounts": [f"{ACCOUNT_PREFIX}:{account}" for account in tag.roles],
        "firstPartyTrackingEnabled": tag.first_party_tracking,
    }


# Path to conversion


def find_path(request: RestRequest) -> Answer:
    """Return the impressions and clicks that led to an order; names and shape are not documented."""
    account = request.urn("account", ACCOUNT_PREFIX)
    order_id = request.text("orderId")
    if not order_id:
        raise answers.short(400, "Parameter 'orderId' is required")
    request.require_reader(account)
    page = paging.by_index(request, request.world.entities.order_paths.get(account, {}).get(order_id, []))
    return answers.elements(list(page.elements), paging=page.paging)


_WRITE = frozenset({"rw_ads"})
_READ = frozenset({"rw_ads", "r_ads"})
_BY_ACCOUNT = frozenset({"account", "start", "count"})

TAG_METHODS = {
    "CREATE": Method(create, _WRITE),
    "GET": Method(get, _READ),
    "FINDER-account": Method(find, _READ, _BY_ACCOUNT),
    "PARTIAL_UPDATE": Method(partial_update, _WRITE),
}
PERMISSION_METHODS = {
    "FINDER-account": Method(find_permission, _READ, _BY_ACCOUNT),
    "ACTION-grantAccess": Method(grant, _WRITE),
    "ACTION-revokeAccess": Method(revoke, _WRITE),
}
PATH_METHODS = {"FINDER-accountWithOrderId": Method(find_path, _READ, _BY_ACCOUNT | {"orderId"})}
