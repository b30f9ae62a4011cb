"""AssociateCampaignsOperator brings a rule's campaigns to a declared state."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_linkedin_capi.operators.campaigns import AssociateCampaignsOperator
from airflow_provider_linkedin_capi.sandbox import rules

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow_provider_linkedin_capi.sandbox.server import SandboxServer
    from airflow_provider_linkedin_capi.sandbox.world import World

RULE = 4711
LEADS, RETARGETING, TEASER, NEXT_YEAR, LAST_YEAR = range(
    345_396_001, 345_396_006
)  # two active, paused, draft, completed
PUT, DELETE, SEARCH = (
    "campaignConversions.BATCH_UPDATE",
    "campaignConversions.BATCH_DELETE",
    "adAccounts/adCampaigns.FINDER-search",
)


@pytest.fixture
def world(sandbox: SandboxServer) -> World:
    """LinkedIn with a rule that has two campaigns."""
    sandbox.world.add_rule(RULE, name="CRM", campaigns=[LEADS, RETARGETING])
    return sandbox.world


@pytest.fixture
def associate(linkedin: str, world: World, context: Any) -> Callable[..., Any]:
    """Runs the operator's own work, without Airflow around it."""

    def run(**parameters: Any) -> Any:
        operator = AssociateCampaignsOperator(task_id="task", **{"conversion_rule": RULE, **parameters})
        return {key: [short(urn) for urn in urns] for key, urns in operator.execute(context).items()}

    return run


def short(urn: str) -> int:
    return int(urn.removeprefix("urn:li:sponsoredCampaign:"))


def associated(world: World) -> set[int]:
    return {campaign for campaign, rule in world.associations if rule == RULE}


# In real Airflow


def test_a_task_returns_what_it_added_removed_and_left(run_task: Any, world: World) -> None:
    run = run_task(
        AssociateCampaignsOperator,
        conversion_rule="{{ 'CRM' }}",
        campaigns=f"{RETARGETING}, urn:li:sponsoredCampaign:{TEASER}",
        mode="replace",
    )
    prefix = "urn:li:sponsoredCampaign:"
    assert run.xcom() == {
        "added": [f"{prefix}{TEASER}"],
        "removed": [f"{prefix}{LEADS}"],
        "unchanged": [f"{prefix}{RETARGETING}"],
    }
    assert associated(world) == {RETARGETING, TEASER}


def test_a_partial_failure_names_the_campaign_and_fails_after_the_rest_is_done(run_task: Any, world: World) -> None:
    run = run_task(AssociateCampaignsOperator, conversion_rule=RULE, campaigns=[TEASER, 77, NEXT_YEAR], retries=2)
    assert (run.state, run.tries) == ("failed", 1)
    assert "1 campaign(s) refused, 2 done" in run.log
    assert "77: campaignConversions.BATCH_UPDATE: LinkedIn answered 404: Campaign 77 is not found" in run.log
    assert associated(world) == {LEADS, RETARGETING, TEASER, NEXT_YEAR}


# Modes


@pytest.mark.parametrize(
    ("mode", "campaigns", "added", "removed", "unchanged"),
    [
        ("add", [RETARGETING, TEASER], [TEASER], [], [RETARGETING]),
        ("add", [LEADS, LEADS], [], [], [LEADS]),
        ("replace", [RETARGETING, TEASER], [TEASER], [LEADS], [RETARGETING]),
        ("replace", [LEADS, RETARGETING], [], [], [LEADS, RETARGETING]),
        ("remove", [RETARGETING, TEASER], [], [RETARGETING], [TEASER]),
        ("remove", [], [], [], []),
    ],
)
def test_modes_are_differences(
    associate: Any, world: World, mode: str, campaigns: Any, added: Any, removed: Any, unchanged: Any
) -> None:
    before = associated(world)
    assert associate(mode=mode, campaigns=campaigns) == {"added": added, "removed": removed, "unchanged": unchanged}
    assert associated(world) == (before | set(added)) - set(removed)


