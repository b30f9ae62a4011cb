"""What Airflow reads of the provider: valid by Airflow's own schemas, true, and cheap."""

from __future__ import annotations

import importlib
import inspect
import json
import pkgutil
from pathlib import Path
from typing import Any

import airflow
import jsonschema
import pytest

import airflow_provider_linkedin_capi as provider
from airflow_provider_linkedin_capi.get_provider_info import get_provider_info

INFO = get_provider_info()
SCHEMAS = Path(airflow.__file__).parent
NOUNS = {"hooks": "Hook", "operators": "Operator", "sensors": "Sensor", "triggers": "Trigger"}


def schema(name: str) -> dict[str, Any]:
    return json.loads((SCHEMAS / name).read_text())


def test_it_is_valid_for_airflow_at_run_time() -> None:
    jsonschema.validate(INFO, schema("provider_info.schema.json"))


def test_the_connection_form_is_valid_by_the_schema_of_airflows_own_providers() -> None:
    strict = schema("provider.yaml.schema.json")
    connection_types = strict["properties"]["connection-types"]
    if "conn-fields" not in connection_types["items"]["properties"]:
        pytest.skip("this Airflow knows no declared connection form")
    form = {**connection_types, "definitions": strict.get("definitions", {})}
    jsonschema.validate(INFO["connection-types"], form)


def test_the_version_is_the_packages() -> None:
    assert INFO["versions"] == [provider.__version__]


@pytest.mark.parametrize(("package", "kind"), NOUNS.items())
def test_every_module_of_hooks_operators_sensors_and_triggers_is_listed(package: str, kind: str) -> None:
    folder = importlib.import_module(f"{provider.__name__}.{package}")
    found = {
        name
        for _, name, _ in pkgutil.iter_modules(folder.__path__, f"{folder.__name__}.")
        if any(
            cls.__module__ == name and cls.__name__.endswith(kind)
            for _, cls in inspect.getmembers(importlib.import_module(name), inspect.isclass)
        )
    }
    listed = {name for entry in INFO[package] for name in entry["python-modules"]}
    assert listed == found


def test_extra_links_are_listed_by_the_class_that_operators_use() -> None:
    for name in INFO["extra-links"]:
        module, _, link = name.rpartition(".")
        assert inspect.isclass(getattr(importlib.import_module(module), link))


def test_the_connection_type_leads_to_a_hook_of_that_type() -> None:
    for entry in INFO["connection-types"]:
        module, _, name = entry["hook-class-name"].rpartition(".")
        hook = getattr(importlib.import_module(module), name)
        assert hook.conn_type == entry["connection-type"]
        assert hook.hook_name == entry["hook-name"]
        assert hook.conn_name_attr in inspect.signature(hook).parameters


def test_tokens_are_hidden_in_the_connection_form_and_no_field_is_required() -> None:
    [entry] = INFO["connection-types"]
    fields = {name: field["schema"] for name, field in entry["conn-fields"].items()}

    assert {name for name, field in fields.items() if field.get("format") == "password"} == {
        "access_token",
        "refresh_token",
    }
    assert [name for name, field in fields.items() if "null" not in field["type"]] == []


def test_airflow_masks_the_secret_fields_of_the_form_and_no_other() -> None:
    """It goes by the name: a switch that is masked shows as on whatever it is, and its "False" is cut from logs."""
    try:
        from airflow._shared.secrets_masker import should_hide_value_for_key
    except ImportError:  # Airflow 2
        from airflow.utils.log.secrets_masker import should_hide_value_for_key

    [entry] = INFO["connection-types"]
    fields = {name: field["schema"].get("format") == "password" for name, field in entry["conn-fields"].items()}

    assert {name: should_hide_value_for_key(name) for name in fields} == fields
