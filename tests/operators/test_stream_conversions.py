"""StreamConversionsOperator in real Airflow, from a SQLite warehouse to LinkedIn on localhost."""

from __future__ import annotations

import datetime as dt
import json

import pytest

from airflow_provider_linkedin_capi.version_compat import airflow_version
from tests.support.airflow_home import PROJECT
from tests.support.dag_runs import asset_extras
from tests.support.streaming import (
    RULE,
    RULE_URN,
    conversions,
    event_ids,
    happened_at,
    letters,
    make_too_old_for_linkedin,
)


def outcomes(warehouse, table="results_outcomes"):
    return {row["event_id"]: row["outcome"] for row in warehouse.query(f"SELECT event_id, outcome FROM {table}")}


def test_every_row_is_delivered_or_accounted_for(stream, sandbox, warehouse, tmp_path):
    conversions(warehouse, 25, bad_emails={3, 17})
    run = stream(rejects_path=f"file://{tmp_path}/dead.jsonl", results_table="results", batch_size=10)
    assert run.state == "success"
    summary = run.summary
    assert (summary["rows_read"], summary["accepted"], summary["rejected"]) == (25, 23, 2)
    assert (summary["held"], summary["skipped"], summary["batches"], summary["requests"]) == (0, 0, 3, 3)
    assert summary["reasons"] == {"email_invalid": 2}
    assert summary["rejects_path"] == f"file://{tmp_path}/dead.jsonl"
    assert sorted(event_ids(sandbox)) == sorted(f"e-{number}" for number in range(25) if number not in (3, 17))
    assert [letter["key"] for letter in letters(tmp_path / "dead.jsonl")] == ["e-3", "e-17"]
    results = warehouse.query("SELECT event_id, outcome, conversion FROM results_outcomes")
    assert sorted((row["event_id"], row["outcome"]) for row in results) == sorted(
        (f"e-{number}", "rejected" if number in (3, 17) else "accepted") for number in range(25)
    )
    assert {row["conversion"] for row in results if row["outcome"] == "accepted"} == {RULE_URN}


def test_rows_that_linkedin_itself_refuses_are_taken_out_and_told_apart(stream, sandbox, warehouse, tmp_path):
    conversions(warehouse, 10)
    make_too_old_for_linkedin(sandbox, warehouse, 4)
    run = stream(rejects_path=f"file://{tmp_path}/dead.jsonl", results_table="results")
    assert (run.state, run.summary["accepted"], run.summary["rejected"]) == ("success", 9, 1)
    (letter,) = letters(tmp_path / "dead.jsonl")
    assert (letter["key"], letter["position"]) == ("e-4", 4)
    assert "Conversion time should be within 90 days" in letter["message"]
    assert outcomes(warehouse)["e-4"] == "rejected"
    assert "e-4" not in event_ids(sandbox)


def test_rows_sent_otherwise_than_they_came_are_counted_and_told_by_what_it_was(stream, warehouse, task_log):
    conversions(warehouse, 10)
    run = stream(
        sql="SELECT event_id, email, happened_at, CASE WHEN id < 3 THEN 'Mary' END AS first_name, NULL AS last_name "
        "FROM conversions ORDER BY id",
        sql_conn_id="warehouse",
    )
    assert (run.summary["accepted"], run.summary["warned"]) == (10, 3)
    assert run.summary["warnings"] == {"name_half": 3}
    assert "Sent with changes:       3 x name_half (" in task_log()


@pytest.mark.parametrize(
    "conversion_rule",
    [
        {"LEAD": RULE, "PURCHASE": "Shop"},
        f"LEAD={RULE},PURCHASE=Shop",
    ],
)
def test_the_rule_is_chosen_by_conversion_type_and_named_once(stream, sandbox, warehouse, conversion_rule):
    shop = sandbox.world.add_rule(name="Shop", type="PURCHASE")
    conversions(warehouse, 10)
    run = stream(
        sql="SELECT *, CASE WHEN id < 4 THEN 'LEAD' WHEN id < 9 THEN 'PURCHASE' END AS conversion_type "
        "FROM conversions ORDER BY id",
        sql_conn_id="warehouse",
        conversion_rule=conversion_rule,
    )
    assert sandbox.world.events_by_rule() == {RULE: 4, shop: 5}
    assert run.summary["reasons"] == {"conversion_missing": 1}


