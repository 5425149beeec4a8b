"""What judged utterances say about a model: accuracy, macro-F1, calibration, coverage, confusions, decisions.

Calibration error as in Naeini et al. 2015 (equal-width bins). Coverage at a precision: El-Yaniv & Wiener 2010.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from nlu.pack.pack import Pack
from nlu.tools.held_out import Judged
from nlu.types import OUT_OF_SCOPE, Decision

BINS = 10
PRECISION = 0.97


@dataclass(frozen=True, slots=True)
class IntentScore:
    """One label: how many examples, precision, recall, F1 (0..1), and what became of its examples, in counts."""

    intent: str
    examples: int
    precision: float
    recall: float
    f1: float
    accepted: int
    confirmed: int
    chosen: int
    rejected: int
    silently_wrong: int


@dataclass(frozen=True, slots=True)
class Bin:
    """Utterances whose confidence lies in [low, high): how many, how many of them right, and their mean confidence."""

    low: float
    high: float
    count: int
    right: int
    confidence: float


@dataclass(frozen=True, slots=True)
class Offence:
    """A sentence taken for something else, and where it stands."""

    text: str
    place: str
    confidence: float
    decision: Decision


@dataclass(frozen=True, slots=True)
class Confusion:
    """`meant` taken for `taken`, with the sentences, most confident first."""

    meant: str
    taken: str
    offences: tuple[Offence, ...]


@dataclass(frozen=True, slots=True)
class Traffic:
    """Shares (0..1) of the four decisions over some utterances, and how many there were."""

    count: int
    accept: float
    confirm: float
    choose: float
    reject: float


@dataclass(frozen=True, slots=True)
class Report:
    """All figures of one language. Shares are 0..1; `matrix[i][j]` counts label i taken for label j of `labels`."""

    language: str
    how: str
    model: str
    examples: int
    accuracy: float
    macro_f1: float
    top3: float
    queue_accuracy: float
    """Of accepted matters, the share that goes to the right queue."""
    accepted_right: float
    """Of accepted utterances, the share taken for what was meant."""
    silently_wrong: float
    """Of all utterances, the share accepted as something else."""
    emergencies_heard: float
    """Of emergencies, the share accepted, confirmed or offered as an emergency."""
    emergencies_first: float
    """Of emergencies, the share with an emergency likeliest of all matters."""
    false_alarms: float
    """Of what is no emergency, the share accepted as one: put through to an emergency queue without a question."""
    calibration_error: float
    coverage: float
    """Share of utterances that can be acted on at 97 % precision, the most confident first."""
    coverage_confidence: float
    """The confidence above which they lie."""
    traffic: dict[str, Traffic]
    intents: tuple[IntentScore, ...]
    bins: tuple[Bin, ...]
    confusions: tuple[Confusion, ...]
    labels: tuple[str, ...]
    matrix: tuple[tuple[int, ...], ...]


def measure(judged: Sequence[Judged], pack: Pack, lang: str, how: str) -> Report:
    """The report on `judged`; `how` says where the judgements come from. Raises ValueError when there are none."""
    if not judged:
        raise ValueError("nothing to measure: no utterances were judged")
    labels = _labels(judged, pack)
    matrix = _matrix(judged, labels)
    scores = tuple(_intent_score(label, labels, matrix, judged) for label in labels if matrix[labels.index(label)].any())
    matters = [one for one in judged if not one.is_act and not one.act_alone]
    coverage, confidence = _coverage(matters or judged)
    accepted = [one for one in judged if one.found.decision is Decision.ACCEPT]
    emergencies = [one for one in judged if pack.is_emergency(one.meant)]
    ordinary = [one for one in judged if not pack.is_emergency(one.meant)]
    bins = _bins(matters or judged)
    return Report(
        language=lang,
        how=how,
        model=judged[0].found.model,
        examples=len(judged),
        accuracy=_share(judged, [one for one in judged if one.right]),
        macro_f1=float(np.mean([score.f1 for score in scores])),
        top3=_share(judged, [one for one in judged if one.right or one.meant in _first(one, 3)]),
        queue_accuracy=_share(accepted, [one for one in accepted if _queue(one.found.intent, pack) == _queue(one.meant, pack)]),
        accepted_right=_share(accepted, [one for one in accepted if one.right]),
        silently_wrong=_share(judged, [one for one in judged if one.silently_wrong]),
        emergencies_heard=_share(emergencies, [one for one in emergencies if _heard(one, pack)]),
        emergencies_first=_share(emergencies, [one for one in emergencies if pack.is_emergency(_likeliest(one))]),
        false_alarms=_share(ordinary, [one for one in ordinary if _alarm(one, pack)]),
        calibration_error=_calibration_error(bins),
        coverage=coverage,
        coverage_confidence=confidence,
        traffic=_traffic(judged, pack),
        intents=scores,
        bins=bins,
        confusions=_confusions(judged),
        labels=labels,
        matrix=tuple(tuple(int(count) for count in row) for row in matrix),
    )


def _labels(judged: Sequence[Judged], pack: Pack) -> tuple[str, ...]:
    """Labels in the taxonomy's order, then acts, then out of scope, of those that occur."""
    seen = {one.meant for one in judged} | {one.taken for one in judged}
    order = [*pack.intents, *sorted(seen - set(pack.intents) - {OUT_OF_SCOPE}), OUT_OF_SCOPE]
    return tuple(label for label in order if label in seen)


