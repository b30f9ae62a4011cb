"""Which elements of a refused batch are bad: by LinkedIn's positions, else by asking with fewer of them.

LinkedIn refuses a batch as a whole for one bad element, and stores nothing of it. The elements it names are taken out
and the rest is sent again. Where it names none, a few elements spread over the batch are sent alone: when LinkedIn
refuses all of them for one reason, the fault is the conversion rule's or the request's, not the elements', and
thousands of requests would find nothing else; when it takes one, the batch is halved until the bad ones are alone.
"""

from __future__ import annotations

import re
from collections import Counter
from functools import cached_property
from typing import TYPE_CHECKING

from airflow_provider_linkedin_capi import exceptions
from airflow_provider_linkedin_capi.delivery.outcomes import Reason

if TYPE_CHECKING:
    from collections.abc import Generator, Mapping, Sequence

    from airflow_provider_linkedin_capi.exceptions import LinkedInError

    #: An error, or the errors of single elements in a success (usually none), or None for no verdict.
    Verdict = LinkedInError | Mapping[int, LinkedInError] | None
    Course = Generator[Sequence[int], Verdict, None]

#: Elements sent alone before halving; that all of them are bad while half of the others are good is one in 256.
_PROBES = 8
#: After so many answers that name elements for one and the same reason, probe: LinkedIn may name only the first.
_ROUNDS_BEFORE_PROBING = 3
_MOST_REPEATS = 3
_LONGEST_MESSAGE = 300

_FIELD = re.compile(r"ERROR :: (/\S+) ::")
_TYPE = re.compile(r"\btype=([A-Z][A-Z_]+)")
_VARYING = re.compile(r'"[^"]*"|\d+')


class BatchFaultError(Exception):
    """LinkedIn refuses something that all elements share.

    :param error: LinkedIn's words.
    :param rule: the conversion rule, when only its elements share it.
    """

    def __init__(self, error: LinkedInError, rule: str | None) -> None:
        super().__init__(str(error))
        self.error = error
        self.rule = rule


