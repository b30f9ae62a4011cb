from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from airflow_provider_linkedin_capi.api import rule_checks, url_match_rules

SHOP = {"matchType": "STARTS_WITH", "matchValue": "www.example.com/shop"}
PRODUCT = {"matchType": "CONTAINS", "matchValue": "product1"}
THANK_YOU = {"matchType": "EXACT", "matchValue": "www.example.com/thankyou"}


@pytest.mark.parametrize(
    ("text", "expression"),
    [
        ("=www.example.com/thankyou", [[THANK_YOU]]),
        ("www.example.com/shop* AND *product1* OR =www.example.com/thankyou", [[SHOP, PRODUCT], [THANK_YOU]]),
        ("  www.example.com/shop*\n  AND *product1*\n  OR =www.example.com/thankyou\n", [[SHOP, PRODUCT], [THANK_YOU]]),
        ("*one|two|three*", [[{"matchType": "CONTAINS", "matchValue": "one OR two OR three"}]]),
        ("*ORDER*", [[{"matchType": "CONTAINS", "matchValue": "ORDER"}]]),
        ("*/product1*", [[{"matchType": "CONTAINS", "matchValue": "/product1"}]]),
    ],
)
def test_a_text_stands_for_an_or_of_and_groups(text: str, expression: object) -> None:
    assert url_match_rules.parse(text) == expression


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "missing"),
        ("AND *a*", "missing"),
        ("*a* OR", "missing"),
        ("*a* AND OR *b*", "missing"),
        ("*a* OR OR *b*", "missing"),
        ("www.example.com", "write =www.example.com"),
        ("https://www.example.com/*", "leave out the scheme"),
        ("=HTTPS://www.example.com", "leave out the scheme"),
        ("www.example.com/*/shop*", "no asterisk"),
        ("*two words*", "no spaces"),
        ("**", "is not"),
        ("*", "is not"),
        ("*a||b*", "is not"),
        ("=a|b.com", "is not"),
        ("=/thankyou", "the host is missing"),
        ("/shop*", "the host is missing"),
    ],
)
def test_a_condition_that_linkedin_would_not_understand_is_refused(text: str, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        url_match_rules.parse(text)


WORD = st.text("abORAND./?&=-%", min_size=1, max_size=8)
CONDITIONS = st.one_of(
    WORD.map(lambda word: f"=a{word}"), WORD.map(lambda word: f"a{word}*"), WORD.map(lambda word: f"*{word}|b*")
)
TEXTS = st.lists(st.lists(CONDITIONS, min_size=1, max_size=3), min_size=1, max_size=3).map(
    lambda groups: " OR ".join(" AND ".join(group) for group in groups)
)


@given(TEXTS)
@settings(max_examples=100)
def test_what_was_parsed_is_shown_as_it_was_written(text: str) -> None:
    assert url_match_rules.readable(url_match_rules.parse(text)) == text


@given(TEXTS)
@settings(max_examples=50)
def test_every_text_gives_an_expression_that_the_rule_checks_accept(text: str) -> None:
    rule_checks.check_changes({"urlMatchRuleExpression": url_match_rules.parse(text)}, "202609")


def test_a_condition_of_a_kind_that_linkedin_adds_later_is_shown_too() -> None:
    assert url_match_rules.readable([[{"matchType": "REGEX", "matchValue": "a.*"}]]) == "REGEX(a.*)"
