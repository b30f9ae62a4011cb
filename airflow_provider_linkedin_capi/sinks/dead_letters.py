"""Rows that were not delivered, as JSON lines wherever Airflow's object storage can write them."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import math
import os
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from airflow_provider_linkedin_capi.events.plain import plain
from airflow_provider_linkedin_capi.sinks.task_runs import EventIds

if TYPE_CHECKING:
    from collections.abc import Iterator

    from airflow.sdk import ObjectStoragePath

    from airflow_provider_linkedin_capi.delivery.outcomes import BatchOutcome
    from airflow_provider_linkedin_capi.sinks.task_runs import TaskRun


#: Stores whose directories need no making; asking for one would make a bucket out of a typing error.
_BUCKETS = frozenset({"s3", "s3a", "s3n", "gs", "gcs", "abfs", "abfss", "adl", "oss"})


class DeadLetters:
    """Writes one JSON line for each rejected or held row, as batches finish.

    A line has ``position`` (the row's place in the source, from 0), ``key`` (its event id, if any), ``outcome``
    (``rejected`` or ``held``), ``field``, ``code``, ``message``, ``task_instance`` and ``row``: the row as it came.
    ``StreamConversionsOperator(path=...)`` reads such lines again, so mending the values inside ``row`` and sending
    the file through is all that a replay takes.

    In a file system the path is one file, to which the lines of a batch are appended in one write. Object stores
    cannot append: there the path is a directory with one object for each batch that had such rows.

    A retry goes on with what its earlier tries wrote and repeats none of it. A task that starts over (the first
    try, or a Clear after success) removes its own earlier lines. Lines of other runs and of other mapped
    instances are left alone.

    :param path: anything ``ObjectStoragePath`` takes. It will hold whatever personal data the rows hold.
    :param run: the task instance that writes.
    :param column_mapping: the operator's, to find the event id of rows that became no event.
    """

    def __init__(self, path: str, run: TaskRun, column_mapping: Mapping[str, str] | None = None) -> None:
        from airflow.providers.common.compat.sdk import ObjectStoragePath

        target = ObjectStoragePath(path)
        self._run = run
        self._event_ids = EventIds(column_mapping)
        local = target.protocol in ("", "file", "local")
        self._store: _File | _Parts = _File(target, run) if local else _Parts(target, run)
        self._known = {_identity(json.loads(line)) for line in self._store.start()}

    def write(self, batch: BatchOutcome) -> None:
        """Keep the batch's rejected and held rows, durably, before returning."""
        lines = []
        for outcome in batch.outcomes("rejected", "held"):
            assert outcome.reason is not None
            letter = {
                "position": outcome.position,
                "key": self._event_ids.of(batch, outcome),
                "outcome": outcome.outcome,
                "field": outcome.reason.field,
                "code": outcome.reason.code,
                "message": outcome.reason.message,
                "task_instance": self._run.name,
                "row": _as_json(dict(zip(batch.columns, outcome.row, strict=False))),
            }
            if _identity(letter) not in self._known:
                lines.append(json.dumps(letter, ensure_ascii=False) + "\n")
        if lines:
            self._store.append("".join(lines).encode(), batch)

    def close(self) -> None:
        """Let go of the file."""
        self._store.close()


class _File:
    """One file in a file system."""

    def __init__(self, path: ObjectStoragePath, run: TaskRun) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._path = path.path
        self._run = run
        self._file = open(self._path, "ab")  # noqa: SIM115 - open as long as the task runs

    def start(self) -> Iterator[bytes]:
        """Yield this task instance's lines when it resumes, else remove them; drop a line cut off by a kill."""
        size = kept = 0
        own = False
        with open(self._path, "rb") as lines:
            for line in lines:
                size += len(line)
                if line.endswith(b"\n"):
                    kept = size
                    if self._is_own(line):
                        own = True
                        if self._run.resumed:
                            yield line
        if kept < size:
            os.truncate(self._path, kept)
        if own and not self._run.resumed:
            self._remove_own_lines()

    def _remove_own_lines(self) -> None:
        without = f"{self._path}.without"
        with open(self._path, "rb") as lines, open(without, "wb") as others:
            others.writelines(line for line in lines if not self._is_own(line))
        self._file.close()
        os.replace(without, self._path)
        self._file = open(self._path, "ab")  # noqa: SIM115 - open as long as the task runs

    def _is_own(self, line: bytes) -> bool:
        try:
            return bool(json.loads(line).get("task_instance") == self._run.name)
        except (ValueError, AttributeError):
            return False

    def append(self, lines: bytes, batch: BatchOutcome) -> None:
        self._file.write(lines)
        self._file.flush()
        os.fsync(self._file.fileno())

    def close(self) -> None:
        self._file.close()


class _Parts:
    """A directory of an object store, with one object for each batch."""

    def __init__(self, path: ObjectStoragePath, run: TaskRun) -> None:
        self._path = path
        self._run = run
        readable = re.sub(r"[^A-Za-z0-9_.-]+", "-", f"{run.dag_id}-{run.task_id}")
        self._prefix = f"{readable}-{hashlib.blake2b(run.name.encode(), digest_size=6).hexdigest()}-"
        if path.protocol not in _BUCKETS:
            path.mkdir(parents=True, exist_ok=True)

    def start(self) -> Iterator[bytes]:
        """Yield this task instance's lines when it resumes, else remove them."""
        for part in list(self._path.iterdir()) if self._path.exists() else ():
            if not part.name.startswith(self._prefix):
                continue
            if self._run.resumed:
                yield from part.read_bytes().splitlines()
            else:
                part.unlink()

    def append(self, lines: bytes, batch: BatchOutcome) -> None:
        name = f"{self._prefix}{self._run.try_number:02d}-{batch.number:06d}.jsonl"
        (self._path / name).write_bytes(lines)

    def close(self) -> None:
        """Nothing is held open."""


def _identity(letter: Mapping[str, Any]) -> bytes:
    """What makes two lines the same: the row and its place, not the wording of the reason."""
    content = json.dumps([letter["position"], letter["outcome"], letter["row"]], sort_keys=True)
    return hashlib.blake2b(content.encode(), digest_size=8).digest()


def _as_json(value: Any) -> Any:
    """Return the value in JSON types, so that reading it again gives an equal event or the same rejection."""
    if type(value).__module__.partition(".")[0] in ("numpy", "pandas"):
        value = plain(value)
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, float):
        # NaN is an absent value for the mapper too.
        return value if math.isfinite(value) else None if math.isnan(value) else str(value)
    if isinstance(value, dt.datetime | dt.date | dt.time):
        return value.isoformat()
    if isinstance(value, Mapping):
        return {str(key): _as_json(each) for key, each in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_as_json(each) for each in value]
    if isinstance(value, bytes | bytearray | memoryview):
        return bytes(value).decode("utf-8", "backslashreplace")
    # A half of a surrogate pair has no UTF-8 form.
    return str(value).encode("utf-8", "replace").decode()
