"""The retired offline conversions API, against an endpoint that still serves a legacy version."""

from __future__ import annotations

import datetime as dt
import time

import msgspec
import pytest

from airflow_provider_linkedin_capi import exceptions
from airflow_provider_linkedin_capi.api import ad_analytics
from airflow_provider_linkedin_capi.legacy import dmp_segments, hook_methods, offline_conversions
from airflow_provider_linkedin_capi.legacy.offline_conversions import (
    OfflineConversion,
    OfflineDetails,
    OfflineMoney,
    OfflineUser,
    OfflineUserId,
)

LEGACY = "202310"


@pytest.fixture
def naps(monkeypatch, sandbox):
    """The seconds slept; the sandbox's clock moves instead."""
    slept = []

    def sleep(seconds):
        slept.append(seconds)
        sandbox.world.clock.offset_seconds += seconds

    monkeypatch.setattr(hook_methods.time, "sleep", sleep)
    return slept


@pytest.fixture
def legacy(sandbox):
    """A LinkedIn that still serves the last version with offline conversions."""
    sandbox.world.settings.versions.add(LEGACY)
    return sandbox.world


@pytest.fixture
def segment(hook, legacy, naps):
    return hook.create_offline_segment("Stores", source_platform="EXAMPLE", legacy_version=LEGACY)


def sale(number=0, action="ADD", **user):
    user = user or {"user_ids": [OfflineUserId(id_type="SHA256_EMAIL", id_value=f"{number:064x}")]}
    return OfflineConversion(
        action=action,
        user=OfflineUser(**user),
        conversion=OfflineDetails(
            conversion_type="PURCHASE",
            conversion_happened_at=int(time.time() * 1000) - 60_000,
            money_amount=OfflineMoney(currency_code="USD", amount="50.0"),
        ),
    )


def stored(world):
    rows = world._store.query("SELECT body FROM event WHERE source = 'OFFLINE' ORDER BY number")
    return [msgspec.json.decode(body) for (body,) in rows]


def test_a_new_segment_is_left_alone_for_five_seconds(segment, naps):
    assert naps == [5.0]
    assert segment.urn == f"urn:li:dmpSegment:{segment.id}"


def test_segments_are_read_and_found(hook, segment):
    assert hook.get_offline_segment(segment.id, legacy_version=LEGACY).name == "Stores"
    found = hook.find_offline_segments(legacy_version=LEGACY, source_platform="EXAMPLE")
    assert [each.id for each in found] == [segment.id]
    assert list(hook.find_offline_segments(legacy_version=LEGACY, source_platform="OTHER")) == []


def test_one_conversion_is_streamed_and_removed_again(hook, segment, legacy):
    conversion = sale(7, first_name="mike", last_name="smith")
    hook.stream_offline_conversion(segment.id, conversion, legacy_version=LEGACY)
    assert stored(legacy)[0]["user"] == {"firstName": "mike", "lastName": "smith"}
    removal = msgspec.structs.replace(conversion, action="REMOVE")
    hook.stream_offline_conversion(segment.id, removal, legacy_version=LEGACY)
    assert stored(legacy) == []


def test_any_number_of_conversions_goes_out_in_batches_of_5000(hook, segment, legacy):
    assert hook.stream_offline_conversions(segment.id, map(sale, range(5001)), legacy_version=LEGACY) == 5001
    assert len(stored(legacy)) == 5001
    assert [call.restli_method for call in legacy.requests][-2:] == ["dmpSegments/conversions.BATCH_CREATE"] * 2


def test_batches_hold_at_most_two_megabytes():
    big = sale(
        0,
        first_name="a" * 35,
        last_name="b" * 35,
        title="c" * 50,
        company="d" * 50,
        country="us",
        user_ids=[OfflineUserId(id_type="SHA512_EMAIL", id_value="0" * 128)],
    )
    batches = list(offline_conversions.batched([big] * 5000))
    sizes = [len(msgspec.json.encode({"elements": batch})) for batch in batches]
    assert sum(map(len, batches)) == 5000
    assert 1_999_000 < sizes[0] <= 2_000_000


def test_a_refused_batch_says_what_went_before_it(hook, segment, legacy):
    too_old = msgspec.structs.replace(
        sale(9), conversion=OfflineDetails(conversion_type="LEAD", conversion_happened_at=1)
    )
    with pytest.raises(exceptions.InvalidRequestError, match="batchIndex=0") as caught:
        hook.stream_offline_conversions(segment.id, [*map(sale, range(5000)), too_old], legacy_version=LEGACY)
    assert caught.value.__notes__ == ["5000 offline conversions were taken before this batch of 1"]
    assert len(stored(legacy)) == 5000


