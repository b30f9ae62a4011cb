from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

import pytest

from airflow_provider_linkedin_capi.currencies import CURRENCIES
from airflow_provider_linkedin_capi.events.countries import COUNTRIES
from airflow_provider_linkedin_capi.exceptions import ColumnError
from tests.support.mapped_rows import event_of, mapped, rejection_of, warning_of

if TYPE_CHECKING:
    from airflow_provider_linkedin_capi.events import ConversionEvent

EMAIL = {"email": "test@example.com"}


def sent(event: ConversionEvent) -> tuple[str, str]:
    assert event.conversion_value is not None
    return event.conversion_value.currency_code, event.conversion_value.amount


@pytest.mark.parametrize(
    ("amount", "text"),
    [
        ("50", "50.00"),
        ("50.0", "50.00"),
        ("50.00", "50.00"),
        ("50.5000", "50.50"),
        ("007.5", "7.50"),
        (".5", "0.50"),
        ("5.", "5.00"),
        ("+5", "5.00"),
        (" 12.34 ", "12.34"),
        ("2,000.02", "2000.02"),
        ("1,234,567.8", "1234567.80"),
        ("1e3", "1000.00"),
        ("1.5E+2", "150.00"),
        (b"12.34", "12.34"),
        (0, "0.00"),
        ("-0", "0.00"),
        (-0.0, "0.00"),
        (50, "50.00"),
        (50.0, "50.00"),
        (49.9, "49.90"),
        (19.99, "19.99"),
        (0.1 + 0.2, "0.30"),
        (19.990000000000002, "19.99"),
        (1e14, "100000000000000.00"),
        (123456789012.34, "123456789012.34"),
        (12345678901234.56, "12345678901234.60"),
        (Decimal("12.34"), "12.34"),
        (Decimal("12.3400"), "12.34"),
        (Decimal("1E+3"), "1000.00"),
        (Decimal("0E+9999"), "0.00"),
        (999_999_999_999_999, "999999999999999.00"),
        ("999999999999999.99", "999999999999999.99"),
    ],
)
def test_an_amount_is_decimal_text_with_the_decimals_of_its_currency(amount: object, text: str) -> None:
    assert sent(event_of({**EMAIL, "amount": amount, "currency": "USD"})) == ("USD", text)


@pytest.mark.parametrize(
    ("currency", "text"), [("JPY", "50"), ("usd", "50.00"), (" Eur ", "50.00"), ("KWD", "50.000"), ("CLF", "50.0000")]
)
def test_a_currency_in_any_case_decides_the_decimals(currency: str, text: str) -> None:
    assert sent(event_of({**EMAIL, "amount": 50, "currency": currency})) == (currency.strip().upper(), text)


@pytest.mark.parametrize(
    ("amount", "currency", "text"),
    [
        ("12.345", "USD", "12.35"),
        ("12.344", "USD", "12.34"),
        ("0.005", "USD", "0.01"),
        ("12.5", "JPY", "13"),
        ("11.5", "JPY", "12"),
        (Decimal("12.3455"), "KWD", "12.346"),
        (12.345, "USD", "12.35"),
        ("1e-9999", "USD", "0.00"),
    ],
)
def test_more_decimals_than_the_currency_has_are_rounded_half_up(amount: object, currency: str, text: str) -> None:
    event, warning = warning_of({**EMAIL, "amount": amount, "currency": currency})
    assert (warning.field, warning.code) == ("amount", "amount_rounded")
    assert sent(event) == (currency, text)


