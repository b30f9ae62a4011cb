"""The package's import graph in figures: ``python -m tests.import_graph`` prints them.

Imports for the type checker alone count as well: a reader follows them too.
"""

from __future__ import annotations

import ast
import sys
from pathlib import Path

PACKAGE = "airflow_provider_linkedin_capi"

#: From the bottom up. A package, or a module beside the packages, imports from lower levels only, not from its own.
LEVELS = (
    ("exceptions", "version_compat", "currencies"),
    ("api", "databases"),
    ("events",),
    ("delivery", "reports", "legacy"),
    ("task_state",),
    ("sources",),
    ("sinks", "hooks", "links"),
    ("retry_policy",),
    ("task_mixin", "declarations"),
    ("operators", "triggers"),
    ("sensors",),
)


def modules(root: Path) -> dict[str, Path]:
    """Return each module's file by its dotted name; ``__init__`` counts as its package."""
    found = {}
    for path in sorted((root / PACKAGE).rglob("*.py")):
        parts = path.relative_to(root).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def graph(root: Path) -> dict[str, set[str]]:
    """Return the modules that each module imports, wherever in it the import stands."""
    paths = modules(root)
    return {
        name: {target for target in imported(path, paths) if target not in (name, PACKAGE)}
        for name, path in paths.items()
    }


def imported(path: Path, known: dict[str, Path]) -> set[str]:
    """Return the known modules that one file imports."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module:
            for alias in node.names:
                inner = f"{node.module}.{alias.name}"
                names.add(inner if inner in known else node.module)
        elif isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
    return names & known.keys()


def cycles(edges: dict[str, set[str]]) -> list[set[str]]:
    """Return the groups of modules that reach each other, those of one module left out."""
    reach = {name: _reachable(name, edges) for name in edges}
    groups = {frozenset({name} | {other for other in reach[name] if name in reach[other]}) for name in edges}
    return sorted((set(group) for group in groups if len(group) > 1), key=sorted)


def _reachable(start: str, edges: dict[str, set[str]]) -> set[str]:
    seen: set[str] = set()
    waiting = [start]
    while waiting:
        for name in edges[waiting.pop()] - seen:
            seen.add(name)
            waiting.append(name)
    return seen


def main(root: Path) -> None:
    """Print the figures."""
    edges = graph(root)
    paths = modules(root)
    lines = {name: len(path.read_text().splitlines()) for name, path in paths.items()}
    longest = max(lines, key=lambda name: lines[name])
    print(f"modules            {len(edges)}")
    print(f"imports            {sum(map(len, edges.values()))}")
    print(f"lines              {sum(lines.values())}")
    print(f"longest module     {longest} ({lines[longest]} lines)")
    groups = cycles(edges)
    print(f"import cycles      {len(groups)}")
    for group in groups:
        print(f"                   {', '.join(sorted(name.removeprefix(PACKAGE + '.') for name in group))}")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parents[1])
