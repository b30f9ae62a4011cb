"""Docstrings are reStructuredText, as Airflow's own are; the site is Markdown. This translates what they use."""

from __future__ import annotations

import re
import textwrap
from typing import Any

from griffe import Extension, Object

CODE = re.compile(r"^\.\. code-block:: (\w+)\n\n((?:    .*\n|\n)+)", re.MULTILINE)
SEE_ALSO = re.compile(r"^\.\. seealso:: ", re.MULTILINE)
LINK = re.compile(r"`([^`<]+?)\s*<(https?:[^>]+)>`__?")
ROLE = re.compile(r":(?:class|mod|func|meth|data|exc|attr):`(~?)([^`]+)`")

PAGE = re.compile(r"\bdocs/([\w-]+)\.md\b")


def _fence(match: re.Match[str]) -> str:
    return f"```{match[1]}\n{textwrap.dedent(match[2]).strip()}\n```\n\n"


def _reference(match: re.Match[str]) -> str:
    shortened, path = match.groups()
    text = path.rpartition(".")[2] if shortened else path.lstrip(".")
    return f"`{text}`"


def to_markdown(docstring: str) -> str:
    """Return the docstring with its directives, links and roles as Markdown, and a link for each page it names."""
    text = CODE.sub(_fence, docstring + "\n")
    text = LINK.sub(r"[\1](\2)", SEE_ALSO.sub("See also: ", text))
    return PAGE.sub(r"[\1](../\1.md)", ROLE.sub(_reference, text)).rstrip()


class Docstrings(Extension):
    """Translates every docstring before it is parsed."""

    def on_object(self, *, obj: Object, **_: Any) -> None:
        """Translate the docstring of one module, class, function or attribute."""
        if obj.docstring:
            obj.docstring.value = to_markdown(obj.docstring.value)
