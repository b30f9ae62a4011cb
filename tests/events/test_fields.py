"""A field or an identifier type is one row of the table and a reader."""

from __future__ import annotations

import json
from typing import Any

import pytest

from airflow_provider_linkedin_capi.events import RowMapper, encode_batch, fields
from airflow_provider_linkedin_capi.events.cells import Refused
from airflow_provider_linkedin_capi.events.fields import Field, Role
from airflow_provider_linkedin_capi.events.reading import Reader
from tests.support.mapped_rows import NOW_MS, RULE


def carrier_pigeon(value: Any) -> Any:
    return value.upper() if isinstance(value, str) and value.isalpha() else Refused("id_invalid")


@pytest.fixture
def _pigeons(monkeypatch: pytest.MonkeyPatch) -> None:
    pigeon = Field(
        name="pigeon",
        aliases=("CARRIER_PIGEON",),
        role=Role.USER_ID,
        id_type="CARRIER_PIGEON_ID",
        reader=lambda: Reader(carrier_pigeon),
        since="202609",
    )
    monkeypatch.setattr(fields, "FIELDS", (*fields.FIELDS, pigeon))


@pytest.mark.usefixtures("_pigeons")
def test_a_new_identifier_type_is_delivered_by_one_row_of_the_table() -> None:
    mapper = RowMapper(("happened_at", "carrier pigeon", "email"), rule=RULE, now_ms=NOW_MS)
    result = mapper.map([(NOW_MS, "homer", None), (NOW_MS, "h0mer", None), (NOW_MS, "homer", "test@example.com")])
    ids = [element["user"]["userIds"] for element in json.loads(encode_batch(result.events))["elements"]]
    assert ids[0] == [{"idType": "CARRIER_PIGEON_ID", "idValue": "HOMER"}]
    assert [each["idType"] for each in ids[1]] == ["SHA256_EMAIL", "CARRIER_PIGEON_ID"]
    assert [(each.field, each.code) for each in result.rejections] == [("pigeon", "id_invalid")]


@pytest.mark.usefixtures("_pigeons")
def test_a_new_identifier_type_is_read_from_linkedins_own_shape_too() -> None:
    mapper = RowMapper(("happened_at", "userIds"), rule=RULE, now_ms=NOW_MS)
    result = mapper.map([(NOW_MS, [{"idType": "CARRIER_PIGEON_ID", "idValue": "homer"}])])
    assert [each.id_value for each in result.events[0].user.user_ids] == ["HOMER"]


@pytest.mark.usefixtures("_pigeons")
def test_an_identifier_type_is_left_out_before_the_version_that_takes_it() -> None:
    mapper = RowMapper(("happened_at", "pigeon", "email"), rule=RULE, now_ms=NOW_MS, api_version="202608")
    assert mapper.ignored_columns == ("pigeon",)
    assert "202609" in mapper.notices[0]


def test_every_field_but_those_read_with_settings_has_a_reader() -> None:
    without = {field.name for field in fields.FIELDS if field.reader is None}
    assert without == {field.name for field in fields.fields_of(Role.RULE, Role.TIME, Role.VALUE, Role.RECORD)}
