"""Stored reports: which rows a new one replaces, in tables of SQLite and PostgreSQL."""

from __future__ import annotations

import datetime as dt
import threading
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_linkedin_capi.reports.report import Report, report_columns
from airflow_provider_linkedin_capi.reports.request import ReportRequest
from airflow_provider_linkedin_capi.reports.table import ReportTable
from airflow_provider_linkedin_capi.reports.window import Change, by_metric, restated, scope

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from sqlalchemy import Engine

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


@pytest.fixture(params=["sqlite", "postgres"])
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Engine]:
    from sqlalchemy import create_engine

    if request.param == "sqlite":
        made = create_engine(f"sqlite:///{tmp_path}/warehouse.db")
    else:
        database = request.getfixturevalue("postgres")
        made = create_engine(f"postgresql+psycopg2://{database.user}@127.0.0.1:{database.port}/{database.name}")
    yield made
    made.dispose()


def store(engine: Engine, shown: Report, table: str = "report") -> list[dict[str, Any]]:
    columns = report_columns(shown.request)
    return ReportTable(engine, table, columns).replace(scope(shown, columns), shown.rows)


def stored(engine: Engine, table: str = "report") -> list[tuple[Any, ...]]:
    """Days, rule and conversions of all rows."""
    from sqlalchemy import text

    query = (
        "SELECT start_date, end_date, conversion_id, external_website_conversions "
        f"FROM {table} ORDER BY time_granularity, start_date, end_date, conversion_id"
    )
    with engine.connect() as connection:
        return [(str(row[0])[8:], str(row[1])[8:], row[2], row[3]) for row in connection.execute(text(query))]


def test_a_window_replaces_the_days_it_covers(engine: Engine) -> None:
    store(engine, report(1, 3))

    replaced = store(engine, report(3, 4, conversions=9))

    assert [(row["start_date"], row["external_website_conversions"]) for row in replaced] == [(november(3), 1)] * 2
    assert stored(engine) == [
        (f"0{day}", f"0{day}", rule, 1 if day < 3 else 9) for day in (1, 2, 3, 4) for rule in (1, 2)
    ]


def test_money_is_decimal_in_the_rows_replaced(engine: Engine) -> None:
    store(engine, report(1, 1))

    assert {row["conversion_value_in_local_currency"] for row in store(engine, report(1, 1))} == {Decimal("0.10")}


def test_only_the_chosen_rules_are_replaced(engine: Engine) -> None:
    store(engine, report(1, 1))

    store(engine, report(1, 1, conversions=9, rules=RULES[1:]))

    assert stored(engine) == [("01", "01", 1, 1), ("01", "01", 2, 9)]


def test_rows_over_a_whole_window_are_replaced_only_by_the_same_window(engine: Engine) -> None:
    store(engine, report(1, 7, granularity="ALL"))
    store(engine, report(2, 8, granularity="ALL"))
    store(engine, report(1, 7, conversions=9, granularity="ALL"))

    assert stored(engine) == [("01", "07", 1, 9), ("01", "07", 2, 9), ("02", "08", 1, 1), ("02", "08", 2, 1)]


def test_days_and_whole_windows_do_not_replace_each_other(engine: Engine) -> None:
    store(engine, report(1, 2))
    store(engine, report(1, 2, granularity="ALL"))

    assert len(stored(engine)) == 6


def test_an_empty_report_removes_what_was_attributed_before(engine: Engine) -> None:
    shown = report(1, 1)
    store(engine, shown)

    store(engine, Report(shown.request, None, []))

    assert stored(engine) == []


def test_a_month_that_grew_replaces_its_shorter_self(engine: Engine) -> None:
    def month(last: int) -> Report:
        whole = report(1, last, conversions=last, granularity="ALL")
        rows = [{**row, "time_granularity": "MONTHLY"} for row in whole.rows]
        return Report(ReportRequest(account=whole.request.account, start=november(1), end=november(last),
                                    granularity="MONTHLY"), "USD", rows)  # fmt: skip

    store(engine, month(20))
    store(engine, month(21))

    assert stored(engine) == [("01", "21", 1, 21), ("01", "21", 2, 21)]


def test_a_table_may_be_in_a_schema(postgres: Any) -> None:
    from sqlalchemy import create_engine

    postgres.execute("CREATE SCHEMA marketing")
    engine = create_engine(f"postgresql+psycopg2://{postgres.user}@127.0.0.1:{postgres.port}/{postgres.name}")

    store(engine, report(1, 1), "marketing.report")
    store(engine, report(1, 1), "marketing.report")

    assert len(stored(engine, "marketing.report")) == 2
    engine.dispose()


def test_two_runs_at_once_leave_no_doubles(engine: Engine) -> None:
    from sqlalchemy.exc import SQLAlchemyError

    store(engine, report(1, 9))
    start = threading.Barrier(4)
    refused = []

    def run(conversions: int) -> None:
        start.wait()
        try:
            store(engine, report(1, 9, conversions))
        except SQLAlchemyError as error:  # a task would be retried
            refused.append(error)

    threads = [threading.Thread(target=run, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    rows = stored(engine)
    assert len(refused) < 4
    assert [row[:3] for row in rows] == [(f"0{day}", f"0{day}", rule) for day in range(1, 10) for rule in (1, 2)]
    assert len({row[3] for row in rows}) == 1, "one run's rows, not a mixture"


def test_what_was_restated_is_told_by_period_and_metric() -> None:
    before, after = report(1, 2), report(2, 3, conversions=3)

    changes = restated(before.rows, after.rows, after.request)

    assert [str(change) for change in changes if change.start_date == november(2)] == [
        "2026-11-02 external_website_conversions: 2 -> 6 (+4)",
        "2026-11-02 external_website_post_click_conversions: 2 -> 6 (+4)",
    ]
    assert by_metric([Change(november(1), "clicks", 5, 3), Change(november(2), "clicks", 1, 4)]) == {
        "clicks": {"before": 6, "after": 7, "periods": 2}
    }


def test_days_that_were_not_stored_are_new_not_restated() -> None:
    assert restated([], report(1, 2).rows, report(1, 2).request) == []
