from __future__ import annotations

import pytest

from airflow_provider_linkedin_capi.events import RowMapper, map_row
from airflow_provider_linkedin_capi.events.fields import FIELDS
from airflow_provider_linkedin_capi.events.model import ConversionEvent
from airflow_provider_linkedin_capi.exceptions import ColumnError
from tests.support.mapped_rows import NOW_MS, RULE


def mapper(*columns: str, **settings: object) -> RowMapper:
    return RowMapper(columns, **{"rule": RULE, "now_ms": NOW_MS, **settings})  # type: ignore[arg-type]


SPELLINGS = [
    (field.name, spelling)
    for field in FIELDS
    for name in (field.name, *field.aliases)
    for spelling in (name, name.upper(), name.lower(), name.replace("_", "-"), name.replace("_", " "), f" {name} ")
]


@pytest.mark.parametrize(("field", "spelling"), SPELLINGS)
def test_a_column_is_found_in_any_spelling(field: str, spelling: str) -> None:
    (others,) = [(each.name, *each.aliases) for each in FIELDS if each.name == field]
    columns = ["happened_at", "li_fat_id", "firstName", "amount", "currency"]
    kept = [column for column in columns if column not in others]
    made = mapper(*kept, spelling, rule={"LEAD": 1} if field == "conversion_type" else RULE)
    assert made.ignored_columns == ()


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("email", "SHA256_EMAIL"),
        ("e_mail", "E-Mail"),
        ("amount", "value"),
        ("firstName", "first name"),
        ("email", "email"),
    ],
)
def test_two_columns_for_one_field_are_an_error_that_names_both(first: str, second: str) -> None:
    with pytest.raises(ColumnError) as error:
        mapper("happened_at", "currency", first, second)
    assert repr(first) in str(error.value)
    assert repr(second) in str(error.value)


def test_unknown_columns_are_ignored_and_named() -> None:
    made = mapper("happened_at", "email", "Region", "crm id")
    assert made.ignored_columns == ("Region", "crm id")
    assert made.map([(NOW_MS, "test@example.com", object(), 1)]).events


def test_a_conversion_type_that_decides_nothing_is_ignored() -> None:
    assert mapper("happened_at", "email", "conversion_type").ignored_columns == ("conversion_type",)


def test_an_identifier_that_linkedin_dropped_is_left_out_with_a_notice() -> None:
    made = mapper("happened_at", "email", "oracle_moat_id")
    assert made.ignored_columns == ("oracle_moat_id",)
    assert "ORACLE_MOAT_ID" in made.notices[0]


def test_a_currency_without_amounts_is_left_out_with_a_notice() -> None:
    made = mapper("happened_at", "email", "currency")
    assert made.ignored_columns == ("currency",)
    assert "currencyCode" in made.notices[0]


@pytest.mark.parametrize("column", ["crm_mail", "CRM_MAIL"])
@pytest.mark.parametrize("target", ["email", "sha256_email", "SHA256-EMAIL"])
def test_a_column_can_be_mapped_to_a_field(column: str, target: str) -> None:
    made = mapper("happened_at", column, column_mapping={"crm_mail": target})
    assert made.map([(NOW_MS, "test@example.com")]).events


def test_a_mapped_column_no_longer_holds_the_field_that_its_name_says() -> None:
    made = mapper("happened_at", "email", "lead", column_mapping={"email": "externalIds"})
    (event,) = made.map([(NOW_MS, "crm-000123", None)]).events
    assert event.user.external_ids == ("crm-000123",)


def test_a_mapping_of_a_column_that_is_not_there_suggests_another() -> None:
    with pytest.raises(ColumnError, match=r"'crm_mial'.*did you mean 'crm_mail'"):
        mapper("happened_at", "crm_mail", column_mapping={"crm_mial": "email"})


def test_a_mapping_to_a_field_that_does_not_exist_suggests_another() -> None:
    with pytest.raises(ColumnError, match="'emial', which is not a field; did you mean 'email'"):
        mapper("happened_at", "crm_mail", column_mapping={"crm_mail": "emial"})


def test_a_mapped_column_wins_over_one_with_the_name_of_the_field() -> None:
    made = mapper("timestamp", "event_time", "email", column_mapping={"event_time": "happened_at"})
    (event,) = made.map([("?", NOW_MS, "test@example.com")]).events
    assert event.conversion_happened_at == NOW_MS
    assert made.ignored_columns == ("timestamp",)


