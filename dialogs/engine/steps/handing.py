"""Handing over: the announcement, the hand-off once it has been heard, and what follows from its result."""

from __future__ import annotations

from dialogs.data.flow import Connect, Request
from dialogs.engine import routing
from dialogs.engine.callbacks import callback_time
from dialogs.engine.gate import GateResult, Way, look
from dialogs.engine.routing import aim, known_intent
from dialogs.engine.state import CallState, Phase
from dialogs.engine.turn import Turn
from dialogs.events import Expect, HandOff, HandOffResult, HangUp

TRANSFER = "transfer"


def announce(turn: Turn, step: Connect) -> str | None:
    """Say where the call goes; the hand-off follows when that has been heard. Returns the step to go to instead, if any."""
    state, target, says = turn.state, turn.state.target, turn.bundle.flow.says
    queue = target.queue if target else turn.bundle.default_queue
    if "voice" in state.without:
        return hand_off(turn)
    emergency = turn.bundle.queues[queue].emergency
    if not emergency:
        _say_what_belongs_to_it(turn, step, queue)
    else:
        for prompt_id in step.announce:
            told = f"{state.suspected}_{state.advisor}" if state.advisor and state.suspected else None
            turn.say(prompt_id, told, state.suspected, queue, language=state.caller_language)
        if state.second and turn.bundle.routes.is_emergency(state.second):
            turn.say(says.second_kept)
    barge_in = step.barge_in and not over_limit(turn)
    turn.speak(barge_in=barge_in)
    state.phase = Phase.ANNOUNCING
    if barge_in:
        turn.listen(Expect.OPEN, Phase.ANNOUNCING)
    return None


def _say_what_belongs_to_it(turn: Turn, step: Connect, queue: str) -> None:
    state, says, target = turn.state, turn.bundle.flow.says, turn.state.target
    on_duty = "on_duty" if target and target.on_duty and state.caller_language is None else None
    for prompt_id in step.announce:
        turn.say(prompt_id, on_duty, *_about(state), queue, language=state.caller_language)
    worth_saying = target and target.wait_s is not None and target.wait_s >= turn.bundle.routes.announce_wait_from_s
    if worth_saying and not state.wait_told:
        turn.say(says.expected_wait)
    if state.second and state.matter:
        turn.say(says.second_kept)


def _about(state: CallState) -> tuple[str, ...]:
    """What the announcement's wording may depend on: the caller's situation (a death in the family), and the matter."""
    if state.matter is None:
        return ()
    return (*state.matter.situations, *filter(None, (state.matter.intent,)))


def over_limit(turn: Turn) -> bool:
    """The caller has had all the turns a call may take: from now on it only goes to a human."""
    return turn.state.turns > turn.bundle.flow.limits.turns


def hand_off(turn: Turn) -> str | None:
    """Put the caller through to the target now. Returns the step to go to instead when the target has been closed meanwhile; a
    call that nothing more can be said in goes to someone who is there.
    """
    state = turn.state
    if state.target is not None and routing.closed_since(turn):
        if state.target.route and "voice" not in state.without and not over_limit(turn):
            return state.target.route
        routing.aim_at_someone(turn, "closed_since")
    if state.target is None:
        aim(turn, turn.bundle.default_queue, "default", GateResult(Way.OPEN, "nothing better known"))
    _emit(turn, TRANSFER)
    return None


def request(turn: Turn, step: Request) -> None:
    """Hand over a callback or a message in place of the call."""
    turn.speak()
    _emit(turn, step.request)


def _emit(turn: Turn, kind: str) -> None:
    state, target = turn.state, turn.state.target
    if target is None:
        raise RuntimeError("a hand-off without a target")  # aim() was forgotten: the rescue puts the caller through
    intent, confidence = known_intent(state)
    state.phase = Phase.HANDING_OFF
    state.handed = kind
    due = callback_time(turn.bundle, state, turn.now) if kind == "callback" else None
    state.due = due.isoformat() if due else ""
    turn.decide("handoff", f"{kind} to {target.queue} ({target.reason})", intent, confidence)
    turn.actions.append(
        HandOff(
            queue=target.queue,
            priority=target.priority,
            segment=state.told_segment,
            language=state.caller_language or state.language,
            intent=intent,
            confidence=confidence,
            second=state.second,
            words=state.words,
            tried=tuple(state.tried),
            reason=target.reason,
            call_back=(state.number or state.caller.number) if kind == "callback" else None,
            entities=state.matter.entities if state.matter else (),
            kind=kind,
            due=state.due,
            others=state.others,
            denied=tuple(sorted(state.denied)),
            story=tuple(state.story),
            wishes=_wishes(state),
            bot_s=round((turn.now - state.begun).total_seconds(), 1) if state.begun else 0.0,
            segment_by=state.segment_by,
            answer_to=(state.number or state.caller.number) if kind == "message" else None,
        )
    )


def _wishes(state: CallState) -> tuple[tuple[str, str], ...]:
    """What the caller wished for, and how they like to be spoken to."""
    language = {"language": state.caller_language} if state.caller_language else {}
    return tuple({**state.wishes, **language, **dict.fromkeys(sorted(state.preferences), "yes")}.items())


def take_result(turn: Turn, result: HandOffResult) -> str | None:
    """What follows: the next step's name, or None when the call is over or another queue is being tried."""
    state = turn.state
    if state.phase is not Phase.HANDING_OFF:
        return None
    step = turn.bundle.flow.steps.get(state.step)  # None: the call was put through before its first step
    if state.handed != TRANSFER and isinstance(step, Request):
        turn.decide(state.handed, "taken" if result.ok else f"refused: {result.reason}")
        return step.done if result.ok else step.failed
    if result.ok:
        turn.decide("handed_over", result.queue, *known_intent(state))
        turn.actions.append(HangUp("handed_over"))
        state.phase = Phase.ENDED
        return None
    return _try_another(turn, result)


def _try_another(turn: Turn, result: HandOffResult) -> str | None:
    """The overflow queue, then the default queue, then an apology. A queue that was closed meanwhile is what its route says."""
    state, bundle = turn.state, turn.bundle
    can_ask = "voice" not in state.without and not over_limit(turn)
    if can_ask and state.target and state.target.route and routing.closed_since(turn):
        return state.target.route
    failed = state.target.queue if state.target else result.queue
    state.refused.append(failed)
    turn.tried(f"refused:{failed}")
    turn.decide("refused", f"{failed}: {result.reason or 'not taken'}")
    queue = _next_queue(turn, failed)
    if queue is None:
        return bundle.flow.anywhere.give_up
    aim(turn, queue, "refused", look(bundle, state.conditions, queue, turn.now))
    if "voice" in state.without:
        return hand_off(turn)
    turn.say(bundle.flow.says.try_other)
    turn.speak(barge_in=False)
    state.phase = Phase.ANNOUNCING
    return None


def _next_queue(turn: Turn, failed: str) -> str | None:
    """The next queue that has not refused the caller: an overflow that is open, else the default queue, open or not."""
    state, bundle = turn.state, turn.bundle
    overflow = bundle.queues[failed].overflow
    if overflow and overflow not in state.refused:
        verdict = look(bundle, state.conditions, overflow, turn.now)
        if verdict.way is not Way.CLOSED:
            return overflow
        turn.decide("closed_since", f"{overflow}: {verdict.why}")
    return None if bundle.default_queue in state.refused else bundle.default_queue
