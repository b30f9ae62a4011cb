"""AnalyticsReportOperator in real Airflow: LinkedIn on localhost, SQLite, PostgreSQL and files as targets."""

from __future__ import annotations

import datetime as dt
import json
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.attribution import CAMPAIGN, OTHER_CAMPAIGN, days_ago, deliver
from tests.support.dag_runs import asset_extras

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from airflow_provider_linkedin_capi.hooks.linkedin_conversions import LinkedInConversionsHook
    from airflow_provider_linkedin_capi.sandbox.server import SandboxServer
    from tests.support.warehouse import Warehouse

TABLE = "linkedin_report"


class Ended:
    """How a run of the operator ended."""

    def __init__(self, state: str | None, summary: Any, rows: Any, failure: BaseException | None) -> None:
        self.state = state
        self.summary = summary
        self.rows = rows
        self.failure = failure


@pytest.fixture
def report(linkedin: str, run_dag: Callable[..., Any], xcom: Any, task_state: Any) -> Callable[..., Ended]:
    """``report(first, last, **parameters)`` runs the operator for a window that many days ago."""
    from airflow.providers.common.compat.sdk import DAG

    from airflow_provider_linkedin_capi.operators.analytics import AnalyticsReportOperator

    def run(first: int, last: int, **parameters: Any) -> Ended:
        failures: list[BaseException] = []
        with DAG("reporting", schedule=None) as dag:
            AnalyticsReportOperator(
                task_id="report",
                first_day=str(days_ago(first)),
                last_day=str(days_ago(last)),
                on_failure_callback=lambda context: failures.append(context["exception"]),
                **parameters,
            )
        ended = run_dag(dag)
        return Ended(
            task_state(ended, "report"),
            xcom(ended, "report"),
            xcom(ended, "report", key="rows"),
            failures[0] if failures else None,
        )

    return run


@pytest.fixture
def rule(sandbox: SandboxServer, hook: LinkedInConversionsHook) -> int:
    """A rule with two campaigns and conversions 6, 5, 4 and 3 days ago."""
    rule = sandbox.world.add_rule(name="CRM purchase", campaigns=[CAMPAIGN, OTHER_CAMPAIGN])
    for day in (6, 5, 4, 3):
        deliver(hook, rule, days_ago(day), 40 + day)
    return rule


@pytest.fixture(params=["sqlite", "postgres"])
def target(request: pytest.FixtureRequest) -> Any:
    """A database: something with ``conn_id`` and ``query``."""
    return request.getfixturevalue("warehouse" if request.param == "sqlite" else "postgres")


def value_of(rows: list[dict[str, Any]]) -> Decimal:
    """The money in a table, to the cent; SQLite has only floats."""
    return sum((round(Decimal(str(row["conversion_value_in_local_currency"])), 2) for row in rows), Decimal(0))


def conversions_of(rows: list[dict[str, Any]]) -> int:
    return sum(row["external_website_conversions"] for row in rows)


def test_the_table_holds_what_was_attributed_to_the_cent(
    sandbox: SandboxServer, rule: int, report: Callable[..., Ended], target: Any
) -> None:
    ended = report(6, 3, table=TABLE, sql_conn_id=target.conn_id, pivot=["CAMPAIGN", "CONVERSION"], names=True)

    rows = target.query(f"SELECT * FROM {TABLE} ORDER BY start_date, campaign_id")
    attributed = sandbox.world.attributed_totals()
    assert ended.state == "success"
    assert (conversions_of(rows), value_of(rows)) == (attributed.conversions, attributed.value)
    assert sum(row["external_website_post_view_conversions"] for row in rows) == attributed.post_view
    assert {row["campaign_name"] for row in rows} == {"Spring leads", "Retargeting"}
    assert {row["conversion_name"] for row in rows} == {"CRM purchase"}
    assert {(row["conversion_id"], row["currency"], row["ad_account_id"]) for row in rows} == {(rule, "USD", 5012345)}
    assert ended.summary["rows"] == len(rows)
    assert ended.summary["totals"]["conversion_value_in_local_currency"] == f"{attributed.value:.2f}"
    assert ended.summary["conversions"] == {f"urn:lla:llaPartnerConversion:{rule}": attributed.conversions}


