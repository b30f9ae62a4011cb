"""The asynchronous hook, for triggers."""

from __future__ import annotations

import asyncio
import ssl
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import aiohttp
from airflow.providers.common.compat.sdk import BaseHook
from requests.utils import DEFAULT_CA_BUNDLE_PATH, select_proxy
from yarl import URL

from airflow_provider_linkedin_capi import exceptions
from airflow_provider_linkedin_capi.api import retry
from airflow_provider_linkedin_capi.api.call import Reply
from airflow_provider_linkedin_capi.api.restli import VERSION_HEADER
from airflow_provider_linkedin_capi.hooks import transport
from airflow_provider_linkedin_capi.hooks.linkedin_conversions import LinkedInConversionsHook

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from airflow_provider_linkedin_capi.api.call import Call
    from airflow_provider_linkedin_capi.api.paging import Page

T = TypeVar("T")

#: Failures of the way to LinkedIn, or to a proxy, before a request could leave.
_NEVER_SENT = (
    aiohttp.ClientConnectorError,
    aiohttp.ClientHttpProxyError,
    aiohttp.ConnectionTimeoutError,
    aiohttp.InvalidURL,
)


class LinkedInConversionsAsyncHook(BaseHook):
    """Carries the same calls as :class:`LinkedInConversionsHook` without blocking the event loop.

    Used as an asynchronous context manager, which holds one session:

    .. code-block:: python

        async with LinkedInConversionsAsyncHook("linkedin_capi_default") as hook:
            report = await hook.call(ad_analytics.analytics(...))

    The connection is read, and tokens are requested, by the synchronous hook in a thread: both are blocking. Proxies,
    certificates and time-outs are those of the synchronous hook.

    :param linkedin_conn_id: the Airflow connection.
    :param ad_account_id: number or URN of the ad account; wins over the connection's.
    :param api_version: value of ``LinkedIn-Version`` as ``yyyymm``; wins over the connection's.
    """

    def __init__(
        self,
        linkedin_conn_id: str = LinkedInConversionsHook.default_conn_name,
        *,
        ad_account_id: int | str | None = None,
        api_version: str | None = None,
    ) -> None:
        super().__init__()
        self._hook = LinkedInConversionsHook(linkedin_conn_id, ad_account_id=ad_account_id, api_version=api_version)
        self._hook._any_thread = True  # the triggerer's stores answer in any thread
        self._session: aiohttp.ClientSession | None = None
        self._options: dict[str, Any] = {}

    @property
    def ad_account(self) -> str:
        """URN of the ad account; read inside of the context."""
        return self._hook.ad_account

    @property
    def api_version(self) -> str:
        """The value of ``LinkedIn-Version``; read inside of the context."""
        return self._hook.api_version

    async def __aenter__(self) -> LinkedInConversionsAsyncHook:
        """Open the session."""
        self._options = await asyncio.to_thread(self._request_options)
        # The environment's proxies are in the options already; aiohttp would also take logins from a .netrc.
        self._session = aiohttp.ClientSession(
            cookie_jar=aiohttp.DummyCookieJar(), trust_env=False, headers={"User-Agent": transport.user_agent()}
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        """Close the session."""
        if self._session is not None:
            await self._session.close()

    def _request_options(self) -> dict[str, Any]:
        """Return what the synchronous hook would use: proxy, certificates and time-outs."""
        settings = self._hook.settings
        way = transport.route(self._hook.get_conn(), settings.base_url)
        proxy = select_proxy(settings.base_url, way["proxies"])
        if proxy and not proxy.startswith("http"):
            raise exceptions.ConnectionSettingsError(
                f"Connection {settings.conn_id!r}: deferred tasks cannot use the proxy, which is not an HTTP proxy. "
                "Set another proxy, or deferrable=False."
            )
        return {
            "proxy": proxy,
            "ssl": _tls(way["verify"], way["cert"]),
            "allow_redirects": False,
            "timeout": aiohttp.ClientTimeout(
                total=(1 + transport.ANSWER_TIMEOUTS) * settings.timeout,
                sock_connect=settings.timeout,
                sock_read=settings.timeout,
            ),
        }

    async def _attempt(self, call: Call[T], token: str) -> T:
        assert self._session is not None, "use the hook in an 'async with' statement"
        # Encoded already: yarl would turn %3A inside of a Rest.li list back into a colon.
        url = URL(self._hook.settings.base_url + call.target, encoded=True)
        headers = {VERSION_HEADER: self.api_version, **call.headers, "Authorization": f"Bearer {token}"}
        try:
            async with self._session.request(
                call.method, url, data=call.body, headers=headers, **self._options
            ) as response:
                body = await response.read()
                reply = Reply(response.status, {k.lower(): v for k, v in response.headers.items()}, body)
        except _NEVER_SENT as error:
            raise transport.not_sent(call, type(error).__name__) from None
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise transport.outcome_unknown(call, type(error).__name__) from None
        return call.result(reply)

    async def call(self, call: Call[T]) -> T:
        """Carry out a call, with the same retries as the synchronous hook.

        :raises LinkedInError: LinkedIn refused, or could not be reached.
        """
        attempts = retry.Attempts(call)
        while True:
            token = None
            try:
                token = await asyncio.to_thread(self._hook.tokens.current)
                return await self._attempt(call, token)
            except exceptions.LinkedInError as error:
                match attempts.after(error):
                    case retry.Wait(seconds):
                        self.log.warning("%s; retrying in %.1f s (attempt %d)", error, seconds, attempts.made + 1)
                        await asyncio.sleep(seconds)
                    case retry.Refresh():
                        await asyncio.to_thread(self._hook.tokens.discard, token)
                    case _:
                        raise

    async def paginate(self, call: Call[Page[T]]) -> AsyncIterator[T]:
        """Yield the elements of all pages, from the given one on."""
        following: Call[Page[T]] | None = call
        while following is not None:
            page: Any = await self.call(following)
            for element in page.elements:
                yield element
            following = page.next


def _tls(verify: bool | str, cert: Any) -> bool | ssl.SSLContext:
    """Return what aiohttp calls ``ssl``, with the certificate authorities that requests uses."""
    if verify is False and not cert:
        return False
    bundle = verify if isinstance(verify, str) else DEFAULT_CA_BUNDLE_PATH
    directory = Path(bundle).is_dir()
    context = ssl.create_default_context(cafile=None if directory else bundle, capath=bundle if directory else None)
    if verify is False:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    if cert:
        context.load_cert_chain(*([cert] if isinstance(cert, str) else cert))
    return context
