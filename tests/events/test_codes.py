from __future__ import annotations

import re
from pathlib import Path

import airflow_provider_linkedin_capi.events as events
from airflow_provider_linkedin_capi.events.codes import CODES
from airflow_provider_linkedin_capi.events.fields import FIELDS, Role, fields_of

SOURCES = Path(events.__file__).parents[1]
PAGE = Path(__file__).parents[2] / "docs" / "fields.md"


def test_the_documentation_lists_exactly_the_codes_with_their_meaning() -> None:
    rows = re.findall(r"^\| `(\w+)` \| ([^|]+) \|$", PAGE.read_text(), re.MULTILINE)
    assert dict(rows) == CODES
    assert len(rows) == len(CODES)


def test_the_documentation_lists_every_field_with_its_aliases() -> None:
    page = PAGE.read_text()
    rows = re.findall(r"^\| `(\w+)` \|([^|]*)\|.*\|.*\|.*\|$", page, re.MULTILINE)
    assert {name: set(re.findall(r"`(\w+)`", aliases)) for name, aliases in rows} == {
        field.name: set(field.aliases) for field in FIELDS
    }


def test_the_documentation_lists_the_identifier_types_in_their_order() -> None:
    (listed,) = re.findall(
        r"for each entry of `userIds`, in the order ([^;]*);", PAGE.read_text().replace("\n    ", " ")
    )
    assert re.findall(r"`(\w+)`", listed) == [field.id_type for field in fields_of(Role.USER_ID)]


def test_every_code_is_given_somewhere() -> None:
    files = [path for name in ("events", "legacy", "sources") for path in SOURCES.glob(f"{name}/*.py")]
    source = "".join(path.read_text() for path in files if path.name != "codes.py")
    assert [code for code in CODES if f'"{code}"' not in source] == []
