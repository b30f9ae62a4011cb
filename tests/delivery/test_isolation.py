"""Bad events are found by LinkedIn's positions where these prove right, else by halving; rules need evidence."""

from __future__ import annotations

import math
import random
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from airflow_provider_linkedin_capi import exceptions
from airflow_provider_linkedin_capi.api.call import refusal_in
from airflow_provider_linkedin_capi.delivery.elements import Elements
from airflow_provider_linkedin_capi.delivery.isolation import BatchFaultError, Evidence, Isolation

if TYPE_CHECKING:
    from collections.abc import Sequence

TOO_OLD = "Conversion time should be within 90 days and not exceed current time"
NO_USER = "The request must contain one of these fields: SHA256_EMAIL"
UNKNOWN = "The conversion is not active"
DISABLED = "Invalid Conversion information provided. Conversion enabled should be true"
RULE, OTHER = "urn:lla:llaPartnerConversion:1", "urn:lla:llaPartnerConversion:2"
RIGHT_FORMS = ["indices", "schema", "batchIndex", "first", "hidden"]
WRONG_FORMS = ["off by one", "random", "out of range", "negative", "twice"]


def refusal(message: str, status: int) -> exceptions.LinkedInError:
    return refusal_in({"message": message, "status": status}, status, call="conversionEvents.BATCH_CREATE")


@dataclass
class Strict:
    """LinkedIn, refusing a request for any bad event in it, and naming them in one of its forms, or wrongly."""

    bad: dict[int, str]
    form: str = "indices"
    pieces: list[list[int]] = field(default_factory=list)
    chance: random.Random = field(default_factory=lambda: random.Random(1))

    def answer(self, piece: Sequence[int]) -> exceptions.LinkedInError | dict[int, exceptions.LinkedInError]:
        self.pieces.append(list(piece))
        refused = [index for index, position in enumerate(piece) if position in self.bad]
        if not refused:
            return {}
        if self.form == "first":
            refused = refused[:1]
        first = self.bad[piece[refused[0]]]
        # LinkedIn checks one thing after the other: events with another fault are named next time.
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
                return refusal(f"{first}, indices {self._named(alike, len(piece))} (0-indexed).", 400)

    def _named(self, alike: list[int], size: int) -> list[int]:
        match self.form:
            case "off by one":
                return [index + 1 for index in alike]
            case "random":
                return [self.chance.randrange(size)]
            case "random sets":
                return [index for index in range(size) if self.chance.random() < 0.3]
            case "out of range":
                return [index + size for index in alike]
            case "negative":
                return [-index - 1 for index in alike]
            case "twice":
                return alike + alike
            case "all":
                return list(range(size))
            case "and the next":
                return [index + more for index in alike for more in (0, 1)]
            case _:
                return alike


@dataclass
class Isolated:
    """One batch that was driven to its end."""

    elements: Elements
    linkedin: Strict

    @property
    def refused(self) -> set[int]:
        return set(self.elements.refused)

    @property
    def accepted(self) -> set[int]:
        return self.elements.accepted


def drive(isolation: Isolation, linkedin: Strict) -> None:
    while (piece := isolation.next) is not None:
        isolation.record(linkedin.answer(piece))


def isolate(
    size: int,
    bad: dict[int, str],
    form: str = "indices",
    rules: Sequence[str] | None = None,
    evidence: Evidence | None = None,
) -> Isolated:
    elements, linkedin = Elements(rules or [RULE] * size), Strict(bad, form)
    drive(Isolation(elements, evidence or Evidence(), range(size)), linkedin)
    return Isolated(elements, linkedin)


@pytest.mark.parametrize("form", ["indices", "schema", "batchIndex"])
def test_named_events_cost_one_more_request_once_positions_are_trusted(form: str) -> None:
    evidence = Evidence()
    first = isolate(5000, dict.fromkeys(range(0, 5000, 500), TOO_OLD), form, evidence=evidence)
    assert (first.refused, len(first.linkedin.pieces)) == (set(range(0, 5000, 500)), 10)
    second = isolate(5000, {7: TOO_OLD, 9: TOO_OLD}, form, evidence=evidence)
    assert (second.refused, len(second.accepted), len(second.linkedin.pieces)) == ({7, 9}, 4998, 2)


@pytest.mark.parametrize("form", RIGHT_FORMS)
def test_the_reason_is_linkedins_own(form: str) -> None:
    assert TOO_OLD in isolate(100, {3: TOO_OLD}, form).elements.refused[3].message


def test_the_reason_has_the_field_and_code_that_linkedin_names() -> None:
    assert isolate(10, {3: "bad"}, "schema").elements.refused[3].field == "/user/lead"
    assert isolate(10, {3: "bad"}, "batchIndex").elements.refused[3].code == "BAD_THING"
    assert isolate(10, {3: "bad"}, "hidden").elements.refused[3].code == "LINKEDIN_400"


