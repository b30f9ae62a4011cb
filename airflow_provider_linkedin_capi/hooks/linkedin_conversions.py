"""The hook: one door to LinkedIn for tasks."""

from __future__ import annotations

import datetime as dt
import threading
import time
from functools import cached_property
from http.cookiejar import DefaultCookiePolicy
from ssl import SSLCertVerificationError
from typing import TYPE_CHECKING, Any, TypeVar

import requests
from airflow.providers.http.hooks.http import HttpHook
from requests.auth import AuthBase
from urllib3 import exceptions as urllib3_errors

from airflow_provider_linkedin_capi import __version__, exceptions, version_compat
from airflow_provider_linkedin_capi.api import account_users, retry
from airflow_provider_linkedin_capi.api.call import Reply
from airflow_provider_linkedin_capi.exceptions import ConnectionSettingsError
from airflow_provider_linkedin_capi.hooks import connection_settings, connection_test
from airflow_provider_linkedin_capi.hooks._campaigns import CampaignsMixin
from airflow_provider_linkedin_capi.hooks._events import ConversionEventsMixin
from airflow_provider_linkedin_capi.hooks._insight_tags import InsightTagsMixin
from airflow_provider_linkedin_capi.hooks._reports import ReportsMixin
from airflow_provider_linkedin_capi.hooks._rules import ConversionRulesMixin
from airflow_provider_linkedin_capi.hooks.tokens import TokenSource
from airflow_provider_linkedin_capi.legacy.hook_methods import OfflineConversionsMixin

if TYPE_CHECKING:
    from collections.abc import Iterator

    from airflow_provider_linkedin_capi.api.call import Call
    from airflow_provider_linkedin_capi.api.paging import Page

T = TypeVar("T")

#: Failures of the way to LinkedIn before a request could leave.
_NEVER_SENT = (
    urllib3_errors.NewConnectionError,
    urllib3_errors.ConnectTimeoutError,
    urllib3_errors.NameResolutionError,
    urllib3_errors.ProxyError,
)


