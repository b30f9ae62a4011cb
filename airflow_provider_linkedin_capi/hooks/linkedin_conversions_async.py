"""The hook's asynchronous twin, for triggers."""

from __future__ import annotations

import asyncio
import ssl
from typing import TYPE_CHECKING, Any, TypeVar

import aiohttp
from airflow.providers.http.hooks.http import HttpAsyncHook, SessionConfig
from yarl import URL

from airflow_provider_linkedin_capi import exceptions
from airflow_provider_linkedin_capi.api import retry
from airflow_provider_linkedin_capi.api.call import Reply
from airflow_provider_linkedin_capi.hooks.linkedin_conversions import LinkedInConversionsHook, user_agent

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from airflow_provider_linkedin_capi.api.call import Call
    from airflow_provider_linkedin_capi.api.paging import Page

T = TypeVar("T")

#: Failures of the way to LinkedIn before a request could leave.
_NEVER_SENT = (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError, aiohttp.ClientProxyConnectionError)


class LinkedInConversionsAsyncHook(HttpAsyncHook):
    """Carries the same calls as :class:`LinkedInConversionsHook` without blocking the event loop.

    Used as an asynchronous context manager, which holds one session:

    .. code-block:: python

        async with LinkedInConversionsAsyncHook("linkedin_capi_default") as hook:
            report = await hook.call(ad_analytics.analytics(...))

    The connection is read, and tokens are minted, by the synchronous hook in a thread: both are blocking.

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
        super().__init__(http_conn_id=linkedin_conn_id, auth_type=None)
        self._hook = LinkedInConversionsHook(linkedin_conn_id, ad_account_id=ad_account_id, api_version=api_version)
        self._session: aiohttp.ClientSession | None = None

    @property
    def ad_account(self) -> str:
        """URN of the ad account; read inside of the context."""
        return self._hook.ad_account

    @property
    def api_version(self) -> str:
        """The value of ``LinkedIn-Version``; read inside of the context."""
        return self._hook.api_version

    async def config(self) -> SessionConfig:
        """Return the transport's settings; never a key of Extra as a header, nor basic authentication."""
        settings = await asyncio.to_thread(lambda: self._hook.settings)
        tls: bool | ssl.SSLContext = settings.verify is not False
        if isinstance(settings.verify, str) or settings.cert:
            tls = ssl.create_default_context(cafile=settings.verify if isinstance(settings.verify, str) else None)
            if settings.cert:
                tls.load_cert_chain(*([settings.cert] if isinstance(settings.cert, str) else settings.cert))
        return SessionConfig(
            base_url=settings.base_url,
            headers={"User-Agent": user_agent()},
            extra_options={
                "ssl": tls,
                "timeout": aiohttp.ClientTimeout(sock_connect=settings.timeout, sock_read=settings.timeout),
                "allow_redirects": False,
            },
        )

    async def __aenter__(self) -> LinkedInConversionsAsyncHook:
        """Open the session."""
        self._config = await self.config()
        self._session = aiohttp.ClientSession(
            cookie_jar=aiohttp.DummyCookieJar(), trust_env=self._hook.settings.trust_env
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        """Close the session."""
        if self._session is not None:
            await self._session.close()

    async def _attempt(self, call: Call[T], token: str) -> T:
        assert self._session is not None, "use the hook in an 'async with' statement"
        assert self._config is not None
        # Encoded already: yarl would turn %3A inside of a Rest.li list back into a colon.
        url = URL(self._config.base_url + call.target, encoded=True)
        try:
            async with self._session.request(
                call.method,
                url,
                data=call.body,
                headers={**(self._config.headers or {}), **call.headers, "Authorization": f"Bearer {token}"},
                proxy=self._hook.settings.proxies.get(url.scheme),
                **(self._config.extra_options or {}),
            ) as response:
                body = await response.read()
                reply = Reply(response.status, {k.lower(): v for k, v in response.headers.items()}, body)
        except _NEVER_SENT as error:
            raise exceptions.NotSentError(
                f"no connection to LinkedIn ({type(error).__name__})", call=call.name
            ) from None
        except (aiohttp.ClientError, TimeoutError, ConnectionError) as error:
            raise exceptions.OutcomeUnknownError(
                f"the connection broke before a whole answer was there ({type(error).__name__})", call=call.name
            ) from None
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
                        self.log.warning("%s; trying again in %.1f s (attempt %d)", error, seconds, attempts.made + 1)
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
