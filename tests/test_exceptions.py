"""Every public exception: what the documentation says of it, and that it survives Airflow's process boundaries."""

from __future__ import annotations

import inspect
import pickle
import re
from pathlib import Path
from typing import Any, cast

import pytest

from airflow_provider_linkedin_capi import exceptions, task_mixin
from airflow_provider_linkedin_capi.delivery.outcomes import Summary
from airflow_provider_linkedin_capi.sensors import exceptions as sensor_exceptions

CLASSES = {
    name: kind
    for name, kind in {**vars(exceptions), **vars(sensor_exceptions)}.items()
    if inspect.isclass(kind) and issubclass(kind, exceptions.LinkedInConversionsError)
}
TABLE = {
    match[1]: match[2]
    for match in re.finditer(
        r"^\| `(\w+)` \| (yes|no) \| ", (Path(__file__).parents[1] / "docs" / "errors.md").read_text(), re.MULTILINE
    )
}


def test_the_documentation_lists_every_exception_and_whether_it_is_permanent() -> None:
    assert {name: "yes" if kind.permanent else "no" for name, kind in CLASSES.items()} == TABLE


def test_every_exception_is_in_this_module_alone() -> None:
    package = Path(exceptions.__file__).parent
    elsewhere = {
        file.name: found
        for file in package.rglob("*.py")
        if file.name != "exceptions.py" and "sandbox" not in file.parts
        if (found := re.findall(r"^class ([A-Z]\w+)\((?:\w*Error|Exception)\b", file.read_text(), re.MULTILINE))
    }
    assert elsewhere == INTERNAL


#: Exceptions that are caught inside of their own package and reach nobody.
INTERNAL = {"isolation.py": ["BatchFaultError"], "pacing.py": ["StoppedError"]}


@pytest.mark.parametrize("name", CLASSES)
def test_an_exception_survives_pickling(name: str) -> None:
    kwargs = {"summary": Summary()} if issubclass(CLASSES[name], exceptions.DeliveryStoppedError) else {}
    error = CLASSES[name]("what happened", **kwargs)
    again = pickle.loads(pickle.dumps(error))
    assert (type(again), str(again), vars(again)) == (type(error), str(error), vars(error))


@pytest.mark.parametrize("name", CLASSES)
def test_an_exception_says_in_its_docstring_what_it_means(name: str) -> None:
    assert CLASSES[name].__doc__


@pytest.mark.parametrize("permanent", [True, False])
def test_a_stopped_delivery_is_permanent_if_its_cause_is(permanent: bool) -> None:
    cause = exceptions.AccessDeniedError("no role") if permanent else exceptions.ServerError("oops")
    assert exceptions.DeliveryStoppedError("stopped", summary=Summary(), error=cause).permanent is permanent


def test_a_sensors_failure_keeps_its_type_through_the_translation() -> None:
    with pytest.raises(sensor_exceptions.WrongRuleError), task_mixin.fail_on_permanent_errors(cast("Any", None)):
        raise sensor_exceptions.WrongRuleError("no such rule")
