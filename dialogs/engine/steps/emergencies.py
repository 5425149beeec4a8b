"""Emergencies: first, always, and with one confirmation at most. What was suspected and not clearly denied is never forgotten."""

from __future__ import annotations

from dataclasses import replace

from dialogs.data.flow import Question, Step
from dialogs.engine.readings.answers import Answer, Means
from dialogs.engine.state import Matter, Phase
from dialogs.engine.steps import languages
from dialogs.engine.turn import Turn


def shown(turn: Turn, step: Step, answer: Answer) -> str | None:
    """The words or the key show an emergency: go at once when sure, else ask once."""
    state, anywhere = turn.state, turn.bundle.flow.anywhere
    being_asked = isinstance(step, Question) and step.cautious
    if state.phase is Phase.ANNOUNCING and state.matter and state.matter.intent == answer.intent:
        return None if state.target is None else anywhere.emergency
    state.suspected = answer.intent
    state.second = answer.second or state.second
    matter = Matter(answer.intent, answer.confidence, answer.by, answer.entities)
    state.candidates = ()
    languages.take_over(turn, answer.language)
    if answer.means is Means.EMERGENCY or being_asked or state.deaf or _confirmations(turn) >= 2:
        state.matter, state.candidate = matter, None
        turn.decide("emergency", f"shown by {answer.by}", answer.intent, answer.confidence)
        return anywhere.emergency
    state.candidate = matter
    if len(answer.choices) > 1 and state.caller_language is None:
        state.candidates = answer.choices[:3]
        turn.decide("choose", f"{', '.join(state.candidates)}: an emergency may be among them", answer.intent, answer.confidence)
        return anywhere.emergency_several
    turn.decide("confirm", "an emergency is likely, not certain", answer.intent, answer.confidence)
    return anywhere.emergency_unsure


def _confirmations(turn: Turn) -> int:
    asked, anywhere = turn.state.asked, turn.bundle.flow.anywhere
    return asked[anywhere.emergency_unsure] + asked[anywhere.emergency_several]


def confirmed_or_denied(turn: Turn, step: Question, answer: Answer) -> str | None:
    """Only a clear no keeps the caller from the emergency queue."""
    state = turn.state
    picked = _another_candidate(turn, answer)
    if picked is not None or answer.means is Means.NO or answer.correction or answer.option == "none_of_these":
        state.denied |= {intent for intent in (state.suspected, *_emergencies_offered(turn)) if intent and intent != picked}
        state.candidate = state.suspected = None
        state.candidates = ()
        if picked is not None:
            answer = replace(answer, means=Means.MATTER, intent=picked)
        turn.decide("denied", "the caller said that it is no emergency")
        return _after_denial(turn, step, answer)
    if answer.means is Means.LANGUAGE:
        languages.take_over(turn, answer.option)
    if state.candidate is not None:
        state.matter, state.candidate = state.candidate, None
    if answer.intent and answer.intent != state.suspected:
        state.second = answer.intent
    turn.decide("emergency", f"not denied ({answer.means.value})", state.suspected)
    return step.answers["yes"]


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
    state.matter = state.candidate = None
    state.candidates = ()
    turn.decide("emergency", "the emergency key")
    return turn.bundle.flow.anywhere.security_key


def _another_candidate(turn: Turn, answer: Answer) -> str | None:
    """The ordinary matter that the caller picked from among those on offer."""
    if answer.means not in (Means.MATTER, Means.UNSURE, Means.SEVERAL):
        return None
    candidates, routes = turn.state.candidates, turn.bundle.routes
    named = [intent for intent in (answer.intent, *answer.choices) if intent in candidates]
    return named[0] if named and not routes.is_emergency(named[0]) else None


def _emergencies_offered(turn: Turn) -> list[str]:
    return [intent for intent in turn.state.candidates if turn.bundle.routes.is_emergency(intent)]
