"""From hypotheses to an `Understanding`: find acts and foreign speech, classify every reading, look for a second matter, decide."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from nlu.languages import languages
from nlu.model.heads import Matrix
from nlu.model.scorer import Scored, Scorer
from nlu.pack.pack import ACT_LABELS, Pack
from nlu.text.acts import SpokenAct, find_act
from nlu.text.denial import Denial, refers, scoped
from nlu.text.normalise import normalise
from nlu.text.redaction.redact import redact
from nlu.types import AGENT, LIFE_DANGER, OUT_OF_SCOPE, Act, Decision, Hypothesis, RankedIntent, Understanding
from nlu.understanding.bare import BareWords, bare, opened, read_ambiguous
from nlu.understanding.entities import Lexicon, find_entities
from nlu.understanding.foreign import ForeignSpeech, LanguageGuesser, find_foreign
from nlu.understanding.keywords import KeywordUnderstander
from nlu.understanding.matters import Cut, asked_about, possible_cuts, shared_cuts
from nlu.understanding.policy import Policy, Verdict

_RANKED = 5
_SURE_ACT = 0.5


_NEVER_DENIED = ACT_LABELS | {OUT_OF_SCOPE, AGENT, LIFE_DANGER}


@dataclass(frozen=True, slots=True)
class _Sure:
    """When a cut gives two matters: each part's own confidence, and the share each matter has in the uncut utterance, at least.
    `margin`: the SVM margin that both parts need to be looked at so closely; all that were found to be matters had more.
    """

    part: float
    whole: float
    margin: float


_SURE_MARKED, _SURE_PLAIN = _Sure(part=0.7, whole=0.003, margin=-0.2), _Sure(part=0.9, whole=0.01, margin=-0.05)
"""Measured on callers' lines, 36 of 1,611 with two matters: 26 found whole, 14 times a second matter where there was none."""
_SURE_NAMED = 0.5
"""A matter named in a request for a human must be this sure to be what the caller is put through for."""
_SURE_BY_THEMSELVES = 0.95
"""Both parts of a marked cut this sure are two matters although the whole utterance speaks of one only."""
_NOT_IN_IT = -1.1
"""A matter with a lower SVM margin in the uncut utterance is none of the two."""
_MARKED_BONUS = 0.3
"""How much surer, as an SVM margin, a plain cut must look than a marked one to be preferred."""
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
_SHORT_STORY = 6
"""Of an emergency told in so few words, a keyword of what happened is said; more words tell it in ways that no list knows."""
_SURELY_ITS_OWN = 0.9
"""A denial with nothing after it is a matter of its own when the whole of it is this likely one that was not denied."""
_SHORT_OF_THINGS = 4
"""What a denial leaves of so few words may be about the thing denied: "nie zastrzegać karty, tylko wymienić"."""
_CONTRAST_ALONE = 0.5
"""How far what a denial leaves is believed beside the same words with the things denied."""
_LIKE_NOTHING = 0.5
"""Share of belief kept for an utterance that the gate finds like nothing that was taught."""


@dataclass(frozen=True, slots=True)
class _Said:
    """What one reading leaves to be classified, with the things denied where it may be about them, and the intents denied.

    `urgent` is the whole reading where it speaks of an emergency that was not denied: that is never lost with what was.
    """

    text: str
    with_things: str | None = None
    denied: tuple[str, ...] = ()
    urgent: str | None = None


@dataclass(frozen=True, slots=True)
class _Matter:
    """A ranking of matters (confidences add up to one), and what was said of acts beside it."""

    ranking: tuple[RankedIntent, ...]
    acts: Mapping[str, float]

    @property
    def top(self) -> RankedIntent:
        return self.ranking[0]


