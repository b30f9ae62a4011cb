"""Rows that were not delivered, as JSON lines wherever Airflow's object storage can write them."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import re
import secrets
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from airflow_provider_linkedin_capi.exceptions import ConfigurationError
from airflow_provider_linkedin_capi.sinks.json_values import row_as_json, text_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence, Set

    from airflow.sdk import ObjectStoragePath

    from airflow_provider_linkedin_capi.delivery.interfaces import DeliveryInfo
    from airflow_provider_linkedin_capi.delivery.outcomes import BatchOutcome, RowOutcome

#: Stores whose directories need no making; asking for one would make a bucket out of a typing error.
_BUCKETS = frozenset({"s3", "s3a", "s3n", "gs", "gcs", "abfs", "abfss", "adl", "oss"})
#: Personal data: only the worker's own account reads the file, unless it is there already with other permissions.
_MODE = 0o600


class _Letter(NamedTuple):
    """What is remembered of a letter that is there already."""

    key: str | None
    identity: bytes


class DeadLetters:
    """Writes one JSON line for each rejected or held row, as batches finish.

    A line has ``position`` (the row's place in the source, from 0), ``key`` (its event id, if any), ``outcome``
    (``rejected`` or ``held``), ``field``, ``code``, ``message``, ``task_instance`` and ``row``: the row as it came,
    with every column. ``StreamConversionsOperator(path=...)`` reads such lines again: to replay them, correct the
    values inside ``row`` and send the file.

    In a file system the path is one file, readable for its owner only, to which the lines of a batch are added in one
    write; tasks may share it. Object stores cannot append: there the path is a directory with one object for each batch
    that had such rows, and no two tries use the same name. Nothing is created while no row is refused.

    A retry, or a Clear, writes nothing again that is there already. When it has delivered everything, it removes its
    earlier lines of rows that came again, in the same place and with the same key, and were delivered or refused in
    another form. Lines of other runs and of other mapped instances are left alone.

    :param path: anything ``ObjectStoragePath`` takes. It will hold whatever personal data the rows hold. (templated)
    """

    template_fields: Sequence[str] = ("path",)

    def __init__(self, path: str) -> None:
        self.path = path

    def __repr__(self) -> str:
        return f"DeadLetters({self.path!r})"

    def open(self, delivery: DeliveryInfo) -> None:
        """Make sure that the path can be written, and read what earlier tries wrote.

        :raises ConfigurationError: it cannot be written.
        """
        from airflow.providers.common.compat.sdk import ObjectStoragePath

        target = ObjectStoragePath(self.path)
        self._name = delivery.name
        local = target.protocol in ("", "file", "local")
        self._store: _File | _Parts = _File(target, self._name) if local else _Parts(target, delivery)
        self._known: dict[int, list[_Letter]] = {}
        self._identities: set[bytes] = set()
        for letter in self._store.own_letters():
            self._remember(letter)
        self._settled: set[bytes] = set()

    def _remember(self, letter: Mapping[str, Any]) -> None:
        identity = _identity(letter)
        if identity not in self._identities:
            self._identities.add(identity)
            self._known.setdefault(letter["position"], []).append(_Letter(letter["key"], identity))

    def write(self, batch: BatchOutcome) -> None:
        """Keep the batch's rejected and held rows, durably, before returning."""
        letters = [self._letter(batch, outcome) for outcome in batch.outcomes("rejected", "held")]
        new = {identity: letter for letter in letters if (identity := _identity(letter)) not in self._identities}
        if new:
            lines = "".join(json.dumps(letter, ensure_ascii=False) + "\n" for letter in new.values())
            self._store.append(lines.encode(), batch.number)
        self._settle(batch, {_identity(letter) for letter in letters})
        # Only now: a call that failed is made again.
        for letter in new.values():
            self._identities.add(_identity(letter))

    def _letter(self, batch: BatchOutcome, outcome: RowOutcome) -> dict[str, Any]:
        assert outcome.reason is not None
        return {
            "position": outcome.position,
            "key": None if outcome.key is None else text_of(outcome.key),
            "outcome": outcome.outcome,
            "field": outcome.reason.field,
            "code": outcome.reason.code,
            "message": text_of(outcome.reason.message),
            "task_instance": self._name,
            "row": row_as_json(batch.columns, outcome.row),
        }

    def _settle(self, batch: BatchOutcome, again: Set[bytes]) -> None:
        """Note which earlier letters the batch's rows make obsolete."""
        places = range(batch.first_position, batch.first_position + len(batch.rows))
        if not self._known or not any(place in self._known for place in places):
            return
        for row in batch.outcomes():
            for letter in self._known.get(row.position, ()):
                same_row = letter.key is None or row.key is None or letter.key == text_of(row.key)
                if same_row and letter.identity not in again:
                    self._settled.add(letter.identity)

    def close(self, completed: bool) -> None:
        """Remove what earlier tries wrote of rows that were corrected since, once all rows have come again."""
        if completed and self._settled:
            self._store.remove(self._settled)


class _File:
    """One file in a file system."""

    def __init__(self, path: ObjectStoragePath, name: str) -> None:
        self._path = Path(path.path)
        self._name = name
        self._path.parent.mkdir(parents=True, exist_ok=True)
        writable = self._path if self._path.exists() else self._path.parent
        if self._path.is_dir() or not os.access(writable, os.W_OK):
            why = "is a directory" if self._path.is_dir() else "cannot be written by this worker's account"
            raise ConfigurationError(f"rejects_path {self._path} {why}: name a file that the worker can write")

    def own_letters(self) -> Iterator[dict[str, Any]]:
        if self._path.exists():
            with self._path.open("rb") as lines:
                yield from filter(None, (_own(line, self._name) for line in lines))

    def append(self, lines: bytes, number: int) -> None:
        with self._locked() as file:
            end, is_whole = _end_of_last_line(file)
            os.truncate(file, end)
            os.lseek(file, end, os.SEEK_SET)
            view = memoryview(lines if is_whole else b"\n" + lines)
            try:
                while view:
                    view = view[os.write(file, view) :]
                os.fsync(file)
            except BaseException:
                os.truncate(file, end)
                raise

    def remove(self, identities: Set[bytes]) -> None:
        with self._locked() as file, os.fdopen(os.dup(file), "rb") as lines:
            lines.seek(0)
            rest = self._path.with_name(f"{self._path.name}.{secrets.token_hex(4)}")
            descriptor = os.open(rest, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _MODE)
            try:
                os.fchmod(descriptor, os.fstat(file).st_mode & 0o7777)
                with os.fdopen(descriptor, "wb") as others:
                    others.writelines(_without(lines, self._name, identities))
                    others.flush()
                    os.fsync(others.fileno())
                    left = others.tell()
                if left:
                    os.replace(rest, self._path)
                else:
                    os.unlink(self._path)
            finally:
                rest.unlink(missing_ok=True)

    @contextmanager
    def _locked(self) -> Iterator[int]:
        """Open the file while no other task writes it; another one may have replaced it in the meantime."""
        while True:
            file = os.open(self._path, os.O_RDWR | os.O_CREAT, _MODE)
            try:
                with suppress(OSError):  # some network file systems have no locks
                    fcntl.flock(file, fcntl.LOCK_EX)
                try:
                    current = os.stat(self._path).st_ino == os.fstat(file).st_ino
                except FileNotFoundError:
                    current = False
                if current:
                    yield file
                    return
            finally:
                os.close(file)


def _end_of_last_line(file: int) -> tuple[int, bool]:
    """Return where the last line ends, and whether with a newline.

    A kill may have cut off the line behind it, which is written anew; a line that is valid JSON was only saved without
    newline, as some editors do.
    """
    size = end = os.lseek(file, 0, os.SEEK_END)
    found = -1
    while end and found < 0:
        start = max(0, end - 65_536)
        found = os.pread(file, end - start, start).rfind(b"\n")
        end = start + found + 1 if found >= 0 else start
    try:
        json.loads(os.pread(file, size - end, end))
    except (ValueError, RecursionError):
        return end, True
    return size, False


class _Parts:
    """A directory of an object store, with one object for each batch."""

    def __init__(self, path: ObjectStoragePath, delivery: DeliveryInfo) -> None:
        self._path = path
        self._name = delivery.name
        readable = re.sub(r"[^A-Za-z0-9_.-]+", "-", f"{delivery.dag_id}-{delivery.task_id}")
        self._prefix = f"{readable}-{hashlib.blake2b(self._name.encode(), digest_size=6).hexdigest()}-"
        # Deferrals have the same try number, and batches count from 1 again after them.
        self._this_try = f"{self._prefix}{delivery.try_number:02d}-{secrets.token_hex(4)}"
        if path.protocol not in _BUCKETS:
            path.mkdir(parents=True, exist_ok=True)

    def _own_parts(self) -> list[ObjectStoragePath]:
        parts = self._path.iterdir() if self._path.exists() else ()
        return [part for part in parts if part.name.startswith(self._prefix)]

    def own_letters(self) -> Iterator[dict[str, Any]]:
        for part in self._own_parts():
            yield from filter(None, (_own(line, self._name) for line in part.read_bytes().splitlines()))

    def append(self, lines: bytes, number: int) -> None:
        (self._path / f"{self._this_try}-{number:06d}.jsonl").write_bytes(lines)

    def remove(self, identities: Set[bytes]) -> None:
        for part in self._own_parts():
            lines = part.read_bytes().splitlines(keepends=True)
            left = list(_without(lines, self._name, identities))
            if not left:
                part.unlink()
            elif len(left) < len(lines):
                part.write_bytes(b"".join(left))


def _own(line: bytes, name: str) -> dict[str, Any] | None:
    """Return the dead letter in a line if the task instance wrote it."""
    try:
        letter = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return letter if isinstance(letter, dict) and letter.get("task_instance") == name else None


def _without(lines: Iterable[bytes], name: str, identities: Set[bytes]) -> Iterator[bytes]:
    for line in lines:
        letter = _own(line, name)
        if letter is None or _identity(letter) not in identities:
            yield line


def _identity(letter: Mapping[str, Any]) -> bytes:
    """What makes two lines the same: the row and its place, not the wording of the reason."""
    content = json.dumps([letter["position"], letter["outcome"], letter["row"]], sort_keys=True)
    return hashlib.blake2b(content.encode(), digest_size=8).digest()
