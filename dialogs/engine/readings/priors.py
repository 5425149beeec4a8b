"""What is known of the caller tips the scale, but only where the understanding itself is in doubt."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from dialogs.data.routes import Routes
from dialogs.engine.state import CallState
from nlu.types import OUT_OF_SCOPE, Decision, RankedIntent, Understanding

WORTH_ASKING = 0.1  # probability below which a matter is not even one of several
WORTH_CONFIRMING = 0.2  # probability below which "do you mean…?" nearly always gets a no: better to ask in other words


LIKELY = 0.5  # a matter not yet confirmed is told to the agent, and chooses the queue, from this probability
AS_GOOD_AS_CERTAIN = 0.9  # "…, right?" would be an idle question


@dataclass(frozen=True, slots=True)
class Weighed:
    """An understanding after the caller's denials and years as a customer were taken into account."""

    decision: Decision
    intent: str
    confidence: float
    choices: tuple[str, ...] = ()


def weigh(routes: Routes, state: CallState, understood: Understanding) -> Weighed | None:
    """The matter to go on with; None when no routed matter is left. What is certain, and every emergency, stays as it is."""
    if understood.denied:
        understood = without(routes, understood, understood.denied)
    intent, confidence, decision = understood.intent, understood.confidence, understood.decision
    choices = tuple(choice for choice in understood.choices if choice in routes.matters and choice not in state.denied)
    certain = decision is Decision.ACCEPT and intent in routes.matters
    if decision is Decision.CONFIRM and intent in routes.matters and not routes.is_emergency(intent):
        certain = confidence > AS_GOOD_AS_CERTAIN and intent not in state.denied
        decision = Decision.ACCEPT if certain else decision
    if certain and (intent not in state.denied or routes.is_emergency(intent)):
        return Weighed(decision, intent, confidence)
    if certain:  # denied before, and now said plainly: ask, for one of the two was misheard
        return Weighed(Decision.CONFIRM, intent, confidence)
    if decision is Decision.CHOOSE and len(choices) > 1:
        ordered = _by_weight(routes, state, understood, choices)
        return Weighed(decision, ordered[0], _probability(understood, ordered[0]), ordered)
    raised_anew = intent not in state.denied or (intent not in understood.denied and confidence >= AS_GOOD_AS_CERTAIN)
    if routes.is_emergency(intent) and raised_anew:
        return Weighed(Decision.CONFIRM, intent, confidence)
    return _best_left(routes, state, understood)


def without(routes: Routes, understood: Understanding, denied: Sequence[str]) -> Understanding:
    """What is left of an utterance when these matters are taken out of it, because it denies them: the rest shares the belief.
    An emergency that was not worth asking about before does not become one by that.
    """
    heard = (understood.intent, *understood.choices, *(ranked.intent for ranked in understood.ranking))
    if not any(intent in denied for intent in heard):
        return understood
    rest = [
        ranked
        for ranked in understood.ranking
        if ranked.intent not in denied and (ranked.confidence >= WORTH_ASKING or not routes.is_emergency(ranked.intent))
    ]
    total = sum(ranked.confidence for ranked in rest) or 1.0
    ranking = tuple(RankedIntent(ranked.intent, ranked.confidence / total) for ranked in rest)
    if understood.intent not in denied:
        choices = tuple(choice for choice in understood.choices if choice not in denied)
        return replace(understood, ranking=ranking, choices=choices)
    best = ranking[0] if ranking else RankedIntent(OUT_OF_SCOPE, 1.0)
    return replace(
        understood, intent=best.intent, confidence=best.confidence, decision=Decision.CONFIRM, choices=(), ranking=ranking
    )


def _by_weight(routes: Routes, state: CallState, understood: Understanding, choices: tuple[str, ...]) -> tuple[str, ...]:
    """The choices in the order they are offered: an emergency that is at least half as likely as the likeliest comes first."""
    half = max(_probability(understood, choice) for choice in choices) / 2
    urgent = [choice for choice in choices if routes.is_emergency(choice) and _probability(understood, choice) >= half]
    rest = sorted(
        (choice for choice in choices if choice not in urgent), key=lambda choice: -_favoured(routes, state, understood, choice)
    )
    return (*urgent, *rest)


def _best_left(routes: Routes, state: CallState, understood: Understanding) -> Weighed | None:
    """The likeliest routed matter that the caller has not denied, to be confirmed."""
    named = dict.fromkeys((understood.intent, *understood.choices, *(ranked.intent for ranked in understood.ranking)))
    left = [intent for intent in named if intent in routes.matters and intent not in state.denied]
    left = [intent for intent in left if _probability(understood, intent) >= WORTH_ASKING or intent == understood.intent]
    if not left:
        return None
    best = max(left, key=lambda intent: _favoured(routes, state, understood, intent))
    if _probability(understood, best) < WORTH_CONFIRMING:
        return None
    return Weighed(Decision.CONFIRM, best, _probability(understood, best))


def _probability(understood: Understanding, intent: str) -> float:
    if intent == understood.intent:
        return understood.confidence
    return next((ranked.confidence for ranked in understood.ranking if ranked.intent == intent), 0.0)


def _favoured(routes: Routes, state: CallState, understood: Understanding, intent: str) -> float:
    years = state.caller.tenure_years
    times = 1.0
    if years is not None:
        for prior in routes.tenure:
            if intent in prior.favours and prior.from_years <= years < prior.to_years:
                times *= prior.times
    return _probability(understood, intent) * times
