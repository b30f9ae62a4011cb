"""What the documentation shows is true: excerpts are of the files they name, and examples construct what they show."""

from __future__ import annotations

import ast
import importlib
import inspect
import re
import textwrap
from typing import TYPE_CHECKING

import pytest

from airflow_provider_linkedin_capi.get_provider_info import get_provider_info
from tests.support.airflow_home import PROJECT

if TYPE_CHECKING:
    from pathlib import Path

DOCS = PROJECT / "docs"
PAGES = [
    *(PROJECT / name for name in ("README.md", "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md")),
    *DOCS.rglob("*.md"),
]
BLOCK = re.compile(r"(?:<!-- (?P<file>\S+) -->\n)?^```python\n(?P<code>.*?)^```", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\((?!https?:|#)([^)#\s]+)")

BLOCKS = [
    (f"{page.relative_to(PROJECT)}-{number}", match["file"], match["code"])
    for page in PAGES
    for number, match in enumerate(BLOCK.finditer(page.read_text()), 1)
]
EXCERPTS = [pytest.param(file, code, id=name) for name, file, code in BLOCKS if file]
PAGE_IN_SOURCE = [
    name
    for file in (PROJECT / "airflow_provider_linkedin_capi").rglob("*.py")
    for name in re.findall(r"\bdocs/[\w-]+\.md\b", file.read_text())
]
DOCSTRING_BLOCK = re.compile(r"^( *)\.\. code-block:: python\n\n((?:\1    .*\n|\n)+)", re.MULTILINE)


def classes() -> dict[str, type]:
    """Every public class that a user may name, by name."""
    found: dict[str, type] = {}
    for kind in ("hooks", "operators", "sensors", "triggers"):
        for entry in get_provider_info()[kind]:
            for name in entry["python-modules"]:
                module = importlib.import_module(name)
                found |= {
                    each: value
                    for each, value in vars(module).items()
                    if inspect.isclass(value) and value.__module__ == name and not each.startswith("_")
                }
    return found


def calls(code: str, names: set[str]) -> list[ast.Call]:
    """Return the calls of the given names in the code."""
    return [
        node
        for node in ast.walk(ast.parse(textwrap.dedent(code)))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in names
    ]


@pytest.mark.parametrize(("file", "code"), EXCERPTS)
def test_an_excerpt_is_of_the_file_it_names(file: str, code: str) -> None:
    lines = [line.strip() for line in (PROJECT / file).read_text().splitlines()]
    wanted = [line.strip() for line in code.splitlines()]
    assert any(lines[start : start + len(wanted)] == wanted for start in range(len(lines))), f"not in {file}"


@pytest.mark.parametrize("code", [pytest.param(code, id=name) for name, _, code in BLOCKS])
def test_examples_on_a_page_use_parameters_that_exist(code: str) -> None:
    assert_parameters_exist(code)


def test_every_operator_and_sensor_shows_a_use_of_itself_with_parameters_that_exist() -> None:
    for name, documented in classes().items():
        if not name.endswith(("Operator", "Sensor")):
            continue
        examples = "".join(
            textwrap.dedent(code) for _, code in DOCSTRING_BLOCK.findall(inspect.getdoc(documented) or "")
        )
        assert calls(examples, {name}), f"the docstring of {name} shows no use of it"
        assert_parameters_exist(examples)


def parameters_of(documented: type) -> set[str]:
    """Return the parameters that a class and its base classes take."""
    return {each for base in documented.__mro__ for each in inspect.signature(base.__init__).parameters}


def test_every_documented_parameter_exists() -> None:
    for name, documented in classes().items():
        described = set(re.findall(r"^:param (\w+):", inspect.getdoc(documented) or "", re.MULTILINE))
        assert described <= parameters_of(documented), name


def assert_parameters_exist(code: str) -> None:
    known = classes()
    for call in calls(code, set(known)):
        name = call.func.id  # type: ignore[attr-defined]
        parameters = parameters_of(known[name])
        given = {keyword.arg for keyword in call.keywords if keyword.arg}
        assert given <= parameters, f"{name} has no {', '.join(sorted(given - parameters))}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_between_files_lead_somewhere(page: Path) -> None:
    broken = [link for link in LINK.findall(page.read_text()) if not (page.parent / link).exists()]
    assert broken == []


def test_the_index_names_every_page() -> None:
    index = (DOCS / "index.md").read_text()
    names = {page.name for page in PAGES if page.parent == DOCS} - {"index.md"}
    assert {name for name in names if f"]({name})" not in index} == set()


@pytest.mark.parametrize("example", sorted((PROJECT / "example_dags").glob("*.py")), ids=lambda path: path.name)
def test_the_page_of_examples_links_and_shows_each(example: Path) -> None:
    page = (DOCS / "examples.md").read_text()
    assert f"](../example_dags/{example.name})" in page
    assert f'--8<-- "example_dags/{example.name}"' in page


def test_the_reference_shows_every_class_that_airflow_lists() -> None:
    shown = {
        name.rpartition(".")[2]
        for page in (DOCS / "reference").glob("*.md")
        for name in re.findall(r"^::: (\S+)", page.read_text(), re.MULTILINE)
    }
    assert set(classes()) <= shown


@pytest.mark.parametrize("page", sorted(set(PAGE_IN_SOURCE)))
def test_each_page_that_the_source_names_exists(page: str) -> None:
    assert (PROJECT / page).is_file()