def test_a_name_that_no_rule_has_fails_at_once_with_the_names_that_come_near(stream, sandbox, warehouse, task_log):
    conversions(warehouse, 1)
    run = stream(conversion_rule="CRM lead", retries=3)
    assert (run.state, run.try_number) == ("failed", 1)
    assert "similar: 'CRM leads'" in task_log()
    assert event_ids(sandbox) == []


def test_records_and_rule_may_come_from_other_tasks(run_dag, linkedin, rule, sandbox, xcom):
    from airflow.providers.common.compat.sdk import DAG, task

    from airflow_provider_linkedin_capi.operators.stream_conversions import StreamConversionsOperator

    @task
    def extract():
        return [{"event_id": f"x-{number}", "email": "a@example.com", "at": happened_at()} for number in range(3)]

    @task
    def declare():
        return RULE_URN

    with DAG("streaming_records", schedule=None) as dag:
        StreamConversionsOperator(
            task_id="stream",
            records=extract(),
            conversion_rule=declare(),
            column_mapping={"at": "happened_at"},
        )
    dag_run = run_dag(dag)
    assert xcom(dag_run, "stream")["accepted"] == 3
    assert sorted(event_ids(sandbox)) == ["x-0", "x-1", "x-2"]
    assert "example.com" not in str(rendered(dag_run, "stream"))


def rendered(dag_run, task_id):
    """What the UI shows of the task's templated parameters."""
    from airflow.models.renderedtifields import RenderedTaskInstanceFields
    from airflow.utils.session import create_session

    with create_session() as session:
        fields = session.query(RenderedTaskInstanceFields).filter_by(dag_id=dag_run.dag_id, task_id=task_id).one()
        return fields.rendered_fields


def test_a_csv_file_is_streamed_in_batches(stream, sandbox, tmp_path):
    lines = [f"f-{number},m{number}@example.com,{happened_at()}" for number in range(7)]
    (tmp_path / "events.csv").write_text("\n".join(["eventId,email,happened_at", *lines]))
    run = stream(path=f"file://{tmp_path}/events.csv", batch_size=3)
    assert (run.summary["accepted"], run.summary["batches"]) == (7, 3)


def test_fixed_dead_letters_are_replayed_by_the_same_operator(stream, sandbox, warehouse, tmp_path):
    dead = tmp_path / "dead.jsonl"
    conversions(warehouse, 8, bad_emails={2, 5})
    stream(rejects_path=f"file://{dead}")
    fixed = tmp_path / "fixed.jsonl"
    fixed.write_text(dead.read_text().replace('"email": "nonsense"', '"email": "known@example.com"'))
    run = stream(path=f"file://{fixed}")
    assert (run.summary["rows_read"], run.summary["accepted"]) == (2, 2)
    assert sorted(event_ids(sandbox)) == [f"e-{number}" for number in range(8)]


@pytest.mark.parametrize(
    ("parameters", "state"),
    [
        ({}, "success"),
        ({"on_invalid": "fail"}, "failed"),
        ({"max_invalid": 1}, "failed"),
        ({"max_invalid": 2}, "success"),
        ({"max_invalid": 0.19}, "failed"),
        ({"max_invalid": 0.2}, "success"),
    ],
)
def test_refused_rows_beyond_the_budget_fail_the_task_once_all_others_are_delivered_and_the_evidence_is_written(
    stream, sandbox, warehouse, tmp_path, parameters, state
):
    conversions(warehouse, 10, bad_emails={0, 9})
    run = stream(
        **parameters,
        batch_size=5,
        retries=2,
        rejects_path=f"file://{tmp_path}/dead.jsonl",
        results_table="results",
    )
    assert run.state == state
    assert run.try_number == 1
    assert run.summary["rejected"] == 2
    assert len(event_ids(sandbox)) == 8
    assert [letter["key"] for letter in letters(tmp_path / "dead.jsonl")] == ["e-0", "e-9"]
    assert sorted(outcomes(warehouse).values()) == ["accepted"] * 8 + ["rejected"] * 2


