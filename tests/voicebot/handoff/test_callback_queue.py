"""A callback keeps its place in the line."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dialogs import load_bundle
from dialogs.data.routes import CallbackRule
from tests.dialogs.calls import MOBILE, WARSAW, WEDNESDAY_NOON
from voicebot.handoff.callback_queue import CallbackError, CallbackPlaces, Place

RULE = CallbackRule(cli="+48225550190", attempts=3, minutes_between=15)
OWN = frozenset({"+48225550100"})


def places(*taken: Place) -> CallbackPlaces:
    return CallbackPlaces(RULE, OWN, WARSAW, taken)


def place(ref: str, minute: int, *, priority: int = 0, number: str | None = None, due: datetime | None = None) -> Place:
    return Place(ref, "loans", WEDNESDAY_NOON + timedelta(minutes=minute), priority, number, due)


lines = st.lists(
    st.tuples(st.integers(0, 240), st.sampled_from([0, 0, 4, 10]), st.booleans()),
    min_size=1,
    max_size=12,
    unique_by=lambda t: t[0],
)


@given(lines)
def test_nobody_is_served_before_someone_of_the_same_priority_who_joined_earlier(line: list[tuple[int, int, bool]]) -> None:
    """Whether they wait on the line or at home makes no difference to the order."""
    current = places(
        *(
            place(str(minute), minute, priority=priority, number=MOBILE if calls_back else None)
            for minute, priority, calls_back in line
        )
    )
    now = WEDNESDAY_NOON + timedelta(hours=5)
    served: list[Place] = []
    while (turn := current.next("loans", now)) is not None:
        served.append(turn)
        current = current.leave(turn.ref)
    assert len(served) == len(line)
    assert [(-p.priority, p.since) for p in served] == sorted((-p.priority, p.since) for p in served)


@given(lines, st.lists(st.booleans(), max_size=40))
def test_an_unanswered_callback_keeps_its_place_for_as_many_attempts_as_the_rule_allows(
    line: list[tuple[int, int, bool]], answers: list[bool]
) -> None:
    current = places(*(place(str(minute), minute, priority=priority, number=MOBILE) for minute, priority, _ in line))
    now, attempts, gone = WEDNESDAY_NOON + timedelta(hours=4), dict.fromkeys((p.ref for p in current.places), 0), []
    for answered in answers:
        turn = current.next("loans", now)
        if turn is None:
            now += timedelta(minutes=RULE.minutes_between)
            continue
        attempts[turn.ref] += 1
        assert attempts[turn.ref] <= RULE.attempts
        older = [p for p in current.places if p.order < turn.order]
        assert all(not current.may_serve(p, now) for p in older), "someone earlier could have been served"
        current = current.leave(turn.ref) if answered else current.not_reached(turn.ref, now)
        if turn.ref not in {p.ref for p in current.places}:
            gone.append(turn.ref)
            assert answered or attempts[turn.ref] == RULE.attempts
    assert set(gone) | {p.ref for p in current.places} == set(attempts)


def test_callbacks_are_made_within_the_window_and_not_before_they_are_due() -> None:
    early = WEDNESDAY_NOON.replace(hour=7)
    waiting = places(place("a", 0, number=MOBILE, due=WEDNESDAY_NOON.replace(hour=10)))
    assert waiting.next("loans", early) is None, "before the window"
    assert waiting.next("loans", WEDNESDAY_NOON.replace(hour=9)) is None, "before it is due"
    assert waiting.next("loans", WEDNESDAY_NOON.replace(hour=10)) is not None
    assert waiting.next("loans", WEDNESDAY_NOON.replace(hour=20)) is None, "after the window"


def test_a_callback_that_cannot_be_made_yet_lets_the_next_one_pass_and_then_has_its_turn() -> None:
    line = places(place("first", 0, number=MOBILE), place("second", 1))
    now = WEDNESDAY_NOON + timedelta(minutes=30)
    line = line.not_reached("first", now)
    passed = line.next("loans", now)
    assert passed is not None
    assert passed.ref == "second"
    again = line.next("loans", now + timedelta(minutes=15))
    assert again is not None
    assert again.ref == "first"


def test_the_hotlines_own_number_is_never_used_to_call_back() -> None:
    with pytest.raises(CallbackError, match="only receives"):
        CallbackPlaces(RULE.model_copy(update={"cli": "+48225550100"}), OWN, WARSAW)


def test_a_place_that_does_not_exist_cannot_be_left() -> None:
    with pytest.raises(CallbackError):
        places(place("a", 0)).leave("nobody")


def test_the_default_bundle_allows_callbacks() -> None:
    bundle = load_bundle()
    empty = CallbackPlaces.of(bundle.routes)
    assert empty.next("loans", WEDNESDAY_NOON) is None
    assert empty.rule.cli not in bundle.routes.own_numbers