@pytest.mark.parametrize(
    ("amount", "code"),
    [
        ("1,234", "amount_separator"),
        ("1234,567.5", "amount_separator"),
        ("1,2345.6", "amount_separator"),
        ("1,234.", "amount_separator"),
        ("2.000,02", "amount_separator"),
        ("1.234,56", "amount_separator"),
        ("1.234.567", "amount_separator"),
        ("1 234", "amount_separator"),
        ("1\u202f234,5", "amount_separator"),
        ("1'234", "amount_separator"),
        ("1_234", "amount_separator"),
        ("-5", "amount_negative"),
        (-0.01, "amount_negative"),
        (Decimal("-5"), "amount_negative"),
        pytest.param(-(10**5000), "amount_negative", id="minus 5001 digits"),
        ("-1e9999", "amount_negative"),
        (10**15, "amount_too_large"),
        (1e15, "amount_too_large"),
        ("1e15", "amount_too_large"),
        ("1e9999", "amount_too_large"),
        pytest.param(10**5000, "amount_too_large", id="5001 digits"),
        (Decimal("1e999999"), "amount_too_large"),
        ("$50", "amount_invalid"),
        ("50 USD", "amount_invalid"),
        ("fifty", "amount_invalid"),
        ("Infinity", "amount_invalid"),
        ("1e", "amount_invalid"),
        ("1e99999", "amount_invalid"),
        ("--5", "amount_invalid"),
        ("\u0665\u0660", "amount_invalid"),
        (float("inf"), "amount_invalid"),
        (Decimal("-Infinity"), "amount_invalid"),
        (True, "amount_invalid"),
        ([50], "amount_invalid"),
        (object(), "amount_invalid"),
    ],
)
def test_an_invalid_amount_is_rejected(amount: object, code: str) -> None:
    rejection = rejection_of({**EMAIL, "amount": amount, "currency": "USD"})
    assert (rejection.field, rejection.code) == ("amount", code)


@pytest.mark.parametrize(
    "currency", ["EURO", "€", "US", "XXX", "XAU", "BGN", "DEM", "ABC", "\u0131NR", 840, True, ["USD"]]
)
def test_a_currency_that_does_not_exist_is_rejected(currency: object) -> None:
    rejection = rejection_of({**EMAIL, "amount": "50.00", "currency": currency})
    assert (rejection.field, rejection.code) == ("currencyCode", "currency_unknown")


@pytest.mark.parametrize("currency", [None, "", float("nan")])
def test_an_amount_without_currency_is_rejected(currency: object) -> None:
    rejection = rejection_of({**EMAIL, "amount": "50.00", "currency": currency})
    assert (rejection.field, rejection.code) == ("amount", "amount_without_currency")


@pytest.mark.parametrize("amount", [None, "", " ", float("nan"), Decimal("NaN"), Decimal("sNaN")])
def test_a_currency_without_amount_is_left_out_with_a_warning(amount: object) -> None:
    event, warning = warning_of({**EMAIL, "amount": amount, "currency": "USD"})
    assert (warning.field, warning.code) == ("currencyCode", "currency_without_amount")
    assert event.conversion_value is None


@pytest.mark.parametrize("text", [r"\N", "NULL", "None", "NaN", "N/A", "#N/A", "-", "<null>", "undefined"])
def test_placeholders_instead_of_amount_and_currency_are_left_out(text: str) -> None:
    result = mapped({**EMAIL, "amount": text, "currency": text})
    assert [(each.field, each.code) for each in result.warnings] == [
        ("amount", "placeholder"),
        ("currencyCode", "placeholder"),
    ]
    assert result.events[0].conversion_value is None
    assert rejection_of({**EMAIL, "amount": "5", "currency": text}).code == "amount_without_currency"


def test_a_row_without_amount_and_currency_has_no_value() -> None:
    assert event_of({**EMAIL, "amount": None, "currency": None}).conversion_value is None


def test_a_column_of_amounts_needs_one_of_currencies() -> None:
    with pytest.raises(ColumnError, match="currencyCode"):
        mapped({**EMAIL, "amount": "50.00"})


def test_the_tables_hold_the_countries_and_currencies_in_use() -> None:
    assert len(COUNTRIES) == 249
    assert {"US", "GB", "DE", "SS", "CW"} <= COUNTRIES
    assert COUNTRIES.isdisjoint({"UK", "EU", "XK", "AN", "SU"})
    assert {CURRENCIES[code] for code in ("USD", "EUR", "MGA")} == {2}
    assert {CURRENCIES[code] for code in ("JPY", "KRW", "CLP", "ISK")} == {0}
    assert {CURRENCIES[code] for code in ("KWD", "BHD", "TND")} == {3}
    assert CURRENCIES.keys().isdisjoint({"BGN", "HRK", "DEM", "XXX", "XTS", "XAU", "BTC"})
