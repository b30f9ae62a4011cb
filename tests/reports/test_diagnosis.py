"""Why a report is empty."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_linkedin_capi.reports.diagnosis import Cause
from tests.support.attribution import CAMPAIGN, days_ago

if TYPE_CHECKING:
    from airflow_provider_linkedin_capi.hooks.linkedin_conversions import LinkedInConversionsHook
    from airflow_provider_linkedin_capi.sandbox.server import SandboxServer


@pytest.fixture
def diagnose(hook: LinkedInConversionsHook) -> Any:
    """``diagnose(**selection)`` diagnoses the report of yesterday."""

    def found(**selection: Any) -> Any:
        asked = hook.report_request(start_date=days_ago(1), end_date=days_ago(1), **selection)
        return hook.diagnose_report(asked)

    return found


def test_nothing_is_wrong_with_a_rule_that_has_campaigns(sandbox: SandboxServer, diagnose: Any) -> None:
    rule = sandbox.world.add_rule(campaigns=[CAMPAIGN])

    assert diagnose() is None
    assert diagnose(conversion_rules=rule) is None
    assert diagnose(pivot="CAMPAIGN") is None


def test_an_account_without_rules_is_reported(diagnose: Any) -> None:
    finding = diagnose()

    assert finding.cause is Cause.WRONG_RULE
    assert "create one first" in finding.message


def test_one_associated_rule_is_enough_to_wait_for(sandbox: SandboxServer, diagnose: Any) -> None:
    rules = [sandbox.world.add_rule(), sandbox.world.add_rule(campaigns=[CAMPAIGN])]

    assert diagnose(conversion_rules=rules) is None
    assert diagnose(conversion_rules=rules[0]).cause is Cause.NOT_ASSOCIATED


def test_the_associations_decide_where_rules_do_not_list_their_campaigns(
    sandbox: SandboxServer, diagnose: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from airflow_provider_linkedin_capi.api.conversion_rules import ConversionRule

    monkeypatch.setattr(ConversionRule, "campaign_urns", frozenset())
    rule = sandbox.world.add_rule(campaigns=[CAMPAIGN])

    assert diagnose(conversion_rules=rule) is None
    assert any("campaignConversions" in request.path for request in sandbox.world.requests)


def test_it_waits_when_the_token_may_not_read_associations(sandbox: SandboxServer, diagnose: Any) -> None:
    rule = sandbox.world.add_rule()
    body = '{"status":403,"serviceErrorCode":100,"code":"ACCESS_DENIED","message":"Not enough permissions"}'
    fault = sandbox.world.faults.add("status", status=403, body=body, path="/rest/campaignConversions")

    assert diagnose(conversion_rules=rule) is None
    assert fault.matched == 1