def test_an_unnamed_event_among_5000_is_found_by_halving() -> None:
    isolated = isolate(5000, {1234: TOO_OLD}, "hidden")
    assert isolated.refused == {1234}
    assert len(isolated.linkedin.pieces) <= 2 + 2 * math.ceil(math.log2(5000))


@pytest.mark.parametrize("form", ["off by one", "random", "random sets", "and the next", "all"])
def test_one_bad_event_that_is_named_wrongly_is_found(form: str) -> None:
    isolated = isolate(300, {100: TOO_OLD}, form)
    assert isolated.refused == {100}
    assert len(isolated.accepted) == 299
    assert len(isolated.linkedin.pieces) <= 40


@pytest.mark.parametrize("form", RIGHT_FORMS)
def test_a_batch_refused_for_an_unknown_reason_is_the_rules_fault(form: str) -> None:
    if form == "schema":
        pytest.skip("a schema error names a field of the event")
    linkedin = Strict(dict.fromkeys(range(5000), UNKNOWN), form)
    with pytest.raises(BatchFaultError) as fault:
        drive(Isolation(Elements([RULE] * 5000), Evidence(), range(5000)), linkedin)
    assert fault.value.rule == RULE
    assert UNKNOWN in fault.value.error.message
    assert len(linkedin.pieces) <= 250


@pytest.mark.parametrize("message", [TOO_OLD, NO_USER])
@pytest.mark.parametrize("form", ["indices", "batchIndex"])
def test_what_linkedin_says_of_an_events_own_data_is_never_the_rules_fault(form: str, message: str) -> None:
    isolated = isolate(5000, dict.fromkeys(range(5000), message), form)
    assert len(isolated.refused) == 5000
    assert len(isolated.linkedin.pieces) <= 10


@pytest.mark.parametrize("form", ["indices", "batchIndex", "hidden"])
@pytest.mark.parametrize("count", [1, 2, 99])
def test_a_few_refused_events_are_not_the_rules_fault(form: str, count: int) -> None:
    rules = [OTHER if position < count else RULE for position in range(300)]
    isolated = isolate(300, dict.fromkeys(range(count), UNKNOWN), form, rules)
    assert isolated.refused == set(range(count))
    assert len(isolated.accepted) == 300 - count


def test_evidence_against_a_rule_adds_up_over_batches() -> None:
    evidence = Evidence()
    isolate(60, dict.fromkeys(range(60), UNKNOWN), evidence=evidence)
    with pytest.raises(BatchFaultError):
        isolate(60, dict.fromkeys(range(60), UNKNOWN), evidence=evidence)


def test_a_rule_that_took_an_event_in_an_earlier_try_is_not_at_fault() -> None:
    isolated = isolate(200, dict.fromkeys(range(200), UNKNOWN), evidence=Evidence({RULE}))
    assert len(isolated.refused) == 200


def test_different_reasons_are_not_the_rules_fault() -> None:
    bad = {position: UNKNOWN if position % 2 else "Something else" for position in range(180)}
    assert len(isolate(180, bad).refused) == 180


@pytest.mark.parametrize("form", ["indices", "batchIndex", "hidden"])
def test_the_faulty_one_of_several_rules_is_named(form: str) -> None:
    rules = [OTHER if position % 3 == 0 else RULE for position in range(450)]
    linkedin = Strict({position: UNKNOWN for position in range(450) if position % 3 == 0}, form)
    with pytest.raises(BatchFaultError) as fault:
        drive(Isolation(Elements(rules), Evidence(), range(450)), linkedin)
    assert fault.value.rule == OTHER


def faulty_rule(rules: list[str], error: exceptions.LinkedInError) -> str | None:
    """The rule that is found at fault when every request with an event of rule 5 is refused."""
    isolation = Isolation(Elements(rules), Evidence(), range(len(rules)))
    for _ in range(6):
        assert isolation.next is not None
        refused = any(rules[position].endswith(":5") for position in isolation.next)
        try:
            isolation.record(error if refused else {})
        except BatchFaultError as fault:
            return fault.rule
    raise AssertionError("too many requests")


@pytest.mark.parametrize("message", [DISABLED, f"{DISABLED}, indices [0, 3] (0-indexed)."])
def test_the_rule_that_linkedin_names_as_disabled_is_found_among_several(message: str) -> None:
    rules = [f"urn:lla:llaPartnerConversion:{position % 7}" for position in range(70)]
    assert faulty_rule(rules, refusal(message, 400)) == "urn:lla:llaPartnerConversion:5"


def test_the_rule_that_linkedin_does_not_know_is_found_among_several() -> None:
    rules = [f"urn:lla:llaPartnerConversion:{position % 7}" for position in range(70)]
    unknown = exceptions.AccessDeniedError("No ad accounts found", status=403)
    assert faulty_rule(rules, unknown) == "urn:lla:llaPartnerConversion:5"


