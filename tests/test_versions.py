"""Every place that names versions of Python and Airflow names those that the tests run on."""

from __future__ import annotations

import importlib
import re
import subprocess
import sys
import tomllib

import yaml

from airflow_provider_linkedin_capi.get_provider_info import get_provider_info
from tests.support.airflow_home import PROJECT

REQUIREMENTS = PROJECT / "requirements"
CI = (PROJECT / ".ci" / "run").read_text()


def pairs() -> list[str]:
    """Return the environments of tox.ini, such as ``py312-airflow3.3``."""
    command = [sys.executable, "-m", "tox", "list", "--no-desc", "--quiet", "--conf", str(PROJECT / "tox.ini")]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout.split()


def split(names: list[str]) -> tuple[set[str], set[str]]:
    """Return the Pythons and the Airflows of some environments."""
    found = [re.fullmatch(r"py3(\d+)-airflow([\d.]+)", name) for name in names]
    return {f"3.{each[1]}" for each in found if each}, {each[2] for each in found if each}


def run_by_ci() -> tuple[set[str], set[str]]:
    [chosen] = re.findall(r"^run make test-matrix PAIRS=(\S+)", CI, re.MULTILINE)
    return split(chosen.split(","))


def test_ci_runs_pairs_of_the_matrix_and_each_airflow() -> None:
    [chosen] = re.findall(r"PAIRS=(\S+)", CI)
    assert set(chosen.split(",")) <= set(pairs())
    assert run_by_ci()[1] == split(pairs())[1]


def test_the_public_workflow_runs_the_whole_matrix() -> None:
    workflow = yaml.safe_load((PROJECT / ".github" / "workflows" / "ci.yml").read_text())
    assert workflow["jobs"]["matrix"]["strategy"]["matrix"]["pair"] == pairs()


def test_the_public_workflow_runs_what_ci_runs() -> None:
    commands = {command.partition(" PAIRS=")[0] for command in re.findall(r"^run (.+)$", CI, re.MULTILINE)}
    workflow = yaml.safe_load((PROJECT / ".github" / "workflows" / "ci.yml").read_text())
    steps = {step.get("run", "") for job in workflow["jobs"].values() for step in job["steps"]}
    assert {step.removeprefix("sudo ").partition(" PAIRS=")[0] for step in steps if step} == commands


def test_each_airflow_has_a_lock() -> None:
    locks = {path.stem.removeprefix("airflow-") for path in REQUIREMENTS.glob("airflow-*.txt")}
    assert locks == split(pairs())[1]


def test_the_locks_hold_the_releases_that_are_pinned() -> None:
    for pins in REQUIREMENTS.glob("airflow-*.constraints"):
        lock = pins.with_suffix(".txt").read_text().splitlines()
        assert {line for line in pins.read_text().splitlines() if line[:1] not in ("", "#")} <= set(lock), pins.name


def test_classifiers_claim_the_pythons_that_ci_runs() -> None:
    project = tomllib.loads((PROJECT / "pyproject.toml").read_text())["project"]
    claimed = set(re.findall(r"Python :: (3\.\d+)", "\n".join(project["classifiers"])))
    assert claimed == run_by_ci()[0]
    assert project["requires-python"] == f">={min(claimed, key=lambda version: int(version[2:]))}"


def test_the_readme_names_the_versions_that_are_tested() -> None:
    readme = (PROJECT / "README.md").read_text()
    [airflows] = re.findall(r"^\| Airflow \| ([\d., ]+) \|", readme, re.MULTILINE)
    [pythons] = re.findall(r"^\| Python \| ([\d., ]+) \|", readme, re.MULTILINE)
    pinned = {
        line.removeprefix("apache-airflow==")
        for pins in REQUIREMENTS.glob("airflow-*.constraints")
        for line in pins.read_text().splitlines()
        if line.startswith("apache-airflow==")
    }
    assert set(airflows.split(", ")) == pinned
    assert set(pythons.split(", ")) == run_by_ci()[0]


def test_the_registry_lists_what_airflow_lists() -> None:
    registry = yaml.safe_load((PROJECT / ".airflow-registry.yaml").read_text())
    info = get_provider_info()
    for kind, ending in {"hooks": "Hook", "operators": "Operator", "sensors": "Sensor", "triggers": "Trigger"}.items():
        listed = {entry["module"] for entry in registry[kind]}
        modules = [name for entry in info[kind] for name in entry["python-modules"]]
        public = {
            f"{name}.{each}"
            for name in modules
            for each, value in vars(importlib.import_module(name)).items()
            if each.endswith(ending) and not each.startswith("_") and getattr(value, "__module__", "") == name
        }
        assert listed == public
