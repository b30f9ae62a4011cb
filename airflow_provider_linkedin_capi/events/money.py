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
_SIMPLE: Final = frozenset({int, float, str, Decimal})
#: Pairs of amount and currency repeat; this many of them are kept ready.
_MOST_KEPT: Final = 100_000


class ValueColumns:
    """The columns of amount and currency, which only make sense together."""

    def __init__(self) -> None:
        self._known: dict[tuple[Any, Any], ConversionValue] = {}

    def read(
        self, amounts: Sequence[Any], currencies: Sequence[Any], findings: Findings
    ) -> list[ConversionValue | None]:
        """Return the value of each row, ``None`` where there is none."""
        known = self._known.get
        values: list[ConversionValue | None]
        try:
            values = [
                known((amount, currency)) if amount.__class__ in _SIMPLE and currency.__class__ is str else None
                for amount, currency in zip(amounts, currencies, strict=True)
            ]
        except TypeError:  # a signalling NaN has no hash
            values = [None] * len(amounts)
        if not all(values):
            for position, value in enumerate(values):
                if value is None:
                    values[position] = self._learn(amounts[position], currencies[position], position, findings)
        return values

    def _learn(self, amount: Any, currency: Any, position: int, findings: Findings) -> ConversionValue | None:
        given, code = plain(amount), plain(currency)
        if given is None:
            if code is not None:
                findings.add(position, "currencyCode", "currency_without_amount", warning=True)
            return None
        if code is None:
            findings.add(position, "amount", "amount_without_currency")
            return None
        code = code.upper() if isinstance(code, str) else ""
        decimals = CURRENCIES.get(code)
        if decimals is None:
            findings.add(position, "currencyCode", "currency_unknown")
        number = decimal(given)
        if isinstance(number, Refused):
            findings.add(position, "amount", number.code)
            return None
        if decimals is None:
            return None
        rounded = number.quantize(_QUANTA[decimals], context=_ARITHMETIC)
        value = ConversionValue(code, str(rounded))
        if rounded != number:
            findings.add(position, "amount", "amount_rounded", warning=True)
        elif amount.__class__ in _SIMPLE and currency.__class__ is str:
            if len(self._known) >= _MOST_KEPT:
                self._known.clear()
            self._known[amount, currency] = value
        return value


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
