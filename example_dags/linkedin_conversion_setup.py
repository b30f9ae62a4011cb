"""Every day: the ad account's conversion rules and their campaigns are what the table in this file says.

Change the table, and the next run changes LinkedIn: a new row creates a rule, a changed field is updated,
``"enabled": False`` retires a rule (LinkedIn has no way to delete one). A run after which nothing has changed sends
nothing. New campaigns that fit a row's filter are associated with the next run; LinkedIn's own ``auto_association``
does that only once, when a rule is created. Campaigns that have ended stay associated, since conversions still come in
for them while the attribution window is open.

The connection ``linkedin_capi_default`` is all it needs: scopes ``rw_conversions`` and ``r_ads``, role
``CREATIVE_MANAGER`` or more. To see what would change, set ``dry_run=True`` for the campaigns.
"""

from __future__ import annotations

from datetime import timedelta

import pendulum
from airflow.sdk import DAG, TaskGroup
from airflow.timetables.trigger import CronTriggerTimetable

from airflow_provider_linkedin_capi.operators.campaigns import AssociateCampaignsOperator
from airflow_provider_linkedin_capi.operators.conversion_rules import CreateConversionRuleOperator

# One row a rule. "campaigns" says which campaigns its conversions are credited to, by status (ACTIVE, PAUSED and DRAFT
# unless given), name, campaign_group and objective.
RULES = {
    "lead": {
        "name": "CRM lead",
        "conversion_type": "LEAD",
        "campaigns": {},
    },
    "qualified_lead": {
        "name": "CRM qualified lead",
        "conversion_type": "QUALIFIED_LEAD",
        "post_click_attribution_window": 180,  # qualifying takes months
        "view_through_attribution_window": 30,
        "campaigns": {},
    },
    "purchase": {
        "name": "CRM purchase",
        "conversion_type": "PURCHASE",
        "post_click_attribution_window": 90,
        "view_through_attribution_window": 30,
        "campaigns": {"objective": ["WEBSITE_CONVERSION", "LEAD_GENERATION"]},
    },
    "webinar": {
        "name": "Webinar sign-up",
        "conversion_type": "SIGN_UP",
        "value_type": "FIXED",
        "value": "15.00",  # in the ad account's currency
        "campaigns": {"name": "*webinar*"},
    },
    "thank_you_page": {
        "name": "Thank-you page",
        "conversion_type": "LEAD",
        "conversion_method": "INSIGHT_TAG_URL_MATCH_RULES",
        "url_match_rules": """
               www.example.com/shop* AND *product1|product2*
            OR =www.example.com/thankyou
        """,
        "campaigns": {"status": "ACTIVE"},
    },
}

with DAG(
    dag_id="linkedin_conversion_setup",
    schedule=CronTriggerTimetable("0 2 * * *", timezone="UTC"),
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
    for key, row in RULES.items():
        with TaskGroup(key):
            fields = {field: value for field, value in row.items() if field != "campaigns"}
            rule = CreateConversionRuleOperator(task_id="rule", if_exists="update", **fields)
            AssociateCampaignsOperator(
                task_id="campaigns",
                conversion_rule=rule.output,
                campaign_filter=row["campaigns"],
            )