class Classifier:
    """The in-process `nlu.types.Understander`: one scorer a language, one policy. Safe to share between threads."""

    def __init__(self, pack: Pack, scorers: Mapping[str, Scorer], ranked: int = _RANKED) -> None:
        """`ranked` is how many intents an `Understanding` lists."""
        self._ranked = ranked
        self.pack = pack
        self.scorers = dict(scorers)
        self.policy = Policy(pack.intents, pack.costs)
        self._keywords = KeywordUnderstander(pack)
        vocabularies = {lang: scorer.model.vocabulary for lang, scorer in scorers.items()}
        self._guesser = LanguageGuesser(vocabularies) if len(vocabularies) > 1 else None
        ambiguous = read_ambiguous(pack.root / "ambiguous.yml", pack)
        self._bare = {lang: BareWords(ambiguous.get(lang, {}), words.lemmas) for lang, words in vocabularies.items()}
        self._lexicons = {
            lang: Lexicon.build(pack.named_things(lang), scorer.model.vocabulary.lemmas) for lang, scorer in scorers.items()
        }

    def understand(self, hypotheses: Sequence[Hypothesis], lang: str) -> Understanding:
        """See `nlu.types.Understander`. Raises ValueError without hypotheses or for a language that was not loaded."""
        if not hypotheses:
            raise ValueError("understand needs at least one hypothesis")
        if lang not in self.scorers:
            raise ValueError(f"no model for language {lang!r}; loaded: {', '.join(sorted(self.scorers))}")
        best = hypotheses[0]
        act = find_act(best.text, lang)
        foreign = find_foreign(best.text, lang, self._guesser)
        if foreign and not foreign.requested and act is not None and not act.rest:
            foreign = None  # "yes" on a Polish line is an answer
        spoken_in = foreign.language if foreign and foreign.language in self.scorers and not foreign.requested else lang
        if act is not None and not act.rest and act.act is not Act.AGENT:
            answer = self._no_matter(best.text, act.act, lang)
        else:
            answer = self._matter(hypotheses, act, spoken_in)
        answer = _with_language(answer, foreign)
        text = redact(best.text)
        return replace(answer, text=text, entities=find_entities(text, spoken_in, self._lexicons[spoken_in]))

    def _matter(self, hypotheses: Sequence[Hypothesis], act: SpokenAct | None, lang: str) -> Understanding:
        scorer = self.scorers[lang]
        said = self._said(hypotheses[0].text, act, lang, scorer)
        if said.denied and not said.text:
            return replace(self._no_matter(hypotheses[0].text, Act.DENY, lang), denied=said.denied)
        if said.denied:  # another reading may have lost the "not"
            readings = [(text, 1.0) for text in (said.text, said.with_things) if text]
        else:
            readings = [(text, one.confidence) for one in hypotheses if (text := self._content(one.text, act, lang))]
        if not readings:
            return self._no_matter(hypotheses[0].text, None, lang)
        texts = [opened(text, lang) for text, _ in readings]
        cut = self._likeliest(texts[0], lang, scorer)
        scored = scorer.score([*texts, *(cut.parts if cut is not None else ())])  # all in one go: embedding has a price a call
        if said.denied:
            matter, said = self._contrasted(said, scored[: len(texts)], scorer)
        else:
            matter = self._fused(scored[: len(texts)], [confidence for _, confidence in readings], scorer)
        if matter.top.intent == AGENT and (about := asked_about(texts[0], lang)):
            matter = self._named_matter(matter, about, scorer)
        second = None
        if cut is not None:
            matter, second = self._two_matters(matter, cut, [self._fused([one], [1.0], scorer) for one in scored[len(texts) :]])
        if second is None and self.pack.is_emergency(matter.top.intent):
            matter, second = self._two_emergencies(matter, texts[0], lang, scorer)
        if second in said.denied:
            second = None
        ranking = self.policy.temper(matter.ranking, hypotheses[0].confidence if said.denied else readings[0][1])
        ranking = self._heed_keywords(ranking, readings[0][0], lang)
        verdict = self.policy.decide(ranking)
        if act is not None and act.act is Act.DENY and act.rest and not act.sure and not said.denied:
            verdict = _at_most_confirm(verdict)
        verdict = self._guarded(verdict, texts[0], lang, said.denied)
        if verdict.choices:
            ranking = _alike(verdict.choices)
        answer = self._answer(verdict, ranking, self._act(act, matter, verdict), second, lang)
        return replace(answer, denied=tuple(one for one in said.denied if one != answer.intent))

    def _guarded(self, verdict: Verdict, text: str, lang: str, denied: Sequence[str]) -> Verdict:
        """The verdict, where a bare thing is named: a choice of what it may be about; and no emergency for one word without a question."""
        things = bare(text, lang)
        choices = tuple(one for one in self._bare[lang].choices(things) if one not in denied)
        if len(choices) > 1:
            return replace(
                verdict,
                decision=Decision.CHOOSE,
                intent=choices[0],
                choices=choices,
                confidence=1 / len(choices),
                why="the word names several matters",
            )
        if (
            verdict.decision is Decision.ACCEPT
            and self.pack.is_emergency(verdict.intent)
            and self._tells_nothing(text, things, lang)
        ):
            return replace(verdict, decision=Decision.CONFIRM, why="no word of what happened")
        return verdict

    def _tells_nothing(self, text: str, things: str, lang: str) -> bool:
        """Whether a few words name a thing that emergencies befall, and not what befell it: one word, or none of the keywords."""
        words = len(things.split())
        return words <= 1 or (words <= _SHORT_STORY and not self._keywords.tells_what_happened(text, lang))

    def _said(self, text: str, act: SpokenAct | None, lang: str, scorer: Scorer) -> _Said:
        """The content of a reading without what is denied in it, when that names a matter."""
        found = scoped(text, lang)
        named = {one: names for one in found.denials if (names := self._named(one, lang, scorer))}
        content = self._content(text, act, lang)
        if not named:
            return _Said(content)
        denied = tuple(dict.fromkeys(name for names in named.values() for name in names))
        whole = normalise(text, lang)
        urgent = whole if self._urgent(whole, scorer) not in (None, *denied) else None
        left = normalise(found.without(tuple(named)), lang)
        alone = find_act(left, lang)
        if not left or (alone is not None and not alone.rest):
            return self._denial_alone(content, denied, scorer)
        things = " ".join(one.things for one in named if one.things)
        about_them = len(left.split()) <= _SHORT_OF_THINGS or refers(left, lang)
        return _Said(left, normalise(f"{things} {left}", lang) if things and about_them else None, denied, urgent)

    def _urgent(self, content: str, scorer: Scorer) -> str | None:
        """The emergency that a content surely is by the margin head."""
        margins = scorer.margins(content)
        top = scorer.model.classes[int(margins.argmax())]
        return top if self.pack.is_emergency(top) and float(margins.max()) >= _URGENT_MARGIN else None

    def _named(self, denial: Denial, lang: str, scorer: Scorer) -> tuple[str, ...]:
        """The matters that words denied name, none where they name none."""
        words = languages()[lang].denials
        ambiguous = self._bare[lang].choices(bare(normalise(denial.said, lang), lang)) if denial.how in words.sure else ()
        if ambiguous:
            return ambiguous
        margins = dict(zip(scorer.model.classes, map(float, scorer.margins(normalise(denial.said, lang))), strict=True))
        if denial.how in words.event:
            margins = {name: margin for name, margin in margins.items() if self.pack.is_emergency(name)}
        top = max(margins, key=lambda name: margins[name], default=OUT_OF_SCOPE)
        least = _SURELY_DENIED_MARGIN if denial.how in words.sure else _DENIED_MARGIN
        if top in _NEVER_DENIED or margins[top] < least:
            return ()
        near = (name for name, margin in margins.items() if margin >= max(least, margins[top] - _DENIED_TOO))
        return (top, *(name for name in near if name != top and self._branch(name) == self._branch(top)))

    def _branch(self, intent: str) -> str:
        found = self.pack.intents.get(intent)
        return found.branch if found is not None and intent not in _NEVER_DENIED else ""

    def _denial_alone(self, content: str, denied: tuple[str, ...], scorer: Scorer) -> _Said:
        """A denial and nothing else, unless the whole of it is surely a matter of its own ("nie chcę płacić za kartę")."""
        whole = self._fused(scorer.score([content]), [1.0], scorer) if content else None
        if whole is not None and whole.top.intent not in (OUT_OF_SCOPE, *denied) and whole.top.confidence >= _SURELY_ITS_OWN:
            return _Said(content)
        return _Said("", None, denied)

    def _contrasted(self, said: _Said, scored: Sequence[Scored], scorer: Scorer) -> tuple[_Matter, _Said]:
        """What a denial leaves, with little belief in what was denied, and the matters that are denied for good."""
        alone = self._fused(scored[:1], [1.0], scorer)
        if alone.top.intent in said.denied and alone.top.confidence >= _SURE_AFTER_ALL:
            return alone, replace(said, denied=tuple(one for one in said.denied if one != alone.top.intent))
        both = self._fused(scored, [_CONTRAST_ALONE, 1 - _CONTRAST_ALONE][: len(scored)], scorer)
        if said.urgent is not None and not self.pack.is_emergency(both.top.intent):
            both = self._fused(scorer.score([said.urgent]), [1.0], scorer)
        return _doubting(both, said.denied), said

    def _heed_keywords(self, ranking: list[RankedIntent], text: str, lang: str) -> list[RankedIntent]:
        """The ranking, where an emergency whose keywords are said is plausible at least: so it is asked about."""
        heard = self._keywords.emergency(text, lang)
        least = self.policy.costs.plausible_emergency
        known = next((one.confidence for one in ranking if one.intent == heard), 0.0)
        if heard is None or known >= least:
            return ranking
        rest = (1 - least) / (1 - known)
        kept = [RankedIntent(one.intent, one.confidence * rest) for one in ranking if one.intent != heard]
        return sorted([*kept, RankedIntent(heard, least)], key=lambda one: -one.confidence)

    def _content(self, text: str, act: SpokenAct | None, lang: str) -> str:
        """The words to classify: what is left beside the act, of each reading its own."""
        own = find_act(text, lang) if act is not None else None
        return normalise(own.rest if own is not None and own.rest else text, lang)

    def _fused(self, readings: Sequence[Scored], confidences: Sequence[float], scorer: Scorer) -> _Matter:
        """What the readings of an utterance say together, weighted by the recogniser's confidence in each."""
        weights = np.clip(np.asarray(confidences, dtype=np.float32), 0, 1) + 1e-3
        probabilities = np.average([self._gated(one, scorer) for one in readings], axis=0, weights=weights)
        return _matter(dict(zip(scorer.model.classes, map(float, probabilities), strict=True)))

    def _gated(self, scored: Scored, scorer: Scorer) -> Matrix:
        """What is like nothing that was taught gives up part of its belief to out_of_scope."""
        model = scorer.model
        if scored.gate >= model.gate.threshold or OUT_OF_SCOPE not in model.classes:
            return scored.probabilities
        tempered = scored.probabilities * _LIKE_NOTHING
        tempered[model.classes.index(OUT_OF_SCOPE)] += 1 - _LIKE_NOTHING
        return tempered

    def _two_matters(self, whole: _Matter, cut: Cut, parts: Sequence[_Matter]) -> tuple[_Matter, str | None]:
        """The urgent or first of two matters, and the other, when the cut gives two sure and different ones."""
        first, second = parts
        sure = _sure(cut)
        shares = {one.intent: one.confidence for one in whole.ranking}
        least = min(part.top.confidence for part in parts)
        in_whole = min(shares[part.top.intent] for part in parts) >= sure.whole or (cut.marked and least >= _SURE_BY_THEMSELVES)
        different = first.top.intent != second.top.intent and all(_is_matter(part) for part in parts)
        if not (different and least >= sure.part and in_whole):
            return whole, None
        if self.pack.is_emergency(second.top.intent) and not self.pack.is_emergency(first.top.intent):
            first, second = second, first
        return first, second.top.intent

    def _two_emergencies(self, whole: _Matter, text: str, lang: str, scorer: Scorer) -> tuple[_Matter, str | None]:
        """The first of two emergencies that share their words ("dowód i kartę"), in the order of the taxonomy, and the other."""
        order = list(self.pack.intents)
        for parts in shared_cuts(text, lang):
            found = {urgent for part in parts if (urgent := self._urgent(part, scorer))}
            if len(found) > 1:
                first, second = sorted(found, key=order.index)
                rest = [
                    RankedIntent(whole.top.intent if one.intent == first else one.intent, one.confidence)
                    for one in whole.ranking[1:]
                ]
                return _Matter((RankedIntent(first, whole.top.confidence), *rest), whole.acts), second
        return whole, None

    def _named_matter(self, whole: _Matter, about: str, scorer: Scorer) -> _Matter:
        """The matter that a human is asked for, when one is named: it finds the right human at once."""
        named = self._fused(scorer.score([about]), [1.0], scorer)
        return named if _is_matter(named) and named.top.confidence >= _SURE_NAMED else whole

    def _likeliest(self, text: str, lang: str, scorer: Scorer) -> Cut | None:
        """The cut whose parts look most like two different matters to the margin head alone, which takes a tenth of the time."""
        best: tuple[float, Cut] | None = None
        cuts = possible_cuts(text, lang)
        whole = scorer.margins(text) if cuts else None
        for cut in cuts:
            tops = [scorer.margins(part) for part in cut.parts]
            named = [int(top.argmax()) for top in tops]
            least = min(float(top.max()) for top in tops)
            if whole is None or named[0] == named[1] or whole[named].min() < _NOT_IN_IT or least < _sure(cut).margin:
                continue
            least += _MARKED_BONUS if cut.marked else 0.0
            if best is None or least > best[0]:
                best = least, cut
        return best[1] if best else None

    def _act(self, act: SpokenAct | None, matter: _Matter, verdict: Verdict) -> Act | None:
        if act is not None:
            return act.act
        if verdict.intent == AGENT and verdict.decision is not Decision.REJECT:
            return Act.AGENT
        likely = max(matter.acts, key=lambda name: matter.acts[name], default=None)
        return Act(likely) if likely is not None and matter.acts[likely] >= _SURE_ACT else None

    def _answer(
        self, verdict: Verdict, ranking: Sequence[RankedIntent], act: Act | None, second: str | None, lang: str
    ) -> Understanding:
        return Understanding(
            text="",
            intent=verdict.intent,
            confidence=verdict.confidence,
            decision=verdict.decision,
            ranking=tuple(ranking[: self._ranked]),
            act=act,
            choices=verdict.choices,
            second=second if second != verdict.intent else None,
            model=self.scorers[lang].model.version,
            why=verdict.why,
        )

    def _no_matter(self, text: str, act: Act | None, lang: str) -> Understanding:
        """Nothing but an act, or nothing at all."""
        ranking = (RankedIntent(OUT_OF_SCOPE, 1.0),)
        version, why = self.scorers[lang].model.version, "nothing but a dialogue act" if act else "nothing in it"
        return Understanding(text, OUT_OF_SCOPE, 1.0, Decision.REJECT, ranking, act, model=version, why=why)