def test_reruns_and_overlapping_windows_leave_no_duplicates(
    sandbox: SandboxServer, rule: int, report: Callable[..., Ended], target: Any
) -> None:
    for first, last in ((6, 5), (5, 4), (4, 3), (4, 3)):
        assert report(first, last, lookback_days=2, table=TABLE, sql_conn_id=target.conn_id).state == "success"

    rows = target.query(f"SELECT * FROM {TABLE} ORDER BY start_date")
    attributed = sandbox.world.attributed_totals()
    assert [str(row["start_date"]) for row in rows] == [str(days_ago(day)) for day in (6, 5, 4, 3)]
    assert (conversions_of(rows), value_of(rows)) == (attributed.conversions, attributed.value)


def test_restated_days_are_replaced_and_reported(
    sandbox: SandboxServer, hook: LinkedInConversionsHook, rule: int, report: Callable[..., Ended], target: Any
) -> None:
    report(5, 4, table=TABLE, sql_conn_id=target.conn_id)
    before = sandbox.world.attributed_totals(start=days_ago(5), end=days_ago(5))
    deliver(hook, rule, days_ago(5), 30, prefix="late")
    after = sandbox.world.attributed_totals(start=days_ago(5), end=days_ago(5))

    ended = report(4, 3, lookback_days=1, table=TABLE, sql_conn_id=target.conn_id)

    counted = ended.summary["restated"]["external_website_conversions"]
    assert counted == {"before": before.conversions, "after": after.conversions, "periods": 1}
    value = ended.summary["restated"]["conversion_value_in_local_currency"]
    assert (Decimal(value["before"]), Decimal(value["after"])) == (before.value, after.value)
    assert conversions_of(target.query(f"SELECT * FROM {TABLE}")) == (
        sandbox.world.attributed_totals(start=days_ago(5)).conversions
    )


def test_rows_of_other_rules_and_accounts_stay(
    sandbox: SandboxServer, hook: LinkedInConversionsHook, rule: int, report: Callable[..., Ended], warehouse: Warehouse
) -> None:
    other = sandbox.world.add_rule(name="Sign-up", campaigns=[CAMPAIGN])
    deliver(hook, other, days_ago(4), 50)
    account = sandbox.world.add_account(5_077_777, currency="EUR")
    campaign = sandbox.world.add_campaign(account=account)
    third = sandbox.world.add_rule(account=account, campaigns=[campaign])
    deliver(hook, third, days_ago(4), 50)
    into: dict[str, Any] = {"table": TABLE, "sql_conn_id": "warehouse"}

    report(6, 3, **into)
    report(6, 3, ad_account_id=account, **into)
    report(6, 3, conversion_rules="Sign-up", **into)

    by_rule = {row["conversion_id"]: row["n"] for row in warehouse.query(
        f"SELECT conversion_id, SUM(external_website_conversions) AS n FROM {TABLE} GROUP BY 1"
    )}  # fmt: skip
    assert by_rule == {one: sandbox.world.attributed_totals(rule=one).conversions for one in (rule, other, third)}


def test_a_failed_write_leaves_the_old_rows(rule: int, report: Callable[..., Ended], warehouse: Warehouse) -> None:
    report(6, 3, table=TABLE, sql_conn_id="warehouse")
    before = warehouse.query(f"SELECT * FROM {TABLE}")
    warehouse.execute(
        f"CREATE TRIGGER full BEFORE INSERT ON {TABLE} WHEN NEW.start_date = '{days_ago(3)}' "
        "BEGIN SELECT RAISE(ABORT, 'disk full'); END"
    )

    ended = report(6, 3, table=TABLE, sql_conn_id="warehouse")

    assert ended.state == "failed"
    assert "disk full" not in str(ended.failure), "a database's own text may quote what is in the table"
    assert warehouse.query(f"SELECT * FROM {TABLE}") == before


def test_missing_columns_of_a_table_are_named(rule: int, report: Callable[..., Ended], warehouse: Warehouse) -> None:
    report(6, 3, table=TABLE, sql_conn_id="warehouse")

    ended = report(6, 3, table=TABLE, sql_conn_id="warehouse", fields=["externalWebsiteConversions", "qualifiedLeads"])

    assert "lacks columns of this report: qualified_leads BIGINT" in str(ended.failure)


def test_lost_access_does_not_empty_the_table(
    sandbox: SandboxServer, rule: int, report: Callable[..., Ended], warehouse: Warehouse
) -> None:
    report(6, 3, table=TABLE, sql_conn_id="warehouse")
    sandbox.world.set_role(None)

    ended = report(6, 3, table=TABLE, sql_conn_id="warehouse")

    assert "no role in ad account 5012345" in str(ended.failure)
    assert warehouse.query(f"SELECT * FROM {TABLE}")


