"""Bad elements are found by LinkedIn's positions, else by asking; a fault that all share is recognised."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from airflow_provider_linkedin_capi import exceptions
from airflow_provider_linkedin_capi.api.call import refusal_in
from airflow_provider_linkedin_capi.delivery.isolation import BatchFaultError, Isolation

if TYPE_CHECKING:
    from collections.abc import Sequence

TOO_OLD = "Conversion time should be within 90 days and not exceed current time"
NO_USER = "The request must contain one of these fields: SHA256_EMAIL"
RULE, OTHER = "urn:lla:llaPartnerConversion:1", "urn:lla:llaPartnerConversion:2"


def refusal(message: str, status: int) -> exceptions.LinkedInError:
    return refusal_in({"message": message, "status": status}, status, call="conversionEvents.BATCH_CREATE")


@dataclass
class Strict:
    """LinkedIn, refusing a request for any bad element in it, and naming them in one of its forms."""

    bad: dict[int, str]
    form: str = "indices"
    pieces: list[list[int]] = field(default_factory=list)

    def verdict(self, piece: Sequence[int]) -> exceptions.LinkedInError | dict[int, exceptions.LinkedInError]:
        self.pieces.append(list(piece))
        refused = [index for index, position in enumerate(piece) if position in self.bad]
        if not refused:
            return {}
        if self.form == "first":
            refused = refused[:1]
        first = self.bad[piece[refused[0]]]
        alike = [index for index in refused if self.bad[piece[index]] == first]
        match self.form:
            case "schema":
                lines = (f"Index: {i}, ERROR :: /user/lead :: {self.bad[piece[i]]}\n" for i in refused)
                return refusal("".join(lines), 422)
            case "batchIndex":
                faults = (f"{{field=x, batchIndex={i}, type=BAD_THING, message={self.bad[piece[i]]}}}" for i in refused)
                return refusal(f"Validation failed because [{', '.join(faults)}]", 400)
            case "hidden":
                return refusal(f"{first}.", 400)
            case _:
                # LinkedIn checks one thing after the other: elements with another fault are named next time.
                return refusal(f"{first}, indices {alike} (0-indexed).", 400)


def drive(course: Isolation, linkedin: Strict) -> None:
    while (piece := course.next) is not None:
        course.judge(linkedin.verdict(piece))


def isolate(size: int, bad: dict[int, str], form: str, rules: Sequence[str] | None = None) -> tuple[Isolation, Strict]:
    course, linkedin = Isolation(rules or [RULE] * size, range(size)), Strict(bad, form)
    drive(course, linkedin)
    return course, linkedin


@pytest.mark.parametrize("form", ["indices", "schema", "batchIndex"])
def test_named_elements_cost_one_more_request(form: str) -> None:
    course, linkedin = isolate(5000, {7: TOO_OLD, 4999: TOO_OLD}, form)
    assert set(course.refused) == {7, 4999}
    assert len(course.accepted) == 4998
    assert len(linkedin.pieces) == 2


@pytest.mark.parametrize("form", ["indices", "schema", "batchIndex", "first", "hidden"])
def test_the_reason_is_linkedins_own(form: str) -> None:
    course, _ = isolate(100, {3: TOO_OLD}, form)
    assert TOO_OLD in course.refused[3].message


def test_the_reason_has_the_field_and_code_that_linkedin_names() -> None:
    assert isolate(10, {3: "bad"}, "schema")[0].refused[3].field == "/user/lead"
    assert isolate(10, {3: "bad"}, "batchIndex")[0].refused[3].code == "BAD_THING"
    assert isolate(10, {3: "bad"}, "hidden")[0].refused[3].code == "LINKEDIN_400"


def test_an_unnamed_element_among_5000_is_found_by_halving() -> None:
    course, linkedin = isolate(5000, {1234: TOO_OLD}, "hidden")
    assert set(course.refused) == {1234}
    assert len(linkedin.pieces) <= 2 + 2 * math.ceil(math.log2(5000))


@pytest.mark.parametrize("form", ["indices", "schema", "batchIndex", "first", "hidden"])
def test_a_batch_refused_for_one_reason_is_not_taken_apart(form: str) -> None:
    linkedin = Strict(dict.fromkeys(range(5000), TOO_OLD), form)
    with pytest.raises(BatchFaultError) as fault:
        drive(Isolation([RULE] * 5000, range(5000)), linkedin)
    assert fault.value.rule == RULE
    assert TOO_OLD in fault.value.error.message
    assert len(linkedin.pieces) <= 12


@pytest.mark.parametrize("form", ["indices", "batchIndex", "hidden"])
def test_the_faulty_one_of_several_rules_is_named(form: str) -> None:
    rules = [OTHER if position % 3 == 0 else RULE for position in range(300)]
    linkedin = Strict({position: TOO_OLD for position in range(300) if position % 3 == 0}, form)
    with pytest.raises(BatchFaultError) as fault:
        drive(Isolation(rules, range(300)), linkedin)
    assert fault.value.rule == OTHER


def test_the_rule_that_linkedin_does_not_know_is_found_among_several() -> None:
    rules = [f"urn:lla:llaPartnerConversion:{position % 7}" for position in range(70)]
    course = Isolation(rules, range(70))

    class Unknowing(Strict):
        def verdict(self, piece: Sequence[int]) -> exceptions.LinkedInError | dict[int, exceptions.LinkedInError]:
            self.pieces.append(list(piece))
            unknown = any(rules[position].endswith(":5") for position in piece)
            return exceptions.AccessDeniedError("No ad accounts found", status=403) if unknown else {}

    linkedin = Unknowing({})
    with pytest.raises(BatchFaultError) as fault:
        drive(course, linkedin)
    assert fault.value.rule == "urn:lla:llaPartnerConversion:5"
    assert len(linkedin.pieces) <= 6


def test_a_missing_scope_is_nobodys_but_the_tokens() -> None:
    course = Isolation([RULE, OTHER], range(2))
    error = exceptions.AccessDeniedError("Not enough permissions to access: conversionEvents", status=403)
    error.code = "ACCESS_DENIED"
    with pytest.raises(BatchFaultError) as fault:
        course.judge(error)
    assert fault.value.rule is None


def test_a_single_row_with_a_bad_value_is_a_rejection() -> None:
    course, _ = isolate(1, {0: TOO_OLD}, "indices")
    assert set(course.refused) == {0}


@pytest.mark.parametrize(
    "message",
    [
        "Incorrect conversions information provided. Conversion's method should be CONVERSIONS_API, indices [0]"
        " (0-indexed)",
        "Invalid Conversion information provided, this event(s) is associated to a conversion that's marked as"
        " deleted. Conversion enabled should be true",
    ],
)
def test_a_single_row_with_a_bad_rule_is_the_rules_fault(message: str) -> None:
    with pytest.raises(BatchFaultError) as fault:
        Isolation([RULE], range(1)).judge(refusal(message, 400))
    assert fault.value.rule == RULE


def test_two_bad_rows_with_different_faults_are_two_rejections() -> None:
    course, _ = isolate(2, {0: TOO_OLD, 1: NO_USER}, "indices")
    assert set(course.refused) == {0, 1}


def test_too_large_requests_are_halved_and_a_single_one_is_refused() -> None:
    course = Isolation([RULE] * 8, range(8))
    while (piece := course.next) is not None:
        too_large = 3 in piece or len(piece) > 2
        course.judge(exceptions.TooLargeError("Request Entity Too Large", status=413) if too_large else {})
    assert set(course.refused) == {3}
    assert course.accepted == set(range(8)) - {3}


def test_elements_refused_inside_a_success_are_rejections_and_failed_ones_are_sent_again() -> None:
    course = Isolation([RULE] * 5, range(5))
    course.judge({1: refusal("bad", 422), 3: exceptions.ServerError("oops", status=500)})
    assert list(course.next or ()) == [3]
    course.judge({})
    assert course.next is None
    assert set(course.refused) == {1}
    assert course.accepted == {0, 2, 3, 4}


reasons = st.sampled_from([TOO_OLD, NO_USER, "another"])


@settings(max_examples=150, deadline=None)
@given(
    data=st.data(),
    size=st.integers(1, 120),
    form=st.sampled_from(["indices", "schema", "batchIndex", "first", "hidden"]),
)
def test_every_element_gets_its_verdict_and_no_accepted_one_is_sent_again(
    data: st.DataObject, size: int, form: str
) -> None:
    rules = data.draw(st.lists(st.sampled_from([RULE, OTHER]), min_size=size, max_size=size))
    bad = data.draw(st.dictionaries(st.integers(0, size - 1), reasons, max_size=size))
    course, linkedin = Isolation(rules, range(size)), Strict(bad, form)
    try:
        drive(course, linkedin)
    except BatchFaultError as fault:
        of_rule = [position for position in range(size) if rules[position] == fault.rule]
        refused = [position for position in of_rule if position in bad]
        assert len(refused) >= min(len(of_rule), 8) > 1
        assert not course.accepted.intersection(of_rule)
    else:
        assert set(course.refused) == set(bad)
        assert course.accepted == set(range(size)) - set(bad)
    stored = [position for piece in linkedin.pieces if not set(piece) & set(bad) for position in piece]
    assert sorted(stored) == sorted(course.accepted)
    assert len(linkedin.pieces) <= 20 + 2 * len(bad) * (2 + math.ceil(math.log2(size + 1)))
