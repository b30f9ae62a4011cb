"""The package as users get it: built, installed into an empty environment, shown by Airflow."""

from __future__ import annotations

import importlib.metadata
import json
import os
import re
import subprocess
import sys
import zipfile
from typing import TYPE_CHECKING

import pytest
import uv

import airflow_provider_linkedin_capi as package
from airflow_provider_linkedin_capi.get_provider_info import get_provider_info
from tests.support.airflow_home import PROJECT

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.e2e

DISTRIBUTION = "airflow-provider-linkedin-capi"


def run(*command: str | Path, **environment: str) -> str:
    """Return what a command prints; it runs outside the project, whose source it must not find."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("AIRFLOW", "PYTHON"))}
    done = subprocess.run(
        list(map(str, command)),
        cwd="/",
        env={**clean, **environment},
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, f"{' '.join(map(str, command))}\n{done.stdout}\n{done.stderr}"
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("dist")
    run(uv.find_uv_bin(), "build", "--quiet", "--wheel", "--out-dir", folder, PROJECT)
    [built] = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def environment(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An environment with the wheel and what it declares, in the versions that the tests use."""
    home = tmp_path_factory.mktemp("environment")
    installed = home / "constraints.txt"
    installed.write_text(
        "\n".join(
            f"{each.name}=={each.version}"
            for each in importlib.metadata.distributions()
            if each.name.lower() != DISTRIBUTION
        )
    )
    run(uv.find_uv_bin(), "venv", "--quiet", "--python", sys.executable, home / "venv")
    target = ("--python", home / "venv")
    run(uv.find_uv_bin(), "pip", "install", "--quiet", *target, "--constraint", installed, wheel)
    return home / "venv" / "bin"


def airflow(environment: Path, *arguments: str) -> str:
    home = str(environment.parent / "airflow-home")
    return run(environment / "python", "-m", "airflow", *arguments, AIRFLOW_HOME=home)


def test_the_wheel_holds_the_package_and_the_example_dags(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        [metadata] = [archive.read(name).decode() for name in names if name.endswith(".dist-info/METADATA")]

    modules = {name for name in names if ".dist-info/" not in name}
    root = PROJECT / package.__name__
    files = (file.relative_to(PROJECT) for file in root.rglob("*") if file.is_file())
    source = {str(file) for file in files if not any(part.startswith((".", "__pycache__")) for part in file.parts)}
    examples = {f"{package.__name__}/example_dags/{file.name}" for file in (PROJECT / "example_dags").glob("*.py")}
    assert modules == source | examples
    assert f"{package.__name__}/py.typed" in modules
    assert f"\nVersion: {package.__version__}\n" in metadata
    assert "\nRequires-Python: >=3.11\n" in metadata


def test_the_page_on_pypi_has_no_link_into_the_repository_s_folders(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        [name] = [name for name in archive.namelist() if name.endswith(".dist-info/METADATA")]
        page = archive.read(name).decode()
    assert re.findall(r"\]\((?!https://|#)[^)]+\)", page) == []
    assert "](https://raw.githubusercontent.com/" in page


def test_airflow_shows_the_provider(environment: Path) -> None:
    [shown] = json.loads(airflow(environment, "providers", "get", DISTRIBUTION, "--full", "--output", "json"))

    assert shown["package-name"] == DISTRIBUTION
    assert shown["versions"] == [package.__version__]
    hooks = json.loads(airflow(environment, "providers", "hooks", "--output", "json"))
    assert ("linkedin_capi", "LinkedIn Conversions API") in {
        (hook["connection_type"], hook["hook_name"]) for hook in hooks
    }


def test_every_module_imports_without_what_only_tests_install(environment: Path) -> None:
    info = get_provider_info()
    modules = [
        module
        for kind in ("hooks", "operators", "sensors", "triggers")
        for entry in info[kind]
        for module in entry["python-modules"]
    ]

    run(
        environment / "python",
        "-c",
        f"import {', '.join(modules)}",
        AIRFLOW_HOME=str(environment.parent / "airflow-home"),
    )


def test_the_example_dags_load_from_the_wheel(environment: Path) -> None:
    examples = [file.stem for file in (PROJECT / "example_dags").glob("*.py")]

    run(
        environment / "python",
        "-c",
        f"from {package.__name__}.example_dags import {', '.join(examples)}",
        AIRFLOW_HOME=str(environment.parent / "airflow-home"),
    )
