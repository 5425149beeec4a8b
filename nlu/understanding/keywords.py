"""Understanding by keywords: the rung of the ladder below the classifier, when there is none or it failed.

A pack's `keywords.yml` lists, per language and intent, stems that must all be said. Nothing is accepted on a keyword: what is
recognised is asked back, and an emergency always is.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ruamel.yaml.comments import CommentedMap, CommentedSeq

from nlu.errors import PackError
from nlu.languages import languages
from nlu.languages.language import fold
from nlu.pack.pack import Pack
from nlu.pack.rasa_yaml import load_document
from nlu.text.acts import find_act
from nlu.text.normalise import canonical
from nlu.text.redaction.redact import redact
from nlu.types import AGENT, LIFE_DANGER, OUT_OF_SCOPE, Act, Decision, Hypothesis, RankedIntent, Understanding
from nlu.understanding.danger import read_danger
from nlu.understanding.foreign import find_foreign

BACKEND = "keywords"
_CONFIRMED, _CHOSEN = 0.6, 0.4
_MOST_CHOICES = 3
_THING_AND_EVENT = 2
"""Groups of a rule that says what happened to what."""
_MOST_WORDS = 80
"""Of a longer utterance the rest is not read: a caller who talks on has said what it is about by then."""
_STEM = re.compile(r"[!=]?[^\W_]+")


@dataclass(frozen=True, slots=True)
class Keyword:
    """One rule: of every group at least one stem is said, and nothing of `never`. A stem that starts with "=" is a whole word."""

    intent: str
    groups: tuple[frozenset[str], ...]
    never: frozenset[str] = frozenset()

    def fits(self, said: frozenset[str]) -> bool:
        """Whether the stems in `said` fulfil the rule."""
        return all(group & said for group in self.groups) and not self.never & said


class _Stems:
    """The rules of one language, found by the stems of a word."""

    def __init__(self, rules: Sequence[Keyword]) -> None:
        self._rules: dict[str, list[Keyword]] = {}
        for rule in rules:
            for stem in rule.groups[0]:
                self._rules.setdefault(stem, []).append(rule)
        self._known = frozenset(stem for rule in rules for stems in (*rule.groups, rule.never) for stem in stems)
        self._longest = max((len(stem) for stem in self._known), default=0)

    def scores(self, text: str) -> dict[str, int]:
        """Each intent spoken of, and how many stems its most telling rule asks for."""
        said = frozenset(self._said(fold(canonical(text)).split()[:_MOST_WORDS]))
        found: dict[str, int] = {}
        for stem in said:
            for rule in self._rules.get(stem, ()):
                if len(rule.groups) > found.get(rule.intent, 0) and rule.fits(said):
                    found[rule.intent] = len(rule.groups)
        return found

    def _said(self, words: Iterable[str]) -> Iterator[str]:
        for word in words:
            if "=" + word in self._known:
                yield "=" + word
            for size in range(2, min(len(word), self._longest) + 1):
                if word[:size] in self._known:
                    yield word[:size]


class KeywordUnderstander:
    """An `nlu.types.Understander` from `keywords.yml` alone. Never raises once built; some 0.1 ms an utterance."""

    def __init__(self, pack: Pack) -> None:
        """Raises PackError when the pack's `keywords.yml` is wrong. A pack without that file understands dialogue acts only."""
        self._emergencies = frozenset(name for name, intent in pack.intents.items() if intent.emergency)
        self._order = {name: place for place, name in enumerate(pack.intents)}
        rules = read_keywords(pack.root / "keywords.yml", frozenset(pack.intents))
        self._danger = read_danger(pack.root / "danger.yml") if LIFE_DANGER in pack.intents else None
        self._languages = {lang: _Stems(found) for lang, found in rules.items()}

    def understand(self, hypotheses: Sequence[Hypothesis], lang: str) -> Understanding:
        """See `nlu.types.Understander`. No hypothesis, or a language without keywords, is a reject."""
        best = hypotheses[0].text if hypotheses else ""
        safe = redact(best)
        spoken = find_act(best, lang)
        if spoken is not None and not spoken.rest:
            return _act_alone(safe, spoken.act)
        readings = [one.text for one in hypotheses] if spoken is None else [spoken.rest]
        answer = self._answer(safe, readings, lang)
        answer = replace(answer, act=spoken.act) if spoken is not None else answer
        foreign = find_foreign(best, lang) if lang in languages() else None
        if foreign is None:
            return answer
        if not foreign.requested and foreign.language in self._languages and answer.decision is Decision.REJECT:
            answer = self._answer(safe, readings, foreign.language)
        if foreign.requested and answer.decision is not Decision.REJECT and answer.intent != AGENT:
            return answer
        return replace(answer, language=foreign.language, act=answer.act or Act.LANGUAGE)

    def emergency(self, text: str, lang: str) -> str | None:
        """The emergency whose keywords are said, if one is: the safety net under a classifier. Life in danger comes first."""
        if self._life_in_danger(text):
            return LIFE_DANGER
        stems = self._languages.get(lang)
        first = next(iter(self._offered(stems.scores(text)) if stems else []), None)
        return first if first in self._emergencies else None

    def tells_what_happened(self, text: str, lang: str) -> bool:
        """Whether the keywords of an emergency are a thing and what befell it, not the thing alone; so for all that is known where a
        language has no keywords.
        """
        stems = self._languages.get(lang)
        if stems is None:
            return True
        scores = stems.scores(text)
        return self._life_in_danger(text) or any(scores.get(name, 0) >= _THING_AND_EVENT for name in self._emergencies)

    def _life_in_danger(self, text: str) -> bool:
        return self._danger is not None and self._danger.heard(text)

    def _answer(self, safe: str, readings: Iterable[str], lang: str) -> Understanding:
        """What the first reading that names a matter says; life in danger in any reading comes before."""
        readings = list(readings)
        if any(map(self._life_in_danger, readings)):
            ranking = _ranking([LIFE_DANGER], _CONFIRMED)
            return Understanding(safe, LIFE_DANGER, _CONFIRMED, Decision.CONFIRM, ranking, backend=BACKEND)
        stems = self._languages.get(lang)
        scores: dict[str, int] = next((found for text in readings if (found := stems.scores(text))), {}) if stems else {}
        matters = self._offered(scores)
        if not matters or len(matters) > _MOST_CHOICES:
            return _rejected(safe)
        if matters == [AGENT]:
            return replace(_act_alone(safe, Act.AGENT), act=Act.AGENT)
        choose = len(matters) > 1
        share = _CHOSEN if choose else _CONFIRMED
        return Understanding(
            text=safe,
            intent=matters[0],
            confidence=share,
            decision=Decision.CHOOSE if choose else Decision.CONFIRM,
            ranking=_ranking(matters, share),
            choices=tuple(matters) if choose else (),
            backend=BACKEND,
        )

    def _offered(self, scores: Mapping[str, int]) -> list[str]:
        """Intents to ask about: the most telling ones; an emergency first, and alone unless something else was said more clearly.

        "Someone" asked for beside a matter is the matter.
        """
        if len(scores) > 1:
            scores = {name: score for name, score in scores.items() if name != AGENT}
        if not scores:
            return []
        most = max(scores.values())
        top = sorted((name for name, score in scores.items() if score == most), key=self._order.__getitem__)
        urgent = [name for name in scores if name in self._emergencies]
        urgent.sort(key=lambda name: (-scores[name], self._order[name]))
        if not urgent:
            return top
        return urgent[:1] if urgent[0] in top else [urgent[0], *top][:_MOST_CHOICES]


