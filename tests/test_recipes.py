"""The recipes of CONTRIBUTING, each performed on a toy example and seen delivered."""

from __future__ import annotations

import datetime as dt
import json
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from airflow_provider_linkedin_capi.api import paging, restli
from airflow_provider_linkedin_capi.events import fields, identifiers
from airflow_provider_linkedin_capi.events.fields import Field, Role
from airflow_provider_linkedin_capi.exceptions import InvalidRequestError
from airflow_provider_linkedin_capi.hooks.linkedin_conversions import LinkedInConversionsHook
from airflow_provider_linkedin_capi.operators.stream_conversions import StreamConversionsOperator
from airflow_provider_linkedin_capi.sandbox import answers, events, resources
from airflow_provider_linkedin_capi.sandbox.rest import Method
from airflow_provider_linkedin_capi.sinks.dead_letters import DeadLetters
from airflow_provider_linkedin_capi.sources.files import FileSource
from airflow_provider_linkedin_capi.version_compat import airflow_version
from tests.support.streaming import RULE, happened_at

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from airflow_provider_linkedin_capi.api.call import Call
    from airflow_provider_linkedin_capi.api.paging import Page
    from airflow_provider_linkedin_capi.delivery.interfaces import DeliveryInfo
    from airflow_provider_linkedin_capi.delivery.outcomes import BatchOutcome
    from airflow_provider_linkedin_capi.sandbox.answers import Answer
    from airflow_provider_linkedin_capi.sandbox.rest import RestRequest
    from airflow_provider_linkedin_capi.sandbox.server import SandboxServer

START = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)


# An endpoint: a module of api/, a method of the hook, a module of sandbox/ and its line in the registry.

SURVEYS = restli.Resource("surveys", scope="r_surveys", personal=False)


class Survey(msgspec.Struct, frozen=True):
    id: int
    name: str


def find_surveys() -> Call[Page[Survey]]:
    return paging.Finder(Survey, SURVEYS, {"q": "owner"}).by_index()


class HookWithSurveys(LinkedInConversionsHook):
    def find_surveys(self) -> Iterator[Survey]:
        yield from self.paginate(find_surveys())


def search_surveys(request: RestRequest) -> Answer:
    return answers.as_json(200, {"elements": [{"id": 7, "name": "Brand lift"}], "paging": {"start": 0, "count": 10}})


def refuse_surveys(request: RestRequest) -> Answer:
    raise answers.short(400, 'No survey of "Jane Doe"')


SURVEY_METHODS = {"FINDER-owner": Method(search_surveys, frozenset({"r_ads"}), frozenset({"q", "start", "count"}))}


def test_a_new_endpoint_is_called_through_the_hook(linkedin, monkeypatch):
    monkeypatch.setitem(resources.RESOURCES, "surveys", SURVEY_METHODS)
    assert list(HookWithSurveys(linkedin).find_surveys()) == [Survey(7, "Brand lift")]


@pytest.mark.parametrize(("resource", "quoted"), [(SURVEYS, True), (restli.Resource("surveys"), False)])
def test_a_new_endpoint_redacts_messages_unless_it_opts_out(resource, quoted, linkedin, monkeypatch):
    methods = {"FINDER-owner": Method(refuse_surveys, frozenset({"r_ads"}), frozenset({"q", "start", "count"}))}
    monkeypatch.setitem(resources.RESOURCES, "surveys", methods)
    call = paging.Finder(Survey, resource, {"q": "owner"}).by_index()
    with pytest.raises(InvalidRequestError) as raised:
        LinkedInConversionsHook(linkedin).call(call)
    assert ("Jane Doe" in str(raised.value)) is quoted


# An identifier type: a row in events/fields.py, its reader, and what sandbox/events.py accepts.

PHONE = Field(name="SHA256_PHONE", aliases=("phone",), role=Role.USER_ID, reader=identifiers.opaque_id_reader,
              id_type="SHA256_PHONE")  # fmt: skip


def test_a_new_identifier_type_is_delivered(stream, sandbox, monkeypatch):
    monkeypatch.setattr(fields, "FIELDS", (*fields.FIELDS, PHONE))
    monkeypatch.setattr(events, "ID_TYPES", events.ID_TYPES | {"SHA256_PHONE"})
    monkeypatch.setattr(events, "_EVENT", events._event(hashed_names=True))
    stream(records=[{"event_id": "a", "phone": "f00d", "happened_at": happened_at()}])
    [event] = sandbox.world.events
    assert event["user"]["userIds"] == [{"idType": "SHA256_PHONE", "idValue": "f00d"}]


# A sink and a source: nothing in the package.


class Outcomes:
    """A sink of a user's own: one JSON line for each row."""

    template_fields = ("path",)

    def __init__(self, path: str) -> None:
        self.path = path

    def open(self, delivery: DeliveryInfo) -> None:
        self.lines = [f"open {delivery.name}"]

    def write(self, batch: BatchOutcome) -> None:
        self.lines += [json.dumps([row.key, row.outcome]) for row in batch.outcomes()]

    def close(self, completed: bool) -> None:
        with open(self.path, "w") as file:
            file.write("\n".join([*self.lines, f"close {completed}"]))


