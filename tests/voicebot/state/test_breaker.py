"""The circuit breaker."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from voicebot.state.breaker import CircuitBreaker


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def breaker(clock: Clock) -> CircuitBreaker:
    return CircuitBreaker(failures=3, pause_s=1.0, longest_pause_s=4.0, clock=clock)


def test_it_opens_after_failures_in_a_row_and_a_success_between_does_not_count() -> None:
    """Two failures, a success and two failures are no outage."""
    guard = breaker(Clock())
    for _ in range(2):
        guard.failed()
    guard.succeeded()
    for _ in range(2):
        guard.failed()
    assert guard.closed
    assert guard.may_try()
    guard.failed()
    assert not guard.closed
    assert not guard.may_try()


def test_open_it_lets_one_probe_through_per_pause_and_closes_on_its_success() -> None:
    """Others keep being refused while the probe runs."""
    clock = Clock()
    guard = breaker(clock)
    for _ in range(3):
        guard.failed()
    clock.now = 1.0
    assert [guard.may_try(), guard.may_try()] == [True, False]
    guard.succeeded()
    assert [guard.may_try(), guard.may_try()] == [True, True]


def test_pauses_between_probes_double_up_to_a_limit_and_start_anew_after_a_success() -> None:
    """A server that is away for long is asked seldom, but never given up."""
    clock = Clock()
    guard = breaker(clock)
    for _ in range(3):
        guard.failed()
    pauses = []
    for _ in range(5):
        opened = clock.now
        while not guard.may_try():
            clock.now += 0.25
        pauses.append(clock.now - opened)
        guard.failed()
    assert pauses == [1.0, 2.0, 4.0, 4.0, 4.0]
    guard.succeeded()
    for _ in range(3):
        guard.failed()
    clock.now += 1.0
    assert guard.may_try()


@given(st.lists(st.sampled_from(["ok", "bad", "ask", "wait"]), max_size=60))
def test_whatever_happened_it_closes_with_the_first_success(story: list[str]) -> None:
    """And an open one always lets a probe through after its longest pause."""
    clock = Clock()
    guard = breaker(clock)
    for step in story:
        match step:
            case "ok":
                guard.succeeded()
                assert guard.closed
            case "bad":
                guard.failed()
            case "ask":
                assert guard.may_try() or not guard.closed
            case _:
                clock.now += 0.5
    clock.now += 4.0
    assert guard.may_try()
