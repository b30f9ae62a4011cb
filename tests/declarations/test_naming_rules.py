"""A conversion rule may be given by id, URN or name, or one per conversion type."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_linkedin_capi.operators.campaigns import AssociateCampaignsOperator
from airflow_provider_linkedin_capi.operators.conversion_rules import UpdateConversionRuleOperator

if TYPE_CHECKING:
    from airflow_provider_linkedin_capi.hooks.linkedin_conversions import LinkedInConversionsHook
    from airflow_provider_linkedin_capi.sandbox.server import SandboxServer

URN = "urn:lla:llaPartnerConversion"


@pytest.fixture
def rules(sandbox: SandboxServer) -> None:
    add = sandbox.world.add_rule
    add(11, name="CRM lead")
    add(12, name="CRM purchase", type="PURCHASE")
    add(13, name="2024")
    add(14, name="a=b")
    add(15, name="Retired", enabled=False)
    add(16, name="Thank-you page", method="INSIGHT_TAG_URL_MATCH_RULES")
    add(17, name="Both kinds")
    add(18, name="Both kinds", method="INSIGHT_TAG_JAVASCRIPT_EVENT")
    add(19, name="Renewed", enabled=False)
    add(20, name="Renewed")
    add(21, name="Twice")
    add(22, name="Twice")
    add(23, name="Leads, EMEA")
    add(24, name="Typed in by hand ")


@pytest.mark.parametrize(
    ("value", "resolved"),
    [
        (11, f"{URN}:11"),
        ("11", f"{URN}:11"),
        (f" {URN}:11 ", f"{URN}:11"),
        ("CRM lead", f"{URN}:11"),
        (" CRM lead ", f"{URN}:11"),
        ("Leads, EMEA", f"{URN}:23"),
        ("Typed in by hand ", f"{URN}:24"),
        ("2024", f"{URN}:2024"),
        ("name:2024", f"{URN}:13"),
        ("name:a=b", f"{URN}:14"),
        ("Retired", f"{URN}:15"),
        ("Both kinds", f"{URN}:17"),
        ("Renewed", f"{URN}:20"),
        ({"LEAD": 11}, {"LEAD": f"{URN}:11"}),
        ({"LEAD": "CRM lead", "PURCHASE": f"{URN}:12"}, {"LEAD": f"{URN}:11", "PURCHASE": f"{URN}:12"}),
        ("LEAD=22285180", {"LEAD": f"{URN}:22285180"}),
        ("LEAD=22285180,PURCHASE=22285188", {"LEAD": f"{URN}:22285180", "PURCHASE": f"{URN}:22285188"}),
        (" LEAD = CRM lead , PURCHASE=CRM purchase ", {"LEAD": f"{URN}:11", "PURCHASE": f"{URN}:12"}),
    ],
    ids=str,
)
@pytest.mark.usefixtures("rules")
def test_every_form_gives_urns(hook: LinkedInConversionsHook, value: Any, resolved: Any) -> None:
    assert hook.resolve_conversion_rules(value) == resolved


@pytest.mark.parametrize(
    ("value", "complaint"),
    [
        ("CRM leed", r"named 'CRM leed' \(similar: 'CRM lead'"),
        ("crm PURCHASE", "similar: 'CRM purchase'"),
        ("Something quite different", "none of its .* names is similar"),
        ("Twice", r"2 conversion rules .* 21 \(CONVERSIONS_API, LEAD, enabled\), 22 .*give the id"),
        ("Thank-you page", "is not of method CONVERSIONS_API: 16 "),
        (None, "None is not a conversion rule"),
        ({"LEAD": 1.0}, "1.0 is not a conversion rule"),
        ("", "the conversion rule is empty"),
        ("name:", "the conversion rule is empty"),
        (0, "not the id of a conversion rule"),
        (True, "not the id of a conversion rule"),
        ("007", "not the id of a conversion rule"),
        ("urn:li:llaPartnerConversion:11", f"{URN}:<number>"),
        ({}, "is empty"),
        ("LEAD=11,12", "'12' in 'LEAD=11,12' is not TYPE=rule"),
        ("LEAD=11,PURCHASE=", "is not TYPE=rule"),
        ("LEAD=11,LEAD=12", "two conversion rules for LEAD"),
    ],
    ids=str,
)
@pytest.mark.usefixtures("rules")
def test_what_does_not_name_exactly_one_rule_is_refused(
    hook: LinkedInConversionsHook, value: Any, complaint: str
) -> None:
    with pytest.raises(ValueError, match=complaint):
        hook.resolve_conversion_rules(value)


@pytest.mark.usefixtures("rules")
def test_a_rule_of_any_method_is_found_where_any_will_do(hook: LinkedInConversionsHook) -> None:
    assert hook.resolve_conversion_rule("Thank-you page", method=None) == f"{URN}:16"
    assert hook.resolve_conversion_rule("Both kinds", method=None) == f"{URN}:17"


@pytest.mark.parametrize("operator", ["associate", "update"])
@pytest.mark.usefixtures("rules")
def test_the_operators_take_a_rule_of_the_insight_tag_by_name(
    execute: Any, sandbox: SandboxServer, operator: str
) -> None:
    if operator == "associate":
        run = execute(AssociateCampaignsOperator, conversion_rule="Thank-you page", campaigns=[345_396_001])
        assert (345_396_001, 16) in sandbox.world.associations
    else:
        run = execute(UpdateConversionRuleOperator, conversion_rule="Thank-you page", enabled=False)
        assert sandbox.world.rules[16]["enabled"] is False
    assert run.state == "success"


def test_a_mapping_where_one_rule_is_wanted_is_refused(hook: LinkedInConversionsHook) -> None:
    with pytest.raises(ValueError, match="give one conversion rule, not several"):
        hook.resolve_conversion_rule("LEAD=11,PURCHASE=12")


@pytest.mark.usefixtures("rules")
def test_all_names_together_cost_one_listing_and_ids_none(hook: LinkedInConversionsHook, calls: Any) -> None:
    hook.resolve_conversion_rules({"LEAD": 11, "PURCHASE": f"{URN}:12"})
    assert calls() == []
    hook.resolve_conversion_rules({"LEAD": "CRM lead", "PURCHASE": "CRM purchase", "OTHER": "name:2024"})
    assert calls() == ["conversions.FINDER-account"]


@pytest.mark.usefixtures("rules")
def test_a_disabled_rule_found_by_name_is_warned_of(hook: LinkedInConversionsHook, logged: Any) -> None:
    hook.resolve_conversion_rule("Retired")
    assert "'Retired' (urn:lla:llaPartnerConversion:15) is disabled" in logged()


def test_batches_answer_for_each_rule(hook: LinkedInConversionsHook, sandbox: SandboxServer) -> None:
    made = hook.batch_create_conversion_rules(
        [{"name": name, "type": "LEAD", "conversionMethod": "CONVERSIONS_API"} for name in ("One", "Two")]
    )
    one, two = (made.results[position].urn for position in (0, 1))
    got = hook.batch_get_conversion_rules([one, two, 999])
    assert {urn: rule.name for urn, rule in got.results.items()} == {one: "One", two: "Two"}
    assert [error.status for error in got.errors.values()] == [404]
    changed = hook.batch_update_conversion_rules({one: {"enabled": False}, 999: {"enabled": False}})
    assert (list(changed.results), list(changed.errors)) == ([one], [f"{URN}:999"])
    assert [rule["enabled"] for rule in sandbox.world.rules.values()] == [False, True]
