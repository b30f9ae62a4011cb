"""LinkedIn's token service: the three-legged authorization-code flow, refresh and introspection.

Advertising permissions are a member's: there is no service account, and the client-credentials grant yields
none of the scopes that conversions need, so it is not offered. Paths are joined to the connection's
``oauth_base_url``. Follows https://learn.microsoft.com/linkedin/shared/authentication/authorization-code-flow
and .../programmatic-refresh-tokens.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlencode

import msgspec

from airflow_provider_linkedin_capi.api import restli
from airflow_provider_linkedin_capi.api.call import Call
from airflow_provider_linkedin_capi.exceptions import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Iterable

T = TypeVar("T")

#: What a token needs to write to a resource, or to read it where it is only read. ``r_ads`` reads the others.
_SCOPES = {
    "conversions": "rw_conversions",
    "campaignConversions": "rw_conversions",
    "conversionEvents": "rw_conversions",
    "adAnalytics": "r_ads_reporting",
    "insightTags": "rw_ads",
    "insightTagsPermission": "rw_ads",
    "insightTagDomains": "rw_ads",
    "dmpSegments": "rw_offlineConversions",
}


def scope_for(resource: str) -> str:
    """Return the scope that calls of a resource need."""
    return _SCOPES.get(resource, "r_ads")


class Token(msgspec.Struct, frozen=True, kw_only=True):
    """What the token service minted. Its ``repr`` shows no token.

    :param access_token: the bearer token, some 500 characters.
    :param expires_in: seconds the access token lives, 60 days.
    :param refresh_token: only for apps entitled to refresh; may be the same one as before.
    :param refresh_token_expires_in: seconds left of the year that began with the member's consent.
    :param scope: granted scopes as LinkedIn wrote them.
    """

    access_token: str
    expires_in: int
    refresh_token: str | None = None
    refresh_token_expires_in: int | None = None
    scope: str = ""

    def __post_init__(self) -> None:
        if not self.access_token:
            raise ConfigurationError("the access token is empty")

    def __repr__(self) -> str:
        return f"Token(expires_in={self.expires_in}, scope={self.scope!r})"

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        """What Rich shows of local variables in tracebacks; msgspec's own would show the tokens."""
        return [("expires_in", self.expires_in), ("scope", self.scope)]

    @property
    def scopes(self) -> frozenset[str]:
        """The granted scopes; LinkedIn separates them by commas here and by spaces elsewhere."""
        return frozenset(self.scope.replace(",", " ").split())


class TokenState(msgspec.Struct, frozen=True, kw_only=True):
    """What LinkedIn knows about a token. Best effort: some apps are answered 400 for their own tokens.

    :param active: whether the token works; False also for a token of another app.
    :param status: ``active``, ``expired`` or ``revoked``.
    :param expires_at: epoch seconds.
    :param scope: granted scopes, comma separated.
    """

    active: bool
    status: str | None = None
    expires_at: int | None = None
    authorized_at: int | None = None
    scope: str = ""


def authorization_url(base_url: str, client_id: str, redirect_uri: str, state: str, scopes: Iterable[str]) -> str:
    """Return the page on which a member consents; it sends the browser to ``redirect_uri`` with a code.

    :param base_url: the connection's ``oauth_base_url``.
    :param redirect_uri: must be registered with the app, character by character.
    :param state: a random text to be compared with the one that comes back.
    :param scopes: e.g. ``("rw_conversions", "r_ads", "r_ads_reporting")``; consent is to all or none.
    """
    parameters = {
        "response_type": "code",
        "client_id": client_id,
        "redirect_uri": redirect_uri,
        "state": state,
        "scope": " ".join(scopes),
    }
    return f"{base_url.rstrip('/')}/authorization?{urlencode(parameters)}"


def exchange_code(client_id: str, client_secret: str, code: str, redirect_uri: str) -> Call[Token]:
    """Return the call that turns the code of a consent into tokens; a code works once, for 30 minutes."""
    form = {
        "grant_type": "authorization_code",
        "code": code,
        "redirect_uri": redirect_uri,
        "client_id": client_id,
        "client_secret": client_secret,
    }
    return _post("accessToken", form, Token, idempotent=False)


def refresh(client_id: str, client_secret: str, refresh_token: str) -> Call[Token]:
    """Return the call that mints a new access token."""
    form = {
        "grant_type": "refresh_token",
        "refresh_token": refresh_token,
        "client_id": client_id,
        "client_secret": client_secret,
    }
    return _post("accessToken", form, Token)


def introspect(client_id: str, client_secret: str, token: str) -> Call[TokenState]:
    """Return the call that asks what LinkedIn knows about a token; never let a run depend on it."""
    form = {"client_id": client_id, "client_secret": client_secret, "token": token}
    return _post("introspectToken", form, TokenState)


def _post(endpoint: str, form: dict[str, str], kind: type[T], *, idempotent: bool = True) -> Call[T]:
    return Call(
        name=f"oauth.{endpoint}",
        method="POST",
        path=f"/{endpoint}",
        headers={"Content-Type": "application/x-www-form-urlencoded"},
        body=urlencode(form).encode(),
        parse=restli.entity(kind),
        idempotent=idempotent,
        origin="oauth",
    )
