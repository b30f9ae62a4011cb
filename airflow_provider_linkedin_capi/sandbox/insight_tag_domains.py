"""``/insightTagDomains``: the sites on which an account's Insight Tag was seen."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_provider_linkedin_capi.sandbox import answers, paging, restli
from airflow_provider_linkedin_capi.sandbox.entities import ACCOUNT_PREFIX, INSIGHT_TAG_PREFIX, Domain
from airflow_provider_linkedin_capi.sandbox.insight_tags import FULL, tag_of
from airflow_provider_linkedin_capi.sandbox.rest import Method, urn_id
from airflow_provider_linkedin_capi.sandbox.validation import boolean, problems_of, record

if TYPE_CHECKING:
    from airflow_provider_linkedin_capi.sandbox.answers import Answer
    from airflow_provider_linkedin_capi.sandbox.rest import RestRequest

DEFAULT_PAGE = 100
MAX_PAGE = 500

#: An account and a domain's name.
Key = tuple[int, str]

_PATCH = record({"patch": record({"$set": record({"blocked": boolean})})})


def find(request: RestRequest) -> Answer:
    """Return an account's domains, newest first."""
    account = request.urn("account", ACCOUNT_PREFIX)
    request.require_reader(account)
    name = request.text("domainName")
    found = [domain for domain in _domains(request, account) if name in (None, domain.name)]
    found.sort(key=lambda domain: domain.created, reverse=True)
    page = paging.by_index(request, found, default=DEFAULT_PAGE, most=MAX_PAGE)
    return answers.elements([request.projected(_wire(domain)) for domain in page.elements], paging=page.paging)


def get(request: RestRequest) -> Answer:
    """Return one domain."""
    key = _key(request.compound_key())
    request.require_reader(key[0])
    return answers.as_json(200, request.projected(_wire(_domain(request, key))))


def batch_get(request: RestRequest) -> Answer:
    """Return several domains."""
    found: dict[str, Any] = {}
    errors: dict[str, Any] = {}
    for key in map(_key, request.batch_keys()):
        try:
            request.require_reader(key[0])
            found[_key_text(key)] = request.projected(_wire(_domain(request, key)))
        except answers.Refused as refused:
            errors[_key_text(key)] = refused.document
    return answers.results(found, errors)


def partial_update(request: RestRequest) -> Answer:
    """Block or allow a domain."""
    _update(request, _key(request.compound_key()), request.document())
    return answers.no_content()


def batch_partial_update(request: RestRequest) -> Answer:
    """Block or allow several domains, each with its own success or failure."""
    bodies = {_key(_parsed(text)): body for text, body in request.batch_entities().items()}
    keys = [_key(key) for key in request.batch_keys()]
    if set(keys) != set(bodies):
        raise answers.short(400, "The keys of ids and entities differ")
    found: dict[str, Any] = {}
    errors: dict[str, Any] = {}
    for key in keys:
        try:
            _update(request, key, bodies[key])
            found[_key_text(key)] = {"status": 204}
        except answers.Refused as refused:
            errors[_key_text(key)] = refused.document
    return answers.as_json(200, {"results": found, "errors": errors})


def _update(request: RestRequest, key: Key, body: Any) -> None:
    if problems := problems_of(_PATCH, body):
        raise answers.short(422, "".join(problems))
    request.require_writer(key[0])
    domain = _domain(request, key)
    tag = request.world.entities.insight_tags[domain.tag]
    if tag.roles[key[0]] != FULL:
        raise answers.short(403, "Domains can only be changed by an account with FULL access to the Insight Tag")
    domain.blocked = body["patch"]["$set"]["blocked"]


def _domains(request: RestRequest, account: int) -> list[Domain]:
    tag = tag_of(request.world, account)
    return [domain for domain in request.world.entities.domains if tag is not None and domain.tag == tag.id]


def _domain(request: RestRequest, key: Key) -> Domain:
    for domain in _domains(request, key[0]):
        if domain.name == key[1]:
            return domain
    raise answers.not_found(f"Insight Tag domain {key[1]} is not found")


def _key(key: restli.Value) -> Key:
    if not isinstance(key, dict) or set(key) != {"account", "domainName"} or not isinstance(key["domainName"], str):
        raise answers.input_error("key", "PARAM_INVALID", "Invalid key")
    return urn_id(key["account"], ACCOUNT_PREFIX, "account"), key["domainName"]


def _parsed(text: str) -> restli.Value:
    try:
        return restli.parse(text)
    except restli.RestliSyntaxError:
        raise answers.input_error("entities", "PARAM_INVALID", "Invalid key") from None


def _key_text(key: Key) -> str:
    return restli.key_text({"account": f"{ACCOUNT_PREFIX}:{key[0]}", "domainName": key[1]})


def _wire(domain: Domain) -> dict[str, Any]:
    return {
        "insightTag": f"{INSIGHT_TAG_PREFIX}:{domain.tag}",
        "domainName": domain.name,
        "created": domain.created,
        "lastCallbackAt": domain.last_callback_at,
        "blocked": domain.blocked,
    }


_WRITE = frozenset({"rw_ads"})
_READ = frozenset({"rw_ads", "r_ads"})

METHODS = {
    "FINDER-account": Method(find, _READ, frozenset({"account", "domainName", "start", "count"})),
    "GET": Method(get, _READ),
    "BATCH_GET": Method(batch_get, _READ),
    "PARTIAL_UPDATE": Method(partial_update, _WRITE),
    "BATCH_PARTIAL_UPDATE": Method(batch_partial_update, _WRITE),
}
