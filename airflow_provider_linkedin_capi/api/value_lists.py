"""Lists as users write them: Python lists, and the texts that templates, Variables and params make of them."""

from __future__ import annotations

import ast
import json
from collections.abc import Iterable, Mapping
from typing import Any

from airflow_provider_linkedin_capi.exceptions import ConfigurationError

_BRACKETS = ("[", "{", "(")


def value_list(value: Any, *, name: str) -> list[Any]:
    """Return the values that a parameter holds.

    Airflow renders a template to text: a list from a Variable, param or XCom arrives as JSON (``["1", "2"]``) or as
    Python writes it (``['1', 2]``). Both are read, as is a text with commas.

    :param value: a list or another iterable, one value, or text; a mapping stands for its values; None and empty text
        for no values.
    :param name: the parameter, for the message.
    :return: the values as they are.
    :raises ConfigurationError: text that starts like a list or mapping but cannot be read as one.

    .. code-block:: python

        value_list("[337643194, 337643195]", name="campaigns")  # [337643194, 337643195]
        value_list("337643194,337643195", name="campaigns")  # ["337643194", "337643195"]
    """
    value = literal(value, name=name)
    if value is None:
        return []
    if isinstance(value, str):
        return [part.strip() for part in value.split(",") if part.strip()]
    if isinstance(value, Mapping):
        return list(value.values())
    return list(value) if isinstance(value, Iterable) else [value]


def literal(value: Any, *, name: str) -> Any:
    """Return what the text of a list or mapping stands for; every other value unchanged.

    :param value: a parameter's value.
    :param name: the parameter, for the message.
    :raises ConfigurationError: text that starts like a list or mapping but cannot be read as one.
    """
    read = from_text(value)
    if isinstance(read, str) and read.lstrip().startswith(_BRACKETS):
        raise ConfigurationError(
            f"{name} starts like a list or mapping but is neither JSON nor a Python literal: correct the Variable, "
            "param or template that it comes from"
        )
    return read


def from_text(value: Any) -> Any:
    """Return what the text of a list or mapping stands for; other values and other texts unchanged."""
    if not isinstance(value, str) or not value.lstrip().startswith(_BRACKETS):
        return value
    for read in (json.loads, ast.literal_eval):
        try:
            return read(value.strip())
        except (ValueError, SyntaxError, RecursionError, MemoryError):
            continue
    return value
