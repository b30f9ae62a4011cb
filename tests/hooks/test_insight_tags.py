"""Insight Tags, their permissions and domains, and paths to conversion, over HTTP."""

from __future__ import annotations

import pytest

from airflow_provider_linkedin_capi import exceptions
from airflow_provider_linkedin_capi.api.insight_tag_permissions import InsightTagPermission

OTHER = "urn:li:sponsoredAccount:5099999"


@pytest.fixture
def tag(hook):
    """The account's new tag."""
    return hook.create_insight_tag()


def test_a_created_tag_is_found_and_read_with_its_snippet(hook, tag):
    assert hook.find_insight_tag() == hook.get_insight_tag(tag.urn) == tag
    assert str(tag.id) in tag.tag
    assert tag.sponsored_accounts == [hook.ad_account]


def test_an_account_without_a_tag_has_none(hook):
    assert hook.find_insight_tag() is None
    assert hook.find_insight_tag_permission() is None


def test_a_second_tag_is_refused(hook, tag):
    with pytest.raises(exceptions.InvalidRequestError, match="already has an Insight Tag"):
        hook.create_insight_tag()


def test_first_party_tracking_is_switched(hook, tag):
    hook.set_first_party_tracking(tag.id, False)
    assert hook.get_insight_tag(tag.id).first_party_tracking_enabled is False


def test_an_unknown_tag_is_not_found(hook):
    with pytest.raises(exceptions.NotFoundError):
        hook.get_insight_tag(1)


def test_access_is_granted_seen_and_revoked(hook, tag, sandbox):
    sandbox.world.add_account(5099999)
    hook.grant_insight_tag_access(tag.id, OTHER, role="USE_ONLY")
    permission = InsightTagPermission(account=OTHER, insight_tag=tag.urn, role="USE_ONLY")
    assert hook.find_insight_tag_permission(OTHER) == permission
    hook.revoke_insight_tag_access(tag.id, OTHER)
    assert hook.find_insight_tag_permission(OTHER) is None


def test_domains_of_all_pages_are_found(hook, tag, sandbox):
    for number in range(501):
        sandbox.world.add_domain(tag.id, f"{number}.example.com")
    assert len(list(hook.find_insight_tag_domains())) == 501
    assert [domain.domain_name for domain in hook.find_insight_tag_domains(domain="7.Example.com")] == ["7.example.com"]


def test_domains_are_blocked_and_allowed_one_by_one(hook, tag, sandbox):
    sandbox.world.add_domain(tag.id, "a.example.com")
    hook.block_insight_tag_domain("a.example.com")
    assert hook.get_insight_tag_domain("a.example.com").blocked
    hook.allow_insight_tag_domain("a.example.com")
    assert not hook.get_insight_tag_domain("a.example.com").blocked


def test_a_batch_of_domains_has_a_result_for_each(hook, tag, sandbox):
    sandbox.world.add_domain(tag.id, "a.example.com")
    result = hook.batch_update_insight_tag_domains({"a.example.com": True, "unseen.example.com": True})
    assert result.results == {"a.example.com": None}
    assert isinstance(result.errors["unseen.example.com"], exceptions.NotFoundError)
    found = hook.batch_get_insight_tag_domains(["a.example.com", "unseen.example.com"])
    assert found.results["a.example.com"].blocked
    assert set(found.errors) == {"unseen.example.com"}


def test_a_batch_too_long_for_a_url_goes_through(hook, tag, sandbox):
    names = [f"{number}.a-rather-long-name.example.com" for number in range(100)]
    for name in names:
        sandbox.world.add_domain(tag.id, name)
    assert set(hook.batch_update_insight_tag_domains(dict.fromkeys(names, True)).results) == set(names)
    assert set(hook.batch_get_insight_tag_domains(names).results) == set(names)


def test_the_path_of_an_order_comes_as_linkedin_sends_it(hook, sandbox):
    rows = [{"kind": "IMPRESSION", "at": 1}, {"kind": "CLICK", "at": 2}]
    sandbox.world.entities.order_paths[5012345] = {"A/1": rows}
    assert list(hook.find_path_to_conversion("A/1")) == rows
    assert list(hook.find_path_to_conversion("unknown")) == []
