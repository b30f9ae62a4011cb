"""The hook: one door to LinkedIn for tasks."""

from __future__ import annotations

import datetime as dt
import threading
import time
from functools import cached_property
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

import requests
import urllib3
from airflow.providers.http.hooks.http import HttpHook

from airflow_provider_linkedin_capi import exceptions
from airflow_provider_linkedin_capi.api import account_users, retry
from airflow_provider_linkedin_capi.api.call import Reply
from airflow_provider_linkedin_capi.exceptions import ConnectionSettingsError
from airflow_provider_linkedin_capi.hooks import connection_settings, connection_test, transport
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
        self._any_thread = False

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
        owner = None if self._any_thread else threading.get_ident()
        return TokenSource(self.settings, lambda call: call.result(self.send(call)), owner=owner)

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
        """Return this thread's session, set up from the connection. It adds no bearer token: :meth:`send` does."""
        session: requests.Session | None = getattr(self._per_thread, "session", None)
        if session is None:
            session = self._per_thread.session = transport.new_session(self.settings)
        if headers:
            session.headers.update(headers)
        return session

    def run(self, *args: Any, **kwargs: Any) -> NoReturn:
        """Refused: the HTTP provider's ``run`` would send neither LinkedIn's token nor its headers."""
        raise NotImplementedError(
            "LinkedInConversionsHook has no run(); use one of its methods, or hook.call(...) with a call of "
            "airflow_provider_linkedin_capi.api, such as restli.call(...)"
        )

    def send(self, call: Call[Any]) -> Reply:
        """Make one attempt at a call and return whatever was answered.

        :raises NotSentError: no connection could be made, or no access token be had.
        :raises CredentialsError: the token service refused to give one.
        :raises OutcomeUnknownError: the connection broke after the request left, or the answer did not arrive whole
            in time.
        """
        session = self.get_conn()
        base = self.settings.base_url if call.origin == "api" else self.settings.oauth_base_url
        token = None
        if call.origin == "api":
            token = self._per_thread.token = self.tokens.current()
        try:
            request = session.prepare_request(
                requests.Request(
                    call.method, base + call.target, dict(call.headers), data=call.body, auth=transport.Bearer(token)
                )
            )
            response = session.send(
                request,
                timeout=self.settings.timeout,
                allow_redirects=False,
                **transport.route(session, base),
            )
        except (requests.RequestException, urllib3.exceptions.HTTPError) as error:
            raise transport.transport_error(call, error) from None
        return Reply(response.status_code, {k.lower(): v for k, v in response.headers.items()}, response.content)

    def refresh(self, error: exceptions.CredentialsError) -> None:
        """Give up the access token after a 401 of this thread; the next attempt requests one, for all threads.

        :raises CredentialsError: the connection has no way to request one.
        """
        try:
            self.tokens.discard(getattr(self._per_thread, "token", None))
        except exceptions.CredentialsError as refusal:
            raise refusal from error

    def housekeeping(self) -> None:
        """Do what only the task's own thread may do: read and keep rotated refresh tokens in Airflow's Variables.

        Call it now and then on the thread that made the hook, while other threads send.
        """
        self.tokens.housekeeping()

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
                        self.log.warning("%s; retrying in %.1f s (attempt %d)", error, seconds, attempts.made + 1)
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