def test_two_columns_mapped_to_one_field_are_an_error_that_names_both() -> None:
    with pytest.raises(ColumnError, match=r"'crm_mail' and 'mail'"):
        mapper("happened_at", "crm_mail", "mail", column_mapping={"crm_mail": "email", "mail": "email"})


@pytest.mark.parametrize("nothing", [None, ""])
def test_a_column_can_be_mapped_to_nothing(nothing: str | None) -> None:
    made = mapper("happened_at", "email", "SHA256_EMAIL", "Title", column_mapping={"email": nothing, "Title": nothing})
    assert made.ignored_columns == ("email", "Title")
    assert made.map([(NOW_MS, "?", "a" * 64, "Renewal")]).events


def test_columns_that_may_be_of_other_systems_are_reported_once() -> None:
    made = mapper("happened_at", "email", "Lead", "Title", "firstName", "user")
    assert [notice.partition(",")[0] for notice in made.notices] == [
        "column 'Lead' is taken for the lead of a LinkedIn form",
        "column 'Title' is taken for the person's job title; if it is something else",
        "column 'user' is taken for LinkedIn's record of the person",
    ]
    mapping = {"Lead": "lead", "Title": None, "user": None}
    assert mapper("happened_at", "Lead", "Title", "firstName", "user", column_mapping=mapping).notices == ()


def test_a_file_without_header_shows_no_cell_in_the_error() -> None:
    for mapping in ({}, {"crm_mail": "email"}):
        with pytest.raises(ColumnError) as error:
            mapper("jane.doe@example.com", "Jane", "2026-11-26", column_mapping=mapping)
        assert not any(cell in str(error.value) for cell in ("jane", "Jane", "2026"))


def test_columns_without_time_or_identifier_are_an_error() -> None:
    with pytest.raises(ColumnError, match="conversionHappenedAt"):
        mapper("email")
    with pytest.raises(ColumnError, match="identifies a person"):
        mapper("happened_at", "amount", "currency", "title")


def test_an_unknown_time_zone_is_an_error() -> None:
    with pytest.raises(ValueError, match="Mars/Olympus"):
        mapper("happened_at", "email", naive_timezone="Mars/Olympus")


@pytest.mark.parametrize("row", [(NOW_MS,), (NOW_MS, "test@example.com", 1), (), None, 7])
def test_a_row_of_another_shape_is_rejected_alone(row: object) -> None:
    good = (NOW_MS, "test@example.com")
    result = mapper("happened_at", "email").map([good, row, good])  # type: ignore[list-item]
    assert result.positions == [0, 2]
    (rejection,) = result.rejections
    assert (rejection.position, rejection.field, rejection.code) == (1, "row", "row_shape")
    assert "identifier" not in rejection.message


def test_rows_that_are_all_of_another_shape_are_rejected() -> None:
    result = mapper("happened_at", "email").map([(NOW_MS,), (NOW_MS,)])
    assert [rejection.code for rejection in result.rejections] == ["row_shape", "row_shape"]


def test_no_rows_make_no_events() -> None:
    result = mapper("happened_at", "email").map([])
    assert (result.events, result.positions, result.rejections, result.warnings) == ([], [], [], [])


def test_every_fault_of_a_row_is_in_the_message() -> None:
    row = {"happened_at": 0, "email": "x", "amount": "1,0", "currency": "EURO", "eventId": "e" * 300}
    rejection = map_row(row, rule=RULE, now_ms=NOW_MS)
    assert not isinstance(rejection, ConversionEvent)
    assert rejection.code == "time_too_old"
    for field in ("conversionHappenedAt: ", "amount: ", "currencyCode: ", "eventId: ", "email: "):
        assert field in rejection.message


def test_warnings_of_rejected_rows_are_not_reported() -> None:
    result = mapper("happened_at", "email", "amount", "currency").map([(0, "test@example.com", "1.005", "USD")])
    assert result.rejections
    assert not result.warnings


def test_a_column_mapping_that_is_text_is_refused():
    with pytest.raises(ColumnError, match="has to be a mapping of column to field, not str"):
        mapper("happened_at", "crm_mail", column_mapping='{"crm_mail": "email"}')
