"""Reports of some days in November, as a report table gets them."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any

from airflow_provider_linkedin_capi.reports.report import Report
from airflow_provider_linkedin_capi.reports.request import ReportRequest

RULES = ("urn:lla:llaPartnerConversion:1", "urn:lla:llaPartnerConversion:2")


def november(day: int) -> dt.date:
    return dt.date(2026, 11, day)


def report(first: int, last: int, conversions: int = 1, **changes: Any) -> Report:
    """A report with a row for each day and rule, or one for each rule with granularity ALL."""
    request = ReportRequest(
        account="urn:li:sponsoredAccount:5012345", start=november(first), end=november(last), **changes
    )
    cells = [(first, last)] if request.granularity == "ALL" else [(day, day) for day in range(first, last + 1)]
    rows = [
        {
            "ad_account_id": 5012345,
            "time_granularity": request.granularity,
            "start_date": november(start),
            "end_date": november(end),
            "conversion": rule,
            "conversion_id": int(rule[-1]),
            "external_website_conversions": conversions,
            "external_website_post_click_conversions": conversions,
            "external_website_post_view_conversions": 0,
            "conversion_value_in_local_currency": Decimal("0.10"),
            "currency": "USD",
        }
        for start, end in cells
        for rule in request.rules or RULES
    ]
    return Report(request, "USD", rows)
