"""All threads share one budget: never more requests in any minute or day than allowed, and no fewer than that."""

from __future__ import annotations

import datetime as dt
import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from airflow_provider_linkedin_capi import exceptions
from airflow_provider_linkedin_capi.delivery.pacing import Pace, RequestSize, StoppedError, Window
from tests.support.linkedin_in_memory import Service, rows, run

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass
class World:
    """A clock that moves only when somebody waits for it."""

    now: float = 1000.0
    midnight: dt.datetime = dt.datetime(2026, 11, 22, tzinfo=dt.UTC)
    went: list[float] = field(default_factory=list)
    at_wait: Callable[[], None] | None = None

    def pace(self, per_minute: int, per_day: int = 1_000_000, made_today: dict[str, int | str] | None = None) -> Pace:
        return Pace(
            per_minute,
            per_day,
            made_today,
            clock=lambda: self.now,
            utcnow=lambda: self.midnight + dt.timedelta(seconds=self.now),
            wait=self.wait,
        )

    def wait(self, _: threading.Condition, seconds: float | None) -> None:
        if self.at_wait:
            self.at_wait()
        assert seconds is not None, "everybody waits for everybody"
        self.now += seconds

    def request(self, pace: Pace, takes: float = 0.0) -> None:
        pace.take_turn()
        self.went.append(self.now)
        self.now += takes
        pace.answered()

    def most_in_a_minute(self) -> int:
        return max(sum(start <= other < start + 60 for other in self.went) for start in self.went)


@settings(max_examples=60, deadline=None)
@given(
    per_minute=st.integers(1, 30),
    takes=st.lists(st.floats(0, 5), min_size=1, max_size=100),
)
def test_no_minute_sees_more_requests_than_allowed(per_minute: int, takes: list[float]) -> None:
    world = World()
    pace = world.pace(per_minute)
    for seconds in takes:
        world.request(pace, seconds)
    assert world.most_in_a_minute() <= per_minute


def test_the_allowance_is_used_up_without_spreading_it_out() -> None:
    world = World()
    pace = world.pace(600)
    for _ in range(1800):
        world.request(pace)
    assert world.now == 1000 + 120
    assert world.most_in_a_minute() == 600


def test_unanswered_requests_count() -> None:
    world = World()
    pace = world.pace(2)
    pace.take_turn()
    pace.take_turn()
    with pytest.raises(AssertionError, match="everybody waits"):
        pace.take_turn()


def test_a_pause_holds_everybody_and_the_longest_one_counts() -> None:
    world = World()
    pace = world.pace(600)
    pace.pause(30)
    pace.pause(5)
    world.request(pace)
    assert world.now == 1030


def test_a_pause_that_begins_while_one_waits_is_obeyed() -> None:
    world = World()
    pace = world.pace(1)
    world.request(pace)

    def interrupted() -> None:
        world.at_wait = None
        pace.pause(100)

    world.at_wait = interrupted
    world.request(pace)
    assert world.now == 1100


def test_the_days_budget_ends_and_is_new_after_midnight_utc() -> None:
    world = World()
    pace = world.pace(600, per_day=5, made_today={"day": "2026-11-22", "made": 3})
    world.request(pace)
    world.request(pace)
    with pytest.raises(exceptions.RateLimitError) as reached:
        pace.take_turn()
    assert reached.value.window == "day"
    assert pace.today() == {"day": "2026-11-22", "made": 5}
    world.now += 86_400
    world.request(pace)
    assert pace.today() == {"day": "2026-11-23", "made": 1}


def test_what_was_made_on_another_day_does_not_count() -> None:
    world = World()
    world.request(world.pace(600, per_day=1, made_today={"day": "2026-11-21", "made": 1}))


def test_stopping_wakes_those_who_wait() -> None:
    pace = Pace(1, 1000)
    pace.take_turn()
    pace.answered()
    ended: list[str] = []

    def wait() -> None:
        try:
            pace.take_turn()
        except StoppedError:
            ended.append("stopped")

    waiting = threading.Thread(target=wait)
    waiting.start()
    pace.stop()
    waiting.join(5)
    assert ended == ["stopped"]


def test_a_delay_of_ones_own_keeps_nobody_else_waiting() -> None:
    world = World()
    pace = world.pace(600)
    pace.take_turn(delay=7)
    assert world.now == 1007
    world.request(pace)
    assert world.now == 1007


def test_requests_in_flight_follow_the_latency() -> None:
    window = Window(None, per_minute=600)
    assert window.size == 4
    window.answered(1.0, 1_000_000)
    assert window.size >= 10 * 1.0 + 1
    for _ in range(60):
        window.answered(0.05, 1_000_000)
    assert window.size == 4


def test_requests_in_flight_are_bounded_by_memory() -> None:
    window = Window(None, per_minute=600)
    window.answered(30.0, 2_000_000)
    assert window.size <= 12


def test_a_fixed_number_of_requests_in_flight_stays() -> None:
    window = Window(3, per_minute=600)
    window.answered(30.0, 1_000)
    assert window.size == 3


def test_a_slow_linkedin_is_sent_more_requests_at_once() -> None:
    class Slow(Service):
        lock = threading.Lock()
        now = most = 0

        def send(self, call: Any) -> Any:
            with self.lock:
                self.now += 1
                self.most = max(self.most, self.now)
            time.sleep(0.5)
            with self.lock:
                self.now -= 1
            return super().send(call)

    service = Slow()
    run(service, rows(range(60)), batch_size=1, max_in_flight=None)
    assert service.most >= 8


def test_the_limit_of_size_is_between_what_was_taken_and_what_was_refused() -> None:
    size = RequestSize(None)
    size.accepted(1_000_000)
    size.too_large(1_200_000)
    assert size.limit == 1_000_000
    size.too_large(900_000)
    assert size.limit == 450_000


def test_resets_teach_a_size_only_above_what_was_answered() -> None:
    size = RequestSize(None)
    size.accepted(500_000)
    assert [size.reset(400_000) for _ in range(5)] == [False] * 5
    assert [size.reset(900_000) for _ in range(3)] == [False, False, True]
    assert size.limit == 500_000