def test_fill_zeros_invents_no_rule(rule: int, report: Callable[..., Ended], warehouse: Warehouse) -> None:
    ended = report(6, 3, conversion_rules=[999_999], fill_zeros=True, table=TABLE, sql_conn_id="warehouse")

    assert "no conversion rule 999999" in str(ended.failure)


@pytest.mark.parametrize("suffix", ["csv", "jsonl", "parquet"])
def test_a_file_takes_windows_as_a_table_does(
    sandbox: SandboxServer,
    hook: LinkedInConversionsHook,
    rule: int,
    report: Callable[..., Ended],
    tmp_path: Path,
    suffix: str,
) -> None:
    if suffix == "parquet":
        pytest.importorskip("pyarrow")
    path = tmp_path / "reports" / f"conversions.{suffix}"
    report(6, 5, path=f"file://{path}")
    deliver(hook, rule, days_ago(5), 30, prefix="late")

    ended = report(5, 3, path=f"file://{path}")

    rows = read(path)
    attributed = sandbox.world.attributed_totals()
    assert [str(row["start_date"]) for row in rows] == [str(days_ago(day)) for day in (6, 5, 4, 3)]
    assert sum(int(row["external_website_conversions"]) for row in rows) == attributed.conversions
    assert value_of(rows) == attributed.value
    assert ended.summary["restated"]["external_website_conversions"]["periods"] == 1
    assert [file.name for file in path.parent.iterdir()] == [path.name]


def read(path: Path) -> list[dict[str, Any]]:
    if path.suffix == ".csv":
        import csv

        return list(csv.DictReader(path.open()))
    if path.suffix == ".jsonl":
        return [json.loads(line) for line in path.read_text().splitlines()]
    from pyarrow import parquet

    rows: list[dict[str, Any]] = parquet.read_table(path).to_pylist()
    return rows


def test_a_file_of_another_form_is_refused(rule: int, report: Callable[..., Ended], tmp_path: Path) -> None:
    assert ".parquet, .csv, .jsonl" in str(report(6, 3, path=f"{tmp_path}/report.xlsx").failure)


def test_without_a_target_small_rows_go_to_xcom(
    sandbox: SandboxServer, rule: int, report: Callable[..., Ended]
) -> None:
    ended = report(6, 3)

    assert [row["start_date"] for row in ended.rows] == [str(days_ago(day)) for day in (6, 5, 4, 3)]
    assert conversions_of(ended.rows) == sandbox.world.attributed_totals().conversions


def test_rows_too_large_for_xcom_need_a_table_or_path(
    monkeypatch: pytest.MonkeyPatch, rule: int, report: Callable[..., Ended]
) -> None:
    monkeypatch.setattr("airflow_provider_linkedin_capi.operators.analytics.MAX_XCOM_BYTES", 100)

    assert "give a table or a path" in str(report(6, 3).failure)


def test_what_was_streamed_is_reconciled_with_what_was_attributed(
    sandbox: SandboxServer,
    linkedin: str,
    run_dag: Callable[..., Any],
    xcom: Any,
    target: Any,
) -> None:
    from airflow.providers.common.compat.sdk import DAG

    from airflow_provider_linkedin_capi.operators.analytics import AnalyticsReportOperator
    from airflow_provider_linkedin_capi.operators.stream_conversions import StreamConversionsOperator

    rule = sandbox.world.add_rule(name="CRM purchase", campaigns=[CAMPAIGN])
    silent = sandbox.world.add_rule(name="Never matched", campaigns=[CAMPAIGN])
    records = [
        {
            "email": f"person{number}@example.com" if number != 7 else "nonsense",
            "happened_at": f"{days_ago(4 if number < 30 else 5)}T10:00:00Z",
            "amount": "12.34",
            "currency": "USD",
            "conversion": rule,
        }
        for number in range(80)
    ]
    with DAG("closing_the_loop", schedule=None) as dag:
        stream = StreamConversionsOperator(
            task_id="stream", records=records, results_table="deliveries", results_conn_id=target.conn_id
        )
        again = AnalyticsReportOperator(
            task_id="report",
            start_date=str(days_ago(5)),
            end_date=str(days_ago(4)),
            table=TABLE,
            sql_conn_id=target.conn_id,
            reconcile=True,
            results_table="deliveries",
        )
        stream >> again
    assert str(run_dag(dag).state) == "success"
    assert str(run_dag(dag).state) == "success"

    rows = target.query(f"SELECT * FROM {TABLE}_reconciliation ORDER BY start_date")
    assert silent not in {row["conversion_id"] for row in rows}
    assert [(str(row["start_date"]), row["conversion_name"], row["sent"], row["accepted"]) for row in rows] == [
        (str(days_ago(5)), "CRM purchase", 50, 50),
        (str(days_ago(4)), "CRM purchase", 29, 29),
    ]
    for row, day in zip(rows, (days_ago(5), days_ago(4)), strict=True):
        attributed = sandbox.world.attributed_totals(rule=rule, start=day, end=day)
        assert (row["attributed"], row["post_click"], row["post_view"]) == (
            attributed.conversions,
            attributed.post_click,
            attributed.post_view,
        )
        assert round(Decimal(str(row["value"])), 2) == attributed.value
        assert round(float(row["match_share"]), 6) == round(attributed.conversions / row["accepted"], 6)


