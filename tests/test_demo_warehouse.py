"""The demo's rows are what they claim to be: each refused for its own defect, and for no other."""

from __future__ import annotations

import datetime as dt
from collections import Counter

from airflow_provider_linkedin_capi.events.mapper import RowMapper
from demo.warehouse import ROWS, conversions

TODAY = dt.date(2026, 11, 22)
RULES = {"LEAD": 1, "PURCHASE": 2}


def test_every_row_is_delivered_or_refused_as_its_defect_says() -> None:
    rows = list(conversions(TODAY))
    names = [name for name in rows[0][0] if name not in ("id", "loaded_at")]
    now_ms = int(dt.datetime.combine(TODAY, dt.time(12), dt.UTC).timestamp() * 1000)
    mapper = RowMapper(names, rule=RULES, now_ms=now_ms)

    mapped = mapper.map([[row[name] for name in names] for row, _ in rows])

    refused = {rejection.position: rejection.code for rejection in mapped.rejections}
    assert refused == {position: code for position, (_, code) in enumerate(rows) if code is not None}
    assert len(rows) == ROWS
    assert len(Counter(refused.values())) == 10, "each kind of defect occurs"


def test_the_rows_are_the_same_every_time() -> None:
    assert list(conversions(TODAY, 500)) == list(conversions(TODAY, 500))


def test_the_rows_name_nobody() -> None:
    addresses = [row["email"] for row, _ in conversions(TODAY) if "@" in (row["email"] or "")]

    assert addresses
    assert {address.strip(" \ufeff\u00a0").lower().partition("@")[2] for address in addresses} == {"example.com"}
