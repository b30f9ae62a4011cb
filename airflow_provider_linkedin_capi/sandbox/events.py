"""``/conversionEvents``: takes events in, all of a batch or none, and never gives one back."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

from airflow_provider_linkedin_capi.sandbox import answers, attribution
from airflow_provider_linkedin_capi.sandbox.entities import DAY_SECONDS, LEAD_PREFIX, RULE_PREFIX, id_of
from airflow_provider_linkedin_capi.sandbox.rest import Method
from airflow_provider_linkedin_capi.sandbox.store import CAPI
from airflow_provider_linkedin_capi.sandbox.validation import (
    Check,
    array,
    decimal_text,
    long,
    problem,
    record,
    symbol,
    text,
    urn,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from airflow_provider_linkedin_capi.sandbox.answers import Answer, Refused
    from airflow_provider_linkedin_capi.sandbox.rest import RestRequest

MAX_BATCH = 5_000
MAX_AGE_MS = 90 * DAY_SECONDS * 1000
HASHED_NAMES_SINCE = 202609

ID_TYPES = frozenset(
    {
        "SHA256_EMAIL",
        "LINKEDIN_FIRST_PARTY_ADS_TRACKING_UUID",
        "ACXIOM_ID",
        "PLAINTEXT_IP_ADDRESS",
        "SHA256_IP_ADDRESS",
        "GOOGLE_AID",
    }
)

_IDENTITY_MESSAGE = (
    "The request must contain one of these fields: SHA256_EMAIL or LINKEDIN_FIRST_PARTY_ADS_TRACKING_UUID or"
    " ACXIOM_ID or PLAINTEXT_IP_ADDRESS or GOOGLE_AID or (firstName and lastName) or externalIds or lead, and"
    " the input shouldn't be empty string"
)
_DISABLED_MESSAGE = (
    "Invalid Conversion information provided, this event(s) is associated to a conversion that's marked as"
    " deleted. Conversion enabled should be true"
)


def _user_info(*, hashed_names: bool) -> Check:
    plain = {"firstName": text, "lastName": text}
    other = {"companyName": text, "title": text, "countryCode": text}
    if not hashed_names:
        return record(plain, other)
    members = record({}, {**plain, "hashedFirstName": text, "hashedLastName": text, **other})

    def check(value: Any, path: str, problems: list[str]) -> None:
        members(value, path, problems)
        if type(value) is dict:
            for plain_name, hashed_name in (("firstName", "hashedFirstName"), ("lastName", "hashedLastName")):
                if plain_name not in value and hashed_name not in value:
                    problems.append(
                        problem(f"{path}/{plain_name}", "field is required but not found and has no default value")
                    )

    return check


def _event(*, hashed_names: bool) -> Check:
    user = record(
        {"userIds": array(record({"idType": symbol(ID_TYPES), "idValue": text}))},
        {
            "userInfo": _user_info(hashed_names=hashed_names),
            "externalIds": array(text),
            "lead": urn(LEAD_PREFIX, r".+"),
        },
    )
    return record(
        {"conversion": urn(RULE_PREFIX), "conversionHappenedAt": long, "user": user},
        {"conversionValue": record({"currencyCode": text, "amount": decimal_text}), "eventId": text},
    )


_EVENT = _event(hashed_names=True)
_EVENT_BEFORE_HASHED_NAMES = _event(hashed_names=False)


def create(request: RestRequest) -> Answer:
    """Take one event."""
    _take(request, [request.document()], batch=False)
    number = request.world.event_count()
    return answers.created("conversionEvents", f"ConversionEvent@{number:x}")


def batch_create(request: RestRequest) -> Answer:
    """Take up to 5,000 events."""
    document = request.document()
    if not isinstance(document, dict) or set(document) != {"elements"} or type(document["elements"]) is not list:
        raise answers.short(422, problem("/elements", "field is required but not found and has no default value"))
    events = document["elements"]
    if not 1 <= len(events) <= MAX_BATCH:
        raise answers.short(400, f"Batch size should be between 1 and {MAX_BATCH}, was {len(events)}")
    _take(request, events, batch=True)
    return answers.elements([{"status": 201}] * len(events))


def _take(request: RestRequest, events: Sequence[Any], *, batch: bool) -> None:
    _check_schema(request, events, batch=batch)
    _check_rules(request, events)
    _check_meaning(request, events)
    receive = attribution.receiver(request.world, CAPI)
    with request.world.transaction() as store:
        store.add(map(receive, events))


def _check_schema(request: RestRequest, events: Sequence[Any], *, batch: bool) -> None:
    check = _EVENT if request.version >= HASHED_NAMES_SINCE else _EVENT_BEFORE_HASHED_NAMES
    show_positions = batch and request.world.settings.error_positions != "hidden"
    lines: list[str] = []
    for index, event in enumerate(events):
        before = len(lines)
        check(event, "", lines)
        if show_positions and len(lines) > before:
            lines[before] = f"Index: {index}, {lines[before]}"
    if lines:
        raise answers.short(422, "".join(lines))


def _check_rules(request: RestRequest, events: Sequence[dict[str, Any]]) -> None:
    for rule_urn in {event["conversion"] for event in events}:
        rule = request.world.rules.get(id_of(rule_urn))
        if rule is None or not request.may_write(id_of(rule["account"])):
            raise answers.short(403, "No ad accounts found")


def _check_meaning(request: RestRequest, events: Sequence[dict[str, Any]]) -> None:
    now = request.world.clock.now_ms()
    oldest = now - MAX_AGE_MS
    rules = {urn: request.world.rules[id_of(urn)] for urn in {event["conversion"] for event in events}}
    foreign = {urn for urn, rule in rules.items() if rule["conversionMethod"] != "CONVERSIONS_API"}
    disabled = {urn for urn, rule in rules.items() if not rule["enabled"]}

    _refuse_where(
        request,
        events,
        lambda event: event["conversion"] in foreign,
        "Incorrect conversions information provided. Conversion's method should be CONVERSIONS_API",
        ("conversion", "INVALID_CONVERSION_METHOD"),
    )
    _refuse_where(
        request,
        events,
        lambda event: event["conversion"] in disabled,
        _DISABLED_MESSAGE,
        ("conversion", "INVALID_CONVERSION_STATE"),
    )
    _refuse_where(
        request,
        events,
        lambda event: not oldest <= event["conversionHappenedAt"] <= now,
        "Conversion time should be within 90 days and not exceed current time",
        ("Invalid Conversion time", "INVALID_CONVERSION_TIME_FIELD_VALUE"),
    )
    _refuse_where(
        request,
        events,
        lambda event: not _identifies(event["user"]),
        _IDENTITY_MESSAGE,
        ("user", "INVALID_USER_IDENTIFICATION_FIELD_VALUE"),
    )
    _refuse_where(
        request,
        events,
        lambda event: len(event["user"].get("externalIds", ())) > 1,
        "externalIds should not have more than one value",
        ("externalIds", "INVALID_EXTERNAL_IDS_FIELD_VALUE"),
    )


def _refuse_where(
    request: RestRequest,
    events: Sequence[dict[str, Any]],
    wrong: Callable[[dict[str, Any]], bool],
    message: str,
    documented: tuple[str, str],
) -> None:
    indices = [index for index, event in enumerate(events) if wrong(event)]
    if indices:
        raise _refusal(request.world.settings.error_positions, indices, message, documented)


def _refusal(positions: str, indices: Sequence[int], message: str, documented: tuple[str, str]) -> Refused:
    """400 that names the elements in the form that is set."""
    if positions == "hidden":
        return answers.short(400, f"{message}.")
    if positions == "indices":
        return answers.short(400, f"{message}, indices [{', '.join(map(str, indices))}] (0-indexed).")
    field, kind = documented
    faults = (f"{{field={field}, batchIndex={i}, type={kind}, message={message}.}}" for i in indices)
    return answers.short(400, f"Validation failed because [{', '.join(faults)}]")


def _identifies(user: dict[str, Any]) -> bool:
    """Whether a user can be recognised; one empty identifier spoils all."""
    ids = [entry["idValue"] for entry in user["userIds"]]
    info = user.get("userInfo", {})
    names = [info[name] for name in ("firstName", "hashedFirstName", "lastName", "hashedLastName") if name in info]
    given = list(itertools.chain(ids, names, user.get("externalIds", ())))
    if "lead" in user:
        given.append(user["lead"])
    return bool(given) and all(given)


METHODS = {
    "CREATE": Method(create, frozenset({"rw_conversions"})),
    "BATCH_CREATE": Method(batch_create, frozenset({"rw_conversions"})),
}
