"""The record of acknowledged batches: what a retry needs so as to send nothing again that LinkedIn acknowledged.

A batch is known by a digest of its contents, never by its place in the source. The record is one JSON object::

    {
      "clock": "2026-11-22T06:00:00.000+00:00",        # judges which events are too old, on every try
      "accepted": 24997,                               # events, over all tries
      "resent_unknown": 0,
      "requests_today": {"day": "2026-11-22", "made": 6},
      "rules": "urn:lla:llaPartnerConversion:104012",  # of which LinkedIn has accepted an event
      "max_request_bytes": 1000000,                    # as far as a refusal has taught it
      "acknowledged": "kX2mPq9s T0yZb4-e ...",         # digests of batches of which every row was accepted
      "batches": {                                     # all other batches: number, digest of the rows not refused,
        "9fQ0_aaB": "12:bb0Ikd_A:Y2RgZGJmYWVj..."      # and one byte for each row, compressed
      },
      "reasons": [["/user/lead", "LINKEDIN_422", "..."]]
    }

The bytes: 0 not sent, 1 accepted, 2 sent and not answered, 3 refused by the checks, 4 and more refused by LinkedIn for
the reason of that index less 4, 255 refused by LinkedIn for what may be the rule's fault: a retry sends it again,
unless LinkedIn has accepted an event of the rule since. A batch of 5,000 rows takes 9 characters when every row was
accepted, some 40 with a few refused rows, and less than 700 with a tenth of them refused: 64 kB hold 35 million rows
without refusals.

A batch with refused rows is found again when those rows were corrected, and the last one when rows were added to it: by
its number and the digest of all other rows.
"""

from __future__ import annotations

import base64
import datetime as dt
import hashlib
import zlib
from typing import TYPE_CHECKING, Any

from airflow_provider_linkedin_capi.api.messages import names_the_element
from airflow_provider_linkedin_capi.delivery.outcomes import Reason
from airflow_provider_linkedin_capi.events.model import encode_batch

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from airflow_provider_linkedin_capi.delivery.elements import Elements
    from airflow_provider_linkedin_capi.delivery.interfaces import CheckpointStore
    from airflow_provider_linkedin_capi.events.model import MappedRows

#: 48 bits: among 10,000 batches that changed since, one is taken for an acknowledged one once in three million jobs.
_DIGEST_BYTES = 6
_UNSENT, _ACCEPTED, _IN_FLIGHT, _REFUSED_BY_CHECKS, _REFUSED = range(5)
_UNPROVEN = 255
_MOST_REASONS = 60
_LONGEST_MESSAGE = 120
_OTHER_REASON = Reason(None, "LINKEDIN_REFUSED", "LinkedIn refused it in an earlier try; see that try's log")
#: From this size on, batches of which only the checks refused rows are kept by their digest alone.
_LARGE_RECORD = 48_000


