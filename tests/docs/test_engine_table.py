"""The table of phases and events in docs/architecture.md is what the engine does."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields
from typing import Any

import pytest

from caller_id.types import Caller, NumberTrust
from dialogs import Dialog, load_bundle
from dialogs.engine.state import Phase
from dialogs.events import (
    Action,
    AuthorisationAsked,
    AuthorisationResult,
    CallStarted,
    CodeResult,
    CodeTyped,
    Conditions,
    ConditionsChanged,
    Decided,
    Event,
    Failed,
    HandOff,
    HandOffResult,
    HangUp,
    Heard,
    HungUp,
    Interrupted,
    KeyPressed,
    PromptFinished,
    Resumed,
    Say,
    Silence,
)
from tests.dialogs.calls import NONSENSE, WEDNESDAY_NOON, means
from tests.docs.tables import table

BUNDLE = load_bundle()
CALLER = Caller("+48600100200", NumberTrust.TRUNK)
CARD = Heard("zgubiłem kartę", understanding=means("card_block"))


class Call:
    """One call that can be led into any phase."""

    def __init__(self) -> None:
        self.dialog = Dialog(BUNDLE, call_id="c1")

    def tell(self, event: Event) -> list[Action]:
        return self.dialog.handle(event, WEDNESDAY_NOON)

    def finish_speech(self) -> None:
        self.tell(PromptFinished(self.dialog.state.mark))

    def listening(self) -> None:
        self.tell(CallStarted(CALLER, code=True))
        self.finish_speech()

    def waiting(self) -> None:
        self.listening()
        self.tell(Heard("chwileczkę", understanding=means(act="wait")))

    def collecting(self) -> None:
        self.listening()
        from dialogs.engine.steps.walk import go
        from dialogs.engine.turn import Turn

        go(Turn(BUNDLE, self.dialog.state, WEDNESDAY_NOON), "callback_keys")

    def announcing(self) -> None:
        self.listening()
        self.tell(CARD)

    def handing_off(self) -> None:
        self.announcing()
        self.finish_speech()

    def authorising(self) -> None:
        self.listening()
        self.dialog.state.phase, self.dialog.state.requests = Phase.AUTHORISING, 1
        self.dialog.state.step = next(name for name, step in BUNDLE.flow.steps.items() if step.kind == "confirmation")

    def ended(self) -> None:
        self.listening()
        self.tell(HungUp())

    def new(self) -> None:
        """Nothing has happened."""


def snapshot(dialog: Dialog) -> dict[str, Any]:
    """Everything the engine remembers but how many events there were."""
    return {each.name: getattr(dialog.state, each.name) for each in fields(dialog.state) if each.name != "events"}


def code_result(dialog: Dialog) -> Event:
    """Of a code that is being checked."""
    dialog.state.code_checked = True
    return CodeResult(reason="code")


EVENTS: dict[str, Callable[[Dialog], Event]] = {
    "CallStarted": lambda dialog: CallStarted(CALLER),
    "Heard": lambda dialog: Heard("pogoda", understanding=NONSENSE),
    "KeyPressed": lambda dialog: KeyPressed("9"),
    "Silence": lambda dialog: Silence(6.0),
    "PromptFinished": lambda dialog: PromptFinished(dialog.state.mark or "s1"),
    "Interrupted": lambda dialog: Interrupted(dialog.state.mark or "s1", 0.5),
    "HandOffResult": lambda dialog: HandOffResult(True, "general"),
    "AuthorisationAsked": lambda dialog: AuthorisationAsked("zielony rower"),
    "AuthorisationResult": lambda dialog: AuthorisationResult(True),
    "CodeTyped": lambda dialog: CodeTyped(),
    "CodeResult": code_result,
    "Failed": lambda dialog: Failed("recogniser"),
    "ConditionsChanged": lambda dialog: ConditionsChanged(Conditions(waits=(("general", 600.0),))),
    "Resumed": lambda dialog: Resumed(3.0),
    "HungUp": lambda dialog: HungUp(),
}


def what_follows(phase: Phase, event: str) -> str:
    """ "acts": something is said, asked or done; "notes": only remembered or recorded; "–": nothing at all."""
    call = Call()
    getattr(call, phase.value)()
    assert call.dialog.state.phase is phase
    happens = EVENTS[event](call.dialog)
    before = {name: repr(value) for name, value in snapshot(call.dialog).items()}
    actions = call.tell(happens)
    if any(not isinstance(action, Decided) for action in actions):
        return "acts"
    after = {name: repr(value) for name, value in snapshot(call.dialog).items()}
    return "notes" if actions or before != after else "–"


@pytest.mark.parametrize("phase", Phase)
def test_the_table_tells_what_the_engine_does(phase: Phase) -> None:
    told = table("architecture.md", "The engine: phases and events")
    assert {event: what_follows(phase, event) for event in EVENTS} == told[phase.value]


def test_the_table_has_every_phase_and_every_event() -> None:
    told = table("architecture.md", "The engine: phases and events")
    assert set(told) == {phase.value for phase in Phase}
    assert all(set(row) == set(EVENTS) for row in told.values())


def test_nothing_ends_without_a_word() -> None:
    """Mistakes of the engine itself while a hand-off is answered: one more queue, then an apology."""
    call = Call()
    call.handing_off()
    _, again = call.dialog._rescue(HandOffResult(False, "refused_it"), RuntimeError("a mistake"))
    assert isinstance(again, HandOff)
    actions = call.dialog._rescue(HandOffResult(False, again.queue), RuntimeError("a second mistake"))
    assert [type(action) for action in actions] == [Decided, Say, HangUp]
    assert isinstance(actions[1], Say)
    assert actions[1].prompts[0].id == "apology"
