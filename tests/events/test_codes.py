from __future__ import annotations

import re
from pathlib import Path

import airflow_provider_linkedin_capi.events as events
from airflow_provider_linkedin_capi.events.codes import CODES
from airflow_provider_linkedin_capi.events.columns import FIELDS

SOURCES = Path(events.__file__).parents[1]
PAGE = Path(__file__).parents[2] / "docs" / "fields.md"


def test_the_documentation_lists_exactly_the_codes_with_their_meaning() -> None:
    rows = re.findall(r"^\| `(\w+)` \| ([^|]+) \|$", PAGE.read_text(), re.MULTILINE)
    assert dict(rows) == CODES
    assert len(rows) == len(CODES)


def test_the_documentation_lists_every_field_with_its_aliases() -> None:
    page = PAGE.read_text()
    for field, aliases in FIELDS.items():
        (row,) = re.findall(rf"^\| `{field}` \|([^|]*)\|", page, re.MULTILINE)
        assert set(re.findall(r"`(\w+)`", row)) == set(aliases)


def test_every_code_is_given_somewhere() -> None:
    files = [path for name in ("events", "legacy", "sources") for path in SOURCES.glob(f"{name}/*.py")]
    source = "".join(path.read_text() for path in files if path.name != "codes.py")
    assert [code for code in CODES if f'"{code}"' not in source] == []
