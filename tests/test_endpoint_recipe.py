"""CONTRIBUTING's recipe for an endpoint, performed on a toy: a call, a hook method, what the local LinkedIn answers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import pytest

from airflow_provider_linkedin_capi import exceptions
from airflow_provider_linkedin_capi.api import restli
from airflow_provider_linkedin_capi.hooks.linkedin_conversions import LinkedInConversionsHook
from airflow_provider_linkedin_capi.sandbox import answers, resources
from airflow_provider_linkedin_capi.sandbox.rest import Method

if TYPE_CHECKING:
    from airflow_provider_linkedin_capi.api.call import Call
    from airflow_provider_linkedin_capi.sandbox.answers import Answer
    from airflow_provider_linkedin_capi.sandbox.rest import RestRequest
    from airflow_provider_linkedin_capi.sandbox.server import SandboxServer

# api/toys.py

RESOURCE = restli.Resource("toys", scope="r_ads")


class Toy(msgspec.Struct, frozen=True):
    id: int
    name: str


def get(toy: int) -> Call[Toy]:
    return restli.call(RESOURCE, "GET", parse=restli.entity(Toy), key=toy)


# hooks/linkedin_conversions.py


class Hook(LinkedInConversionsHook):
    def get_toy(self, toy: int) -> Toy:
        return self.call(get(toy))


# sandbox/toys.py


def get_toy(request: RestRequest) -> Answer:
    if request.key != "1":
        raise answers.short(400, 'ERROR :: /toy :: "Rosa Kamp" has no such toy')
    return answers.as_json(200, {"id": 1, "name": "ball"})


METHODS = {"GET": Method(get_toy, frozenset({"r_ads"}))}


@pytest.fixture
def hook(linkedin: str, monkeypatch: pytest.MonkeyPatch) -> Hook:
    monkeypatch.setitem(resources.RESOURCES, "toys", METHODS)
    return Hook(linkedin)


def test_a_toy_endpoint_is_called_and_parsed(hook: Hook, sandbox: SandboxServer) -> None:
    assert hook.get_toy(1) == Toy(1, "ball")
    assert sandbox.world.requests[-1].headers["linkedin-version"] == hook.api_version


def test_messages_of_an_endpoint_that_declares_nothing_are_redacted(hook: Hook) -> None:
    with pytest.raises(exceptions.InvalidRequestError, match="has no such toy") as refused:
        hook.get_toy(2)
    assert "Rosa" not in f"{refused.value} {refused.value!r} {refused.value.args} {refused.value.details}"


def test_a_missing_scope_of_the_endpoint_is_named(hook: Hook, sandbox: SandboxServer) -> None:
    sandbox.world.add_token("sandbox-token", scopes=["rw_conversions"])
    with pytest.raises(exceptions.AccessDeniedError, match="lacks the scope r_ads"):
        hook.get_toy(1)
