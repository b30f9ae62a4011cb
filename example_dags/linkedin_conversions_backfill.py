"""Once: the last 90 days of conversions, a day at a time, several days at once.

LinkedIn takes conversions up to 90 days old. Each day is a mapped task with its own checkpoint and its part of the
requests that LinkedIn allows per minute. Safe to run again, and beside ``linkedin_conversions_daily``: both keep the
same results table, and what it holds as accepted is not sent again.

Needs, besides what the daily DAG needs, a pool of as many slots as days are to be sent at once::

    airflow pools set linkedin 4 "Tasks that share LinkedIn's requests per minute"
"""

from __future__ import annotations

from collections import Counter
from datetime import date, timedelta
from typing import Any

import pendulum
from airflow.sdk import DAG, Param, TriggerRule, task

from airflow_provider_linkedin_capi.operators.stream_conversions import StreamConversionsOperator

POOL, SLOTS = "linkedin", 4

CONVERSIONS = """
    SELECT 'crm-' || id AS event_id, conversion_type, happened_at, email, first_name, last_name, company, title,
           country, lead, external_id, li_fat_id, amount, currency
    FROM conversions
    WHERE loaded_at >= '{day}' AND loaded_at < '{next_day}'
    ORDER BY id
"""

with DAG(
    dag_id="linkedin_conversions_backfill",
    schedule=None,
    params={
        "last_day": Param(None, type=["null", "string"], format="date", description="Today (UTC) when empty"),
        "days": Param(90, type="integer", minimum=1, maximum=90),
    },
    default_args={"retries": 3, "retry_delay": timedelta(minutes=5)},
    tags=["linkedin"],
    doc_md=__doc__,
):

    @task
    def shards(params: dict[str, Any]) -> list[dict[str, Any]]:
        """One query and one file of dead letters for each day, the oldest first: those days run out soonest."""
        last = date.fromisoformat(params["last_day"] or pendulum.now("UTC").date().isoformat())
        days = [last - timedelta(days=back) for back in reversed(range(params["days"]))]
        return [
            {
                "sql": CONVERSIONS.format(day=day, next_day=day + timedelta(days=1)),
                "rejects_path": "{{ var.value.linkedin_rejects }}" + f"/backfill/{day}.jsonl",
            }
            for day in days
        ]

    stream = StreamConversionsOperator.partial(
        task_id="stream_day",
        sql_conn_id="warehouse",
        conversion_rule={"LEAD": "CRM lead", "PURCHASE": "CRM purchase"},
        results_table="linkedin_deliveries",
        pool=POOL,
        requests_per_minute=600 // SLOTS,
        requests_per_day=300_000 // SLOTS,
    ).expand_kwargs(shards())

    @task(trigger_rule=TriggerRule.ALL_DONE)
    def totals(summaries: list[dict[str, Any]]) -> dict[str, int]:
        """Add up what became of the rows of all days."""
        total: Counter[str] = Counter()
        for summary in summaries:
            total.update({name: summary[name] for name in ("rows_read", "accepted", "rejected", "held", "skipped")})
        return dict(total)

    totals(stream.output)