@pytest.mark.parametrize(
    ("rows", "parameters", "state"),
    [(3, {}, "failed"), (3, {"max_invalid": 1.0}, "success"), (0, {}, "success")],
)
def test_a_task_that_delivers_nothing_of_what_it_read_is_green_only_if_a_budget_says_so(
    stream, sandbox, warehouse, rows, parameters, state
):
    conversions(warehouse, rows, bad_emails={0, 1, 2})
    run = stream(**parameters)
    assert run.state == state
    assert event_ids(sandbox) == []


def test_after_a_failed_budget_the_fixed_row_is_delivered_by_a_clear_and_nothing_twice(
    stream, sandbox, warehouse, tmp_path
):
    conversions(warehouse, 10, bad_emails={9})
    evidence = {"results_table": "results", "rejects_path": f"file://{tmp_path}/dead.jsonl"}
    stream(on_invalid="fail", **evidence)
    assert len(letters(tmp_path / "dead.jsonl")) == 1
    warehouse.execute("UPDATE conversions SET email = 'fixed@example.com' WHERE id = 9")
    run = stream(clear=True, on_invalid="fail", **evidence)
    assert (run.state, run.summary["accepted"], run.summary["skipped"]) == ("success", 1, 9)
    assert not (tmp_path / "dead.jsonl").exists()
    assert sorted(event_ids(sandbox)) == sorted(f"e-{number}" for number in range(10))


def test_events_that_any_run_delivered_are_left_out_with_a_results_table(stream, sandbox, warehouse):
    conversions(warehouse, 10)
    stream(results_table="results", batch_size=4)
    conversions(warehouse, 5, first=10)
    run = stream(results_table="results")
    assert (run.summary["rows_read"], run.summary["skipped"], run.summary["accepted"]) == (15, 10, 5)
    assert len(event_ids(sandbox)) == len(set(event_ids(sandbox))) == 15
    assert len(outcomes(warehouse)) == 15


@pytest.mark.parametrize("database", ["warehouse", "postgres"])
def test_the_warehouse_leaves_out_what_was_delivered(request, stream, sandbox, database):
    place = request.getfixturevalue(database)
    place.execute("CREATE TABLE leads (n INTEGER, order_id VARCHAR(40), email VARCHAR(80), happened_at VARCHAR(40))")
    for n in range(25):
        email = "nonsense" if n in (4, 13) else f"m{n}@example.com"
        place.execute(f"INSERT INTO leads VALUES ({n}, 'o-{24 - n}', '{email}', '{happened_at()}')")
    query = {
        "sql_conn_id": place.conn_id,
        "column_mapping": {"order_id": "eventId"},
        "results_table": "results",
        "batch_size": 10,
    }
    stream(sql="SELECT * FROM leads WHERE n < 15 ORDER BY n", **query)
    run = stream(sql="SELECT * FROM leads ORDER BY n", **query)
    summary = run.summary
    assert (summary["rows_read"], summary["accepted"], summary["skipped"], summary["rejected"]) == (25, 10, 13, 2)
    assert sorted(event_ids(sandbox)) == sorted(f"o-{24 - n}" for n in range(25) if n not in (4, 13))
    again = stream(sql="SELECT * FROM leads WHERE n < 4 ORDER BY n", **query).summary
    assert (again["rows_read"], again["skipped"]) == (4, 4)
    assert again["first_happened_at"] is None, "rows that were delivered become no events"


def test_skip_accepted_may_be_switched_off(stream, sandbox, warehouse):
    conversions(warehouse, 3)
    stream(results_table="results")
    run = stream(results_table="results", skip_accepted=False)
    assert (run.summary["accepted"], run.summary["skipped"]) == (3, 0)
    assert len(event_ids(sandbox)) == 6


