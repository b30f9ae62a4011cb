"""Fixtures that give each test real parts: Airflow, a warehouse, and LinkedIn on localhost."""

from __future__ import annotations

from tests.support import airflow_home  # isort: skip  (before anything that imports Airflow)

import contextlib
import json
from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_linkedin_capi.version_compat import airflow_version
from tests.support import dag_runs
from tests.support.warehouse import Warehouse

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from airflow_provider_linkedin_capi.hooks.linkedin_conversions import LinkedInConversionsHook
    from airflow_provider_linkedin_capi.sandbox.server import SandboxServer
    from demo.airflow_stack import AirflowStack
    from tests.support.connecting import Connect

pytest_plugins = ["tests.postgres", "tests.mariadb"]

AD_ACCOUNT_ID = "5012345"
ACCESS_TOKEN = "sandbox-token"


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run the end-to-end tests last: the Airflow they start stays up until the session ends."""
    items.sort(key=lambda item: item.get_closest_marker("e2e") is not None)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say why tests were skipped, such as for a missing server: one line for each reason."""
    skipped = [report.longrepr for report in terminalreporter.stats.get("skipped", [])]
    reasons = Counter(where[2].removeprefix("Skipped: ") for where in skipped if isinstance(where, tuple))
    for reason, count in sorted(reasons.items()):
        terminalreporter.write_line(f"{count} skipped: {reason}")


@pytest.fixture(scope="session")
def airflow_home_path() -> Path:
    """The throw-away AIRFLOW_HOME of this test session."""
    return airflow_home.HOME


@pytest.fixture(scope="session")
def airflow_db() -> None:
    """An empty metadata database."""
    from airflow.utils.db import initdb

    initdb()


@pytest.fixture(scope="session")
def one_execution_api() -> Iterator[None]:
    """Airflow 3.1's ``dag.test()`` brought to what newer ones do; nothing is left to do there.

    It builds the in-process Execution API anew for every task, which takes seconds each, and does not tell
    ``on_failure_callback`` the exception, as a real worker does.
    """
    try:
        from airflow.sdk.execution_time import supervisor, task_runner

        build, finalize = supervisor.in_process_api_server, task_runner.finalize
    except (ImportError, AttributeError):  # Airflow 2.11 has neither
        yield
        return
    built: list[Any] = []

    def finalize_with_exception(ti: Any, state: Any, context: Any, log: Any, error: Any = None) -> Any:
        if error is not None:
            context["exception"] = error
        return finalize(ti, state, context, log, error)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            supervisor, "in_process_api_server", lambda: built[0] if built else built.append(build()) or built[0]
        )
        patch.setattr(task_runner, "finalize", finalize_with_exception)
        yield


@pytest.fixture
def run_dag(airflow_db: None, one_execution_api: None) -> Callable[..., Any]:
    """``run_dag(dag, **kwargs_of_dag_test)`` runs a DAG defined in the test and returns its DagRun."""
    return dag_runs.run_in_process


@pytest.fixture
def xcom() -> Callable[..., Any]:
    """``xcom(dag_run, task_id, key="return_value", map_index=-1)`` reads what a task pushed."""
    return dag_runs.xcom


@pytest.fixture
def task_state() -> Callable[..., str | None]:
    """``task_state(dag_run, task_id, map_index=-1)`` is the state a task ended in."""
    return dag_runs.state


@pytest.fixture
def connect(monkeypatch: pytest.MonkeyPatch) -> Connect:
    """``connect(conn_id, conn_type=..., host=..., extra={...})`` defines a connection and returns its id."""

    def define(conn_id: str, **fields: Any) -> str:
        monkeypatch.setenv(f"AIRFLOW_CONN_{conn_id.upper()}", json.dumps(fields))
        return conn_id

    return define


@pytest.fixture(autouse=True)
def _forget_variables() -> Iterator[None]:
    """Airflow 2 keeps Variables, refresh tokens among them, in the database that all tests share."""
    yield
    if airflow_version().startswith("2."):
        from airflow.models import Variable
        from airflow.utils.session import create_session
        from sqlalchemy.exc import OperationalError

        # There are no tables before the first test that needs them.
        with contextlib.suppress(OperationalError), create_session() as session:
            session.query(Variable).delete()  # noqa: AIR311 - the table, not the task SDK's class


@pytest.fixture
def warehouse(tmp_path: Path, connect: Connect) -> Warehouse:
    """An empty SQLite database behind the connection ``warehouse``."""
    path = tmp_path / "warehouse.db"
    return Warehouse(path, connect("warehouse", conn_type="sqlite", host=str(path)))


@pytest.fixture
def sandbox() -> Iterator[SandboxServer]:
    """A fresh LinkedIn on localhost."""
    from airflow_provider_linkedin_capi.sandbox.server import SandboxServer

    with SandboxServer(port=0) as server:
        yield server


@pytest.fixture
def linkedin(sandbox: SandboxServer, connect: Connect) -> str:
    """The connection ``linkedin_capi_default``, with a bare access token, to ``sandbox``."""
    return connect(
        "linkedin_capi_default",
        conn_type="linkedin_capi",
        host=sandbox.url,
        extra={
            "access_token": ACCESS_TOKEN,
            "ad_account_id": AD_ACCOUNT_ID,
            "oauth_base_url": f"{sandbox.url}/oauth/v2",
        },
    )


@pytest.fixture
def hook(linkedin: str) -> LinkedInConversionsHook:
    """The hook on ``linkedin``."""
    from airflow_provider_linkedin_capi.hooks.linkedin_conversions import LinkedInConversionsHook

    return LinkedInConversionsHook(linkedin)


@pytest.fixture(scope="session")
def airflow_stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AirflowStack]:
    """The whole of Airflow, running. Only for tests marked ``e2e``: it takes ten seconds to start."""
    from demo.airflow_stack import AirflowStack

    policy = airflow_home.PROJECT / "demo" / "policy.py"
    with AirflowStack(tmp_path_factory.mktemp("airflow-stack"), policy) as stack:
        yield stack
