"""What other costs or thresholds would do to callers: judged utterances decided again under each, at today's prices."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields, replace

from nlu.pack.costs import Costs
from nlu.pack.pack import Pack
from nlu.tools.held_out import Judged
from nlu.types import OUT_OF_SCOPE, Decision, RankedIntent
from nlu.understanding.policy import Policy, Verdict

ACCEPT_AT = (0.5, 0.6, 0.7, 0.8, 0.9, 0.95)
CONFIRM_AT = 0.3
TIMES = (0.25, 0.5, 2.0, 4.0)

Decide = Callable[[Sequence[RankedIntent]], Verdict]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What would happen: shares (0..1) of all utterances, and `cost` in points per thousand of them at the pack's own costs.

    `silently_wrong` were accepted as something else, `wrong_queue` of those went to another queue; `missed_emergencies` counts
    emergencies accepted as something that is none, or asked again.
    """

    name: str
    accepted: float
    confirmed: float
    chosen: float
    rejected: float
    silently_wrong: float
    wrong_queue: float
    missed_emergencies: int
    cost: float


def table(
    judged: Sequence[Judged], pack: Pack, vary: str = "wrong_queue", wished: Mapping[str, float] | None = None
) -> list[Outcome]:
    """Today's costs, wished ones if any, `vary` a quarter, half, twice and four times as dear, and plain thresholds.

    Dialogue acts are found by rule and left out. Raises ValueError for an unknown cost, or with no matter among `judged`.
    """
    matters = [one for one in judged if not one.is_act]
    if not matters:
        raise ValueError("there are no matters among these utterances, only dialogue acts")
    for name in (vary, *(wished or {})):
        if name not in cost_names():
            raise ValueError(f"unknown cost {name!r}; use one of {', '.join(cost_names())}")
    today = Policy(pack.intents, pack.costs)
    variants: list[tuple[str, Decide]] = [("costs.yml", today.decide)]
    if wished:
        asked = ", ".join(f"{name}={value:g}" for name, value in wished.items())
        variants.append((asked, Policy(pack.intents, _with(pack.costs, wished)).decide))
    now = float(getattr(pack.costs, vary))
    for times in TIMES:
        dearer = Policy(pack.intents, _with(pack.costs, {vary: now * times}))
        variants.append((f"{vary}={now * times:g}", dearer.decide))
    variants += [(f"accept from {low:.2f}", _threshold(low)) for low in ACCEPT_AT]
    return [replay(matters, name, decide, today) for name, decide in variants]


def cost_names() -> tuple[str, ...]:
    """Costs that can be varied."""
    return tuple(one.name for one in fields(Costs) if one.name != "intents")


def _with(costs: Costs, changes: Mapping[str, float]) -> Costs:
    return replace(costs, **dict(changes))  # type: ignore[arg-type]


def _threshold(low: float) -> Decide:
    """Plain thresholds: no costs, no guard of emergencies."""

    def decide(ranking: Sequence[RankedIntent]) -> Verdict:
        top = ranking[0]
        if top.intent == OUT_OF_SCOPE or top.confidence < CONFIRM_AT:
            return Verdict(Decision.REJECT, top.intent, top.confidence, (), 0.0, "below both thresholds")
        decision = Decision.ACCEPT if top.confidence >= low else Decision.CONFIRM
        return Verdict(decision, top.intent, top.confidence, (), 0.0, "plain threshold")

    return decide


def replay(judged: Sequence[Judged], name: str, decide: Decide, prices: Policy) -> Outcome:
    """Decide every utterance again by `decide`, and charge what comes of it by `prices`."""
    decisions: Counter[Decision] = Counter()
    wrong = wrong_queue = missed = 0
    cost = 0.0
    for one in judged:
        verdict = decide(one.found.ranking)
        decisions[verdict.decision] += 1
        cost += prices.outcome(verdict, one.meant)
        if verdict.decision is Decision.ACCEPT and verdict.intent != one.meant:
            wrong += 1
            wrong_queue += _queue(verdict.intent, prices) != _queue(one.meant, prices)
        missed += prices.is_emergency(one.meant) and not _safe(verdict, prices)
    size = len(judged)
    return Outcome(
        name=name,
        accepted=decisions[Decision.ACCEPT] / size,
        confirmed=decisions[Decision.CONFIRM] / size,
        chosen=decisions[Decision.CHOOSE] / size,
        rejected=decisions[Decision.REJECT] / size,
        silently_wrong=wrong / size,
        wrong_queue=wrong_queue / size,
        missed_emergencies=missed,
        cost=1000 * cost / size,
    )


def _queue(intent: str, policy: Policy) -> str:
    found = policy.intents.get(intent)
    return found.queue if found else intent


def _safe(verdict: Verdict, policy: Policy) -> bool:
    """Whether someone in an emergency would be asked back, offered one, or put through to one."""
    if verdict.decision is Decision.ACCEPT:
        return policy.is_emergency(verdict.intent)
    return verdict.decision is not Decision.REJECT
