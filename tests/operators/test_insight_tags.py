"""The operators for Insight Tags, against LinkedIn on localhost."""

from __future__ import annotations

import datetime as dt
import inspect
import json
from concurrent.futures import ThreadPoolExecutor

import pytest
from airflow.providers.common.compat.sdk import DAG, AirflowException, AirflowFailException

from airflow_provider_linkedin_capi import exceptions
from airflow_provider_linkedin_capi.operators.insight_tags import (
    EnsureInsightTagOperator,
    GovernInsightTagDomainsOperator,
    GrantInsightTagAccessOperator,
    RevokeInsightTagAccessOperator,
)

OWN, OTHER, THIRD = 5012345, 5099999, 5088888


class Task:
    """The part of a task instance that the operators use."""

    def __init__(self):
        self.pushed = {}

    def xcom_push(self, key, value):
        self.pushed[key] = value


@pytest.fixture
def execute(linkedin):
    """Runs one operator and returns its result and what it pushed."""

    def run(kind, **parameters):
        task = Task()
        return kind(task_id="task", **parameters).execute({"ti": task}), task.pushed

    return run


@pytest.fixture
def tag(hook):
    """The tag of the connection's account."""
    return hook.create_insight_tag()


@pytest.fixture
def others(sandbox):
    """Two more accounts of the same member."""
    for account in (OTHER, THIRD):
        sandbox.world.add_account(account)


def roles(sandbox, tag):
    return sandbox.world.entities.insight_tags[tag.id].roles


def blocked(sandbox):
    return {domain.name: domain.blocked for domain in sandbox.world.entities.domains}


def asked(sandbox, name):
    return [request for request in sandbox.world.requests if request.restli_method == name]


# Ensure


def test_a_dag_gets_the_tag_and_its_snippet(run_dag, xcom, linkedin, sandbox):
    with DAG("ensure_tag", start_date=dt.datetime(2026, 1, 1), schedule=None) as dag:
        EnsureInsightTagOperator(task_id="tag", first_party_tracking=False)
    first, second = run_dag(dag), run_dag(dag)
    assert (first.state, second.state) == ("success", "success")
    made, found = xcom(first, "tag", key="insight_tag"), xcom(second, "tag", key="insight_tag")
    assert (made["action"], found["action"]) == ("created", "found")
    assert made["snippet"].startswith("<script")
    assert f'"{made["id"]}"' in made["snippet"]
    assert {**made, "action": "found"} == found
    assert xcom(second, "tag") == f"urn:tscp:insightTag:{made['id']}"
    assert made["first_party_tracking"] is False
    assert len(sandbox.world.entities.insight_tags) == 1


@pytest.mark.parametrize(
    ("kind", "parameters"),
    [
        (EnsureInsightTagOperator, {}),
        (GovernInsightTagDomainsOperator, {"allowed_domains": ["*"]}),
        (GrantInsightTagAccessOperator, {"target_account": OTHER}),
        (RevokeInsightTagAccessOperator, {"target_account": OTHER}),
    ],
)
def test_each_task_links_to_the_account_in_campaign_manager(execute, tag, others, kind, parameters):
    _, pushed = execute(kind, **parameters)
    assert pushed["campaign_manager_url"] == f"https://www.linkedin.com/campaignmanager/accounts/{OWN}/conversions"


def test_first_party_tracking_is_left_alone_unless_asked_for(execute, tag, sandbox):
    execute(EnsureInsightTagOperator)
    execute(EnsureInsightTagOperator, first_party_tracking=True)
    assert asked(sandbox, "insightTags.PARTIAL_UPDATE") == []
    execute(EnsureInsightTagOperator, first_party_tracking=False)
    assert len(asked(sandbox, "insightTags.PARTIAL_UPDATE")) == 1


def test_a_text_is_not_taken_for_a_yes_to_first_party_tracking():
    with pytest.raises(ValueError, match="'no' is not True, False or None"):
        EnsureInsightTagOperator(task_id="task", first_party_tracking="no")


