"""From an HTTP request to the handler of its Rest.li method, with LinkedIn's checks in LinkedIn's order."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NoReturn
from urllib.parse import unquote

import msgspec

from airflow_provider_linkedin_capi.sandbox import answers, restli, tunnelling
from airflow_provider_linkedin_capi.sandbox.entities import WRITER_ROLES, Token, id_of
from airflow_provider_linkedin_capi.sandbox.validation import Check, problems_of

if TYPE_CHECKING:
    from airflow_provider_linkedin_capi.sandbox.answers import Answer
    from airflow_provider_linkedin_capi.sandbox.world import World

MAX_URL = 8 * 1024
MAX_QUERY = 4 * 1024
MAX_SEGMENT = 4 * 1024
MAX_URL_AND_HEADERS = 28 * 1024

_VERSION = re.compile(r"(\d{6})(\.\d{2})?")
#: Rest.li methods that LinkedIn only recognises by the X-RestLi-Method header.
_NAMED_BY_HEADER = frozenset({"BATCH_CREATE", "PARTIAL_UPDATE", "BATCH_PARTIAL_UPDATE"})


@dataclass(frozen=True, slots=True)
class Raw:
    """An HTTP request before anything is known about it; header names are in lower case."""

    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    body: bytes


@dataclass(slots=True)
class RestRequest:
    """A request that passed the gateway: path, version, token, scope, query syntax and throttle.

    :param resource: e.g. ``conversions`` or ``adAccounts/adCampaigns``.
    :param method: Rest.li method, finders and actions with their name: ``FINDER-account``.
    :param key: the still encoded key of the entity.
    :param parent: the still encoded key of the parent resource's entity.
    :param parameters: raw query parameters.
    """

    world: World
    resource: str
    method: str
    key: str | None
    parent: str | None
    parameters: dict[str, str]
    version: int
    token: Token
    body: bytes
    _json: Any = field(default=None)

    # Query parameters

    def value(self, name: str) -> restli.Value | None:
        """A parameter in Rest.li syntax, or None when it is absent."""
        if name not in self.parameters:
            return None
        try:
            return restli.parse(self.parameters[name])
        except restli.RestliSyntaxError:
            raise answers.parameter(name) from None

    def text(self, name: str) -> str | None:
        """A parameter that is one text."""
        if name not in self.parameters:
            return None
        try:
            return restli.parse_scalar(self.parameters[name])
        except restli.RestliSyntaxError:
            raise answers.parameter(name) from None

    def number(self, name: str, default: int, *, most: int) -> int:
        """A parameter that is a whole number of at least 0."""
        text = self.text(name)
        if text is None:
            return default
        if not (text.isascii() and text.isdigit() and int(text) <= most):
            raise answers.parameter(name)
        return int(text)

    def urn(self, name: str, prefix: str) -> int:
        """The id of a required parameter that is a URN."""
        text = self.text(name)
        if text is None:
            raise answers.short(400, f"Parameter '{name}' is required")
        return urn_id(text, prefix, name)

    def urns(self, name: str, prefix: str) -> list[int] | None:
        """The ids of a parameter that is a list of URNs, or None when it is absent."""
        items = self.value(name)
        if items is None:
            return None
        if not isinstance(items, list):
            raise answers.parameter(name, "FIELD_INVALID", "array type is not backed by a DataList")
        return [urn_id(item, prefix, name) for item in items]

    def batch_keys(self) -> list[restli.Value]:
        """The keys of a batch."""
        keys = self.value("ids")
        if not isinstance(keys, list) or not keys:
            raise answers.parameter("ids")
        return keys

    def projected(self, entity: dict[str, Any]) -> dict[str, Any]:
        """The members of an entity that ``fields`` asks for; all of them without it."""
        fields = self.parameters.get("fields")
        if fields is None:
            return entity
        wanted = set(unquote(fields).split(","))
        return {name: member for name, member in entity.items() if name in wanted}

    # Keys of entities

    def number_key(self) -> int:
        """The key of the entity when it is a number."""
        return number_key(self.key or "")

    def compound_key(self) -> restli.Value:
        """The key of the entity when it is a record."""
        try:
            return restli.parse(self.key or "")
        except restli.RestliSyntaxError:
            raise answers.input_error("key", "PARAM_INVALID", "Invalid key") from None

    # Body

    def document(self) -> Any:
        """The JSON body."""
        if self._json is None:
            try:
                self._json = msgspec.json.decode(self.body)
            except msgspec.DecodeError:
                raise answers.short(400, "Cannot parse request entity") from None
        return self._json

    def checked(self, check: Check) -> Any:
        """The JSON body when it fits its schema."""
        document = self.document()
        if problems := problems_of(check, document):
            raise answers.short(422, "".join(problems))
        return document

    def batch_entities(self) -> dict[str, Any]:
        """The members of ``entities`` by decoded key text, one for each key of ``ids``."""
        document = self.document()
        entities = document.get("entities") if isinstance(document, dict) else None
        if not isinstance(entities, dict) or len(document) != 1:
            raise answers.short(422, "ERROR :: /entities :: field is required but not found and has no default value\n")
        return entities

    # Access

    def require_writer(self, account: int) -> None:
        """Refuse a member without a role that may write in the account."""
        if not self.may_write(account):
            raise answers.no_access(account)

    def require_reader(self, account: int) -> None:
        """Refuse a member without any role in the account."""
        if not self.may_read(account):
            raise answers.no_access(account)

    def may_write(self, account: int) -> bool:
        """Whether the token's member may write in the account."""
        return self._role(account) in WRITER_ROLES

    def may_read(self, account: int) -> bool:
        """Whether the token's member has a role in the account."""
        return self._role(account) is not None

    def _role(self, account: int) -> str | None:
        return self.world.entities.roles.get(self.token.member, {}).get(account)


