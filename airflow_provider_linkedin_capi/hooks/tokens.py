"""Access tokens: the connection's own, or requested with its refresh token; one refresh for all threads."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import logging
import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

from airflow_provider_linkedin_capi import exceptions, version_compat
from airflow_provider_linkedin_capi.api import oauth

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from airflow_provider_linkedin_capi.api.call import Call
    from airflow_provider_linkedin_capi.hooks.connection_settings import ConnectionSettings

log = logging.getLogger(__name__)

_WARN_BEFORE = dt.timedelta(days=30)
#: Pauses before each check for a newer refresh token after a refusal: another task may be about to keep one.
_CHECK_AFTER_SECONDS = (0.0, 1.0, 2.0)
#: How long a sending thread waits for the task's own thread to read the kept token.
_OWNER_SECONDS = 15.0
_LOCK_SECONDS = 0.1
_WRONG_CLIENT = ("invalid_client", "unauthorized_scope_error")


class TokenSource:
    """The access token of one connection, kept in memory only.

    :param settings: the connection's.
    :param exchange: makes one attempt at a call to the token service and returns its result.
    :param owner: the thread that may use Airflow's Variables, by its id; None for any. Airflow serves a task's
        own thread only.
    """

    def __init__(
        self,
        settings: ConnectionSettings,
        exchange: Callable[[Call[oauth.Token]], oauth.Token],
        *,
        owner: int | None = None,
    ) -> None:
        self._settings = settings
        self._exchange = exchange
        self._lock = threading.Lock()
        self._access_token = settings.access_token
        self._refresh_token = settings.refresh_token
        self._kept = _KeptRefreshToken(settings, owner)
        for secret in (settings.access_token, settings.refresh_token, settings.client_secret):
            if secret:
                version_compat.mask_secret(secret)
        if settings.can_refresh and self._kept.is_owner and (kept := self._kept.read()):
            self._refresh_token = kept

    def current(self) -> str:
        """Return the access token; request one when there is none.

        :raises CredentialsError: the token service refused.
        :raises NotSentError: the token service could not be reached or failed: nothing else was sent, try again.
        """
        with self._locked():
            if self._access_token is None:
                self._access_token = self._request()
            return self._access_token

    def discard(self, stale: str | None) -> None:
        """Forget a token that LinkedIn no longer accepts, unless another thread has replaced it already.

        :raises CredentialsError: the connection has no way to request another one.
        """
        with self._locked():
            if self._access_token != stale:
                return
            if not self._settings.can_refresh:
                raise exceptions.CredentialsError(
                    f"the access token is no longer accepted, and connection {self._settings.conn_id!r} has no refresh "
                    "token to request another one with"
                )
            self._access_token = None

    def housekeeping(self) -> None:
        """Read or keep a refresh token for threads that may not use Variables; does nothing on their side."""
        if self._kept.is_owner:
            self._kept.serve()

    @contextmanager
    def _locked(self) -> Iterator[None]:
        while not self._lock.acquire(timeout=_LOCK_SECONDS):
            self.housekeeping()  # who has the lock may be waiting for this thread
        try:
            yield
        finally:
            self._lock.release()

    def _request(self) -> str:
        """Request an access token; when the refresh token is refused, try one that another task has kept."""
        refresh_token = self._refresh_token
        tried: set[str] = set()
        while True:
            assert refresh_token
            tried.add(refresh_token)
            try:
                token = self._exchanged(refresh_token)
            except exceptions.CredentialsError as refusal:
                if refusal.code in _WRONG_CLIENT or (refresh_token := self._kept_since(tried)) is None:
                    raise
                log.info(
                    "Connection %s: the refresh token was refused; another task has kept a newer one, trying that",
                    self._settings.conn_id,
                )
            else:
                break
        log.info("Requested an access token for connection %s", self._settings.conn_id)
        self._refresh_token = refresh_token
        if token.refresh_token and token.refresh_token != refresh_token:
            version_compat.mask_secret(token.refresh_token)
            self._refresh_token = token.refresh_token
            self._kept.write(token.refresh_token)
        self._warn_of_end(token)
        return token.access_token

    def _exchanged(self, refresh_token: str) -> oauth.Token:
        settings = self._settings
        assert settings.client_id
        assert settings.client_secret
        try:
            token = self._exchange(oauth.refresh(settings.client_id, settings.client_secret, refresh_token))
        except exceptions.CredentialsError:
            raise
        except exceptions.LinkedInError as error:
            # Whoever wanted the token has sent nothing yet, and decides when to try again.
            raise exceptions.NotSentError(f"no access token: {error}", retry_after=error.retry_after) from error
        version_compat.mask_secret(token.access_token)
        return token

    def _kept_since(self, tried: set[str]) -> str | None:
        """Return a kept refresh token that was not tried yet; None when there is none for some seconds."""
        if not self._settings.keep_rotated_refresh_token:
            return None
        for seconds in _CHECK_AFTER_SECONDS:
            time.sleep(seconds)
            kept = self._kept.read()
            if kept is not None and kept not in tried:
                version_compat.mask_secret(kept)
                return kept
        return None

    def _warn_of_end(self, token: oauth.Token) -> None:
        left = dt.timedelta(seconds=token.refresh_token_expires_in or 0)
        # 525,600 is the number of minutes in a year, a slip in LinkedIn's documentation: not six days.
        if dt.timedelta(0) < left <= _WARN_BEFORE and token.refresh_token_expires_in != 525_600:
            log.warning(
                "The refresh token of connection %s expires in %d days; using it does not extend it. Have the "
                "member consent again before that and put the new one into the connection.",
                self._settings.conn_id,
                left.days,
            )


class _KeptRefreshToken:
    """A rotated refresh token, kept in an Airflow Variable since a task cannot write to a connection.

    The Variable is encrypted by Airflow and, for its name, masked. It holds for the refresh token of the
    connection from which it came: a newly pasted one wins. Only the owning thread uses Variables; the others, one at a
    time, leave their wishes to :meth:`serve`.
    """

    def __init__(self, settings: ConnectionSettings, owner: int | None) -> None:
        self._enabled = settings.keep_rotated_refresh_token
        self._key = f"linkedin_capi__{settings.conn_id}__refresh_token"
        self._origin = hashlib.sha256((settings.refresh_token or "").encode()).hexdigest()[:16]
        self._owner = owner
        self._unsaved: str | None = None
        self._wanted = threading.Event()
        self._served = threading.Event()
        self._found: str | None = None

    @property
    def is_owner(self) -> bool:
        """Whether this thread may use Variables."""
        return self._owner in (None, threading.get_ident())

    def read(self) -> str | None:
        """Return the kept token, None when there is none.

        :raises NotSentError: this thread may not read it, and the one that may was busy for too long.
        """
        if not self._enabled:
            return None
        if self.is_owner:
            return self._load()
        self._served.clear()
        self._wanted.set()
        if not self._served.wait(_OWNER_SECONDS):
            self._wanted.clear()
            raise exceptions.NotSentError(
                "no access token: the refresh token was refused, and whether another task has kept a newer one cannot "
                "be read at the moment"
            )
        return self._found

    def write(self, refresh_token: str) -> None:
        """Keep a token, at once or with the next :meth:`serve`."""
        if not self._enabled:
            log.warning(
                "LinkedIn rotated the refresh token, and the connection says not to keep it: put the new one "
                "into the connection, or the next run may be refused."
            )
            return
        self._unsaved = refresh_token
        if self.is_owner:
            self.serve()

    def serve(self) -> None:
        """Do what was asked for; on the owning thread only."""
        if (unsaved := self._unsaved) is not None:
            self._unsaved = None
            self._save(unsaved)
        if self._wanted.is_set():
            self._wanted.clear()
            self._found = self._load()
            self._served.set()

    def _load(self) -> str | None:
        from airflow.providers.common.compat.sdk import Variable

        try:
            kept = json.loads(Variable.get(self._key))
            return str(kept["refresh_token"]) if kept["origin"] == self._origin else None
        except Exception:
            # A missing Variable is a KeyError in Airflow 2, an AirflowRuntimeError in 3, and outside of a task
            # there may be no way to Variables at all: then the connection's own token is all there is.
            return None

    def _save(self, refresh_token: str) -> None:
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
