"""Rows and rules of the retired offline conversions API, carried over to today's."""

from __future__ import annotations

import json
import time

import msgspec
import pytest

from airflow_provider_linkedin_capi.legacy import hook_methods, offline_conversions
from airflow_provider_linkedin_capi.legacy.row_mapper import migrate_offline_row
from tests.support.streaming import RULE_URN, letters

HASH = "bad8677b6c86f5d308ee82786c183482a5995f066694246c58c4df37b0cc41f1"
LEGACY = "202310"


def element(action="ADD", *, kind="LEAD", user=None):
    """An element of the offline API, shaped as its documentation's."""
    return {
        "action": action,
        "user": user
        or {
            "userIds": [{"idType": "SHA256_EMAIL", "idValue": HASH}],
            "firstName": "mike",
            "lastName": "smith",
            "title": "software engineer",
            "company": "microsoft",
            "country": "us",
        },
        "conversion": {
            "conversionType": kind,
            "moneyAmount": {"currencyCode": "USD", "amount": "50.0"},
            "conversionHappenedAt": int(time.time() * 1000) - 60_000,
        },
    }


def test_legacy_elements_become_events_and_lost_fields_are_reported_by_row(stream, rule, sandbox, tmp_path):
    rows = [
        element(),
        element("REMOVE"),
        element(kind="TALENT_LEAD"),
        element(user={"userIds": [{"idType": "SHA512_EMAIL", "idValue": "0" * 128}]}),
    ]
    run = stream(
        records=rows,
        source_format="offline",
        conversion_rule={"LEAD": rule},
        rejects_path=f"file://{tmp_path}/rejects.jsonl",
    )
    assert run.state == "success"
    assert (run.summary["rows_read"], run.summary["accepted"], run.summary["rejected"]) == (4, 1, 3)
    [event] = sandbox.world.events
    assert event["conversion"] == RULE_URN
    assert event["conversionHappenedAt"] == rows[0]["conversion"]["conversionHappenedAt"]
    assert event["conversionValue"] == {"currencyCode": "USD", "amount": "50.00"}
    assert event["user"]["userIds"] == [{"idType": "SHA256_EMAIL", "idValue": HASH}]
    assert event["user"]["userInfo"] == {
        "firstName": "mike",
        "lastName": "smith",
        "title": "software engineer",
        "companyName": "microsoft",
        "countryCode": "US",
    }
    told = letters(tmp_path / "rejects.jsonl")
    assert [letter["position"] for letter in told] == [1, 2, 3]
    assert [letter["code"] for letter in told] == ["offline_remove", "offline_type_retired", "email_sha512"]
    assert "can't be taken back" in told[0]["message"]


def test_flat_legacy_columns_of_a_warehouse_stream_as_well(stream, sandbox, warehouse):
    warehouse.execute(
        "CREATE TABLE offline (action TEXT, SHA256_EMAIL TEXT, firstName TEXT, lastName TEXT, company TEXT,"
        " conversionType TEXT, conversionHappenedAt INTEGER, currencyCode TEXT, amount TEXT)"
    )
    happened = int(time.time() * 1000) - 60_000
    for action in ("ADD", "REMOVE"):
        warehouse.execute(
            "INSERT INTO offline VALUES (?, ?, 'mike', 'smith', 'microsoft', 'LEAD', ?, 'USD', '50.0')",
            (action, HASH, happened),
        )
    run = stream(sql="SELECT * FROM offline", sql_conn_id="warehouse", source_format="offline")
    assert run.summary["reasons"] == {"offline_remove": 1}
    [event] = sandbox.world.events
    assert event["user"]["userInfo"]["companyName"] == "microsoft"


def test_a_legacy_table_streamed_again_sends_nothing_again(stream, sandbox, warehouse):
    rows = [element(), element(user={"firstName": "john", "lastName": "russell"})]
    parameters = {"records": rows, "source_format": "offline", "results_table": "sent", "results_conn_id": "warehouse"}
    assert stream(**parameters).summary["accepted"] == 2
    assert stream(**parameters).summary["skipped"] == 2
    assert len(sandbox.world.events) == 2


@pytest.fixture
def legacy_rule(hook, sandbox, monkeypatch):
    """A rule of the offline API, with its segment and a campaign, as an old account holds it."""
    sandbox.world.settings.versions.add(LEGACY)
    monkeypatch.setattr(hook_methods.time, "sleep", lambda seconds: None)
    segment = hook.create_offline_segment("Stores", source_platform="EXAMPLE", legacy_version=LEGACY)
    made = hook.create_offline_conversion_rule(
        "Store leads", "LEAD", segment.id, legacy_version=LEGACY, postClickAttributionWindowSize=90
    )
    hook.associate_campaigns(made.urn, [345396001])
    sandbox.world.settings.versions.discard(LEGACY)
    return made


def test_an_old_rule_is_carried_over_once_with_its_campaigns(hook, legacy_rule, sandbox):
    [old] = hook.find_conversion_rules(method="OFFLINE_CONVERSIONS_UPLOAD")
    new = hook.migrate_offline_conversion_rule(old.id)
    assert (new.name, new.type, new.conversion_method) == ("Store leads", "LEAD", "CONVERSIONS_API")
    assert new.post_click_attribution_window_size == 90
    assert new.dmp_segment is None
    assert new.campaigns == old.campaigns == ["urn:li:sponsoredCampaign:345396001"]
    assert hook.migrate_offline_conversion_rule(old.id) == new
    assert len(sandbox.world.rules) == 2


def test_a_rule_of_today_is_not_carried_over(hook, sandbox):
    rule = sandbox.world.add_rule()
    with pytest.raises(ValueError, match="of the kind CONVERSIONS_API"):
        hook.migrate_offline_conversion_rule(rule)


def test_a_rule_of_a_retired_type_wants_one_of_today(hook, sandbox):
    rule = sandbox.world.add_rule(method="OFFLINE_CONVERSIONS_UPLOAD", type="TALENT_LEAD", name="Talents")
    with pytest.raises(ValueError, match="TALENT_LEAD, which no rule can have today: give conversion_type"):
        hook.migrate_offline_conversion_rule(rule)
    assert hook.migrate_offline_conversion_rule(rule, conversion_type="LEAD").type == "LEAD"


def test_what_the_legacy_calls_send_is_what_the_migration_reads():
    legacy = msgspec.convert(element(), offline_conversions.OfflineConversion)
    migrated = migrate_offline_row(json.loads(msgspec.json.encode(legacy)))
    assert migrated["email"] == HASH
    assert migrated["companyName"] == "microsoft"
    assert migrated["amount"] == "50.0"
