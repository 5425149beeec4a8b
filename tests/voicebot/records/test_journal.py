"""A call's journal."""

from __future__ import annotations

import json
from base64 import urlsafe_b64encode
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from caller_id.types import Caller, NumberTrust
from dialogs import wire
from dialogs.events import CallStarted, CollectKeys, Decided, Event, HandOff, Heard, KeyPressed, Listen, Say, Silence
from nlu.types import Decision, Entity, Understanding
from tests.voicebot.logs.personal import pins, secrets
from voicebot.records.journal import HIDDEN_KEY, Journal
from voicebot.records.reading import exchanges_of
from voicebot.records.summarise import summarise
from voicebot.records.summary import CallRecord

STARTED = datetime(2026, 11, 23, 10, 0, tzinfo=UTC)


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def journal(clock: Clock | None = None, **options: Any) -> Journal:
    return Journal("c1", started=STARTED, clock=clock or Clock(), **options)


def test_everything_is_kept_in_order_with_the_seconds_since_the_start() -> None:
    """Events, actions and notes."""
    clock = Clock()
    kept = journal(clock)
    kept.happened(Heard("zgubiłem kartę"))
    clock.now += 0.25
    kept.did(Decided("accept", "clear", "card_block", 0.97))
    clock.now += 1
    kept.note("latency", response_ms=410)
    assert [(line["t"], line["what"], line.get("type") or line.get("kind")) for line in kept.lines] == [
        (0.0, "event", "Heard"),
        (0.25, "action", "Decided"),
        (1.25, "note", "latency"),
    ]


def test_lines_can_be_decoded_for_a_replay() -> None:
    """What is no personal number comes back as it was."""
    said = [CallStarted(Caller(None, NumberTrust.TRUNK)), Heard("zgubiłem kartę"), KeyPressed("9"), HandOff("cards", priority=10)]
    kept = journal()
    for message in said[:3]:
        kept.happened(message)  # type: ignore[arg-type]
    kept.did(said[3])  # type: ignore[arg-type]
    decoded = [wire.decode({k: v for k, v in line.items() if k not in ("t", "what")}) for line in kept.lines]
    assert decoded == said


def test_personal_numbers_are_masked_and_the_callers_own_is_shortened() -> None:
    """In every line, also in notes."""
    kept = journal()
    kept.happened(CallStarted(Caller("+48600100200", NumberTrust.TRUNK)))
    kept.happened(Heard("mój pesel 44051401359, karta 4111 1111 1111 1111"))
    kept.note("partial", text="pin 1234")
    written = json.dumps(kept.lines, ensure_ascii=False)
    assert "+48…200" in written
    for secret in ("600100200", "44051401359", "4111", "1234"):
        assert secret not in written


def keys(kept: Journal) -> str:
    return "".join(line["key"] for line in kept.lines if line.get("type") == "KeyPressed")


def test_menu_keys_are_kept_and_a_number_typed_into_a_menu_is_hidden() -> None:
    """A caller who types a PIN where nobody asked must not find it in a record."""
    kept = journal()
    for key in "4321987":
        kept.happened(KeyPressed(key))
    assert keys(kept) == "432" + HIDDEN_KEY * 4
    kept.happened(Silence(4.0))
    kept.happened(KeyPressed("1"))
    assert keys(kept)[-1] == "1"


def test_keys_that_the_dialogue_collects_are_kept() -> None:
    """A callback number is confirmed digit by digit; secret keys never reach a journal at all."""
    kept = journal()
    kept.did(CollectKeys(max_digits=9))
    for key in "600100200":
        kept.happened(KeyPressed(key))
    kept.did(Listen())
    for key in "1234":
        kept.happened(KeyPressed(key))
    assert keys(kept) == "600100200" + "123" + HIDDEN_KEY


@pytest.mark.parametrize("before", [False, True])
def test_a_call_in_which_keys_were_collected_can_be_read_again(before: bool) -> None:
    """That no secret is asked for is none; `before`: as records were written when it was removed all the same."""
    kept = journal()
    kept.happened(CallStarted(Caller()))
    kept.did(CollectKeys(max_digits=9))
    assert kept.lines[-1]["secret"] is False
    if before:
        kept.lines[-1]["secret"] = "[removed]"
    (exchange,) = exchanges_of(CallRecord(summarise(kept, caller=Caller(), line="main", bundle_version="v"), kept.lines))
    assert exchange.actions == (CollectKeys(max_digits=9),)


