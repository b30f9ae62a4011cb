"""A real PostgreSQL for tests, where its server programs are installed (Debian's ``postgresql`` has them)."""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator


@dataclass
class PostgresDatabase:
    """A fresh database of the test server, and the id of the Airflow connection that leads to it."""

    conn_id: str
    port: int
    user: str
    name: str

    @contextlib.contextmanager
    def connect(self) -> Iterator[Any]:
        import psycopg2

        connection = psycopg2.connect(host="127.0.0.1", port=self.port, user=self.user, dbname=self.name)
        connection.autocommit = True
        try:
            yield connection
        finally:
            connection.close()

    def execute(self, sql: str, params: tuple[Any, ...] | None = None) -> None:
        with self.connect() as connection, connection.cursor() as cursor:
            cursor.execute(sql, params)

    def query(self, sql: str, params: tuple[Any, ...] | None = None) -> list[dict[str, Any]]:
        from psycopg2.extras import RealDictCursor

        with self.connect() as connection, connection.cursor(cursor_factory=RealDictCursor) as cursor:
            cursor.execute(sql, params)
            return list(map(dict, cursor.fetchall()))


class PostgresMissingError(Exception):
    """This machine cannot run a PostgreSQL server; the message says why."""


@contextlib.contextmanager
def running_postgres() -> Iterator[PostgresDatabase]:
    """Start a server on a free port of the loopback interface; gone with its data at the end.

    :raises PostgresMissingError: the programs are not installed.
    """
    programs = [shutil.which("initdb"), *map(str, sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb")))]
    initdb = next((Path(program) for program in reversed(programs) if program), None)
    if initdb is None or not initdb.with_name("postgres").exists():
        raise PostgresMissingError("no PostgreSQL server programs (initdb, postgres) on this machine")
    home = Path(tempfile.mkdtemp(prefix="linkedin-capi-postgres-"))
    # PostgreSQL refuses to run as root.
    account = pwd.getpwuid(os.getuid())
    if account.pw_uid == 0:
        account = _unprivileged_account()
        os.chown(home, account.pw_uid, account.pw_gid)
    run_as: dict[str, Any] = {"cwd": home, "env": {"PATH": os.environ["PATH"], "HOME": str(home), "LC_ALL": "C"}}
    if os.getuid() == 0:
        run_as |= {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}
    data = home / "data"
    subprocess.run(
        [initdb, "--auth=trust", "--encoding=UTF8", "--no-sync", "--username=airflow", "-D", data],
        check=True, capture_output=True, **run_as,
    )  # fmt: skip
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    log = home / "log"
    with log.open("w") as output:
        server = subprocess.Popen(
            [initdb.with_name("postgres"), "-D", data, "-F", "-h", "127.0.0.1", "-k", home, "-p", str(port)],
            stdout=output, stderr=subprocess.STDOUT, **run_as,
        )  # fmt: skip
    database = PostgresDatabase("postgres", port, "airflow", "postgres")
    try:
        _wait_until_it_answers(server, database, log)
        yield database
    finally:
        # The "fast" shutdown: it does not wait until everybody has disconnected.
        server.send_signal(signal.SIGINT)
        server.wait(timeout=30)
        shutil.rmtree(home, ignore_errors=True)


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresDatabase]:
    """A server for the whole test session."""
    try:
        with running_postgres() as server:
            yield server
    except PostgresMissingError as missing:
        pytest.skip(str(missing))


_numbers = itertools.count(1)


@pytest.fixture
def postgres(postgres_server: PostgresDatabase, monkeypatch: pytest.MonkeyPatch) -> PostgresDatabase:
    """Return an empty database, reached by Airflow's connection ``postgres``."""
    name = f"warehouse_{next(_numbers)}"
    postgres_server.execute(f"CREATE DATABASE {name}")
    connection = {
        "conn_type": "postgres", "host": "127.0.0.1", "port": postgres_server.port, "login": "airflow", "schema": name,
    }  # fmt: skip
    monkeypatch.setenv("AIRFLOW_CONN_POSTGRES", json.dumps(connection))
    return PostgresDatabase("postgres", postgres_server.port, "airflow", name)


def _unprivileged_account() -> pwd.struct_passwd:
    for name in ("postgres", "nobody"):
        with contextlib.suppress(KeyError):
            return pwd.getpwnam(name)
    raise PostgresMissingError("PostgreSQL refuses to run as root, and there is neither a user postgres nor nobody")


def _wait_until_it_answers(server: subprocess.Popen[bytes], database: PostgresDatabase, log: Path) -> None:
    import time

    import psycopg2

    for _ in range(300):
        assert server.poll() is None, f"PostgreSQL did not start:\n{log.read_text()}"
        try:
            database.query("SELECT 1")
        except psycopg2.OperationalError:
            time.sleep(0.1)
        else:
            return
    raise AssertionError(f"PostgreSQL does not answer:\n{log.read_text()}")
