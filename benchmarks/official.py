"""LinkedIn's own Python client sending events that are ready made: no reading, no mapping, no checks, no record."""

from __future__ import annotations

import itertools
import json
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from benchmarks import rows
from benchmarks.job import Figures, Meter

Batch = list[dict[str, Any]]
BATCH = 5_000
_DIFFERENT_BATCHES = 10


def ready_made_batches(untidy: float = 0.0) -> list[Batch]:
    """Return the events that our job makes of its rows, as dictionaries."""
    from airflow_provider_linkedin_capi.events.mapper import RowMapper
    from airflow_provider_linkedin_capi.events.model import encode_batch

    mapper = RowMapper(rows.COLUMNS, rule=rows.RULE, now_ms=int(time.time() * 1000))
    source = rows.rows(BATCH * _DIFFERENT_BATCHES, untidy)
    return [
        json.loads(encode_batch(mapper.map(list(itertools.islice(source, BATCH))).events))["elements"]
        for _ in range(_DIFFERENT_BATCHES)
    ]


def send(url: str, events: int, batches: list[Batch], *, threads: int = 1) -> Figures:
    """Send so many events with the official client, in one thread or, a client each, in several."""
    from linkedin_api.clients.restli import client
    from linkedin_api.common import constants

    constants.VERSIONED_BASE_URL = f"{url}/rest"
    turns = itertools.islice(itertools.cycle(batches), events // BATCH)
    lock = threading.Lock()

    def work() -> None:
        sender = client.RestliClient()
        while True:
            with lock:
                batch = next(turns, None)
            if batch is None:
                return
            answer = sender.batch_create(
                resource_path="/conversionEvents", entities=batch, access_token="benchmark", version_string="202609"
            )
            if answer.status_code != 200 or len(answer.elements) != len(batch):
                raise RuntimeError(f"the official client got {answer.status_code}")

    with Meter() as meter, ThreadPoolExecutor(threads) as pool:
        for worker in [pool.submit(work) for _ in range(threads)]:
            worker.result()
    return meter.figures(events)
