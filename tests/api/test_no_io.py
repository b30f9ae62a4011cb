"""The room of values: nothing in it could reach LinkedIn, or Airflow."""

from __future__ import annotations

import json
import pkgutil
import subprocess
import sys

from airflow_provider_linkedin_capi import api


def test_the_api_loads_neither_airflow_nor_anything_that_opens_connections():
    modules = [f"{api.__name__}.{module.name}" for module in pkgutil.iter_modules(api.__path__)]
    code = f"import {', '.join(modules)}, sys, json; print(json.dumps(sorted(sys.modules)))"
    output = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    loaded = {module.partition(".")[0] for module in json.loads(output.stdout)}
    assert loaded.isdisjoint({"airflow", "requests", "aiohttp", "urllib3", "asyncio", "sqlite3"})