def test_a_missing_scope_is_the_tokens_fault() -> None:
    isolation = Isolation(Elements([RULE, OTHER]), Evidence(), range(2))
    error = exceptions.AccessDeniedError("Not enough permissions", status=403, code="ACCESS_DENIED")
    with pytest.raises(BatchFaultError) as fault:
        isolation.record(error)
    assert fault.value.rule is None


@pytest.mark.parametrize(
    "message", ["Conversion's method should be CONVERSIONS_API, indices [0] (0-indexed)", DISABLED]
)
def test_a_single_row_with_a_bad_rule_is_the_rules_fault(message: str) -> None:
    with pytest.raises(BatchFaultError) as fault:
        Isolation(Elements([RULE]), Evidence(), range(1)).record(refusal(message, 400))
    assert fault.value.rule == RULE


def test_two_bad_rows_with_different_faults_are_two_rejections() -> None:
    assert isolate(2, {0: TOO_OLD, 1: NO_USER}).refused == {0, 1}


def test_too_large_requests_are_halved_and_a_single_one_is_refused() -> None:
    elements = Elements([RULE] * 8)
    isolation = Isolation(elements, Evidence(), range(8))
    while (piece := isolation.next) is not None:
        too_large = 3 in piece or len(piece) > 2
        isolation.record(exceptions.TooLargeError("Request Entity Too Large", status=413) if too_large else {})
    assert set(elements.refused) == {3}
    assert elements.accepted == set(range(8)) - {3}


def test_a_single_event_that_a_proxy_calls_too_large_is_not_refused() -> None:
    elements = Elements([RULE] * 4)
    isolation = Isolation(elements, Evidence(), range(4))
    too_large = exceptions.TooLargeError("a proxy lets no request of this size pass", foreign=True)
    isolation.record(too_large)
    isolation.record(too_large)
    with pytest.raises(BatchFaultError):
        isolation.record(too_large)
    assert elements.refused == {}


def test_events_refused_inside_a_success_are_rejections_and_failed_ones_are_sent_again() -> None:
    elements = Elements([RULE] * 5)
    isolation = Isolation(elements, Evidence(), range(5))
    elements.sent(range(5))
    failed = exceptions.ServerError("oops", status=500)
    isolation.record({1: exceptions.InvalidRequestError("bad", status=422), 3: failed})
    assert (list(isolation.next or ()), isolation.repeating) == ([3], failed)
    assert elements.in_flight == {3}
    isolation.record({})
    assert (isolation.next, isolation.repeating) == (None, None)
    assert set(elements.refused) == {1}
    assert elements.accepted == {0, 2, 3, 4}


reasons = st.sampled_from([TOO_OLD, NO_USER, "another"])


@settings(max_examples=150, deadline=None)
@given(data=st.data(), size=st.integers(1, 120), form=st.sampled_from(RIGHT_FORMS))
def test_every_event_gets_its_outcome_and_no_accepted_one_is_sent_again(
    data: st.DataObject, size: int, form: str
) -> None:
    rules = data.draw(st.lists(st.sampled_from([RULE, OTHER]), min_size=size, max_size=size))
    bad = data.draw(st.dictionaries(st.integers(0, size - 1), reasons, max_size=size))
    elements, linkedin = Elements(rules), Strict(bad, form)
    fault = None
    try:
        drive(Isolation(elements, Evidence(), range(size)), linkedin)
    except BatchFaultError as found:
        fault = found
    if fault:
        assert len([position for position in bad if rules[position] == fault.rule]) >= 100
        assert not [position for position in elements.accepted if rules[position] == fault.rule]
    else:
        assert set(elements.refused) == set(bad)
        assert elements.accepted == set(range(size)) - set(bad)
    stored = [position for piece in linkedin.pieces if not set(piece) & set(bad) for position in piece]
    assert sorted(stored) == sorted(elements.accepted)
    assert len(linkedin.pieces) <= 20 + 2 * len(bad) * (2 + math.ceil(math.log2(size + 1)))


@settings(max_examples=200, deadline=None)
@given(data=st.data(), size=st.integers(1, 60), form=st.sampled_from(WRONG_FORMS), seed=st.integers(0, 1000))
def test_wrong_positions_cost_requests_and_never_good_rows(
    data: st.DataObject, size: int, form: str, seed: int
) -> None:
    bad = dict.fromkeys(data.draw(st.sets(st.integers(0, size - 1), max_size=8)), TOO_OLD)
    elements, linkedin = Elements([RULE] * size), Strict(bad, form, chance=random.Random(seed))
    drive(Isolation(elements, Evidence(), range(size)), linkedin)
    assert set(elements.refused) == set(bad)
    assert elements.accepted == set(range(size)) - set(bad)
    assert len(linkedin.pieces) <= 40 + 3 * size
