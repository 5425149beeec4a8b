"""Emergencies: first, always, and with one confirmation at most. What was suspected and not clearly denied is never forgotten."""

from __future__ import annotations

from dataclasses import replace

from dialogs.data.flow import Question, Step
from dialogs.engine import routing
from dialogs.engine.readings.answers import Answer, Means
from dialogs.engine.readings.priors import LIKELY
from dialogs.engine.state import Matter, Phase
from dialogs.engine.steps import asking, languages
from dialogs.engine.turn import Turn

DOUBTFUL = 0.7  # an emergency no likelier than this gives way to another matter that is certain
CERTAIN = 0.95


def shown(turn: Turn, step: Step, answer: Answer) -> str | None:
    """The words or the key show an emergency: go at once when sure, else ask once."""
    state, anywhere = turn.state, turn.bundle.flow.anywhere
    being_asked = isinstance(step, Question) and step.cautious
    if state.phase is Phase.ANNOUNCING and state.matter and state.matter.intent == answer.intent:
        return None if state.target is None else anywhere.emergency
    if isinstance(step, Question) and step.cautious and answer.means is Means.EMERGENCY_UNSURE:
        unclear = _no_answer_yet(turn, answer)
        if unclear is not None:
            return confirmed_or_denied(turn, step, unclear)
    answer = _more_urgent(turn, answer)
    before = state.matter.intent if state.matter else None
    state.suspected, state.matter = answer.intent, None
    state.drop(answer.intent)
    _keep_beside(turn, before, answer.second)
    matter = Matter(answer.intent, answer.confidence, answer.by, answer.entities)
    state.candidates = ()
    languages.take_over(turn, answer.language)
    if answer.means is Means.EMERGENCY or being_asked or state.deaf or _confirmations(turn) >= 2:
        state.matter, state.candidate = matter, None
        state.tell("matter", matter.intent or "")
        turn.decide("emergency", f"shown by {answer.by}", answer.intent, answer.confidence)
        return anywhere.emergency
    state.candidate = matter
    if len(answer.choices) > 1 and state.caller_language is None:
        state.candidates = answer.choices[:3]
        turn.decide("choose", f"{', '.join(state.candidates)}: an emergency may be among them", answer.intent, answer.confidence)
        return anywhere.emergency_several
    turn.decide("confirm", "an emergency is likely, not certain", answer.intent, answer.confidence)
    return anywhere.emergency_unsure


def _no_answer_yet(turn: Turn, answer: Answer) -> Answer | None:
    """What is said where an emergency is asked about, and names it no surer than before: an ordinary matter of the choice, said
    again; or a faint sign of another emergency, which is a no if it was said as one. None: it stands as it is.
    """
    likeliest = next(iter(answer.choices), None)
    if likeliest in turn.state.candidates and not turn.bundle.routes.is_emergency(likeliest):
        return replace(answer, means=Means.MATTER, intent=likeliest, choices=())
    if answer.intent == turn.state.suspected or (answer.confidence or 0) >= LIKELY:
        return None
    return replace(answer, means=Means.NO if answer.correction else Means.NOTHING, intent=None, choices=(), correction=False)


def _more_urgent(turn: Turn, answer: Answer) -> Answer:
    """Of an emergency that is known already and one that is told now, the more urgent one leads and the other is kept."""
    state, routes = turn.state, turn.bundle.routes
    known = state.suspected
    if (
        answer.by == "key"
        or known is None
        or known == answer.intent
        or known in state.denied
        or not answer.intent
        or state.candidate is not None
    ):
        return answer
    if routes.urgency(known) < routes.urgency(answer.intent):
        return replace(answer, intent=known, second=answer.intent, means=Means.EMERGENCY)
    return replace(answer, second=answer.second or known)


def _keep_beside(turn: Turn, *intents: str | None) -> None:
    """Keep other matters beside the emergency, and not the emergency itself."""
    state = turn.state
    state.keep(*(intent for intent in intents if intent != state.suspected and intent not in state.denied))


def _confirmations(turn: Turn) -> int:
    asked, anywhere = turn.state.asked, turn.bundle.flow.anywhere
    return asked[anywhere.emergency_unsure] + asked[anywhere.emergency_several]


def confirmed_or_denied(turn: Turn, step: Question, answer: Answer) -> str | None:
    """Only a clear no keeps the caller from the emergency queue."""
    state = turn.state
    if _leaves_it_open(turn, answer) and not state.asked[f"unclear:{state.step}"]:
        state.asked[f"unclear:{state.step}"] += 1  # whoever did not hear the question has not answered it
        turn.decide("reask", f"no answer yet: {answer.means.value}")
        return asking.ask(turn, step, after="resume")
    picked = _another_candidate(turn, answer) or _the_other_one(turn, answer)
    if (
        picked is not None and state.several and len(state.candidates) == 2
    ):  # both were named: the urgent one first, the other one kept
        answer = replace(answer, intent=picked)
    elif picked is not None or _denies(turn, answer):
        return _take_denial(turn, step, answer, picked)
    if answer.means is Means.LANGUAGE:
        languages.take_over(turn, answer.option)
    if state.candidate is not None:
        state.matter, state.candidate = state.candidate, None
    if answer.option == "both":
        _keep_beside(turn, *state.candidates)
    _keep_beside(turn, answer.intent)
    turn.decide("emergency", f"not denied ({answer.means.value})", state.suspected)
    return step.answers["yes"]


