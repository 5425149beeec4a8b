"""Events of a queue: any order, any repetition, one outcome; and the rule that names candidates for a misroute."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Engine

from dialogs.data.bundle import load_bundle
from tests.voicebot.records.servers import database_url, engine, postgres
from voicebot.outcomes.events import Event, How, Outcome, What, outcome_of
from voicebot.outcomes.misroute import Judged, judge, right_matters
from voicebot.outcomes.store import Outcomes, Verdict

__all__ = ["database_url", "engine", "postgres"]

ROUTES = load_bundle().routes
T = datetime(2026, 11, 24, 11, 0, tzinfo=UTC)
REF = "r" * 20


def event(what: What, s: float, **more: object) -> Event:
    return Event(REF, what, T + timedelta(seconds=s), **more)  # type: ignore[arg-type]


PASSED = [
    event(What.QUEUED, 0, queue="payments"),
    event(What.ANSWERED, 40, agent="a-7"),
    event(What.PASSED_ON, 88, to_queue="ebanking", how=How.BLIND),
    event(What.ANSWERED, 130, agent="b-2"),
    event(What.ENDED, 400, talk_s=270.0),
    event(What.WRAP_UP, 420, wrap_up="login"),
]


def test_a_call_that_was_passed_on() -> None:
    outcome = outcome_of(REF, PASSED)
    assert (outcome.waited_s, outcome.kept_s, outcome.to_queue, outcome.wrap_up) == (40.0, 48.0, "ebanking", "login")
    assert outcome.right_agent_at == T + timedelta(seconds=130)
    assert outcome.abandoned_at is None


@given(st.permutations(PASSED), st.lists(st.sampled_from(PASSED)))
def test_any_order_and_any_repetition_give_one_outcome(shuffled: list[Event], again: list[Event]) -> None:
    assert outcome_of(REF, [*again, *shuffled]) == outcome_of(REF, PASSED)


ANY = st.builds(
    event,
    st.sampled_from(What),
    st.integers(0, 600),
    to_queue=st.sampled_from([None, "ebanking", "cards"]),
    wrap_up=st.sampled_from([None, "x"]),
)


@given(st.lists(ANY, max_size=12), st.randoms())
def test_whatever_is_told_in_whatever_order_is_the_same(events: list[Event], rng: object) -> None:
    shuffled = list(events)
    rng.shuffle(shuffled)  # type: ignore[attr-defined]
    one, other = outcome_of(REF, events), outcome_of(REF, shuffled)
    assert (one.answered_at, one.queued_at, one.right_agent_at) == (other.answered_at, other.queued_at, other.right_agent_at)
    assert one.kept_s is None or one.kept_s >= 0


def test_who_left_while_waiting_was_not_answered() -> None:
    outcome = outcome_of(REF, [event(What.QUEUED, 0), event(What.ABANDONED, 95)])
    assert outcome.abandoned_at is not None
    assert judge(outcome, queue="payments", intent="blik", routes=ROUTES) is Judged.NOT_ANSWERED


def passed_to(queue: str | None, after_s: float) -> Outcome:
    return outcome_of(REF, [event(What.ANSWERED, 0), event(What.PASSED_ON, after_s, to_queue=queue)])


@pytest.mark.parametrize(
    ("outcome", "intent", "judged"),
    [
        (passed_to("ebanking", 48), "transfer", Judged.CANDIDATE),
        (passed_to("ebanking", 48), None, Judged.NO_MATTER),
        (passed_to("ebanking", 181), "transfer", Judged.KEPT),
        (passed_to("payments", 48), "transfer", Judged.EXPECTED),
        (passed_to("somewhere outside", 48), "transfer", Judged.EXPECTED),
        (passed_to(None, 48), "transfer", Judged.EXPECTED),
        (outcome_of(REF, [event(What.ANSWERED, 0), event(What.ENDED, 20)]), "transfer", Judged.KEPT),
    ],
)
def test_the_rule(outcome: Outcome, intent: str | None, judged: Judged) -> None:
    assert judge(outcome, queue="payments", intent=intent, routes=ROUTES) is judged


def test_an_adviser_and_an_overflow_are_no_misroutes() -> None:
    adviser = next(line.adviser for line in ROUTES.segments.values() if line.adviser)
    assert judge(passed_to(adviser, 10), queue="payments", intent="x", routes=ROUTES) is Judged.EXPECTED
    for name, queue in ROUTES.queues.items():
        if queue.overflow:
            assert judge(passed_to(queue.overflow, 10), queue=name, intent="x", routes=ROUTES) is Judged.EXPECTED


def test_a_queue_of_several_matters_labels_the_queue_only() -> None:
    assert len(right_matters("cards", ROUTES)) > 1
    assert right_matters("nowhere", ROUTES) == []


def test_told_twice_is_kept_once_and_a_later_verdict_counts(engine: Engine) -> None:
    outcomes = Outcomes(engine)
    assert outcomes.add(PASSED[:3], T) == 3
    assert outcomes.add([*PASSED, *PASSED], T) == 3
    assert outcomes.of([REF, "unknown" * 3]) == {REF: outcome_of(REF, PASSED)}
    outcomes.judge(Verdict(REF, "a-7", T, True, None))
    outcomes.judge(Verdict(REF, "a-7", T + timedelta(seconds=5), False, "login_problem"))
    (verdict,) = outcomes.verdicts(REF)
    assert (verdict.right, verdict.intent) == (False, "login_problem")
