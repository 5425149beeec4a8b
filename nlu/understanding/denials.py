"""Which matters an utterance denies, and what it is about then. Where a denial may stand tells `nlu.text.denial`; whether its words
name a matter tells the margin head, here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from nlu.languages import languages
from nlu.model.scorer import Scored, Scorer
from nlu.pack.pack import ACT_LABELS, Pack
from nlu.text.acts import find_act
from nlu.text.denial import Denial, refers, scoped
from nlu.text.normalise import normalise
from nlu.types import AGENT, LIFE_DANGER, OUT_OF_SCOPE
from nlu.understanding.bare import BareWords, bare
from nlu.understanding.matter import Matter, by_share, fused, score_alone

_NEVER_DENIED = ACT_LABELS | {OUT_OF_SCOPE, AGENT, LIFE_DANGER}
_DENIED_MARGIN, _SURELY_DENIED_MARGIN = -0.45, -0.8
"""Words denied name a matter when the margin head is so sure of it, at least; the second after an opening that denies any matter."""
_URGENT_MARGIN = 0.0
"""An utterance with this margin or more for an emergency is taken for one."""
_DENIED_TOO = 0.3
"""A matter of the same branch whose margin is so close below the first is denied with it ("nie zastrzegać": no card, no document)."""
_DENIED_BELIEF = 0.05
"""Share of belief kept for a matter that was denied."""
_SURE_AFTER_ALL = 0.5
"""A matter this likely by what was left of the utterance is meant, though something of its kind was denied ("not lost, stolen")."""
_SURELY_ITS_OWN = 0.9
"""A denial with nothing after it is a matter of its own when the whole of it is this likely one that was not denied."""
_SHORT_OF_THINGS = 4
"""What a denial leaves of so few words may be about the thing denied: "nie zastrzegać karty, tylko wymienić"."""
_CONTRAST_ALONE = 0.5
"""How far what a denial leaves is believed beside the same words with the things denied."""


@dataclass(frozen=True, slots=True)
class Said:
    """What one reading leaves to be classified, with the things denied where it may be about them, and the intents denied.

    `urgent` is the whole reading where it speaks of an emergency that was not denied: that is never lost with what was.
    """

    text: str
    with_things: str | None = None
    denied: tuple[str, ...] = ()
    urgent: str | None = None


class Denials:
    """Reads denials with a pack's intents and its ambiguous words by language. Safe to share between threads."""

    def __init__(self, pack: Pack, bare_words: Mapping[str, BareWords]) -> None:
        self._pack = pack
        self._bare = bare_words

    def said(self, text: str, content: str, lang: str, scorer: Scorer) -> Said:
        """The content of a reading without what is denied in it, when that names a matter."""
        found = scoped(text, lang)
        named = {one: names for one in found.denials if (names := self._named(one, lang, scorer))}
        if not named:
            return Said(content)
        denied = tuple(dict.fromkeys(name for names in named.values() for name in names))
        whole = normalise(text, lang)
        urgent = whole if self.urgent(whole, scorer) not in (None, *denied) else None
        left = normalise(found.without(tuple(named)), lang)
        alone = find_act(left, lang)
        if not left or (alone is not None and not alone.rest):
            return _denial_alone(content, denied, scorer)
        things = " ".join(one.things for one in named if one.things)
        about_them = len(left.split()) <= _SHORT_OF_THINGS or refers(left, lang)
        return Said(left, normalise(f"{things} {left}", lang) if things and about_them else None, denied, urgent)

    def contrasted(self, said: Said, scored: Sequence[Scored], scorer: Scorer) -> tuple[Matter, Said]:
        """What a denial leaves, with little belief in what was denied, and the matters that are denied for good."""
        alone = fused(scored[:1], [1.0], scorer)
        if alone.top.intent in said.denied and alone.top.confidence >= _SURE_AFTER_ALL:
            return alone, replace(said, denied=tuple(one for one in said.denied if one != alone.top.intent))
        both = fused(scored, [_CONTRAST_ALONE, 1 - _CONTRAST_ALONE][: len(scored)], scorer)
        if said.urgent is not None and not self._pack.is_emergency(both.top.intent):
            both = score_alone(said.urgent, scorer)
        return _doubting(both, said.denied), said

    def urgent(self, content: str, scorer: Scorer) -> str | None:
        """The emergency that a content surely is by the margin head."""
        margins = scorer.margins(content)
        top = scorer.model.classes[int(margins.argmax())]
        return top if self._pack.is_emergency(top) and float(margins.max()) >= _URGENT_MARGIN else None

    def _named(self, denial: Denial, lang: str, scorer: Scorer) -> tuple[str, ...]:
        """The matters that words denied name, none where they name none."""
        words = languages()[lang].denials
        denied = normalise(denial.said, lang)
        ambiguous = self._bare[lang].choices(bare(denied, lang)) if denial.how in words.sure else ()
        if ambiguous:
            return ambiguous
        margins = dict(zip(scorer.model.classes, map(float, scorer.margins(denied)), strict=True))
        if denial.how in words.event:
            margins = {name: margin for name, margin in margins.items() if self._pack.is_emergency(name)}
        top = max(margins, key=lambda name: margins[name], default=OUT_OF_SCOPE)
        least = _SURELY_DENIED_MARGIN if denial.how in words.sure else _DENIED_MARGIN
        if top in _NEVER_DENIED or margins[top] < least:
            return ()
        near = (name for name, margin in margins.items() if margin >= max(least, margins[top] - _DENIED_TOO))
        return (top, *(name for name in near if name != top and self._branch(name) == self._branch(top)))

    def _branch(self, intent: str) -> str:
        found = self._pack.intents.get(intent)
        return found.branch if found is not None and intent not in _NEVER_DENIED else ""


def _denial_alone(content: str, denied: tuple[str, ...], scorer: Scorer) -> Said:
    """A denial and nothing else, unless the whole of it is surely a matter of its own ("nie chcę płacić za kartę")."""
    whole = score_alone(content, scorer) if content else None
    if whole is not None and whole.top.intent not in (OUT_OF_SCOPE, *denied) and whole.top.confidence >= _SURELY_ITS_OWN:
        return Said(content)
    return Said("", None, denied)


def _doubting(matter: Matter, denied: Sequence[str]) -> Matter:
    """The matter with little belief left in what was denied; what is taken goes to the others."""
    kept = {one.intent: one.confidence * (_DENIED_BELIEF if one.intent in denied else 1.0) for one in matter.ranking}
    whole = sum(kept.values()) or 1.0
    return Matter(by_share({name: share / whole for name, share in kept.items()}), matter.acts)