def _leaves_it_open(turn: Turn, answer: Answer) -> bool:
    """The question was not heard, or on a weak suspicion nothing was said to it but thanks that may be a farewell."""
    weak = turn.state.candidate is None or (turn.state.candidate.confidence or 0) < LIKELY
    nothing = answer.means in (Means.SILENCE, Means.PERHAPS_DONE)
    return answer.means in (Means.REPEAT, Means.HELP, Means.WAIT) or (weak and nothing)


def _denies(turn: Turn, answer: Answer) -> bool:
    """A no, another matter than this emergency, or a farewell: whoever leaves without a word of it has none."""
    denied = turn.state.suspected in answer.denied or answer.means in (Means.NO, Means.GOODBYE) or answer.correction
    return denied or answer.option in ("none_of_these", "wrong_number") or _something_else(turn, answer)


def _take_denial(turn: Turn, step: Question, answer: Answer, picked: str | None) -> str:
    """It is no emergency: what is left of the choice, another matter, a human, or the question what it is about."""
    state, anywhere = turn.state, turn.bundle.flow.anywhere
    left = tuple(one for one in state.candidates if not turn.bundle.routes.is_emergency(one))
    by_name = state.suspected in answer.denied and _vague(answer)
    state.denied |= {intent for intent in (state.suspected, *_emergencies_offered(turn)) if intent and intent != picked}
    state.candidate = state.suspected = None
    state.candidates = ()
    turn.decide("denied", "the caller said that it is no emergency")
    state.tell("denied", "emergency")
    if picked is not None:
        answer = replace(answer, means=Means.MATTER, intent=picked)
    elif answer.means is Means.GOODBYE or answer.option == "wrong_number":
        return anywhere.goodbye
    elif answer.means is Means.AGENT:
        state.wants_human = True
        turn.tried("asked_for_human")
        return anywhere.agent
    elif by_name and len(left) > 1:
        answer = replace(answer, means=Means.SEVERAL, choices=left)
    return _after_denial(turn, step, answer)


def _after_denial(turn: Turn, step: Question, answer: Answer) -> str:
    anywhere, state = turn.bundle.flow.anywhere, turn.state
    if answer.means is Means.MATTER:
        state.matter = Matter(answer.intent, answer.confidence, answer.by, answer.entities)
        turn.decide("accept", "corrected by the caller", answer.intent, answer.confidence)
        return anywhere.matter
    if answer.means is Means.UNSURE:
        state.candidate = Matter(answer.intent, answer.confidence, answer.by, answer.entities)
        turn.decide("confirm", "corrected by the caller", answer.intent, answer.confidence)
        return anywhere.unsure
    if answer.means is Means.SEVERAL:
        state.candidates = answer.choices[:3]
        turn.decide("choose", "corrected by the caller", answer.intent, answer.confidence)
        return anywhere.several
    return step.answers["no"]


def security_key(turn: Turn) -> str:
    """The fixed key: the security team at once; a second key may say which of its matters it is."""
    state = turn.state
    state.suspected = next(iter(turn.bundle.routes.emergency_keys.values()))
    _keep_beside(turn, state.matter.intent if state.matter else None)
    state.matter = state.candidate = None
    state.candidates = ()
    turn.decide("emergency", "the emergency key")
    state.tell("matter", "emergency key")
    return turn.bundle.flow.anywhere.security_key


def _vague(answer: Answer) -> bool:
    """Nothing surer is named than what was on offer."""
    named = answer.means in (Means.MATTER, Means.UNSURE, Means.SEVERAL)
    return answer.means in (Means.NO, Means.NOTHING) or (named and (answer.confidence or 0) < LIKELY)


def _something_else(turn: Turn, answer: Answer) -> bool:
    """A weak suspicion gives way to a human asked for and to another matter, a doubtful one to another matter that is certain."""
    state = turn.state
    weak = state.candidate is not None and (state.candidate.confidence or 0) < LIKELY
    if weak:
        return answer.means in (Means.MATTER, Means.AGENT)
    doubtful = state.candidate is not None and (state.candidate.confidence or 0) < DOUBTFUL
    return doubtful and answer.means is Means.MATTER and (answer.confidence or 0) >= CERTAIN


def _another_candidate(turn: Turn, answer: Answer) -> str | None:
    """The ordinary matter that the caller picked from among those on offer, or may have when any of them will do."""
    if answer.option == "whichever":
        return next((one for one in turn.state.candidates if not turn.bundle.routes.is_emergency(one)), None)
    if answer.means not in (Means.MATTER, Means.UNSURE, Means.SEVERAL):
        return None
    candidates, routes = turn.state.candidates, turn.bundle.routes
    named = [intent for intent in (answer.intent, *answer.choices) if intent in candidates]
    return named[0] if named and not routes.is_emergency(named[0]) else None


def _the_other_one(turn: Turn, answer: Answer) -> str | None:
    """The other matter on offer, when the emergency is denied and nothing else is said. Of several, if the same people answer."""
    ordinary = [one for one in turn.state.candidates if not turn.bundle.routes.is_emergency(one)]
    denied = turn.state.suspected in answer.denied and _vague(answer)
    one_place = len(ordinary) == 1 or (len(ordinary) > 1 and routing.lead_to_one_place(turn, ordinary))
    return ordinary[0] if denied and one_place else None


def _emergencies_offered(turn: Turn) -> list[str]:
    return [intent for intent in turn.state.candidates if turn.bundle.routes.is_emergency(intent)]