class Leads:
    """A source of a user's own."""

    template_fields = ("prefix",)

    def __init__(self, prefix: str) -> None:
        self.prefix = prefix

    def chunks(self, size: int) -> Iterator[list[dict[str, Any]]]:
        for start in range(0, 5, 2):
            yield [lead(f"{self.prefix}-{number}") for number in range(start, min(start + 2, 5))]


def lead(event_id: str) -> dict[str, Any]:
    return {"event_id": event_id, "email": "jane@example.com", "happened_at": happened_at()}


def leads() -> Iterator[dict[str, Any]]:
    for number in range(3):
        yield lead(f"generated-{number}")


def leads_of_the_run(run_id: str) -> Iterator[list[dict[str, Any]]]:
    yield [lead(f"{run_id}-{number}") for number in range(2)]


@pytest.fixture
def stream(run_dag: Callable[..., Any], linkedin: str, sandbox: SandboxServer) -> Callable[..., Any]:
    """``stream(source=..., sinks=[...])`` runs a DAG with one StreamConversionsOperator; returns its run."""
    from airflow.providers.common.compat.sdk import DAG

    sandbox.world.add_rule(RULE, name="CRM leads")

    def run(**parameters: Any) -> Any:
        with DAG("recipes", schedule=None, start_date=START) as dag:
            StreamConversionsOperator(task_id="stream", conversion_rule=RULE, **parameters)
        return run_dag(dag, run_conf={"file": "outcomes.txt", "prefix": "crm"})

    return run


def delivered(sandbox: SandboxServer) -> list[str]:
    return sorted(event["eventId"] for event in sandbox.world.events)


def test_a_users_own_sink_is_opened_given_every_batch_and_closed(stream, sandbox, tmp_path):
    run = stream(records=[lead("a"), {**lead("b"), "email": "nonsense"}], sinks=[Outcomes(f"{tmp_path}/out.txt")])
    assert delivered(sandbox) == ["a"]
    assert (tmp_path / "out.txt").read_text().splitlines() == [
        f"open recipes/{run.run_id}/stream",
        '["a", "accepted"]',
        '["b", "rejected"]',
        "close True",
    ]


def test_a_users_own_sink_is_rendered_from_templates(stream, tmp_path):
    stream(records=[lead("a")], sinks=[Outcomes(f"{tmp_path}/{{{{ dag_run.conf['file'] }}}}")])
    assert (tmp_path / "outcomes.txt").exists()


def test_dead_letters_given_as_a_sink_are_named_like_those_of_rejects_path(stream, xcom, tmp_path):
    path = f"{tmp_path}/letters.jsonl"
    run = stream(records=[lead("a"), {**lead("b"), "email": "nonsense"}], sinks=[DeadLetters(path)])
    assert xcom(run, "stream")["rejects_path"] == path


def test_dead_letters_given_as_a_sink_must_not_lie_where_a_source_reads(stream, sandbox, task_state, tmp_path):
    (tmp_path / "rows.jsonl").write_text(json.dumps(lead("a")))
    run = stream(source=FileSource(str(tmp_path)), sinks=[DeadLetters(f"{tmp_path}/letters.jsonl")])
    assert task_state(run, "stream") == "failed"
    assert delivered(sandbox) == []


def test_a_users_own_source_is_read_in_chunks_of_any_size(stream, sandbox):
    stream(source=Leads("mine"))
    assert delivered(sandbox) == [f"mine-{number}" for number in range(5)]


def test_a_users_own_source_is_rendered_from_templates(stream, sandbox):
    stream(source=Leads("{{ dag_run.conf['prefix'] }}"))
    assert delivered(sandbox) == [f"crm-{number}" for number in range(5)]


def test_a_generator_function_of_dictionaries_is_a_source(stream, sandbox):
    stream(source=leads)
    assert delivered(sandbox) == ["generated-0", "generated-1", "generated-2"]


def test_a_generator_function_gets_what_its_parameters_name_of_the_context(stream, sandbox):
    run = stream(source=leads_of_the_run)
    assert delivered(sandbox) == [f"{run.run_id}-0", f"{run.run_id}-1"]


@pytest.mark.skipif(airflow_version().startswith(("2.", "3.0", "3.1")), reason="stores addresses with a DAG")
def test_own_sources_and_sinks_serialise_the_same_at_every_parse():
    from airflow.providers.common.compat.sdk import DAG

    from tests.support.dag_runs import serialised

    def parse() -> Any:
        with DAG("recipes", schedule=None, start_date=START) as dag:
            StreamConversionsOperator(task_id="generator", conversion_rule=RULE, source=leads)
            StreamConversionsOperator(task_id="object", conversion_rule=RULE, source=Leads("x"), sinks=[Outcomes("y")])
        return serialised(dag)

    assert json.dumps(parse(), sort_keys=True) == json.dumps(parse(), sort_keys=True)
