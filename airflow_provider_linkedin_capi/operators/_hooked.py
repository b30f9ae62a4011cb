"""What operators and sensors have in common."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from airflow_provider_linkedin_capi.hooks.linkedin_conversions import LinkedInConversionsHook


class Hooked:
    """Gives a task the hook of its connection and ad account."""

    linkedin_conn_id: str
    ad_account_id: int | str | None

    @cached_property
    def hook(self) -> LinkedInConversionsHook:
        """The hook for the task's ad account."""
        from airflow_provider_linkedin_capi.hooks.linkedin_conversions import LinkedInConversionsHook

        return LinkedInConversionsHook(self.linkedin_conn_id, ad_account_id=self.ad_account_id)