def test_an_account_that_may_only_use_the_tag_cannot_switch_its_tracking(execute, tag, sandbox):
    roles(sandbox, tag)[OWN] = "USE_ONLY"
    with pytest.raises(AirflowFailException, match="to switch first-party tracking, it needs FULL access"):
        execute(EnsureInsightTagOperator, first_party_tracking=False)


@pytest.mark.parametrize("fault", [{"kind": "reset"}, {"kind": "status", "status": 500}, {"kind": "truncate"}])
def test_a_tag_whose_creation_was_answered_by_nothing_is_found(execute, sandbox, fault):
    sandbox.world.faults.add(**fault, processed=True, restli_method="insightTags.CREATE")
    _, pushed = execute(EnsureInsightTagOperator)
    assert pushed["insight_tag"]["action"] == "found"
    assert len(asked(sandbox, "insightTags.CREATE")) == 1


def test_a_creation_that_did_not_happen_is_left_to_airflow_s_retries(execute, sandbox):
    sandbox.world.faults.add("status", status=500, restli_method="insightTags.CREATE")
    with pytest.raises(exceptions.ServerError):
        execute(EnsureInsightTagOperator)
    assert sandbox.world.entities.insight_tags == {}


def test_a_faster_run_s_tag_is_used(execute, tag, monkeypatch, sandbox):
    from airflow_provider_linkedin_capi.hooks.linkedin_conversions import LinkedInConversionsHook

    look = LinkedInConversionsHook.find_insight_tag
    answers = [lambda hook: None, look]
    monkeypatch.setattr(LinkedInConversionsHook, "find_insight_tag", lambda hook: answers.pop(0)(hook))
    urn, pushed = execute(EnsureInsightTagOperator)
    assert (urn, pushed["insight_tag"]["action"]) == (tag.urn, "found")
    assert len(asked(sandbox, "insightTags.CREATE")) == 2  # the fixture's, and the refused one


def test_eight_runs_at_once_end_with_one_tag(linkedin, sandbox):
    sandbox.world.settings.latency_seconds = 0.05
    # Airflow 2.11 guards execute() against being called outside of a task's thread.
    execute = inspect.unwrap(EnsureInsightTagOperator.execute)
    tasks = [EnsureInsightTagOperator(task_id=f"task_{number}") for number in range(8)]
    with ThreadPoolExecutor(len(tasks)) as pool:
        urns = set(pool.map(lambda task: execute(task, {"ti": Task()}), tasks))
    [number] = sandbox.world.entities.insight_tags
    assert urns == {f"urn:tscp:insightTag:{number}"}
    assert len(asked(sandbox, "insightTags.CREATE")) > 1


def test_a_missing_scope_is_named(execute, sandbox):
    sandbox.world.add_token("sandbox-token", scopes=["r_ads"])
    with pytest.raises(AirflowFailException, match="scope rw_ads"):
        execute(EnsureInsightTagOperator)


# Domains


@pytest.fixture
def domains(tag, sandbox):
    for name, is_blocked in (
        ("example.com", False),
        ("www.example.com", True),
        ("shop.example.com", False),
        ("evil.example.net", False),
        ("worse.example.net", True),
    ):
        sandbox.world.add_domain(tag.id, name, blocked=is_blocked)


def test_a_dag_blocks_unknown_domains_and_allows_known_ones_again(run_dag, xcom, linkedin, domains, sandbox):
    with DAG("domains", start_date=dt.datetime(2026, 1, 1), schedule=None) as dag:
        GovernInsightTagDomainsOperator(
            task_id="domains", allowed_domains=["Example.com", "{{ '*.example.com' }}"], dry_run=False
        )
    run = run_dag(dag)
    assert run.state == "success"
    assert xcom(run, "domains") == {
        "blocked": ["evil.example.net"],
        "allowed": ["www.example.com"],
        "unchanged": ["example.com", "shop.example.com", "worse.example.net"],
        "refused": {},
        "dry_run": False,
    }
    assert blocked(sandbox) == {
        "example.com": False,
        "www.example.com": False,
        "shop.example.com": False,
        "evil.example.net": True,
        "worse.example.net": True,
    }