def test_listeners_hear_each_line_as_it_is_written() -> None:
    """The terminal shows a call live."""
    heard: list[tuple[str, dict[str, Any]]] = []
    kept = journal(sinks=[lambda call_id, line: heard.append((call_id, line))])
    kept.note("a")
    assert heard == [("c1", kept.lines[0])]


def test_a_listener_that_fails_is_dropped_and_the_others_hear_on() -> None:
    """A screen must never harm a call."""
    heard: list[str] = []

    def broken(call_id: str, line: dict[str, Any]) -> None:
        heard.append("broken")
        raise RuntimeError("screen gone")

    kept = journal(sinks=[broken, lambda call_id, line: heard.append(line["kind"])])
    kept.note("a")
    kept.note("b")
    assert heard == ["broken", "a", "b"]


def test_nothing_is_written_after_the_end() -> None:
    """The outcome is the last line, once."""
    kept = journal()
    kept.close("handed_over")
    kept.close("failed")
    kept.note("late")
    assert (kept.outcome, [line["outcome"] for line in kept.lines]) == ("handed_over", ["handed_over"])


events = st.one_of(
    st.builds(Heard, st.text()), st.builds(KeyPressed, st.sampled_from("0123456789*#")), st.builds(Silence, st.floats(0, 60))
)


@given(st.lists(events, max_size=40))
def test_times_never_go_back_and_never_more_than_three_unasked_keys_in_a_row_are_shown(happened: list[Event]) -> None:
    """Whatever a caller does."""
    kept = journal()
    for event in happened:
        kept.happened(event)
    kept.did(Say((), "pl", "m"))
    assert [line["t"] for line in kept.lines] == sorted(line["t"] for line in kept.lines)
    runs = "".join(line.get("key", "|") for line in kept.lines if line.get("type") in ("KeyPressed", "Heard", "Silence"))
    assert all(len(run.rstrip(HIDDEN_KEY)) <= 3 for run in runs.split("|"))


identifiers = st.one_of(
    st.uuids().map(str),
    st.uuids().map(lambda made: f"{made.hex[:16]}@192.0.2.17"),
    st.integers(10**9, 2 * 10**9).map(lambda second: f"{second}.{second % 999_983}"),
    st.binary(min_size=24, max_size=24).map(lambda made: urlsafe_b64encode(made).decode()),
)
phrases = st.sampled_from(["{}", "mój numer to {}", "pesel {} dziękuję", "karta: {}.", "my number is {}, yes"])


@given(st.data())
def test_what_callers_say_is_redacted_everywhere_and_identifiers_nowhere(data: st.DataObject) -> None:
    """Cards, PESEL, accounts, codes and PINs, in every field with the caller's own words; calls must be found by their ids."""
    secret = data.draw(secrets)
    pin = data.draw(pins)
    said = f"{data.draw(phrases).format(secret)}, a pin {pin}"
    call_ref, ref, model = data.draw(identifiers), data.draw(identifiers), data.draw(identifiers)
    kept = journal()
    kept.note("offered", call_ref=call_ref)
    kept.note("partial", text=said)
    kept.note("ignored", text=said, why="backchannel")
    meant = Understanding(said, "card_issue", 0.9, Decision.ACCEPT, entities=(Entity("number", said, said),), model=model)
    kept.happened(Heard(said, understanding=meant))
    kept.did(Decided("accept", f"{said}", "card_issue", 0.9))
    kept.did(HandOff("cards", words=said, tried=(said,), entities=(("number", said),), reason=said))
    for key in pin + secret.replace(" ", "").removeprefix("PL"):
        kept.happened(KeyPressed(key))
    kept.note("hand_off", ref=ref, ok=True, queue="cards")
    offered, heard, handed = kept.lines[0], kept.lines[3], kept.lines[-1]
    assert (offered["call_ref"], heard["understanding"].pop("model"), handed["ref"]) == (call_ref, model, ref)
    rest = [{name: value for name, value in line.items() if name not in ("t", "call_ref", "ref")} for line in kept.lines]
    written = json.dumps(rest, ensure_ascii=False)
    for digits in (secret, secret.replace(" ", ""), pin):
        assert digits not in written
    typed = keys(kept).replace(HIDDEN_KEY, "")
    assert len(typed) <= 3
