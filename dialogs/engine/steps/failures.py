"""The ladder of degradation: no recogniser or classifier, keys; no voice, a human at once; too long, a human after a word."""

from __future__ import annotations

from dialogs.data.flow import Connect, Question
from dialogs.engine.gate import GateResult, Way
from dialogs.engine.routing import aim, aim_at_someone, queue_for
from dialogs.engine.state import Phase
from dialogs.engine.steps import handing
from dialogs.engine.steps.asking import enter_menu
from dialogs.engine.turn import Turn
from dialogs.events import Failed


def failed(turn: Turn, event: Failed) -> str | None:
    """Go on without the stage that failed; returns the step to go to, or None."""
    state = turn.state
    turn.decide("failed", f"{event.stage} {event.code}".strip())
    if state.phase is Phase.HANDING_OFF:
        return None
    match event.stage:
        case "voice":
            state.without |= {"voice"}
            if state.phase is not Phase.ANNOUNCING:
                aim_at_someone(turn, "voice_failed")
            return handing.hand_off(turn)
        case "max_length":
            _too_long(turn)
        case "recogniser" | "classifier":
            return _keys_from_now_on(turn, event.stage)
        case _:
            pass
    return None


def _too_long(turn: Turn) -> None:
    if turn.state.phase is Phase.ANNOUNCING:
        return
    turn.state.too_long = True
    turn.state.matter = None
    queue = queue_for(turn.bundle, turn.state, "default")
    aim(turn, queue, "max_length", GateResult(Way.OPEN, "the call is at its longest"))
    turn.say(turn.bundle.flow.says.too_long)
    turn.speak(barge_in=False)
    turn.state.phase = Phase.ANNOUNCING


def _keys_from_now_on(turn: Turn, stage: str) -> str | None:
    state, flow = turn.state, turn.bundle.flow
    before = state.deaf
    state.without |= {stage}
    step = flow.steps.get(state.step)
    if before or state.phase in (Phase.NEW, Phase.ANNOUNCING) or isinstance(step, Connect):
        return None
    turn.tried(f"no_{stage}")
    if state.suspected:
        return flow.anywhere.emergency
    if isinstance(step, Question) and not step.keys:
        turn.say(flow.says.use_keys)
        enter_menu(turn)
        return flow.anywhere.menu
    return None
