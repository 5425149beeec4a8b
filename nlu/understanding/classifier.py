"""From hypotheses to an `Understanding`: find acts and foreign speech, classify every reading, look for a second matter, decide."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain

from nlu.model.heads import Matrix
from nlu.model.scorer import Scorer
from nlu.pack.pack import Pack
from nlu.text.acts import SpokenAct, find_act
from nlu.text.normalise import normalise
from nlu.text.redaction.redact import redact
from nlu.types import AGENT, OUT_OF_SCOPE, Act, Decision, Hypothesis, RankedIntent, Understanding
from nlu.understanding.bare import BareWords, bare, opened, read_ambiguous
from nlu.understanding.cuts import Cut, asked_about, possible_cuts, shared_cuts
from nlu.understanding.denials import Denials
from nlu.understanding.entities import Lexicon, find_entities
from nlu.understanding.foreign import ForeignSpeech, LanguageGuesser, find_foreign
from nlu.understanding.keywords import KeywordUnderstander
from nlu.understanding.matter import Matter, by_share, fused, score_alone
from nlu.understanding.policy import Policy, Verdict

_RANKED = 5
_SURE_ACT = 0.5


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
_SHORT_STORY = 6
"""Of an emergency told in so few words, a keyword of what happened is said; more words tell it in ways that no list knows."""


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
        self._denials = Denials(pack, self._bare)
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
        scorer, best = self.scorers[lang], hypotheses[0]
        content = normalise(act.rest if act is not None and act.rest else best.text, lang)
        said = self._denials.said(best.text, content, lang, scorer)
        if said.denied and not said.text:
            return replace(self._no_matter(best.text, Act.DENY, lang), denied=said.denied)
        if said.denied:  # another reading may have lost the "not"
            readings = [(text, 1.0) for text in (said.text, said.with_things) if text]
        else:
            readings = [(content, best.confidence), *_others(hypotheses[1:], act, lang)]
            readings = [(text, confidence) for text, confidence in readings if text]
        if not readings:
            return self._no_matter(best.text, None, lang)
        texts = [opened(text, lang) for text, _ in readings]
        cut, margins = self._likeliest(texts[0], lang, scorer)
        parts = cut.parts if cut is not None else ()
        scored = scorer.score([*texts, *parts], margins)  # all in one go: embedding has a price a call
        if said.denied:
            matter, said = self._denials.contrasted(said, scored[: len(texts)], scorer)
        else:
            matter = fused(scored[: len(texts)], [confidence for _, confidence in readings], scorer)
        if matter.top.intent == AGENT and (about := asked_about(texts[0], lang)):
            matter = _named_matter(matter, about, scorer)
        second = None
        if cut is not None:
            matter, second = self._two_matters(matter, cut, [fused([one], [1.0], scorer) for one in scored[len(texts) :]])
        if second is None and self.pack.is_emergency(matter.top.intent):
            matter, second = self._two_emergencies(matter, texts[0], lang, scorer)
        if second in said.denied:
            second = None
        ranking = self.policy.temper(matter.ranking, best.confidence if said.denied else readings[0][1])
        ranking = self._heed_keywords(ranking, readings[0][0], lang)
        verdict = self.policy.decide(ranking)
        if act is not None and act.act is Act.DENY and act.rest and not act.sure and not said.denied:
            verdict = _at_most_confirm(verdict)
        meant = tuple(one for one in self._bare[lang].choices(bare(texts[0], lang)) if one not in said.denied)
        if len(meant) > 1:
            verdict, ranking = _any_of(verdict, meant), _alike(meant)
        else:
            verdict = self._guarded(verdict, texts[0], lang)
        answer = self._answer(verdict, ranking, self._act(act, matter, verdict), second, lang)
        return replace(answer, denied=tuple(one for one in said.denied if one != answer.intent))

    def _guarded(self, verdict: Verdict, text: str, lang: str) -> Verdict:
        """The verdict, but no emergency for a bare thing without a question."""
        urgent = verdict.decision is Decision.ACCEPT and self.pack.is_emergency(verdict.intent)
        if urgent and self._tells_nothing(text, bare(text, lang), lang):
            return replace(verdict, decision=Decision.CONFIRM, why="no word of what happened")
        return verdict

    def _tells_nothing(self, text: str, things: str, lang: str) -> bool:
        """Whether a few words name a thing that emergencies befall, and not what befell it: one word, or none of the keywords."""
        words = len(things.split())
        return words <= 1 or (words <= _SHORT_STORY and not self._keywords.tells_what_happened(text, lang))

    def _heed_keywords(self, ranking: list[RankedIntent], text: str, lang: str) -> list[RankedIntent]:
        """The ranking, where an emergency whose keywords are said is plausible at least: so it is asked about."""
        heard = self._keywords.emergency(text, lang)
        least = self.policy.costs.plausible_emergency
        known = next((one.confidence for one in ranking if one.intent == heard), 0.0)
        if heard is None or known >= least:
            return ranking
        rest = (1 - least) / (1 - known)
        kept = {one.intent: one.confidence * rest for one in ranking if one.intent != heard}
        return list(by_share(kept | {heard: least}))

    def _two_matters(self, whole: Matter, cut: Cut, parts: Sequence[Matter]) -> tuple[Matter, str | None]:
        """The urgent or first of two matters, and the other, when the cut gives two sure and different ones."""
        first, second = parts
        sure = _sure(cut)
        shares = {one.intent: one.confidence for one in whole.ranking}
        least = min(part.top.confidence for part in parts)
        in_whole = min(shares[part.top.intent] for part in parts) >= sure.whole or (cut.marked and least >= _SURE_BY_THEMSELVES)
        different = first.top.intent != second.top.intent and all(part.named for part in parts)
        if not (different and least >= sure.part and in_whole):
            return whole, None
        if self.pack.is_emergency(second.top.intent) and not self.pack.is_emergency(first.top.intent):
            first, second = second, first
        return first, second.top.intent

    def _two_emergencies(self, whole: Matter, text: str, lang: str, scorer: Scorer) -> tuple[Matter, str | None]:
        """The first of two emergencies that share their words ("dowód i kartę"), in the order of the taxonomy, and the other."""
        order = list(self.pack.intents)
        for parts in shared_cuts(text, lang):
            found = {urgent for part in parts if (urgent := self._denials.urgent(part, scorer))}
            if len(found) > 1:
                first, second = sorted(found, key=order.index)
                rest = [
                    RankedIntent(whole.top.intent if one.intent == first else one.intent, one.confidence)
                    for one in whole.ranking[1:]
                ]
                return Matter((RankedIntent(first, whole.top.confidence), *rest), whole.acts), second
        return whole, None

    def _likeliest(self, text: str, lang: str, scorer: Scorer) -> tuple[Cut | None, dict[str, Matrix]]:
        """The cut whose parts look most like two different matters to the margin head alone, which takes a tenth of the time; and the
        margins looked at.
        """
        best: tuple[float, Cut] | None = None
        cuts = possible_cuts(text, lang)
        margins = {each: scorer.margins(each) for each in {text, *chain.from_iterable(cut.parts for cut in cuts)}} if cuts else {}
        for cut in cuts:
            tops = [margins[part] for part in cut.parts]
            named = [int(top.argmax()) for top in tops]
            least = min(float(top.max()) for top in tops)
            if named[0] == named[1] or margins[text][named].min() < _NOT_IN_IT or least < _sure(cut).margin:
                continue
            least += _MARKED_BONUS if cut.marked else 0.0
            if best is None or least > best[0]:
                best = least, cut
        return best[1] if best else None, margins

    def _act(self, act: SpokenAct | None, matter: Matter, verdict: Verdict) -> Act | None:
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


def _others(hypotheses: Sequence[Hypothesis], act: SpokenAct | None, lang: str) -> Iterator[tuple[str, float]]:
    """What further readings leave beside the act, each its own, and how far they are believed."""
    for one in hypotheses:
        own = find_act(one.text, lang) if act is not None else None
        yield normalise(own.rest if own is not None and own.rest else one.text, lang), one.confidence


def _named_matter(whole: Matter, about: str, scorer: Scorer) -> Matter:
    """The matter that a human is asked for, when one is named: it finds the right human at once."""
    named = score_alone(about, scorer)
    return named if named.named and named.top.confidence >= _SURE_NAMED else whole


def _any_of(verdict: Verdict, meant: tuple[str, ...]) -> Verdict:
    """A choice of what a bare word may be about."""
    return replace(
        verdict,
        decision=Decision.CHOOSE,
        intent=meant[0],
        choices=meant,
        confidence=1 / len(meant),
        why="the word names several matters",
    )


def _alike(choices: Sequence[str]) -> list[RankedIntent]:
    """Matters of which a bare word tells none: the classifier may be sure of one, the caller was not."""
    return [RankedIntent(intent, 1 / len(choices)) for intent in choices]


def _sure(cut: Cut) -> _Sure:
    return _SURE_MARKED if cut.marked else _SURE_PLAIN


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
