"""Which stored rows a new report replaces, and what it restates."""

from __future__ import annotations

from airflow_provider_linkedin_capi.reports.window import Change, by_metric, restated
from tests.support.report_rows import november, report


def test_restated_figures_are_counted_by_period_and_metric() -> None:
    before, after = report(1, 2), report(2, 3, conversions=3)

    changes = restated(before.rows, after.rows, after.request)

    assert [str(change) for change in changes if change.start_date == november(2)] == [
        "2026-11-02 external_website_conversions: 2 -> 6 (+4)",
        "2026-11-02 external_website_post_click_conversions: 2 -> 6 (+4)",
    ]
    assert by_metric([Change(november(1), "clicks", 5, 3), Change(november(2), "clicks", 1, 4)]) == {
        "clicks": {"before": 6, "after": 7, "periods": 2}
    }


def test_days_that_were_not_stored_are_new() -> None:
    assert restated([], report(1, 2).rows, report(1, 2).request) == []
