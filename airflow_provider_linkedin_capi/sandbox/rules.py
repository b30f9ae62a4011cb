"""``/conversions``: conversion rules of all three kinds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_provider_linkedin_capi.sandbox import answers, paging, rule_schema
from airflow_provider_linkedin_capi.sandbox.entities import ACCOUNT_PREFIX, CAMPAIGN_PREFIX, RULE_PREFIX, id_of
from airflow_provider_linkedin_capi.sandbox.rest import Method, number_key
from airflow_provider_linkedin_capi.sandbox.validation import problems_of

if TYPE_CHECKING:
    from airflow_provider_linkedin_capi.sandbox.answers import Answer
    from airflow_provider_linkedin_capi.sandbox.rest import RestRequest
    from airflow_provider_linkedin_capi.sandbox.world import World

MAX_BATCH = 100
AUTO_ASSOCIATED_CAMPAIGNS = 200
OWNERSHIP_SINCE = 202605

_AUTO_ASSOCIATIONS = frozenset({"ALL_CAMPAIGNS", "OBJECTIVE_BASED"})
_ALIVE = frozenset({"ACTIVE", "PAUSED", "DRAFT"})
_DEFAULTS = {
    "postClickAttributionWindowSize": 30,
    "viewThroughAttributionWindowSize": 7,
    "attributionType": "LAST_TOUCH_BY_CAMPAIGN",
    "valueType": "DYNAMIC",
    "enabled": True,
}


# Create


def create(request: RestRequest) -> Answer:
    """Create one rule."""
    body = request.checked(rule_schema.schema(request.version, ("name", "type")))
    rule = _create(request, body)
    answer = answers.created("conversions", rule["id"], rule)
    if rule["conversionMethod"] == "OFFLINE_CONVERSIONS_UPLOAD":
        # The pages of that time name the older header.
        answer.headers["X-LinkedIn-Id"] = answer.headers.pop("x-restli-id")
    return answer


def batch_create(request: RestRequest) -> Answer:
    """Create up to 100 rules, each with its own success or failure."""
    document = request.document()
    bodies = document.get("elements") if isinstance(document, dict) else None
    if not isinstance(bodies, list) or not 1 <= len(bodies) <= MAX_BATCH:
        raise answers.short(400, f"elements should be a list of 1 to {MAX_BATCH} conversions")
    schema = rule_schema.schema(request.version, ("name", "type"))
    outcomes: list[dict[str, Any]] = []
    for body in bodies:
        try:
            if problems := problems_of(schema, body):
                raise answers.short(422, "".join(problems))
            rule = _create(request, body)
        except answers.Refused as refused:
            outcomes.append({"status": refused.answer.status, "error": refused.document})
        else:
            key = str(rule["id"])
            outcomes.append({"status": 201, "id": key, "location": f"/conversions/{key}", "entity": rule})
    return answers.elements(outcomes)


def _create(request: RestRequest, body: dict[str, Any]) -> dict[str, Any]:
    world = request.world
    auto = request.text("autoAssociationType")
    if auto is not None and auto not in _AUTO_ASSOCIATIONS:
        raise answers.parameter("autoAssociationType")
    if "account" in body:
        account = id_of(body["account"])
    elif "account" in request.parameters:
        account = request.urn("account", ACCOUNT_PREFIX)
    else:
        raise answers.short(422, "ERROR :: /account :: field is required but not found and has no default value\n")
    request.require_writer(account)
    method = "INSIGHT_TAG_URL_MATCH_RULES" if body.get("urlMatchRuleExpression") else "INSIGHT_TAG_JAVASCRIPT_EVENT"
    rule = {
        "conversionMethod": method,
        **_DEFAULTS,
        "valueType": "FIXED" if "value" in body else "DYNAMIC",
        **body,
        "account": f"{ACCOUNT_PREFIX}:{account}",
    }
    rule_schema.check_meaning(rule, world.entities.segments)
    campaigns = [_own_campaign(request, account, campaign) for campaign in rule.pop("campaigns", [])]
    now = world.clock.now_ms()
    rule |= {"id": world.new_id(), "created": now, "lastModified": now, "urlRules": _url_rules(rule)}
    if rule["conversionMethod"].startswith("INSIGHT_TAG"):
        rule["imagePixelTag"] = _pixel(rule["id"])
    world.rules[rule["id"]] = rule
    # The answer still shows no campaigns: LinkedIn associates a moment later.
    answer = _shown(world, rule, request.version)
    for campaign in campaigns or _auto_associated(world, account, rule["type"], auto):
        world.associate(campaign, rule["id"])
    return answer


def _auto_associated(world: World, account: int, kind: str, auto: str | None) -> list[int]:
    """The campaigns that a new rule is associated with; later ones are not added."""
    own = [campaign for campaign in world.entities.campaigns.values() if id_of(campaign["account"]) == account]
    if auto == "ALL_CAMPAIGNS":
        alive = [campaign["id"] for campaign in own if campaign["status"] in _ALIVE]
        return alive[:AUTO_ASSOCIATED_CAMPAIGNS]
    if auto == "OBJECTIVE_BASED":
        objective = "LEAD_GENERATION" if kind in rule_schema.LEAD_TYPES else "WEBSITE_CONVERSION"
        return [campaign["id"] for campaign in own if campaign["objectiveType"] == objective]
    return []


# Read


def get(request: RestRequest) -> Answer:
    """Return one rule."""
    account = request.urn("account", ACCOUNT_PREFIX)
    request.require_reader(account)
    rule = _find(request.world, account, request.number_key())
    return answers.as_json(200, request.projected(_shown(request.world, rule, request.version)))


def batch_get(request: RestRequest) -> Answer:
    """Return rules by id."""
    account = request.urn("account", ACCOUNT_PREFIX)
    request.require_reader(account)
    found: dict[str, Any] = {}
    errors: dict[str, Any] = {}
    for number in map(number_key, request.batch_keys()):
        try:
            rule = _find(request.world, account, number)
            found[str(number)] = request.projected(_shown(request.world, rule, request.version))
        except answers.Refused as refused:
            errors[str(number)] = refused.document
    return answers.results(found, errors)


def find_by_account(request: RestRequest) -> Answer:
    """Return an account's rules, of all kinds, page by page."""
    account = request.urn("account", ACCOUNT_PREFIX)
    request.require_reader(account)
    ownership = _ownership(request)
    rules = [
        rule
        for rule in request.world.rules.values()
        if id_of(rule["account"]) == account and rule.get("ownershipType", "OWNED") in ownership
    ]
    return _page(request, rules)


