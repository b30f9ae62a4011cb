"""The record of acknowledged batches: what a retry needs so as to send nothing again that LinkedIn acknowledged.

A batch is known by a digest of its contents, never by its place in the source. The record is one JSON object::

    {
      "clock": "2026-11-22T06:00:00.000+00:00",        # judges the age of events, on every try
      "accepted": 24997, "refused": 3,                 # events, over all tries
      "resent_unknown": 0,
      "requests_today": {"day": "2026-11-22", "made": 6},
      "acknowledged": "kX2mPq9s T0yZb4-e ...",         # digests of batches that LinkedIn accepted whole
      "batches": {                                     # all other batches: positions of events within the batch
        "9fQ0_aaB": {"accepted": "0-16,18-4999", "refused": {"0": "17"}},
        "b7HHk2Lm": {"in_flight": "0-4999"}            # sent, and not answered yet: outcome unknown
      },
      "reasons": [{"field": "/user/lead", "code": "LINKEDIN_422", "message": "..."}]
    }

A digest takes 9 characters, so that 64 kB hold 7,000 batches: 35 million rows in batches of 5,000.
"""

from __future__ import annotations

import base64
import datetime as dt
import hashlib
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from airflow_provider_linkedin_capi.delivery import positions
from airflow_provider_linkedin_capi.delivery.outcomes import Reason

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow_provider_linkedin_capi.delivery.interfaces import CheckpointStore

#: 48 bits: among 10,000 batches that changed since, one is taken for an acknowledged one once in three million jobs.
_DIGEST_BYTES = 6


@dataclass(slots=True)
class BatchState:
    """What is known of the elements of one batch; those in no place were never sent, or are known to be unstored.

    :ivar accepted: positions that LinkedIn acknowledged.
    :ivar refused: positions that LinkedIn refused, and why.
    :ivar in_flight: positions that were sent and not answered.
    """

    accepted: set[int] = field(default_factory=set)
    refused: dict[int, Reason] = field(default_factory=dict)
    in_flight: set[int] = field(default_factory=set)


class Checkpoint:
    """The record of one task instance, kept by a store.

    :param store: where it lives; None keeps it in memory only.
    :param utcnow: the clock of the first try.
    """

    def __init__(self, store: CheckpointStore | None, utcnow: Callable[[], dt.datetime]) -> None:
        self._store = store
        state = (store.load() if store else None) or {}
        now = utcnow()
        first_try = now.replace(microsecond=now.microsecond // 1000 * 1000)
        self.clock = dt.datetime.fromisoformat(state["clock"]) if "clock" in state else first_try
        self.accepted: int = state.get("accepted", 0)
        self.refused: int = state.get("refused", 0)
        self.resent_unknown: int = state.get("resent_unknown", 0)
        self.requests_today: dict[str, Any] = state.get("requests_today", {})
        self._acknowledged: dict[str, None] = dict.fromkeys(state.get("acknowledged", "").split())
        self._batches: dict[str, dict[str, Any]] = dict(state.get("batches", {}))
        self._reasons: dict[Reason, int] = {
            Reason(**reason): index for index, reason in enumerate(state.get("reasons", []))
        }
        self._seen: set[str] = set()
        self.resumed = bool(self._acknowledged or self._batches)

    @property
    def clock_ms(self) -> int:
        """The clock as epoch milliseconds."""
        return round(self.clock.timestamp() * 1000)

    def digest(self, body: bytes) -> str:
        """Return the digest of a batch's body; batches of equal contents get different ones, in their order."""
        repeat = 0
        while (digest := _short_digest(body, repeat)) in self._seen:
            repeat += 1
        self._seen.add(digest)
        return digest

    def state(self, digest: str, size: int) -> BatchState:
        """Return what is known of the elements of a batch of ``size``."""
        if digest in self._acknowledged:
            return BatchState(accepted=set(range(size)))
        entry = self._batches.get(digest, {})
        reasons = list(self._reasons)
        return BatchState(
            accepted=set(positions.from_text(entry.get("accepted", ""))),
            refused={
                position: reasons[int(index)]
                for index, text in entry.get("refused", {}).items()
                for position in positions.from_text(text)
            },
            in_flight=set(positions.from_text(entry.get("in_flight", ""))),
        )

    def note(self, digest: str, size: int, state: BatchState) -> None:
        """Take down what is known of a batch of ``size`` elements; :meth:`save` makes it last."""
        if len(state.accepted) == size:
            self._acknowledged[digest] = None
            self._batches.pop(digest, None)
            return
        refused: dict[str, list[int]] = {}
        for position, reason in state.refused.items():
            refused.setdefault(str(self._reasons.setdefault(reason, len(self._reasons))), []).append(position)
        entry = {
            "accepted": positions.to_text(state.accepted),
            "refused": {index: positions.to_text(found) for index, found in refused.items()},
            "in_flight": positions.to_text(state.in_flight),
        }
        self._batches[digest] = {name: value for name, value in entry.items() if value}
        if not self._batches[digest]:
            del self._batches[digest]

    def save(self) -> None:
        """Hand the record to the store."""
        if self._store:
            while other := self._store.save(self.as_dict()):
                self._merge(other)

    def _merge(self, other: dict[str, Any]) -> None:
        """Take over what another process recorded of batches that have not come here yet."""
        self._acknowledged.update(dict.fromkeys(other.get("acknowledged", "").split()))
        for digest, entry in other.get("batches", {}).items():
            if digest not in self._seen and digest not in self._acknowledged:
                self._batches[digest] = entry

    def as_dict(self) -> dict[str, Any]:
        """Return the record as JSON types."""
        return {
            "clock": self.clock.isoformat(timespec="milliseconds"),
            "accepted": self.accepted,
            "refused": self.refused,
            "resent_unknown": self.resent_unknown,
            "requests_today": self.requests_today,
            "acknowledged": " ".join(self._acknowledged),
            "batches": dict(self._batches),
            "reasons": [asdict(reason) for reason in self._reasons],
        }

    def unmatched(self) -> list[str]:
        """Return the digests of batches of unknown outcome that this try's rows did not give again."""
        return [digest for digest, entry in self._batches.items() if "in_flight" in entry and digest not in self._seen]


def _short_digest(body: bytes, repeat: int) -> str:
    raw = hashlib.blake2b(body, digest_size=_DIGEST_BYTES, salt=repeat.to_bytes(4, "big") if repeat else b"").digest()
    return base64.urlsafe_b64encode(raw).decode()