class Isolation:
    """The way of one batch: what to send next, given LinkedIn's verdicts on what was sent before.

    :param rules: the conversion rule of each element.
    :param pieces: the positions of the elements to send, one request each if all goes well.
    :ivar accepted: positions that LinkedIn took.
    :ivar refused: positions that it did not, and why.
    """

    def __init__(self, rules: Sequence[str], *pieces: Sequence[int]) -> None:
        self.accepted: set[int] = set()
        self.refused: dict[int, Reason] = {}
        self._rules = rules
        self._pieces: list[Sequence[int]] = []
        self._push(*pieces)
        self._named_rounds = 0
        self._repeats = 0
        self._course = self._run()
        self._next: Sequence[int] | None = next(self._course, None)

    @cached_property
    def _unrefused(self) -> Counter[str]:
        """How many elements of each rule are not refused."""
        return Counter(self._rules)

    @property
    def next(self) -> Sequence[int] | None:
        """The positions to send now; None when every element has its verdict."""
        return self._next

    def judge(self, verdict: Verdict) -> None:
        """Take LinkedIn's verdict on :attr:`next`; None leaves these elements out, without a verdict.

        :raises BatchFaultError: no element is at fault, or all are.
        """
        try:
            self._next = self._course.send(verdict)
        except StopIteration:
            self._next = None

    def _run(self) -> Course:
        while self._pieces:
            piece = self._pieces.pop()
            verdict = yield piece
            match verdict:
                case None:
                    pass
                case exceptions.ConflictError():
                    raise BatchFaultError(verdict, None)
                case exceptions.TooLargeError() if len(piece) > 1:
                    self._push(*_halves(piece))
                case exceptions.AccessDeniedError() | exceptions.InvalidRequestError() | exceptions.TooLargeError():
                    yield from self._refusal(piece, verdict)
                case exceptions.LinkedInError():
                    raise BatchFaultError(verdict, None)
                case failures:
                    self._success(piece, failures)

    def _push(self, *pieces: Sequence[int]) -> None:
        self._pieces.extend(piece for piece in reversed(pieces) if len(piece))

    def _refusal(self, piece: Sequence[int], error: LinkedInError) -> Course:
        rules = list(dict.fromkeys(map(self._rules.__getitem__, piece)))
        named = {piece[index]: text for index, text in getattr(error, "elements", {}).items() if index < len(piece)}
        if isinstance(error, exceptions.AccessDeniedError) and (len(rules) == 1 or error.code == "ACCESS_DENIED"):
            raise BatchFaultError(error, rules[0] if len(rules) == 1 and error.code != "ACCESS_DENIED" else None)
        if named:
            self._refuse(named, error)
            rest: Sequence[int] = [position for position in piece if position not in named]
            self._named_rounds += 1
            if self._named_rounds >= _ROUNDS_BEFORE_PROBING and rest and len(rules) == 1:
                rest = yield from self._probe(rest)
            self._push(rest)
        elif len(rules) > 1:
            first = set(rules[: len(rules) // 2])
            self._push(
                [position for position in piece if self._rules[position] in first],
                [position for position in piece if self._rules[position] not in first],
            )
        elif len(piece) == 1:
            self._refuse({piece[0]: error.message}, error)
        else:
            rest = yield from self._probe(piece)
            self._push(*_halves(rest))

    def _probe(self, piece: Sequence[int]) -> Generator[Sequence[int], Verdict, Sequence[int]]:
        """Send single elements until one is taken; return what is left of the piece."""
        rule = self._rules[piece[0]]
        if self._took(rule):
            return piece
        asked: set[int] = set()
        error: LinkedInError | None = None
        for position in _spread(piece, _PROBES):
            verdict = yield [position]
            asked.add(position)
            if verdict is None:
                continue
            if isinstance(verdict, exceptions.InvalidRequestError | exceptions.TooLargeError):
                text = next(iter(getattr(verdict, "elements", {}).values()), verdict.message)
                self._refuse({position: text}, verdict)
                error = verdict
            elif isinstance(verdict, exceptions.LinkedInError):
                raise BatchFaultError(verdict, rule)
            else:
                self._success([position], verdict)
                if position in self.accepted:
                    break
        else:
            if error and len(asked) == _PROBES and self._refused_for_one_reason(rule):
                raise BatchFaultError(error, rule)
        return [position for position in piece if position not in asked]

    def _success(self, piece: Sequence[int], failures: Mapping[int, LinkedInError]) -> None:
        """Take in a 200; documented as all or nothing, but each element has its own status."""
        if not failures:
            self.accepted.update(piece)
            return
        self.accepted.update(position for index, position in enumerate(piece) if index not in failures)
        again = []
        for index, error in failures.items():
            if isinstance(error, exceptions.ServerError | exceptions.RateLimitError):
                again.append(piece[index])
                if self._repeats >= _MOST_REPEATS:
                    raise BatchFaultError(error, None)
            elif isinstance(error, exceptions.InvalidRequestError):
                self._refuse({piece[index]: error.message}, error)
            else:
                raise BatchFaultError(error, self._rules[piece[index]])
        if again:
            self._repeats += 1
            self._push(again)

    def _refuse(self, named: Mapping[int, str], error: LinkedInError) -> None:
        of_the_rule = isinstance(error, exceptions.InvalidRequestError) and error.rule_at_fault
        for position, text in named.items():
            rule = self._rules[position]
            if of_the_rule and not self._took(rule):
                raise BatchFaultError(error, rule)
            self.refused[position] = _reason(text, error)
            self._unrefused[rule] -= 1
        for rule in dict.fromkeys(self._rules[position] for position in named):
            if self._unrefused[rule] == 0 and self._refused_for_one_reason(rule):
                raise BatchFaultError(error, rule)

    def _refused_for_one_reason(self, rule: str) -> bool:
        """Whether all refused elements of a rule, at least two, were refused in the same words."""
        reasons = [_wording(reason.message) for at, reason in self.refused.items() if self._rules[at] == rule]
        return len(reasons) > 1 and len(set(reasons)) == 1

    def _took(self, rule: str) -> bool:
        return any(self._rules[position] == rule for position in self.accepted)


def _wording(text: str) -> str:
    return _VARYING.sub("#", text)


def _reason(text: str, error: LinkedInError) -> Reason:
    where, kind = _FIELD.search(text), _TYPE.search(text)
    code = kind[1] if kind else error.code or f"LINKEDIN_{error.status}"
    return Reason(where[1] if where else None, code, text[:_LONGEST_MESSAGE])


def _halves(piece: Sequence[int]) -> tuple[Sequence[int], Sequence[int]]:
    middle = len(piece) // 2
    return piece[:middle], piece[middle:]


def _spread(piece: Sequence[int], count: int) -> list[int]:
    """Up to ``count`` elements from the first to the last, evenly."""
    if len(piece) <= count:
        return list(piece)
    return [piece[index * (len(piece) - 1) // (count - 1)] for index in range(count)]
