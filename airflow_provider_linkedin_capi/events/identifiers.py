"""Identifiers of a person and of the event: e-mails, addresses, click and device ids, external ids, leads."""

from __future__ import annotations

import ipaddress
import json
import re
from decimal import Decimal
from hashlib import sha256
from types import NoneType
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID

from airflow_provider_linkedin_capi.events.cells import (
    PLACEHOLDERS,
    Corrected,
    Refused,
    is_placeholder,
    to_python,
    without_invisible,
)
from airflow_provider_linkedin_capi.events.reading import ID_PLACEHOLDER, Reader, ReadOne, in_blocks

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

MAX_ID_CHARACTERS: Final = 256
_LARGEST_ID: Final = 10**30
_DIGEST_BYTES: Final = 32
_LEAD_PREFIX: Final = "urn:li:leadGenFormResponse:"
_NIL_UUID: Final = "00000000-0000-0000-0000-000000000000"
#: Addresses of the machine itself, hashed by whoever logs behind a proxy.
_NOBODYS_ADDRESSES: Final = ("127.0.0.1", "0.0.0.0", "::1")
#: SHA-256 of empty text, of placeholders and of the machine's own address.
HASHES_OF_NOTHING: Final = frozenset(
    sha256(text.encode()).hexdigest()
    for placeholder in ("", _NIL_UUID, *_NOBODYS_ADDRESSES, *PLACEHOLDERS)
    for text in (placeholder, placeholder.upper(), placeholder.capitalize())
)

_HEX_64: Final = re.compile(r"[0-9a-fA-F]{64}").fullmatch
_HEX: Final = re.compile(r"[0-9a-fA-F]+").fullmatch
_BASE64_DIGEST: Final = re.compile(
    r"[A-Za-z0-9+/_-]{43}=?|[A-Za-z0-9+/_-]{22}==|[A-Za-z0-9+/_-]{27}=|[A-Za-z0-9+/_-]{86}=="
).fullmatch
_OTHER_DIGESTS: Final = {32: "email_md5", 40: "email_sha1", 128: "email_sha512"}
#: At most 64 + 1 + 4 * 39 + 24 characters, fewer than an address may have.
_ADDRESS: Final = r"[a-z0-9._+-]{1,64}+@(?:[a-z0-9-]{1,38}+\.){1,4}+[a-z0-9-]{1,24}+"
_USUAL_EMAIL: Final = re.compile(_ADDRESS).fullmatch
_USUAL_EMAILS: Final = re.compile(rf"(?:{_ADDRESS}\n)++").fullmatch
_EMAIL: Final = re.compile(r"[^\s@<>()\[\],;:\\\"\x00-\x1f\x7f]+@[\w-]+(?:\.[\w-]+)+").fullmatch
_MAX_EMAIL_CHARACTERS: Final = 254
#: Long enough not to be a placeholder.
_ID: Final = r"[!-Z\\^-~][!-~]{9,255}+"
_USUAL_ID: Final = re.compile(_ID).fullmatch
_USUAL_IDS: Final = re.compile(rf"(?:{_ID}\n)++").fullmatch
#: What spreadsheets and programs make of a long number: 1.23457E+18, 1,23457E+18, 1.23457e18, 1E+15.
_ROUNDED: Final = re.compile(r"[+-]?\d(?:[.,]\d+[eE]\+?|[eE]\+)\d{1,3}", re.ASCII).fullmatch
#: One of them is in any rounded number and in the UUID of zeros.
_SUSPICIOUS: Final = (".", ",", "E+", "e+", "00000-")
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]").search
_IPV4: Final = re.compile(r"(?:(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)(?:\.(?!\Z)|\Z)){4}", re.ASCII).fullmatch
#: Private, loopback, shared, link-local, documentation, protocols, relays, benchmarks, multicast, reserved.
_NO_VISITORS: Final = re.compile(
    r"(?:0|10|127)\.|100\.(?:6[4-9]|[7-9]\d|1[01]\d|12[0-7])\.|169\.254\.|172\.(?:1[6-9]|2\d|3[01])\.|192\.0\.[02]\.|"
    r"192\.88\.99\.|192\.168\.|198\.1[89]\.|198\.51\.100\.|203\.0\.113\.|2(?:2[4-9]|[345]\d)\."
).match
_LEAD_ID: Final = re.compile(r"[A-Za-z0-9_=.-]{1,256}").fullmatch
#: How LinkedIn writes them: 4ab9b0e5-3d0c-4a3f-8d5a-1b5f0c3b5a11-2.
_LINKEDINS_LEAD_ID: Final = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4,12}){0,4}-\d{1,6}", re.IGNORECASE).fullmatch


def email_reader() -> Reader:
    """Return the reader of ``email``: the SHA-256 of an address, or one given."""
    return Reader(email, lambda texts: in_blocks(texts, _block_of_emails, _usual_email), placeholder=ID_PLACEHOLDER)


