"""What the subject mixins of the hook build on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Iterator

    from airflow_provider_linkedin_capi.api.call import Call
    from airflow_provider_linkedin_capi.api.paging import Page

T = TypeVar("T")


class Caller:
    """What a mixin may use of the hook that it becomes part of; declared for the type checker only."""

    if TYPE_CHECKING:
        log: Any

        @property
        def ad_account(self) -> str:
            """The ad account's URN."""

        @property
        def api_version(self) -> str:
            """The value of ``LinkedIn-Version``."""

        def call(self, call: Call[T]) -> T:
            """Carry out a call and return its typed result."""

        def paginate(self, call: Call[Page[T]]) -> Iterator[T]:
            """Yield the elements of all pages."""
