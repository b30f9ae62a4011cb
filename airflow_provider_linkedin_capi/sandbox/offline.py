"""``/dmpSegments`` and their ``/conversions``: the offline conversions API that LinkedIn retired with 202310.

It only answers under a legacy version that is switched on, as in ``world.settings.versions.add("202310")``.
"""

from __future__ import annotations

import re
from hashlib import blake2b
from typing import TYPE_CHECKING, Any

import msgspec

from airflow_provider_linkedin_capi.sandbox import answers, attribution, paging
from airflow_provider_linkedin_capi.sandbox.entities import ACCOUNT_PREFIX, RULE_PREFIX, SEGMENT_PREFIX, id_of
from airflow_provider_linkedin_capi.sandbox.events import MAX_AGE_MS
from airflow_provider_linkedin_capi.sandbox.rest import Method, number_key
from airflow_provider_linkedin_capi.sandbox.rule_schema import LEGACY_TYPES, TYPES
from airflow_provider_linkedin_capi.sandbox.store import OFFLINE, Received
from airflow_provider_linkedin_capi.sandbox.validation import (
    Check,
    array,
    decimal_text,
    long,
    problem,
    problems_of,
    record,
    symbol,
    text,
    urn,
)

if TYPE_CHECKING:
    from airflow_provider_linkedin_capi.sandbox.answers import Answer
    from airflow_provider_linkedin_capi.sandbox.rest import RestRequest
    from airflow_provider_linkedin_capi.sandbox.world import World

LAST_VERSION = 202310
MAX_BATCH = 5_000
#: How long a new segment must be left alone.
SETTLING_SECONDS = 5

_HASH_LENGTHS = {"SHA256_EMAIL": 64, "SHA512_EMAIL": 128}


def _at_most(length: int) -> Check:
    def check(value: Any, path: str, problems: list[str]) -> None:
        text(value, path, problems)
        if type(value) is str and len(value) > length:
            problems.append(problem(path, f"is longer than {length} characters"))

    return check


def _country(value: Any, path: str, problems: list[str]) -> None:
    text(value, path, problems)
    if type(value) is str and not re.fullmatch("[A-Za-z]{2}", value):
        problems.append(problem(path, "is not a two-letter country code"))


_SEGMENT = record(
    {
        "name": text,
        "sourcePlatform": text,
        "account": urn(ACCOUNT_PREFIX),
        "accessPolicy": symbol(frozenset({"PRIVATE"})),
        "type": symbol(frozenset({"USER"})),
        "sourceType": symbol(frozenset({"CONVERSION"})),
        "destinations": array(record({"destination": symbol(frozenset({"LINKEDIN"}))})),
    },
    {"description": text, "sourceSegmentId": text},
)
_ELEMENT = record(
    {
        "action": symbol(frozenset({"ADD", "REMOVE"})),
        "user": record(
            {},
            {
                "userIds": array(record({"idType": symbol(frozenset(_HASH_LENGTHS)), "idValue": text})),
                "firstName": _at_most(35),
                "lastName": _at_most(35),
                "title": _at_most(50),
                "company": _at_most(50),
                "country": _country,
            },
        ),
        "conversion": record(
            {"conversionType": symbol(TYPES | LEGACY_TYPES), "conversionHappenedAt": long},
            {"moneyAmount": record({"currencyCode": text, "amount": decimal_text})},
        ),
    }
)


# Segments


def create_segment(request: RestRequest) -> Answer:
    """Create an empty segment for offline conversions."""
    body = request.checked(_SEGMENT)
    request.require_writer(id_of(body["account"]))
    number = request.world.new_id()
    request.world.entities.segments[number] = {**body, "id": number, "created": request.world.clock.now_ms()}
    return answers.Answer(201, headers={"Location": f"/dmpSegments/{number}", "x-linkedin-id": str(number)})


def get_segment(request: RestRequest) -> Answer:
    """Return one segment."""
    return answers.as_json(200, request.projected(_segment(request, request.number_key())))


def find_segments(request: RestRequest) -> Answer:
    """Return the segments of an account; without paging parameters all of them."""
    account = request.urn("account", ACCOUNT_PREFIX)
    request.require_reader(account)
    wanted = {"account": f"{ACCOUNT_PREFIX}:{account}"}
    for name in ("sourceType", "sourcePlatform", "sourceSegmentId"):
        value = request.text(name)
        if value is not None:
            wanted[name] = value
    segments = request.world.entities.segments.values()
    found = [segment for segment in segments if wanted.items() <= {k: str(v) for k, v in segment.items()}.items()]
    page = paging.by_index(request, found, default=max(1, len(found)))
    return answers.elements([request.projected(segment) for segment in page.elements], paging=page.paging)


def _segment(request: RestRequest, number: int) -> dict[str, Any]:
    segment = request.world.entities.segments.get(number)
    if segment is None:
        raise answers.not_found(f"DMP segment {number} is not found")
    request.require_reader(id_of(segment["account"]))
    return segment


# Conversions


