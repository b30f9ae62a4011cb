"""Creating a rule is not idempotent at LinkedIn: lost answers and several creators still end with one rule in use."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_linkedin_capi import exceptions
from airflow_provider_linkedin_capi.declarations.rule_declaration import declare
from airflow_provider_linkedin_capi.exceptions import RuleExistsError
from airflow_provider_linkedin_capi.operators.conversion_rules import CreateConversionRuleOperator

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow_provider_linkedin_capi.declarations.rule_declaration import Declared
    from airflow_provider_linkedin_capi.hooks.linkedin_conversions import LinkedInConversionsHook
    from airflow_provider_linkedin_capi.sandbox.server import SandboxServer
    from tests.declarations.task_runs import RunTask

FIELDS = {
    "name": "CRM",
    "type": "PURCHASE",
    "conversionMethod": "CONVERSIONS_API",
    "postClickAttributionWindowSize": 30,
    "viewThroughAttributionWindowSize": 7,
}
CREATE, SEARCH = "conversions.CREATE", "conversions.FINDER-account"


@pytest.fixture
def new_hook(linkedin: str) -> Callable[[], LinkedInConversionsHook]:
    """Each task has a hook of its own."""
    from airflow_provider_linkedin_capi.hooks.linkedin_conversions import LinkedInConversionsHook

    return lambda: LinkedInConversionsHook(linkedin)


def creators(
    number: int, new_hook: Callable[[], LinkedInConversionsHook], **parameters: Any
) -> list[Declared | Exception]:
    """What tasks end with that all saw no rule before any of them created one."""
    everybody = threading.Barrier(number)

    def task(_: int) -> Declared | Exception:
        hook = new_hook()
        create = hook.create_conversion_rule

        def create_together(*args: Any, **kwargs: Any) -> Any:
            everybody.wait(10)
            return create(*args, **kwargs)

        hook.create_conversion_rule = create_together  # type: ignore[method-assign]
        try:
            return declare(hook, FIELDS, **{"if_exists": "reuse", **parameters})
        except RuleExistsError as error:
            return error

    with ThreadPoolExecutor(number) as pool:
        return list(pool.map(task, range(number)))


def enabled(sandbox: SandboxServer) -> list[int]:
    return [number for number, rule in sandbox.world.rules.items() if rule["enabled"]]


@pytest.mark.parametrize("number", [2, 5])
def test_tasks_that_create_at_the_same_time_end_with_one_rule_in_use(
    sandbox: SandboxServer, new_hook: Any, logged: Any, number: int
) -> None:
    declared = creators(number, new_hook)
    first, *others = sorted(sandbox.world.rules)
    assert len(others) == number - 1
    assert {one.rule.id for one in declared} == {first}
    assert enabled(sandbox) == [first]
    assert sorted(one.action for one in declared) == ["created"] + ["reused"] * (number - 1)
    assert sorted(rule for one in declared for rule in one.disabled_duplicates) == others
    assert "at the same time" in logged()


def test_after_a_race_the_next_run_finds_the_rule_in_use(sandbox: SandboxServer, new_hook: Any) -> None:
    creators(2, new_hook)
    again = declare(new_hook(), FIELDS, if_exists="reuse")
    assert (again.action, [again.rule.id]) == ("reused", enabled(sandbox))


def test_the_loser_of_a_race_fails_when_the_rule_must_not_exist(sandbox: SandboxServer, new_hook: Any) -> None:
    outcomes = creators(2, new_hook, if_exists="fail")
    assert sorted(type(outcome).__name__ for outcome in outcomes) == ["Declared", "RuleExistsError"]
    assert len(enabled(sandbox)) == 1


def test_the_first_created_wins_even_where_ids_do_not_grow(sandbox: SandboxServer, new_hook: Any) -> None:
    hook = new_hook()
    create = hook.create_conversion_rule

    def after_another_task(*args: Any, **kwargs: Any) -> Any:
        sandbox.world.add_rule(99_999_999, name="CRM", type="PURCHASE", created=1_000)
        return create(*args, **kwargs)

    hook.create_conversion_rule = after_another_task
    declared = declare(hook, FIELDS, if_exists="reuse")
    assert (declared.rule.id, declared.action, enabled(sandbox)) == (99_999_999, "reused", [99_999_999])


# The answer to a create is lost


@pytest.mark.parametrize(
    "fault",
    [
        {"kind": "reset"},
        {"kind": "truncate"},
        {"kind": "status", "status": 503},
        {"kind": "status", "status": 408},
        {"kind": "html", "status": 403},
    ],
    ids=str,
)
def test_a_create_whose_answer_was_lost_is_not_repeated(
    run_task: RunTask, sandbox: SandboxServer, calls: Any, fault: Any
) -> None:
    sandbox.world.faults.add(processed=True, restli_method=CREATE, times=1, **fault)
    run = run_task(CreateConversionRuleOperator, name="CRM", conversion_type="PURCHASE")
    (rule,) = sandbox.world.rules
    assert run.xcom() == f"urn:lla:llaPartnerConversion:{rule}"
    assert run.xcom("conversion_rule")["action"] == "created"
    assert "Unknown whether conversion rule" in run.log
    assert calls() == [SEARCH, CREATE, SEARCH]


@pytest.mark.parametrize(
    "fault", [{"kind": "reset"}, {"kind": "status", "status": 500}, {"kind": "html", "status": 502}], ids=str
)
def test_a_create_that_did_not_arrive_is_repeated_after_a_search(
    hook: LinkedInConversionsHook, sandbox: SandboxServer, calls: Any, fault: Any
) -> None:
    sandbox.world.faults.add(restli_method=CREATE, times=2, **fault)
    assert declare(hook, FIELDS, if_exists="reuse").action == "created"
    assert len(sandbox.world.rules) == 1
    assert calls() == [SEARCH, CREATE, SEARCH, CREATE, SEARCH, CREATE, SEARCH]


def test_a_create_that_never_succeeds_ends_with_linkedins_error(
    hook: LinkedInConversionsHook, sandbox: SandboxServer, calls: Any
) -> None:
    sandbox.world.faults.add("status", status=500, restli_method=CREATE)
    with pytest.raises(exceptions.ServerError):
        declare(hook, FIELDS, if_exists="reuse")
    assert calls().count(CREATE) == 3


def test_a_rule_of_a_lost_answer_that_shows_up_late_is_settled_like_a_race(
    hook: LinkedInConversionsHook, sandbox: SandboxServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    sandbox.world.faults.add("reset", processed=True, restli_method=CREATE, times=1)
    find = hook.find_conversion_rules
    late = iter([True, True])
    monkeypatch.setattr(hook, "find_conversion_rules", lambda **wanted: [] if next(late, False) else find(**wanted))
    declared = declare(hook, FIELDS, if_exists="reuse")
    first, second = sorted(sandbox.world.rules)
    assert (declared.rule.id, declared.action, declared.disabled_duplicates) == (first, "created", [second])
    assert enabled(sandbox) == [first]


def test_a_created_rule_that_the_list_does_not_show_yet_is_used(
    hook: LinkedInConversionsHook, sandbox: SandboxServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hook, "find_conversion_rules", lambda **wanted: [])
    declared = declare(hook, FIELDS, if_exists="reuse")
    assert [declared.rule.id] == enabled(sandbox)


def test_another_tasks_rule_found_after_a_lost_answer_is_left_alone_where_it_differs(
    hook: LinkedInConversionsHook, sandbox: SandboxServer
) -> None:
    sandbox.world.faults.add("reset", restli_method=CREATE, times=1)
    create = hook.create_conversion_rule
    made: list[int] = []

    def after_another_task(*args: Any, **kwargs: Any) -> Any:
        made.append(sandbox.world.add_rule(name="CRM", type="LEAD"))
        return create(*args, **kwargs)

    hook.create_conversion_rule = after_another_task  # type: ignore[method-assign]
    declared = declare(hook, FIELDS, if_exists="reuse")
    assert (declared.action, [declared.rule.id]) == ("reused", made)
    assert declared.differences["type"] == {"declared": "PURCHASE", "actual": "LEAD"}
