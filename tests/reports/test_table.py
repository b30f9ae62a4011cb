"""Report tables in SQLite and PostgreSQL: windows are replaced, also by several tasks at once."""

from __future__ import annotations

import datetime as dt
import itertools
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_linkedin_capi.exceptions import DatabaseError, ReportTableError
from airflow_provider_linkedin_capi.reports.report import Report, report_columns
from airflow_provider_linkedin_capi.reports.request import ReportRequest
from airflow_provider_linkedin_capi.reports.table import ReportTable, derived_name
from airflow_provider_linkedin_capi.reports.window import scope, stored_columns
from tests.support.report_rows import RULES, november, report

if TYPE_CHECKING:
    from collections.abc import Iterator

    from airflow_provider_linkedin_capi.databases.base import Database

Open = Callable[[], "Database"]
_moments = itertools.count()


@pytest.fixture(params=["warehouse", "postgres"])
def opened(request: pytest.FixtureRequest) -> Iterator[Open]:
    """``opened()`` opens the database once more."""
    from airflow_provider_linkedin_capi.databases.opening import open_database

    conn_id = request.getfixturevalue(request.param).conn_id
    databases = []

    def open_again() -> Database:
        databases.append(open_database(conn_id))
        return databases[-1]

    yield open_again
    for database in databases:
        database.close()


@pytest.fixture
def database(opened: Open) -> Database:
    """An empty database."""
    return opened()


def store(database: Database, shown: Report, table: str = "report") -> list[dict[str, Any]]:
    columns = stored_columns(report_columns(shown.request))
    read_at = dt.datetime(2026, 11, 22, tzinfo=dt.UTC) + dt.timedelta(milliseconds=next(_moments))
    rows = [{**row, "read_at": read_at} for row in shown.rows]
    return ReportTable(database, table, columns).replace(scope(shown, columns), rows)


def stored(database: Database, table: str = "report") -> list[tuple[Any, ...]]:
    """Days, rule and conversions of all rows."""
    rows = database.query(
        "SELECT start_date, end_date, conversion_id, external_website_conversions "
        f"FROM {table} ORDER BY time_granularity, start_date, end_date, conversion_id"
    )
    return [(str(row[0])[8:], str(row[1])[8:], row[2], row[3]) for row in rows]


def test_a_window_replaces_the_days_it_covers(database: Database) -> None:
    store(database, report(1, 3))

    replaced = store(database, report(3, 4, conversions=9))

    assert [(row["start_date"], row["external_website_conversions"]) for row in replaced] == [(november(3), 1)] * 2
    assert stored(database) == [
        (f"0{day}", f"0{day}", rule, 1 if day < 3 else 9) for day in (1, 2, 3, 4) for rule in (1, 2)
    ]


def test_money_is_decimal_in_the_rows_replaced(database: Database) -> None:
    store(database, report(1, 1))

    assert {row["conversion_value_in_local_currency"] for row in store(database, report(1, 1))} == {Decimal("0.10")}


def test_only_the_chosen_rules_are_replaced(database: Database) -> None:
    store(database, report(1, 1))

    store(database, report(1, 1, conversions=9, rules=RULES[1:]))

    assert stored(database) == [("01", "01", 1, 1), ("01", "01", 2, 9)]


def test_rows_over_a_whole_window_are_replaced_only_by_the_same_window(database: Database) -> None:
    store(database, report(1, 7, granularity="ALL"))
    store(database, report(2, 8, granularity="ALL"))
    store(database, report(1, 7, conversions=9, granularity="ALL"))

    assert stored(database) == [("01", "07", 1, 9), ("01", "07", 2, 9), ("02", "08", 1, 1), ("02", "08", 2, 1)]


def test_days_and_whole_windows_do_not_replace_each_other(database: Database) -> None:
    store(database, report(1, 2))
    store(database, report(1, 2, granularity="ALL"))

    assert len(stored(database)) == 6


def test_an_empty_report_removes_what_was_attributed_before(database: Database) -> None:
    shown = report(1, 1)
    store(database, shown)

    store(database, Report(shown.request, None, []))

    assert stored(database) == []


