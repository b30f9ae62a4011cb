"""A real MariaDB for tests, where its server programs are installed (Debian's ``mariadb-server`` has them)."""

from __future__ import annotations

import itertools
import json
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

#: Names of Debian's programs, where PATH may not lead.
_FOLDERS = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/usr/bin"])


@dataclass
class MariaDb:
    """A fresh database of the test server, and the id of the Airflow connection that leads to it."""

    conn_id: str
    socket: str
    port: int
    name: str

    def execute(self, sql: str) -> str:
        """Run statements as the server's root; return what the client prints."""
        client = shutil.which("mariadb", path=_FOLDERS)
        run = subprocess.run(
            [str(client), "--no-defaults", "--batch", "--skip-column-names", f"--socket={self.socket}", "--user=root"],
            input=sql, capture_output=True, text=True, check=True,
        )  # fmt: skip
        return run.stdout


@pytest.fixture(scope="session")
def mariadb_server() -> Iterator[MariaDb]:
    """Start a server on a socket; gone with its data at the end."""
    server, install = (shutil.which(name, path=_FOLDERS) for name in ("mariadbd", "mariadb-install-db"))
    if server is None or install is None:
        pytest.skip("MariaDB: its server programs are not on this machine")
    pytest.importorskip("airflow.providers.mysql", reason="MariaDB: its provider is not on this machine")
    home = Path(tempfile.mkdtemp(prefix="linkedin-capi-mariadb-"))
    account = pwd.getpwuid(os.getuid())
    if account.pw_uid == 0:
        # MariaDB refuses to run as root.
        account = next(
            found for name in ("mysql", "nobody") for found in pwd.getpwall() if found.pw_name == name
        )  # fmt: skip
        os.chown(home, account.pw_uid, account.pw_gid)
    # Debian's server program looks into /etc otherwise.
    options = ["--no-defaults", f"--datadir={home / 'data'}"]
    run_as: dict[str, Any] = {"cwd": home, "env": {"PATH": _FOLDERS, "HOME": str(home)}}
    if os.getuid() == 0:
        run_as |= {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}
    subprocess.run(
        [install, *options, "--auth-root-authentication-method=normal", "--skip-test-db"],
        check=True, capture_output=True, **run_as,
    )  # fmt: skip
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    log = home / "log"
    with log.open("w") as output:
        process = subprocess.Popen(
            [
                server, *options, f"--socket={home / 'socket'}", f"--pid-file={home / 'pid'}",
                "--bind-address=127.0.0.1", f"--port={port}",
                # Debian's own default is utf8mb4; MariaDB's is not, and users' servers have either.
                "--character-set-server=latin1", "--innodb-flush-log-at-trx-commit=0",
            ],
            stdout=output, stderr=subprocess.STDOUT, **run_as,
        )  # fmt: skip
    database = MariaDb("mariadb", str(home / "socket"), port, "mysql")
    try:
        _wait_until_it_answers(process, database, log)
        database.execute("CREATE USER airflow@'%' IDENTIFIED BY 'secret'; GRANT ALL ON *.* TO airflow@'%'")
        yield database
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=30)
        shutil.rmtree(home, ignore_errors=True)


_numbers = itertools.count(1)


@pytest.fixture
def mariadb(mariadb_server: MariaDb, monkeypatch: pytest.MonkeyPatch) -> MariaDb:
    """Return an empty database, reached by Airflow's connection ``mariadb``."""
    name = f"warehouse_{next(_numbers)}"
    mariadb_server.execute(f"CREATE DATABASE {name}")
    connection = {
        "conn_type": "mysql", "host": "127.0.0.1", "port": mariadb_server.port,
        "login": "airflow", "password": "secret", "schema": name,
    }  # fmt: skip
    monkeypatch.setenv("AIRFLOW_CONN_MARIADB", json.dumps(connection))
    return replace(mariadb_server, name=name)


def _wait_until_it_answers(process: subprocess.Popen[bytes], database: MariaDb, log: Path) -> None:
    for _ in range(300):
        assert process.poll() is None, f"MariaDB did not start:\n{log.read_text()}"
        try:
            database.execute("SELECT 1")
        except subprocess.CalledProcessError:
            time.sleep(0.1)
        else:
            return
    raise AssertionError(f"MariaDB does not answer:\n{log.read_text()}")
