"""Finders that answer in pages: each page knows the call of the next one."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import msgspec

from airflow_provider_linkedin_capi.api import restli

if TYPE_CHECKING:
    from collections.abc import Mapping

    from airflow_provider_linkedin_capi.api.call import Call, Reply
    from airflow_provider_linkedin_capi.api.restli import Resource

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """One page of a finder's answer, and the call of the next page, if there is one."""

    elements: list[T]
    next: Call[Page[T]] | None


class _Link(msgspec.Struct):
    rel: str = ""
    href: str = ""


class _Paging(msgspec.Struct):
    links: list[_Link] = []


class _Metadata(msgspec.Struct, rename="camel"):
    next_page_token: str | None = None


class _IndexedAnswer(msgspec.Struct, Generic[T]):
    elements: list[T]
    paging: _Paging = msgspec.field(default_factory=_Paging)


class _CursorAnswer(msgspec.Struct, Generic[T]):
    elements: list[T]
    metadata: _Metadata = msgspec.field(default_factory=_Metadata)


@dataclass(frozen=True, slots=True)
class Finder(Generic[T]):
    """What all pages of one listing have in common.

    :param kind: type of the elements.
    :param resource: name of the resource, see :func:`~.restli.call`.
    :param parameters: query parameters without those of paging; repeated unchanged for each page.
    :param path: the resource's path where it differs from its name.
    """

    kind: type[T]
    resource: Resource
    parameters: Mapping[str, Any]
    path: str | None = None

    def by_index(self, count: int | None = None, *, start: int = 0) -> Call[Page[T]]:
        """Return the call of the first page, with ``start`` and ``count``.

        ``paging.total`` is ignored (LinkedIn answers -1). A ``next`` link is followed verbatim; where
        none was ever sent, a full page means that another one follows.

        :param count: elements per page; None leaves both parameters out, for finders that answer everything.
        """
        return self._page_at(start, count, linked=False)

    def _page_at(self, start: int, count: int | None, *, linked: bool, href: str | None = None) -> Call[Page[T]]:
        def parse(reply: Reply) -> Page[T]:
            answer = msgspec.json.decode(reply.body, type=_IndexedAnswer[self.kind])  # type: ignore[name-defined]
            elements: list[T] = answer.elements
            link = next((link.href for link in answer.paging.links if link.rel == "next"), None)
            if link is not None and not (link.startswith("/") and not link.startswith("//")):
                raise ValueError(
                    "the link to the next page leads to another host, where the token must not go; does a proxy "
                    "rewrite links? Check the connection's host and proxies"
                )
            following = None
            # LinkedIn links to no page after an empty one; without this a listing would never end.
            if elements and (link or (not linked and count and len(elements) == count)):
                following = self._page_at(start + (count or 0), count, linked=linked or bool(link), href=link)
            return Page(elements, following)

        if href is not None:
            path, _, query = href.partition("?")
            plain = self._call({"q": self.parameters["q"]}, parse)
            return replace(plain, path=path, query=query).tunnelled()
        paging = {} if count is None else {"start": start, "count": count}
        return self._call({**self.parameters, **paging}, parse)

    def by_cursor(self, page_size: int, *, token: str | None = None) -> Call[Page[T]]:
        """Return the call of the first page, with ``pageSize`` and ``pageToken``."""

        def parse(reply: Reply) -> Page[T]:
            answer = msgspec.json.decode(reply.body, type=_CursorAnswer[self.kind])  # type: ignore[name-defined]
            following = answer.metadata.next_page_token
            if following and following == token:
                raise ValueError("the next page has the token of this page")
            return Page(answer.elements, self.by_cursor(page_size, token=following) if following else None)

        return self._call({**self.parameters, "pageSize": page_size, "pageToken": token}, parse)

    def _call(self, parameters: Mapping[str, Any], parse: Any) -> Call[Page[T]]:
        return restli.call(
            self.resource,
            "FINDER",
            parse=parse,
            parameters=parameters,
            path=self.path,
        )
