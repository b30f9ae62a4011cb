from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., str]:
    """``write("dt=1/a.csv", "text" or b"bytes")`` writes a file below ``tmp_path`` and returns its URL."""

    def write(name: str, content: str | bytes, encoding: str = "utf-8") -> str:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode(encoding))
        return f"file://{path}"

    return write


@pytest.fixture
def read() -> Callable[..., list[dict[str, Any]]]:
    """``read(source, size=100)`` returns the rows as dictionaries, or the reasons of those that cannot be read."""

    def read(source: Any, size: int = 100) -> list[Any]:
        return [
            chunk.unreadable[index].message if index in chunk.unreadable else dict(zip(chunk.columns, row, strict=True))
            for chunk in source.chunks(size)
            for index, row in enumerate(chunk.rows)
        ]

    return read
