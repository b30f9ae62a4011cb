"""The diagrams in the docs are those that their script draws, and name files that exist."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path

import pytest

import airflow_provider_linkedin_capi
from tests.support.airflow_home import PROJECT

PACKAGE = Path(airflow_provider_linkedin_capi.__file__).parent


def _load_script() -> object:
    spec = importlib.util.spec_from_file_location("diagrams", PROJECT / "docs" / "_build" / "diagrams.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


SCRIPT = _load_script()


@pytest.mark.parametrize("name", SCRIPT.DIAGRAMS)
def test_a_diagram_is_up_to_date(name: str) -> None:
    drawn = SCRIPT.draw(name, *SCRIPT.DIAGRAMS[name])
    assert (PROJECT / "docs" / "images" / f"{name}.svg").read_text() == drawn, "run: python docs/_build/diagrams.py"


@pytest.mark.parametrize("name", SCRIPT.DIAGRAMS)
def test_a_diagram_names_files_that_exist(name: str) -> None:
    _, boxes, _ = SCRIPT.DIAGRAMS[name]
    named = {path for box in boxes.values() for path in re.findall(r"[\w/]+(?:\.py|/)", box.detail) if "/" in path}
    assert named
    assert {path for path in named if not (PACKAGE / path).exists()} == set()


def test_the_architecture_page_names_files_that_exist() -> None:
    page = (PROJECT / "docs" / "architecture.md").read_text()
    named = set(re.findall(r"`((?:\w+/)+(?:\w+\.py)?|\w+\.py)`", page))
    assert {path for path in named if not ((PACKAGE / path).exists() or (PROJECT / path).exists())} == set()