def _act_alone(safe: str, act: Act) -> Understanding:
    """Nothing but an act. Asking for a human is a matter as well."""
    if act is Act.AGENT:
        return Understanding(safe, AGENT, 1.0, Decision.ACCEPT, (RankedIntent(AGENT, 1.0),), act, backend=BACKEND)
    return replace(_rejected(safe), act=act)


def _rejected(safe: str) -> Understanding:
    ranking = (RankedIntent(OUT_OF_SCOPE, 1.0),)
    return Understanding(safe, OUT_OF_SCOPE, 1.0, Decision.REJECT, ranking, backend=BACKEND)


def _ranking(matters: Sequence[str], share: float) -> tuple[RankedIntent, ...]:
    """Guesses that add up to one: keywords know no probabilities."""
    others = len(matters) - 1
    rest = [RankedIntent(name, 0.45 / others) for name in matters[1:]] if others else []
    left = 1 - share - sum(one.confidence for one in rest)
    ranking = [RankedIntent(matters[0], share), *rest, RankedIntent(OUT_OF_SCOPE, left)]
    return tuple(sorted(ranking, key=lambda one: -one.confidence))


def read_keywords(path: Path, intents: frozenset[str]) -> dict[str, list[Keyword]]:
    """Rules by language; empty without the file. Raises PackError with file, line and fix."""
    if not path.is_file():
        return {}
    document = load_document(path)
    return {str(lang): list(_language(document, lang, intents, path)) for lang in document}


def _language(document: CommentedMap, lang: str, intents: frozenset[str], path: Path) -> Iterator[Keyword]:
    entries = document[lang]
    if not isinstance(entries, CommentedMap):
        line = document.lc.key(lang)[0] + 1
        raise PackError(path, line, f"{lang}: is not a mapping of intents", "Write `pl:` and under it `card_block:` with a list")
    for intent, rules in entries.items():
        line = entries.lc.key(intent)[0] + 1
        if intent not in intents:
            raise PackError(path, line, f"unknown intent {intent!r}", "Use an id of intents.yml")
        if not isinstance(rules, CommentedSeq):
            raise PackError(path, line, f"{intent}: is not a list of rules", "Write `- stem stem` lines under it")
        for at, said in enumerate(rules):
            yield _rule(intent, said, path, rules.lc.item(at)[0] + 1)


def _rule(intent: str, said: Any, path: Path, line: int) -> Keyword:
    """A rule as written: groups with spaces between, alternatives with "|", "!" before what must not be said."""
    fix = "Write stems with spaces between, like `zgubi|ukrad kart|portfel !kredytow`"
    if not isinstance(said, str):
        raise PackError(path, line, f"{said!r} is no rule of words", fix)
    groups: list[frozenset[str]] = []
    never: set[str] = set()
    for group in fold(said).split():
        stems = group.removeprefix("!").split("|")
        if not all(_STEM.fullmatch(stem) and len(stem) > 1 for stem in stems):
            raise PackError(path, line, f"{group!r} is not stems of at least two letters", fix)
        if group.startswith("!"):
            never.update(stems)
        else:
            groups.append(frozenset(stems))
    if not groups:
        raise PackError(path, line, f"{said!r} asks for nothing to be said", fix)
    return Keyword(intent, tuple(groups), frozenset(never))
