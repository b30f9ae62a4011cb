"""The difference between a rule's campaigns and the declared ones, whatever the two are."""

from __future__ import annotations

import contextlib

from hypothesis import given, settings
from hypothesis import strategies as st

from airflow_provider_linkedin_capi.api import rule_references as references
from airflow_provider_linkedin_capi.declarations.campaign_associations import Difference

CAMPAIGNS = st.sets(st.integers(1, 12).map("urn:li:sponsoredCampaign:{}".format))
MODES = st.sampled_from(["add", "replace", "remove"])


@given(CAMPAIGNS, CAMPAIGNS, MODES)
@settings(max_examples=100)
def test_it_leads_to_the_declared_state(now: set[str], selected: set[str], mode: str) -> None:
    difference = Difference.between(now, selected, mode)
    wanted = {"add": now | selected, "replace": selected, "remove": now - selected}[mode]
    assert (now | set(difference.add)) - set(difference.remove) == set(difference.afterwards) == wanted
    assert set(difference.add).isdisjoint(now)
    assert set(difference.remove) <= now


@given(CAMPAIGNS, CAMPAIGNS, MODES)
@settings(max_examples=100)
def test_declaring_the_same_again_leaves_nothing_to_send(now: set[str], selected: set[str], mode: str) -> None:
    again = Difference.between(Difference.between(now, selected, mode).afterwards, selected, mode)
    assert (again.add, again.remove, set(again.unchanged)) == ([], [], selected)


@given(st.text("LEADPURCHS=,: 0123nameurn", max_size=20))
@settings(max_examples=200)
def test_any_text_names_rules_or_is_refused_as_a_wrong_value(text: str) -> None:
    with contextlib.suppress(ValueError):
        parsed = references.parse(text)
        for reference in parsed.values() if isinstance(parsed, dict) else [parsed]:
            urn = references.as_urn(reference)
            assert urn is None or urn.startswith("urn:lla:llaPartnerConversion:")
