"""What the handlers of Rest.li methods get: a request with its parameters, keys, body and the member's rights."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

import msgspec

from airflow_provider_linkedin_capi.sandbox import answers, restli
from airflow_provider_linkedin_capi.sandbox.entities import WRITER_ROLES, Token, id_of
from airflow_provider_linkedin_capi.sandbox.validation import Check, problems_of

if TYPE_CHECKING:
    from airflow_provider_linkedin_capi.sandbox.answers import Answer
    from airflow_provider_linkedin_capi.sandbox.world import World


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