def test_given_counts_are_reconciled_for_the_window_as_a_whole(
    sandbox: SandboxServer, rule: int, report: Callable[..., Ended]
) -> None:
    counts = {str(rule): {"sent": 180, "accepted": 178}}

    ended = report(6, 3, time_granularity="ALL", reconcile=True, sent_counts=counts)

    (row,) = ended.summary["reconciliation"]
    attributed = sandbox.world.attributed_totals()
    assert (row["sent"], row["accepted"], row["attributed"]) == (180, 178, attributed.conversions)
    assert row["value"] == f"{attributed.value:.2f}"


@pytest.mark.parametrize(
    ("parameters", "complaint"),
    [
        ({"pivot": "CAMPAIGN"}, "give pivot CONVERSION"),
        ({"finder": "attributedRevenueMetrics", "pivot": "CONVERSION"}, "another finder than attributedRevenueMetrics"),
        ({"sent_counts": {1: {"sent": 5}}}, "sent_counts for rule 1 is {'sent': 5}: give a number"),
        ({"sent_counts": {1: None}}, "sent_counts for rule 1 is None"),
        ({"sent_counts": "180"}, "sent_counts is str: give a mapping"),
        ({"lookback_days": -1, "time_granularity": "DAILY"}, "lookback_days is -1"),
    ],
    ids=str,
)
def test_unusable_reconciliation_and_lookback_are_refused(
    linkedin: str, rule: int, parameters: dict[str, Any], complaint: str
) -> None:
    from types import SimpleNamespace

    from airflow.providers.common.compat.sdk import AirflowFailException

    from airflow_provider_linkedin_capi.operators.analytics import AnalyticsReportOperator

    window = {"start_date": days_ago(6), "end_date": days_ago(3), "time_granularity": "ALL"}
    asked = {**window, "reconcile": True, "sent_counts": {rule: 180}, **parameters}
    context: Any = {"ti": SimpleNamespace(xcom_push=lambda key, value: None)}
    with pytest.raises(AirflowFailException) as failure:
        AnalyticsReportOperator(task_id="report", **asked).execute(context)
    assert complaint in str(failure.value)


