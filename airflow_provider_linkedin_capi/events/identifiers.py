"""Identifiers of a person: e-mail, addresses, click and device ids, external ids, leads."""

from __future__ import annotations

import ipaddress
import json
import re
from decimal import Decimal
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID

from airflow_provider_linkedin_capi.events.plain import Corrected, Refused, plain, without_invisible

if TYPE_CHECKING:
    from collections.abc import Sequence

MAX_ID_CHARACTERS: Final = 256
_LEAD_PREFIX: Final = "urn:li:leadGenFormResponse:"
_PLACEHOLDERS: Final = frozenset(
    {
        "null",
        "none",
        "nil",
        "nan",
        "undefined",
        "n/a",
        "na",
        "unknown",
        "-",
        "(null)",
        "<null>",
        "\\n",
        "[object object]",
    }
)
_NO_AID: Final = "00000000-0000-0000-0000-000000000000"
HASH_OF_NOTHING: Final = sha256(b"").hexdigest()

_HEX_64: Final = re.compile(r"[0-9a-fA-F]{64}").fullmatch
_HEX: Final = re.compile(r"[0-9a-fA-F]+").fullmatch
_BASE64_DIGEST: Final = re.compile(
    r"[A-Za-z0-9+/_-]{43}=?|[A-Za-z0-9+/_-]{22}==|[A-Za-z0-9+/_-]{27}=|[A-Za-z0-9+/_-]{86}=="
).fullmatch
_OTHER_DIGESTS: Final = {32: "email_md5", 40: "email_sha1", 128: "email_sha512"}
_ADDRESS = r"[a-z0-9._+-]{1,64}+@[a-z0-9-]{1,63}+(?:\.[a-z0-9-]{1,63}+){1,2}+"
_USUAL_EMAIL: Final = re.compile(_ADDRESS).fullmatch
_USUAL_EMAILS: Final = re.compile(rf"(?:{_ADDRESS}\n)++").fullmatch
_EMAIL: Final = re.compile(r"[^\s@<>()\[\],;:\\\"\x00-\x1f\x7f]+@[\w-]+(?:\.[\w-]+)+").fullmatch
_MAX_EMAIL_CHARACTERS: Final = 254
#: Long enough to be no placeholder, so that one match is the whole check.
_USUAL_ID: Final = re.compile(r"[!-Z\\^-~][!-~]{9,255}").fullmatch
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]").search
_IPV4: Final = re.compile(r"(?:(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)(?:\.(?!\Z)|\Z)){4}", re.ASCII).fullmatch
_BLOCK: Final = 100
_LEAD_ID: Final = re.compile(r"[A-Za-z0-9_=.-]{1,256}").fullmatch


def emails(cells: Sequence[Any]) -> list[str | None]:
    """Return the SHA-256 of each usual address."""
    # one match for a block of addresses costs a third of a match for each; an unusual one slows down its block only
    return [
        digest for start in range(0, len(cells), _BLOCK) for digest in _block_of_emails(cells[start : start + _BLOCK])
    ]


def _block_of_emails(cells: Sequence[Any]) -> list[str | None]:
    try:
        lines = "\n".join(cells).lower() + "\n"
    except TypeError:
        lines = ""
    if _USUAL_EMAILS(lines) and lines.count("\n") == len(cells):
        return [sha256(address).hexdigest() for address in lines.encode().splitlines()]
    return [
        sha256(address.encode()).hexdigest()
        if cell.__class__ is str and _USUAL_EMAIL(address := cell.lower())
        else None
        for cell in cells
    ]


def email(cell: Any) -> Any:
    """Return the SHA-256 of an address (white space removed, lower case), or the hash given in lower case."""
    text = plain(cell)
    if text is None:
        return None
    if not isinstance(text, str):
        return Refused("email_invalid")
    text = without_invisible(text)
    if _HEX(text):
        if len(text) == 64:
            return sha256_digest(text)
        return Refused(_OTHER_DIGESTS.get(len(text), "email_invalid"))
    if _BASE64_DIGEST(text):
        return Refused("email_base64")
    text = text.lower()
    if len(text) > _MAX_EMAIL_CHARACTERS or not _EMAIL(text):
        return Refused("email_invalid")
    return sha256(text.encode()).hexdigest()


def ip_addresses(cells: Sequence[Any]) -> list[str | None]:
    """Return each plain dotted IPv4 address."""
    return [cell if cell.__class__ is str and _IPV4(cell) else None for cell in cells]


