from __future__ import annotations

import uuid
from decimal import Decimal
from hashlib import blake2b
from typing import Any

import pytest

from airflow_provider_linkedin_capi.events import RowMapper
from tests.support.mapped_rows import NOW_MS, RULE, elements_of, event_of, mapped, rejection_of, warning_of

EMAIL = {"email": "test@example.com"}
EVERYTHING = {
    **EMAIL,
    "li_fat_id": "df5gf5-gh6t7-ph4j7h-fgf6n1",
    "firstName": "Mary",
    "lastName": "O'Brien",
    "amount": "50",
    "currency": "USD",
    "externalIds": "crm-000123",
    "lead": "4ab9b0e5-2",
}


@pytest.mark.parametrize(
    ("value", "sent"),
    [
        ("order-000123", "order-000123"),
        (" order-000123\n", "order-000123"),
        ("7", "7"),
        ("order 7", "order 7"),
        ("Bestellung-ä", "Bestellung-ä"),
        (123, "123"),
        (123.0, "123"),
        (Decimal("123"), "123"),
        (uuid.UUID(int=7), "00000000-0000-0000-0000-000000000007"),
        ("x" * 256, "x" * 256),
    ],
)
def test_an_event_id_is_sent_as_text(value: object, sent: str) -> None:
    assert event_of({**EMAIL, "eventId": value}).event_id == sent


@pytest.mark.parametrize("value", [True, 1.5, 2.0**60, ["a"], {}, "a\nb", "a\x00b", "\ud800", b"\xff", object()])
def test_an_invalid_event_id_rejects_the_row(value: object) -> None:
    rejection = rejection_of({**EMAIL, "eventId": value})
    assert (rejection.field, rejection.code) == ("eventId", "event_id_invalid")


@pytest.mark.parametrize("value", ["1.23457E+18", "9,87654E+15", "1.23457e18", " 1E+20 "])
def test_an_event_id_that_a_spreadsheet_rounded_rejects_the_row(value: str) -> None:
    rejection = rejection_of({**EMAIL, "eventId": value})
    assert (rejection.field, rejection.code) == ("eventId", "event_id_rounded")


def test_an_event_id_that_is_the_same_in_every_row_is_not_used() -> None:
    mapper = RowMapper(("happened_at", "email", "eventId"), rule=RULE, now_ms=NOW_MS)
    rows = [(NOW_MS, f"person{number}@example.com", "export-2026-11") for number in range(25)]
    result = mapper.map(rows)
    assert len({event.event_id for event in result.events}) == 25
    assert all((event.event_id or "").startswith("d1-") for event in result.events)
    assert [(each.field, each.code) for each in result.warnings] == [("eventId", "event_id_constant")] * 25
    assert [each.code for each in mapper.map(rows[:2]).warnings] == ["event_id_constant"] * 2


def event_ids_of(*batches: list[tuple[str, str | None]]) -> list[str]:
    """Return the event ids of batches of (person, own event id), ``derived`` for a derived one."""
    mapper = RowMapper(("happened_at", "email", "eventId"), rule=RULE, now_ms=NOW_MS)
    found: list[str] = []
    for batch in batches:
        result = mapper.map([(NOW_MS, f"{person}@example.com", own) for person, own in batch])
        ids = ["derived" if str(event.event_id).startswith("d1-") else str(event.event_id) for event in result.events]
        given = [own for _, own in batch]
        replaced = [each == "derived" and own is not None for each, own in zip(ids, given, strict=True)]
        assert [each.code for each in result.warnings] == ["event_id_constant"] * sum(replaced)
        found += ids
    return found


def test_one_event_id_for_three_people_is_not_used() -> None:
    people = [("ann", "purchase"), ("bob", "purchase"), ("eve", None), ("joe", "purchase")]
    assert event_ids_of(people) == ["derived"] * 4
    assert event_ids_of(people[:3]) == ["purchase", "purchase", "derived"]


def test_one_event_id_for_three_people_is_found_over_small_batches() -> None:
    batches = [[(person, "purchase")] for person in ("ann", "ann", "bob", "joe", "ann")]
    assert event_ids_of(*batches) == ["purchase"] * 3 + ["derived"] * 2


def test_repeated_rows_of_one_person_keep_their_event_id() -> None:
    assert event_ids_of([("ann", "order-7")] * 3 + [("bob", "order-7")]) == ["order-7"] * 4


def test_people_of_one_event_among_others_keep_its_event_id() -> None:
    people = [("ann", "deal-1"), ("bob", "deal-1"), ("joe", "deal-1"), ("eve", "deal-2")]
    assert event_ids_of(people) == ["deal-1"] * 3 + ["deal-2"]