def test_a_month_that_grew_replaces_its_shorter_self(database: Database) -> None:
    def month(last: int) -> Report:
        whole = report(1, last, conversions=last, granularity="ALL")
        rows = [{**row, "time_granularity": "MONTHLY"} for row in whole.rows]
        return Report(ReportRequest(account=whole.request.account, start=november(1), end=november(last),
                                    granularity="MONTHLY"), "USD", rows)  # fmt: skip

    store(database, month(20))
    store(database, month(21))

    assert stored(database) == [("01", "21", 1, 21), ("01", "21", 2, 21)]


def test_values_come_back_as_the_report_has_them(database: Database) -> None:
    shown = report(1, 1)
    store(database, shown)

    replaced = store(database, shown)

    assert [{name: value for name, value in row.items() if name != "read_at"} for row in replaced] == shown.rows
    assert {row["read_at"].tzinfo is not None for row in replaced} == {True}


def test_long_names_of_campaigns_and_rules_fit(database: Database) -> None:
    shown = report(1, 1, names=True)
    shown = Report(shown.request, "USD", [{**row, "conversion_name": "Ünïcode, long " * 100} for row in shown.rows])
    store(database, shown)

    assert [row["conversion_name"] for row in store(database, shown)] == ["Ünïcode, long " * 100] * 2


def test_a_table_may_be_in_a_schema(postgres: Any) -> None:
    from airflow_provider_linkedin_capi.databases.opening import open_database

    postgres.execute("CREATE SCHEMA marketing")
    with closing(open_database(postgres.conn_id)) as database:
        store(database, report(1, 1), "marketing.report")
        store(database, report(1, 1), "marketing.report")

        assert len(stored(database, "marketing.report")) == 2


def test_a_missing_schema_is_named_without_the_ddl(postgres: Any) -> None:
    from airflow_provider_linkedin_capi.databases.opening import open_database

    with (
        closing(open_database(postgres.conn_id)) as database,
        pytest.raises(ReportTableError, match=r"marketing\.report cannot be created: its schema") as caught,
    ):
        store(database, report(1, 1), "marketing.report")
    assert "CREATE TABLE" not in str(caught.value)


def test_a_name_beside_a_long_one_is_another_table(database: Database) -> None:
    table = "marketing_linkedin_conversions_by_campaign_and_rule_and_day_all"
    assert len(table) == 63

    assert derived_name(database, "ads.report", "reconciliation") == "ads.report_reconciliation"
    beside = derived_name(database, f"ads.{table}", "reconciliation")
    assert beside != f"ads.{table}"
    assert len(beside) <= len("ads.") + 63


def at_once(opened: Open, shown: Report, tables: list[str]) -> list[BaseException | None]:
    """Store a report from one task for each of the tables, all at the same time; return their failures."""
    start = threading.Barrier(len(tables))

    def task(table: str, database: Database) -> BaseException | None:
        start.wait()
        try:
            store(database, shown, table)
        except DatabaseError as error:
            return error
        return None

    with ThreadPoolExecutor(len(tables)) as pool:
        return list(pool.map(task, tables, [opened() for _ in tables]))


def test_concurrent_first_runs_all_succeed(opened: Open, database: Database) -> None:
    for number in range(8):
        assert at_once(opened, report(1, 9), [f"report_{number}"] * 4) == [None] * 4
        assert len(stored(database, f"report_{number}")) == 18


def test_concurrent_runs_leave_the_rows_of_one(opened: Open, database: Database) -> None:
    store(database, report(1, 9))
    start = threading.Barrier(4)

    def run(conversions: int, database: Database) -> None:
        start.wait()
        store(database, report(1, 9, conversions))

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(run, range(4), [opened() for _ in range(4)]))

    rows = stored(database)
    assert [row[:3] for row in rows] == [(f"0{day}", f"0{day}", rule) for day in range(1, 10) for rule in (1, 2)]
    assert len({row[3] for row in rows}) == 1, "one run's rows, not a mixture"


def test_rows_that_a_killed_task_left_twice_count_once(database: Database) -> None:
    """Databases without transactions keep the older rows until the next run, when a task is killed in between."""
    columns = stored_columns(report_columns(report(1, 1).request))
    table = ReportTable(database, "report", columns)
    read_at = dt.datetime(2026, 11, 22, tzinfo=dt.UTC)
    old, new = (
        {**report(1, 1, conversions).rows[0], "read_at": read_at + dt.timedelta(hours=conversions)}
        for conversions in (1, 2)
    )

    assert table._latest([new, old]) == [new]
