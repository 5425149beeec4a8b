"""The facts a `check` step may go by."""

from __future__ import annotations

from typing import TYPE_CHECKING, assert_never

from caller_id.types import Authentication
from dialogs.data.flow import Check, CheckName

if TYPE_CHECKING:
    from dialogs.engine.turn import Turn


def _repeat_caller(turn: Turn) -> bool:
    state = turn.state
    line = turn.bundle.routes.lines[state.line]
    known = state.last_queue in turn.bundle.queues and not turn.bundle.queues[str(state.last_queue)].self_service
    return line.repeat_caller and known and state.recognised


def _app_confirmation(turn: Turn) -> bool:
    return _wants_proof(turn) and _can_be_asked(turn)


def _wants_proof(turn: Turn) -> bool:
    """The matter is one of those that the bank wants proof for, and there is none yet."""
    state = turn.state
    asked_for = turn.bundle.routes.lines[state.line].app_confirmation
    intent = state.matter.intent if state.matter else None
    return state.authentication is Authentication.NONE and intent in asked_for


def _app_code(turn: Turn) -> bool:
    """Whoever should prove who they are may type what their app shows. They are asked for it once."""
    state, step = turn.state, turn.bundle.flow.steps.get(turn.state.step)
    can = state.codes and not state.codes_spent and not (isinstance(step, Check) and state.asked[step.yes])
    return can and _wants_proof(turn)


def _can_be_asked(turn: Turn) -> bool:
    """Once in a call, and only the owner of a number that somebody vouches for: a stranger who shows it must not make their app
    ring.
    """
    state = turn.state
    return state.app_proof and state.recognised and state.caller.customer_ref is not None and not state.requests


def _advisor_question(turn: Turn) -> bool:
    """Whether it may be said if the bank is calling: to the customer alone, by the app's proof."""
    state = turn.state
    intent = state.matter.intent if state.matter else None
    asks = intent in turn.bundle.routes.advisor_question
    return asks and not state.advisor and _can_be_asked(turn)


def _was_answered(turn: Turn, intent: str) -> bool:
    """Whether the caller has heard the message that answers this matter."""
    matter = turn.bundle.routes.matters.get(intent)
    return matter is not None and matter.message is not None and f"message:{matter.message}" in turn.state.tried


def holds(name: CheckName, turn: Turn) -> bool:
    """Whether the fact is true of the call now."""
    match name:
        case CheckName.HEARS:
            return not turn.state.deaf
        case CheckName.REPEAT_CALLER:
            return _repeat_caller(turn)
        case CheckName.SECOND_MATTER:
            return turn.state.second is not None and not _was_answered(turn, turn.state.second)
        case CheckName.SURVEY:
            return turn.bundle.routes.lines[turn.state.line].survey and turn.state.channel == "voice"
        case CheckName.APP_CONFIRMATION:
            return _app_confirmation(turn)
        case CheckName.ADVISOR_QUESTION:
            return _advisor_question(turn)
        case CheckName.NUMBER_KNOWN:
            return (turn.state.number or turn.state.caller.number) is not None
        case CheckName.WANTS_HUMAN:
            return turn.state.wants_human
        case CheckName.APP_CODE:
            return _app_code(turn)
        case _:
            assert_never(name)