def test_another_event_id_in_between_starts_the_count_again() -> None:
    ids = ["deal-1", "deal-1", "deal-2", "deal-1"]
    assert event_ids_of(*[[(f"person{number}", own)] for number, own in enumerate(ids)]) == ids


def test_a_long_event_id_is_rejected_rather_than_cut() -> None:
    assert rejection_of({**EMAIL, "eventId": "x" * 257}).code == "event_id_too_long"


@pytest.mark.parametrize("text", ["undefined", "NULL", r"\N", "#N/A", str(uuid.UUID(int=0))])
def test_a_placeholder_counts_as_no_event_id(text: str) -> None:
    event, warning = warning_of({**EMAIL, "eventId": text})
    assert (warning.field, warning.code) == ("eventId", "event_id_placeholder")
    assert event.event_id == event_of(EMAIL).event_id


@pytest.mark.parametrize("missing", [None, "", float("nan")])
def test_a_row_without_event_id_gets_one_from_its_contents(missing: object) -> None:
    assert event_of({**EMAIL, "eventId": missing}).event_id == event_of(EMAIL).event_id
    assert event_of({**EMAIL, "eventId": missing}, derive_event_ids=False).event_id is None


def test_a_row_with_an_event_id_keeps_it_beside_one_that_gets_one() -> None:
    mapper = RowMapper(("happened_at", "email", "eventId"), rule=RULE, now_ms=NOW_MS)
    rows = [(NOW_MS, "test@example.com", "order-000123"), (NOW_MS, "test@example.com", None)]
    assert [event.event_id for event in mapper.map(rows).events] == ["order-000123", event_of(EMAIL).event_id]


def test_the_derived_id_never_changes() -> None:
    assert event_of(EMAIL).event_id == "d1-79f90b20eccd1f2007470c281e2ec995"
    assert event_of(EVERYTHING).event_id == "d1-4c3ac72c2a09b4408d42e75aa0dae26e"


def test_the_derived_id_follows_the_documented_recipe() -> None:
    lines = [
        "urn:lla:llaPartnerConversion:14488340",
        str(NOW_MS),
        "USD",
        "50.00",
        "crm-000123",
        "urn:li:leadGenFormResponse:4ab9b0e5-2",
        "Mary",
        "O'Brien",
        "",
        "",
        "SHA256_EMAIL=973dfe463ec85785f5f95af5ba3906eedb2d931c24e69824a89ea65dba4e813b",
        "LINKEDIN_FIRST_PARTY_ADS_TRACKING_UUID=df5gf5-gh6t7-ph4j7h-fgf6n1",
    ]
    digest = blake2b("\n".join(lines).encode(), digest_size=16).hexdigest()
    assert event_of(EVERYTHING).event_id == f"d1-{digest}"


def test_the_derived_id_does_not_depend_on_columns_spelling_or_form() -> None:
    row: dict[str, Any] = {
        "lead": "urn:li:leadGenFormResponse:4ab9b0e5-2",
        "external_id": ["crm-000123"],
        "currency": "usd",
        "value": Decimal("50.000"),
        "last name": " O'Brien",
        "first name": "Mary ",
        "company": None,
        "LI_FAT_ID": "df5gf5-gh6t7-ph4j7h-fgf6n1",
        "SHA256_EMAIL": "973DFE463EC85785F5F95AF5BA3906EEDB2D931C24E69824A89EA65DBA4E813B",
        "unknown": 1,
    }
    assert event_of(row).event_id == event_of(EVERYTHING).event_id


@pytest.mark.parametrize("change", [{"company": "Example Inc"}, {"title": "Engineer"}, {"country": "US"}])
def test_what_identifies_nobody_does_not_change_the_derived_id(change: dict[str, Any]) -> None:
    assert event_of(EVERYTHING | change).event_id == event_of(EVERYTHING).event_id


@pytest.mark.parametrize(
    "change",
    [
        {"happened_at": NOW_MS - 1},
        {"conversion": 2},
        {"email": "other@example.com"},
        {"li_fat_id": None},
        {"firstName": "Marie"},
        {"lastName": "Brien"},
        {"amount": "50.01"},
        {"currency": "EUR"},
        {"externalIds": "crm-000124"},
        {"lead": "4ab9b0e5-3"},
    ],
)
def test_whatever_identifies_the_event_changes_the_derived_id(change: dict[str, Any]) -> None:
    assert event_of(EVERYTHING | change).event_id != event_of(EVERYTHING).event_id


def test_an_event_a_little_ahead_of_the_clock_has_the_id_that_it_will_have_later() -> None:
    result = mapped({**EMAIL, "happened_at": NOW_MS + 1000})
    (ahead,) = result.events
    assert elements_of(result)[0]["conversionHappenedAt"] == NOW_MS
    assert ahead.event_id == event_of({**EMAIL, "happened_at": NOW_MS + 1000}, now_ms=NOW_MS + 2000).event_id