def test_by_default_the_difference_is_reported_and_nothing_changed(execute, domains, sandbox):
    before = blocked(sandbox)
    result, _ = execute(GovernInsightTagDomainsOperator, allowed_domains=["*.example.com"])
    assert (result["blocked"], result["allowed"]) == (["evil.example.net", "example.com"], ["www.example.com"])
    assert result["dry_run"] is True
    assert blocked(sandbox) == before


def test_the_list_may_be_text_as_templates_make_it(execute, domains):
    result, _ = execute(GovernInsightTagDomainsOperator, allowed_domains="example.com, *.example.com")
    assert (result["blocked"], result["allowed"]) == (["evil.example.net"], ["www.example.com"])


def test_when_nothing_differs_nothing_is_sent(execute, domains, sandbox):
    patterns = ["*example.com", "evil.*"]
    execute(GovernInsightTagDomainsOperator, allowed_domains=patterns, dry_run=False)
    count = len(asked(sandbox, "insightTagDomains.BATCH_PARTIAL_UPDATE"))
    result, _ = execute(GovernInsightTagDomainsOperator, allowed_domains=patterns, dry_run=False)
    assert result["blocked"] == result["allowed"] == []
    assert len(asked(sandbox, "insightTagDomains.BATCH_PARTIAL_UPDATE")) == count


def test_an_unseen_tag_of_an_account_is_explained(execute, task_log):
    result, _ = execute(GovernInsightTagDomainsOperator, allowed_domains=["*.example.com"], dry_run=False)
    assert result == {"blocked": [], "allowed": [], "unchanged": [], "refused": {}, "dry_run": False}
    assert "listed 5 to 10 minutes after its first visit" in task_log()


def test_hundreds_of_domains_go_out_in_parts(execute, tag, sandbox):
    for number in range(250):
        sandbox.world.add_domain(tag.id, f"{number}.example.net")
    result, _ = execute(GovernInsightTagDomainsOperator, allowed_domains=["example.com"], dry_run=False)
    assert len(result["blocked"]) == 250
    assert all(blocked(sandbox).values())
    assert len(asked(sandbox, "insightTagDomains.BATCH_PARTIAL_UPDATE")) == 3


def test_a_refused_domain_fails_the_task_after_the_others_were_done_and_reported(
    execute, domains, sandbox, monkeypatch
):
    from airflow_provider_linkedin_capi.hooks.linkedin_conversions import LinkedInConversionsHook

    find = LinkedInConversionsHook.find_insight_tag_domains

    def gone(hook):
        found = list(find(hook))
        sandbox.world.entities.domains[:] = [d for d in sandbox.world.entities.domains if d.name != "evil.example.net"]
        return found

    monkeypatch.setattr(LinkedInConversionsHook, "find_insight_tag_domains", gone)
    operator = GovernInsightTagDomainsOperator(task_id="t", allowed_domains=["example.com"], dry_run=False)
    task = Task()
    with pytest.raises(AirflowFailException, match=r"refused 1 of 2 domains: evil\.example\.net: .*404"):
        operator.execute({"ti": task})
    assert task.pushed["domains"]["blocked"] == ["shop.example.com"]
    assert set(task.pushed["domains"]["refused"]) == {"evil.example.net"}


def test_a_domain_refused_for_a_moment_leaves_the_task_its_retries(execute, domains, sandbox):
    key = f"(account:urn%3Ali%3AsponsoredAccount%3A{OWN},domainName:{{}})"
    done, busy = {key.format("shop.example.com"): {"status": 204}}, {key.format("evil.example.net"): {"status": 503}}
    body = json.dumps({"results": done, "errors": busy})
    sandbox.world.faults.add("status", status=200, body=body, restli_method="BATCH_PARTIAL_UPDATE")
    with pytest.raises(AirflowException, match="refused 1 of 2 domains") as failure:
        execute(GovernInsightTagDomainsOperator, allowed_domains=["example.com"], dry_run=False)
    assert not isinstance(failure.value, AirflowFailException)


