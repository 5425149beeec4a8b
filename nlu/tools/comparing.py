"""What changes between two models on the same utterances: before it goes live, what will callers notice?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from nlu.model.training import Progress
from nlu.pack.rasa_yaml import Example
from nlu.tools.held_out import Judged, judge
from nlu.tools.utterances import UNLABELLED
from nlu.types import Understanding
from nlu.understanding.classifier import Classifier


@dataclass(frozen=True, slots=True)
class Change:
    """An utterance that is understood or decided otherwise."""

    example: Example
    old: Understanding
    new: Understanding

    @property
    def verdict(self) -> str:
        """fixed, broken or, without a label or with both wrong or both right, changed."""
        if self.example.intent == UNLABELLED:
            return "changed"
        was, is_now = (Judged(self.example, found).right for found in (self.old, self.new))
        return "changed" if was == is_now else "fixed" if is_now else "broken"


@dataclass(frozen=True, slots=True)
class Comparison:
    """All changes over `count` utterances; accuracies are None without labels."""

    count: int
    changes: tuple[Change, ...]
    old_accuracy: float | None
    new_accuracy: float | None


def compare(
    examples: Sequence[Example], old: Classifier, new: Classifier, lang: str, progress: Progress | None = None
) -> Comparison:
    """Understand each utterance by both models. What is broken comes first."""
    tell = progress or (lambda _share, _what: None)
    before = judge(examples, old, lang, lambda share, _what: tell(share / 2, "old"))
    after = judge(examples, new, lang, lambda share, _what: tell(0.5 + share / 2, "new"))
    pairs = zip(before, after, strict=True)
    changes = [Change(a.example, a.found, b.found) for a, b in pairs if _meaning(a.found) != _meaning(b.found)]
    order = {"broken": 0, "changed": 1, "fixed": 2}
    changes.sort(key=lambda change: order[change.verdict])
    return Comparison(len(examples), tuple(changes), _accuracy(before), _accuracy(after))


def _meaning(found: Understanding) -> tuple[object, ...]:
    return found.intent, found.decision, found.choices, found.act, found.second, found.language


def _accuracy(judged: Sequence[Judged]) -> float | None:
    labelled = [one for one in judged if one.example.intent != UNLABELLED]
    return sum(one.right for one in labelled) / len(labelled) if labelled else None
