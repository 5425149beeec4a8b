"""The judgement of a transfer is a pure state machine: messages and time in, one verdict out."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voicebot.endpoints.leg import TransferOutcome
from voicebot.endpoints.sip.trace import SipMessage
from voicebot.endpoints.sip.transfer import TransferState, TransferWatch

ACCEPT_S, SETTLE_S = 10.0, 8.0
Step = tuple[float, str, int]  # when, what, status


def play(steps: list[Step], until: float = 100.0) -> TransferWatch:
    watch = TransferWatch(0.0, ACCEPT_S, SETTLE_S)
    for now, what, status in [*steps, (until, "time", 0)]:
        while watch.deadline is not None and watch.deadline <= now:
            watch.time_passed(watch.deadline)
        match what:
            case "answer":
                watch.answered(status)
            case "notify":
                watch.notified(status, now)
            case "failed":
                watch.refused(status, now)
            case "bye":
                watch.call_ended(transferred=False)
            case "transferred":
                watch.call_ended(transferred=True)
            case _:
                watch.time_passed(now)
    return watch


@pytest.mark.parametrize(
    ("steps", "outcome"),
    [
        pytest.param(
            [(0.1, "answer", 202), (0.2, "notify", 100), (1.8, "notify", 486)], (False, "refused", 486), id="busy at 1.6 s"
        ),
        pytest.param(
            [(0.1, "answer", 202), (0.2, "notify", 100), (7.9, "notify", 480)], (False, "refused", 480), id="rang in vain"
        ),
        pytest.param([(0.1, "answer", 202), (0.2, "notify", 100)], (True, "", 100), id="nothing final: Asterisk"),
        pytest.param([(0.1, "answer", 202), (0.2, "notify", 100), (9.0, "notify", 486)], (True, "", 100), id="too late to count"),
        pytest.param(
            [(0.1, "answer", 202), (0.2, "notify", 100), (1.0, "notify", 180), (3.0, "notify", 200)],
            (True, "", 200),
            id="answered",
        ),
        pytest.param([(0.1, "notify", 100), (0.2, "answer", 202), (2.0, "bye", 0)], (True, "", 100), id="NOTIFY before 202"),
        pytest.param([(0.1, "answer", 202), (0.5, "bye", 0)], (True, "", 202), id="took over and left"),
        pytest.param([(0.5, "transferred", 0)], (True, "", 202), id="the stack says transferred"),
        pytest.param([(0.5, "bye", 0)], (False, "gone", 0), id="hung up"),
        pytest.param([(0.1, "answer", 603)], (False, "refused", 603, True), id="declined"),
        pytest.param([(0.1, "failed", 501)], (False, "refused", 501, True), id="the stack tells that it is not implemented"),
        pytest.param([(0.1, "answer", 503)], (False, "refused", 503), id="overloaded, but it does transfer"),
        pytest.param([(0.1, "answer", 202), (0.2, "failed", 603)], (False, "refused", 603), id="the queue declined"),
        pytest.param([(0.1, "notify", 603)], (False, "refused", 603), id="the queue declined, and 202 was late"),
        pytest.param([(0.1, "answer", 401), (0.2, "answer", 202), (0.3, "notify", 200)], (True, "", 200), id="challenged first"),
        pytest.param([], (False, "timeout", 0, True), id="no answer"),
        pytest.param([(0.1, "answer", 202)], (False, "timeout", 0), id="accepted and nothing more"),
        pytest.param([(0.1, "answer", 202), (0.2, "notify", 487), (0.3, "bye", 0)], (False, "gone", 487), id="gave up and left"),
        pytest.param([(0.1, "answer", 202), (0.2, "notify", 487)], (False, "refused", 487), id="the target gave up"),
        pytest.param([(0.1, "failed", 0)], (False, "refused", 0), id="the stack failed"),
    ],
)
def test_verdict(steps: list[Step], outcome: tuple[bool, str, int] | tuple[bool, str, int, bool]) -> None:
    watch = play(steps)
    assert watch.outcome == TransferOutcome(*outcome)
    assert watch.state is TransferState.DECIDED


steps = st.lists(
    st.tuples(
        st.floats(0, 30),
        st.sampled_from(["answer", "notify", "failed", "bye", "transferred", "time"]),
        st.sampled_from([100, 180, 183, 200, 202, 302, 401, 404, 408, 480, 486, 487, 503, 603]),
    ),
    max_size=10,
).map(sorted)


@given(steps)
def test_whatever_happens_there_is_one_verdict_and_it_stays(happened: list[Step]) -> None:
    watch = play(happened)
    verdict = watch.outcome
    assert verdict is not None
    assert watch.deadline is None
    watch.notified(603, 200.0)
    watch.call_ended(transferred=True)
    assert watch.outcome == verdict


@given(steps)
def test_a_refusal_in_time_is_never_a_success(happened: list[Step]) -> None:
    """As long as the watch has not decided, a final refusal decides against."""
    watch = play(happened, until=0.0 if not happened else happened[-1][0])
    if watch.outcome is None and watch.state is not TransferState.TERMINATED:
        watch.notified(486, 31.0)
        assert watch.outcome == TransferOutcome(False, "refused", 486)


@given(steps)
def test_nothing_takes_longer_than_both_bounds(happened: list[Step]) -> None:
    watch = play(happened, until=0.0)
    if watch.deadline is not None:
        last = max((now for now, *_ in happened), default=0.0)
        assert watch.deadline <= max(ACCEPT_S, last + SETTLE_S)


def test_what_concerns_an_earlier_refer_does_not_count() -> None:
    watch = TransferWatch(0.0, ACCEPT_S, SETTLE_S)
    watch.saw_message(SipMessage(False, "", "c", "REFER", cseq=8), 0.1)
    watch.saw_message(SipMessage(True, "", "c", "REFER", cseq=7, status=603), 0.2)
    watch.saw_message(SipMessage(True, "", "c", "NOTIFY", cseq=3, progress=486, refer=7), 0.3)
    assert watch.outcome is None
    watch.saw_message(SipMessage(True, "", "c", "NOTIFY", cseq=4, progress=200, refer=8), 0.4)
    assert watch.outcome == TransferOutcome(True, status=200)
