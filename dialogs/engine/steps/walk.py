"""Walking the flow: entering a step does its work and leads to the next, until one waits for the caller or ends the call."""

from __future__ import annotations

from typing import assert_never

from dialogs.data.flow import (
    Check,
    CheckName,
    Collect,
    Confirmation,
    Connect,
    Farewell,
    Menu,
    Message,
    Question,
    Request,
    Route,
    Statement,
    Step,
    Survey,
)
from dialogs.engine import routing
from dialogs.engine.callbacks import kept
from dialogs.engine.checks import holds
from dialogs.engine.readings.keys import MAIN_MENU
from dialogs.engine.state import Phase
from dialogs.engine.steps import asking, confirming, handing, notices
from dialogs.engine.turn import Turn
from dialogs.events import HangUp

LONGEST_WALK = 40


def go(turn: Turn, name: str | None) -> None:
    """Enter the step called `name`, and those that follow from it at once. None: stay where we are.

    Raises RecursionError when steps lead into one another without ever waiting for the caller (the linter finds such loops).
    """
    while name is not None:
        turn.steps_taken += 1
        if turn.steps_taken > LONGEST_WALK:
            raise RecursionError(f"the flow runs in circles at '{name}'")
        step = turn.bundle.flow.steps[name]
        if name != turn.state.step:
            turn.state.silences = turn.state.misses = 0
            if isinstance(turn.bundle.flow.steps.get(turn.state.step), Menu):
                turn.state.menu = MAIN_MENU  # whoever comes back begins at the top
        turn.state.step = name
        name = enter(turn, step)


def enter(turn: Turn, step: Step) -> str | None:
    """Do the work of one step; returns the next step's name, or None when this one waits or ended the call."""
    match step:
        case Statement():
            for prompt_id in step.tell:
                turn.say(prompt_id)
            if step.opening:
                notices.open_call(turn)
            return step.then
        case Check():
            return step.yes if holds(CheckName(step.check), turn) else step.no
        case Question() | Menu():
            return asking.ask(turn, step)
        case Route():
            return routing.take_route(turn, step)
        case Connect():
            return handing.announce(turn, step)
        case Request():
            handing.request(turn, step)
        case Collect():
            return asking.collect(turn, step)
        case Message():
            return _message(turn, step)
        case Confirmation():
            confirming.begin(turn, step)
        case Survey():
            turn.decide("survey", step.answer)
            return step.then
        case Farewell():
            _farewell(turn, step)
        case _:
            assert_never(step)
    return None


def _message(turn: Turn, step: Message) -> str:
    """Speak the approved message of the matter."""
    prompt_id = routing.message_of(turn)
    if prompt_id is not None:
        turn.state.tell("message", prompt_id)
        turn.decide("message", prompt_id, *routing.known_intent(turn.state))
        turn.tried(f"message:{prompt_id}")
        turn.say(prompt_id)
    return step.then


def _farewell(turn: Turn, step: Farewell) -> None:
    for prompt_id in step.tell:
        suspected = turn.state.suspected
        noted = "no_number" if turn.state.handed == "message" and not holds(CheckName.NUMBER_KNOWN, turn) else None
        turn.say(prompt_id, suspected, "emergency" if suspected else None, "later" if turn.state.due else None, noted)
    if turn.state.handed == "callback" and not kept(turn.bundle, turn.state, turn.now):
        turn.say(turn.bundle.flow.says.wish_noted)
    turn.speak(barge_in=False)
    turn.decide("ended", step.reason, *routing.known_intent(turn.state))
    turn.actions.append(HangUp(step.reason))
    turn.state.phase = Phase.ENDED