def _block_of_emails(texts: list[str]) -> list[str | None] | None:
    # one match for many addresses costs a third of a match for each
    lines = "\n".join(texts).lower().replace(" ", "") + "\n"
    if not _USUAL_EMAILS(lines) or lines.count("\n") != len(texts):
        return None
    return [sha256(address).hexdigest() for address in lines.encode().splitlines()]


def _usual_email(text: str) -> str | None:
    address = text.lower().replace(" ", "")
    return sha256(address.encode()).hexdigest() if _USUAL_EMAIL(address) else None


def email(value: Any) -> Any:
    """Return the SHA-256 of an address (white space removed, lower case), or the hash given in lower case."""
    if isinstance(value, bytes) and len(value) == _DIGEST_BYTES:
        value = value.hex()
    if not isinstance(value, str):
        return Refused("email_invalid")
    text = without_invisible(value)
    if _HEX(text):
        if len(text) == 2 * _DIGEST_BYTES:
            return sha256_digest(text)
        return Refused(_OTHER_DIGESTS.get(len(text), "email_invalid"))
    if _BASE64_DIGEST(text):
        return Refused("email_base64")
    text = text.lower()
    if len(text) > _MAX_EMAIL_CHARACTERS or not _EMAIL(text):
        return Refused("email_invalid")
    return sha256(text.encode()).hexdigest()


def ip_address_reader() -> Reader:
    """Return the reader of ``ip_address``: a visitor's IPv4 address."""
    return Reader(ip_address, _usual_ip_addresses, placeholder=ID_PLACEHOLDER)


def _usual_ip_addresses(texts: list[str]) -> list[str | None]:
    return [text if _IPV4(text) and not _NO_VISITORS(text) else None for text in texts]


def ip_address(value: Any) -> Any:
    """Return the dotted IPv4 address; an IPv4-mapped IPv6 address is the IPv4 address it holds."""
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
    if not isinstance(value, ipaddress.IPv4Address):
        return Refused("ip_invalid")
    text = str(value)
    return Refused("ip_not_public") if _NO_VISITORS(text) else text


def hash_reader(one: ReadOne, is_placeholder: Callable[[str], bool] = is_placeholder) -> Reader:
    """Return a reader of hashes, which are passed on, and of what is to be hashed."""
    return Reader(one, _usual_hashes, placeholder=ID_PLACEHOLDER, is_placeholder=is_placeholder)


def hashed_ip_address_reader() -> Reader:
    """Return the reader of ``SHA256_IP_ADDRESS``."""
    return hash_reader(hashed_ip_address)


def _usual_hashes(texts: list[str]) -> list[str | None]:
    return [digest if _HEX_64(text) and (digest := text.lower()) not in HASHES_OF_NOTHING else None for text in texts]


def sha256_digest(text: str) -> str | Refused:
    """Return 64 hexadecimal digits in lower case, unless they are the hash of nothing."""
    digest = text.lower()
    return Refused("hash_of_nothing") if digest in HASHES_OF_NOTHING else digest


def hashed_ip_address(value: Any) -> Any:
    """Return the hash in lower case; a plain IPv4 address is hashed."""
    if isinstance(value, bytes) and len(value) == _DIGEST_BYTES:
        value = value.hex()
    if isinstance(value, str) and _HEX_64(value):
        return sha256_digest(value)
    address = ip_address(value)
    if isinstance(address, str):
        return sha256(address.encode()).hexdigest()
    return Refused("ip_hash_invalid") if address.code == "ip_invalid" else address


class IdReader(Reader):
    """Reads ids of somebody else's making, whole numbers among them."""

    def __init__(
        self,
        one: ReadOne,
        *,
        placeholder: Refused | Corrected = ID_PLACEHOLDER,
        is_placeholder: Callable[[str], bool] = is_placeholder,
    ) -> None:
        super().__init__(one, _usual_ids, placeholder=placeholder, is_placeholder=is_placeholder)

    def usual(self, cells: Sequence[Any]) -> list[Any]:
        """Return ids of ten or more printable characters without spaces, and whole numbers."""
        if set(map(type, cells)) <= {int, NoneType}:
            return [None if cell is None or abs(cell) >= _LARGEST_ID else str(cell) for cell in cells]
        return super().usual(cells)


def _usual_ids(texts: list[str]) -> list[str | None]:
    return in_blocks(texts, _block_of_ids, _usual_id)


def _block_of_ids(texts: list[str]) -> list[str | None] | None:
    lines = "\n".join(texts) + "\n"
    if " " in lines:  # columns of a fixed width are padded
        texts = [*map(str.strip, texts)]
        lines = "\n".join(texts) + "\n"
    if not _USUAL_IDS(lines) or lines.count("\n") != len(texts) or any(part in lines for part in _SUSPICIOUS):
        return None
    return [*texts]


