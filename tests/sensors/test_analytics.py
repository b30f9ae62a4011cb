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
                    "start_date": str(DAY),
                    "end_date": str(DAY),
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
def test_waits_until_rows_are_attributed_and_hands_them_over(
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


def test_waits_for_as_many_conversions_as_asked_for(
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


def test_a_final_report_is_not_taken_before_its_time(
    sandbox: SandboxServer, hook: LinkedInConversionsHook, rule: int, wait: Callable[..., Ended]
) -> None:
    from airflow_provider_linkedin_capi.sensors.analytics import ReportNotReadyError

    deliver(hook, rule, days_ago(1), 60)

    ended = wait(start_date=str(days_ago(1)), end_date=str(days_ago(1)), ready_when="final", timeout=0.5)

    assert isinstance(ended.failure, ReportNotReadyError)
    assert "final from" in str(ended.failure)


@pytest.mark.parametrize("deferrable", [False, True], ids=["poking", "deferred"])
def test_a_time_out_within_72_hours_says_that_linkedin_may_still_attribute(
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


def test_a_time_out_while_the_report_changes_is_told_apart_and_leaves_no_record(
    sandbox: SandboxServer,
    hook: LinkedInConversionsHook,
    rule: int,
    wait: Callable[..., Ended],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from airflow_provider_linkedin_capi.sensors._sightings import TaskSnapshots
    from airflow_provider_linkedin_capi.sensors.analytics import ReportNotSettledError

    deliver(hook, rule, DAY, 60)
    forget, kept = TaskSnapshots.forget, []

    def look_again(sightings: TaskSnapshots) -> None:
        forget(sightings)
        kept.append(sightings.load())

    monkeypatch.setattr(TaskSnapshots, "forget", look_again)

    ended = wait(ready_when="settled", settle_for=60, timeout=1)

    assert isinstance(ended.failure, ReportNotSettledError)
    assert kept == [None]


@pytest.mark.parametrize("deferrable", [False, True], ids=["poking", "deferred"])
def test_a_window_over_without_conversions_fails_as_such(
    rule: int, wait: Callable[..., Ended], deferrable: bool
) -> None:
    from airflow_provider_linkedin_capi.sensors.analytics import NothingAttributedError

    ended = wait(delivered_at=str(DAY), deferrable=deferrable)

    assert isinstance(ended.failure, NothingAttributedError)
    assert "72 hours" in str(ended.failure)


def test_an_old_window_whose_events_may_just_have_been_sent_is_waited_for(
    sandbox: SandboxServer, hook: LinkedInConversionsHook, rule: int, wait: Callable[..., Ended]
) -> None:
    sandbox.world.settings.report_delay_seconds = 1
    deliver(hook, rule, days_ago(60), 60)

    ended = wait(start_date=str(days_ago(60)), end_date=str(days_ago(60)))

    assert ended.state == "success"


def test_an_empty_final_report_passes_when_no_conversions_are_asked_for(rule: int, wait: Callable[..., Ended]) -> None:
    ended = wait(ready_when="final", min_conversions=0)

    assert (ended.state, ended.rows) == ("success", [])


@pytest.mark.parametrize("deferrable", [False, True], ids=["poking", "deferred"])
def test_an_account_without_a_role_is_no_empty_report(
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


def test_passing_troubles_only_cost_a_look(
    sandbox: SandboxServer, hook: LinkedInConversionsHook, rule: int, wait: Callable[..., Ended]
) -> None:
    deliver(hook, rule, DAY, 60)
    fault = sandbox.world.faults.add("throttle", path="/rest/adAnalytics", window="DAY", times=2)

    ended = wait(deferrable=True)

    assert fault.struck == 2
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


def test_an_impossible_report_is_refused_in_words(wait: Callable[..., Ended]) -> None:
    ended = wait(start_date=str(days_ago(400)), pivot="CONVERSIONS")

    assert "CONVERSIONS is none of" in str(ended.failure)
    assert "ask for MONTHLY" in str(ended.failure)


@pytest.mark.parametrize(
    ("parameters", "complaint"),
    [
        ({"min_conversions": "many"}, "min_conversions='many' is not a number"),
        ({"delivered_at": "soon"}, "'soon' is not a date"),
    ],
    ids=["min_conversions", "delivered_at"],
)
def test_a_template_that_gives_no_value_fails_without_a_retry(
    wait: Callable[..., Ended], parameters: dict[str, Any], complaint: str
) -> None:
    from airflow.providers.common.compat.sdk import AirflowFailException

    ended = wait(retries=2, **parameters)

    assert ended.state == "failed"
    assert isinstance(ended.failure, AirflowFailException)
    assert complaint in str(ended.failure)


def test_a_time_to_settle_is_a_number_when_the_dag_is_parsed() -> None:
    from airflow_provider_linkedin_capi.sensors.analytics import AnalyticsReportSensor

    with pytest.raises(ValueError, match="1h"):
        AnalyticsReportSensor(task_id="wait", start_date=DAY, end_date=DAY, settle_for="1h")  # type: ignore[arg-type]


def test_an_unknown_criterion_is_refused_when_the_dag_is_parsed() -> None:
    from airflow_provider_linkedin_capi.sensors.analytics import AnalyticsReportSensor

    with pytest.raises(ValueError, match="rows, settled, final"):
        AnalyticsReportSensor(task_id="wait", start_date=DAY, end_date=DAY, ready_when="soon")
