from __future__ import annotations

import ast
import subprocess
import sys
import threading
from graphlib import TopologicalSorter
from pathlib import Path
from typing import TYPE_CHECKING

import requests

from airflow_provider_linkedin_capi.sandbox import server
from tests.support.raw_http import event

if TYPE_CHECKING:
    from airflow_provider_linkedin_capi.sandbox.server import SandboxServer

PACKAGE = "airflow_provider_linkedin_capi"


def test_the_server_shares_no_code_with_the_client_and_needs_no_airflow() -> None:
    """A mistake in both would cancel itself out."""
    script = (
        f"import sys, {PACKAGE}.sandbox.server, {PACKAGE}.sandbox.__main__\n"
        f"print(*(name for name in sys.modules if name.startswith('{PACKAGE}.') or name == 'airflow'))"
    )
    loaded = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout.split()

    assert loaded
    assert [name for name in loaded if not name.startswith(f"{PACKAGE}.sandbox")] == []


def test_many_senders_at_once_lose_nothing(sandbox: SandboxServer, rule: int) -> None:
    def send(sender: int) -> None:
        with requests.Session() as session:
            for batch in range(5):
                first = (sender * 5 + batch) * 50
                answer = session.post(
                    f"{sandbox.url}/rest/conversionEvents",
                    headers={
                        "Authorization": "Bearer sandbox-token",
                        "LinkedIn-Version": "202609",
                        "X-RestLi-Method": "BATCH_CREATE",
                    },
                    json={"elements": [event(rule, first + number) for number in range(50)]},
                )
                statuses.append(answer.status_code)

    statuses: list[int] = []
    senders = [threading.Thread(target=send, args=(number,)) for number in range(8)]
    for sender in senders:
        sender.start()
    for sender in senders:
        sender.join()

    assert statuses == [200] * 40
    assert (sandbox.world.event_count(), sandbox.world.distinct_events()) == (2_000, 2_000)


def test_its_modules_import_no_module_that_imports_them() -> None:
    """Types included: a reader can start at the bottom."""
    folder = Path(server.__file__).parent
    edges = {
        module.stem: {
            name.name if node.module == f"{PACKAGE}.sandbox" else str(node.module).rpartition(".")[2]
            for node in ast.walk(ast.parse(module.read_text()))
            if isinstance(node, ast.ImportFrom) and str(node.module).startswith(f"{PACKAGE}.sandbox")
            for name in node.names
        }
        for module in folder.glob("*.py")
    }
    # Raises CycleError.
    assert set(TopologicalSorter(edges).static_order()) >= {"world", "server", "resources"}