def _usual_id(text: str) -> str | None:
    text = text.strip()
    return text if _USUAL_ID(text) and text != _NIL_UUID and not _ROUNDED(text) else None


def opaque_id(value: Any) -> Any:
    """Return the id as text, as it is but for white space around it."""
    text = id_text(value)
    if text is None:
        return Refused("id_invalid")
    if len(text) > MAX_ID_CHARACTERS:
        return Refused("id_too_long")
    if text == _NIL_UUID:
        return ID_PLACEHOLDER
    return Refused("id_rounded") if _ROUNDED(text) else text


def id_text(value: Any) -> str | None:
    """Return the text of a plain value that can be an id: text, a whole number, a UUID; else ``None``."""
    if isinstance(value, float):
        # pandas makes floats of whole numbers as soon as one is missing; 2**53 is where they become inexact
        value = int(value) if value.is_integer() and abs(value) < 2**53 else None
    if isinstance(value, Decimal) and value.is_finite() and value.adjusted() < 30:
        value = int(value) if value == value.to_integral_value() else None
    if isinstance(value, UUID):
        return str(value)
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) < _LARGEST_ID:
        return str(value)
    return value if isinstance(value, str) and not _CONTROL(value) else None


def opaque_id_reader() -> Reader:
    """Return the reader of an id that is passed on as it is."""
    return IdReader(opaque_id)


def external_id_reader() -> Reader:
    """Return the reader of ``externalIds``."""
    return IdReader(external_ids, is_placeholder=lambda text: not text.startswith("[") and is_placeholder(text))


def google_aid_reader() -> Reader:
    """Return the reader of ``GOOGLE_AID``."""
    return IdReader(google_aid)


def google_aid(value: Any) -> Any:
    """Return the advertising id; the all-zero one stands for people who opted out."""
    text = id_text(value)
    return Refused("google_aid_zero") if text == _NIL_UUID else opaque_id(value)


def event_id_reader() -> Reader:
    """Return the reader of ``eventId``."""
    return IdReader(event_id, placeholder=Corrected("event_id_placeholder"))


_OF_THE_EVENT: Final = {
    "id_invalid": "event_id_invalid",
    "id_too_long": "event_id_too_long",
    "id_rounded": "event_id_rounded",
}


def event_id(value: Any) -> Any:
    """Return the advertiser's id of the event as text."""
    text = opaque_id(value)
    if text.__class__ is not Refused:
        return text
    if text is ID_PLACEHOLDER:
        return Corrected("event_id_placeholder")
    return Refused(_OF_THE_EVENT[text.code])


def external_ids(value: Any) -> Any:
    """Return the one external id, given as text, as a list of one, or as JSON text of a list of one."""
    if isinstance(value, str) and value.startswith("["):
        try:
            value = json.loads(value)
        except (ValueError, RecursionError):
            return Refused("external_id_invalid")
    if isinstance(value, list | tuple | set | frozenset):
        given = [each for each in map(to_python, value) if each is not None]
        if len(given) > 1:
            return Refused("external_ids_many")
        if not given:
            return None
        value = given[0]
        if isinstance(value, str) and is_placeholder(value):
            return ID_PLACEHOLDER
    text = opaque_id(value)
    return Refused("external_id_invalid") if text == Refused("id_invalid") else text


def lead_reader() -> Reader:
    """Return the reader of a column that is known to hold LinkedIn's leads."""
    return Reader(lead, _usual_leads, placeholder=ID_PLACEHOLDER)


def possible_lead_reader() -> Reader:
    """Return the reader of a column that may hold another system's leads."""
    return Reader(lead_like_linkedins, _usual_leads, placeholder=ID_PLACEHOLDER)


def _usual_leads(texts: list[str]) -> list[str | None]:
    return [_LEAD_PREFIX + text if _LINKEDINS_LEAD_ID(text) else None for text in texts]


def lead(value: Any) -> Any:
    """Return the URN of the lead gen form response; a bare id gets its prefix."""
    text = opaque_id(value)
    if not isinstance(text, str):
        return Refused("lead_invalid") if text.code == "id_invalid" else text
    bare = text.removeprefix(_LEAD_PREFIX)
    if _LEAD_ID(bare):
        return _LEAD_PREFIX + bare
    return Refused("lead_wrong_urn" if ":" in text else "lead_invalid")


def lead_like_linkedins(value: Any) -> Any:
    """Return the URN of a lead, from a column that may hold another system's leads."""
    urn = lead(value)
    if isinstance(urn, str) and ":" not in str(value) and not _LINKEDINS_LEAD_ID(urn.removeprefix(_LEAD_PREFIX)):
        return Refused("lead_of_others")
    return urn