def test_rows_without_an_event_id_are_recognised_by_their_contents(stream, sandbox, warehouse):
    conversions(warehouse, 4)
    rows = {"sql": "SELECT email, happened_at FROM conversions ORDER BY id", "sql_conn_id": "warehouse"}
    stream(**rows, results_table="results")
    run = stream(**rows, results_table="results")
    assert run.summary["skipped"] == 4
    assert sandbox.world.duplicates() == 0


def test_a_dry_run_does_everything_but_the_sending(stream, sandbox, warehouse, tmp_path, task_log):
    conversions(warehouse, 10, bad_emails={1})
    run = stream(dry_run=True, rejects_path=f"file://{tmp_path}/dead.jsonl", results_table="results")
    assert (run.summary["accepted"], run.summary["rejected"], run.summary["requests"]) == (9, 1, 0)
    assert list(sandbox.world.requests) == []
    assert [letter["key"] for letter in letters(tmp_path / "dead.jsonl")] == ["e-1"]
    assert warehouse.query("SELECT name FROM sqlite_master WHERE name = 'results'") == []
    log = task_log()
    assert "nothing was sent" in log
    assert '"idType":"SHA256_EMAIL","idValue":"xxxxxxxx' in log.replace("\\", "")
    assert stream().summary["accepted"] == 9


def test_logs_and_xcoms_hold_neither_persons_nor_secrets(stream, sandbox, warehouse, tmp_path, task_log):
    import hashlib

    conversions(warehouse, 10, bad_emails={1})
    warehouse.execute("UPDATE conversions SET email = 'mary.secretperson' WHERE id = 4")
    make_too_old_for_linkedin(sandbox, warehouse, 5)
    run = stream(rejects_path=f"file://{tmp_path}/dead.jsonl", results_table="results")
    assert run.summary["rejected"] == 3
    written = task_log() + str(run.summary) + str(warehouse.query("SELECT * FROM results_outcomes"))
    assert "rows read" in written
    for secret in ("secretperson", "member3@example.com", "Member3", "sandbox-token", "nonsense"):
        assert secret not in written
    assert hashlib.sha256(b"member3@example.com").hexdigest() not in written


def test_columns_that_make_no_event_fail_at_once_before_anything_is_sent(stream, sandbox, warehouse, task_log):
    conversions(warehouse, 3)
    run = stream(
        sql="SELECT event_id, email, email AS SHA256_EMAIL, happened_at FROM conversions",
        sql_conn_id="warehouse",
        retries=3,
    )
    assert (run.state, run.try_number) == ("failed", 1)
    assert "columns 'email' and 'SHA256_EMAIL' both hold email" in task_log()
    assert event_ids(sandbox) == []


def test_an_empty_source_is_a_success_of_nothing(stream, warehouse):
    conversions(warehouse, 0)
    run = stream()
    assert (run.state, run.summary["rows_read"], run.summary["requests"]) == ("success", 0, 0)


def test_asset_events_carry_the_counts(stream, warehouse):
    from airflow.providers.common.compat.sdk import Asset

    conversions(warehouse, 5, bad_emails={2})
    uri = f"linkedin://ads/conversions/{RULE}"
    run = stream(outlets=[Asset(uri=uri)])
    assert run.state == "success"
    assert asset_extras(uri) == [{"accepted": 4, "rejected": 1, "held": 0, "skipped": 0}]


def test_the_link_leads_to_the_account_s_conversions(stream, warehouse):
    from airflow_provider_linkedin_capi.links.campaign_manager import CampaignManagerLink
    from tests.support import dag_runs

    conversions(warehouse, 1)
    run = stream()
    assert (
        dag_runs.xcom(run.dag_run, "stream", key=CampaignManagerLink.xcom_key)
        == "https://www.linkedin.com/campaignmanager/accounts/5012345/conversions"
    )


