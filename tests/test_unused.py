"""Nothing in the package is used by tests alone, unless its docstring says that it is public API."""

from __future__ import annotations

import ast
from collections import Counter
from pathlib import Path

import airflow_provider_linkedin_capi

Definition = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
ROOT = Path(airflow_provider_linkedin_capi.__file__).parent
#: Decorators and bases through which others call what nobody here names.
CALLED_BY_OTHERS = ("property", "cached_property", "overload", "setter")
#: What Airflow, requests, urllib3, io and Python look for by name.
HOOKS_OF_OTHERS = {
    "evaluate",
    "finalize",
    "get_openlineage_facets_on_complete",
    "execute",
    "poke",
    "serialize",
    "run",
    "on_kill",
    "get_link",
    "get_provider_info",
    "template_fields",
    "init_poolmanager",
    "proxy_manager_for",
    "readable",
    "readinto",
    "response_class",
    "test_connection",
}


def modules() -> dict[str, ast.Module]:
    return {str(file.relative_to(ROOT)): ast.parse(file.read_text()) for file in ROOT.rglob("*.py")}


def used(trees: dict[str, ast.Module]) -> Counter[str]:
    """Count every mention of a name: variables, attributes, imports, keywords, and texts that may name something."""
    names: Counter[str] = Counter()
    for tree in trees.values():
        for node in ast.walk(tree):
            match node:
                case ast.Name(id=name) | ast.Attribute(attr=name) | ast.keyword(arg=str(name)):
                    names[name] += 1
                case ast.alias(name=name):
                    names[name.rpartition(".")[2]] += 1
                case ast.Constant(value=str(text)) if text.replace(".", "_").isidentifier():
                    names[text.rpartition(".")[2]] += 1
    return names


def is_public(file: str, node: Definition, owner: ast.ClassDef | None) -> bool:
    if isinstance(node, ast.ClassDef) and file.startswith(("operators/", "sensors/", "triggers/")):
        return True  # the provider's operators are for DAGs
    documented = [ast.get_docstring(part) or "" for part in (node, owner) if part]
    if any("Public API" in text for text in documented):
        return True
    if not isinstance(node, ast.ClassDef):
        # A call may always be handed to the hook's call().
        returned = ast.unparse(node.returns) if node.returns else ""
        return returned.startswith("Call[") or any(
            ast.unparse(decorator).rpartition(".")[2] in CALLED_BY_OTHERS for decorator in node.decorator_list
        )
    return False


def unused() -> list[str]:
    trees = modules()
    mentioned = used(trees)
    found = []
    for file, tree in trees.items():
        for node in ast.walk(tree):
            owner = node if isinstance(node, ast.ClassDef) else None
            for child in ast.iter_child_nodes(node):
                if not isinstance(child, Definition):
                    continue
                known = child.name.startswith("__") or child.name in HOOKS_OF_OTHERS or mentioned[child.name]
                if not known and not is_public(file, child, owner):
                    found.append(f"{file}: {child.name}")
    return sorted(found)


def test_nothing_is_used_by_tests_alone() -> None:
    assert unused() == []