@pytest.mark.parametrize(
    ("allowed", "complaint"),
    [
        ([], "name at least one domain"),
        (None, "name at least one domain"),
        ("", "name at least one domain"),
        (["example.com", ""], "leave out scheme"),
        (["https://example.com"], "leave out scheme"),
        ([" "], "name at least one domain"),
    ],
)
def test_a_list_that_cannot_be_meant_is_refused(execute, domains, sandbox, allowed, complaint):
    with pytest.raises(AirflowFailException, match=complaint):
        execute(GovernInsightTagDomainsOperator, allowed_domains=allowed, dry_run=False)
    assert asked(sandbox, "insightTagDomains.BATCH_PARTIAL_UPDATE") == []


def test_an_account_that_may_only_use_the_tag_cannot_govern_its_domains(execute, domains, tag, sandbox):
    roles(sandbox, tag)[OWN] = "USE_ONLY"
    with pytest.raises(AirflowFailException, match=r"USE_ONLY access .* needs FULL access"):
        execute(GovernInsightTagDomainsOperator, allowed_domains=["*.example.com"], dry_run=False)


# Grant and revoke


def test_a_dag_shares_and_unshares_the_tag_and_may_run_twice(run_dag, xcom, linkedin, tag, others, sandbox):
    with DAG("share_tag", start_date=dt.datetime(2026, 1, 1), schedule=None) as dag:
        grant = GrantInsightTagAccessOperator(task_id="grant", target_account=OTHER, role="FULL")
        again = GrantInsightTagAccessOperator(
            task_id="again", target_account=f"urn:li:sponsoredAccount:{OTHER}", role="FULL"
        )
        revoke = RevokeInsightTagAccessOperator(task_id="revoke", target_account=OTHER)
        gone = RevokeInsightTagAccessOperator(task_id="gone", target_account=OTHER)
        grant >> again >> revoke >> gone
    run = run_dag(dag)
    assert run.state == "success"
    assert xcom(run, "grant") == {
        "insight_tag": tag.urn,
        "target_account": f"urn:li:sponsoredAccount:{OTHER}",
        "role": "FULL",
        "action": "granted",
    }
    assert [xcom(run, task)["action"] for task in ("again", "revoke", "gone")] == ["unchanged", "revoked", "unchanged"]
    assert roles(sandbox, tag) == {OWN: "FULL"}


def test_an_account_with_another_tag_is_refused_before_anything_is_sent(execute, tag, others, sandbox, hook):
    from airflow_provider_linkedin_capi.hooks.linkedin_conversions import LinkedInConversionsHook

    theirs = LinkedInConversionsHook(hook.linkedin_conn_id, ad_account_id=OTHER).create_insight_tag()
    with pytest.raises(AirflowFailException, match=rf"uses {theirs.urn}\. An ad account has one Insight Tag at most"):
        execute(GrantInsightTagAccessOperator, target_account=OTHER)
    assert asked(sandbox, "insightTagsPermission.ACTION-grantAccess") == []


def test_another_role_has_to_be_revoked_first(execute, tag, others):
    execute(GrantInsightTagAccessOperator, target_account=OTHER)
    with pytest.raises(AirflowFailException, match=r"has USE_ONLY access .* revoke that before granting FULL"):
        execute(GrantInsightTagAccessOperator, target_account=OTHER, role="FULL")


def test_what_the_token_cannot_see_is_left_to_linkedin_and_its_refusal_explained(execute, tag, sandbox):
    sandbox.world.add_account(OTHER, member="urn:li:person:stranger")
    sandbox.world.entities.insight_tags[1] = type(sandbox.world.entities.insight_tags[tag.id])(1, {OTHER: "FULL"})
    with pytest.raises(AirflowFailException, match=r"already has Insight Tag 1.* An ad account has one Insight Tag"):
        execute(GrantInsightTagAccessOperator, target_account=OTHER)


