"""Where the call goes: the queue for what is known, through the gate, with its priority."""

from __future__ import annotations

from collections.abc import Sequence

from dialogs.data.bundle import Bundle
from dialogs.data.flow import Route
from dialogs.data.routes import HIGHEST_PRIORITY, SLOWED_PRIORITY, SegmentLine
from dialogs.engine.gate import GateResult, Way, look
from dialogs.engine.readings.answers import LIKELY
from dialogs.engine.state import CallState, Matter, Target
from dialogs.engine.turn import Turn


def take_route(turn: Turn, step: Route) -> str:
    """Choose the queue for this route and look through the gate; returns the name of the next step."""
    state, bundle = turn.state, turn.bundle
    if step.to == "human":
        take_the_likely(state)
    if step.to == "second" and state.second:
        state.matter = Matter(state.second, by="second")
        state.drop(state.second)
    if step.message and step.to in ("matter", "second") and message_of(turn) and not state.wants_human:
        return step.message
    meant = queue = queue_for(bundle, state, step.to)
    verdict = look(bundle, state.conditions, queue, turn.now)
    if verdict.way is Way.CLOSED:
        queue, verdict = _elsewhere(turn, step.to, queue, verdict)
    aim(turn, queue, step.to, verdict, on_duty=queue != meant and queue == bundle.default_queue, route=state.step)
    if verdict.way is Way.CLOSED:
        return step.closed
    if verdict.way is Way.LONG_WAIT and step.long_wait and not bundle.queues[queue].emergency:
        return step.long_wait
    return step.open


def take_the_likely(state: CallState) -> None:
    """For whoever goes to a human, a matter asked about and neither confirmed nor denied counts, if it is likely."""
    if state.candidate is None or (state.candidate.confidence or 0) < LIKELY or state.candidate.intent in state.denied:
        return
    if state.matter is None:
        state.matter, state.candidate = state.candidate, None
    else:
        state.keep(state.candidate.intent)


def queue_for(bundle: Bundle, state: CallState, to: str) -> str:
    """The queue by name, or for "matter", "human", "security", "last_place"… A suspected emergency wins over any of them."""
    routes = bundle.routes
    if state.suspected and state.suspected in routes.matters:
        return routes.matters[state.suspected].queue
    if to == "security":
        return routes.matters[next(iter(routes.emergency_keys.values()))].queue
    if to == "last_place" and state.last_queue in routes.queues and not routes.queues[str(state.last_queue)].self_service:
        return str(state.last_queue)
    if to == "short_language":
        return routes.languages.short.get(state.caller_language or "", bundle.default_queue)
    if to in ("matter", "human", "second"):
        return _queue_of_matter(bundle, state)
    return to if to in routes.queues else bundle.default_queue


def _queue_of_matter(bundle: Bundle, state: CallState) -> str:
    """The segment's own line when it takes the matter, else the queue of the matter."""
    own = own_line(bundle, state)
    intent = state.matter.intent if state.matter else None
    takes = own is not None and own.queue is not None and (own.takes == "all" or intent in own.takes)
    if own and own.queue and takes and not bundle.routes.is_emergency(intent):
        return own.queue
    return _plain_queue(bundle, state)


def _plain_queue(bundle: Bundle, state: CallState) -> str:
    """The queue of the matter for everybody; the default queue when the matter is not known."""
    routes, matter = bundle.routes, state.matter
    if matter is None:
        return bundle.default_queue
    if matter.queue:
        return matter.queue
    known = matter.intent is not None and matter.intent in routes.matters
    return routes.human_queue(str(matter.intent)) if known else bundle.default_queue


def lead_to_one_place(turn: Turn, intents: Sequence[str]) -> bool:
    """Whether these matters need not be told apart: people of one queue answer them all. A single one is as good as certain only
    on the caller's own line, which takes every matter; an emergency among them is always told apart.
    """
    state, bundle = turn.state, turn.bundle
    if any(bundle.routes.is_emergency(intent) for intent in intents):
        return False
    own = own_line(bundle, state)
    if own and own.queue and own.takes == "all":
        lines = filter(None, (own.queue, own.adviser))
        return any(look(bundle, state.conditions, line, turn.now).way is not Way.CLOSED for line in lines)
    matters = [bundle.routes.matters.get(intent) for intent in dict.fromkeys(intents)]
    answered = all(matter is not None and not matter.message for matter in matters)
    return len(matters) > 1 and answered and len({matter.queue for matter in matters if matter}) == 1


