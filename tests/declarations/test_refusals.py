"""What is wrong with token, app, member or account is said in plain words, at once, with what to do."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_linkedin_capi.operators.campaigns import AssociateCampaignsOperator
from airflow_provider_linkedin_capi.operators.conversion_rules import (
    CreateConversionRuleOperator,
    UpdateConversionRuleOperator,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow_provider_linkedin_capi.sandbox.server import SandboxServer
    from airflow_provider_linkedin_capi.sandbox.world import World

RULE, CAMPAIGN = 4711, 345_396_001
OPERATORS: dict[str, Callable[..., Any]] = {
    "create": lambda: CreateConversionRuleOperator(task_id="task", name="New", conversion_type="LEAD"),
    "update": lambda: UpdateConversionRuleOperator(task_id="task", conversion_rule=RULE, enabled=False),
    "associate": lambda: AssociateCampaignsOperator(task_id="task", conversion_rule=RULE, campaigns=[CAMPAIGN]),
}


@pytest.fixture
def world(sandbox: SandboxServer, linkedin: str) -> World:
    sandbox.world.add_rule(RULE, name="CRM")
    return sandbox.world


@pytest.fixture
def refusal(context: Any) -> Callable[[Any], str]:
    """Runs an operator and returns the message with which it fails for good."""
    from airflow.providers.common.compat.sdk import AirflowFailException

    def run(operator: Any) -> str:
        with pytest.raises(AirflowFailException) as failure:
            operator.execute(context)
        return str(failure.value)

    return run


@pytest.mark.parametrize("operator", OPERATORS.values(), ids=OPERATORS)
def test_a_viewers_refusal_names_the_role_it_takes(world: World, refusal: Any, operator: Any) -> None:
    world.set_role("VIEWER")
    message = refusal(operator())
    assert "403" in message
    assert "the member's role in ad account 5012345 is VIEWER" in message


@pytest.mark.parametrize("operator", OPERATORS.values(), ids=OPERATORS)
def test_a_member_without_a_role_has_to_be_added_to_the_account(world: World, refusal: Any, operator: Any) -> None:
    world.set_role(None)
    assert "the member has no role in ad account 5012345" in refusal(operator())


@pytest.mark.parametrize("operator", OPERATORS.values(), ids=OPERATORS)
def test_a_foreign_account_is_distinguished_from_a_foreign_rule(world: World, refusal: Any, operator: Any) -> None:
    world.add_account(77, member=None)
    task = operator()
    task.ad_account_id = 77
    assert "the member has no role in ad account 77" in refusal(task)


@pytest.mark.parametrize("operator", OPERATORS.values(), ids=OPERATORS)
def test_a_missing_scope_is_named(world: World, refusal: Any, operator: Any) -> None:
    world.add_token("sandbox-token", scopes=["r_ads"])
    message = refusal(operator())
    assert "Not enough permissions to access" in message
    assert "lacks the scope rw_conversions, or the app the product" in message


@pytest.mark.parametrize("operator", OPERATORS.values(), ids=OPERATORS)
def test_a_missing_product_is_named(world: World, refusal: Any, operator: Any) -> None:
    body = '{"status":404,"code":"RESOURCE_NOT_FOUND","message":"No virtual resource found"}'
    world.faults.add("status", status=404, body=body, path="/rest/c")
    message = refusal(operator())
    assert "LinkedIn does not offer conversions to this app: add the product" in message


@pytest.mark.parametrize(
    "operator",
    [
        CreateConversionRuleOperator(task_id="task", name="New", conversion_type="LEAD", conversion_rule=1),
        UpdateConversionRuleOperator(task_id="task", conversion_rule=1, enabled=False),
        AssociateCampaignsOperator(task_id="task", conversion_rule=1, campaigns=[CAMPAIGN]),
    ],
    ids=OPERATORS,
)
@pytest.mark.usefixtures("world")
def test_an_unknown_rule_is_searched_for_in_the_named_account(refusal: Any, operator: Any) -> None:
    message = refusal(operator)
    assert "404" in message
    assert "does not exist in urn:li:sponsoredAccount:5012345" in message


@pytest.mark.parametrize("operator", OPERATORS.values(), ids=OPERATORS)
def test_a_dead_token_is_not_diagnosed_further(world: World, refusal: Any, operator: Any) -> None:
    world.revoke_token()
    assert "revoked" in refusal(operator())


def test_what_may_pass_is_left_to_airflows_retries(world: World, run_task: Any) -> None:
    world.faults.add("status", status=503, restli_method="conversions.FINDER-account", times=6)
    run = run_task(CreateConversionRuleOperator, name="New", conversion_type="LEAD", retries=1)
    assert (run.state, run.tries) == ("success", 2)
