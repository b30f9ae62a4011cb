"""Cells of every kind: what warehouses hold, what comes near it, and what nobody would expect."""

from __future__ import annotations

import datetime as dt
import ipaddress
from typing import Any

from hypothesis import strategies as st

from airflow_provider_linkedin_capi.events.fields import FIELDS
from tests.support.mapped_rows import DAY_MS, NOW_MS


class Hostile:
    """An object that answers every question with an error."""

    def _refuse(self, *_: object) -> Any:
        raise RuntimeError

    __eq__ = __hash__ = __bool__ = __str__ = __repr__ = __len__ = __iter__ = __float__ = __int__ = _refuse


class ShoutingText(str):
    """A text that is not exactly ``str``."""

    __slots__ = ()

    def __str__(self) -> str:
        return "SHOUTED"


_any_text = st.text(st.characters(), max_size=70)
_times = st.one_of(
    st.integers(NOW_MS - 95 * DAY_MS, NOW_MS + DAY_MS),
    st.integers(NOW_MS - 95 * DAY_MS, NOW_MS + DAY_MS).map(lambda value: value * 1000),
    st.floats(NOW_MS / 1000 - 95 * 86_400, NOW_MS / 1000 + 3_600),
    st.datetimes(dt.datetime(2026, 6, 1), dt.datetime(2026, 10, 1)),
    st.datetimes(dt.datetime(2026, 6, 1), dt.datetime(2026, 10, 1)).map(str),
    st.datetimes(timezones=st.one_of(st.none(), st.timezones())),
    st.datetimes(timezones=st.timezones()).map(dt.datetime.isoformat),
    st.dates(),
)
_emails = st.one_of(
    st.emails(),
    st.from_regex(r"[a-zA-Z0-9._+-]{1,10}@[a-zA-Z0-9-]{1,10}(\.[a-zA-Z]{2,3}){1,2}", fullmatch=True),
    st.from_regex(r"\s?[^@\n]{1,8}[@\s][^@\n]{1,8}\.[^@]{1,3}", fullmatch=True),
    st.from_regex(r"([0-9a-fA-F]{32}){1,4}", fullmatch=True),
)
_ids = st.one_of(
    st.uuids(),
    st.uuids().map(str),
    st.from_regex(r"[!-~]{1,20}", fullmatch=True),
    st.from_regex(r"urn:li:\w{1,8}:[0-9]{1,3}|urn:li:leadGenFormResponse:[\w-]{0,8}", fullmatch=True),
    st.sampled_from(
        ["null", "undefined", "[]", '["a"]', '["a","b"]', "[1", "{}", "00000000-0000-0000-0000-000000000000"]
    ),
    st.lists(st.text(max_size=5), max_size=3),
)
_addresses = st.one_of(
    st.ip_addresses(), st.ip_addresses().map(str), st.from_regex(r"[0-9]{1,3}(\.[0-9]{1,3}){2,4}", fullmatch=True)
)
_amounts = st.one_of(
    st.from_regex(r"[+-]?[0-9]{0,4}[.,']?[0-9]{0,5}([eE][+-]?[0-9]{1,3})?", fullmatch=True),
    st.decimals(),
    st.decimals(0, 10_000, places=3),
    st.floats(),
    st.integers(),
)
_codes = st.sampled_from(["USD", "usd", "JPY", "KWD", "XXX", "EURO", "US", "us", "UK", "Germany", " de "])
_rules = st.one_of(
    st.integers(-1, 10**12),
    st.sampled_from(
        ["LEAD", "lead", "PURCHASE", "RATE", "urn:lla:llaPartnerConversion:5", "urn:li:llaPartnerConversion:5", "5"]
    ),
)
_names = st.one_of(
    st.text(st.characters(categories=["L", "M", "Zs", "P", "Cf"]), min_size=1, max_size=70),
    st.sampled_from(["Mary", "O'Brien", "Jean Paul", "Müller", "Иванов"]),
)
_members = st.one_of(_emails, _names, _amounts, _codes, st.none(), st.lists(_emails, max_size=2))
_records = st.one_of(
    st.dictionaries(
        st.sampled_from(
            ["userIds", "userInfo", "externalIds", "lead", "firstName", "lastName", "amount", "currencyCode"]
        ),
        st.one_of(_members, st.dictionaries(st.sampled_from(["firstName", "lastName", "title", "age"]), _members)),
        max_size=4,
    ),
    st.lists(
        st.one_of(
            _members, st.fixed_dictionaries({"idType": st.sampled_from(["SHA256_EMAIL", "X", 7]), "idValue": _members})
        ),
        max_size=3,
    ),
    st.sampled_from(['{"userIds": [', "{}", "[]", "{" * 5_000, '{"lead": "\\ud800"}', '{"userInfo": 7}']),
)
_strange = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.sampled_from([10**5000, -(10**5000), 10**15, 2**63, 0, -1]),
    st.floats(),
    st.decimals(),
    st.sampled_from(["", " ", "\ufeff", "\u200b", "\x00", "\ud800", "a\nb", "NaN", "inf"]),
    st.binary(max_size=40),
    st.binary(max_size=8).map(lambda value: memoryview(value)),
    st.times(),
    st.timedeltas(),
    st.complex_numbers(),
    st.lists(st.one_of(st.integers(), st.text(max_size=4), st.none()), max_size=3),
    st.dictionaries(st.text(max_size=3), st.integers(), max_size=2),
    st.builds(Hostile),
    _any_text.map(ShoutingText),
    st.just(ipaddress.ip_network("10.0.0.0/8")),
    st.just(int),
)
cells = st.one_of(_strange, _any_text, _times, _emails, _ids, _addresses, _amounts, _codes, _rules, _names)