def own_line(bundle: Bundle, state: CallState) -> SegmentLine | None:
    """What the caller's segment has for itself; a firm that calls about private affairs is a customer like others."""
    line = bundle.routes.segments.get(state.segment)
    if state.private and line is not None and line.takes != "all":
        return None
    return line


def closed_since(turn: Turn) -> bool:
    """Whether the target was open when it was chosen, and has been closed while the transfer was announced."""
    target = turn.state.target
    if target is None or not target.open:
        return False
    verdict = look(turn.bundle, turn.state.conditions, target.queue, turn.now)
    if verdict.way is not Way.CLOSED:
        return False
    turn.decide("closed_since", f"{target.queue}: {verdict.why}", *known_intent(turn.state))
    return True


def aim(turn: Turn, queue: str, reason: str, verdict: GateResult, *, on_duty: bool = False, route: str = "") -> None:
    """Take this queue as the target of the hand-off. Nothing else sets one."""
    state, bundle = turn.state, turn.bundle
    spec = bundle.queues[queue]
    own = own_line(bundle, state)
    urgent = spec.emergency or state.suspected is not None
    ordinary = SLOWED_PRIORITY if state.caller.slowed else max(spec.priority, own.priority if own else 0)
    priority = HIGHEST_PRIORITY if urgent else ordinary
    state.target = Target(
        queue, priority, reason, verdict.wait_s, verdict.switched, on_duty, route, verdict.way is not Way.CLOSED
    )
    turn.decide("route", f"{queue}: {verdict.way.value}, {verdict.why}", *known_intent(state))


def aim_at_someone(turn: Turn, reason: str) -> None:
    """Take the safest target for a call in trouble: the people for what is known, if they are there, else the default queue."""
    bundle, conditions = turn.bundle, turn.state.conditions
    queue = queue_for(bundle, turn.state, "human")
    if queue in turn.state.refused or look(bundle, conditions, queue, turn.now).way is Way.CLOSED:
        queue = bundle.default_queue
    aim(turn, queue, reason, look(bundle, conditions, queue, turn.now))


def known_intent(state: CallState) -> tuple[str | None, float | None]:
    """Intent and confidence of what is known, for the record."""
    if state.suspected:
        return state.suspected, state.matter.confidence if state.matter and state.matter.intent == state.suspected else None
    return (state.matter.intent, state.matter.confidence) if state.matter else (None, None)


def _elsewhere(turn: Turn, to: str, queue: str, verdict: GateResult) -> tuple[str, GateResult]:
    """A closed queue's stand-in: for an own line the customer's adviser, then the people everybody gets for the matter; and for
    whoever insists on a human, the default queue.
    """
    state, bundle = turn.state, turn.bundle
    own = own_line(bundle, state)
    stand_ins = []
    if own and queue == own.queue:
        stand_ins = [own.adviser, _plain_queue(bundle, state) if state.matter else None]
    if to in ("human", "last_place", "short_language") or state.wants_human:
        stand_ins.append(bundle.default_queue)
    for stand_in in filter(None, stand_ins):
        found = look(bundle, state.conditions, stand_in, turn.now)
        if found.way is not Way.CLOSED:
            turn.decide("stand_in", f"{queue}: {verdict.why}; {stand_in} instead")
            return stand_in, found
    return queue, verdict


def message_of(turn: Turn) -> str | None:
    """The approved and valid message that answers the matter; None when it was heard already, or when people of the caller's own
    line are there to answer.
    """
    state, bundle = turn.state, turn.bundle
    matter = bundle.routes.matters.get(state.matter.intent or "") if state.matter else None
    if matter is None or matter.message is None or f"message:{matter.message}" in state.tried:
        return None
    own = own_line(bundle, state)
    if own and own.takes == "all" and own.queue:
        lines = filter(None, (own.queue, own.adviser))
        if any(look(bundle, state.conditions, line, turn.now).way is not Way.CLOSED for line in lines):
            return None
    day = bundle.calendar.local(turn.now).date()
    return matter.message if bundle.prompts.may_say(matter.message, state.language, day) else None