class Checkpoint:
    """The record of one delivery, kept by a store.

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
        self.resent_unknown: int = state.get("resent_unknown", 0)
        self.requests_today: dict[str, Any] = state.get("requests_today", {})
        #: Conversion rules of which LinkedIn has accepted an event.
        self.accepted_rules: set[str] = set(state.get("rules", "").split())
        self.max_request_bytes: int | None = state.get("max_request_bytes")
        self._acknowledged: dict[str, None] = dict.fromkeys(state.get("acknowledged", "").split())
        self._batches: dict[str, str] = dict(state.get("batches", {}))
        self._reasons: dict[Reason, int] = {Reason(*each): index for index, each in enumerate(state.get("reasons", []))}
        self._by_number = {int(entry.partition(":")[0]): digest for digest, entry in self._batches.items()}
        #: Refusals that may be the rule's fault: not recorded until LinkedIn accepts an event of the rule.
        self._unproven: dict[str, dict[str, dict[int, Reason]]] = {}
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

    def restore(self, elements: Elements, digest: str, number: int, mapped: MappedRows) -> bool:
        """Fill in what earlier tries know of a batch; return whether they recorded it.

        :param elements: the batch's events, as yet untouched.
        :param number: the batch's number.
        """
        if digest in self._acknowledged:
            elements.accepted = set(range(len(elements)))
        elif (entry := self._batches.get(digest) or self._corrected(digest, number, mapped)) is not None:
            reasons = list(self._reasons)
            codes = _codes(entry)
            for position, row in enumerate(mapped.positions):
                match codes[row] if row < len(codes) else _UNSENT:
                    case 1:
                        elements.accepted.add(position)
                    case 2:
                        elements.in_flight.add(position)
                    case code if _REFUSED <= code < _UNPROVEN:
                        index = code - _REFUSED
                        elements.refused[position] = reasons[index] if index < len(reasons) else _OTHER_REASON
        elements.accepted_before = frozenset(elements.accepted)
        elements.refused_before = frozenset(elements.refused)
        return digest in self._acknowledged or digest in self._batches

    def _corrected(self, digest: str, number: int, mapped: MappedRows) -> str | None:
        """Return the entry of a batch that differs from this one in refused rows and rows behind its end only."""
        earlier = self._by_number.get(number)
        if earlier is None or earlier in self._seen or earlier not in self._batches:
            return None
        entry = self._batches[earlier]
        codes = _codes(entry)
        kept = [row < len(codes) and codes[row] < _REFUSED_BY_CHECKS for row in mapped.positions]
        rest = [event for event, same in zip(mapped.events, kept, strict=True) if same]
        if not rest or _short_digest(encode_batch(rest)) != (entry.split(":")[1] or earlier):
            return None
        del self._batches[earlier]
        asked_again = bytes(code if code < _REFUSED_BY_CHECKS else _UNSENT for code in codes)
        self._batches[digest] = _entry(number, "", asked_again)
        return self._batches[digest]

    def note(
        self,
        digest: str,
        number: int,
        elements: Elements,
        mapped: MappedRows,
        rows: int,
        *,
        full: bool = True,
        done: bool = False,
    ) -> None:
        """Take down what is known of a batch; :meth:`save` makes it last.

        :param rows: how many rows the batch has.
        :param full: whether no row can be added to it before the next try.
        :param done: whether this try sends no more of it.
        """
        if full and len(elements.accepted) == len(elements) == rows:
            self._acknowledged[digest] = None
            self._batches.pop(digest, None)
            return
        of_event = mapped.positions
        if len(elements.in_flight) == rows:
            codes = bytearray([_IN_FLIGHT]) * rows
        else:
            codes = bytearray([_REFUSED_BY_CHECKS]) * rows
            for row in of_event:
                codes[row] = _UNSENT
            for position in elements.accepted:
                codes[of_event[position]] = _ACCEPTED
            for position in elements.in_flight:
                codes[of_event[position]] = _IN_FLIGHT
        for position, reason in elements.refused.items():
            rule = elements.rules[position]
            if position in elements.refused_before or rule in self.accepted_rules or names_the_element(reason.message):
                codes[of_event[position]] = self._code(reason)
            else:
                codes[of_event[position]] = _UNPROVEN
                self._unproven.setdefault(rule, {}).setdefault(digest, {})[of_event[position]] = reason
        if not any(codes[row] for row in of_event):
            self._batches.pop(digest, None)
            return
        rest = ""
        if elements.refused and done:
            unrefused = [event for event, row in zip(mapped.events, of_event, strict=True) if codes[row] < _REFUSED]
            rest = _short_digest(encode_batch(unrefused))
        self._batches[digest] = _entry(number, rest, codes)

    def prove(self, rules: Iterable[str]) -> None:
        """Record refusals that might have been a rule's fault, now that LinkedIn has accepted an event of the rule."""
        for rule in rules:
            self.accepted_rules.add(rule)
            for digest, refusals in self._unproven.pop(rule, {}).items():
                if (entry := self._batches.get(digest)) is not None:
                    number, rest, _ = entry.split(":")
                    codes = bytearray(_codes(entry))
                    for row, reason in refusals.items():
                        codes[row] = self._code(reason)
                    self._batches[digest] = _entry(int(number), rest, codes)

    def discredit(self, rule: str) -> None:
        """Keep refusals unrecorded that turned out to be a rule's fault, so that a retry sends these events again."""
        self._unproven.pop(rule, None)

    def _code(self, reason: Reason) -> int:
        reason = Reason(reason.field, reason.code, reason.message[:_LONGEST_MESSAGE])
        if reason not in self._reasons and len(self._reasons) >= _MOST_REASONS:
            reason = _OTHER_REASON
        return _REFUSED + self._reasons.setdefault(reason, len(self._reasons))

    def save(self) -> None:
        """Hand the record to the store."""
        if self._store:
            self.shrink()
            while other := self._store.save(self.as_dict()):
                self._merge(other)

    def shrink(self) -> None:
        """Keep a large record small: what is dropped only saves sending again what was beside a corrected row."""
        size = 9 * len(self._acknowledged) + sum(map(len, self._batches.values())) + 14 * len(self._batches)
        for digest, entry in list(self._batches.items()) if size > _LARGE_RECORD else ():
            if size <= _LARGE_RECORD:
                break
            if set(_codes(entry)) == {_ACCEPTED, _REFUSED_BY_CHECKS}:
                del self._batches[digest]
                self._acknowledged[digest] = None
                size -= len(entry) + 5

    def _merge(self, other: dict[str, Any]) -> None:
        """Take over what another process recorded of batches that have not come here yet."""
        self._acknowledged.update(dict.fromkeys(other.get("acknowledged", "").split()))
        reasons = [Reason(*each) for each in other.get("reasons", [])]
        for digest, entry in other.get("batches", {}).items():
            if digest not in self._seen and digest not in self._acknowledged:
                number, rest, _ = entry.split(":")
                codes = bytearray(_codes(entry))
                for row, code in enumerate(codes):
                    if _REFUSED <= code < _UNPROVEN:
                        index = code - _REFUSED
                        codes[row] = self._code(reasons[index] if index < len(reasons) else _OTHER_REASON)
                self._batches[digest] = _entry(int(number), rest, codes)

    def as_dict(self) -> dict[str, Any]:
        """Return the record as JSON types."""
        return {
            "clock": self.clock.isoformat(timespec="milliseconds"),
            "accepted": self.accepted,
            "resent_unknown": self.resent_unknown,
            "requests_today": self.requests_today,
            "rules": " ".join(sorted(self.accepted_rules)),
            "max_request_bytes": self.max_request_bytes,
            "acknowledged": " ".join(self._acknowledged),
            "batches": dict(self._batches),
            "reasons": [[each.field, each.code, each.message] for each in self._reasons],
        }

    def may_have_sent(self, number: int) -> bool:
        """Return whether events of a batch without a record may have been sent by an earlier try, in another batch."""
        return any(int(self._batches[digest].partition(":")[0]) <= number + 1 for digest in self.unmatched())

    def unmatched(self) -> list[str]:
        """Return the digests of batches of unknown outcome that this try's rows did not give again."""
        return [
            digest
            for digest, entry in self._batches.items()
            if digest not in self._seen and _IN_FLIGHT in _codes(entry)
        ]


def _entry(number: int, rest: str, codes: bytes | bytearray) -> str:
    packer = zlib.compressobj(9, wbits=-15)
    return f"{number}:{rest}:{base64.b64encode(packer.compress(bytes(codes)) + packer.flush()).decode()}"


def _codes(entry: str) -> bytes:
    return zlib.decompress(base64.b64decode(entry.split(":")[2]), wbits=-15)


def _short_digest(body: bytes, repeat: int = 0) -> str:
    raw = hashlib.blake2b(body, digest_size=_DIGEST_BYTES, salt=repeat.to_bytes(4, "big") if repeat else b"").digest()
    return base64.urlsafe_b64encode(raw).decode()