@pytest.mark.parametrize("mode", ["add", "replace"])
def test_a_run_that_changes_nothing_sends_nothing(associate: Any, calls: Any, mode: str) -> None:
    associate(mode=mode, campaigns=[LEADS, RETARGETING])
    assert not {PUT, DELETE} & set(calls())


@pytest.mark.parametrize(
    ("mode", "campaigns", "added", "removed"),
    [("add", [LEADS], [], []), ("replace", [LEADS, TEASER], [TEASER], [RETARGETING]), ("remove", [LEADS], [], [LEADS])],
)
def test_a_rule_that_comes_without_its_campaigns_is_compared_with_its_associations(
    associate: Any, world: World, monkeypatch: Any, mode: str, campaigns: Any, added: Any, removed: Any
) -> None:
    shown = rules._shown
    monkeypatch.setattr(rules, "_shown", lambda *args: {**shown(*args), "campaigns": [], "associatedCampaigns": []})
    before = associated(world)
    result = associate(mode=mode, campaigns=campaigns)
    assert (result["added"], result["removed"]) == (added, removed)
    assert associated(world) == (before | set(added)) - set(removed)


def test_replacing_by_campaigns_that_are_all_refused_ends_no_association(run_task: Any, world: World) -> None:
    run = run_task(AssociateCampaignsOperator, conversion_rule=RULE, campaigns=[77], mode="replace")
    assert run.state == "failed"
    assert "1 campaign(s) refused, 0 done" in run.log
    assert "No association was ended" in run.log
    assert associated(world) == {LEADS, RETARGETING}


def test_replacing_by_an_empty_selection_is_refused(associate: Any, world: World) -> None:
    with pytest.raises(Exception, match="would end every association"):
        associate(mode="replace", campaign_filter={"name": "No such campaign"})
    assert associated(world) == {LEADS, RETARGETING}


def test_a_dry_run_returns_and_logs_the_difference_and_changes_nothing(
    associate: Any, world: World, calls: Any, logged: Any
) -> None:
    result = associate(mode="replace", campaigns=[RETARGETING, TEASER], dry_run=True)
    assert result == {"added": [TEASER], "removed": [LEADS], "unchanged": [RETARGETING]}
    assert associated(world) == {LEADS, RETARGETING}
    assert not {PUT, DELETE} & set(calls())
    log = logged()
    assert f"Dry run, would add to conversion rule 'CRM' 1 campaign(s): {TEASER} ('Autumn teaser', PAUSED)" in log
    assert f"Dry run, would remove from conversion rule 'CRM' 1 campaign(s): {LEADS} ('Spring leads', ACTIVE)" in log


# Filters


@pytest.mark.parametrize(
    ("wanted", "selected"),
    [
        ({}, [LEADS, RETARGETING, TEASER, NEXT_YEAR, 8]),
        ({"status": "ACTIVE"}, [LEADS, RETARGETING, 8]),
        ({"status": ["paused", "COMPLETED"]}, [TEASER, LAST_YEAR]),
        ({"name": "*ea*"}, [LEADS, TEASER, NEXT_YEAR]),
        ({"name": ["Spring*", "[EMEA]*"]}, [LEADS, 8]),
        ({"name": "spring*"}, []),
        ({"campaign_group": 612}, [8]),
        ({"campaign_group": ["urn:li:sponsoredCampaignGroup:612"]}, [8]),
        ({"objective": "LEAD_GENERATION"}, [8]),
        ({"objective": ["WEBSITE_CONVERSIONS"]}, [LEADS, RETARGETING, TEASER, NEXT_YEAR]),
        ({"status": "ACTIVE", "name": "*ea*"}, [LEADS]),
    ],
    ids=str,
)
def test_filters_select_campaigns(associate: Any, world: World, wanted: Any, selected: Any) -> None:
    world.add_campaign(8, name="[EMEA] forms", objective="LEAD_GENERATION", group=612)
    world.add_campaign(9, name="Spring in another account", account=world.add_account())
    result = associate(campaign_filter=wanted, dry_run=True)
    assert sorted(result["added"] + result["unchanged"]) == sorted(selected)


