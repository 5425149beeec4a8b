"""Why a line was decided as it was: the ranking, what each decision would have cost, and the words of the record. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from nlu.errors import PackError
from nlu.pack.pack import Pack
from nlu.types import OUT_OF_SCOPE, RankedIntent
from nlu.understanding.policy import Policy, Verdict


@dataclass(frozen=True, slots=True)
class Why:
    """What is known of a decision."""

    why: str
    """In the words of the record."""
    act: str | None
    ranking: tuple[RankedIntent, ...]
    costs: tuple[Verdict, ...]
    """Every decision that was open, the cheapest first; in points, see the pack's costs.yml."""


def why(understanding: Mapping[str, Any], pack: Pack) -> Why:
    """Out of an understanding in a journal. It keeps the best matters only: the rest of the belief counts as out of scope. Costs
    are those of `pack`. Raises PackError.
    """
    ranking = [RankedIntent(str(each["intent"]), float(each["confidence"])) for each in understanding.get("ranking") or ()]
    rest = 1 - sum(each.confidence for each in ranking)
    whole = ranking
    if rest > 0 and all(each.intent != OUT_OF_SCOPE for each in ranking):
        whole = sorted([*ranking, RankedIntent(OUT_OF_SCOPE, rest)], key=lambda each: -each.confidence)
    known = all(each.intent == OUT_OF_SCOPE or each.intent in pack.intents for each in ranking)
    costs = Policy(pack.intents, pack.costs).options(whole) if ranking and known else []
    return Why(str(understanding.get("why") or ""), understanding.get("act"), tuple(ranking), tuple(costs))


def why_known(understanding: object, pack: Pack) -> Why | None:
    """As `why`; None where nothing was understood, or while the pack is being edited: a page needs only these costs of it."""
    try:
        return why(understanding, pack) if isinstance(understanding, Mapping) and understanding else None
    except PackError:
        return None
