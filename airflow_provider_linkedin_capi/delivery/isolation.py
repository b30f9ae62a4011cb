"""Which events of a refused batch are bad: those that LinkedIn names, if taking them out helps, else by halving.

LinkedIn refuses a batch as a whole for one bad event, and stores nothing of it. The events that it names are taken out
and the rest is sent again. Until LinkedIn's positions have proved right in a delivery, and whenever the rest is refused
again, some of the named events are sent alone: if LinkedIn takes one, its positions mislead, and halving decides.

A refusal is an event's own fault unless there is evidence against its conversion rule: LinkedIn names the rule, or it
has refused at least 100 of the rule's events in this delivery, all for the same reason, and accepted none. What
LinkedIn says of an event's own data is never the rule's fault.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from airflow_provider_linkedin_capi import exceptions
from airflow_provider_linkedin_capi.api.messages import names_the_element, names_the_rule
from airflow_provider_linkedin_capi.delivery.outcomes import Reason

if TYPE_CHECKING:
    from collections.abc import Generator, Mapping, Sequence

    from airflow_provider_linkedin_capi.delivery.elements import Elements
    from airflow_provider_linkedin_capi.exceptions import LinkedInError

    #: An error; or the errors of single events in a success (usually none); or into how many parts to cut a piece that
    #: is too large to be sent; or None when there will be no answer.
    Answer = LinkedInError | Mapping[int, LinkedInError] | int | None
    #: Yields the positions to send next, gets the answer, returns LinkedIn's refusal if events are at fault.
    Sending = Generator[Sequence[int], Answer, LinkedInError | None]
    Plan = Generator[Sequence[int], Answer, None]

#: How many refused events of a rule, with none accepted, are evidence against the rule.
_LARGE_SHARE = 100
#: How many of the named events are sent alone to check LinkedIn's positions; and after how many that were refused
#: indeed positions are trusted.
_PROBES = 8
_LONGEST_MESSAGE = 300

_FIELD = re.compile(r"ERROR :: (/\S+) ::")
_TYPE = re.compile(r"\btype=([A-Z][A-Z_]+)")
_VARYING = re.compile(r'"[^"]*"|\d+')


class BatchFaultError(Exception):
    """LinkedIn refuses something that is not the fault of single events.

    :param error: what LinkedIn said.
    :param rule: the conversion rule, when only its events share the fault.
    """

    def __init__(self, error: LinkedInError, rule: str | None) -> None:
        super().__init__(str(error))
        self.error = error
        self.rule = rule


@dataclass(slots=True)
class Evidence:
    """What all answers of a delivery say about its conversion rules, and about LinkedIn's positions.

    :ivar accepted_rules: rules of which LinkedIn has accepted an event, in this try or an earlier one.
    :ivar positions_confirmed: how many events that LinkedIn named it has also refused alone.
    :ivar positions_wrong: whether LinkedIn has accepted an event that it had named as bad.
    """

    accepted_rules: set[str] = field(default_factory=set)
    positions_confirmed: int = 0
    positions_wrong: bool = False
    _refused: dict[str, Counter[str]] = field(default_factory=dict)

    def accepts(self, rule: str) -> bool:
        """Whether LinkedIn has accepted an event of the rule."""
        return rule in self.accepted_rules

    def against(self, rule: str, message: str) -> bool:
        """Count a refused event; return whether the rule is at fault by now."""
        if self.accepts(rule) or names_the_element(message):
            return False
        reasons = self._refused.setdefault(rule, Counter())
        reasons[_VARYING.sub("#", message)] += 1
        return len(reasons) == 1 and reasons.total() >= _LARGE_SHARE


class Isolation:
    """Decides what to send next of one batch, given LinkedIn's answers so far.

    :param elements: the batch's events; kept up to date.
    :param evidence: what the delivery knows so far; kept up to date.
    :param pieces: positions of the events to send, one request each if all goes well.
    :ivar repeating: why :attr:`next` is sent again although LinkedIn answered: an event failed for the moment. Wait.
    """

    def __init__(self, elements: Elements, evidence: Evidence, *pieces: Sequence[int]) -> None:
        self.repeating: LinkedInError | None = None
        self._elements = elements
        self._evidence = evidence
        self._pieces: list[Sequence[int]] = []
        self._push(*pieces)
        self._plan = self._run()
        self._next: Sequence[int] | None = next(self._plan, None)

    @property
    def next(self) -> Sequence[int] | None:
        """The positions to send now; None when nothing is left to send."""
        return self._next

    def record(self, answer: Answer) -> None:
        """Take LinkedIn's answer to :attr:`next`; None leaves these events without an outcome.

        :raises BatchFaultError: single events are not at fault.
        """
        try:
            self._next = self._plan.send(answer)
        except StopIteration:
            self._next = None

    def add(self, piece: Sequence[int]) -> None:
        """Send more events."""
        self._push(piece)
        if self._next is None:
            self._plan = self._run()
            self._next = next(self._plan, None)

    def _push(self, *pieces: Sequence[int]) -> None:
        self._pieces.extend(piece for piece in reversed(pieces) if len(piece))

    def _run(self) -> Plan:
        while self._pieces:
            piece = self._pieces.pop()
            if refusal := (yield from self._send(piece)):
                yield from self._isolate(piece, refusal)

    def _send(self, piece: Sequence[int]) -> Sending:
        """Send a piece until it is settled, or return the refusal that its events are to be searched for."""
        while len(piece):
            answer = yield piece
            self.repeating = None
            match answer:
                case None:
                    return None
                case int():
                    self._push(*_parts(piece, answer))
                    return None
                case exceptions.TooLargeError() if len(piece) > 1:
                    self._push(*_parts(piece, 2))
                    return None
                case exceptions.TooLargeError(foreign=True) | exceptions.ConflictError():
                    raise BatchFaultError(answer, None)
                case exceptions.AccessDeniedError() if answer.code == "ACCESS_DENIED":
                    raise BatchFaultError(answer, None)
                case exceptions.AccessDeniedError() | exceptions.InvalidRequestError() | exceptions.TooLargeError():
                    return answer
                case exceptions.LinkedInError():
                    raise BatchFaultError(answer, None)
                case failures:
                    piece = self._succeeded(piece, failures)
        return None

    def _succeeded(self, piece: Sequence[int], failures: Mapping[int, LinkedInError]) -> Sequence[int]:
        """Take a success, which may have failures of single events inside; return the events to send again."""
        taken = [position for index, position in enumerate(piece) if index not in failures] if failures else piece
        self._elements.accept(taken)
        self._evidence.accepted_rules.update(map(self._elements.rules.__getitem__, taken))
        again = []
        for index, error in failures.items():
            position = piece[index]
            if isinstance(error, exceptions.ServerError | exceptions.RateLimitError):
                if not error.outcome_unknown:
                    self._elements.not_stored([position])
                again.append(position)
                self.repeating = error
            elif isinstance(error, exceptions.InvalidRequestError):
                self._refuse({position: error.message}, error)
            else:
                raise BatchFaultError(error, self._elements.rules[position])
        return again

    def _isolate(self, piece: Sequence[int], error: LinkedInError) -> Plan:
        """Find the bad events of a piece that was refused."""
        while True:
            rules = list(dict.fromkeys(map(self._elements.rules.__getitem__, piece)))
            named = _named(piece, error)
            texts = named.values() or [error.message]
            of_a_rule = isinstance(error, exceptions.AccessDeniedError) or any(map(names_the_rule, texts))
            if of_a_rule and len(rules) > 1:
                first = set(rules[: len(rules) // 2])
                self._push(
                    [position for position in piece if self._elements.rules[position] in first],
                    [position for position in piece if self._elements.rules[position] not in first],
                )
                return
            if of_a_rule:
                raise BatchFaultError(error, rules[0])
            if len(piece) == 1:
                self._refuse({piece[0]: named.get(piece[0], error.message)}, error)
                return
            if not named or self._evidence.positions_wrong:
                self._push(*_parts(piece, 2))
                return
            rest = [position for position in piece if position not in named]
            refusal = yield from self._send(rest)
            if refusal is None and rest and self._evidence.positions_confirmed >= _PROBES:
                self._refuse(named, error)
                return
            yield from self._check(named, error)
            if refusal is None:
                return
            piece, error = rest, refusal

    def _check(self, named: Mapping[int, str], error: LinkedInError) -> Plan:
        """Send some of the events that LinkedIn named alone; refuse all of them only if each of these is refused."""
        unchecked = dict(named)
        for position in _spread(list(named), _PROBES):
            refusal = yield from self._send([position])
            text = unchecked.pop(position)
            if refusal is None and position in self._elements.accepted:
                self._evidence.positions_wrong = True
            elif refusal is not None:
                self._evidence.positions_confirmed += 1
                self._refuse({position: text}, refusal)
        if self._evidence.positions_wrong:
            self._push(list(unchecked))
        else:
            self._refuse(unchecked, error)

    def _refuse(self, named: Mapping[int, str], error: LinkedInError) -> None:
        for position, text in named.items():
            rule = self._elements.rules[position]
            self._elements.refuse(position, _reason(text, error))
            if self._evidence.against(rule, text):
                raise BatchFaultError(error, rule)


def _named(piece: Sequence[int], error: LinkedInError) -> dict[int, str]:
    """Return LinkedIn's message for each of the piece's positions that it names."""
    elements = error.elements if isinstance(error, exceptions.InvalidRequestError) else {}
    return {piece[index]: elements[index] for index in sorted(elements) if 0 <= index < len(piece)}


def _reason(text: str, error: LinkedInError) -> Reason:
    where, kind = _FIELD.search(text), _TYPE.search(text)
    code = kind[1] if kind else error.code or f"LINKEDIN_{error.status}"
    return Reason(where[1] if where else None, code, text[:_LONGEST_MESSAGE])


def _parts(piece: Sequence[int], count: int) -> list[Sequence[int]]:
    """Cut a piece into parts of about the same length."""
    return [piece[len(piece) * part // count : len(piece) * (part + 1) // count] for part in range(count)]


def _spread(piece: Sequence[int], count: int) -> list[int]:
    """Up to ``count`` elements from the first to the last, evenly."""
    if len(piece) <= count:
        return list(piece)
    return [piece[index * (len(piece) - 1) // (count - 1)] for index in range(count)]
