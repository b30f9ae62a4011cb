"""What the package imports is what pyproject.toml says that it needs."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from pathlib import Path

import airflow_provider_linkedin_capi as package
from tests.support.airflow_home import PROJECT

#: Imported only where Airflow itself calls for them or brings them along.
BROUGHT_BY_AIRFLOW = {"apache-airflow-providers-openlineage", "apache-airflow-providers-standard"}
#: Loaded by their names, since they are optional or mypy knows no types of them.
LOADED_BY_NAME = {"fsspec", "numpy", "pyarrow"} | {
    f"apache-airflow-providers-{name}"
    for name in (
        "amazon", "clickhousedb", "databricks", "duckdb", "google", "microsoft-mssql", "mysql", "oracle", "postgres",
        "snowflake", "trino",
    )
}  # fmt: skip


def distribution(module: str) -> str:
    """Return the name of the distribution that a module comes with."""
    if match := re.match(r"airflow\.providers\.(common\.\w+|\w+)", module):
        return f"apache-airflow-providers-{match[1].replace('.', '-')}"
    top = module.partition(".")[0]
    return "apache-airflow" if top == "airflow" else top


def imported() -> set[str]:
    modules = set()
    for file in Path(package.__file__).parent.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.ImportFrom) and node.module:
                modules.add(node.module)
            elif isinstance(node, ast.Import):
                modules |= {name.name for name in node.names}
    own = {*sys.stdlib_module_names, package.__name__}
    return {distribution(module) for module in modules if module.partition(".")[0] not in own}


def test_every_library_that_is_imported_is_declared_and_the_other_way_round() -> None:
    project = tomllib.loads((PROJECT / "pyproject.toml").read_text())["project"]
    lists = [project["dependencies"], *project["optional-dependencies"].values()]
    declared = {re.split(r"[<>=!~\[ ]", requirement)[0] for each in lists for requirement in each}
    assert (imported() - BROUGHT_BY_AIRFLOW) | LOADED_BY_NAME == declared
