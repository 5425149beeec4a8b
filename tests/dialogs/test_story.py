"""What the agent reads of a call: everything said, in order and bounded, with matters, denials and wishes."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from caller_id.types import Authentication, NumberTrust, Segment
from dialogs import Bundle
from dialogs.engine.callbacks import callback_time
from dialogs.engine.readings.hints import fold, heard_in, words_of
from dialogs.engine.state import FIRST_TOLD, LONGEST_TOLD, MOST_TOLD, CallState, Target
from dialogs.events import CollectKeys, Heard, Told
from tests.dialogs.calls import NO, SATURDAY_NIGHT, WARSAW, WEDNESDAY_NOON, YES, Call, means


def test_the_story_has_everything_said_asked_offered_and_answered(bundle: Bundle) -> None:
    call = Call(bundle).hears(
        means("transfer", "confirm", text="no z tym przelewem"),
        NO,
        means("cash_loan", "choose", choices=("cash_loan", "mortgage"), text="kredyt raczej"),
        means("mortgage", text="hipoteczny"),
    )
    told = [(one.what, one.text) for one in call.waits().handed.story]
    assert told == [
        ("asked", "matter"),
        ("said", "no z tym przelewem"),
        ("asked", "transfer"),
        ("said", "nie"),
        ("denied", "transfer"),
        ("asked", "matter"),
        ("said", "kredyt raczej"),
        ("offered", "cash_loan, mortgage"),
        ("said", "hipoteczny"),
        ("matter", "mortgage"),
    ]
    assert call.handed.denied == ("transfer",)
    assert call.handed.bot_s > 0


def test_no_key_is_in_the_story(bundle: Bundle) -> None:
    """Somebody may type a PIN into a menu."""
    call = Call(bundle).presses("1").presses("9").waits()
    assert not any(any(letter.isdigit() for letter in told.text) for told in call.handed.story)


@given(st.lists(st.text(max_size=600), max_size=200))
def test_a_long_story_keeps_its_beginning_and_its_end(texts: list[str]) -> None:
    state = CallState("long")
    for text in texts:
        state.tell("said", text)
    kept = [Told("said", text[:LONGEST_TOLD]) for text in texts]
    assert len(state.story) <= MOST_TOLD
    assert state.story[:FIRST_TOLD] == kept[:FIRST_TOLD]
    assert state.story[-1:] == kept[-1:]


@pytest.mark.parametrize(
    ("segment", "trust", "authentication", "told"),
    [
        (Segment.SELECT, NumberTrust.TRUNK, Authentication.NONE, ("select", "number")),
        (Segment.SELECT, NumberTrust.TRUNK, Authentication.APP, ("select", "app")),
        (Segment.SELECT, NumberTrust.NONE, Authentication.NONE, ("unknown", "unknown")),
        (Segment.MASS, NumberTrust.TRUNK, Authentication.NONE, ("unknown", "unknown")),
    ],
)
def test_the_agent_is_told_how_the_segment_is_known(
    bundle: Bundle, segment: Segment, trust: NumberTrust, authentication: Authentication, told: tuple[str, str]
) -> None:
    call = Call(bundle, segment=segment, trust=trust, caller={"authentication": authentication}).hears(means("transfer")).waits()
    assert (call.handed.segment, call.handed.segment_by) == told


def test_a_known_mass_customer_is_one(bundle: Bundle) -> None:
    call = Call(bundle, caller={"customer_ref": "c-1"}).hears(means("transfer")).waits()
    assert (call.handed.segment, call.handed.segment_by) == ("mass", "number")


# ---------------------------------------------------------------- numbers by voice, callbacks


def test_a_number_said_aloud_is_read_back_and_confirmed(bundle: Bundle) -> None:
    call = Call(bundle, number=None, at=SATURDAY_NIGHT).hears(means("mortgage")).presses("1")
    collect = next(action for action in reversed(call.actions) if isinstance(action, CollectKeys))
    assert collect.by_voice
    call._happen(Heard("<phone>", number="601234567", understanding=means("fees", "confirm", text="<phone>")))
    assert call.last_said == ["callback_confirm"]
    assert call.hears(YES).handed.call_back == "+48601234567"


def test_words_that_are_no_number_ask_for_it_again(bundle: Bundle) -> None:
    call = Call(bundle, number=None, at=SATURDAY_NIGHT).hears(means("mortgage")).presses("1")
    assert call.hears(means(decision="reject", text="zaraz, na żony")).last_said == ["callback_keys_again"]


def test_what_is_promised_is_what_is_booked(bundle: Bundle) -> None:
    """Whatever the hour and the queue: within the queue's hours, within those of callbacks, and never in the past."""
    rule = bundle.routes.callback
    for queue in bundle.queues:
        for hours in range(0, 24 * 8, 5):
            now, state = WEDNESDAY_NOON + timedelta(hours=hours), CallState("c")
            state.target = Target(queue, 0, "matter")
            due = callback_time(bundle, state, now)
            if due is None:
                assert bundle.calendar.is_open(bundle.queues[queue].hours, now)
                continue
            assert due >= now
            assert rule.not_before <= due.astimezone(WARSAW).time() < rule.not_after
            assert bundle.calendar.is_open(bundle.queues[queue].hours, due)


# ---------------------------------------------------------------- hints


@pytest.mark.parametrize(
    ("entries", "text", "heard"),
    [
        (("nie_oddycha",), "on NIE oddycha!", True),
        (("nie_oddycha",), "nie, nie oddychała wtedy lekko", True),
        (("nie_oddycha",), "oddycham z ulgą, że nie mam kredytu", False),
        (("zawal_serca !umar",), "miał zawał serca", True),
        (("zawal_serca !umar",), "umarł na zawał serca", False),
        (("po_pierwsze po_drugie",), "po drugie to, a po pierwsze tamto", True),
    ],
)
def test_a_hint_is_beginnings_of_words(entries: tuple[str, ...], text: str, heard: bool) -> None:
    assert heard_in(entries, words_of(text)) is heard


@pytest.mark.parametrize("text", ["ZAWAŁ serca", "zawał serca", "zawal serca"])
def test_accents_and_capitals_make_no_difference(text: str) -> None:
    assert fold(text) == "zawal serca"


@given(st.text())
def test_whatever_is_said_can_be_searched_for_hints(text: str) -> None:
    assert heard_in(("zzz_qqq !x", "x"), words_of(text)) in (True, False)