def find_by_campaign(request: RestRequest) -> Answer:
    """Return the rules that a campaign is associated with."""
    campaign = request.urn("campaign", CAMPAIGN_PREFIX)
    known = request.world.entities.campaigns.get(campaign)
    if known is None:
        raise answers.not_found(f"Campaign {campaign} is not found")
    request.require_reader(id_of(known["account"]))
    return _page(request, [request.world.rules[rule] for rule in request.world.entities.associations.get(campaign, {})])


def _ownership(request: RestRequest) -> set[str]:
    given = request.value("conversionOwnershipTypes")
    if given is None:
        return {"OWNED"}
    if request.version < OWNERSHIP_SINCE:
        raise answers.parameter("conversionOwnershipTypes", "QUERY_PARAM_NOT_ALLOWED", "Query parameter not allowed")
    if not isinstance(given, list) or not {"OWNED", "SHARED"}.issuperset(map(str, given)):
        raise answers.parameter("conversionOwnershipTypes")
    return set(map(str, given))


def _page(request: RestRequest, rules: list[dict[str, Any]]) -> Answer:
    page = paging.by_index(request, rules, total=-1)
    found = [request.projected(_shown(request.world, rule, request.version)) for rule in page.elements]
    return answers.elements(found, paging=page.paging)


def _find(world: World, account: int, number: int) -> dict[str, Any]:
    rule = world.rules.get(number)
    if rule is None or id_of(rule["account"]) != account:
        raise answers.not_found(f"Conversion {number} is not found")
    return rule


def _shown(world: World, rule: dict[str, Any], version: int) -> dict[str, Any]:
    """A rule as it is answered: with its campaigns and what the version has."""
    associations = world.entities.associations
    associated = {campaign: rules[rule["id"]] for campaign, rules in associations.items() if rule["id"] in rules}
    shown = {
        **rule,
        "campaigns": [f"{CAMPAIGN_PREFIX}:{campaign}" for campaign in associated],
        "associatedCampaigns": [
            {
                "campaign": f"{CAMPAIGN_PREFIX}:{campaign}",
                "conversion": f"{RULE_PREFIX}:{rule['id']}",
                "associatedAt": moment,
            }
            for campaign, moment in associated.items()
        ],
    }
    if version >= OWNERSHIP_SINCE:
        shown.setdefault("ownershipType", "OWNED")
    return shown


# Update


def partial_update(request: RestRequest) -> Answer:
    """Change some fields of a rule."""
    account = request.urn("account", ACCOUNT_PREFIX)
    request.require_writer(account)
    _update(request, account, request.number_key(), request.document())
    return answers.no_content()