class LinkedInConversionsHook(
    OfflineConversionsMixin,
    ReportsMixin,
    CampaignsMixin,
    ConversionRulesMixin,
    ConversionEventsMixin,
    InsightTagsMixin,
    HttpHook,
):
    """Carries calls to LinkedIn's Marketing API for one connection of type ``linkedin_capi``.

    Built on the HTTP provider's hook: proxies, time-outs and TLS settings of the connection work as there. Unlike
    there, a key of the connection's Extra never becomes a request header, and client id and secret are no basic
    authentication. One hook may be used by several threads: each has its own session without a cookie jar, and a
    401 mints one token for all of them.

    .. code-block:: python

        hook = LinkedInConversionsHook("linkedin_capi_default")
        for rule in hook.find_conversion_rules():
            print(rule.id, rule.name, rule.enabled)

    :param linkedin_conn_id: the Airflow connection.
    :param ad_account_id: number or URN of the ad account; wins over the connection's.
    :param api_version: value of ``LinkedIn-Version`` as ``yyyymm``; wins over the connection's.
    """

    conn_name_attr = "linkedin_conn_id"
    default_conn_name = "linkedin_capi_default"
    conn_type = "linkedin_capi"
    hook_name = "LinkedIn Conversions API"
    default_host = connection_settings.DEFAULT_BASE_URL

    def __init__(
        self,
        linkedin_conn_id: str = default_conn_name,
        *,
        ad_account_id: int | str | None = None,
        api_version: str | None = None,
    ) -> None:
        super().__init__(http_conn_id=linkedin_conn_id)
        self.linkedin_conn_id = linkedin_conn_id
        self._ad_account_id = ad_account_id
        self._api_version = api_version
        self._per_thread = threading.local()
        self._patient = True

    @cached_property
    def settings(self) -> connection_settings.ConnectionSettings:
        """The connection, read once."""
        settings = connection_settings.from_connection(
            self.get_connection(self.linkedin_conn_id),
            ad_account_id=self._ad_account_id,
            api_version=self._api_version,
        )
        self.base_url = settings.base_url
        if warning := connection_settings.version_warning(settings.api_version, dt.datetime.now(dt.UTC).date()):
            self.log.warning("%s", warning)
        return settings

    @cached_property
    def tokens(self) -> TokenSource:
        """Where the access token comes from."""
        return TokenSource(self.settings, lambda call: call.result(self.send(call)))

    @property
    def ad_account(self) -> str:
        """URN of the ad account that the hook was given, or the connection names.

        :raises ConnectionSettingsError: neither does.
        """
        if (account := self.settings.ad_account) is None:
            raise ConnectionSettingsError(
                f"No ad account: pass ad_account_id, or set it in connection {self.linkedin_conn_id!r}."
            )
        return account

    @property
    def api_version(self) -> str:
        """The value of ``LinkedIn-Version``."""
        return self.settings.api_version

    def get_conn(
        self, headers: dict[Any, Any] | None = None, extra_options: dict[str, Any] | None = None
    ) -> requests.Session:
        """Return this thread's session, set up from the connection."""
        session: requests.Session | None = getattr(self._per_thread, "session", None)
        if session is None:
            settings = self.settings
            session = self._configure_session_from_mount_adapters(requests.Session())
            session.proxies = settings.proxies
            session.verify = settings.verify
            session.cert = settings.cert
            session.trust_env = settings.trust_env
            session.headers["User-Agent"] = user_agent()
            # LinkedIn sets cookies on every answer; they must not be carried from one account to another.
            session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
            self._per_thread.session = session
        if headers:
            session.headers.update(headers)
        return session

    def send(self, call: Call[Any]) -> Reply:
        """Make one attempt at a call and return whatever LinkedIn answered.

        :raises NotSentError: no connection could be made, or no access token minted.
        :raises CredentialsError: the token service refused to mint one.
        :raises OutcomeUnknownError: the connection broke after the request left, or the answer was cut short.
        """
        session = self.get_conn()
        base = self.settings.base_url if call.origin == "api" else self.settings.oauth_base_url
        token = None
        if call.origin == "api":
            token = self._per_thread.token = self.tokens.current()
        request = session.prepare_request(
            requests.Request(call.method, base + call.target, dict(call.headers), data=call.body, auth=_Bearer(token))
        )
        environment = session.merge_environment_settings(request.url, {}, None, None, None)
        try:
            response = session.send(request, timeout=self.settings.timeout, allow_redirects=False, **environment)
        except requests.RequestException as error:
            raise _transport_error(call, error) from None
        return Reply(response.status_code, {k.lower(): v for k, v in response.headers.items()}, response.content)

    def refresh(self, error: exceptions.CredentialsError) -> None:
        """Give up the access token after a 401 of this thread; the next attempt mints one, for all threads.

        :raises CredentialsError: the connection has nothing to mint from.
        """
        try:
            self.tokens.discard(getattr(self._per_thread, "token", None))
        except exceptions.CredentialsError as refusal:
            raise refusal from error

    def call(self, call: Call[T]) -> T:
        """Carry out a call, with the retries that :mod:`~airflow_provider_linkedin_capi.api.retry` decides.

        :raises LinkedInError: LinkedIn refused, or could not be reached.
        """
        attempts = retry.Attempts(call)
        while True:
            try:
                return call.result(self.send(call))
            except exceptions.LinkedInError as error:
                match attempts.after(error):
                    case retry.Wait(seconds) if self._patient:
                        self.log.warning("%s; trying again in %.1f s (attempt %d)", error, seconds, attempts.made + 1)
                        time.sleep(seconds)
                    case retry.Refresh() if isinstance(error, exceptions.CredentialsError):
                        self.refresh(error)
                    case _:
                        raise

    def paginate(self, call: Call[Page[T]]) -> Iterator[T]:
        """Yield the elements of all pages, from the given one on."""
        following: Call[Page[T]] | None = call
        while following is not None:
            page = self.call(following)
            yield from page.elements
            following = page.next

    def test_connection(self) -> tuple[bool, str]:
        """Prove token, API version and the member's role in the ad account; say in words which of them is wrong."""
        self._patient = False  # somebody waits at the button
        try:
            settings = self.settings
            users = list(self.paginate(account_users.of_authenticated_member(settings.api_version)))
        except (exceptions.LinkedInError, ConnectionSettingsError) as error:
            return False, connection_test.refusal(error, self.linkedin_conn_id)
        return connection_test.access(users, settings)


class _Bearer(AuthBase):
    """Sets the bearer token, or keeps requests from taking credentials out of a ``.netrc``."""

    def __init__(self, token: str | None) -> None:
        self._token = token

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        if self._token is not None:
            request.headers["Authorization"] = f"Bearer {self._token}"
        return request


def user_agent() -> str:
    """Say to LinkedIn's support who is calling."""
    return f"airflow-provider-linkedin-capi/{__version__} apache-airflow/{version_compat.airflow_version()}"


def _transport_error(call: Call[Any], error: requests.RequestException) -> exceptions.LinkedInError:
    """Tell whether LinkedIn can have seen the request. The exception's own text may hold the URL: left out."""
    cause = error.args[0] if error.args else None
    cause = getattr(cause, "reason", cause)
    kind = type(cause if isinstance(cause, BaseException) else error).__name__
    # TLS may also break after the request left; a certificate is judged before.
    untrusted = isinstance(cause, urllib3_errors.SSLError) and isinstance(cause.args[0], SSLCertVerificationError)
    # A ValueError is the URL's or the proxy's: nothing can be sent with it.
    if untrusted or isinstance(error, requests.ConnectTimeout | ValueError) or isinstance(cause, _NEVER_SENT):
        return exceptions.NotSentError(f"no connection to LinkedIn ({kind})", call=call.name)
    return exceptions.OutcomeUnknownError(
        f"the connection broke before a whole answer was there ({kind})", call=call.name
    )
