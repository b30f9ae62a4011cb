"""URL-match expressions of insight-tag rules, between LinkedIn's form and one that people read.

On the wire an expression is a list of groups of which one has to hold, each a list of conditions of which all
have to hold (``urlMatchRuleExpression``). As text::

    www.example.com/shop* AND *product1|product2*
    OR =www.example.com/thankyou

==================  =================  ==================================================
text                LinkedIn's         matches a page whose address, without its scheme,
==================  =================  ==================================================
``=address``        ``EXACT``          is the address
``address*``        ``STARTS_WITH``    starts with it
``*part*``          ``CONTAINS``       contains it
``*part|other*``    ``CONTAINS``       contains one of them
==================  =================  ==================================================
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, TypedDict

from airflow_provider_linkedin_capi.exceptions import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Sequence


class Condition(TypedDict):
    """One condition as on the wire."""

    matchType: str
    matchValue: str


Expression = list[list[Condition]]

_OR = re.compile(r"(?<!\S)OR(?!\S)")
_AND = re.compile(r"(?<!\S)AND(?!\S)")
_SCHEME = re.compile(r"[a-z][a-z0-9+.-]*://", re.IGNORECASE)
_ALTERNATIVES = " OR "


def parse(text: str) -> Expression:
    """Return the expression that a text stands for.

    :raises ConfigurationError: a condition does not have one of the four forms, contains a scheme, or is missing.
    """
    return [[_condition(part) for part in _AND.split(group)] for group in _OR.split(text)]


def readable(expression: Sequence[Sequence[Condition]]) -> str:
    """Return the text of an expression; :func:`parse` makes the same expression of it."""
    return " OR ".join(" AND ".join(_text(condition) for condition in group) for group in expression)


def _condition(part: str) -> Condition:
    part = part.strip()
    if not part:
        raise ConfigurationError("a URL-match condition is missing before or after AND or OR")
    if part.startswith("="):
        match_type, value = "EXACT", part[1:].strip()
    elif len(part) > 1 and part.startswith("*") and part.endswith("*"):
        match_type, value = "CONTAINS", part[1:-1]
    elif part.endswith("*"):
        match_type, value = "STARTS_WITH", part[:-1]
    else:
        raise ConfigurationError(
            f"URL-match condition {part!r}: write ={part} (is), {part}* (starts with) or *{part}* (contains)"
        )
    if _SCHEME.match(value):
        raise ConfigurationError(
            f"URL-match condition {part!r}: leave out the scheme, LinkedIn compares addresses without it"
        )
    values = value.split("|") if match_type == "CONTAINS" else [value]
    for single in values:
        if not single or re.search(r"[\s*|]", single):
            raise ConfigurationError(
                f"URL-match condition {part!r}: {single!r} is not (part of) an address; no spaces, and no asterisk "
                "but at the ends: LinkedIn knows no patterns"
            )
    if match_type != "CONTAINS" and value.startswith("/"):
        raise ConfigurationError(f"URL-match condition {part!r}: the host is missing; write *{value}* for any host")
    return {"matchType": match_type, "matchValue": _ALTERNATIVES.join(values)}


def _text(condition: Condition) -> str:
    value = condition["matchValue"]
    match condition["matchType"]:
        case "EXACT":
            return f"={value}"
        case "STARTS_WITH":
            return f"{value}*"
        case "CONTAINS":
            return f"*{value.replace(_ALTERNATIVES, '|')}*"
        case other:
            return f"{other}({value})"