def test_a_rule_reads_a_segment_and_reports_count_its_conversions(hook, segment, legacy):
    legacy.settings.matched_share = 1.0
    windows = {"postClickAttributionWindowSize": 90, "viewThroughAttributionWindowSize": 90}
    rule = hook.create_offline_conversion_rule("Store sales", "PURCHASE", segment.id, legacy_version=LEGACY, **windows)
    assert (rule.conversion_method, rule.dmp_segment) == ("OFFLINE_CONVERSIONS_UPLOAD", segment.urn)
    hook.associate_campaigns(rule.urn, [345396001])
    hook.stream_offline_conversions(segment.id, map(sale, range(3)), legacy_version=LEGACY)
    assert legacy.attributed_totals(rule=rule.id).conversions == 3


def test_a_hook_of_the_legacy_version_associates_and_reports_under_it(linkedin, segment, hook, legacy):
    from airflow_provider_linkedin_capi.hooks.linkedin_conversions import LinkedInConversionsHook

    rule = hook.create_offline_conversion_rule("Store sales", "PURCHASE", segment.id, legacy_version=LEGACY)
    old = LinkedInConversionsHook(linkedin, api_version=LEGACY)
    legacy.requests.clear()
    assert old.associate_campaigns(rule.urn, [345396001]).check()
    today = dt.datetime.now(dt.UTC).date()
    old.call(ad_analytics.analytics("CONVERSION", today, today, accounts=[old.ad_account]))
    assert {request.headers["linkedin-version"] for request in legacy.requests} == {LEGACY}


def attempts(hook):
    return [
        lambda: hook.create_offline_segment("s", source_platform="p", legacy_version="202609"),
        lambda: hook.get_offline_segment(1, legacy_version="202609"),
        lambda: list(hook.find_offline_segments(legacy_version="202609")),
        lambda: hook.create_offline_conversion_rule("r", "LEAD", 1, legacy_version="202609"),
        lambda: hook.stream_offline_conversion(1, sale(), legacy_version="202609"),
        lambda: hook.stream_offline_conversions(1, [sale()], legacy_version="202609"),
    ]


@pytest.mark.parametrize("number", range(6))
def test_a_version_of_today_is_refused_before_anything_is_sent(hook, sandbox, number):
    with pytest.raises(ValueError, match="in November 2023"):
        attempts(hook)[number]()
    assert list(sandbox.world.requests) == []


@pytest.mark.parametrize("version", ["", "latest", "2023-10", "20231"])
def test_an_invalid_version_is_refused(version):
    with pytest.raises(ValueError, match="is not valid; write it like 202310"):
        dmp_segments.get(1, version)


def test_a_revision_of_a_legacy_version_is_one():
    assert dmp_segments.get(1, "202310.01").headers["LinkedIn-Version"] == "202310.01"


@pytest.mark.parametrize(("name", "platform"), [(" ", "EXAMPLE"), ("Stores", "")])
def test_a_segment_without_name_or_platform_is_refused(name, platform):
    with pytest.raises(ValueError, match="needs a name and a source_platform"):
        dmp_segments.create(1, name, LEGACY, source_platform=platform)


def test_linkedin_itself_serves_no_legacy_version_any_more(hook):
    with pytest.raises(exceptions.VersionError, match="20231001 is not active"):
        hook.get_offline_segment(1, legacy_version=LEGACY)


@pytest.mark.parametrize(
    ("user", "complaint"),
    [
        ({"user_ids": [OfflineUserId(id_type="EMAIL", id_value="x")]}, "element 0: user.userIds has an idType other"),
        (
            {"user_ids": [OfflineUserId(id_type="SHA256_EMAIL", id_value="0" * 63)]},
            "SHA256_EMAIL that is not 64 lower-case hex characters",
        ),
        (
            {"user_ids": [OfflineUserId(id_type="SHA512_EMAIL", id_value="G" * 128)]},
            "SHA512_EMAIL that is not 128 lower-case hex characters",
        ),
        ({"first_name": "mike"}, "one of userIds, or firstName and lastName"),
        ({"first_name": "m" * 36, "last_name": "s"}, "user.firstName is longer than 35"),
        ({"first_name": "m", "last_name": "s", "company": "c" * 51}, "user.company is longer than 50"),
        ({"first_name": "m", "last_name": "s", "country": "USA"}, "user.country is not a code of two letters"),
    ],
)
def test_what_the_api_would_refuse_is_said_before_it_is_sent_and_without_the_value(user, complaint):
    with pytest.raises(ValueError, match=complaint) as caught:
        offline_conversions.batch_create(1, [sale(0, **user)], LEGACY)
    assert "mike" not in str(caught.value)


def test_an_empty_batch_and_one_of_5001_are_refused():
    for batch in ([], [sale()] * 5001):
        with pytest.raises(ValueError, match="1 to 5000"):
            offline_conversions.batch_create(1, batch, LEGACY)
