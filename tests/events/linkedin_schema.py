"""What LinkedIn accepts as a conversion event, written down from its documents and not from this package's code.

Follows the schema of ``/conversionEvents``: required and unknown fields, no nulls, text where text is wanted, the
forms of each identifier, names in pairs, 90 days.
"""

from __future__ import annotations

import re
from typing import Any

NINETY_DAYS_MS = 90 * 24 * 60 * 60 * 1000
ID_TYPES = {
    "SHA256_EMAIL": re.compile(r"[0-9a-f]{64}"),
    "LINKEDIN_FIRST_PARTY_ADS_TRACKING_UUID": re.compile(r"\S.*", re.DOTALL),
    "ACXIOM_ID": re.compile(r"\S.*", re.DOTALL),
    "PLAINTEXT_IP_ADDRESS": re.compile(r"(0|[1-9][0-9]{0,2})(\.(0|[1-9][0-9]{0,2})){3}"),
    "SHA256_IP_ADDRESS": re.compile(r"[0-9a-f]{64}"),
    "GOOGLE_AID": re.compile(r"\S.*", re.DOTALL),
}
LENGTHS = {
    "firstName": 35,
    "lastName": 35,
    "hashedFirstName": 64,
    "hashedLastName": 64,
    "companyName": 50,
    "title": 50,
    "countryCode": 2,
}
HASHED_NAMES_SINCE = "202609"


def problems(event: Any, now_ms: int, version: str) -> list[str]:
    """Return everything that LinkedIn would refuse in an event as decoded from JSON."""
    found: list[str] = []
    keys(event, "", {"conversion", "conversionHappenedAt", "user"}, {"conversionValue", "eventId"}, found)
    if not re.fullmatch(r"urn:lla:llaPartnerConversion:[1-9][0-9]*", str(event.get("conversion"))):
        found.append("/conversion is not a URN of a conversion rule")
    happened_at = event.get("conversionHappenedAt")
    if type(happened_at) is not int or not now_ms - NINETY_DAYS_MS <= happened_at <= now_ms:
        found.append("/conversionHappenedAt is not within 90 days")
    if "eventId" in event:
        text(event["eventId"], "/eventId", found)
    if "conversionValue" in event:
        value = event["conversionValue"]
        keys(value, "/conversionValue", {"currencyCode", "amount"}, set(), found)
        if not re.fullmatch(r"[A-Z]{3}", str(value.get("currencyCode"))):
            found.append("/conversionValue/currencyCode is not a currency")
        if type(value.get("amount")) is not str or not re.fullmatch(r"[0-9]+(\.[0-9]+)?", value["amount"]):
            found.append("/conversionValue/amount is not decimal text")
    if isinstance(event.get("user"), dict):
        user_problems(event["user"], version, found)
    return found


def user_problems(user: dict[str, Any], version: str, found: list[str]) -> None:
    keys(user, "/user", {"userIds"}, {"userInfo", "externalIds", "lead"}, found)
    for number, user_id in enumerate(user.get("userIds", [])):
        path = f"/user/userIds/{number}"
        keys(user_id, path, {"idType", "idValue"}, set(), found)
        text(user_id.get("idValue"), path + "/idValue", found)
        form = ID_TYPES.get(user_id.get("idType"))
        if form is None:
            found.append(path + "/idType is not an enum symbol")
        elif not form.fullmatch(str(user_id.get("idValue"))):
            found.append(path + "/idValue has not the form of its type")
    types = [user_id.get("idType") for user_id in user.get("userIds", [])]
    if len(types) != len(set(types)):
        found.append("/user/userIds has a type twice")
    if "userInfo" in user:
        info_problems(user["userInfo"], version, found)
    if "externalIds" in user:
        if len(user["externalIds"]) != 1:
            found.append("/user/externalIds has not exactly one value")
        for value in user["externalIds"]:
            text(value, "/user/externalIds", found)
    if "lead" in user and not re.fullmatch(r"urn:li:leadGenFormResponse:[^\s:]+", str(user["lead"])):
        found.append("/user/lead is not a URN of a lead gen form response")
    if not any(user.get(field) for field in ("userIds", "userInfo", "externalIds", "lead")):
        found.append("/user has no identifier")


def info_problems(info: dict[str, Any], version: str, found: list[str]) -> None:
    hashed = {"hashedFirstName", "hashedLastName"} if version >= HASHED_NAMES_SINCE else set()
    keys(
        info, "/user/userInfo", set(), {"firstName", "lastName", "companyName", "title", "countryCode"} | hashed, found
    )
    for part in ("FirstName", "LastName"):
        if (part[0].lower() + part[1:] in info) + ("hashed" + part in info) != 1:
            found.append(f"/user/userInfo has not exactly one {part}, plain or hashed")
    for field, value in info.items():
        text(value, f"/user/userInfo/{field}", found)
        if len(str(value)) > LENGTHS.get(field, 0):
            found.append(f"/user/userInfo/{field} is too long")
        if field.startswith("hashed") and not re.fullmatch("[0-9a-f]{64}", str(value)):
            found.append(f"/user/userInfo/{field} is not a SHA-256")
    if "countryCode" in info and not re.fullmatch("[A-Z]{2}", info["countryCode"]):
        found.append("/user/userInfo/countryCode is not a country")


def keys(record: Any, path: str, required: set[str], optional: set[str], found: list[str]) -> None:
    if not isinstance(record, dict):
        found.append(f"{path} is not a record")
        return
    found += [f"{path}/{field} is required" for field in required - record.keys()]
    found += [f"{path}/{field} is not allowed" for field in record.keys() - required - optional]


def text(value: Any, path: str, found: list[str]) -> None:
    if type(value) is not str or not value.strip():
        found.append(f"{path} is not text")
    elif re.search(r"[\x00-\x1f\x7f]", value):
        found.append(f"{path} holds control characters")
