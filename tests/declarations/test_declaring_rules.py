"""What the operators of conversion rules do: in real Airflow where that matters, by themselves for the many cases."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_linkedin_capi.operators.conversion_rules import (
    CreateConversionRuleOperator,
    UpdateConversionRuleOperator,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow_provider_linkedin_capi.sandbox.server import SandboxServer
    from tests.declarations.task_runs import Execution, RunTask, TaskRun

LOOK, CHANGE, READ = "conversions.FINDER-account", "conversions.PARTIAL_UPDATE", "conversions.GET"


@pytest.fixture
def declare_in_airflow(run_task: RunTask) -> Callable[..., TaskRun]:
    def run(**parameters: Any) -> TaskRun:
        return run_task(CreateConversionRuleOperator, **{"name": "CRM", "conversion_type": "PURCHASE", **parameters})

    return run


@pytest.fixture
def declare(execute: Callable[..., Execution]) -> Callable[..., Execution]:
    def run(**parameters: Any) -> Execution:
        return execute(CreateConversionRuleOperator, **{"name": "CRM", "conversion_type": "PURCHASE", **parameters})

    return run


@pytest.fixture
def change(execute: Callable[..., Execution]) -> Callable[..., Execution]:
    def run(**parameters: Any) -> Execution:
        return execute(UpdateConversionRuleOperator, **{"conversion_rule": "CRM", **parameters})

    return run


def urn(rule: int) -> str:
    return f"urn:lla:llaPartnerConversion:{rule}"


# A rule that is not there


def test_a_missing_rule_is_created_as_declared(declare_in_airflow: Any, sandbox: SandboxServer) -> None:
    run = declare_in_airflow(
        post_click_attribution_window=90, view_through_attribution_window="30", value_type="NO_VALUE"
    )
    ((rule, stored),) = sandbox.world.rules.items()
    assert run.xcom() == urn(rule)
    assert {
        "name": "CRM",
        "account": "urn:li:sponsoredAccount:5012345",
        "conversionMethod": "CONVERSIONS_API",
        "type": "PURCHASE",
        "postClickAttributionWindowSize": 90,
        "viewThroughAttributionWindowSize": 30,
        "attributionType": "LAST_TOUCH_BY_CAMPAIGN",
        "valueType": "NO_VALUE",
        "enabled": True,
    }.items() <= stored.items()
    assert sandbox.world.associations == set()


def test_the_whole_rule_and_what_was_done_are_in_xcom(declare_in_airflow: Any, sandbox: SandboxServer) -> None:
    pushed = declare_in_airflow().xcom("conversion_rule")
    (rule,) = sandbox.world.rules
    assert (pushed["conversion_rule"], pushed["action"], pushed["differences"]) == (urn(rule), "created", {})
    assert (pushed["rule"]["id"], pushed["rule"]["type"], pushed["rule"]["enabled"]) == (rule, "PURCHASE", True)


def test_the_task_links_to_campaign_manager(declare_in_airflow: Any) -> None:
    url = declare_in_airflow().xcom("campaign_manager_url")
    assert url == "https://www.linkedin.com/campaignmanager/accounts/5012345/conversions"


def test_linkedin_associates_campaigns_only_when_asked_to(declare: Any, sandbox: SandboxServer) -> None:
    declare(auto_association="ALL_CAMPAIGNS")
    (rule,) = sandbox.world.rules
    assert sandbox.world.associations == {(345_396_000 + number, rule) for number in (1, 2, 3, 4)}


def test_names_may_be_templates(declare_in_airflow: Any, sandbox: SandboxServer) -> None:
    declare_in_airflow(name="CRM {{ 1 + 1 }}")
    assert [rule["name"] for rule in sandbox.world.rules.values()] == ["CRM 2"]


# A rule that is there


def test_declaring_a_rule_again_only_reads(declare_in_airflow: Any, calls: Any) -> None:
    first = declare_in_airflow()
    calls()
    again = declare_in_airflow(name="  CRM ")
    assert again.xcom() == first.xcom()
    assert again.xcom("conversion_rule")["action"] == "reused"
    assert calls() == [LOOK]


def test_a_rule_is_found_behind_250_others_although_linkedin_gives_no_total(
    declare: Any, sandbox: SandboxServer, calls: Any
) -> None:
    for number in range(250):
        sandbox.world.add_rule(name=f"Other {number}")
    last = sandbox.world.add_rule(name="CRM", type="PURCHASE")
    assert declare().xcom() == urn(last)
    assert calls() == [LOOK] * 3


@pytest.mark.parametrize(
    "other",
    [
        {"name": "CRM", "method": "INSIGHT_TAG_JAVASCRIPT_EVENT"},
        {"name": "crm"},
        {"name": "CRM", "account": 77},
    ],
    ids=["another method", "another name", "another account"],
)
def test_a_rule_is_known_by_account_name_and_method(declare: Any, sandbox: SandboxServer, other: Any) -> None:
    sandbox.world.add_account(77)
    rule = sandbox.world.add_rule(**other)
    run = declare()
    assert run.xcom("conversion_rule")["action"] == "created"
    assert run.xcom() != urn(rule)


def test_spaces_around_a_name_make_no_second_rule(declare: Any, sandbox: SandboxServer) -> None:
    sandbox.world.add_rule(7, name="CRM ")
    assert declare(name=" CRM").xcom() == "urn:lla:llaPartnerConversion:7"
    assert len(sandbox.world.rules) == 1


def test_reuse_returns_and_logs_the_differences_and_changes_nothing(declare: Any, sandbox: SandboxServer) -> None:
    rule = sandbox.world.add_rule(name="CRM", type="LEAD")
    run = declare(post_click_attribution_window=365)
    assert run.xcom() == urn(rule)
    assert run.xcom("conversion_rule")["differences"] == {
        "type": {"declared": "PURCHASE", "actual": "LEAD"},
        "postClickAttributionWindowSize": {"declared": 365, "actual": 30},
    }
    assert "type: declared 'PURCHASE', in LinkedIn 'LEAD'" in run.log
    assert sandbox.world.rules[rule]["type"] == "LEAD"


def test_what_linkedin_leaves_out_of_its_answer_has_its_default(declare: Any, sandbox: SandboxServer) -> None:
    rule = sandbox.world.add_rule(name="CRM", type="PURCHASE")
    for field in ("valueType", "attributionType", "postClickAttributionWindowSize"):
        del sandbox.world.rules[rule][field]
    assert declare(value_type="DYNAMIC").xcom("conversion_rule")["differences"] == {}


def test_update_sends_exactly_what_differs(declare_in_airflow: Any, sandbox: SandboxServer, calls: Any) -> None:
    rule = sandbox.world.add_rule(name="CRM", type="PURCHASE", viewThroughAttributionWindowSize=1)
    run = declare_in_airflow(if_exists="update", post_click_attribution_window=90)
    (patch,) = (request.body for request in sandbox.world.requests if request.restli_method == CHANGE)
    assert patch == b'{"patch":{"$set":{"postClickAttributionWindowSize":90,"viewThroughAttributionWindowSize":7}}}'
    assert run.xcom("conversion_rule")["action"] == "updated"
    assert run.xcom("conversion_rule")["rule"]["postClickAttributionWindowSize"] == 90
    assert sandbox.world.rules[rule]["postClickAttributionWindowSize"] == 90
    calls()
    assert declare_in_airflow(if_exists="update", post_click_attribution_window=90).state == "success"
    assert calls() == [LOOK]


def test_fail_fails_and_names_the_rule(declare_in_airflow: Any, sandbox: SandboxServer) -> None:
    rule = sandbox.world.add_rule(name="CRM", type="PURCHASE")
    run = declare_in_airflow(if_exists="fail", retries=2)
    assert (run.state, run.tries) == ("failed", 1)
    assert f"exists already: {rule} (CONVERSIONS_API, PURCHASE, enabled)" in run.log


def test_several_rules_of_the_name_are_listed_for_a_choice(declare: Any, sandbox: SandboxServer) -> None:
    first, second = (sandbox.world.add_rule(name="CRM", type="PURCHASE") for _ in range(2))
    run = declare()
    assert run.state == "failed"
    assert f"{first} (CONVERSIONS_API, PURCHASE, enabled), {second} (CONVERSIONS_API, PURCHASE, enabled)" in run.log
    assert "conversion_rule=<id>" in run.log
    assert declare(conversion_rule=second).xcom() == urn(second)


def test_of_several_rules_of_the_name_the_only_enabled_one_is_meant(declare: Any, sandbox: SandboxServer) -> None:
    sandbox.world.add_rule(name="CRM", type="PURCHASE", enabled=False)
    enabled = sandbox.world.add_rule(name="CRM", type="PURCHASE")
    assert declare().xcom() == urn(enabled)


def test_a_rule_chosen_by_id_can_be_renamed(declare: Any, sandbox: SandboxServer) -> None:
    rule = sandbox.world.add_rule(name="Old name", type="PURCHASE")
    declare(conversion_rule=rule, if_exists="update")
    assert sandbox.world.rules[rule]["name"] == "CRM"


def test_a_chosen_rule_of_another_method_is_refused(declare: Any, sandbox: SandboxServer) -> None:
    rule = sandbox.world.add_rule(method="INSIGHT_TAG_JAVASCRIPT_EVENT")
    run = declare(conversion_rule=rule)
    assert run.state == "failed"
    assert "a rule's method cannot be changed" in run.log


# Disabled rules


def test_a_disabled_rule_is_said_loudly_and_left_alone(declare: Any, sandbox: SandboxServer) -> None:
    rule = sandbox.world.add_rule(name="CRM", type="PURCHASE", enabled=False)
    run = declare(if_exists="update")
    assert run.xcom() == urn(rule)
    assert "is DISABLED" in run.log
    assert sandbox.world.rules[rule]["enabled"] is False


def test_a_disabled_rule_is_enabled_when_that_is_declared(declare: Any, sandbox: SandboxServer) -> None:
    rule = sandbox.world.add_rule(name="CRM", type="PURCHASE", enabled=False)
    run = declare(if_exists="update", enabled=True)
    assert sandbox.world.rules[rule]["enabled"] is True
    assert "is DISABLED" not in run.log


# Values


@pytest.mark.parametrize("value", ["20.50", 20.5, {"currencyCode": "eur", "amount": "20.50"}], ids=str)
def test_a_fixed_value_is_in_the_accounts_currency(declare: Any, sandbox: SandboxServer, value: Any) -> None:
    sandbox.world.add_account(77, currency="EUR")
    declare(value_type="FIXED", value=value, ad_account_id=77)
    (stored,) = sandbox.world.rules.values()
    assert stored["value"]["currencyCode"] == "EUR"
    assert float(stored["value"]["amount"]) == 20.5


def test_a_value_in_another_currency_than_the_accounts_is_refused(declare: Any, sandbox: SandboxServer) -> None:
    run = declare(value_type="FIXED", value={"currencyCode": "EUR", "amount": "20"})
    assert run.state == "failed"
    assert "the value is in EUR, the ad account's currency is USD" in run.log
    assert not sandbox.world.rules


def test_the_same_value_in_another_form_is_not_a_difference(declare: Any, calls: Any) -> None:
    declare(value_type="FIXED", value="20")
    assert declare(value_type="FIXED", value="20.00").xcom("conversion_rule")["differences"] == {}


# What LinkedIn would refuse


@pytest.mark.parametrize(
    ("parameters", "complaint"),
    [
        ({"conversion_type": "PURCHASES"}, "did you mean PURCHASE?"),
        ({"conversion_type": "DOWNLOAD", "post_click_attribution_window": 180}, "not one of 1, 7, 30, 90 days"),
        ({"view_through_attribution_window": 31}, "not one of 1, 7, 30, 90, 180, 365 days"),
        ({"post_click_attribution_window": "a month"}, "is not a number of days"),
        ({"post_click_attribution_window": 30.7}, "is not a number of days"),
        ({"attribution_type": "FIRST_TOUCH"}, "'FIRST_TOUCH' is not one of"),
        ({"value_type": "FIXED"}, "valueType FIXED needs"),
        ({"value_type": "FIXED", "value": "much"}, "give an amount"),
        ({"name": " "}, "needs a name"),
        ({"url_match_rules": "*a*"}, "belongs to insight-tag rules"),
        ({"conversion_rule": "urn:li:llaPartnerConversion:1"}, "urn:lla:llaPartnerConversion:<number>"),
    ],
    ids=lambda value: str(value) if isinstance(value, dict) else "",
)
def test_what_linkedin_would_refuse_fails_before_anything_is_sent(
    linkedin: str, context: Any, calls: Any, parameters: dict[str, Any], complaint: str
) -> None:
    from airflow.providers.common.compat.sdk import AirflowFailException

    parameters = {"name": "CRM", "conversion_type": "PURCHASE", **parameters}
    with pytest.raises(AirflowFailException) as failure:
        CreateConversionRuleOperator(task_id="task", **parameters).execute(context)
    assert complaint in str(failure.value)
    assert calls() == []


def test_marketing_qualified_leads_need_a_version_that_knows_them(
    sandbox: SandboxServer, connect: Any, declare: Any
) -> None:
    extra = {"access_token": "sandbox-token", "ad_account_id": 5012345, "api_version": "202607"}
    connect("older", conn_type="linkedin_capi", host=sandbox.url, extra=extra)
    run = declare(conversion_type="MARKETING_QUALIFIED_LEAD", linkedin_conn_id="older")
    assert run.state == "failed"
    assert "needs API version 202608 or later, this is 202607" in run.log
    assert declare(conversion_type="MARKETING_QUALIFIED_LEAD").state == "success"


@pytest.mark.parametrize("parameters", [{"if_exists": "replace"}, {"auto_association": "NONE"}])
def test_an_unknown_choice_is_refused_when_the_dag_is_parsed(parameters: Any) -> None:
    with pytest.raises(ValueError, match="is not one of"):
        CreateConversionRuleOperator(task_id="task", name="CRM", conversion_type="PURCHASE", **parameters)


# The insight tag's rules


def test_an_insight_tag_rule_is_built_from_its_readable_form_and_shown_back(
    declare: Any, sandbox: SandboxServer, calls: Any
) -> None:
    text = "www.example.com/shop* AND *product1* OR =www.example.com/thankyou"
    declaration = {"conversion_method": "INSIGHT_TAG_URL_MATCH_RULES", "url_match_rules": text}
    run = declare(**declaration)
    (stored,) = sandbox.world.rules.values()
    assert stored["urlMatchRuleExpression"] == [
        [
            {"matchType": "STARTS_WITH", "matchValue": "www.example.com/shop"},
            {"matchType": "CONTAINS", "matchValue": "product1"},
        ],
        [{"matchType": "EXACT", "matchValue": "www.example.com/thankyou"}],
    ]
    assert f"counts pages that match: {text}" in run.log
    reordered = "=www.example.com/thankyou OR *product1* AND www.example.com/shop*"
    assert declare(**{**declaration, "url_match_rules": reordered}).xcom("conversion_rule")["differences"] == {}


# Changing rules


def test_a_rule_is_disabled_and_enabled_by_name(run_task: Any, change: Any, sandbox: SandboxServer) -> None:
    rule = sandbox.world.add_rule(name="CRM")
    run = run_task(UpdateConversionRuleOperator, conversion_rule="{{ 'CRM' }}", enabled=False)
    assert run.xcom() == urn(rule)
    assert sandbox.world.rules[rule]["enabled"] is False
    change(enabled=True)
    assert sandbox.world.rules[rule]["enabled"] is True


def test_changing_a_rule_to_what_it_is_sends_nothing(change: Any, sandbox: SandboxServer, calls: Any) -> None:
    rule = sandbox.world.add_rule(name="CRM", type="LEAD")
    run = change(conversion_rule=rule, conversion_type="LEAD", post_click_attribution_window=30, enabled=True)
    assert run.xcom("conversion_rule")["action"] == "reused"
    assert calls() == [READ]


def test_the_window_of_a_rule_with_a_fixed_value_can_be_changed(change: Any, sandbox: SandboxServer) -> None:
    value = {"currencyCode": "USD", "amount": "20"}
    rule = sandbox.world.add_rule(name="CRM", type="LEAD", valueType="FIXED", value=value)
    assert change(post_click_attribution_window=365).state == "success"
    assert sandbox.world.rules[rule]["postClickAttributionWindowSize"] == 365


@pytest.mark.parametrize(
    ("parameters", "complaint"),
    [
        ({"post_click_attribution_window": 365}, "is not one of 1, 7, 30, 90 days for type DOWNLOAD"),
        ({"value_type": "FIXED"}, "valueType FIXED needs"),
        ({"value": 20}, "only used with valueType FIXED"),
        ({}, "nothing to change"),
        ({"conversion_rule": "CRN", "enabled": False}, "similar: 'CRM'"),
    ],
    ids=str,
)
def test_a_change_that_does_not_fit_the_rule_is_refused_before_it_is_sent(
    linkedin: str, context: Any, sandbox: SandboxServer, calls: Any, parameters: Any, complaint: str
) -> None:
    from airflow.providers.common.compat.sdk import AirflowFailException

    sandbox.world.add_rule(name="CRM", type="DOWNLOAD")
    with pytest.raises(AirflowFailException) as failure:
        UpdateConversionRuleOperator(task_id="task", **{"conversion_rule": "CRM", **parameters}).execute(context)
    assert complaint in str(failure.value)
    assert CHANGE not in calls()