def batch_partial_update(request: RestRequest) -> Answer:
    """Change some fields of several rules, each with its own success or failure."""
    account = request.urn("account", ACCOUNT_PREFIX)
    request.require_writer(account)
    entities = request.batch_entities()
    keys = [str(number_key(key)) for key in request.batch_keys()]
    if set(keys) != set(entities):
        raise answers.short(400, "The keys of ids and entities differ")
    found: dict[str, Any] = {}
    errors: dict[str, Any] = {}
    for key in keys:
        try:
            _update(request, account, int(key), entities[key])
            found[key] = {"status": 204}
        except answers.Refused as refused:
            errors[key] = refused.document
    return answers.as_json(200, {"results": found, "errors": errors})


def _update(request: RestRequest, account: int, number: int, body: Any) -> None:
    rule = _find(request.world, account, number)
    changes, removed = _patch(body, rule)
    if problems := problems_of(rule_schema.schema(request.version, ()), changes):
        raise answers.short(422, "".join(problems))
    if changes.get("account", rule["account"]) != rule["account"]:
        raise answers.short(400, "The account of a conversion cannot be changed")
    kept = {name: value for name, value in rule.items() if name not in removed}
    changed = {**_DEFAULTS, **kept, **changes}
    rule_schema.check_meaning(changed, request.world.entities.segments)
    campaigns = changed.pop("campaigns", None)
    if campaigns is not None:
        wanted = [_own_campaign(request, account, campaign) for campaign in campaigns]
        for rules in request.world.entities.associations.values():
            rules.pop(number, None)
        for campaign in wanted:
            request.world.associate(campaign, number)
    changed |= {"lastModified": request.world.clock.now_ms(), "urlRules": _url_rules(changed)}
    request.world.rules[number] = changed


def _patch(body: Any, rule: dict[str, Any]) -> tuple[dict[str, Any], set[str]]:
    """Return the new values and the removed names of a patch; a nested one addresses a sub-record."""
    patch = body.get("patch") if isinstance(body, dict) and len(body) == 1 else None
    if not isinstance(patch, dict):
        raise answers.short(422, "ERROR :: /patch :: field is required but not found and has no default value\n")
    changes: dict[str, Any] = {}
    removed: set[str] = set()
    for name, part in patch.items():
        if name == "$set" and isinstance(part, dict):
            changes |= part
        elif name == "$delete" and isinstance(part, list) and all(isinstance(item, str) for item in part):
            removed |= set(part)
        elif isinstance(rule.get(name), dict) and isinstance(part, dict):
            inner, inner_removed = _patch({"patch": part}, rule[name])
            changes[name] = {k: v for k, v in {**rule[name], **inner}.items() if k not in inner_removed}
        else:
            raise answers.short(422, f"ERROR :: /patch/{name} :: unrecognized field found but not allowed\n")
    fixed = removed & {"name", "type", "account", "conversionMethod", *rule_schema.READ_ONLY}
    if fixed:
        raise answers.short(422, f"ERROR :: /patch/$delete :: {sorted(fixed)} cannot be deleted\n")
    return changes, removed


def _own_campaign(request: RestRequest, account: int, campaign_urn: str) -> int:
    campaign = request.world.entities.campaigns.get(id_of(campaign_urn))
    if campaign is None or id_of(campaign["account"]) != account:
        raise rule_schema.invalid(f"campaign {campaign_urn} does not belong to the account")
    number: int = campaign["id"]
    return number


def _url_rules(rule: dict[str, Any]) -> list[dict[str, str]]:
    """The deprecated mirror of expressions without AND."""
    groups = rule.get("urlMatchRuleExpression", [])
    if any(len(group) != 1 for group in groups):
        return []
    return [{"type": group[0]["matchType"], "matchValue": group[0]["matchValue"]} for group in groups]


def _pixel(rule: int) -> str:
    return (
        '<img height="1" width="1" style="display:none;" alt=""'
        f' src="https://px.ads.linkedin.com/collect/?pid=1&conversionId={rule}&fmt=gif" />'
    )


_WRITE = frozenset({"rw_conversions", "rw_ads"})
_READ = _WRITE | {"r_ads"}
_ACCOUNT = frozenset({"account"})

METHODS = {
    "CREATE": Method(create, _WRITE, frozenset({"account", "autoAssociationType"})),
    "BATCH_CREATE": Method(batch_create, _WRITE, frozenset({"account", "autoAssociationType"})),
    "GET": Method(get, _READ, _ACCOUNT),
    "BATCH_GET": Method(batch_get, _READ, _ACCOUNT),
    "FINDER-account": Method(
        find_by_account, _READ, frozenset({"account", "start", "count", "conversionOwnershipTypes"})
    ),
    "FINDER-campaign": Method(find_by_campaign, _READ, frozenset({"campaign", "start", "count"})),
    "PARTIAL_UPDATE": Method(partial_update, _WRITE, _ACCOUNT),
    "BATCH_PARTIAL_UPDATE": Method(batch_partial_update, _WRITE, _ACCOUNT),
}