def test_mapped_tasks_share_the_ledger_and_tell_their_rows_apart(run_dag, linkedin, rule, sandbox, warehouse, xcom):
    from airflow.providers.common.compat.sdk import DAG

    from airflow_provider_linkedin_capi.operators.stream_conversions import StreamConversionsOperator

    conversions(warehouse, 30)
    with DAG("streaming_shards", schedule=None) as dag:
        StreamConversionsOperator.partial(
            task_id="stream",
            sql="SELECT * FROM conversions WHERE id % 3 = ? ORDER BY id",
            sql_conn_id="warehouse",
            conversion_rule=rule,
            results_table="results",
            requests_per_minute=200,
        ).expand(parameters=[[0], [1], [2]])
    dag_run = run_dag(dag)
    assert [xcom(dag_run, "stream", map_index=index)["accepted"] for index in range(3)] == [10, 10, 10]
    assert len(set(event_ids(sandbox))) == 30
    shards = warehouse.query("SELECT map_index, COUNT(*) AS events FROM results_outcomes GROUP BY map_index")
    assert shards == [{"map_index": index, "events": 10} for index in range(3)]


def test_rows_made_for_the_retired_offline_api_are_taken(stream, sandbox, warehouse):
    row = {
        "action": "ADD",
        "user": {"userIds": [{"idType": "SHA256_EMAIL", "idValue": "a" * 64}]},
        "conversion": {"conversionType": "LEAD", "conversionHappenedAt": happened_at()},
    }
    run = stream(records=[row, {**row, "action": "REMOVE"}], source_format="offline", results_table="results",
                 results_conn_id="warehouse", conversion_rule={"LEAD": RULE})  # fmt: skip
    assert (run.summary["accepted"], run.summary["rejected"]) == (1, 1)
    assert sandbox.world.events_by_rule() == {RULE: 1}


def test_a_kill_stops_the_sending_and_keeps_what_was_acknowledged(stream, executing, sandbox, warehouse, monkeypatch):
    from airflow_provider_linkedin_capi.sinks.ledger import LedgerSink

    conversions(warehouse, 40)
    write = LedgerSink.write

    def write_and_kill(self, batch):
        write(self, batch)
        if batch.number == 2 and len(executing) == 1:
            executing[-1].on_kill()

    monkeypatch.setattr(LedgerSink, "write", write_and_kill)
    run = stream(batch_size=10, max_in_flight=1, results_table="results")
    assert run.state == "failed"
    assert 20 <= len(outcomes(warehouse)) < 40
    assert sorted(outcomes(warehouse)) == sorted(event_ids(sandbox))
    assert run.summary["accepted"] == len(event_ids(sandbox))
    run = stream(clear=True, batch_size=10, max_in_flight=1, results_table="results")
    assert run.state == "success"
    assert len(event_ids(sandbox)) == len(outcomes(warehouse)) == 40


@pytest.mark.skipif(airflow_version().startswith("2."), reason="dag.test of Airflow 2 does not catch a time-out")
def test_a_task_that_takes_too_long_leaves_its_summary_and_its_outcomes(stream, sandbox, warehouse):
    conversions(warehouse, 400)
    sandbox.world.settings.latency_seconds = 0.2
    run = stream(batch_size=10, max_in_flight=2, results_table="results", execution_timeout=dt.timedelta(seconds=2))
    assert run.state == "failed"
    assert 0 < run.summary["accepted"] == len(outcomes(warehouse)) == len(event_ids(sandbox)) < 400
    sandbox.world.settings.latency_seconds = 0
    run = stream(clear=True, batch_size=10, results_table="results")
    assert (run.state, sandbox.world.duplicates(), run.summary["resent_unknown"]) == ("success", 0, 0)


def test_outlets_that_are_not_assets_do_no_harm(stream, warehouse):
    from airflow.providers.common.compat.sdk import Asset

    conversions(warehouse, 3)
    run = stream(outlets=[{"table": "events"}, Asset("file://linkedin/figures")])
    assert (run.state, run.summary["accepted"]) == ("success", 3)


def test_no_xcom_is_pushed_where_none_is_wanted(stream, sandbox, warehouse):
    conversions(warehouse, 3)
    run = stream(do_xcom_push=False)
    assert (run.state, run.summary, len(event_ids(sandbox))) == ("success", None, 3)


