"""What a conversion was worth."""

from __future__ import annotations

import re
from decimal import ROUND_HALF_UP, Context, Decimal
from typing import TYPE_CHECKING, Any, Final

from airflow_provider_linkedin_capi.events.iso import CURRENCIES
from airflow_provider_linkedin_capi.events.model import ConversionValue
from airflow_provider_linkedin_capi.events.plain import Refused, plain

if TYPE_CHECKING:
    from collections.abc import Sequence

    from airflow_provider_linkedin_capi.events.reading import Findings

_MAX_DIGITS: Final = 15
_DECIMAL: Final = re.compile(r"([+-]?)(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d{1,4})?", re.ASCII).fullmatch
_SEPARATED: Final = re.compile(r"[+-]?\d[\d.,' _\u00a0\u202f\u2009\u2019]*", re.ASCII).fullmatch
_ARITHMETIC: Final = Context(prec=400, rounding=ROUND_HALF_UP)
_QUANTA: Final = {decimals: Decimal((0, (1,), -decimals)) for decimals in set(CURRENCIES.values())}
#: An amount that is right as it stands in a currency with two decimals.
_USUAL_AMOUNT: Final = re.compile(r"(?:0|[1-9][0-9]{0,14})\.[0-9]{2}").fullmatch
_USUAL_CURRENCIES: Final = {
    spelling: code for code, decimals in CURRENCIES.items() if decimals == 2 for spelling in (code, code.lower())
}


def read_values(amounts: Sequence[Any], currencies: Sequence[Any], findings: Findings) -> list[ConversionValue | None]:
    """Return the value of each row from its amount and currency, ``None`` where there is none."""
    code_of, usual = _USUAL_CURRENCIES.get, _USUAL_AMOUNT
    texts = [amount if amount.__class__ is str else _two_decimals(amount) for amount in amounts]
    values = [
        ConversionValue(code, text)
        if usual(text) and currency.__class__ is str and (code := code_of(currency))
        else None
        for text, currency in zip(texts, currencies, strict=True)
    ]
    if not all(values):
        for position, value in enumerate(values):
            if value is None:
                values[position] = _read_value(amounts[position], currencies[position], position, findings)
    return values


def _two_decimals(amount: Any) -> str:
    """Return the text of a number that two decimals hold exactly; else some other text."""
    if amount.__class__ is Decimal:
        return str(amount)
    if amount.__class__ is int:
        return f"{amount}.00" if 0 <= amount < 10**_MAX_DIGITS else ""
    # below 10**12 two decimals are within the 15 digits that a float holds
    if amount.__class__ is float and 0 <= amount < 1e12 and float(text := f"{amount:.2f}") == amount:
        return text
    return ""


def _read_value(amount: Any, currency: Any, position: int, findings: Findings) -> ConversionValue | None:
    amount, currency = plain(amount), plain(currency)
    if amount is None:
        if currency is not None:
            findings.add(position, "currencyCode", "currency_without_amount", warning=True)
        return None
    if currency is None:
        findings.add(position, "amount", "amount_without_currency")
        return None
    code = currency.upper() if isinstance(currency, str) and currency.isascii() else ""
    decimals = CURRENCIES.get(code)
    if decimals is None:
        findings.add(position, "currencyCode", "currency_unknown")
    number = decimal(amount)
    if isinstance(number, Refused):
        findings.add(position, "amount", number.code)
    if decimals is None or isinstance(number, Refused):
        return None
    rounded = number.quantize(_QUANTA[decimals], context=_ARITHMETIC)
    if rounded != number:
        findings.add(position, "amount", "amount_rounded", warning=True)
    return ConversionValue(code, str(rounded))


def decimal(value: Any) -> Decimal | Refused:
    """Return the exact amount of a plain value; a float counts with its 15 reliable digits."""
    if isinstance(value, float):
        value = format(value, ".15g")
    if isinstance(value, str):
        if not _DECIMAL(value):
            return Refused("amount_separator" if _SEPARATED(value) else "amount_invalid")
        value = Decimal(value)
    elif isinstance(value, int) and not isinstance(value, bool):
        value = Decimal(value) if abs(value) < 10**_MAX_DIGITS else Decimal(10**_MAX_DIGITS if value > 0 else -1)
    if not isinstance(value, Decimal) or not value.is_finite():
        return Refused("amount_invalid")
    if value < 0:
        return Refused("amount_negative")
    if value and value.adjusted() >= _MAX_DIGITS:
        return Refused("amount_too_large")
    return value.copy_abs()