@pytest.mark.parametrize(
    ("parameters", "complaint"),
    [
        ({"campaign_filter": {"nam": "*"}}, "unknown key 'nam'"),
        ({"campaign_filter": {"status": ["RUNNING"]}}, "status RUNNING is not one of"),
        ({"campaign_filter": {"name": []}}, "name has no values"),
        ({"campaign_filter": {"name": None}}, "name has no values"),
        ({"campaign_filter": "{'name': '*'}"}, "campaign_filter is a str: give a mapping"),
        ({"campaigns": ["urn:li:sponsoredCreative:5"]}, "urn:li:sponsoredCampaign:<number>"),
        ({"campaigns": "Spring leads"}, "not the id of a campaign"),
    ],
    ids=str,
)
def test_a_wrong_selection_is_refused_before_anything_is_sent(
    associate: Any, calls: Any, parameters: Any, complaint: str
) -> None:
    with pytest.raises(Exception, match=complaint):
        associate(**parameters)
    assert calls() == []


@pytest.mark.parametrize(
    "parameters", [{}, {"campaigns": [1], "campaign_filter": {}}, {"campaigns": [1], "mode": "set"}], ids=str
)
def test_what_no_run_could_mean_is_refused_when_the_dag_is_parsed(parameters: Any) -> None:
    with pytest.raises(ValueError, match=r"give either|is not one of"):
        AssociateCampaignsOperator(task_id="task", conversion_rule=RULE, **parameters)


# Many campaigns


@pytest.mark.parametrize("answers_200", [False, True], ids=["204", "200 with results"])
def test_300_campaigns_go_out_in_requests_that_linkedin_reads(
    associate: Any, world: World, calls: Any, answers_200: bool
) -> None:
    world.settings.batch_writes_answer_200 = answers_200
    # The longest ids there can be.
    rule = world.add_rule(9_000_000_000_000_000_000)
    campaigns = [world.add_campaign(9_000_000_000_000_000_001 + number) for number in range(300)]
    assert associate(conversion_rule=rule, campaigns=campaigns)["added"] == campaigns
    assert {pair for pair in world.associations if pair[1] == rule} == {(campaign, rule) for campaign in campaigns}
    assert associate(conversion_rule=rule, campaigns=campaigns, mode="remove")["removed"] == campaigns
    assert not {pair for pair in world.associations if pair[1] == rule}
    sent = [request for request in world.requests if request.restli_method in (PUT, DELETE)]
    assert {request.method for request in sent} == {"PUT", "DELETE"}
    assert 3_800 < max(len(request.query) for request in sent) <= 4_000


def test_a_filter_reads_all_pages(associate: Any, world: World, calls: Any) -> None:
    for number in range(1_200):
        world.add_campaign(name=f"Bulk {number}")
    assert len(associate(campaign_filter={"name": "Bulk *"}, dry_run=True)["added"]) == 1_200
    assert calls()[:2] == [SEARCH, SEARCH]


# Refusals


