"""What a mail is about, from what the classifier says of its parts. Pure.

A mail is a story with a wish in it. Each sentence is understood as if it were said alone, the whole once more, and the shares of
the matters are averaged; a sentence that asks for something counts more. Chosen, with the thresholds, on one half of the mails in
`bench/mails`; docs/mail.md has the figures of the other half and what else was tried.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache

from nlu.languages.language import fold
from nlu.types import LIFE_DANGER, OUT_OF_SCOPE, Decision, RankedIntent, Understanding
from nlu.understanding.keywords import BACKEND as KEYWORDS
from voicebot.mail.wording import WORDINGS

SUBJECT, SENTENCE, WISH, WHOLE = 1.0, 1.0, 1.5, 2.0
"""How much the subject, a sentence, a sentence that asks for something, and subject and text together count."""
ACCEPTED = 0.37
"""A matter with this share is taken; below it nothing fitted, and a person reads the mail."""
ACCEPTED_EMERGENCY = 0.25
"""An emergency that is likelier than all else needs less: what waits in the wrong place costs more than what is read too soon."""
BESIDE = 0.4
"""An emergency with this share is taken though another matter has more."""
LEAD = 0.05
"""So much more share than any matter of another queue it needs: who wrote one word that means two things is read by a person."""
PLAUSIBLE_EMERGENCY = 0.12
"""From this share on a mail is read before others, wherever it goes."""
SECOND = 0.2
"""A further matter is told to whoever reads the mail from this share on."""


@dataclass(frozen=True, slots=True)
class Reading:
    """One part of a mail, as the classifier understands it."""

    weight: float
    meant: Understanding


@dataclass(frozen=True, slots=True)
class MailMatter:
    """What a mail is about."""

    intent: str | None
    """None: nothing fitted."""
    confidence: float
    """The share of the matter, or of the likeliest one when nothing fitted; 0..1. No probability: see docs/mail.md."""
    others: tuple[str, ...] = ()
    """Further matters in it, likeliest first."""
    plausible: str | None = None
    """An emergency that it may be about, where it was not taken for one."""


def asks(sentence: str, language: str) -> bool:
    """Whether a sentence asks for something."""
    pattern = _wishes(language)
    return pattern is not None and pattern.search(fold(sentence)) is not None


def shares(readings: Iterable[Reading]) -> tuple[RankedIntent, ...]:
    """Matters by their share of all that was read, the largest first. What is out of scope is in none of them."""
    total, found = 0.0, defaultdict[str, float](float)
    for reading in readings:
        total += reading.weight
        for ranked in reading.meant.ranking:
            if ranked.intent != OUT_OF_SCOPE:
                found[ranked.intent] += reading.weight * ranked.confidence
    ranking = [RankedIntent(intent, weighed / total) for intent, weighed in found.items()]
    return tuple(sorted(ranking, key=lambda each: -each.confidence))


def decide(readings: Sequence[Reading], is_emergency: Callable[[str], bool], queue_of: Callable[[str], str]) -> MailMatter:
    """The matter of a mail, or that nothing fitted. Life in danger, if one sentence surely says so, comes before everything; by
    keywords alone nothing else than an emergency is taken.
    """
    ranking = shares(readings)
    if any(each.meant.intent == LIFE_DANGER and each.meant.decision is Decision.ACCEPT for each in readings):
        return MailMatter(LIFE_DANGER, _share(ranking, LIFE_DANGER), _others(ranking, LIFE_DANGER))
    if not ranking:
        return MailMatter(None, 0.0)
    urgent = next((each for each in ranking if is_emergency(each.intent)), None)
    top = ranking[0]
    if urgent is not None and urgent.confidence >= (ACCEPTED_EMERGENCY if urgent is top else BESIDE):
        return MailMatter(urgent.intent, urgent.confidence, _others(ranking, urgent.intent))
    plausible = urgent.intent if urgent is not None and urgent.confidence >= PLAUSIBLE_EMERGENCY else None
    if top.confidence >= ACCEPTED and _leads(ranking, queue_of) and any(each.meant.backend != KEYWORDS for each in readings):
        return MailMatter(top.intent, top.confidence, _others(ranking, top.intent), plausible)
    return MailMatter(None, top.confidence, _others(ranking, None), plausible)


def _leads(ranking: Sequence[RankedIntent], queue_of: Callable[[str], str]) -> bool:
    place = queue_of(ranking[0].intent)
    rival = next((each.confidence for each in ranking if queue_of(each.intent) != place), 0.0)
    return ranking[0].confidence - rival >= LEAD


def _others(ranking: Sequence[RankedIntent], taken: str | None) -> tuple[str, ...]:
    return tuple(each.intent for each in ranking if each.intent != taken and each.confidence >= SECOND)


def _share(ranking: Sequence[RankedIntent], intent: str) -> float:
    return next((each.confidence for each in ranking if each.intent == intent), 0.0)


@lru_cache(maxsize=8)
def _wishes(language: str) -> re.Pattern[str] | None:
    known = WORDINGS.get(language)
    return re.compile(known.wishes) if known is not None else None
