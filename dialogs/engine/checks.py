"""The facts a `check` step may go by."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from caller_id.types import Authentication

if TYPE_CHECKING:
    from dialogs.engine.turn import Turn


def _hears(turn: Turn) -> bool:
    return not turn.state.deaf


def _repeat_caller(turn: Turn) -> bool:
    state = turn.state
    line = turn.bundle.routes.lines[state.line]
    known = state.last_queue in turn.bundle.queues and not turn.bundle.queues[str(state.last_queue)].self_service
    return line.repeat_caller and known and state.recognised


def _second_matter(turn: Turn) -> bool:
    return turn.state.second is not None


def _survey(turn: Turn) -> bool:
    return turn.bundle.routes.lines[turn.state.line].survey and turn.state.channel == "voice"


def _app_confirmation(turn: Turn) -> bool:
    state = turn.state
    asked_for = turn.bundle.routes.lines[state.line].app_confirmation
    intent = state.matter.intent if state.matter else None
    return state.authentication is Authentication.NONE and state.caller.customer_ref is not None and intent in asked_for


def _number_known(turn: Turn) -> bool:
    return turn.state.caller.number is not None


def _wants_human(turn: Turn) -> bool:
    return turn.state.wants_human


CHECKS: Mapping[str, Callable[[Turn], bool]] = {
    "hears": _hears,
    "repeat_caller": _repeat_caller,
    "second_matter": _second_matter,
    "survey": _survey,
    "app_confirmation": _app_confirmation,
    "number_known": _number_known,
    "wants_human": _wants_human,
}
