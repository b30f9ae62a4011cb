"""The sources of one's own on the page about sources, read from a web server that answers as the page assumes."""

from __future__ import annotations

import ast
import json
import re
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from urllib.parse import parse_qs, urlsplit

import pytest

from airflow_provider_linkedin_capi.sources.custom import GeneratorSource
from tests.support.airflow_home import PROJECT

PAGE = (PROJECT / "docs" / "sources.md").read_text()
LEADS = [{"id": f"e-{n}", "email": f"m{n}@example.com", "created": "2026-11-26T18:04:37Z"} for n in range(5)]


class Crm(BaseHTTPRequestHandler):
    def do_GET(self):
        asked = parse_qs(urlsplit(self.path).query)
        page, size = int(asked["page"][0]), int(asked.get("page_size", ["2"])[0])
        self.send_response(200)
        self.end_headers()
        self.wfile.write(json.dumps(LEADS[(page - 1) * size : page * size]).encode())

    def log_message(self, *args):
        pass


@pytest.fixture
def crm(connect):
    with ThreadingHTTPServer(("127.0.0.1", 0), Crm) as server:
        Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        connect("crm", conn_type="http", host="127.0.0.1", port=server.server_port)
        yield
        server.shutdown()


def documented(name):
    """Return the function or class of that name on the page."""
    for code in re.findall(r"^```python\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL):
        for node in ast.parse(code).body:
            if isinstance(node, ast.FunctionDef | ast.ClassDef) and node.name == name:
                scope = {"__name__": "dag_file"}
                exec(ast.unparse(node), scope)
                return scope[name]
    raise LookupError(name)


def test_the_documented_generator_yields_rows(crm, monkeypatch, read):
    context = {"data_interval_start": "2026-11-26", "data_interval_end": "2026-11-27", "ds": "2026-11-26"}
    monkeypatch.setattr("airflow.providers.common.compat.sdk.get_current_context", lambda: context, raising=False)
    rows = read(GeneratorSource(documented("new_leads")), 3)
    assert [row["event_id"] for row in rows] == [lead["id"] for lead in LEADS]
    assert rows[0]["happened_at"] == LEADS[0]["created"]


def test_the_documented_class_yields_rows(crm):
    source = documented("CrmLeads")("2026-11-26")
    assert [row for rows in source.chunks(2) for row in rows] == LEADS
    assert repr(source) == "CrmLeads('2026-11-26')"
