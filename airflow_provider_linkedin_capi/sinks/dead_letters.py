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

from airflow_provider_linkedin_capi.events.cells import to_python

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Set

    from airflow.sdk import ObjectStoragePath

    from airflow_provider_linkedin_capi.delivery.interfaces import DeliveryInfo
    from airflow_provider_linkedin_capi.delivery.outcomes import BatchOutcome


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

    A retry goes on with what its earlier tries wrote and repeats none of it; lines of rows that were mended in
    between go at its end. A task that starts over (the first try, or a Clear after success) removes its own
    earlier lines at once. Lines of other runs and of other mapped instances are left alone.

    :param path: anything ``ObjectStoragePath`` takes. It will hold whatever personal data the rows hold.
    """

    template_fields = ("path",)

    def __init__(self, path: str) -> None:
        self.path = path

    def __repr__(self) -> str:
        return f"DeadLetters({self.path!r})"

    def open(self, delivery: DeliveryInfo) -> None:
        """Create the file, so that a path that nobody can write fails before anything is sent."""
        from airflow.providers.common.compat.sdk import ObjectStoragePath

        target = ObjectStoragePath(self.path)
        self._run = run = delivery
        local = target.protocol in ("", "file", "local")
        self._store: _File | _Parts = _File(target, run) if local else _Parts(target, run)
        self._known = {_identity(letter) for letter in self._store.own_letters()}
        self._met: set[bytes] = set()
        if self._known and not run.resumed:
            self._store.remove(self._known)
            self._known.clear()

    def write(self, batch: BatchOutcome) -> None:
        """Keep the batch's rejected and held rows, durably, before returning."""
        lines = []
        for outcome in batch.outcomes("rejected", "held"):
            assert outcome.reason is not None
            letter = {
                "position": outcome.position,
                "key": outcome.key,
                "outcome": outcome.outcome,
                "field": outcome.reason.field,
                "code": outcome.reason.code,
                "message": outcome.reason.message,
                "task_instance": self._run.name,
                "row": _as_json(dict(zip(batch.columns, outcome.row, strict=False))),
            }
            if (identity := _identity(letter)) in self._known:
                self._met.add(identity)
            else:
                lines.append(json.dumps(letter, ensure_ascii=False) + "\n")
        if lines:
            self._store.append("".join(lines).encode(), batch)

    def close(self, completed: bool) -> None:
        """Remove what earlier tries wrote of rows that were corrected since: all others have come again by now."""
        if completed and (stale := self._known - self._met):
            self._store.remove(stale)


class _File:
    """One file in a file system."""

    def __init__(self, path: ObjectStoragePath, run: DeliveryInfo) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._path = path.path
        self._run = run
        # Created now, so that a path that nobody can write fails before anything is sent.
        open(self._path, "ab").close()
        self._drop_torn_line()

    def _drop_torn_line(self) -> None:
        """A kill may have cut off the last line; it is written anew."""
        whole = torn = 0
        with open(self._path, "rb") as lines:
            for line in lines:
                whole, torn = (whole + len(line), 0) if line.endswith(b"\n") else (whole, len(line))
        if torn:
            os.truncate(self._path, whole)

    def own_letters(self) -> Iterator[dict[str, Any]]:
        with open(self._path, "rb") as lines:
            yield from filter(None, (_own(line, self._run) for line in lines))

    def remove(self, identities: Set[bytes]) -> None:
        without = f"{self._path}.without"
        with open(self._path, "rb") as lines, open(without, "wb") as others:
            others.writelines(_without(lines, self._run, identities))
        os.replace(without, self._path)

    def append(self, lines: bytes, batch: BatchOutcome) -> None:
        # Opened anew each time: another task that shares the path may have replaced the file.
        with open(self._path, "ab") as file:
            file.write(lines)
            file.flush()
            os.fsync(file.fileno())


class _Parts:
    """A directory of an object store, with one object for each batch."""

    def __init__(self, path: ObjectStoragePath, run: DeliveryInfo) -> None:
        self._path = path
        self._run = run
        readable = re.sub(r"[^A-Za-z0-9_.-]+", "-", f"{run.dag_id}-{run.task_id}")
        self._prefix = f"{readable}-{hashlib.blake2b(run.name.encode(), digest_size=6).hexdigest()}-"
        if path.protocol not in _BUCKETS:
            path.mkdir(parents=True, exist_ok=True)

    def _own_parts(self) -> list[ObjectStoragePath]:
        parts = self._path.iterdir() if self._path.exists() else ()
        return [part for part in parts if part.name.startswith(self._prefix)]

    def own_letters(self) -> Iterator[dict[str, Any]]:
        for part in self._own_parts():
            yield from filter(None, (_own(line, self._run) for line in part.read_bytes().splitlines()))

    def remove(self, identities: Set[bytes]) -> None:
        for part in self._own_parts():
            lines = part.read_bytes().splitlines(keepends=True)
            left = list(_without(lines, self._run, identities))
            if not left:
                part.unlink()
            elif len(left) < len(lines):
                part.write_bytes(b"".join(left))

    def append(self, lines: bytes, batch: BatchOutcome) -> None:
        name = f"{self._prefix}{self._run.try_number:02d}-{batch.number:06d}.jsonl"
        (self._path / name).write_bytes(lines)


def _own(line: bytes, run: DeliveryInfo) -> dict[str, Any] | None:
    """Return the dead letter in a line if the task instance wrote it."""
    try:
        letter = json.loads(line)
    except ValueError:
        return None
    return letter if isinstance(letter, dict) and letter.get("task_instance") == run.name else None


def _without(lines: Iterable[bytes], run: DeliveryInfo, identities: Set[bytes]) -> Iterator[bytes]:
    for line in lines:
        letter = _own(line, run)
        if letter is None or _identity(letter) not in identities:
            yield line


def _identity(letter: Mapping[str, Any]) -> bytes:
    """What makes two lines the same: the row and its place, not the wording of the reason."""
    content = json.dumps([letter["position"], letter["outcome"], letter["row"]], sort_keys=True)
    return hashlib.blake2b(content.encode(), digest_size=8).digest()


def _as_json(value: Any) -> Any:
    """Return the value in JSON types, so that reading it again gives an equal event or the same rejection."""
    if type(value).__module__.partition(".")[0] in ("numpy", "pandas"):
        value = to_python(value)
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
