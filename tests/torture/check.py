"""What has to hold after an episode, whatever happened in it."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.torture.episode import Ended, Run


def broken_promises(ended: Ended) -> list[str]:
    """Compare LinkedIn's store, ledger, dead letters and summaries; return what does not hold."""
    if ended.given_up:
        return [ended.given_up]
    return [*_store(ended), *_ledger(ended), *(text for run in ended.runs for text in _run(ended, run))]


def good(ended: Ended) -> set[str]:
    """The ids of the events that LinkedIn takes."""
    plan = ended.plan
    return {f"e-{number}" for number in range(plan.rows) if number not in plan.bad | plan.refused}


def held(run: Run) -> list[str]:
    """The ids of the events that a run holds back."""
    return [str(letter["row"]["event_id"]) for letter in run.letters if letter["code"] == "UNKNOWN_OUTCOME"]


def twice(ended: Ended) -> int:
    """How many events LinkedIn stored more than once, each further time counted."""
    return ended.stored.total() - len(ended.stored)


def resent(ended: Ended) -> int:
    """How many events the runs say that they sent again after an unknown outcome."""
    return sum(int(run.summary["resent_unknown"]) for run in ended.runs)


def _store(ended: Ended) -> Iterator[str]:
    wanted = good(ended)
    kept_back = {event_id for run in ended.runs for event_id in held(run)}
    if lost := wanted - set(ended.stored) - kept_back:
        yield f"{len(lost)} events lost: {_some(lost)}"
    if foreign := set(ended.stored) - wanted:
        yield f"{len(foreign)} events stored that LinkedIn or the checks refuse: {_some(foreign)}"
    if twice(ended) > (0 if ended.plan.on_unknown == "hold" else resent(ended)):
        more = [event_id for event_id, count in ended.stored.items() if count > 1]
        yield f"{twice(ended)} events stored twice, {resent(ended)} stated: {_some(set(more))}"


def _ledger(ended: Ended) -> Iterator[str]:
    if not ended.plan.ledger:
        return
    outcomes: dict[str, Counter[str | None]] = {}
    for event_id, outcome in ended.ledger:
        outcomes.setdefault(outcome, Counter())[event_id] += 1
    accepted = outcomes.get("accepted", Counter())
    if doubles := {str(event_id) for event_id, count in accepted.items() if count > 1}:
        yield f"{len(doubles)} events accepted twice in the ledger: {_some(doubles)}"
    names = {str(event_id) for event_id in accepted}
    if unknown := names - set(ended.stored):
        yield f"{len(unknown)} events accepted in the ledger that LinkedIn does not have: {_some(unknown)}"
    kept_back = {event_id for run in ended.runs for event_id in held(run)}
    if missing := good(ended) - names - kept_back:
        yield f"{len(missing)} accepted events missing in the ledger: {_some(missing)}"
    if not_held := kept_back - names - {str(event_id) for event_id in outcomes.get("held", ())}:
        yield f"{len(not_held)} held events missing in the ledger: {_some(not_held)}"
    if odd := outcomes.keys() - {"accepted", "rejected", "held"}:
        yield f"outcomes {sorted(odd)} in the ledger after the end"


def _run(ended: Ended, run: Run) -> Iterator[str]:
    plan, summary = ended.plan, run.summary
    for number, figures in enumerate(run.summaries, 1):
        parts = figures["accepted"] + figures["rejected"] + figures["held"] + figures["skipped"]
        if figures["rows_read"] != parts:
            yield f"{run.name}, summary {number}: rows_read {figures['rows_read']} != {parts}"
    if summary["rows_read"] != plan.rows:
        yield f"{run.name}: rows_read {summary['rows_read']} of {plan.rows}"
    if plan.on_unknown == "hold" and summary["resent_unknown"]:
        yield f"{run.name}: resent_unknown {summary['resent_unknown']} although on_unknown_outcome is hold"
    positions = Counter(letter["position"] for letter in run.letters)
    if doubles := [position for position, count in positions.items() if count > 1]:
        yield f"{run.name}: {len(doubles)} dead letters twice: {sorted(doubles)[:5]}"
    refused = {letter["position"] for letter in run.letters if letter["code"] != "UNKNOWN_OUTCOME"}
    # What LinkedIn would refuse may be held instead, when its answer was lost.
    must = plan.bad if plan.on_unknown == "hold" else plan.bad | plan.refused
    if not must <= refused <= plan.bad | plan.refused:
        difference = sorted((must - refused) | (refused - plan.bad - plan.refused))
        yield f"{run.name}: dead letters are not the refused rows; they differ in {difference[:5]}"
    if plan.refused - refused - {letter["position"] for letter in run.letters}:
        yield f"{run.name}: rows that LinkedIn refuses are neither refused nor held"
    if summary["rejected"] != len(refused):
        yield f"{run.name}: rejected {summary['rejected']}, but {len(refused)} dead letters of refused rows"
    if summary["held"] != len(held(run)):
        yield f"{run.name}: held {summary['held']}, but {len(held(run))} dead letters of held rows"


def _some(names: set[str]) -> str:
    shown = sorted(names, key=lambda name: (len(name), name))[:5]
    return ", ".join(shown) + (" ..." if len(names) > len(shown) else "")
