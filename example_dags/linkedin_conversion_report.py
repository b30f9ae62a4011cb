"""Every morning, and when conversions were delivered: LinkedIn's figures by campaign, and what became of the events.

LinkedIn restates a day for 72 hours, so each run reads yesterday and the three days before it; their rows in the
warehouse are replaced. ``linkedin_campaign_report_reconciliation`` then holds, by day and rule, how many conversions
were sent, accepted and attributed.
"""

from __future__ import annotations

from datetime import timedelta

from airflow.sdk import DAG, Asset
from airflow.timetables.assets import AssetOrTimeSchedule
from airflow.timetables.trigger import CronTriggerTimetable

from airflow_provider_linkedin_capi.operators.analytics import AnalyticsReportOperator

# The outlet of the task that streams: see linkedin_conversions_daily.
DELIVERIES = Asset("linkedin_deliveries")

# Not {{ ds }}: a run that an asset started has no logical date.
YESTERDAY = "{{ (dag_run.run_after - macros.timedelta(days=1)) | ds }}"

with DAG(
    dag_id="linkedin_conversion_report",
    schedule=AssetOrTimeSchedule(timetable=CronTriggerTimetable("0 6 * * *", timezone="UTC"), assets=[DELIVERIES]),
    catchup=False,
    max_active_runs=1,
    default_args={"retries": 3, "retry_delay": timedelta(minutes=5)},
    tags=["linkedin"],
    doc_md=__doc__,
):
    AnalyticsReportOperator(
        task_id="report",
        linkedin_conn_id="linkedin_capi_default",
        first_day=YESTERDAY,
        last_day=YESTERDAY,
        lookback_days=3,
        pivot=["CAMPAIGN", "CONVERSION"],
        names=True,
        table="linkedin_campaign_report",
        sql_conn_id="warehouse",
        reconcile=True,
        results_table="linkedin_deliveries",
    )
