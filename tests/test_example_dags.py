"""Every example is a DAG file that Airflow takes as it is."""

from __future__ import annotations

import pytest

from tests.support.airflow_home import PROJECT

pytest.importorskip("airflow.sdk", reason="the examples are written for Airflow 3")

EXAMPLES = sorted((PROJECT / "example_dags").glob("*.py"))


@pytest.mark.parametrize("file", EXAMPLES, ids=lambda file: file.stem)
def test_it_holds_one_dag_of_its_own_name_with_tasks(file, airflow_db) -> None:
    from tests.support.dag_runs import dag_of_file

    dag = dag_of_file(file, file.stem)

    assert dag.task_ids


def test_there_are_examples() -> None:
    assert EXAMPLES
