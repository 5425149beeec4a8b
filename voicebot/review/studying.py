"""The studies themselves: for a child process, since they load models and train them. See `voicebot.review.studies`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Engine

import nlu
from nlu.errors import PackError
from nlu.model.training import Progress
from nlu.pack.pack import Pack
from nlu.pack.rasa_yaml import Example
from nlu.tools.clustering import cluster
from nlu.tools.comparing import Comparison, compare
from nlu.tools.explaining import explain as explained
from nlu.tools.held_out import ALL_RANKED, judge
from nlu.tools.lint import lint
from nlu.types import Decision, Understanding
from nlu.understanding.classifier import Classifier
from nlu.understanding.loading import find_encoder
from voicebot.review.lines import Said, as_examples, labelled, spoken
from voicebot.review.queues import Queue
from voicebot.review.studies import CLUSTERS, DRAFT, LABELS, LINT, Studies

_SHOWN = 60
"""Sentences and complaints that a result keeps; all are counted."""
_LEAST_OF_A_GROUP = 3
_MEMBERS = 8


@dataclass(frozen=True, slots=True)
class Study:
    """What a study works on."""

    engine: Engine
    pack: Path
    """In force."""
    draft: Path
    """As it will be; perhaps not there."""
    cache: Path | None
    semantic: bool | None
    now: datetime
    tell: Progress

    def classifier(self, folder: Path, *, ranked: int | None = None) -> Classifier:
        """Of a pack; trained now when no model of it is kept. Raises PackError."""
        pack = Pack(folder)
        found = nlu.load(pack, pack.languages, cache=self.cache, semantic=self.semantic)
        return Classifier(pack, found.scorers, ranked=ranked) if ranked is not None else found

    def between(self, begin: float, end: float) -> Progress:
        """Progress of a part of the whole."""
        return lambda share, what: self.tell(begin + share * (end - begin), what)


def draft(study: Study) -> dict[str, Any]:
    """What the draft changes: faults of what was taught, what it does to kept-apart labels, and which stored lines are decided
    otherwise (they become a queue). Raises PackError.
    """
    if not study.draft.is_dir():
        raise PackError("nlu", None, "there is no draft", "Teach a line first: tick it in the review")
    taught = _taught(study)
    complaints = list(_complaints(Pack(study.draft), sorted({each.language for each in taught}), study.between(0.0, 0.3)))
    texts = {(each.language, each.example.text) for each in taught}
    ours = [each for each in complaints if (each["language"], each["text"]) in texts]
    study.tell(0.3, "training")
    old, new = study.classifier(study.pack), study.classifier(study.draft)
    apart = _changes(labelled(study.engine, sample=True), old, new, study.between(0.5, 0.6))
    lines = _changes(spoken(study.engine, study.now), old, new, study.between(0.6, 1.0))
    findings = [
        {**_place(said), "was": _told(was), "found": _told(found), "sure": found.confidence, "hits": said.hits}
        for said, was, found, _ in lines.changed
    ]
    Studies(study.engine).keep(Queue.NEW_MODEL.value, findings, study.now)
    verdicts = Counter(verdict for *_, verdict in apart.changed)
    return {
        "taught": len(taught),
        "complaints": [_without_text(each) for each in ours[:_SHOWN]],
        "complaints_in_all": len(complaints),
        "kept_apart": apart.looked_at,
        "was_right": apart.was_right,
        "is_right": apart.is_right,
        "verdicts": dict(verdicts),
        "changes": [
            {**_place(said), "label": said.label, "was": _told(was), "found": _told(found), "verdict": verdict}
            for said, was, found, verdict in apart.changed[:_SHOWN]
        ],
        "lines": lines.looked_at,
        "lines_changed": len(findings),
    }


@dataclass(frozen=True, slots=True)
class _Taught:
    language: str
    example: Example


def _taught(study: Study) -> list[_Taught]:
    """Examples of the draft that the pack in force has not."""
    found = []
    for language in Pack(study.draft).languages:
        known = {each.text for each in Pack(study.pack).training_data(language).examples}
        examples = Pack(study.draft).training_data(language).examples
        found += [_Taught(language, each) for each in examples if each.text not in known]
    return found


@dataclass(frozen=True, slots=True)
class _Changes:
    looked_at: int
    changed: list[tuple[Said, Understanding, Understanding, str]]
    was_right: float | None
    is_right: float | None


def _changes(lines: Iterable[Said], old: Classifier, new: Classifier, tell: Progress) -> _Changes:
    """By both models; what is broken comes first."""
    found: list[tuple[Said, Understanding, Understanding, str]] = []
    by_language = as_examples(lines, old.scorers)
    compared: list[Comparison] = []
    for language, said in by_language.items():
        by_example = {id(example): each for each, example in said}
        examples = [example for _, example in said]
        comparison = compare(examples, old, new, language, tell)
        compared.append(comparison)
        found += [(by_example[id(each.example)], each.old, each.new, each.verdict) for each in comparison.changes]
    order = {"broken": 0, "changed": 1, "fixed": 2}
    found.sort(key=lambda each: order[each[3]])
    count = sum(each.count for each in compared)
    return _Changes(count, found, _mean(compared, "old_accuracy"), _mean(compared, "new_accuracy"))


def _mean(compared: Sequence[Comparison], name: str) -> float | None:
    known = [(value, each.count) for each in compared if (value := getattr(each, name)) is not None]
    return sum(value * count for value, count in known) / sum(count for _, count in known) if known else None


def labels(study: Study) -> dict[str, Any]:
    """Labels that the model in force contradicts: it accepts another matter. They become a queue. Raises PackError."""
    study.tell(0.0, "loading")
    classifier = study.classifier(study.pack)
    findings, looked_at = [], 0
    for language, said in as_examples(labelled(study.engine, sample=False), classifier.scorers).items():
        looked_at += len(said)
        judged = judge([example for _, example in said], classifier, language, study.tell)
        findings += [
            {**_place(each), "was": one.meant, "found": _told(one.found), "sure": one.found.confidence, "hits": 1}
            for (each, _), one in zip(said, judged, strict=True)
            if one.silently_wrong
        ]
    Studies(study.engine).keep(Queue.DOUBTED.value, findings, study.now)
    return {"labels": looked_at, "doubted": len(findings)}


def clusters(study: Study) -> dict[str, Any]:
    """What nothing fitted, in groups: candidates for a matter of their own. Raises PackError."""
    study.tell(0.0, "loading")
    classifier = study.classifier(study.pack, ranked=ALL_RANKED)
    encoder = find_encoder(study.semantic)
    groups: list[dict[str, Any]] = []
    looked_at = 0
    for language, said in as_examples(
        spoken(study.engine, study.now, decision=Decision.REJECT.value), classifier.scorers
    ).items():
        looked_at += sum(each.hits for each, _ in said)
        judged = judge([example for _, example in said], classifier, language, study.tell)
        lines = {example.text: each for each, example in said}
        repeated = [one for (each, _), one in zip(said, judged, strict=True) for _ in range(each.hits)]
        study.tell(0.9, "grouping")
        for group in cluster(repeated, classifier.scorers[language].model.vocabulary, encoder, language, _LEAST_OF_A_GROUP):
            members = [lines[member.example.text] for member in group.members]
            groups.append(
                {
                    "language": language,
                    "words": list(group.words),
                    "suggestion": group.suggestion,
                    "share": group.share,
                    "count": group.count,
                    "different": len(members),
                    "first": min(each.first for each in members).isoformat(),
                    "last": max(each.last for each in members).isoformat(),
                    "members": [{**_place(each), "hits": each.hits} for each in members[:_MEMBERS]],
                }
            )
    groups.sort(key=lambda group: -group["count"])
    return {"lines": looked_at, "groups": groups[:_SHOWN]}


def whole_lint(study: Study) -> dict[str, Any]:
    """What is wrong with the pack in force, by matter. Raises PackError."""
    pack = Pack(study.pack)
    found = list(_complaints(pack, pack.languages, study.tell))
    return {"complaints": [_without_text(each) for each in found]}


def _complaints(pack: Pack, languages: Sequence[str], tell: Progress) -> Iterator[dict[str, Any]]:
    for number, language in enumerate(languages):
        part = 1 / len(languages)

        def told(share: float, what: str, begin: float = number * part, part: float = part) -> None:
            tell(begin + share * part, what)

        at = {(each.path, each.line): each for each in pack.training_data(language).examples}
        for each in lint(pack, language, told):
            example = at.get((each.path, each.line or 0))
            yield {
                "language": language,
                "level": each.level.value,
                "rule": each.rule,
                "file": each.path.name,
                "line": each.line,
                "what": each.what,
                "fix": each.fix.replace(f"{pack.root}/", ""),
                "matter": example.intent.split("/", maxsplit=1)[0] if example is not None else None,
                "text": example.text if example is not None else None,
            }


def _without_text(complaint: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in complaint.items() if name != "text"}


def _place(said: Said) -> dict[str, Any]:
    return {"call_id": said.call_id, "position": said.position}


def _told(found: Understanding) -> str:
    if found.decision is Decision.REJECT:
        return f"{found.decision.value} {found.act}" if found.act else found.decision.value
    return f"{found.decision.value} {', '.join(found.choices) or found.intent}"[:120]


def explanation(study: Study, text: str, language: str) -> dict[str, Any]:
    """Why the model in force would understand a line as it does. Raises PackError, ValueError for a language that it has not."""
    classifier = study.classifier(study.pack)
    if language not in classifier.scorers:
        raise ValueError(f"no model for language {language!r}")
    told = explained(text, classifier, language, find_encoder(study.semantic))
    return {**asdict(told), "familiar": told.familiar}


STUDIES: Mapping[str, Callable[[Study], dict[str, Any]]] = {DRAFT: draft, LABELS: labels, CLUSTERS: clusters, LINT: whole_lint}
