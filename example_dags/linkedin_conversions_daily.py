"""Every night: the day's conversions from the warehouse to LinkedIn, and LinkedIn's report back into the warehouse.

Two connections are all it needs: ``linkedin_capi_default`` (token and ad account) and ``warehouse`` (any SQL
database). To deliver some weeks at once, trigger a run with a longer data interval.
"""

from __future__ import annotations

from datetime import timedelta

import pendulum
from airflow.sdk import DAG, Asset
from airflow.timetables.interval import CronDataIntervalTimetable

from airflow_provider_linkedin_capi.operators.analytics import AnalyticsReportOperator
from airflow_provider_linkedin_capi.operators.campaigns import AssociateCampaignsOperator
from airflow_provider_linkedin_capi.operators.conversion_rules import CreateConversionRuleOperator
from airflow_provider_linkedin_capi.operators.stream_conversions import StreamConversionsOperator
from airflow_provider_linkedin_capi.sensors.analytics import AnalyticsReportSensor

# Chosen by when a row arrived, not by when the conversion happened: what arrives late is delivered, too.
CONVERSIONS = """
    SELECT 'crm-' || id AS event_id, conversion_type, happened_at, email, first_name, last_name, company, title,
           country, lead, external_id, li_fat_id, amount, currency
    FROM conversions
    WHERE loaded_at >= '{{ data_interval_start }}' AND loaded_at < '{{ data_interval_end }}'
    ORDER BY id
"""

DAYS = {"first_day": "{{ data_interval_start | ds }}", "last_day": "{{ data_interval_end | ds }}"}

with DAG(
    dag_id="linkedin_conversions_daily",
    schedule=CronDataIntervalTimetable("@daily", timezone="UTC"),
    start_date=pendulum.datetime(2026, 1, 1, tz="UTC"),
    catchup=False,
    max_active_runs=1,
    default_args={
        "linkedin_conn_id": "linkedin_capi_default",
        "sql_conn_id": "warehouse",
        "retries": 3,
        "retry_delay": timedelta(minutes=5),
    },
    tags=["linkedin"],
    doc_md=__doc__,
):
    rules, associations = {}, []
    for conversion_type, name in {"LEAD": "CRM lead", "PURCHASE": "CRM purchase"}.items():
        rule = CreateConversionRuleOperator(
            task_id=f"rule_{conversion_type.lower()}", name=name, conversion_type=conversion_type
        )
        rules[conversion_type] = rule.output
        associations.append(
            AssociateCampaignsOperator(
                task_id=f"campaigns_{conversion_type.lower()}",
                conversion_rule=rule.output,
                campaign_filter={"status": ["ACTIVE", "PAUSED"]},
            )
        )

    stream = StreamConversionsOperator(
        task_id="stream_conversions",
        sql=CONVERSIONS,
        conversion_rule=rules,  # chosen by the row's conversion_type
        max_invalid=0.1,
        rejects_path="{{ var.value.linkedin_rejects }}/{{ data_interval_start | ds }}.jsonl",
        results_table="linkedin_deliveries",
        outlets=[Asset("linkedin_deliveries")],  # starts linkedin_conversion_report
    )

    # A day of which LinkedIn attributes nothing is no failure: the report is read all the same.
    wait = AnalyticsReportSensor(
        task_id="wait_for_attribution",
        conversion_rules=list(rules.values()),
        deferrable=True,
        timeout=timedelta(hours=20).total_seconds(),
        soft_fail=True,
        **DAYS,
    )

    # LinkedIn restates its figures for days: each run reads a month anew and replaces what it read before.
    report = AnalyticsReportOperator(
        task_id="report",
        conversion_rules=list(rules.values()),
        names=True,
        lookback_days=30,
        table="linkedin_conversion_report",
        trigger_rule="none_failed",
        **DAYS,
    )

    associations >> stream >> wait >> report