def test_counts_of_foreign_rules_are_left_out_with_a_warning(
    rule: int, report: Callable[..., Ended], caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    ended = report(6, 3, time_granularity="ALL", reconcile=True, sent_counts={str(rule): 180, "4711": 5})

    assert [row["sent"] for row in ended.summary["reconciliation"]] == [180]
    assert "sent_counts of urn:lla:llaPartnerConversion:4711 are left out" in caplog.text + "".join(capfd.readouterr())


def test_the_reports_asset_event_carries_its_figures(
    sandbox: SandboxServer, rule: int, report: Callable[..., Ended], warehouse: Warehouse
) -> None:
    from airflow.providers.common.compat.sdk import Asset

    uri = "linkedin://reports/5012345"
    ended = report(6, 3, table=TABLE, sql_conn_id="warehouse", outlets=[Asset(uri=uri)])

    [told] = asset_extras(uri)
    assert (told["rows"], told["totals"]) == (4, ended.summary["totals"])


def test_one_report_for_each_account_by_mapping(
    sandbox: SandboxServer,
    hook: LinkedInConversionsHook,
    rule: int,
    linkedin: str,
    run_dag: Callable[..., Any],
    xcom: Any,
    warehouse: Warehouse,
) -> None:
    from airflow.providers.common.compat.sdk import DAG

    from airflow_provider_linkedin_capi.operators.analytics import AnalyticsReportOperator

    account = sandbox.world.add_account(5_077_777)
    other = sandbox.world.add_rule(account=account, campaigns=[sandbox.world.add_campaign(account=account)])
    deliver(hook, other, days_ago(4), 50)
    first = f"{{{{ macros.ds_add('{days_ago(5)}', -1) }}}}"
    with DAG("accounts", schedule=None) as dag:
        AnalyticsReportOperator.partial(task_id="report", table=TABLE, sql_conn_id="warehouse").expand_kwargs(
            [
                {"ad_account_id": each, "start_date": first, "end_date": str(days_ago(3))}
                for each in (5_012_345, account)
            ]
        )

    assert str(run_dag(dag, logical_date=dt.datetime(2026, 1, 1, tzinfo=dt.UTC)).state) == "success"

    rows = warehouse.query(f"SELECT * FROM {TABLE}")
    assert {row["conversion_id"] for row in rows} == {rule, other}
    assert conversions_of(rows) == sandbox.world.attributed_totals().conversions


def test_wrong_combinations_are_refused_when_the_dag_is_parsed() -> None:
    from airflow_provider_linkedin_capi.operators.analytics import AnalyticsReportOperator

    def operator(**parameters: Any) -> None:
        AnalyticsReportOperator(task_id="report", start_date="2026-11-01", end_date="2026-11-01", **parameters)

    with pytest.raises(ValueError, match="not both"):
        operator(table="t", sql_conn_id="warehouse", path="/tmp/x.csv")
    with pytest.raises(ValueError, match="needs sql_conn_id"):
        operator(table="t")
    with pytest.raises(ValueError, match="exactly one of results_table and sent_counts"):
        operator(reconcile=True)
    with pytest.raises(ValueError, match="needs results_conn_id"):
        operator(reconcile=True, results_table="t")


def test_start_date_is_airflows_own_beside_first_day() -> None:
    from airflow.providers.common.compat.sdk import DAG

    from airflow_provider_linkedin_capi.operators.analytics import AnalyticsReportOperator

    begin = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
    with DAG("d", schedule=None, start_date=begin, default_args={"start_date": begin}):
        new = AnalyticsReportOperator(task_id="new", first_day="{{ ds }}", last_day="{{ ds }}")
        old = AnalyticsReportOperator(task_id="old", start_date="{{ ds }}", end_date="{{ ds }}")

    for operator in (new, old):
        assert (operator.start_date, operator.end_date, operator.first_day) == (begin, None, "{{ ds }}")


@pytest.mark.parametrize("outlet", ["table", "dictionary"])
def test_outlets_that_are_not_assets_do_no_harm(
    sandbox: SandboxServer, rule: int, report: Callable[..., Ended], outlet: str
) -> None:
    from airflow.providers.common.compat.lineage.entities import Table
    from airflow.providers.common.compat.sdk import Asset

    other = Table(database="marketing", cluster="ads", name="report") if outlet == "table" else {"table": "report"}
    asset = Asset(f"linkedin://report/{outlet}")

    ended = report(6, 3, outlets=[other, asset])

    assert ended.state == "success"
    [extra] = asset_extras(asset.uri)
    assert extra["rows"] == ended.summary["rows"] == 4


def test_do_xcom_push_false_pushes_no_rows(rule: int, report: Callable[..., Ended]) -> None:
    ended = report(6, 3, do_xcom_push=False)

    assert (ended.state, ended.summary, ended.rows) == ("success", None, None)


def test_campaigns_may_come_as_the_text_of_a_list(
    sandbox: SandboxServer, rule: int, report: Callable[..., Ended]
) -> None:
    ended = report(6, 3, campaigns="{{ params.c }}", params={"c": [CAMPAIGN]}, pivot="CAMPAIGN")

    assert {row["campaign_id"] for row in ended.rows} == {CAMPAIGN}
    assert "campaigns starts like a list" in str(report(6, 3, campaigns="[345396001").failure)


def test_a_missing_ledger_is_named(rule: int, report: Callable[..., Ended], warehouse: Warehouse) -> None:
    ended = report(6, 3, reconcile=True, results_table="no_such_table", results_conn_id="warehouse")

    assert "There is no table no_such_table on connection 'warehouse'" in str(ended.failure)
