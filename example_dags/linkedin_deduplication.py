"""One order, seen twice: by the Insight Tag in the browser, and by the server. LinkedIn is to count it once.

The browser's event is lost to blockers and refused cookies, the server's is not; so both are sent, and LinkedIn
drops one of each pair. For that it wants two rules of the same ad account, one per source, associated with the same
campaigns, and the same event id on both sides. **It is the event of the Conversions API that is dropped**; the one of
the Insight Tag counts. So expect the server's rule to show only what the browser missed, and add both rules up.

Put what the task ``page_code`` returns on the shop's confirmation page. Connections: ``linkedin_capi_default`` (scopes
``rw_conversions``, ``rw_ads``, ``r_ads``) and ``warehouse`` (any SQL database).
"""

from __future__ import annotations

from datetime import timedelta

import pendulum
from airflow.sdk import DAG, task
from airflow.timetables.interval import CronDataIntervalTimetable

from airflow_provider_linkedin_capi.operators.campaigns import AssociateCampaignsOperator
from airflow_provider_linkedin_capi.operators.conversion_rules import CreateConversionRuleOperator
from airflow_provider_linkedin_capi.operators.insight_tags import EnsureInsightTagOperator
from airflow_provider_linkedin_capi.operators.stream_conversions import StreamConversionsOperator

# The page and this query write the event id in the same way; a single different character counts the order twice.
ORDERS = """
    SELECT 'order-' || id AS event_id, ordered_at AS happened_at, email, first_name, last_name, amount, currency
    FROM orders
    WHERE ordered_at >= '{{ data_interval_start }}' AND ordered_at < '{{ data_interval_end }}'
    ORDER BY id
"""

CAMPAIGNS = {"status": ["ACTIVE", "PAUSED", "DRAFT"]}

with DAG(
    dag_id="linkedin_deduplication",
    schedule=CronDataIntervalTimetable("@daily", timezone="UTC"),
    start_date=pendulum.datetime(2026, 1, 1, tz="UTC"),
    catchup=False,
    max_active_runs=1,
    default_args={
        "linkedin_conn_id": "linkedin_capi_default",
        "retries": 3,
        "retry_delay": timedelta(minutes=5),
    },
    tags=["linkedin"],
    doc_md=__doc__,
):
    tag = EnsureInsightTagOperator(task_id="insight_tag")

    browser_rule = CreateConversionRuleOperator(
        task_id="rule_browser",
        name="Order (browser)",
        conversion_type="PURCHASE",
        conversion_method="INSIGHT_TAG_JAVASCRIPT_EVENT",
    )
    server_rule = CreateConversionRuleOperator(
        task_id="rule_server",
        name="Order (server)",
        conversion_type="PURCHASE",
        conversion_method="CONVERSIONS_API",
    )
    browser_campaigns = AssociateCampaignsOperator(
        task_id="campaigns_browser",
        conversion_rule=browser_rule.output,
        campaign_filter=CAMPAIGNS,
        mode="replace",
    )
    server_campaigns = AssociateCampaignsOperator(
        task_id="campaigns_server",
        conversion_rule=server_rule.output,
        campaign_filter=CAMPAIGNS,
        mode="replace",
    )

    @task
    def page_code(tag: dict, browser_rule: str) -> str:
        """Return the HTML of the confirmation page; the shop puts the order's number in the place of ORDER_ID."""
        from html import escape

        from airflow_provider_linkedin_capi.api import urns
        from airflow_provider_linkedin_capi.api.path_to_conversion import image_pixel_url

        pixel = image_pixel_url(tag["id"], conversion_rule=browser_rule, order_id="ORDER_ID", event_id="order-ORDER_ID")
        return (
            f"{tag['snippet']}\n"
            f"<script>lintrk('track', {{conversion_id: {urns.number(browser_rule)}, event_id: 'order-ORDER_ID'}});"
            f"</script>\n"
            f'<noscript><img height="1" width="1" style="display:none" alt="" src="{escape(pixel)}"></noscript>'
        )

    stream = StreamConversionsOperator(
        task_id="stream_orders",
        sql=ORDERS,
        sql_conn_id="warehouse",
        conversion_rule=server_rule.output,
        results_table="linkedin_deliveries",
    )

    page_code(tag.output["insight_tag"], browser_rule.output)
    [browser_campaigns, server_campaigns] >> stream
