"""Finding the adapter of a connection."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_linkedin_capi.databases.opening import open_database
from airflow_provider_linkedin_capi.databases.tables import name_parts, short_name
from airflow_provider_linkedin_capi.exceptions import DatabaseError

if TYPE_CHECKING:
    from tests.support.connecting import Connect


def test_a_connection_that_runs_no_sql_is_refused(connect: Connect) -> None:
    connect("files", conn_type="http", host="files.example")
    with pytest.raises(DatabaseError, match=r"'files' is of type 'http', which cannot run SQL") as failure:
        open_database("files")
    assert failure.value.permanent


def test_a_missing_provider_is_named_with_its_extra(connect: Connect, monkeypatch: pytest.MonkeyPatch) -> None:
    connect("lake", conn_type="databricks", host="adb.example", password="token")
    monkeypatch.setitem(sys.modules, "airflow.providers.databricks.hooks.databricks_sql", None)
    with pytest.raises(DatabaseError, match=r"Install 'airflow-provider-linkedin-capi\[databricks\]'") as failure:
        open_database("lake")
    assert failure.value.permanent


def test_an_unknown_type_says_that_a_provider_is_missing(connect: Connect) -> None:
    connect("odd", conn_type="nosuchdb", host="odd.example")
    with pytest.raises(DatabaseError, match="Install the provider of type 'nosuchdb'"):
        open_database("odd")


@pytest.mark.parametrize(
    "fields",
    [
        {"host": "cluster.abc.eu-west-1.redshift.amazonaws.com"},
        {"host": "group.1.eu-west-1.redshift-serverless.amazonaws.com"},
        {"host": "proxy.example", "extra": {"redshift": True}},
        {"host": "proxy.example", "extra": {"redshift-serverless": True}},
    ],
)
def test_a_postgres_connection_to_redshift_is_recognized(connect: Connect, fields: dict[str, Any]) -> None:
    connect("shift", conn_type="postgres", **fields)
    assert open_database("shift").family == "Redshift"


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("ledger", ["ledger"]),
        ("ads.ledger", ["ads", "ledger"]),
        ("prod.ads.ledger", ["prod", "ads", "ledger"]),
        ('"prod.eu".ledger', ["prod.eu", "ledger"]),
        ("`my-project`.ads.ledger", ["my-project", "ads", "ledger"]),
        ("[my db].[dbo].[a]]b]", ["my db", "dbo", "a]b"]),
        ('"say ""hi"""', ['say "hi"']),
        ("my-project.ads.ledger", ["my-project", "ads", "ledger"]),
    ],
)
def test_names_have_up_to_three_parts(name: str, parts: list[str]) -> None:
    assert name_parts(name) == parts


@pytest.mark.parametrize("name", ["", ".", "a.", ".a", "a..b", "a.b.c.d", '"a', '""', '"a"b'])
def test_an_invalid_name_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="is not the name of a table"):
        name_parts(name)


def test_long_index_names_are_shortened_and_stay_apart() -> None:
    names = {short_name("ix", "ledger_" + "名" * 30, column, limit=63) for column in ("event_id", "event_ids")}
    assert len(names) == 2
    assert all(len(name.encode()) <= 63 for name in names)
