"""Imports run downwards only, so that each room can be understood, and tested, without those above it."""

from __future__ import annotations

import ast

import pytest

import airflow_provider_linkedin_capi as package
from tests.support.airflow_home import PROJECT

#: From the ground up; rooms of one floor may know each other.
FLOORS = (
    ("api",),
    ("events",),
    ("delivery",),
    ("sources", "sinks", "reports", "hooks"),
    ("operators", "sensors", "triggers", "links"),
)
FLOOR = {room: number for number, rooms in enumerate(FLOORS) for room in rooms}
ROOT = PROJECT / package.__name__


def imports(room: str) -> set[tuple[str, str]]:
    """Return (file, imported module) for every import of a room, those inside functions included."""
    found = set()
    for file in sorted((ROOT / room).rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.ImportFrom):
                found |= {(file.name, f"{node.module}.{name.name}") for name in node.names}
            elif isinstance(node, ast.Import):
                found |= {(file.name, name.name) for name in node.names}
    return found


@pytest.mark.parametrize("room", FLOOR)
def test_a_room_imports_nothing_from_above_and_nothing_of_the_sandbox(room: str) -> None:
    above = {
        (file, module)
        for file, module in imports(room)
        if module.startswith(f"{package.__name__}.")
        and ((inner := module.split(".")[1]) == "sandbox" or FLOOR.get(inner, 0) > FLOOR[room])
    }
    assert above == set()


@pytest.mark.parametrize("room", ["api", "events", "delivery"])
def test_rooms_below_airflow_import_neither_airflow_nor_sockets(room: str) -> None:
    outside = {module.partition(".")[0] for _, module in imports(room)}
    assert outside.isdisjoint({"airflow", "requests", "aiohttp", "socket", "sqlalchemy"})


def test_every_room_has_its_floor() -> None:
    rooms = {folder.name for folder in ROOT.iterdir() if folder.is_dir() and (folder / "__init__.py").exists()}
    assert rooms == {*FLOOR, "sandbox"}
