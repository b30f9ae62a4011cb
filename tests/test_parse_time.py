"""Parsing a DAG file costs little: the scheduler does it every few seconds."""

from __future__ import annotations

import json
import subprocess
import sys

from airflow_provider_linkedin_capi.get_provider_info import get_provider_info

#: What a DAG file has no need of before its tasks run.
HEAVY = ("aiohttp", "requests", "sqlalchemy", "pandas", "pyarrow", "starlette", "uvicorn")

MODULES = [
    module
    for room in ("operators", "sensors", "triggers")
    for entry in get_provider_info()[room]
    for module in entry["python-modules"]
]


def loaded_by(statement: str) -> set[str]:
    """Return the modules that a fresh Python has loaded after the statement."""
    code = f"{statement}; import sys, json; print(json.dumps(sorted(sys.modules)))"
    output = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=120)
    return set(json.loads(output.stdout.splitlines()[-1]))


def libraries(modules: set[str]) -> set[str]:
    return {module.partition(".")[0] for module in modules}


def test_provider_discovery_loads_nothing_but_the_package() -> None:
    code = "from airflow_provider_linkedin_capi.get_provider_info import get_provider_info; get_provider_info()"

    loaded = loaded_by(code) - loaded_by("import importlib.metadata")

    assert {module for module in loaded if not module.startswith("_")} == {
        "airflow_provider_linkedin_capi",
        "airflow_provider_linkedin_capi.get_provider_info",
    }


def test_parsing_a_dag_loads_neither_hooks_nor_heavy_libraries() -> None:
    airflow = "from airflow.providers.common.compat.sdk import DAG, BaseOperator, BaseSensorOperator"
    before = loaded_by(f"{airflow}; DAG; BaseOperator; BaseSensorOperator; import airflow.triggers.base")
    after = loaded_by(f"{airflow}; import {', '.join(MODULES)}")

    assert libraries(after - before).isdisjoint(HEAVY), libraries(after - before) & set(HEAVY)
    assert "airflow_provider_linkedin_capi.hooks.linkedin_conversions" not in after
