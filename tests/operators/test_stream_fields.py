"""Rows in the shapes that LinkedIn's users hold, from their files and tables to LinkedIn."""

from __future__ import annotations

import datetime as dt
import json

from tests.support.streaming import RULE_URN, happened_at, letters


def test_linkedins_csv_template_is_streamed_with_one_setting(stream, sandbox, tmp_path):
    day = dt.datetime.now(dt.UTC) - dt.timedelta(days=3)
    purchases = sandbox.world.add_rule(type="PURCHASE")
    dates = [f"{day:%m/%d/%Y}", f"{day:%B} {day.day}, {day.year}", f"{day.day} {day:%B} {day.year}"]
    dates += [f"{day:%b} {day.day}, {day.year}", str(int(day.timestamp() * 1000))]
    lines = ["email,firstname,lastname,employeecompany,title,country,timestamp,eventtype,amount,currency"]
    lines += [
        f'rosa{number}@haus.example,Rosa,Kamp,Haus GmbH,Buyer,DE,"{date}",PURCHASE,"2,000.02",EUR'
        for number, date in enumerate(dates)
    ]
    (tmp_path / "upload.csv").write_text("\n".join(lines))
    rules = {"PURCHASE": purchases, "LEAD": RULE_URN}
    run = stream(path=f"{tmp_path}/upload.csv", conversion_rule=rules, time_format="%m/%d/%Y", max_invalid=0)
    assert (run.state, run.summary["accepted"], run.summary["warned"]) == ("success", 5, 0)
    for event in sandbox.world.events:
        assert event["conversion"] == f"urn:lla:llaPartnerConversion:{purchases}"
        assert event["conversionValue"] == {"currencyCode": "EUR", "amount": "2000.02"}
        assert event["user"]["userInfo"]["companyName"] == "Haus GmbH"
        sent = dt.datetime.fromtimestamp(event["conversionHappenedAt"] / 1000, dt.UTC)
        assert sent.date() == day.date()


def test_json_lines_of_linkedins_own_shape_are_streamed_as_they_are(stream, sandbox, tmp_path):
    event = {
        "conversion": RULE_URN,
        "conversionHappenedAt": int(dt.datetime.fromisoformat(happened_at()).timestamp() * 1000),
        "conversionValue": {"currencyCode": "USD", "amount": "50.00"},
        "eventId": "order-000123",
        "user": {
            "userIds": [{"idType": "SHA256_EMAIL", "idValue": "a1" * 32}],
            "userInfo": {"firstName": "Mary", "lastName": "O'Brien"},
            "externalIds": ["crm-000123"],
        },
    }
    (tmp_path / "events.jsonl").write_text(json.dumps(event))
    run = stream(path=f"{tmp_path}/events.jsonl")
    assert (run.summary["accepted"], run.summary["warned"]) == (1, 0)
    (stored,) = sandbox.world.events
    assert {name: stored[name] for name in event} == event


def test_nobodys_values_are_never_delivered_and_counted(stream, sandbox, tmp_path):
    rows = [
        {"firstName": r"\N", "lastName": r"\N"},
        {"ip_address": "10.0.3.7"},
        {"email": "a@example.com", "eventId": "1.23457E+18"},
        {"external_id": "9.87654E+15"},
        {"Lead": "00Q5e000009AbCdEAV"},
        {"email": "NULL"},
        {"email": "b@example.com", "amount": "NULL", "currency": "NULL", "eventId": r"\N"},
    ]
    columns = dict.fromkeys(name for row in rows for name in row)
    records = [{"happened_at": happened_at(), **dict.fromkeys(columns), **row} for row in rows]
    run = stream(records=records, rejects_path=f"{tmp_path}/dead.jsonl")
    assert run.summary["reasons"] == {
        "no_identifier": 1,
        "ip_not_public": 1,
        "event_id_rounded": 1,
        "id_rounded": 1,
        "lead_of_others": 1,
        "id_placeholder": 1,
    }
    assert run.summary["warnings"] == {"event_id_placeholder": 1, "placeholder": 2}
    assert len(letters(tmp_path / "dead.jsonl")) == 6
    (event,) = sandbox.world.events
    assert event["user"] == {"userIds": event["user"]["userIds"]}
    assert "conversionValue" not in event