def create(request: RestRequest) -> Answer:
    """Add or remove one offline conversion."""
    segment = _writable(request)
    _apply(request.world, segment, [request.document()])
    return answers.Answer(201)


def batch_create(request: RestRequest) -> Answer:
    """Add or remove up to 5,000 offline conversions, all or none."""
    segment = _writable(request)
    document = request.document()
    elements = document.get("elements") if isinstance(document, dict) else None
    if not isinstance(elements, list) or not 1 <= len(elements) <= MAX_BATCH:
        raise answers.short(400, f"elements should be a list of 1 to {MAX_BATCH} conversions")
    _apply(request.world, segment, elements)
    return answers.elements([{"status": 201}] * len(elements))


def _writable(request: RestRequest) -> dict[str, Any]:
    segment = _segment(request, number_key(request.parent or ""))
    request.require_writer(id_of(segment["account"]))
    if request.world.clock.now_ms() < segment["created"] + SETTLING_SECONDS * 1000:
        raise answers.short(400, "The DMP segment is not ready yet")
    return segment


def _apply(world: World, segment: dict[str, Any], elements: list[Any]) -> None:
    faults: list[str] = []
    for index, element in enumerate(elements):
        lines = problems_of(_ELEMENT, element) or _faults_of_meaning(world, element)
        if lines:
            details = " ".join(line.strip() for line in lines)
            faults.append(f"{{field=conversion, batchIndex={index}, type=INVALID_FIELD_VALUE, message={details}}}")
    if faults:
        raise answers.short(400, f"Validation failed because [{', '.join(faults)}]")
    with world.transaction() as store:
        for element in elements:
            received = _received(world, segment, element)
            if element["action"] == "ADD":
                store.add([received])
            else:
                store.query("DELETE FROM event WHERE source = ? AND digest = ?", (OFFLINE, received.digest))


def _faults_of_meaning(world: World, element: dict[str, Any]) -> list[str]:
    user = element["user"]
    faults = []
    for identifier in user.get("userIds", ()):
        length = _HASH_LENGTHS[identifier["idType"]]
        if not re.fullmatch(f"[0-9a-f]{{{length}}}", identifier["idValue"]):
            faults.append(f"{identifier['idType']} is not {length} lower-case hexadecimal characters")
    if not user.get("userIds") and not (user.get("firstName") and user.get("lastName")):
        faults.append("userIds or firstName and lastName are required")
    now = world.clock.now_ms()
    if not now - MAX_AGE_MS <= element["conversion"]["conversionHappenedAt"] <= now:
        faults.append("Conversion time should be within 90 days")
    return faults


def _received(world: World, segment: dict[str, Any], element: dict[str, Any]) -> Received:
    """An element as a stored event of the rule that reads its segment and type, if there is one."""
    conversion = element["conversion"]
    rule = _rule(world, segment, conversion["conversionType"])
    contents = {"segment": segment["id"], "user": element["user"], "conversion": conversion}
    body = msgspec.json.encode(contents, order="sorted")
    event: dict[str, Any] = {
        "conversionHappenedAt": conversion["conversionHappenedAt"],
        "user": element["user"],
        **({"conversionValue": conversion["moneyAmount"]} if "moneyAmount" in conversion else {}),
    }
    digest = blake2b(body, digest_size=16).digest()
    if rule is not None:
        attributed = attribution.receiver(world, OFFLINE)({**event, "conversion": f"{RULE_PREFIX}:{rule}"})
        return attributed._replace(digest=digest, body=body)
    return Received(
        source=OFFLINE,
        account=id_of(segment["account"]),
        rule=0,
        event_id=None,
        happened_at=event["conversionHappenedAt"],
        received_at=world.clock.now_ms(),
        digest=digest,
        body=body,
        visible_at=None,
        clicked=False,
        value="0",
    )


def _rule(world: World, segment: dict[str, Any], kind: str) -> int | None:
    for rule in world.rules.values():
        if rule.get("dmpSegment") == f"{SEGMENT_PREFIX}:{segment['id']}" and rule["type"] == kind and rule["enabled"]:
            number: int = rule["id"]
            return number
    return None


_SEGMENT_SCOPES = frozenset({"rw_ads", "rw_dmp_segments", "rw_offlineConversions"})
_FILTERS = frozenset({"account", "sourceType", "sourcePlatform", "sourceSegmentId", "start", "count"})

SEGMENT_METHODS = {
    "CREATE": Method(create_segment, _SEGMENT_SCOPES, until=LAST_VERSION),
    "GET": Method(get_segment, _SEGMENT_SCOPES, until=LAST_VERSION),
    "FINDER-account": Method(find_segments, _SEGMENT_SCOPES, _FILTERS, until=LAST_VERSION),
}
CONVERSION_METHODS = {
    "CREATE": Method(create, frozenset({"rw_offlineConversions"}), until=LAST_VERSION),
    "BATCH_CREATE": Method(batch_create, frozenset({"rw_offlineConversions"}), until=LAST_VERSION),
}
