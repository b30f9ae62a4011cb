"""BigQuery's REST API on localhost: jobs, counted; the statements run in DuckDB, translated by sqlglot."""

from __future__ import annotations

import datetime as dt
import email
import itertools
import json
import re
import threading
import uuid
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

import duckdb
import sqlglot

if TYPE_CHECKING:
    from collections.abc import Iterator

PROJECT, DATASET = "test", "ads"
_KINDS = {"BIGINT": "INTEGER", "INTEGER": "INTEGER", "VARCHAR": "STRING", "DATE": "DATE", "BOOLEAN": "BOOLEAN"}
_CASTS = {
    "INT64": "BIGINT",
    "STRING": "VARCHAR",
    "TIMESTAMP": "TIMESTAMPTZ",
    "DATE": "DATE",
    "NUMERIC": "DECIMAL(38, 9)",
}


@dataclass
class Job:
    """A job that ran."""

    kind: str
    text: str
    bytes: int
    result: Any = None


@dataclass
class BigQueryServer:
    """The server, and what it was asked to do."""

    jobs: list[Job] = field(default_factory=list)
    host: str = ""
    _results: dict[str, tuple[list[dict[str, str]], list[tuple[Any, ...]]]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.database = duckdb.connect()
        self.database.execute(
            f"ATTACH ':memory:' AS {PROJECT}; CREATE SCHEMA {PROJECT}.{DATASET}; USE {PROJECT}.{DATASET}"
        )
        self.database.execute("SET TimeZone = 'UTC'")
        self._lock = threading.Lock()

    def query(self, sql: str, parameters: list[dict[str, Any]]) -> dict[str, Any]:
        """Run a statement and return what jobs.query does."""
        # Clustering and options are nothing to DuckDB, and of the other sqlglot makes several parameters.
        plain = re.sub(r"\nCLUSTER BY [^\n]*|\nOPTIONS \([^\n]*\)$", "", sql)
        plain = plain.replace("IN UNNEST(?)", "IN (SELECT * FROM UNNEST(?))")
        [tree] = sqlglot.parse(plain, read="bigquery")
        values = [_value(parameter) for parameter in parameters]
        with self._lock:
            cursor = self.database.execute(tree.sql("duckdb"), values)
            columns = [(name, str(kind)) for name, kind, *_ in cursor.description or []]
            rows = cursor.fetchall()
        self.jobs.append(Job("query", sql, len(sql)))
        job_id = uuid.uuid4().hex
        answer: dict[str, Any] = {"jobComplete": True, "jobReference": {"projectId": PROJECT, "jobId": job_id}}
        if columns == [("Count", "BIGINT")]:
            return answer | {"numDmlAffectedRows": str(rows[0][0]) if rows else "0", "totalRows": "0"}
        schema = [{"name": name, "type": _kind(kind), "mode": "NULLABLE"} for name, kind in columns]
        self._results[job_id] = (schema, rows)
        return answer

    def page(self, job_id: str, start: int, size: int | None) -> dict[str, Any]:
        """Return rows of a result."""
        if job_id not in self._results:
            return {"jobComplete": True, "totalRows": "0", "jobReference": {"projectId": PROJECT, "jobId": job_id}}
        schema, rows = self._results[job_id]
        end = len(rows) if size is None else start + size
        answer: dict[str, Any] = {
            "jobComplete": True,
            "jobReference": {"projectId": PROJECT, "jobId": job_id, "location": "US"},
            "schema": {"fields": schema},
            "totalRows": str(len(rows)),
            "rows": [{"f": [{"v": _text(value)} for value in row]} for row in rows[start:end]],
        }
        if end < len(rows):
            answer["pageToken"] = str(end)
        return answer

    def load(self, config: dict[str, Any], data: bytes) -> dict[str, Any]:
        """Load JSON lines into a table, as a load job does: all or nothing."""
        load = config["configuration"]["load"]
        assert load["createDisposition"] == "CREATE_NEVER"
        assert load["writeDisposition"] == "WRITE_APPEND"
        fields = [each["name"] for each in load["schema"]["fields"]]
        rows = [tuple(json.loads(line).get(name) for name in fields) for line in data.decode().splitlines()]
        place = load["destinationTable"]
        table = f'"{place["projectId"]}"."{place["datasetId"]}"."{place["tableId"]}"'
        names = ", ".join(f'"{name}"' for name in fields)
        lists = ", ".join(["unnest(?::VARCHAR[])"] * len(fields))
        columns = [[None if v is None else str(v) for v in column] for column in zip(*rows, strict=True)]
        status: dict[str, Any] = {"state": "DONE"}
        with self._lock:
            try:
                self.database.execute(f"INSERT INTO {table} ({names}) SELECT {lists}", columns)
            except duckdb.Error as error:
                status["errorResult"] = {"reason": "invalid", "message": str(error)}
        self.jobs.append(Job("load", "", len(data)))
        return {"jobReference": config["jobReference"], "configuration": config["configuration"], "status": status}

    def table(self, dataset: str, name: str) -> dict[str, Any]:
        """Return a table's description."""
        with self._lock:
            found = self.database.execute(f'DESCRIBE "{PROJECT}"."{dataset}"."{name}"').fetchall()
        fields = [{"name": row[0], "type": _kind(row[1])} for row in found]
        place = {"projectId": PROJECT, "datasetId": dataset, "tableId": name}
        return {"tableReference": place, "schema": {"fields": fields}}


def serve() -> Iterator[BigQueryServer]:
    """Run a server until the generator goes on."""
    server = BigQueryServer()
    sessions: dict[str, dict[str, Any]] = {}
    numbers = itertools.count()

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *_: Any) -> None:
            """Keep quiet."""

        def do_GET(self) -> None:
            parts, options = self._address()
            if parts[-2] == "tables":
                self._answer(lambda: server.table(parts[-3], parts[-1]))
            elif parts[-2] == "queries":
                start, size = int(options.get("pageToken", options.get("startIndex", 0))), options.get("maxResults")
                self._answer(lambda: server.page(parts[-1], start, int(size) if size is not None else None))
            else:
                reference = {"projectId": PROJECT, "jobId": parts[-1], "location": "US"}
                self._answer(lambda: {
                    "jobReference": reference, "status": {"state": "DONE"},
                    "configuration": {"query": {"query": ""}, "jobType": "QUERY"},
                    "statistics": {"query": {"statementType": "SELECT"}},
                })  # fmt: skip

        def do_POST(self) -> None:
            _, options = self._address()
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            if options.get("uploadType") == "multipart":
                message = email.message_from_bytes(
                    b"Content-Type: " + self.headers["Content-Type"].encode() + b"\n\n" + body
                )
                config, data = (part.get_payload(decode=True) for part in message.get_payload())
                self._answer(lambda: server.load(json.loads(config), data))
            elif options.get("uploadType") == "resumable":
                number = str(next(numbers))
                sessions[number] = json.loads(body)
                self.send_response(200)
                self.send_header("Location", f"http://{server.host}/session/{number}")
                self.send_header("Content-Length", "0")
                self.end_headers()
            else:
                asked = json.loads(body)
                size = asked.get("maxResults")

                def run() -> dict[str, Any]:
                    answer = server.query(asked["query"], asked.get("queryParameters", []))
                    return server.page(answer["jobReference"]["jobId"], 0, size) | answer

                self._answer(run)

        def do_PUT(self) -> None:
            parts, _ = self._address()
            data = self.rfile.read(int(self.headers["Content-Length"]))
            self._answer(lambda: server.load(sessions.pop(parts[-1]), data))

        def _address(self) -> tuple[list[str], dict[str, str]]:
            url = urlsplit(self.path)
            return url.path.strip("/").split("/"), {name: values[0] for name, values in parse_qs(url.query).items()}

        def _answer(self, action: Any) -> None:
            try:
                status, answer = 200, action()
            except Exception as error:
                text = str(error)
                missing = "does not exist" in text and "Table" in text
                status, reason = (404, "notFound") if missing else (400, "invalidQuery")
                text = text.replace("Binder Error: Referenced column", "Unrecognized name")
                answer = {"error": {"code": status, "message": text, "errors": [{"reason": reason, "message": text}]}}
            body = json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as http:
        server.host = f"127.0.0.1:{http.server_port}"
        thread = threading.Thread(target=http.serve_forever, daemon=True)
        thread.start()
        yield server
        http.shutdown()
        thread.join()
    server.database.close()


def _kind(duck: str) -> str:
    if duck.startswith("DECIMAL"):
        return "NUMERIC"
    return "TIMESTAMP" if duck.startswith("TIMESTAMP") else _KINDS.get(duck, "STRING")


def _text(value: Any) -> Any:
    if isinstance(value, dt.datetime):
        return str(int(value.timestamp()) * 1_000_000 + value.microsecond)
    return None if value is None else str(value)


def _value(parameter: dict[str, Any]) -> Any:
    kind, value = parameter["parameterType"]["type"], parameter["parameterValue"]
    if kind == "ARRAY":
        return [each["value"] for each in value["arrayValues"]]
    if kind == "TIMESTAMP":
        return dt.datetime.fromisoformat(value["value"])
    return int(value["value"]) if kind == "INT64" else value["value"]
