"""Values as LinkedIn sends them, and as rows hold them."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from airflow_provider_linkedin_capi.exceptions import UnexpectedReplyError
from airflow_provider_linkedin_capi.reports import metrics

VALUE = "conversionValueInLocalCurrency"


@pytest.mark.parametrize(
    ("field", "sent", "currency", "held"),
    [
        ("externalWebsiteConversions", 7, "USD", 7),
        ("externalWebsiteConversions", "7", "USD", 7),
        ("externalWebsiteConversions", 7.0, "USD", 7),
        (VALUE, "576.05000000000014868", "USD", Decimal("576.05")),
        (VALUE, "0.00500000000000000", "USD", Decimal("0.01")),
        (VALUE, "0.1499999999", "USD", Decimal("0.15")),
        (VALUE, "1234.4999999", "JPY", Decimal(1234)),
        (VALUE, "1.2345000001", "KWD", Decimal("1.235")),
        (VALUE, "-3.005", "EUR", Decimal("-3.01")),
        (VALUE, 5, "USD", Decimal("5.00")),
        ("costInUsd", "12.3456", "JPY", Decimal("12.35")),
        ("costPerQualifiedLead", "12.3456", "JPY", Decimal(12)),
        ("audiencePenetration", "0.12345649999", "USD", Decimal("0.123456")),
        ("metricOfTheFuture", "1.50000000000000022", "USD", Decimal("1.500000")),
        ("externalWebsiteConversions", None, "USD", 0),
        (VALUE, None, "USD", Decimal("0.00")),
        ("audiencePenetration", None, "USD", None),
        ("approximateMemberReach", None, "USD", None),
    ],
)
def test_numbers_are_typed_and_rounded(field: str, sent: Any, currency: str, held: Any) -> None:
    value = metrics.rounded(field, metrics.typed(field, sent), currency)

    assert value == held
    assert type(value) is type(held)
    assert str(value) == str(held)


@pytest.mark.parametrize(
    ("field", "sent"),
    [
        ("externalWebsiteConversions", "7.5"),
        ("externalWebsiteConversions", "many"),
        ("externalWebsiteConversions", True),
        (VALUE, "NaN"),
        (VALUE, "Infinity"),
        (VALUE, {"amount": "1"}),
    ],
)
def test_a_value_that_is_not_a_number_is_not_zero(field: str, sent: Any) -> None:
    with pytest.raises(UnexpectedReplyError, match=field):
        metrics.typed(field, sent)


@pytest.mark.parametrize(("currency", "places"), [("USD", 2), ("JPY", 0), ("KWD", 3), ("XYZ", 2)])
def test_money_has_its_currencys_places(currency: str, places: int) -> None:
    assert metrics.places(currency) == places


def test_only_parts_that_add_up_are_added_up() -> None:
    assert metrics.additive("externalWebsiteConversions")
    assert metrics.additive("costInUsd")
    assert metrics.additive("registrations")
    for alone in ("approximateMemberReach", "averageDwellTime", "costPerQualifiedLead", "returnOnAdSpend",
                  "averageDealSizeInUsd", "opportunityWinRate", "metricOfTheFuture"):  # fmt: skip
        assert not metrics.additive(alone)


@pytest.mark.parametrize(
    ("field", "column"),
    [
        ("externalWebsiteConversions", "external_website_conversions"),
        ("costInUsd", "cost_in_usd"),
        ("averageEventWatchTimeOver15Seconds", "average_event_watch_time_over15_seconds"),
        ("clicks", "clicks"),
    ],
)
def test_columns_are_in_snake_case(field: str, column: str) -> None:
    assert metrics.column(field) == column
