"""The decision: accept, confirm, choose or reject, whichever costs least on average under the calibrated probabilities.

Mistakes that still reach the right queue cost little; a missed emergency costs most. The numbers are data (`nlu.pack.costs`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from nlu.pack.costs import Costs, IntentCosts
from nlu.pack.pack import Intent
from nlu.types import OUT_OF_SCOPE, Decision, RankedIntent

_NO_EXCEPTION = IntentCosts()
_MOST_CHOICES = 3


@dataclass(frozen=True, slots=True)
class Verdict:
    """What to do with an utterance, the intent to act on or ask about, what it costs on average, and why in a few words."""

    decision: Decision
    intent: str
    confidence: float
    choices: tuple[str, ...]
    cost: float
    why: str


class Policy:
    """Decides from a ranking. `intents` is the taxonomy (out_of_scope is not in it)."""

    def __init__(self, intents: Mapping[str, Intent], costs: Costs) -> None:
        self.intents = intents
        self.costs = costs
        self._emergencies = frozenset(name for name, intent in intents.items() if intent.emergency)
        self._mistakes: dict[tuple[str, str], float] = {}

    def temper(self, ranking: Sequence[RankedIntent], confidence: float) -> list[RankedIntent]:
        """The ranking as far as the recogniser is to be believed (`confidence` 0..1): the rest of the belief goes to
        out_of_scope, since a misheard utterance says nothing.
        """
        floor = self.costs.belief_at_zero_confidence
        belief = floor + (1 - floor) * min(1.0, max(0.0, confidence))
        kept = [RankedIntent(one.intent, one.confidence * belief) for one in ranking if one.intent != OUT_OF_SCOPE]
        return _sorted([*kept, RankedIntent(OUT_OF_SCOPE, max(0.0, 1 - sum(one.confidence for one in kept)))])

    def decide(self, ranking: Sequence[RankedIntent]) -> Verdict:
        """The cheapest decision for a ranking whose confidences add up to one."""
        matters = [one for one in ranking if one.intent != OUT_OF_SCOPE]
        if not matters:
            return Verdict(Decision.REJECT, OUT_OF_SCOPE, 1.0, (), 0.0, "no matter in it")
        verdict = min(self._candidates(ranking, matters), key=lambda one: one.cost)
        return self._guard_emergencies(verdict, matters)

    def _candidates(self, ranking: Sequence[RankedIntent], matters: Sequence[RankedIntent]) -> list[Verdict]:
        top = matters[0]
        first = ranking[0]
        confirm = self._asking([top], ranking, self.costs.confirm, self.costs.confirm_wrong)
        found = [
            Verdict(Decision.CONFIRM, top.intent, top.confidence, (), confirm, "cheapest: ask back"),
            Verdict(Decision.REJECT, first.intent, first.confidence, (), self._reject(ranking), "cheapest: ask again"),
        ]
        if top.confidence >= self._exception(top.intent).confirm_below:
            found.append(Verdict(Decision.ACCEPT, top.intent, top.confidence, (), self._accept(top, ranking), "cheapest: go on"))
        for size in range(2, min(_MOST_CHOICES, len(matters)) + 1):
            offered = matters[:size]
            choices = tuple(one.intent for one in offered)
            cost = self._asking(offered, ranking, self.costs.choose, self.costs.choose_wrong) + 0.3 * (size - 2)
            found.append(Verdict(Decision.CHOOSE, top.intent, top.confidence, choices, cost, "cheapest: offer the closest"))
        return found

    def _guard_emergencies(self, verdict: Verdict, matters: Sequence[RankedIntent]) -> Verdict:
        """An utterance in which an emergency is plausible is asked about, never turned away and never accepted as another."""
        plausible = [one for one in matters if self.is_emergency(one.intent)]
        if sum(one.confidence for one in plausible) < self.costs.plausible_emergency or not plausible:
            return verdict
        if verdict.decision is Decision.ACCEPT and self.is_emergency(verdict.intent):
            return verdict
        top, urgent = matters[0], plausible[0]
        if top.intent == urgent.intent:  # one short question, not a list to choose from
            return Verdict(Decision.CONFIRM, urgent.intent, urgent.confidence, (), verdict.cost, "an emergency is plausible")
        if verdict.decision is Decision.REJECT:
            return Verdict(Decision.CONFIRM, urgent.intent, urgent.confidence, (), verdict.cost, "an emergency is plausible")
        if verdict.decision is Decision.CHOOSE and any(self.is_emergency(one) for one in verdict.choices):
            return verdict
        choices = (urgent.intent, top.intent)
        return Verdict(Decision.CHOOSE, top.intent, top.confidence, choices, verdict.cost, "an emergency is plausible")

    def options(self, ranking: Sequence[RankedIntent]) -> list[Verdict]:
        """Every decision that is open for a ranking, cheapest first: what `decide` chooses from before it guards emergencies."""
        matters = [one for one in ranking if one.intent != OUT_OF_SCOPE]
        return sorted(self._candidates(ranking, matters), key=lambda one: one.cost) if matters else []

    def outcome(self, verdict: Verdict, meant: str) -> float:
        """What a decision costs when `meant` turns out to have been meant."""
        costs = self.costs
        if verdict.decision is Decision.ACCEPT:
            return self.mistake(verdict.intent, meant)
        if verdict.decision is Decision.CONFIRM:
            return self._asked((verdict.intent,), meant, costs.confirm, costs.confirm_wrong)
        if verdict.decision is Decision.CHOOSE:
            return self._asked(verdict.choices, meant, costs.choose, costs.choose_wrong)
        return self._rejected(meant)

    def mistake(self, taken: str, meant: str) -> float:
        """Cost of acting on `taken` when `meant` was meant."""
        known = self._mistakes.get((taken, meant))
        if known is None:
            known = self._mistakes[taken, meant] = self._mistake(taken, meant)
        return known

    def _mistake(self, taken: str, meant: str) -> float:
        costs = self.costs
        if taken == meant:
            return 0.0
        if meant == OUT_OF_SCOPE:
            return max(costs.accepted_out_of_scope, costs.false_emergency if self.is_emergency(taken) else 0.0)
        missed = self._exception(meant).missed
        if missed is not None and self.is_emergency(meant):
            return missed  # not even another emergency, or the same queue, will do
        if self._queue(taken) == self._queue(meant):
            return costs.same_queue
        if self.is_emergency(meant):
            return costs.same_queue * 2 if self.is_emergency(taken) else costs.missed_emergency
        wrong = costs.wrong_queue if missed is None else missed
        return max(wrong, costs.false_emergency) if self.is_emergency(taken) else wrong

    def _accept(self, top: RankedIntent, ranking: Sequence[RankedIntent]) -> float:
        return sum(one.confidence * self.mistake(top.intent, one.intent) for one in ranking)

    def _asking(self, offered: Sequence[RankedIntent], ranking: Sequence[RankedIntent], right: float, wrong: float) -> float:
        names = tuple(one.intent for one in offered)
        return sum(one.confidence * self._asked(names, one.intent, right, wrong) for one in ranking)

    def _asked(self, offered: Sequence[str], meant: str, right: float, wrong: float) -> float:
        if meant in offered:
            return right
        return wrong + (self.costs.confirm_delays_emergency if self.is_emergency(meant) else 0.0)

    def _reject(self, ranking: Sequence[RankedIntent]) -> float:
        return sum(one.confidence * self._rejected(one.intent) for one in ranking)

    def _rejected(self, meant: str) -> float:
        if meant == OUT_OF_SCOPE:
            return self.costs.reject_out_of_scope
        return self.costs.reject_emergency if self.is_emergency(meant) else self.costs.reject

    def is_emergency(self, intent: str) -> bool:
        """Whether `intent` is an emergency of the taxonomy."""
        return intent in self._emergencies

    def _queue(self, intent: str) -> str:
        found = self.intents.get(intent)
        return found.queue if found else intent

    def _exception(self, intent: str) -> IntentCosts:
        return self.costs.intents.get(intent, _NO_EXCEPTION)


def _sorted(ranking: Sequence[RankedIntent]) -> list[RankedIntent]:
    return sorted(ranking, key=lambda one: -one.confidence)
