from __future__ import annotations

from hashlib import md5, sha256, sha512
from typing import Any

import pytest

from airflow_provider_linkedin_capi.events import ConversionEvent, RowMapper
from airflow_provider_linkedin_capi.events.model import UserInfo
from tests.support.mapped_rows import NOW_MS, RULE, event_of, mapped, rejection_of, warning_of

EMAIL = {"email": "test@example.com"}
MARY = "6915771be1c5aa0c886870b6951b03d7eafc121fea0e80a5ea83beb7c449f4ec"
OBRIEN = "b4cb6cb33fe4b865868de825023a1e2790dc12ac01ecc8d7c5afe8254071c8ba"


def info(event: ConversionEvent) -> UserInfo:
    assert event.user.user_info is not None
    return event.user.user_info


@pytest.mark.parametrize(
    ("name", "sent"),
    [
        ("Mary", "Mary"),
        ("  Mary\t", "Mary"),
        ("Jean \n Paul", "Jean Paul"),
        ("O'Brien", "O'Brien"),
        ("Mu\u0308ller", "Müller"),
        ("Müller", "Müller"),
        ("Zo\u200be\ufeff", "Zoe"),
        ("Ma\x00ry", "Mary"),
        ("Mary \x00", "Mary"),
        ("Jean \x00\u200b Paul", "Jean Paul"),
        ("Иванов", "Иванов"),
        ("王", "王"),
        (b"M\xc3\xbcller", "Müller"),
        ("Null", "Null"),
        ("Na", "Na"),
        ("Nil", "Nil"),
        ("Nan", "Nan"),
        ("NIL", "NIL"),
    ],
)
def test_names_are_tidied(name: object, sent: str) -> None:
    names = info(event_of({"firstName": name, "lastName": name}))
    assert (names.first_name, names.last_name) == (sent, sent)


@pytest.mark.parametrize(
    "text",
    [r"\N", "NULL", "null", "None", "NaN", "nan", "N/A", "n/a", "#N/A", "-", "--", "<null>", "(null)", "undefined",
     "Unknown", "NA", "<NA>", "(not set)", " NULL "],
)  # fmt: skip
def test_placeholders_instead_of_names_identify_nobody(text: str) -> None:
    names = {"firstName": text, "lastName": text}
    rejection = rejection_of(names)
    assert (rejection.field, rejection.code) == ("user", "no_identifier")
    result = mapped({**names, "company": text, "title": text, **EMAIL})
    assert [warning.code for warning in result.warnings] == ["id_placeholder", "id_placeholder"] + ["placeholder"] * 2
    assert result.events[0].user.user_info is None
    hashed = {"hashedFirstName": text, "hashedLastName": text}
    assert rejection_of(hashed).code == "no_identifier"


@pytest.mark.parametrize("text", ["NULL", r"\N", "N/A", "-"])
def test_a_placeholder_instead_of_company_title_or_country_is_left_out(text: str) -> None:
    row = {"firstName": "M", "lastName": "O", "company": text, "title": text, "country": text}
    result = mapped(row)
    assert info(result.events[0]) == UserInfo(first_name="M", last_name="O")
    assert [(each.field, each.code) for each in result.warnings] == [
        ("companyName", "placeholder"),
        ("title", "placeholder"),
        ("countryCode", "placeholder"),
    ]


def test_namibia_is_a_country() -> None:
    assert info(event_of({"firstName": "M", "lastName": "O", "country": "na"})).country_code == "NA"


def test_both_names_are_an_identifier() -> None:
    event = event_of({"first_name": "Mary", "last_name": "O'Brien"})
    assert event.user.user_ids == ()
    assert info(event) == UserInfo(first_name="Mary", last_name="O'Brien")


@pytest.mark.parametrize("missing", [None, "", "  ", float("nan")])
def test_half_a_name_does_not_identify_and_is_left_out(missing: object) -> None:
    rejection = rejection_of({"firstName": "Mary", "lastName": missing})
    assert (rejection.field, rejection.code) == ("firstName", "name_half")
    event, warning = warning_of({"firstName": missing, "lastName": "O'Brien", **EMAIL})
    assert (warning.field, warning.code) == ("lastName", "name_half")
    assert event.user.user_info is None


def test_half_a_name_that_was_cut_is_still_half() -> None:
    result = mapped({"firstName": "M" * 40, "lastName": None, **EMAIL})
    assert [warning.code for warning in result.warnings] == ["text_cut", "name_half"]


@pytest.mark.parametrize(
    ("name", "code"),
    [
        (7, "name_invalid"),
        (True, "name_invalid"),
        (["Mary"], "name_invalid"),
        ("\ud800", "name_invalid"),
        ("\x00", "name_invalid"),
        (MARY, "name_hashed"),
        (MARY.upper(), "name_hashed"),
        (md5(b"mary").hexdigest(), "name_hashed"),
    ],
)
def test_an_invalid_plain_name_is_rejected(name: object, code: str) -> None:
    rejection = rejection_of({"firstName": name, "lastName": "O'Brien"})
    assert (rejection.field, rejection.code) == ("firstName", code)


@pytest.mark.parametrize(("field", "most"), [("firstName", 35), ("lastName", 35), ("companyName", 50), ("title", 50)])
def test_long_texts_are_cut(field: str, most: int) -> None:
    row = {"firstName": "Mary", "lastName": "O'Brien", "companyName": None, "title": None}
    assert event_of(row | {field: "x" * most})
    event, warning = warning_of(row | {field: "x" * (most - 1) + " yz"})
    assert (warning.field, warning.code) == (field, "text_cut")
    assert "x" * (most - 1) in (
        info(event).first_name,
        info(event).last_name,
        info(event).company_name,
        info(event).title,
    )


