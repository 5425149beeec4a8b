"""How well denials and corrections are understood: a pack's `dev/contrast-<language>.yml`, kept apart from training."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from nlu.pack.pack import Pack
from nlu.tools.held_out import Judged, judge
from nlu.tools.utterances import read_labelled
from nlu.types import OUT_OF_SCOPE, Act, Decision
from nlu.understanding.classifier import Classifier


@dataclass(frozen=True, slots=True)
class Contrast:
    """How many lines there are, and the shares (0..1) understood and accepted as something else."""

    count: int
    right: float
    silently_wrong: float


def contrast_file(pack: Pack, lang: str) -> Path:
    """Where a pack keeps these lines, if it has any."""
    return pack.root / "dev" / f"contrast-{lang}.yml"


def measure_contrast(pack: Pack, classifier: Classifier, lang: str) -> Contrast | None:
    """The figures of one language; None when the pack has no such lines. Raises PackError."""
    path = contrast_file(pack, lang)
    if not path.is_file():
        return None
    judged = judge(read_labelled(path), classifier, lang)
    right = [understood(one) for one in judged]
    wrong = sum(one.found.decision is Decision.ACCEPT and not good for one, good in zip(judged, right, strict=True))
    return Contrast(len(judged), sum(right) / len(judged), wrong / len(judged))


def understood(one: Judged) -> bool:
    """Whether what was meant ranks first; of a bare denial, whether something was denied and neither it nor anything else is done."""
    found = one.found
    if one.meant == Act.DENY:
        offered = found.choices or (found.intent,)
        return found.decision is not Decision.ACCEPT and bool(found.denied) and not set(offered) & set(found.denied)
    return next((ranked.intent for ranked in found.ranking if ranked.intent != OUT_OF_SCOPE), "") == one.meant
