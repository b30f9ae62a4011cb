"""Imports run downwards only, so that each package can be read and tested without those above it."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

import airflow_provider_linkedin_capi
from tests import import_graph
from tests.import_graph import LEVELS

NAME = airflow_provider_linkedin_capi.__name__
ROOT = Path(airflow_provider_linkedin_capi.__file__).parent

LEVEL = {package: number for number, packages in enumerate(LEVELS) for package in packages}
WITHOUT_AIRFLOW = ("api", "events", "delivery", "declarations", "sandbox")


class _WithoutTypeChecking(ast.NodeTransformer):
    def visit_If(self, node: ast.If) -> ast.AST | None:
        return None if ast.unparse(node.test) == "TYPE_CHECKING" else self.generic_visit(node)


def imports(package: str, *, for_types: bool = True) -> set[tuple[str, str]]:
    """Return (file, imported module or name in it) for every import of a package, those inside functions included."""
    found = set()
    for file in sorted((ROOT / package).rglob("*.py")) or [ROOT / f"{package}.py"]:
        tree: ast.AST = ast.parse(file.read_text())
        if not for_types:
            tree = _WithoutTypeChecking().visit(tree)
        for node in ast.walk(tree):
            if isinstance(node, ast.ImportFrom):
                assert node.level == 0, f"{file}: relative imports hide where they lead"
                found |= {(file.name, f"{node.module}.{name.name}") for name in node.names}
            elif isinstance(node, ast.Import):
                found |= {(file.name, name.name) for name in node.names}
    return found


def packages_imported(package: str) -> set[tuple[str, str]]:
    """Return (file, other package or module)."""
    # An exception may name the type of what it carries.
    found = imports(package, for_types=package != "exceptions")
    inner = {(file, module.split(".")[1]) for file, module in found if module.startswith(f"{NAME}.")}
    return {(file, other) for file, other in inner if other not in (package, "__version__")}


@pytest.mark.parametrize("package", LEVEL)
def test_a_package_imports_from_lower_levels_only(package: str) -> None:
    wrong = {(file, other) for file, other in packages_imported(package) if LEVEL.get(other, 99) >= LEVEL[package]}
    assert wrong == set()


def test_the_local_linkedin_imports_nothing_of_the_rest() -> None:
    assert packages_imported("sandbox") == set()


@pytest.mark.parametrize("package", WITHOUT_AIRFLOW)
def test_packages_without_airflow_do_not_import_it(package: str) -> None:
    assert "airflow" not in {module.partition(".")[0] for _, module in imports(package)}


@pytest.mark.parametrize(
    "package", ["api", "events", "delivery", "reports", "declarations", "operators", "sensors", "triggers"]
)
def test_only_the_hooks_open_connections_to_linkedin(package: str) -> None:
    outside = {module.partition(".")[0] for _, module in imports(package)}
    assert outside.isdisjoint({"requests", "aiohttp", "urllib3", "httpx", "socket"})


@pytest.mark.parametrize("package", [package for package in LEVEL if package != "version_compat"])
def test_only_one_module_imports_what_differs_between_versions_of_airflow(package: str) -> None:
    differing = ("airflow.sdk", "airflow.models", "airflow.utils", "airflow.exceptions", "airflow.version")
    assert {found for found in imports(package, for_types=False) if found[1].startswith(differing)} == set()


def test_no_modules_import_each_other_in_a_cycle() -> None:
    assert import_graph.cycles(import_graph.graph(ROOT.parent)) == []


def test_every_package_and_module_has_its_level() -> None:
    packages = {path.stem for path in ROOT.iterdir() if (path / "__init__.py").exists() or path.suffix == ".py"}
    assert packages - {"__init__", "get_provider_info"} == {*LEVEL, "sandbox"}


def test_no_test_imports_from_another_one() -> None:
    """What several need is in ``tests/support`` or a module beside them, so that each can be read and moved alone."""
    imported = re.compile(r"^\s*(?:from|import) (tests\.(?:\w+\.)*(?:conftest|test_\w+))\b", re.MULTILINE)
    tests = ROOT.parent / "tests"
    found = {str(path.relative_to(tests)): imported.findall(path.read_text()) for path in tests.rglob("*.py")}
    assert {path: names for path, names in found.items() if names} == {}
