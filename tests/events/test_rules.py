from __future__ import annotations

from decimal import Decimal

import pytest

from airflow_provider_linkedin_capi.events import RowMapper
from airflow_provider_linkedin_capi.exceptions import ColumnError
from tests.support.mapped_rows import NOW_MS, RULE, event_of, mapped, rejection_of

EMAIL = {"email": "test@example.com"}
LEADS = "urn:lla:llaPartnerConversion:1"
PURCHASES = "urn:lla:llaPartnerConversion:2"
BY_TYPE: dict[str, str | int] = {"LEAD": 1, "QUALIFIED_LEAD": "3", "PURCHASE": PURCHASES}


@pytest.mark.parametrize("rule", [14488340, "14488340", RULE])
def test_the_default_rule_is_a_number_text_or_urn(rule: object) -> None:
    assert event_of(EMAIL, rule=rule).conversion == RULE


@pytest.mark.parametrize("rule", ["LEAD", "urn:li:llaPartnerConversion:1", 0, True, {"LEAD": "x"}])
def test_an_invalid_rule_is_an_error_before_the_first_row(rule: object) -> None:
    with pytest.raises(ValueError, match="conversion rule"):
        mapped(EMAIL, rule=rule)


@pytest.mark.parametrize(
    "value",
    [14488340, "14488340", " 14488340 ", RULE, 14488340.0, Decimal(14488340), Decimal("14488340.0"), RULE.encode()],
)
def test_the_rule_of_a_row_is_a_number_text_or_urn_and_wins(value: object) -> None:
    assert event_of({**EMAIL, "conversion": value}, rule=7).conversion == RULE
    assert event_of({**EMAIL, "conversion_rule": value, "conversion_type": "LEAD"}, rule=BY_TYPE).conversion == RULE
    assert event_of({**EMAIL, "conversion": value}, rule=None).conversion == RULE


@pytest.mark.parametrize(
    "value",
    [
        "LEAD",
        "urn:li:llaPartnerConversion:1",
        "urn:lla:llaPartnerConversion:",
        "0",
        0,
        -1,
        1.5,
        True,
        2.0**60,
        ["1"],
        {},
    ],
)
def test_a_bad_rule_of_a_row_is_rejected_though_there_is_a_default(value: object) -> None:
    rejection = rejection_of({**EMAIL, "conversion": value}, rule=7)
    assert (rejection.field, rejection.code) == ("conversion", "conversion_invalid")


@pytest.mark.parametrize("name", ["LEAD", "lead", " Lead ", b"LEAD"])
def test_a_rule_is_chosen_by_conversion_type_in_any_case(name: object) -> None:
    assert event_of({**EMAIL, "conversion_type": name}, rule=BY_TYPE).conversion == LEADS


def test_a_conversion_type_is_matched_like_a_column_without_regard_to_underscores() -> None:
    row = {**EMAIL, "event_name": "Qualified Lead"}
    assert event_of(row, rule=BY_TYPE).conversion == "urn:lla:llaPartnerConversion:3"


@pytest.mark.parametrize("name", ["SIGN_UP", 7, ["LEAD"]])
def test_a_conversion_type_without_rule_is_rejected(name: object) -> None:
    rejection = rejection_of({**EMAIL, "conversion_type": name}, rule=BY_TYPE)
    assert (rejection.field, rejection.code) == ("conversion_type", "conversion_type_unknown")


def test_a_row_with_a_rule_of_its_own_may_have_any_conversion_type() -> None:
    row = {**EMAIL, "conversion": 14488340, "conversion_type": "SIGN_UP"}
    assert event_of(row, rule=BY_TYPE).conversion == RULE


def test_rows_with_and_without_rules_of_their_own_may_be_mixed() -> None:
    mapper = RowMapper(("happened_at", "email", "conversion", "conversion_type"), rule=BY_TYPE, now_ms=NOW_MS)
    email = "test@example.com"
    rows = [(NOW_MS, email, 14488340, "SIGN_UP"), (NOW_MS, email, None, "LEAD"), (NOW_MS, email, "x", "SIGN_UP")]
    result = mapper.map(rows)
    assert [event.conversion for event in result.events] == [RULE, LEADS]
    assert [(each.field, each.code) for each in result.rejections] == [("conversion", "conversion_invalid")]
    assert "conversion_type" not in result.rejections[0].message


@pytest.mark.parametrize("missing", [None, "", " ", float("nan")])
def test_a_row_without_rule_falls_back_to_its_type_then_to_the_default(missing: object) -> None:
    assert (
        event_of({**EMAIL, "conversion": missing, "conversion_type": "PURCHASE"}, rule=BY_TYPE).conversion == PURCHASES
    )
    assert event_of({**EMAIL, "conversion": missing}, rule=RULE).conversion == RULE
    for rejection in (
        rejection_of({**EMAIL, "conversion": missing}, rule=None),
        rejection_of({**EMAIL, "conversion_type": missing}, rule=BY_TYPE),
    ):
        assert (rejection.field, rejection.code) == ("conversion", "conversion_missing")


def test_neither_rule_nor_column_of_rules_is_an_error_before_the_first_row() -> None:
    for rule in (None, BY_TYPE, {}):
        with pytest.raises(ColumnError, match="conversion_rule"):
            mapped(EMAIL, rule=rule)
    with pytest.raises(ColumnError, match="conversion_rule"):
        mapped({**EMAIL, "conversion_type": "LEAD"}, rule=None)
