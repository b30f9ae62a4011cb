"""What CONTRIBUTING and the other pages say about the code's layout is what the code looks like."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import airflow_provider_linkedin_capi
from tests.import_graph import LEVELS
from tests.support.airflow_home import PROJECT

PACKAGE = Path(airflow_provider_linkedin_capi.__file__).parent
CONTRIBUTING = (PROJECT / "CONTRIBUTING.md").read_text()
RECIPE = re.compile(r"^\| \[Add an? (?P<name>[^\]]+)\]\(#\S+\) \| (?P<files>.+) \|$", re.MULTILINE)
RECIPES = {match["name"]: re.findall(r"`([^`]+)`", match["files"]) for match in RECIPE.finditer(CONTRIBUTING)}
MOST_FILES = {"endpoint": 4, "field or an identifier type": 3, "sink": 1, "source": 1}
ORDER = re.compile(r"<!-- import order -->\n```text\n(.*?)\n```", re.DOTALL)


def test_there_is_a_recipe_for_each_common_change() -> None:
    assert set(RECIPES) == set(MOST_FILES)


@pytest.mark.parametrize("recipe", RECIPES)
def test_a_recipe_names_few_files(recipe: str) -> None:
    assert 1 <= len(RECIPES[recipe]) <= MOST_FILES[recipe]


@pytest.mark.parametrize("file", sorted({file for files in RECIPES.values() for file in files}))
def test_each_file_of_a_recipe_exists(file: str) -> None:
    path = PACKAGE / file
    assert path.parent.is_dir() if "<name>" in file else path.is_file()


@pytest.mark.parametrize("page", ["README.md", "CONTRIBUTING.md", "docs/architecture.md"])
def test_a_page_states_the_import_order_that_is_enforced(page: str) -> None:
    [block] = ORDER.findall((PROJECT / page).read_text())
    assert [tuple(line.split(", ")) for line in block.splitlines()] == list(LEVELS)


@pytest.mark.parametrize("folder", re.findall(r"^\| `tests/(\w+)/` \|", CONTRIBUTING, re.MULTILINE))
def test_each_test_folder_that_contributing_names_exists(folder: str) -> None:
    assert (PROJECT / "tests" / folder).is_dir()


@pytest.mark.parametrize("target", re.findall(r"^make ([\w-]+)", CONTRIBUTING, re.MULTILINE))
def test_each_make_target_that_contributing_names_exists(target: str) -> None:
    assert re.search(rf"^{target}:", (PROJECT / "Makefile").read_text(), re.MULTILINE)