def test_an_account_without_a_tag_or_full_access_cannot_grant(execute, others, sandbox, hook):
    with pytest.raises(AirflowFailException, match="has no Insight Tag, so it cannot grant access"):
        execute(GrantInsightTagAccessOperator, target_account=OTHER)
    tag = hook.create_insight_tag()
    with pytest.raises(AirflowFailException, match=r"uses urn:tscp:insightTag:.*, not urn:tscp:insightTag:7"):
        execute(GrantInsightTagAccessOperator, target_account=OTHER, insight_tag=7)
    roles(sandbox, tag)[OWN] = "USE_ONLY"
    with pytest.raises(AirflowFailException, match="needs FULL access"):
        execute(GrantInsightTagAccessOperator, target_account=OTHER)


def test_a_role_that_does_not_exist_is_refused(execute, tag, others):
    with pytest.raises(AirflowFailException, match="role 'OWNER' is not one of FULL, USE_ONLY"):
        execute(GrantInsightTagAccessOperator, target_account=OTHER, role="OWNER")


@pytest.mark.parametrize("fault", [{"kind": "reset"}, {"kind": "status", "status": 503}, {"kind": "html"}], ids=str)
@pytest.mark.parametrize("kind", [GrantInsightTagAccessOperator, RevokeInsightTagAccessOperator])
def test_a_lost_answer_is_followed_by_a_search(execute, tag, others, sandbox, kind, fault):
    if kind is RevokeInsightTagAccessOperator:
        execute(GrantInsightTagAccessOperator, target_account=OTHER)
    sandbox.world.faults.add(processed=True, path="/rest/insightTagsPermission", method="POST", **fault)
    result, _ = execute(kind, target_account=OTHER)
    assert result["action"] in ("granted", "revoked")


@pytest.mark.parametrize("kind", [GrantInsightTagAccessOperator, RevokeInsightTagAccessOperator])
def test_an_action_that_did_not_happen_is_left_to_airflow_s_retries(execute, tag, others, sandbox, kind):
    if kind is RevokeInsightTagAccessOperator:
        execute(GrantInsightTagAccessOperator, target_account=OTHER)
    sandbox.world.faults.add("status", status=500, path="/rest/insightTagsPermission", method="POST")
    with pytest.raises(exceptions.ServerError):
        execute(kind, target_account=OTHER)


def test_the_last_full_account_is_not_revoked(execute, tag, others, sandbox):
    execute(GrantInsightTagAccessOperator, target_account=OTHER)
    with pytest.raises(AirflowFailException, match=r"no other account that the token can see has FULL access"):
        execute(RevokeInsightTagAccessOperator, target_account=OWN)
    assert asked(sandbox, "insightTagsPermission.ACTION-revokeAccess") == []


def test_an_account_may_leave_when_another_one_keeps_full_access(execute, tag, others, sandbox):
    execute(GrantInsightTagAccessOperator, target_account=THIRD, role="FULL")
    result, _ = execute(RevokeInsightTagAccessOperator, target_account=OWN)
    assert result["action"] == "revoked"
    assert roles(sandbox, tag) == {THIRD: "FULL"}
    result, _ = execute(RevokeInsightTagAccessOperator, target_account=OWN)
    assert result == {
        "insight_tag": None,
        "target_account": f"urn:li:sponsoredAccount:{OWN}",
        "action": "unchanged",
    }


def test_a_keeper_that_the_token_cannot_see_is_left_to_linkedin(execute, tag, sandbox):
    sandbox.world.add_account(OTHER, member="urn:li:person:stranger")
    with pytest.raises(AirflowFailException, match=r"at least one account with FULL access -> A tag needs one account"):
        execute(RevokeInsightTagAccessOperator, target_account=OWN, keeper_account=OTHER)
    roles(sandbox, tag)[OTHER] = "FULL"
    execute(RevokeInsightTagAccessOperator, target_account=OWN, keeper_account=OTHER)
    assert roles(sandbox, tag) == {OTHER: "FULL"}


@pytest.mark.parametrize("keeper", [OWN, OTHER])
def test_a_keeper_that_will_not_keep_full_access_is_refused(execute, tag, others, keeper):
    with pytest.raises(AirflowFailException, match="will not have FULL access"):
        execute(RevokeInsightTagAccessOperator, target_account=OWN, keeper_account=keeper)