def _matrix(judged: Sequence[Judged], labels: Sequence[str]) -> np.ndarray[tuple[int, int], np.dtype[np.int64]]:
    at = {label: place for place, label in enumerate(labels)}
    matrix = np.zeros((len(labels), len(labels)), dtype=np.int64)
    for one in judged:
        matrix[at[one.meant], at[one.taken]] += 1
    return matrix


def _intent_score(
    label: str, labels: Sequence[str], matrix: np.ndarray[tuple[int, int], np.dtype[np.int64]], judged: Sequence[Judged]
) -> IntentScore:
    at = labels.index(label)
    right, meant, taken = int(matrix[at, at]), int(matrix[at].sum()), int(matrix[:, at].sum())
    own = [one for one in judged if one.meant == label]
    decisions = Counter(one.found.decision for one in own)
    return IntentScore(
        intent=label,
        examples=meant,
        precision=right / taken if taken else 0.0,
        recall=right / meant if meant else 0.0,
        f1=2 * right / (meant + taken) if meant + taken else 0.0,
        accepted=decisions[Decision.ACCEPT],
        confirmed=decisions[Decision.CONFIRM],
        chosen=decisions[Decision.CHOOSE],
        rejected=decisions[Decision.REJECT],
        silently_wrong=sum(one.silently_wrong for one in own),
    )


def _first(one: Judged, count: int) -> set[str]:
    return {ranked.intent for ranked in one.found.ranking[:count]}


def _share(whole: Sequence[Judged], part: Sequence[Judged]) -> float:
    return len(part) / len(whole) if whole else 0.0


def _queue(intent: str, pack: Pack) -> str:
    found = pack.intents.get(intent)
    return found.queue if found else intent


def _heard(one: Judged, pack: Pack) -> bool:
    return one.found.decision is not Decision.REJECT and any(map(pack.is_emergency, one.offered))


def _likeliest(one: Judged) -> str:
    return next((ranked.intent for ranked in one.found.ranking if ranked.intent != OUT_OF_SCOPE), OUT_OF_SCOPE)


def _alarm(one: Judged, pack: Pack) -> bool:
    return one.found.decision is Decision.ACCEPT and pack.is_emergency(one.found.intent)


def _coverage(judged: Sequence[Judged]) -> tuple[float, float]:
    """The largest share, most confident first, of which at least PRECISION is right; and the lowest confidence in it."""
    ordered = sorted(judged, key=lambda one: -one.found.confidence)
    right = np.cumsum([one.right for one in ordered])
    enough = np.flatnonzero(right >= PRECISION * np.arange(1, len(ordered) + 1))
    if not len(enough):
        return 0.0, 1.0
    last = int(enough[-1])
    return (last + 1) / len(ordered), ordered[last].found.confidence


def _bins(judged: Sequence[Judged]) -> tuple[Bin, ...]:
    sums = np.zeros((BINS, 3))
    for one in judged:
        sums[min(BINS - 1, int(one.found.confidence * BINS))] += (1, one.right, one.found.confidence)
    return tuple(
        Bin(at / BINS, (at + 1) / BINS, int(count), int(right), total / count if count else 0.0)
        for at, (count, right, total) in enumerate(sums.tolist())
    )


def _calibration_error(bins: Sequence[Bin]) -> float:
    """Mean distance between confidence and share right, bins weighted by their size."""
    return sum(abs(one.right - one.confidence * one.count) for one in bins) / max(1, sum(one.count for one in bins))


def _traffic(judged: Sequence[Judged], pack: Pack) -> dict[str, Traffic]:
    kinds = {
        "bank matters": [one for one in judged if one.meant in pack.intents],
        "emergencies": [one for one in judged if pack.is_emergency(one.meant)],
        "out of scope": [one for one in judged if one.meant == OUT_OF_SCOPE],
    }
    return {kind: _decisions(of_kind) for kind, of_kind in kinds.items() if of_kind}


def _decisions(judged: Sequence[Judged]) -> Traffic:
    counts = Counter(one.found.decision for one in judged)
    size = len(judged)
    shares = [counts[decision] / size for decision in (Decision.ACCEPT, Decision.CONFIRM, Decision.CHOOSE, Decision.REJECT)]
    return Traffic(size, *shares)


def _confusions(judged: Sequence[Judged]) -> tuple[Confusion, ...]:
    """Pairs, most frequent first."""
    pairs: dict[tuple[str, str], list[Judged]] = {}
    for one in judged:
        if not one.right:
            pairs.setdefault((one.meant, one.taken), []).append(one)
    ordered = sorted(pairs.items(), key=lambda item: (-len(item[1]), item[0]))
    return tuple(Confusion(meant, taken, tuple(map(_offence, _surest_first(wrong)))) for (meant, taken), wrong in ordered)


def _surest_first(wrong: Sequence[Judged]) -> list[Judged]:
    return sorted(wrong, key=lambda one: -one.found.confidence)


def _offence(one: Judged) -> Offence:
    place = f"{one.example.path.name}:{one.example.line}"
    return Offence(one.found.text, place, one.found.confidence, one.found.decision)
