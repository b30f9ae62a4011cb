"""Access tokens: the connection's own, or minted from its refresh token; one refresh for all threads."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import logging
import threading
from typing import TYPE_CHECKING

from airflow_provider_linkedin_capi import exceptions, version_compat
from airflow_provider_linkedin_capi.api import oauth

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow_provider_linkedin_capi.api.call import Call
    from airflow_provider_linkedin_capi.hooks.connection_settings import ConnectionSettings

log = logging.getLogger(__name__)

_WARN_BEFORE = dt.timedelta(days=30)


class TokenSource:
    """The access token of one connection, kept in memory only.

    :param settings: the connection's.
    :param exchange: makes one attempt at a call to the token service and returns its result.
    """

    def __init__(self, settings: ConnectionSettings, exchange: Callable[[Call[oauth.Token]], oauth.Token]) -> None:
        self._settings = settings
        self._exchange = exchange
        self._lock = threading.Lock()
        self._access_token = settings.access_token
        self._refresh_token = settings.refresh_token
        for secret in (settings.access_token, settings.refresh_token, settings.client_secret):
            if secret:
                version_compat.mask_secret(secret)

    def current(self) -> str:
        """Return the access token, minted when there is none.

        :raises CredentialsError: the token service refused.
        :raises NotSentError: the token service could not be reached or failed: nothing else was sent, try again.
        """
        with self._lock:
            if self._access_token is None:
                self._access_token = self._mint()
            return self._access_token

    def discard(self, stale: str | None) -> None:
        """Forget a token that LinkedIn no longer accepts, unless another thread has replaced it already.

        :raises CredentialsError: the connection has nothing to mint another one from.
        """
        with self._lock:
            if self._access_token != stale:
                return
            if not self._settings.can_refresh:
                raise exceptions.CredentialsError(
                    f"the access token is no longer accepted, and connection {self._settings.conn_id!r} has no refresh "
                    "token to mint another one from"
                )
            self._access_token = None

    def _mint(self) -> str:
        settings = self._settings
        assert settings.client_id
        assert settings.client_secret
        assert self._refresh_token
        kept = _KeptRefreshToken(settings)
        if (rotated := kept.read()) is not None:
            self._refresh_token = rotated
        try:
            token = self._exchange(oauth.refresh(settings.client_id, settings.client_secret, self._refresh_token))
        except exceptions.CredentialsError:
            raise
        except exceptions.LinkedInError as error:
            # Whoever wanted the token has sent nothing yet, and decides when to try again.
            raise exceptions.NotSentError(f"no access token: {error}", retry_after=error.retry_after) from error
        version_compat.mask_secret(token.access_token)
        log.info("Minted an access token for connection %s", settings.conn_id)
        if token.refresh_token and token.refresh_token != self._refresh_token:
            version_compat.mask_secret(token.refresh_token)
            self._refresh_token = token.refresh_token
            kept.write(token.refresh_token)
        left = dt.timedelta(seconds=token.refresh_token_expires_in or 0)
        # 525,600 is the number of minutes in a year, a slip in LinkedIn's documentation: not six days.
        if dt.timedelta(0) < left <= _WARN_BEFORE and token.refresh_token_expires_in != 525_600:
            log.warning(
                "The refresh token of connection %s ends in %d days, and using it does not extend it: have the "
                "member consent again before that and put the new one into the connection.",
                settings.conn_id,
                left.days,
            )
        return token.access_token


class _KeptRefreshToken:
    """A rotated refresh token, kept in an Airflow Variable since a task cannot write to a connection.

    The Variable is encrypted by Airflow and, for its name, masked. It holds for the refresh token of the
    connection from which it came: a newly pasted one wins.
    """

    def __init__(self, settings: ConnectionSettings) -> None:
        self._enabled = settings.keep_rotated_refresh_token
        self._key = f"linkedin_capi__{settings.conn_id}__refresh_token"
        self._origin = hashlib.sha256((settings.refresh_token or "").encode()).hexdigest()[:16]

    def read(self) -> str | None:
        if not self._enabled:
            return None
        from airflow.providers.common.compat.sdk import Variable

        try:
            kept = json.loads(Variable.get(self._key))
        except Exception:
            # A missing Variable is a KeyError in Airflow 2, an AirflowRuntimeError in 3, and outside of a task
            # there may be no way to Variables at all: then the connection's own token is all there is.
            return None
        return str(kept["refresh_token"]) if kept.get("origin") == self._origin else None

    def write(self, refresh_token: str) -> None:
        if not self._enabled:
            log.warning(
                "LinkedIn rotated the refresh token, and the connection says not to keep it: put the new one "
                "into the connection, or the next run may be refused."
            )
            return
        from airflow.providers.common.compat.sdk import Variable

        try:
            Variable.set(self._key, json.dumps({"origin": self._origin, "refresh_token": refresh_token}))
        except Exception as error:
            log.warning(
                "LinkedIn rotated the refresh token and it could not be kept in Variable %s (%s): it is used "
                "for this task only.",
                self._key,
                type(error).__name__,
            )
