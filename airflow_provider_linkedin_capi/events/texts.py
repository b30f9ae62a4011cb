"""Names, plain and hashed; company, title and country."""

from __future__ import annotations

import re
import unicodedata
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Final

from airflow_provider_linkedin_capi.events.identifiers import sha256_digest
from airflow_provider_linkedin_capi.events.iso import COUNTRIES
from airflow_provider_linkedin_capi.events.plain import Corrected, Refused, plain

if TYPE_CHECKING:
    from collections.abc import Sequence

MAX_NAME_CHARACTERS: Final = 35
MAX_TEXT_CHARACTERS: Final = 50

#: Printable ASCII and composed Latin letters, which NFC leaves alone.
_USUAL_TEXT: Final = re.compile(r"[!-~\u00c0-\u024f]++(?: [!-~\u00c0-\u024f]++)*+").fullmatch
_HEX_64: Final = re.compile(r"[0-9a-fA-F]{64}").fullmatch
_MD5_CHARACTERS: Final = 32
_DIGEST: Final = re.compile(r"[0-9a-fA-F]{32}|[0-9a-fA-F]{40}|[0-9a-fA-F]{64}|[0-9a-fA-F]{128}").fullmatch
_BASE64_DIGEST: Final = re.compile(r"[A-Za-z0-9+/]{43}=").fullmatch


def usual_names(cells: Sequence[Any]) -> list[str | None]:
    """Return each name of Latin letters that needs no tidying."""
    return _usual(cells, _MD5_CHARACTERS - 1)


def usual_companies_and_titles(cells: Sequence[Any]) -> list[str | None]:
    """Return each company or title of Latin letters that needs no tidying."""
    return _usual(cells, MAX_TEXT_CHARACTERS)


def _usual(cells: Sequence[Any], most: int) -> list[str | None]:
    return [cell if cell.__class__ is str and len(cell) <= most and _USUAL_TEXT(cell) else None for cell in cells]


def _tidy(cell: Any, most: int, refused: str) -> Any:
    text = plain(cell)
    if text is None:
        return None
    if not isinstance(text, str):
        return Refused(refused)
    seen = (
        " " if char.isspace() else char
        for char in text
        if char.isspace() or unicodedata.category(char) not in ("Cc", "Cf")
    )
    text = unicodedata.normalize("NFC", " ".join("".join(seen).split()))
    if not text:
        return Refused(refused)
    return text if len(text) <= most else Corrected("text_cut", text[:most].rstrip())


def name(cell: Any) -> Any:
    """Return a plain first or last name, tidied, at most 35 characters."""
    text = _tidy(cell, MAX_NAME_CHARACTERS, "name_invalid")
    return Refused("name_hashed") if isinstance(cell, str) and _DIGEST(cell.strip()) else text


def company_or_title(cell: Any) -> Any:
    """Return a company or a job title, tidied, at most 50 characters."""
    return _tidy(cell, MAX_TEXT_CHARACTERS, "text_invalid")


def hashed_name(cell: Any) -> Any:
    """Return the SHA-256 of a name without white space and punctuation in lower case; a hash as it is."""
    text = plain(cell)
    if text is None:
        return None
    if not isinstance(text, str):
        return Refused("name_invalid")
    if _HEX_64(text):
        return sha256_digest(text)
    if _DIGEST(text) or _BASE64_DIGEST(text):
        return Refused("name_hash_invalid")
    # categories Z, P, S, C: separators, punctuation, symbols, control and format characters
    letters = "".join(
        char for char in unicodedata.normalize("NFC", text) if unicodedata.category(char)[0] not in "ZPSC"
    )
    return sha256(letters.lower().encode()).hexdigest() if letters else Refused("name_invalid")


def country(cell: Any) -> Any:
    """Return the ISO 3166-1 alpha-2 code in upper case."""
    text = plain(cell)
    if text is None:
        return None
    code = text.upper() if isinstance(text, str) and text.isascii() else ""
    return code if code in COUNTRIES else Refused("country_unknown")
