"""Names, plain and hashed; company, title and country."""

from __future__ import annotations

import re
import unicodedata
from hashlib import sha256
from typing import Any, Final

from airflow_provider_linkedin_capi.events.cells import (
    PLACEHOLDERS_IN_TEXT,
    Corrected,
    Refused,
    is_placeholder,
    is_placeholder_in_text,
)
from airflow_provider_linkedin_capi.events.countries import COUNTRIES
from airflow_provider_linkedin_capi.events.identifiers import hash_reader, sha256_digest
from airflow_provider_linkedin_capi.events.reading import (
    ID_PLACEHOLDER,
    Reader,
    RepetitiveReader,
    in_blocks,
)

MAX_NAME_CHARACTERS: Final = 35
MAX_TEXT_CHARACTERS: Final = 50
_DIGEST_BYTES: Final = 32
#: No name, company or title has more; what follows is not examined.
_MOST_CHARACTERS: Final = 1_000

_HEX_64: Final = re.compile(r"[0-9a-fA-F]{64}").fullmatch
_MD5_CHARACTERS: Final = 32
_DIGEST: Final = re.compile(r"[0-9a-fA-F]{32}|[0-9a-fA-F]{40}|[0-9a-fA-F]{64}|[0-9a-fA-F]{128}").fullmatch
_BASE64_DIGEST: Final = re.compile(r"[A-Za-z0-9+/]{43}=").fullmatch


def name_reader() -> Reader:
    """Return the reader of a plain name."""
    return RepetitiveReader(name, _usual_names, placeholder=ID_PLACEHOLDER, is_placeholder=is_placeholder_in_text)


def company_or_title_reader() -> Reader:
    """Return the reader of a company or job title."""
    return RepetitiveReader(company_or_title, _usual_texts, is_placeholder=is_placeholder_in_text)


def country_reader() -> Reader:
    """Return the reader of a country; ``NA`` is Namibia."""
    return RepetitiveReader(country, is_placeholder=lambda text: text.upper() != "NA" and is_placeholder(text))


def hashed_name_reader() -> Reader:
    """Return the reader of a hashed name, or one to be hashed."""
    return hash_reader(hashed_name, is_placeholder_in_text)


def _usual_names(texts: list[str]) -> list[str | None]:
    return _usual(texts, _MD5_CHARACTERS - 1)


def _usual_texts(texts: list[str]) -> list[str | None]:
    return _usual(texts, MAX_TEXT_CHARACTERS)


def _usual(texts: list[str], most: int) -> list[str | None]:
    """Return each text that is tidy but for spaces around it."""

    def whole(block: list[str]) -> list[str] | None:
        stripped = [*map(str.strip, block)]
        joined = " ".join(stripped)
        usual = (
            joined.isprintable()
            and "  " not in joined
            and all(stripped)
            and max(map(len, stripped)) <= most
            and (joined.isascii() or unicodedata.is_normalized("NFC", joined))
            and PLACEHOLDERS_IN_TEXT.isdisjoint(stripped)
        )
        return stripped if usual else None

    def single(text: str) -> str | None:
        found = whole([text])
        return found[0] if found else None

    return in_blocks(texts, whole, single)


def _tidy(value: Any, most: int, refused: str) -> Any:
    if not isinstance(value, str):
        return Refused(refused)
    visible = (
        " " if char.isspace() else char
        for char in value[:_MOST_CHARACTERS]
        if char.isspace() or unicodedata.category(char) not in ("Cc", "Cf")
    )
    text = unicodedata.normalize("NFC", " ".join("".join(visible).split()))
    if not text:
        return Refused(refused)
    return text if len(text) <= most else Corrected("text_cut", text[:most].rstrip())


def name(value: Any) -> Any:
    """Return a plain first or last name, tidied, at most 35 characters."""
    text = _tidy(value, MAX_NAME_CHARACTERS, "name_invalid")
    return Refused("name_hashed") if isinstance(value, str) and _DIGEST(value) else text


def company_or_title(value: Any) -> Any:
    """Return a company or a job title, tidied, at most 50 characters."""
    return _tidy(value, MAX_TEXT_CHARACTERS, "text_invalid")


def hashed_name(value: Any) -> Any:
    """Return the SHA-256 of a name without white space and punctuation in lower case; a hash as it is."""
    if isinstance(value, bytes) and len(value) == _DIGEST_BYTES:
        value = value.hex()
    if not isinstance(value, str) or len(value) > _MOST_CHARACTERS:
        return Refused("name_invalid")
    if _HEX_64(value):
        return sha256_digest(value)
    if _DIGEST(value) or _BASE64_DIGEST(value):
        return Refused("name_hash_invalid")
    # categories Z, P, S, C: separators, punctuation, symbols, control and format characters
    letters = "".join(
        char for char in unicodedata.normalize("NFC", value) if unicodedata.category(char)[0] not in "ZPSC"
    )
    return sha256(letters.lower().encode()).hexdigest() if letters else Refused("name_invalid")


def country(value: Any) -> Any:
    """Return the ISO 3166-1 alpha-2 code in upper case."""
    code = value.upper() if isinstance(value, str) and value.isascii() else ""
    return code if code in COUNTRIES else Refused("country_unknown")
