"""``/campaignConversions``: which campaigns a conversion rule is associated with."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_provider_linkedin_capi.sandbox import answers, paging, restli
from airflow_provider_linkedin_capi.sandbox.entities import CAMPAIGN_PREFIX, RULE_PREFIX, id_of
from airflow_provider_linkedin_capi.sandbox.rest import Method, urn_id
from airflow_provider_linkedin_capi.sandbox.validation import problems_of, record, urn

if TYPE_CHECKING:
    from airflow_provider_linkedin_capi.sandbox.answers import Answer
    from airflow_provider_linkedin_capi.sandbox.rest import RestRequest

Pair = tuple[int, int]

_SCHEMA = record({"campaign": urn(CAMPAIGN_PREFIX), "conversion": urn(RULE_PREFIX)})


def update(request: RestRequest) -> Answer:
    """Associate a campaign with a rule; doing so again changes nothing."""
    pair = _pair(request.compound_key())
    _associate(request, pair, request.document())
    return answers.no_content()


def batch_update(request: RestRequest) -> Answer:
    """Associate several pairs."""
    bodies = {_pair(_parsed(key)): body for key, body in request.batch_entities().items()}
    pairs = [_pair(key) for key in request.batch_keys()]
    if set(pairs) != set(bodies):
        raise answers.short(400, "The keys of ids and entities differ")
    return _each(request, pairs, lambda pair: _associate(request, pair, bodies[pair]))


def get(request: RestRequest) -> Answer:
    """Return one association."""
    return answers.as_json(200, request.projected(_entity(request, _pair(request.compound_key()))))


def batch_get(request: RestRequest) -> Answer:
    """Return several associations."""
    found: dict[str, Any] = {}
    errors: dict[str, Any] = {}
    for pair in map(_pair, request.batch_keys()):
        try:
            found[_key(pair)] = request.projected(_entity(request, pair))
        except answers.Refused as refused:
            errors[_key(pair)] = refused.document
    return answers.results(found, errors)


def find_by_campaigns(request: RestRequest) -> Answer:
    """Return the associations of campaigns, page by page."""
    campaigns = request.urns("campaigns", CAMPAIGN_PREFIX)
    if campaigns is None:
        raise answers.short(400, "Parameter 'campaigns' is required")
    for campaign in campaigns:
        request.require_reader(_account_of_campaign(request, campaign))
    associations = request.world.entities.associations
    found = [
        _wire((campaign, rule), moment)
        for campaign in campaigns
        for rule, moment in associations.get(campaign, {}).items()
    ]
    page = paging.by_index(request, found)
    return answers.elements([request.projected(entity) for entity in page.elements], paging=page.paging)


def delete(request: RestRequest) -> Answer:
    """End an association."""
    _dissociate(request, _pair(request.compound_key()))
    return answers.no_content()


def batch_delete(request: RestRequest) -> Answer:
    """End several associations."""
    return _each(request, [_pair(key) for key in request.batch_keys()], lambda pair: _dissociate(request, pair))


def _each(request: RestRequest, pairs: list[Pair], change: Any) -> Answer:
    """Change each pair; as documented 204 when all went well, 200 with results where set or needed."""
    found: dict[str, Any] = {}
    errors: dict[str, Any] = {}
    for pair in pairs:
        try:
            change(pair)
            found[_key(pair)] = {"status": 204}
        except answers.Refused as refused:
            errors[_key(pair)] = refused.document
    if errors or request.world.settings.batch_writes_answer_200:
        return answers.as_json(200, {"results": found, "errors": errors})
    return answers.no_content()


def _associate(request: RestRequest, pair: Pair, body: Any) -> None:
    if problems := problems_of(_SCHEMA, body):
        raise answers.short(422, "".join(problems))
    if (id_of(body["campaign"]), id_of(body["conversion"])) != pair:
        raise answers.short(400, "The URNs of key and entity differ")
    campaign, rule = pair
    account = _account_of_campaign(request, campaign)
    request.require_writer(account)
    known = request.world.rules.get(rule)
    if known is None:
        raise answers.not_found(f"Conversion {rule} is not found")
    if id_of(known["account"]) != account:
        raise answers.short(400, "Campaign and conversion belong to different accounts")
    request.world.associate(campaign, rule)


def _dissociate(request: RestRequest, pair: Pair) -> None:
    request.require_writer(_account_of_campaign(request, pair[0]))
    if request.world.entities.associations.get(pair[0], {}).pop(pair[1], None) is None:
        raise answers.not_found("Campaign conversion is not found")


def _entity(request: RestRequest, pair: Pair) -> dict[str, Any]:
    request.require_reader(_account_of_campaign(request, pair[0]))
    moment = request.world.entities.associations.get(pair[0], {}).get(pair[1])
    if moment is None:
        raise answers.not_found("Campaign conversion is not found")
    return _wire(pair, moment)


def _account_of_campaign(request: RestRequest, campaign: int) -> int:
    known = request.world.entities.campaigns.get(campaign)
    if known is None:
        raise answers.not_found(f"Campaign {campaign} is not found")
    return id_of(known["account"])


def _wire(pair: Pair, moment: int) -> dict[str, Any]:
    return {
        "associatedAt": moment,
        "campaign": f"{CAMPAIGN_PREFIX}:{pair[0]}",
        "conversion": f"{RULE_PREFIX}:{pair[1]}",
    }


def _key(pair: Pair) -> str:
    return restli.key_text({"campaign": f"{CAMPAIGN_PREFIX}:{pair[0]}", "conversion": f"{RULE_PREFIX}:{pair[1]}"})


def _parsed(key: str) -> restli.Value:
    try:
        return restli.parse(key)
    except restli.RestliSyntaxError:
        raise answers.input_error("entities", "PARAM_INVALID", "Invalid key") from None


def _pair(key: restli.Value) -> Pair:
    if not isinstance(key, dict) or set(key) != {"campaign", "conversion"}:
        raise answers.input_error("key", "PARAM_INVALID", "Invalid key")
    return urn_id(key["campaign"], CAMPAIGN_PREFIX, "campaign"), urn_id(key["conversion"], RULE_PREFIX, "conversion")


_WRITE = frozenset({"rw_conversions", "rw_ads"})
_READ = _WRITE | {"r_ads"}

METHODS = {
    "UPDATE": Method(update, _WRITE),
    "BATCH_UPDATE": Method(batch_update, _WRITE),
    "GET": Method(get, _READ),
    "BATCH_GET": Method(batch_get, _READ),
    "FINDER-campaigns": Method(find_by_campaigns, _READ, frozenset({"campaigns", "start", "count"})),
    "DELETE": Method(delete, _WRITE),
    "BATCH_DELETE": Method(batch_delete, _WRITE),
}
