"""What a conversion was worth."""

from __future__ import annotations

import re
from decimal import ROUND_HALF_UP, Context, Decimal
from typing import TYPE_CHECKING, Any, Final

from airflow_provider_linkedin_capi.currencies import CURRENCIES
from airflow_provider_linkedin_capi.events.cells import Refused, is_placeholder, to_python
from airflow_provider_linkedin_capi.events.model import ConversionValue
from airflow_provider_linkedin_capi.events.reading import in_blocks, of_kind

if TYPE_CHECKING:
    from collections.abc import Sequence

    from airflow_provider_linkedin_capi.events.reading import Findings

_MAX_DIGITS: Final = 15
_DECIMAL: Final = re.compile(r"([+-]?)(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d{1,4})?", re.ASCII).fullmatch
#: Commas between thousands beside a decimal point, which cannot be read in two ways.
_THOUSANDS: Final = re.compile(r"[+-]?\d{1,3}(?:,\d{3})+\.\d+", re.ASCII).fullmatch
_SEPARATED: Final = re.compile(r"[+-]?\d[\d.,' _\u00a0\u202f\u2009\u2019]*", re.ASCII).fullmatch
_ARITHMETIC: Final = Context(prec=400, rounding=ROUND_HALF_UP)
_QUANTA: Final = {decimals: Decimal((0, (1,), -decimals)) for decimals in set(CURRENCIES.values())}
#: An amount that is right as it stands in a currency with two decimals.
_AMOUNT: Final = r"(?:0|[1-9][0-9]{0,14}+)\.[0-9]{2}"
_USUAL_AMOUNT: Final = re.compile(_AMOUNT).fullmatch
_USUAL_AMOUNTS: Final = re.compile(rf"(?:{_AMOUNT}\n)++").fullmatch
_USUAL_CURRENCIES: Final = {
    spelling: code for code, decimals in CURRENCIES.items() if decimals == 2 for spelling in (code, code.lower())
}


def read_values(amounts: Sequence[Any], currencies: Sequence[Any], findings: Findings) -> list[ConversionValue | None]:
    """Return the value of each row from its amount and currency, ``None`` where it has no value."""
    texts = _usual_amounts(amounts)
    codes = of_kind(str, currencies, lambda cells: list(map(_USUAL_CURRENCIES.get, cells)))
    if all(texts) and all(codes):
        return list(map(ConversionValue, codes, texts))  # type: ignore[arg-type]
    values = [ConversionValue(code, text) if code and text else None for code, text in zip(codes, texts, strict=True)]
    for position, value in enumerate(values):
        if value is None:
            values[position] = _read_value(amounts[position], currencies[position], position, findings)
    return values


def _usual_amounts(amounts: Sequence[Any]) -> list[str | None]:
    kinds = set(map(type, amounts))
    if str in kinds:
        return of_kind(str, amounts, lambda texts: in_blocks(texts, _block_of_amounts, _usual_amount))
    texts = map(_two_decimals, amounts)
    return [text if _USUAL_AMOUNT(text) else None for text in texts]


def _block_of_amounts(texts: list[str]) -> list[str | None] | None:
    lines = "\n".join(texts) + "\n"
    return [*texts] if _USUAL_AMOUNTS(lines) and lines.count("\n") == len(texts) else None


def _usual_amount(text: str) -> str | None:
    return text if _USUAL_AMOUNT(text) else None


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
    amount = _present(amount, position, "amount", findings)
    currency = _present(currency, position, "currencyCode", findings)
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


def _present(cell: Any, position: int, field: str, findings: Findings) -> Any:
    """Return the cell as a plain value, ``None`` for absence and for placeholders."""
    try:
        value = to_python(cell)
    except Exception:  # a cell can be any object, and its methods foreign code
        return cell
    if isinstance(value, str) and is_placeholder(value):
        findings.add(position, field, "placeholder", warning=True)
        return None
    return value


def decimal(value: Any) -> Decimal | Refused:
    """Return the exact amount of a plain value; a float counts with its 15 reliable digits."""
    if isinstance(value, float):
        value = format(value, ".15g")
    if isinstance(value, str):
        if _THOUSANDS(value):
            value = value.replace(",", "")
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
