"""LinkedIn's token service: refreshing access tokens.

Advertising permissions are a member's: there is no service account, and the client-credentials grant yields
none of the scopes that conversions need, so it is not offered. Paths are joined to the connection's
``oauth_base_url``. Follows https://learn.microsoft.com/linkedin/shared/authentication/programmatic-refresh-tokens.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

import msgspec

from airflow_provider_linkedin_capi.api import restli
from airflow_provider_linkedin_capi.api.call import Call
from airflow_provider_linkedin_capi.exceptions import ConfigurationError


class Token(msgspec.Struct, frozen=True, kw_only=True):
    """What the token service granted. Its ``repr`` shows no token.

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


def refresh(client_id: str, client_secret: str, refresh_token: str) -> Call[Token]:
    """Return the call that requests a new access token."""
    form = {
        "grant_type": "refresh_token",
        "refresh_token": refresh_token,
        "client_id": client_id,
        "client_secret": client_secret,
    }
    return Call(
        name="oauth.accessToken",
        method="POST",
        path="/accessToken",
        headers={"Content-Type": "application/x-www-form-urlencoded"},
        body=urlencode(form).encode(),
        parse=restli.entity(Token),
        origin="oauth",
    )
