"""Databases for the ledger: a PostgreSQL of its own with its usual settings, SQLite and DuckDB files."""

from __future__ import annotations

import contextlib
import json
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

KINDS = ("postgres", "sqlite", "duckdb")


@contextlib.contextmanager
def fresh(kind: str, warehouse: Path | None = None) -> Iterator[str]:
    """Make a database, and yield the id of the Airflow connection that leads to it.

    :param warehouse: a SQLite database to copy; else it is empty.
    """
    with tempfile.TemporaryDirectory(prefix="linkedin-capi-benchmark-") as folder, contextlib.ExitStack() as stack:
        if kind == "postgres":
            connection = {
                "conn_type": "postgres",
                "host": "127.0.0.1",
                "port": stack.enter_context(_postgres(Path(folder))),
                "login": "airflow",
                "schema": "postgres",
            }
        else:
            if warehouse:
                shutil.copy(warehouse, f"{folder}/ledger.{kind}")
            connection = {"conn_type": kind, "host": f"{folder}/ledger.{kind}"}
        os.environ["AIRFLOW_CONN_LEDGER"] = json.dumps(connection)
        yield "ledger"


@contextlib.contextmanager
def _postgres(folder: Path) -> Iterator[int]:
    """Run a server, durable as it is out of the box, and yield its port."""
    programs = [shutil.which("initdb"), *map(str, sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb")))]
    initdb = Path(next(program for program in reversed(programs) if program))
    run_as = {}
    if os.getuid() == 0:  # PostgreSQL refuses to run as root
        account = pwd.getpwnam("nobody")
        os.chown(folder, account.pw_uid, account.pw_gid)
        run_as = {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}
    data = folder / "data"
    environment = {"PATH": os.environ["PATH"], "HOME": str(folder), "LC_ALL": "C"}
    subprocess.run(
        [initdb, "--auth=trust", "--encoding=UTF8", "--username=airflow", "-D", data],
        check=True, capture_output=True, cwd=folder, env=environment, **run_as,
    )  # fmt: skip
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    with (folder / "log").open("w") as log:
        server = subprocess.Popen(
            [initdb.with_name("postgres"), "-D", data, "-h", "127.0.0.1", "-k", folder, "-p", str(port)],
            stdout=log, stderr=subprocess.STDOUT, cwd=folder, env=environment, **run_as,
        )  # fmt: skip
    try:
        for _ in range(300):
            if "ready to accept connections" in (folder / "log").read_text():
                break
            time.sleep(0.1)
        yield port
    finally:
        server.send_signal(signal.SIGINT)
        server.wait(timeout=60)