def test_a_batch_refused_as_a_whole_is_halved_until_the_culprit_stands_alone(
    associate: Any, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    from airflow_provider_linkedin_capi import exceptions
    from airflow_provider_linkedin_capi.hooks.linkedin_conversions import LinkedInConversionsHook

    put = LinkedInConversionsHook.associate_campaigns
    batches: list[int] = []

    def all_or_nothing(hook: Any, rule: Any, campaigns: Any) -> Any:
        batches.append(len(campaigns))
        if any(campaign.endswith(":77") for campaign in campaigns):
            raise exceptions.InvalidRequestError("one of the campaigns is wrong", status=400)
        return put(hook, rule, campaigns)

    monkeypatch.setattr(LinkedInConversionsHook, "associate_campaigns", all_or_nothing)
    campaigns = [world.add_campaign() for _ in range(15)]
    with pytest.raises(Exception, match=r"1 campaign\(s\) refused, 15 done.*\n77: "):
        associate(campaigns=[*campaigns, 77])
    assert set(campaigns) <= associated(world)
    assert len(batches) == 9


def test_when_all_are_refused_alike_it_stops_early_with_that_reason(associate: Any, world: World, calls: Any) -> None:
    world.add_token("sandbox-token", scopes=["r_ads"])
    with pytest.raises(Exception, match="lacks the scope rw_conversions"):
        associate(campaigns=[world.add_campaign() for _ in range(300)])
    assert calls().count(PUT) < 10


def test_an_association_that_somebody_else_ended_counts_as_removed(
    associate: Any, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    from airflow_provider_linkedin_capi.hooks.linkedin_conversions import LinkedInConversionsHook

    delete = LinkedInConversionsHook.dissociate_campaigns

    def after_somebody_else(hook: Any, rule: Any, campaigns: Any) -> Any:
        world.entities.associations[LEADS].clear()
        return delete(hook, rule, campaigns)

    monkeypatch.setattr(LinkedInConversionsHook, "dissociate_campaigns", after_somebody_else)
    assert sorted(associate(campaigns=[LEADS, RETARGETING], mode="remove")["removed"]) == [LEADS, RETARGETING]


def test_a_passing_refusal_of_a_campaign_is_left_to_airflows_retries(run_task: Any, world: World) -> None:
    key = f"(campaign:urn%3Ali%3AsponsoredCampaign%3A{TEASER},conversion:urn%3Alla%3AllaPartnerConversion%3A{RULE})"
    body = json.dumps({"results": {}, "errors": {key: {"status": 503, "message": "Service Unavailable"}}})
    world.faults.add("status", status=200, body=body, restli_method=PUT, times=1)
    run = run_task(AssociateCampaignsOperator, conversion_rule=RULE, campaigns=[TEASER], retries=1)
    assert (run.state, run.tries) == ("success", 2)


def test_a_token_that_may_not_read_campaigns_may_still_associate_them(
    associate: Any, world: World, logged: Any
) -> None:
    world.add_token("sandbox-token", scopes=["rw_conversions"])
    assert associate(campaigns=[TEASER])["added"] == [TEASER]
    assert "Cannot read whether the campaigns belong to the account" in logged()


# Warnings: events would be accepted and never attributed


@pytest.mark.parametrize(
    ("parameters", "warning"),
    [
        ({"campaigns": [LEADS, RETARGETING], "mode": "remove"}, "Conversion rule 4711 ('CRM') has no campaign"),
        ({"campaigns": [LAST_YEAR], "mode": "replace"}, "All campaigns of Conversion rule 4711 ('CRM') have ended"),
        ({"campaigns": [TEASER], "mode": "add"}, None),
        ({"campaigns": [LAST_YEAR], "mode": "add"}, None),
        ({"campaign_filter": {"name": "none"}}, "No campaign is selected; there is nothing to add"),
    ],
    ids=str,
)
def test_a_rule_whose_events_could_not_be_attributed_is_warned_of(
    associate: Any, logged: Any, parameters: Any, warning: str | None
) -> None:
    associate(**parameters)
    log = logged()
    if warning is None:
        assert "have ended" not in log
        assert "has no campaign" not in log
    else:
        assert warning in log


def test_campaigns_of_another_account_are_warned_of(associate: Any, world: World, logged: Any) -> None:
    foreign = world.add_campaign(account=world.add_account())
    with pytest.raises(Exception, match="different accounts"):
        associate(campaigns=[foreign])
    assert f"Campaigns {foreign} are not in the ad account" in logged()
