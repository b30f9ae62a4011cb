"""What LinkedIn's error texts say: positions in a batch, kinds of limits, the data that they quote.

A text never decides alone where status and code can. LinkedIn documents each pattern here, or was seen to send it.
"""

from __future__ import annotations

import html
import re
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from collections.abc import Iterable

_ITEM = re.compile(r"Index: (\d+), ")
_INDICES = re.compile(r"indices \[([0-9, ]+)\]")
_BATCH_INDEX = re.compile(r"\{[^{}]*\bbatchIndex=(\d+)[^{}]*\}|batchIndex=(\d+)")
_LONGEST_POSITION = 9  # digits; longer ones are not positions, and Python refuses to read very long numbers

_OF_THE_RULE = re.compile(r"Conversion's method should be|Conversion enabled should be|ERROR :: /conversion ::")
_OF_THE_ELEMENT = re.compile(
    r"ERROR :: /(?!conversion ::)"
    r"|Conversion time|INVALID_CONVERSION_TIME|conversionHappenedAt"
    r"|must contain one of these fields|INVALID_USER|externalIds|userInfo|userIds|SHA256_|idValue"
    r"|conversionValue|currencyCode|amount|eventId",
    re.IGNORECASE,
)

#: What LinkedIn repeats of the data in its messages.
_VALUES = re.compile(r'\\?"[^"]*"|:: (?!/)[^\n]*?(?=cannot be coerced)|[0-9a-fA-F]{32,}|\S+@\S+')

_TITLE = re.compile(r"<title[^>]*>(.*?)</title", re.IGNORECASE | re.DOTALL)
_LONGEST_TITLE = 80


def redacted(message: str) -> str:
    """Return a message without the values that it quotes: quoted text, hashes, e-mail addresses."""
    return _VALUES.sub(lambda match: ":: ... " if match[0].startswith("::") else "...", message)


def redacted_details(details: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return ``errorDetails.inputErrors`` without the values that their texts quote."""
    return [
        {name: redacted(value) if isinstance(value, str) else value for name, value in detail.items()}
        for detail in details
    ]


def element_messages(message: str) -> dict[int, str]:
    """Return LinkedIn's message for each batch position that an error text names, in any documented form."""
    found: dict[int, str] = {}

    def add(number: str, text: str) -> None:
        if len(number) <= _LONGEST_POSITION:
            found[int(number)] = f"{found[int(number)]}; {text}" if int(number) in found else text

    if starts := list(_ITEM.finditer(message)):
        for start, end in zip(starts, [*starts[1:], None], strict=True):
            text = message[start.end() : end.start() if end else len(message)]
            add(start[1], "; ".join(line.strip() for line in text.splitlines() if line.strip()))
        return found
    for match in _BATCH_INDEX.finditer(message):
        add(match[1] or match[2], match[0])
    end_of_last = 0
    for match in _INDICES.finditer(message):
        text = message[end_of_last : match.start()].removeprefix(" (0-indexed)").strip(" .,;\n")
        end_of_last = match.end()
        for number in match[1].split(","):
            if number.strip():
                add(number.strip(), text)
    return found


def names_the_rule(message: str) -> bool:
    """Whether a refusal speaks of the conversion rule: of another kind, disabled, or not the URN of a rule."""
    return _OF_THE_RULE.search(message) is not None


def names_the_element(message: str) -> bool:
    """Whether a refusal speaks of an event's own data: its time, value, identifiers, user or id."""
    return _OF_THE_ELEMENT.search(message) is not None and not names_the_rule(message)


def limit_window(message: str, code: str | None) -> Literal["day", "data", "quota", "short"]:
    """Return which limit a 429 speaks of; see :class:`~airflow_provider_linkedin_capi.exceptions.RateLimitError`."""
    if "DAY limit" in message:
        return "day"
    if "45 million metric values" in message or "data request limit" in message:
        return "data"
    if code == "SEGMENT_LIMIT_EXCEEDED" or "SEGMENT_LIMIT_EXCEEDED" in message:
        return "quota"
    return "short"


def page_title(body: bytes) -> str | None:
    """Return the title of an HTML page, without the values that it quotes; None when there is none."""
    match = _TITLE.search(body[:100_000].decode("utf-8", errors="replace"))
    title = " ".join(html.unescape(match[1]).split()) if match else ""
    return redacted(title)[:_LONGEST_TITLE] or None
