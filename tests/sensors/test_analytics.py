"""AnalyticsReportSensor in real Airflow, against LinkedIn on localhost."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.attribution import CAMPAIGN, OTHER_CAMPAIGN, days_ago, deliver

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow_provider_linkedin_capi.hooks.linkedin_conversions import LinkedInConversionsHook
    from airflow_provider_linkedin_capi.sandbox.server import SandboxServer

DAY = days_ago(5)


class Ended:
    """How a run of the sensor ended."""

    def __init__(self, state: str | None, rows: Any, totals: Any, failure: BaseException | None) -> None:
        self.state = state
        self.rows = rows
        self.totals = totals
        self.failure = failure


@pytest.fixture
def wait(linkedin: str, run_dag: Callable[..., Any], xcom: Any, task_state: Any) -> Callable[..., Ended]:
    """``wait(**parameters)`` runs the sensor in a DAG of its own."""
    from airflow.providers.common.compat.sdk import DAG

    from airflow_provider_linkedin_capi.sensors.analytics import AnalyticsReportSensor

    def run(**parameters: Any) -> Ended:
        failures: list[BaseException] = []
        with DAG("waiting", schedule=None) as dag:
            AnalyticsReportSensor(
                task_id="wait",
                **{
                    "first_day": str(DAY),
                    "last_day": str(DAY),
                    "poke_interval": 0.2,
                    "timeout": 20,
                    "on_failure_callback": lambda context: failures.append(context["exception"]),
                    **parameters,
                },
            )
        ended = run_dag(dag)
        return Ended(
            task_state(ended, "wait"),
            xcom(ended, "wait"),
            xcom(ended, "wait", key="totals"),
            failures[0] if failures else None,
        )

    return run


@pytest.fixture
def rule(sandbox: SandboxServer) -> int:
    """A conversion rule with two campaigns."""
    return sandbox.world.add_rule(name="CRM purchase", campaigns=[CAMPAIGN, OTHER_CAMPAIGN])


@pytest.mark.parametrize("deferrable", [False, True], ids=["poking", "deferred"])
def test_it_waits_until_rows_are_attributed_and_returns_them(
    sandbox: SandboxServer, hook: LinkedInConversionsHook, rule: int, wait: Callable[..., Ended], deferrable: bool
) -> None:
    sandbox.world.settings.report_delay_seconds = 1.5
    deliver(hook, rule, DAY, 60)

    ended = wait(deferrable=deferrable, conversion_rules="CRM purchase", names=True)

    attributed = sandbox.world.attributed_totals(rule=rule)
    assert ended.state == "success"
    assert ended.rows == [
        {
            "ad_account_id": 5012345,
            "time_granularity": "DAILY",
            "start_date": str(DAY),
            "end_date": str(DAY),
            "conversion": f"urn:lla:llaPartnerConversion:{rule}",
            "conversion_id": rule,
            "conversion_name": "CRM purchase",
            "external_website_conversions": attributed.conversions,
            "external_website_post_click_conversions": attributed.post_click,
            "external_website_post_view_conversions": attributed.post_view,
            "conversion_value_in_local_currency": f"{attributed.value:.2f}",
            "currency": "USD",
        }
    ]
    assert ended.totals["conversion_value_in_local_currency"] == f"{attributed.value:.2f}"


def test_it_waits_for_min_conversions(
    sandbox: SandboxServer, hook: LinkedInConversionsHook, rule: int, wait: Callable[..., Ended]
) -> None:
    sandbox.world.settings.restated_share = 0.5
    sandbox.world.settings.restated_after_seconds = 2.5
    deliver(hook, rule, DAY, 100)
    at_first = sandbox.world.attributed_totals().conversions

    ended = wait(min_conversions=str(at_first + 1), fields="conversionValueInLocalCurrency")

    assert ended.totals["external_website_conversions"] > at_first


@pytest.mark.parametrize("mode", ["poke", "reschedule", "deferred"])
def test_a_settled_report_has_stayed_the_same(
    sandbox: SandboxServer, hook: LinkedInConversionsHook, rule: int, wait: Callable[..., Ended], mode: str
) -> None:
    sandbox.world.settings.restated_share = 0.5
    sandbox.world.settings.restated_after_seconds = 2.0
    deliver(hook, rule, DAY, 100)
    at_first = sandbox.world.attributed_totals().conversions

    how = {"deferrable": True} if mode == "deferred" else {"mode": mode}
    ended = wait(ready_when="settled", settle_for=dt.timedelta(seconds=2), **how)

    settled = sandbox.world.attributed_totals().conversions
    assert ended.totals["external_website_conversions"] == settled > at_first


def test_a_final_report_of_an_old_window_is_read_once(
    sandbox: SandboxServer, hook: LinkedInConversionsHook, rule: int, wait: Callable[..., Ended]
) -> None:
    deliver(hook, rule, DAY, 60)
    sandbox.world.requests.clear()

    ended = wait(ready_when="final")

    assert ended.state == "success"
    assert [request.restli_method for request in sandbox.world.requests].count("adAnalytics.FINDER-analytics") == 1


def test_a_final_report_is_not_ready_before_its_time(
    sandbox: SandboxServer, hook: LinkedInConversionsHook, rule: int, wait: Callable[..., Ended]
) -> None:
    from airflow_provider_linkedin_capi.sensors.analytics import ReportNotReadyError

    deliver(hook, rule, days_ago(1), 60)

    ended = wait(first_day=str(days_ago(1)), last_day=str(days_ago(1)), ready_when="final", timeout=0.5)

    assert isinstance(ended.failure, ReportNotReadyError)
    assert "final from" in str(ended.failure)


@pytest.mark.parametrize("deferrable", [False, True], ids=["poking", "deferred"])
def test_a_timeout_within_72_hours_fails_as_not_ready(
    sandbox: SandboxServer,
    hook: LinkedInConversionsHook,
    rule: int,
    wait: Callable[..., Ended],
    deferrable: bool,
) -> None:
    from airflow_provider_linkedin_capi.sensors.analytics import ReportNotReadyError

    sandbox.world.settings.report_delay_seconds = 3600
    deliver(hook, rule, DAY, 60)

    ended = wait(timeout=1, deferrable=deferrable)

    assert ended.state == "failed"
    assert isinstance(ended.failure, ReportNotReadyError)
    assert "may still attribute" in str(ended.failure)


def test_a_timeout_while_the_report_changes_fails_as_not_settled(
    sandbox: SandboxServer,
    hook: LinkedInConversionsHook,
    rule: int,
    wait: Callable[..., Ended],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from airflow_provider_linkedin_capi.sensors.analytics import ReportNotSettledError
    from airflow_provider_linkedin_capi.task_state import TaskState

    deliver(hook, rule, DAY, 60)
    delete, left = TaskState.delete, []

    def delete_and_read(state: TaskState) -> None:
        delete(state)
        left.append(state.get())

    monkeypatch.setattr(TaskState, "delete", delete_and_read)

    ended = wait(ready_when="settled", settle_for=60, timeout=1)

    assert isinstance(ended.failure, ReportNotSettledError)
    assert left == [None], "the next try starts to wait anew"


@pytest.mark.parametrize("deferrable", [False, True], ids=["poking", "deferred"])
def test_a_closed_window_without_conversions_fails_as_nothing_attributed(
    rule: int, wait: Callable[..., Ended], deferrable: bool
) -> None:
    from airflow_provider_linkedin_capi.sensors.analytics import NothingAttributedError

    ended = wait(delivered_at=str(DAY), deferrable=deferrable)

    assert isinstance(ended.failure, NothingAttributedError)
    assert "72 hours" in str(ended.failure)


def test_it_waits_for_an_old_window_that_was_just_backfilled(
    sandbox: SandboxServer, hook: LinkedInConversionsHook, rule: int, wait: Callable[..., Ended]
) -> None:
    sandbox.world.settings.report_delay_seconds = 1
    deliver(hook, rule, days_ago(60), 60)

    ended = wait(first_day=str(days_ago(60)), last_day=str(days_ago(60)))

    assert ended.state == "success"


def test_min_conversions_zero_accepts_an_empty_final_report(rule: int, wait: Callable[..., Ended]) -> None:
    ended = wait(ready_when="final", min_conversions=0)

    assert (ended.state, ended.rows) == ("success", [])


@pytest.mark.parametrize("deferrable", [False, True], ids=["poking", "deferred"])
def test_an_account_without_a_role_fails_at_once(
    sandbox: SandboxServer, wait: Callable[..., Ended], deferrable: bool
) -> None:
    from airflow_provider_linkedin_capi.sensors.analytics import NoReportAccessError

    foreign = sandbox.world.add_account(5_099_999, member=None)

    ended = wait(ad_account_id=foreign, deferrable=deferrable, min_conversions=0, ready_when="final")

    assert isinstance(ended.failure, NoReportAccessError)
    assert "5099999" in str(ended.failure)


def test_a_viewer_may_wait(
    sandbox: SandboxServer, hook: LinkedInConversionsHook, rule: int, wait: Callable[..., Ended]
) -> None:
    deliver(hook, rule, DAY, 60)
    sandbox.world.set_role("VIEWER")

    assert wait().state == "success"


def test_a_rule_without_campaigns_fails_at_once(sandbox: SandboxServer, wait: Callable[..., Ended]) -> None:
    from airflow_provider_linkedin_capi.sensors.analytics import RuleNotAssociatedError

    lonely = sandbox.world.add_rule(name="Lonely")

    ended = wait(conversion_rules=lonely)

    assert isinstance(ended.failure, RuleNotAssociatedError)
    assert "'Lonely'" in str(ended.failure)


@pytest.mark.parametrize("reference", [999_999, "No such rule", "foreign"])
def test_an_unknown_or_foreign_rule_fails_at_once(
    sandbox: SandboxServer, rule: int, wait: Callable[..., Ended], reference: int | str
) -> None:
    from airflow_provider_linkedin_capi.sensors.analytics import WrongRuleError

    foreign = sandbox.world.add_rule(account=sandbox.world.add_account(5_099_999), campaigns=[CAMPAIGN])

    ended = wait(conversion_rules=foreign if reference == "foreign" else reference)

    assert isinstance(ended.failure, WrongRuleError)


def test_a_passing_failure_is_polled_again(
    sandbox: SandboxServer, hook: LinkedInConversionsHook, rule: int, wait: Callable[..., Ended]
) -> None:
    deliver(hook, rule, DAY, 60)
    fault = sandbox.world.faults.add("throttle", path="/rest/adAnalytics", window="DAY", times=2)

    ended = wait(deferrable=True)

    assert fault.matched == 2
    assert ended.state == "success"


def test_soft_fail_skips(rule: int, wait: Callable[..., Ended]) -> None:
    assert wait(delivered_at=str(DAY), soft_fail=True).state == "skipped"
    assert wait(delivered_at=str(DAY), soft_fail=True, deferrable=True).state == "skipped"


def test_revoked_credentials_fail_without_a_retry(
    sandbox: SandboxServer, rule: int, wait: Callable[..., Ended]
) -> None:
    from airflow.providers.common.compat.sdk import AirflowFailException

    sandbox.world.revoke_token()

    ended = wait(retries=2, retry_delay=dt.timedelta(0))

    assert isinstance(ended.failure, AirflowFailException)
    assert "revoked" in str(ended.failure)


def test_rows_too_large_for_xcom_are_left_to_the_operator(
    monkeypatch: pytest.MonkeyPatch,
    hook: LinkedInConversionsHook,
    rule: int,
    wait: Callable[..., Ended],
) -> None:
    monkeypatch.setattr("airflow_provider_linkedin_capi.sensors.analytics.MAX_XCOM_BYTES", 100)
    deliver(hook, rule, DAY, 60)

    ended = wait()

    assert (ended.state, ended.rows) == ("success", None)
    assert ended.totals["external_website_conversions"] > 0


def test_an_impossible_report_fails_with_all_reasons(wait: Callable[..., Ended]) -> None:
    ended = wait(first_day=str(days_ago(400)), pivot="CONVERSIONS")

    assert "CONVERSIONS is not one of" in str(ended.failure)
    assert "choose time_granularity MONTHLY" in str(ended.failure)


@pytest.mark.parametrize(
    ("parameters", "complaint"),
    [
        ({"min_conversions": "many"}, "min_conversions='many' is not a number"),
        ({"delivered_at": "soon"}, "'soon' is not a date"),
    ],
    ids=["min_conversions", "delivered_at"],
)
def test_an_unusable_parameter_fails_without_a_retry(
    wait: Callable[..., Ended], parameters: dict[str, Any], complaint: str
) -> None:
    from airflow.providers.common.compat.sdk import AirflowFailException

    ended = wait(retries=2, **parameters)

    assert ended.state == "failed"
    assert isinstance(ended.failure, AirflowFailException)
    assert complaint in str(ended.failure)


def test_settle_for_is_checked_at_parse_time() -> None:
    from airflow_provider_linkedin_capi.sensors.analytics import AnalyticsReportSensor

    with pytest.raises(ValueError, match="1h"):
        AnalyticsReportSensor(task_id="wait", first_day=DAY, last_day=DAY, settle_for="1h")  # type: ignore[arg-type]


def test_an_unknown_ready_when_is_refused_at_parse_time() -> None:
    from airflow_provider_linkedin_capi.sensors.analytics import AnalyticsReportSensor

    with pytest.raises(ValueError, match="rows, settled, final"):
        AnalyticsReportSensor(task_id="wait", first_day=DAY, last_day=DAY, ready_when="soon")


@pytest.mark.parametrize("deferrable", [False, True], ids=["poking", "deferred"])
def test_never_fail_skips(sandbox: SandboxServer, wait: Callable[..., Ended], deferrable: bool) -> None:
    if not _airflow_knows("never_fail"):
        pytest.skip("this Airflow has no never_fail")
    sandbox.world.add_rule(name="Lonely")

    assert wait(conversion_rules="Lonely", never_fail=True, deferrable=deferrable).state == "skipped"


def _airflow_knows(parameter: str) -> bool:
    import inspect

    from airflow.providers.common.compat.sdk import BaseSensorOperator

    return parameter in inspect.signature(BaseSensorOperator.__init__).parameters


def test_rules_and_campaigns_may_come_as_the_text_of_lists(
    sandbox: SandboxServer, hook: LinkedInConversionsHook, rule: int, wait: Callable[..., Ended]
) -> None:
    other = sandbox.world.add_rule(name="Sign-up", campaigns=[CAMPAIGN])
    deliver(hook, rule, DAY, 60)
    deliver(hook, other, DAY, 60)

    ended = wait(
        conversion_rules="{{ params.rules }}",
        campaigns="{{ params.campaigns }}",
        params={"rules": f"{rule},{other}", "campaigns": [CAMPAIGN]},
    )

    assert {row["conversion_id"] for row in ended.rows} == {rule, other}
    assert "campaigns=List(urn%3Ali%3AsponsoredCampaign%3A345396001)" in str(
        [request.query for request in sandbox.world.requests if request.path == "/rest/adAnalytics"]
    )


def test_the_log_says_when_the_next_poll_is(
    sandbox: SandboxServer,
    hook: LinkedInConversionsHook,
    rule: int,
    wait: Callable[..., Ended],
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:
    sandbox.world.settings.report_delay_seconds = 0.6
    deliver(hook, rule, DAY, 60)

    with caplog.at_level("INFO"):
        wait()

    assert "Next poll at 20" in caplog.text + capfd.readouterr().out


def test_first_day_works_with_partial_and_expand(
    sandbox: SandboxServer,
    hook: LinkedInConversionsHook,
    linkedin: str,
    rule: int,
    run_dag: Callable[..., Any],
    xcom: Any,
) -> None:
    from airflow.providers.common.compat.sdk import DAG

    from airflow_provider_linkedin_capi.sensors.analytics import AnalyticsReportSensor

    deliver(hook, rule, DAY, 60)
    begin = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
    with DAG("mapped", schedule=None, start_date=begin, default_args={"start_date": begin}) as dag:
        AnalyticsReportSensor.partial(
            task_id="wait", first_day="{{ params.day }}", last_day="{{ params.day }}", params={"day": str(DAY)}
        ).expand(conversion_rules=[rule])

    ended = run_dag(dag)

    assert [row["start_date"] for row in xcom(ended, "wait", map_index=0)] == [str(DAY)]


@pytest.mark.parametrize("mode", ["poke", "reschedule"])
def test_long_ids_fit_into_variables_of_airflow_before_3_3(
    sandbox: SandboxServer,
    hook: LinkedInConversionsHook,
    linkedin: str,
    rule: int,
    run_dag: Callable[..., Any],
    task_state: Any,
    monkeypatch: pytest.MonkeyPatch,
    mode: str,
) -> None:
    from airflow.providers.common.compat.sdk import DAG

    from airflow_provider_linkedin_capi import version_compat
    from airflow_provider_linkedin_capi.sensors.analytics import AnalyticsReportSensor

    monkeypatch.setattr(version_compat, "task_state_store", lambda context: None)
    keys = []
    keep = version_compat.set_variable
    monkeypatch.setattr(version_compat, "set_variable", lambda key, value: keys.append(key) or keep(key, value))
    deliver(hook, rule, DAY, 60)
    with DAG("d" * 250, schedule=None) as dag:
        AnalyticsReportSensor(
            task_id="t" * 250,
            first_day=str(DAY),
            last_day=str(DAY),
            ready_when="settled",
            settle_for=0.5,
            poke_interval=0.3,
            mode=mode,
        )

    ended = run_dag(dag)

    assert task_state(ended, "t" * 250) == "success"
    assert keys
    assert max(map(len, keys)) <= 250


@pytest.fixture
def deliver_and_wait(linkedin: str, run_dag: Callable[..., Any], xcom: Any, task_state: Any) -> Callable[..., Ended]:
    """``deliver_and_wait(records)`` streams them to LinkedIn and waits for what was delivered."""
    from airflow.providers.common.compat.sdk import DAG

    from airflow_provider_linkedin_capi.operators.stream_conversions import StreamConversionsOperator
    from airflow_provider_linkedin_capi.sensors.analytics import AnalyticsReportSensor

    def run(records: list[dict[str, Any]]) -> Ended:
        with DAG("closing_the_loop", schedule=None) as dag:
            stream = StreamConversionsOperator(task_id="stream", records=records, max_invalid=1.0)
            wait = AnalyticsReportSensor(
                task_id="wait", delivered="{{ ti.xcom_pull('stream') }}", poke_interval=0.2, timeout=20
            )
            stream >> wait
        ended = run_dag(dag)
        return Ended(task_state(ended, "wait"), xcom(ended, "wait"), xcom(ended, "wait", key="totals"), None)

    return run


def record(number: int, rule: int, day: dt.date) -> dict[str, Any]:
    return {"email": f"p{number}@example.com", "happened_at": f"{day}T10:00:00Z", "conversion": rule}


def test_it_waits_for_the_days_and_rules_that_were_delivered(
    sandbox: SandboxServer, hook: LinkedInConversionsHook, rule: int, deliver_and_wait: Callable[..., Ended]
) -> None:
    other = sandbox.world.add_rule(name="Sign-up", campaigns=[CAMPAIGN])
    deliver(hook, other, DAY, 60)
    deliver(hook, rule, days_ago(8), 60)

    ended = deliver_and_wait([record(number, rule, DAY) for number in range(60)])

    assert [(row["conversion_id"], row["start_date"]) for row in ended.rows] == [(rule, str(DAY))]


def test_it_does_not_wait_when_nothing_was_delivered(rule: int, deliver_and_wait: Callable[..., Ended]) -> None:
    ended = deliver_and_wait([{**record(1, rule, DAY), "email": "nonsense"}])

    assert (ended.state, ended.rows) == ("success", [])


@pytest.mark.parametrize("given", ["None", "{'rows_read': 5}", "[1"])
def test_what_is_not_a_delivery_is_refused(wait: Callable[..., Ended], given: str) -> None:
    ended = wait(first_day=None, last_day=None, delivered=given, retries=2)

    assert ended.state == "failed"
    assert "delivered" in str(ended.failure)