#: Of each field mostly what belongs there, so that many rows become events.
_FITTING = {
    "conversion": _rules,
    "conversion_type": st.sampled_from(["LEAD", "purchase", "RATE"]),
    "conversionHappenedAt": _times,
    "email": _emails,
    "ip_address": _addresses,
    "SHA256_IP_ADDRESS": _addresses,
    "currencyCode": _codes,
    "countryCode": _codes,
    "amount": _amounts,
    **dict.fromkeys(("eventId", "li_fat_id", "ACXIOM_ID", "GOOGLE_AID", "externalIds", "lead"), _ids),
    **dict.fromkeys(("firstName", "lastName", "hashedFirstName", "hashedLastName", "companyName", "title"), _names),
    **dict.fromkeys(("user", "userIds", "userInfo", "conversionValue"), _records),
}


_GOOD: dict[str, st.SearchStrategy[Any]] = {
    "conversion": st.sampled_from([5, "5", None, "urn:lla:llaPartnerConversion:5"]),
    "conversion_type": st.sampled_from(["LEAD", "purchase"]),
    "conversionHappenedAt": st.integers(NOW_MS - 90 * DAY_MS, NOW_MS),
    "eventId": st.sampled_from(["order-000123", 7, None]),
    "email": st.sampled_from(["test@example.com", " Test@Example.com", None, "a" * 64]),
    "ip_address": st.sampled_from(["81.2.69.142", None]),
    "SHA256_IP_ADDRESS": st.sampled_from(["81.2.69.142", "b" * 64, None]),
    "countryCode": st.sampled_from(["US", "de", None]),
    "currencyCode": st.sampled_from(["USD", "jpy", "KWD"]),
    "amount": st.one_of(st.sampled_from(["50.00", 7, 0.5]), st.decimals(0, 10_000, places=2)),
    **dict.fromkeys(("li_fat_id", "ACXIOM_ID", "GOOGLE_AID", "lead"), st.sampled_from(["df5gf5-gh6t7-ph4", 7, None])),
    "user": st.sampled_from(
        [{"userIds": [{"idType": "SHA256_EMAIL", "idValue": "a" * 64}]}, '{"externalIds": ["crm-7"]}', "jdoe", None]
    ),
    "userIds": st.sampled_from([[{"idType": "ACXIOM_ID", "idValue": "df5gf5-gh6t7"}], "[]", None]),
    "userInfo": st.sampled_from([{"firstName": "Mary", "lastName": "O'Brien"}, '{"title": "Buyer"}', None]),
    "conversionValue": st.sampled_from([{"currencyCode": "USD", "amount": "50.0"}, None]),
    "externalIds": st.sampled_from(["crm-000123", ["crm-7"], '["crm-8"]', None]),
    **dict.fromkeys(("firstName", "lastName"), st.sampled_from(["Mary", "O'Brien", "Müller", None])),
    **dict.fromkeys(("hashedFirstName", "hashedLastName"), st.sampled_from(["Mary", "c" * 64, None])),
    **dict.fromkeys(("companyName", "title"), st.sampled_from(["Example Inc", None])),
}


@st.composite
def _cell(draw: st.DrawFn, field: str) -> Any:
    """Return mostly a good cell of the field, sometimes one that comes near, sometimes anything."""
    chance = draw(st.integers(0, 19))
    return draw(_GOOD[field] if chance < 15 else _FITTING[field] if chance < 18 else cells)


@st.composite
def tables(draw: st.DrawFn) -> tuple[list[str], list[tuple[Any, ...]]]:
    """Return columns that make events, and rows for them."""
    chosen = draw(st.lists(st.sampled_from(sorted(field.name for field in FIELDS)), unique=True, max_size=10))
    needed = ["conversionHappenedAt", "email", *(["currencyCode"] if "amount" in chosen else [])]
    columns = draw(st.permutations(sorted({*chosen, *needed})))
    return list(columns), draw(st.lists(st.tuples(*map(_cell, columns)), max_size=6))
