"""Positions of elements in a batch as short text that a person can read: ``0-99,101``."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection


def to_text(positions: Collection[int]) -> str:
    """Return the positions, in any order and each once, as ranges."""
    if len(positions) > 1 and max(positions) - min(positions) == len(positions) - 1:
        return f"{min(positions)}-{max(positions)}"
    ranges: list[list[int]] = []
    for position in sorted(positions):
        if ranges and position == ranges[-1][1] + 1:
            ranges[-1][1] = position
        else:
            ranges.append([position, position])
    return ",".join(str(first) if first == last else f"{first}-{last}" for first, last in ranges)


def from_text(text: str) -> list[int]:
    """Return the positions that the text names, in ascending order."""
    positions: list[int] = []
    for part in filter(None, text.split(",")):
        first, _, last = part.partition("-")
        positions.extend(range(int(first), int(last or first) + 1))
    return positions