def ip_address(cell: Any) -> Any:
    """Return the dotted IPv4 address; an IPv4-mapped IPv6 address is the IPv4 address it holds."""
    value = plain(cell)
    if value is None:
        return None
    if isinstance(value, str):
        if _HEX_64(value):
            return Refused("ip_hashed")
        try:
            value = ipaddress.ip_address(value)
        except ValueError:
            return Refused("ip_invalid")
    if isinstance(value, ipaddress.IPv4Interface | ipaddress.IPv6Interface):
        value = value.ip
    if isinstance(value, ipaddress.IPv6Address):
        if value.ipv4_mapped is None:
            return Refused("ip_version_6")
        value = value.ipv4_mapped
    return str(value) if isinstance(value, ipaddress.IPv4Address) else Refused("ip_invalid")


def hashes(cells: Sequence[Any]) -> list[str | None]:
    """Return each SHA-256 in lower case."""
    return [
        digest if cell.__class__ is str and _HEX_64(cell) and (digest := cell.lower()) != HASH_OF_NOTHING else None
        for cell in cells
    ]


def sha256_digest(text: str) -> str | Refused:
    """Return 64 hexadecimal digits in lower case, unless they are the hash of empty text."""
    digest = text.lower()
    return Refused("hash_of_nothing") if digest == HASH_OF_NOTHING else digest


def hashed_ip_address(cell: Any) -> Any:
    """Return the hash in lower case; a plain IPv4 address is hashed."""
    value = plain(cell)
    if isinstance(value, str) and _HEX_64(value):
        return sha256_digest(value)
    address = ip_address(value)
    if isinstance(address, str):
        return sha256(address.encode()).hexdigest()
    if address is not None and address.code == "ip_invalid":
        return Refused("ip_hash_invalid")
    return address


def opaque_ids(cells: Sequence[Any]) -> list[str | None]:
    """Return each id of ten or more printable ASCII characters without spaces."""
    return [cell if cell.__class__ is str and _USUAL_ID(cell) else None for cell in cells]


def none_usual(cells: Sequence[Any]) -> list[None]:
    """Leave every cell to the careful pass."""
    return [None] * len(cells)


def opaque_id(cell: Any) -> Any:
    """Return the id as text, as it came but for white space around it."""
    value = plain(cell)
    if value is None:
        return None
    text = id_text(value)
    if text is None:
        return Refused("id_invalid")
    if len(text) > MAX_ID_CHARACTERS:
        return Refused("id_too_long")
    return Refused("id_placeholder") if text.lower() in _PLACEHOLDERS else text


def id_text(value: Any) -> str | None:
    """Return the text of a plain value that can be an id: text, a whole number, a UUID; else ``None``."""
    if isinstance(value, float):
        # pandas makes floats of whole numbers as soon as one is missing; 2**53 is where they get inexact
        value = int(value) if value.is_integer() and abs(value) < 2**53 else None
    if isinstance(value, Decimal) and value.is_finite() and value.adjusted() < 30:
        value = int(value) if value == value.to_integral_value() else None
    if isinstance(value, UUID):
        return str(value)
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) < 10**30:
        return str(value)
    return value if isinstance(value, str) and not _CONTROL(value) else None


def google_aid(cell: Any) -> Any:
    """Return the advertising id; the all-zero one stands for nobody."""
    text = opaque_id(cell)
    return Refused("google_aid_zero") if text == _NO_AID else text


def event_id(cell: Any) -> Any:
    """Return the advertiser's id of the event as text."""
    text = opaque_id(cell)
    if text.__class__ is not Refused:
        return text
    if text.code == "id_placeholder":
        return Corrected("event_id_placeholder")
    return Refused("event_id_too_long" if text.code == "id_too_long" else "event_id_invalid")


def external_ids(cell: Any) -> Any:
    """Return the one external id, given as text, as a list of one, or as a JSON list of one."""
    value = plain(cell)
    if isinstance(value, str) and value.startswith("["):
        try:
            value = json.loads(value)
        except (ValueError, RecursionError):
            return Refused("external_id_invalid")
    if isinstance(value, list | tuple | set | frozenset):
        given = [each for each in map(plain, value) if each is not None]
        if len(given) > 1:
            return Refused("external_ids_many")
        value = given[0] if given else None
    text = opaque_id(value)
    if text.__class__ is Refused:
        return Refused("external_id_invalid") if text.code == "id_invalid" else text
    return text


def lead(cell: Any) -> Any:
    """Return the URN of the lead gen form response; a bare id gets its prefix."""
    text = opaque_id(cell)
    if not isinstance(text, str):
        if text is not None and text.code == "id_invalid":
            return Refused("lead_invalid")
        return text
    bare = text.removeprefix(_LEAD_PREFIX)
    if _LEAD_ID(bare):
        return _LEAD_PREFIX + bare
    return Refused("lead_wrong_urn" if ":" in text else "lead_invalid")
