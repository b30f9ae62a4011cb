"""From a task to LinkedIn's own pages."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow.providers.common.compat.sdk import BaseOperatorLink, XCom

from airflow_provider_linkedin_capi.api import urns

if TYPE_CHECKING:
    from typing import Any

    from airflow.providers.common.compat.sdk import BaseOperator, Context
    from airflow.sdk.types import TaskInstanceKey


class CampaignManagerLink(BaseOperatorLink):
    """Opens the conversions of the ad account in LinkedIn's Campaign Manager.

    An operator that lists it in ``operator_extra_links`` calls :meth:`persist` while it runs.
    """

    name = "Campaign Manager"
    xcom_key = "campaign_manager_url"

    def get_link(self, operator: BaseOperator, *, ti_key: TaskInstanceKey) -> str:
        """Return the page's address, empty until the task has run."""
        return XCom.get_value(key=self.xcom_key, ti_key=ti_key) or ""

    @classmethod
    def persist(cls, context: Context, ad_account: str) -> None:
        """Keep the address of the ad account's page, for the link.

        :param ad_account: id or URN.
        """
        url: Any = f"https://www.linkedin.com/campaignmanager/accounts/{urns.number(ad_account)}/conversions"
        context["ti"].xcom_push(key=cls.xcom_key, value=url)