Handler = Callable[[RestRequest], "Answer"]


@dataclass(frozen=True, slots=True)
class Method:
    """A Rest.li method of a resource.

    :param handler: what it does.
    :param scopes: any one of them suffices.
    :param parameters: query parameters it knows.
    :param until: last version that has it; None while it lives.
    """

    handler: Handler
    scopes: frozenset[str]
    parameters: frozenset[str] = frozenset()
    until: int | None = None


Resources = Mapping[str, Mapping[str, Method]]


def urn_id(value: restli.Value, prefix: str, name: str) -> int:
    """The number of a URN of one kind."""
    if not isinstance(value, str) or not re.fullmatch(rf"{prefix}:\d+", value):
        raise answers.parameter(name)
    return id_of(value)


def number_key(key: restli.Value) -> int:
    """A key that is a number."""
    if not isinstance(key, str) or not (key.isascii() and key.isdigit()):
        raise answers.input_error("key", "PARAM_INVALID", "Key parameter value is not a number")
    return int(key)


def method_name(raw: Raw, resources: Resources) -> str | None:
    """What a request asks for, ``resource.METHOD``, for logs and faults; None when it is not understood."""
    try:
        raw = tunnelling.unfold(raw)
        resource, key, _ = _resource(raw.path, resources)
        return f"{resource}.{_method(raw, restli.split_query(raw.query), key)}"
    except (answers.Refused, restli.RestliSyntaxError):
        return None


def answer(world: World, raw: Raw, resources: Resources) -> Answer:
    """Answer a request below ``/rest``; raises :class:`~.answers.Refused` for the first check it fails."""
    _check_sizes(raw, world.settings.max_body_bytes)
    raw = tunnelling.unfold(raw)
    resource, key, parent = _resource(raw.path, resources)
    lenient = _lenient_parameters(raw.query)
    method = _method(raw, lenient, key)
    known = resources[resource].get(method)
    if known is None:
        _unknown_method(method)
    version = _version(world, raw)
    if known.until is not None and version > known.until:
        raise _no_resource()
    token_text, token = _token(world, raw)
    if known.scopes.isdisjoint(token.scopes):
        raise answers.permission(
            403,
            100,
            "ACCESS_DENIED",
            f"Not enough permissions to access: {resource.rpartition('/')[2]}.{method}.{version}01",
        )
    parameters = _parameters(raw, resource, known)
    world.throttle.count(token_text, resource)
    _check_body(raw)
    request = RestRequest(world, resource, method, key, parent, parameters, version, token, raw.body)
    return known.handler(request)


def _check_sizes(raw: Raw, max_body_bytes: int) -> None:
    url = len(raw.path) + 1 + len(raw.query)
    headers = sum(len(name) + len(value) + 4 for name, value in raw.headers.items())
    if (
        url > MAX_URL
        or len(raw.query) > MAX_QUERY
        or any(len(segment) > MAX_SEGMENT for segment in raw.path.split("/"))
        or url + headers > MAX_URL_AND_HEADERS
    ):
        raise answers.Refused(414, {"status": 414, "message": "Request URI Too Long"})
    if len(raw.body) > max_body_bytes:
        raise answers.Refused(413, {"status": 413, "message": "Request Entity Too Large"})
    if raw.method == "POST" and not raw.body and "content-length" not in raw.headers:
        raise answers.Refused(411, {"status": 411, "message": "Length Required"})


def _resource(path: str, resources: Resources) -> tuple[str, str | None, str | None]:
    """Return the resource, the key and the parent's key that a path names."""
    segments = path.removeprefix("/rest/").removesuffix("/").split("/")
    parent = segments[1] if len(segments) > 2 else None
    resource = segments[0] if parent is None else f"{segments[0]}/{segments[2]}"
    rest = segments[1:] if parent is None else segments[3:]
    if resource not in resources or len(rest) > 1:
        raise _no_resource()
    return resource, rest[0] if rest else None, parent


