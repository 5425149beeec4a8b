"""Events and actions survive the way through JSON, and nothing else gets in."""

from __future__ import annotations

import json
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dialogs import wire
from dialogs.events import Action, Event, Heard, KeyPressed, Say

st.register_type_strategy(float, st.floats(allow_nan=False))  # not a number is not equal to itself

MESSAGES = [*get_args(Event), *get_args(Action)]


@given(st.sampled_from(MESSAGES).flatmap(st.from_type))
def test_every_event_and_action_comes_back_equal_from_json(message: Any) -> None:
    assert wire.decode(json.loads(json.dumps(wire.encode(message)))) == message


def test_an_object_names_its_type_and_fields() -> None:
    assert wire.encode(KeyPressed("5")) == {"type": "KeyPressed", "key": "5"}


@pytest.mark.parametrize(
    ("data", "complaint"),
    [
        ({}, "'type' is None"),
        ({"type": "Explode"}, "'type' is 'Explode'"),
        ({"type": ["KeyPressed"]}, "'type' is"),
        ({"type": "KeyPressed"}, "KeyPressed.key: Field required"),
        ({"type": "KeyPressed", "key": 5}, "KeyPressed.key: Input should be a valid string"),
        ({"type": "Silence", "seconds": True}, "Silence.seconds: Input should be a valid number"),
        ({"type": "Heard", "text": "a", "understanding": {"text": "a"}}, "Heard.understanding"),
        ({"type": "Heard", "text": "a", "understanding": "a"}, "Heard.understanding: Input should be an object"),
        ({"type": "Listen", "expect": "poem"}, "Listen.expect: Input should be 'open', 'yes_no', 'choice' or 'digits'"),
        ({"type": "Say", "prompts": "hello", "language": "pl", "mark": "s1"}, "Say.prompts: Input should be a valid array"),
        (
            {"type": "Say", "prompts": [{"id": "a", "params": [["x"]]}], "language": "pl", "mark": "s1"},
            "Say.prompts.0.params.0.1: Field required",
        ),
    ],
)
def test_what_is_neither_event_nor_action_is_refused_with_the_place(data: dict[str, Any], complaint: str) -> None:
    with pytest.raises(wire.WireError, match=complaint.replace("[", r"\[")):
        wire.decode(data)


def test_a_field_that_a_newer_process_wrote_is_left_out_and_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    meant = {"text": "tak", "intent": "balance", "confidence": 0.9, "decision": "accept"}
    newer = {"type": "Heard", "text": "tak", "mood": "calm", "understanding": {**meant, "added": 1}}
    with caplog.at_level("INFO", logger="dialogs.wire"):
        first, second = wire.decode(newer), wire.decode(newer)
    assert first == second == wire.decode({"type": "Heard", "text": "tak", "understanding": meant})
    told = [record.getMessage() for record in caplog.records]
    assert len(told) == 2
    assert "Heard.mood" in told[0]
    assert "Heard.understanding.added" in told[1]


def test_whole_numbers_may_stand_for_fractions() -> None:
    message = wire.decode({"type": "Heard", "text": "tak", "confidence": 1})
    assert message == Heard("tak", confidence=1.0)
    assert isinstance(message, Heard)
    assert isinstance(message.confidence, float)


def test_params_keep_their_order() -> None:
    say = {"type": "Say", "prompts": [{"id": "a", "params": [["b", "2"], ["a", "1"]]}], "language": "pl", "mark": "s1"}
    message = wire.decode(say)
    assert isinstance(message, Say)
    assert message.prompts[0].params == (("b", "2"), ("a", "1"))
