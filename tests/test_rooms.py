"""Imports run downwards only, so that each room can be understood, and tested, without those above it."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import airflow_provider_linkedin_capi as package

NAME = package.__name__
ROOT = Path(package.__file__).parent

#: From the ground up. A room, or a module beside the rooms, imports from lower floors only: not from its own.
FLOORS = (
    ("api",),
    ("events",),
    ("delivery", "reports"),
    ("sources", "_compat"),
    ("sinks", "hooks", "links", "_retries", "_checkpoint"),
    ("declarations",),
    ("operators", "triggers"),
    ("sensors",),
)
FLOOR = {room: number for number, rooms in enumerate(FLOORS) for room in rooms}
WITHOUT_AIRFLOW = ("api", "events", "delivery", "declarations", "sandbox")


class _WithoutTypeChecking(ast.NodeTransformer):
    def visit_If(self, node: ast.If) -> ast.AST | None:
        return None if ast.unparse(node.test) == "TYPE_CHECKING" else self.generic_visit(node)


def imports(room: str, *, for_types: bool = True) -> set[tuple[str, str]]:
    """Return (file, imported module or name in it) for every import of a room, those inside functions included."""
    found = set()
    for file in sorted((ROOT / room).rglob("*.py")) or [ROOT / f"{room}.py"]:
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


def rooms_imported(room: str) -> set[tuple[str, str]]:
    """Return (file, other room of the package)."""
    inner = {(file, module.split(".")[1]) for file, module in imports(room) if module.startswith(f"{NAME}.")}
    return {(file, other) for file, other in inner if other not in (room, "__version__")}


@pytest.mark.parametrize("room", FLOOR)
def test_a_room_imports_from_lower_floors_only(room: str) -> None:
    wrong = {(file, other) for file, other in rooms_imported(room) if FLOOR.get(other, 99) >= FLOOR[room]}
    assert wrong == set()


def test_the_local_linkedin_imports_nothing_of_the_rest() -> None:
    assert rooms_imported("sandbox") == set()


@pytest.mark.parametrize("room", WITHOUT_AIRFLOW)
def test_rooms_without_airflow_do_not_import_it(room: str) -> None:
    assert "airflow" not in {module.partition(".")[0] for _, module in imports(room)}


@pytest.mark.parametrize(
    "room", ["api", "events", "delivery", "reports", "declarations", "operators", "sensors", "triggers"]
)
def test_only_the_hooks_open_connections_to_linkedin(room: str) -> None:
    outside = {module.partition(".")[0] for _, module in imports(room)}
    assert outside.isdisjoint({"requests", "aiohttp", "urllib3", "httpx", "socket"})


@pytest.mark.parametrize("room", [room for room in FLOOR if room != "_compat"])
def test_only_one_module_imports_what_differs_between_versions_of_airflow(room: str) -> None:
    differing = ("airflow.sdk", "airflow.models", "airflow.utils", "airflow.exceptions", "airflow.version")
    assert {found for found in imports(room, for_types=False) if found[1].startswith(differing)} == set()


def test_every_room_and_module_has_its_floor() -> None:
    rooms = {path.stem for path in ROOT.iterdir() if (path / "__init__.py").exists() or path.suffix == ".py"}
    assert rooms - {"__init__", "get_provider_info"} == {*FLOOR, "sandbox"}