def test_hook_params_reach_the_source_and_the_ledger(stream, sandbox, postgres):
    postgres.execute("CREATE SCHEMA crm; CREATE TABLE crm.leads (event_id TEXT, email TEXT, happened_at TIMESTAMPTZ)")
    postgres.execute("INSERT INTO crm.leads VALUES ('p-1', 'a@example.com', now())")
    in_crm = {"options": "-c search_path=crm"}
    run = stream(sql="SELECT * FROM leads", sql_conn_id="postgres", hook_params=in_crm, results_table="results")
    assert (run.state, event_ids(sandbox)) == ("success", ["p-1"])
    assert postgres.query("SELECT outcome FROM crm.results_outcomes") == [{"outcome": "accepted"}]
    run = stream(
        sql="SELECT * FROM leads",
        sql_conn_id="postgres",
        hook_params=in_crm,
        results_table="results",
        results_conn_id="postgres",
        results_hook_params={"options": "-c search_path=public"},
    )
    assert postgres.query("SELECT outcome FROM public.results_outcomes") == [{"outcome": "accepted"}]


@pytest.mark.parametrize("native", [False, True])
@pytest.mark.parametrize("as_text", [False, True])
def test_rules_and_mapping_may_come_from_a_template(run_dag, linkedin, rule, sandbox, xcom, native, as_text):
    from airflow.providers.common.compat.sdk import DAG

    from airflow_provider_linkedin_capi.operators.stream_conversions import StreamConversionsOperator

    values = {"rules": {"LEAD": rule}, "mapping": {"crm_mail": "email"}}
    params = {name: json.dumps(value) if as_text else value for name, value in values.items()}
    start = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
    with DAG(
        "from_templates", schedule=None, start_date=start, params=params, render_template_as_native_obj=native
    ) as dag:
        StreamConversionsOperator(
            task_id="stream",
            records=[{"conversion_type": "LEAD", "crm_mail": "a@example.com", "happened_at": happened_at()}],
            conversion_rule="{{ params.rules }}",
            column_mapping="{{ params.mapping }}",
        )
    assert xcom(run_dag(dag), "stream")["accepted"] == 1
    assert sandbox.world.events_by_rule() == {rule: 1}


def test_openlineage_learns_of_the_tables_read_and_the_events_accepted(stream, executing, postgres):
    pytest.importorskip("airflow.providers.openlineage")
    postgres.execute("CREATE TABLE leads (event_id TEXT, email TEXT, happened_at TIMESTAMPTZ)")
    postgres.execute("INSERT INTO leads VALUES ('p-1', 'a@example.com', now()), ('p-2', 'b@example.com', now())")
    run = stream(sql="SELECT * FROM leads ORDER BY event_id", sql_conn_id="postgres", results_table="results")
    assert run.summary["accepted"] == 2
    rows = postgres.query("SELECT outcome FROM results_outcomes")
    assert [row["outcome"] for row in rows] == ["accepted", "accepted"]
    lineage = executing[-1].get_openlineage_facets_on_complete(None)
    assert [dataset.name.split(".")[-1] for dataset in lineage.inputs] == ["leads"]
    (output,) = lineage.outputs
    assert (output.namespace, output.name) == ("linkedin://ads", f"conversions/{RULE}")
    assert output.outputFacets["outputStatistics"].rowCount == 2


def test_the_documented_query_reads_only_rows_without_a_result(stream, sandbox, warehouse):
    conversions(warehouse, 10, bad_emails={3})
    stream(results_table="linkedin_results")
    conversions(warehouse, 5, first=10)
    page = (PROJECT / "docs" / "ledger.md").read_text()
    query = page.split("<!-- only rows without an outcome -->\n```sql\n")[1].split("```")[0]
    query = query.replace("crm_conversions", "conversions")
    run = stream(sql=query, sql_conn_id="warehouse", results_table="linkedin_results")
    assert (run.summary["rows_read"], run.summary["accepted"], run.summary["rejected"]) == (6, 5, 1)
    assert sandbox.world.duplicates() == 0