def _alike(choices: Sequence[str]) -> list[RankedIntent]:
    """Matters of which a bare word tells none: the classifier may be sure of one, the caller was not."""
    return [RankedIntent(intent, 1 / len(choices)) for intent in choices]


def _matter(by_class: Mapping[str, float]) -> _Matter:
    """Matters apart from acts; what an act holds is no matter, so it counts as out of scope."""
    acts = {name: share for name, share in by_class.items() if name in ACT_LABELS}
    matters = {name: share for name, share in by_class.items() if name not in ACT_LABELS}
    matters[OUT_OF_SCOPE] = matters.get(OUT_OF_SCOPE, 0.0) + sum(acts.values())
    ranking = sorted((RankedIntent(name, share) for name, share in matters.items()), key=lambda one: -one.confidence)
    return _Matter(tuple(ranking), acts)


def _doubting(matter: _Matter, denied: Sequence[str]) -> _Matter:
    """The matter with little belief left in what was denied; what is taken goes to the others."""
    kept = {one.intent: one.confidence * (_DENIED_BELIEF if one.intent in denied else 1.0) for one in matter.ranking}
    whole = sum(kept.values()) or 1.0
    ranking = sorted((RankedIntent(name, share / whole) for name, share in kept.items()), key=lambda one: -one.confidence)
    return _Matter(tuple(ranking), matter.acts)


def _sure(cut: Cut) -> _Sure:
    return _SURE_MARKED if cut.marked else _SURE_PLAIN


def _is_matter(matter: _Matter) -> bool:
    return matter.top.intent not in (OUT_OF_SCOPE, AGENT)


def _at_most_confirm(verdict: Verdict) -> Verdict:
    if verdict.decision is not Decision.ACCEPT:
        return verdict
    return replace(verdict, decision=Decision.CONFIRM, why="said after a no that may belong to it")


def _with_language(answer: Understanding, foreign: ForeignSpeech | None) -> Understanding:
    """Another language spoken, or asked for by someone who says no matter of the bank ("zaświadczenie po angielsku" is one)."""
    if foreign is None:
        return answer
    no_matter = answer.intent in (OUT_OF_SCOPE, AGENT) or answer.decision is Decision.REJECT
    if foreign.requested and not no_matter:
        return answer
    if foreign.requested or answer.act is None:
        return replace(answer, act=Act.LANGUAGE, language=foreign.language)
    return replace(answer, language=foreign.language)