@pytest.mark.parametrize(
    ("name", "digest"),
    [
        ("Mary", MARY),
        ("  mary ", MARY),
        ("O'Brien", OBRIEN),
        ("O\u2019Brien", OBRIEN),
        ("o brien", OBRIEN),
        ("O`Brien", OBRIEN),
        ("O\u00b4Brien", OBRIEN),
        ("Jean Paul", "565244b599be44b6177cda2e65ed00d3cf772e8a8d39c1551621b434a9d06b06"),
        ("Jean-Paul", "565244b599be44b6177cda2e65ed00d3cf772e8a8d39c1551621b434a9d06b06"),
        ("Müller", "2dbd218072117713f2d5996a726a9b216ed791ffd0783b6ba4ab6d61b8333192"),
        ("Mu\u0308ller", "2dbd218072117713f2d5996a726a9b216ed791ffd0783b6ba4ab6d61b8333192"),
        (MARY, MARY),
        (MARY.upper(), MARY),
        (bytes.fromhex(MARY), MARY),
        (memoryview(bytes.fromhex(MARY)), MARY),
    ],
)
def test_a_name_to_be_hashed_is_hashed_and_a_hash_passed_on(name: object, digest: str) -> None:
    names = info(event_of({"hashedFirstName": name, "hashedLastName": name}))
    assert names == UserInfo(hashed_first_name=digest, hashed_last_name=digest)


@pytest.mark.parametrize(
    ("name", "code"),
    [
        (md5(b"mary").hexdigest(), "name_hash_invalid"),
        (sha512(b"mary").hexdigest(), "name_hash_invalid"),
        ("aRV3G+HFqgyIaHC2lRsD1+r8Eh/qDoCl6oO+t8RJ9Ow=", "name_hash_invalid"),
        (sha256(b"").hexdigest(), "hash_of_nothing"),
        ("-'", "name_invalid"),
        (7, "name_invalid"),
    ],
)
def test_an_invalid_hashed_name_is_rejected(name: object, code: str) -> None:
    rejection = rejection_of({"hashedFirstName": name, "hashedLastName": "O'Brien"})
    assert (rejection.field, rejection.code) == ("hashedFirstName", code)


def test_a_plain_and_a_hashed_name_may_be_mixed() -> None:
    event = event_of({"firstName": "Mary", "hashedLastName": OBRIEN})
    assert info(event) == UserInfo(first_name="Mary", hashed_last_name=OBRIEN)


def test_of_a_name_given_plain_and_hashed_only_the_hash_is_sent() -> None:
    row = {"firstName": "Mary", "hashedFirstName": MARY, "lastName": "O'Brien", "hashedLastName": None}
    assert info(event_of(row)) == UserInfo(hashed_first_name=MARY, last_name="O'Brien")


def test_hashed_names_are_left_out_before_the_version_that_takes_them() -> None:
    columns = ("happened_at", "email", "hashedFirstName", "hashedLastName")
    mapper = RowMapper(columns, rule=RULE, now_ms=NOW_MS, api_version="202608")
    (event,) = mapper.map([(NOW_MS, "test@example.com", MARY, OBRIEN)]).events
    assert event.user.user_info is None
    assert mapper.ignored_columns == ("hashedFirstName", "hashedLastName")
    assert len(mapper.notices) == 2
    assert "202609" in mapper.notices[0]


@pytest.mark.parametrize(("country", "code"), [("US", "US"), ("us", "US"), (" de ", "DE"), (b"fr", "FR")])
def test_a_country_is_a_code_in_capitals(country: object, code: str) -> None:
    assert info(event_of({"firstName": "M", "lastName": "O", "country": country})).country_code == code


@pytest.mark.parametrize("country", ["UK", "EU", "USA", "Germany", "XX", "u", 49, True, ["US"], "\u0131N"])
def test_a_country_that_does_not_exist_is_left_out_with_a_warning(country: object) -> None:
    event, warning = warning_of({"firstName": "M", "lastName": "O", "country": country})
    assert (warning.field, warning.code) == ("countryCode", "country_unknown")
    assert info(event) == UserInfo(first_name="M", last_name="O")


def test_a_company_that_is_not_text_is_left_out_with_a_warning() -> None:
    event, warning = warning_of({"firstName": "M", "lastName": "O", "company": 7})
    assert (warning.field, warning.code) == ("companyName", "text_invalid")
    assert info(event).company_name is None


def test_company_title_and_country_are_left_out_without_names() -> None:
    row: dict[str, Any] = {"firstName": None, "lastName": None, **EMAIL}
    result = mapped(row | {"company": "Example Inc", "title": "Engineer", "country": "US"})
    assert result.events[0].user.user_info is None
    assert [(warning.field, warning.code) for warning in result.warnings] == [
        ("companyName", "info_without_names"),
        ("title", "info_without_names"),
        ("countryCode", "info_without_names"),
    ]


def test_without_columns_of_names_the_rest_of_the_person_is_left_out() -> None:
    mapper = RowMapper(("happened_at", "email", "company", "job_title", "country"), rule=RULE, now_ms=NOW_MS)
    result = mapper.map([(NOW_MS, "test@example.com", "Example Inc", "Engineer", "US")])
    assert not result.warnings
    assert mapper.ignored_columns == ("company", "job_title", "country")
    assert len(mapper.notices) == 3