def _method(raw: Raw, parameters: Mapping[str, str], key: str | None) -> str:
    """Return the Rest.li method that verb, URL and header agree on."""
    header = raw.headers.get("x-restli-method", "").upper()
    batch = "ids" in parameters
    if raw.method == "GET":
        method = "GET" if key is not None else "BATCH_GET" if batch else "FINDER" if "q" in parameters else "GET_ALL"
    elif raw.method == "PUT":
        method = "BATCH_UPDATE" if batch else "UPDATE"
    elif raw.method == "DELETE":
        method = "BATCH_DELETE" if batch else "DELETE"
    elif raw.method != "POST":
        raise answers.gateway(405, "METHOD_NOT_ALLOWED", "Method Not Allowed")
    elif "action" in parameters:
        method = "ACTION"
    elif key is not None:
        method = "PARTIAL_UPDATE"
    elif batch:
        method = "BATCH_PARTIAL_UPDATE"
    else:
        method = "BATCH_CREATE" if header == "BATCH_CREATE" else "CREATE"
    if header not in ({method} if method in _NAMED_BY_HEADER else {method, ""}):
        raise answers.short(400, f"X-RestLi-Method '{header or 'absent'}' does not fit this request")
    if method in ("FINDER", "ACTION"):
        method = f"{method}-{parameters['q' if method == 'FINDER' else 'action']}"
    return method


def _unknown_method(method: str) -> NoReturn:
    if method.startswith(("FINDER-", "ACTION-")):
        raise _no_resource()
    raise answers.gateway(405, "METHOD_NOT_ALLOWED", f"{method} is not supported on this resource")


def _no_resource() -> answers.Refused:
    return answers.gateway(404, "RESOURCE_NOT_FOUND", "No virtual resource found")


def _version(world: World, raw: Raw) -> int:
    header = raw.headers.get("linkedin-version", "")
    if not header:
        raise answers.gateway(
            400,
            "VERSION_MISSING",
            "A version must be present. Please specify a version by adding the LinkedIn-Version header.",
        )
    match = _VERSION.fullmatch(header)
    if match is None or match[1] not in world.settings.versions:
        number = header.replace(".", "") if match and match[2] else f"{header}01"
        raise answers.Refused(
            426,
            {"status": 426, "code": "NONEXISTENT_VERSION", "message": f"Requested version {number} is not active"},
        )
    return int(match[1])


def _token(world: World, raw: Raw) -> tuple[str, Token]:
    scheme, _, text = raw.headers.get("authorization", "").partition(" ")
    text = text.strip()
    if scheme.lower() != "bearer" or not text:
        raise answers.unauthorised(65604, "EMPTY_ACCESS_TOKEN", "Empty oauth2 access token")
    token = world.entities.tokens.get(text)
    if token is None:
        raise answers.unauthorised(65600, "INVALID_ACCESS_TOKEN", "Invalid access token")
    if token.status == "revoked":
        raise answers.unauthorised(
            65601, "REVOKED_ACCESS_TOKEN", "The token used in the request has been revoked by the user"
        )
    if token.expires_at is not None and token.expires_at <= world.clock.now():
        raise answers.unauthorised(65602, "EXPIRED_ACCESS_TOKEN", "The token used in the request has expired")
    if token.status == "restricted":
        raise answers.unauthorised(65608, "RESTRICTED_MEMBER", "Member is restricted")
    return text, token


def _lenient_parameters(query: str) -> dict[str, str]:
    """The parameters of a query whose syntax nobody has checked yet."""
    return dict(pair.partition("=")[::2] for pair in query.split("&") if pair)


def _parameters(raw: Raw, resource: str, known: Method) -> dict[str, str]:
    try:
        parameters = restli.split_query(raw.query)
    except restli.RestliSyntaxError:
        raise answers.parameter("query") from None
    allowed = known.parameters | {"q", "action", "ids", "fields"}
    for name in parameters:
        if name not in allowed:
            raise answers.parameter(name, "QUERY_PARAM_NOT_ALLOWED", "Query parameter not allowed")
    protocol = raw.headers.get("x-restli-protocol-version")
    structured = next((name for name, value in parameters.items() if "(" in value), None)
    # Without the header LinkedIn reads URLs by protocol 1, which has no such values.
    if protocol not in (None, "1.0.0", "2.0.0") or (protocol != "2.0.0" and structured is not None):
        raise answers.parameter(structured or "X-RestLi-Protocol-Version")
    return parameters


def _check_body(raw: Raw) -> None:
    kind = raw.headers.get("content-type", "").partition(";")[0].strip().lower()
    if raw.body and kind != "application/json":
        raise answers.Refused(415, {"status": 415, "message": "Unsupported Media Type"})
