"""Runs DAGs that a test defines, in this process, and reads what their tasks left behind."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.support import airflow_home

if TYPE_CHECKING:
    from pathlib import Path


def run_in_process(dag: Any, **kwargs: Any) -> Any:
    """Run ``dag`` with ``dag.test(**kwargs)`` and return its DagRun, whatever its state."""
    if not _register(dag) and "logical_date" in kwargs:
        kwargs["execution_date"] = kwargs.pop("logical_date")  # Airflow 2's name
    return dag.test(**kwargs)


def xcom(dag_run: Any, task_id: str, key: str = "return_value", map_index: int = -1) -> Any:
    """Return what the task pushed under ``key``; None when it pushed nothing."""
    task_instance = dag_run.get_task_instance(task_id, map_index=map_index)
    assert task_instance is not None, f"{dag_run} has no task {task_id} [{map_index}]"
    return task_instance.xcom_pull(task_ids=task_id, key=key, map_indexes=map_index)


def state(dag_run: Any, task_id: str, map_index: int = -1) -> str | None:
    """Return the state of one task of a run."""
    task_instance = dag_run.get_task_instance(task_id, map_index=map_index)
    return None if task_instance is None or task_instance.state is None else str(task_instance.state)


def _register(dag: Any) -> bool:
    """Airflow 3 runs only DAGs that its metadata database knows; return whether this is Airflow 3."""
    try:
        from airflow.dag_processing.bundles.manager import DagBundlesManager
    except ImportError:
        dag.sync_to_db()  # so that the assets of its tasks are known
        return False
    try:
        from airflow.dag_processing.dagbag import DagBag, sync_bag_to_db  # Airflow 3.2 and newer
    except ImportError:
        from airflow.models.dagbag import DagBag, sync_bag_to_db

    DagBundlesManager().sync_bundles_to_db()
    bag = DagBag(dag_folder=str(airflow_home.DAGS_FOLDER))
    bag.bag_dag(dag)
    sync_bag_to_db(bag, "dags-folder", None)
    assert not bag.import_errors, bag.import_errors
    return True


def keep_existing_run(patch: Any, dag_run: Any) -> None:
    """Make ``dag.test`` of the same logical date a Clear of that run's tasks: it clears, but then deletes the run."""
    from airflow.models import dag as dags
    from airflow.models import dagrun as dag_runs
    from airflow.models.dagrun import DagRun
    from airflow.utils.state import DagRunState

    def existing(*_: Any, dag: Any, session: Any, **__: Any) -> Any:
        kept = session.get(DagRun, dag_run.id)
        kept.dag = dag
        kept.clear_number += 1  # as a real Clear does
        kept.state = DagRunState.RUNNING
        session.commit()
        return kept

    for module, name in ((dag_runs, "get_or_create_dagrun"), (dags, "_get_or_create_dagrun")):
        if hasattr(module, name):
            patch.setattr(module, name, existing)


def dag_of_file(file: Path, dag_id: str) -> Any:
    """Return a DAG that a file defines."""
    try:
        from airflow.dag_processing.dagbag import DagBag  # Airflow 3.2 and newer
    except ImportError:
        from airflow.models.dagbag import DagBag

    bag = DagBag(dag_folder=str(file))
    assert not bag.import_errors, bag.import_errors
    return bag.dags[dag_id]


def asset_extras(uri: str) -> list[dict[str, Any]]:
    """Return what the events of an asset carried, oldest first."""
    from airflow.utils.session import create_session
    from sqlalchemy import select

    try:
        from airflow.models.asset import AssetEvent, AssetModel

        owner = AssetEvent.asset_id
    except ImportError:  # Airflow 2
        from airflow.models.dataset import DatasetEvent as AssetEvent
        from airflow.models.dataset import DatasetModel as AssetModel

        owner = AssetEvent.dataset_id
    query = select(AssetEvent.extra).join(AssetModel, AssetModel.id == owner).where(AssetModel.uri == uri)
    with create_session() as session:
        return list(session.scalars(query.order_by(AssetEvent.id)))


def serialised(dag: Any) -> Any:
    """Return the DAG as Airflow keeps it in the metadata database."""
    try:
        from airflow.serialization.serialized_objects import DagSerialization as Serialisation  # Airflow 3.2 and newer
    except ImportError:
        from airflow.serialization.serialized_objects import SerializedDAG as Serialisation
    return Serialisation.to_dict(dag)
