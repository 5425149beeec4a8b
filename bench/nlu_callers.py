"""The default packs on callers' lines written for measuring: real situations first, then words, some misheard."""

from __future__ import annotations

import csv
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import httpx
import numpy as np

import nlu
from bench.nlu_measures import calibration_error
from nlu.pack.pack import ACT_LABELS, BANK_PACK, Pack
from nlu.tools.contrast import measure_contrast
from nlu.types import OUT_OF_SCOPE, Decision, Hypothesis, Understanding
from nlu.understanding.classifier import Classifier

CALLERS = {lang: Path(__file__).parent / "callers" / f"{lang}.tsv" for lang in ("pl", "en")}

Tell = Callable[[float, str], None]


@dataclass(frozen=True, slots=True)
class Line:
    """What a caller said and meant: an intent, a dialogue act or out_of_scope; `second` is another matter in the same breath."""

    text: str
    meant: str
    second: str

    def is_meant(self, intent: str) -> bool:
        """Whether `intent` is one of the matters in it."""
        return intent in (self.meant, self.second or self.meant)


@dataclass(frozen=True, slots=True)
class CallersFigures:
    """Figures of one language; shares 0..1, times as their names say."""

    language: str
    count: int
    right_first: float
    right_queue: float
    accepted: float
    rejected: float
    outside_not_accepted: float
    emergencies: float
    emergencies_offered: float
    emergencies_first: float
    false_alarms: float
    contrast: float
    acts: float
    ece: float
    train_s: float
    p50_ms: float
    p95_ms: float

    def rows(self) -> Iterator[tuple[str, str]]:
        """What and how much, to print."""
        yield "right intent first, of bank matters", f"{self.right_first:.1%}"
        yield "right queue, of accepted bank matters", f"{self.right_queue:.1%}"
        yield "accepted, of bank matters", f"{self.accepted:.1%}"
        yield "rejected, of bank matters", f"{self.rejected:.1%}"
        yield "not accepted, of out of scope", f"{self.outside_not_accepted:.1%}"
        yield "emergencies accepted or confirmed as one", f"{self.emergencies:.1%}"
        yield "… or offered among two or three", f"{self.emergencies_offered:.1%}"
        yield "… or likeliest of all matters", f"{self.emergencies_first:.1%}"
        yield "false alarms: no emergency, accepted as one", f"{self.false_alarms:.2%}"
        yield "denials and corrections understood (lines of their own)", f"{self.contrast:.1%}"
        yield "dialogue acts found", f"{self.acts:.1%}"
        yield "calibration error (ECE), bank matters", f"{self.ece:.3f}"
        yield "training, s", f"{self.train_s:.1f}"
        yield "one utterance, ms p50 / p95", f"{self.p50_ms:.1f} / {self.p95_ms:.1f}"

    def bars(self) -> Iterator[tuple[str, float, float]]:
        """Each aim: what, reached, wanted."""
        name = f"callers-{self.language}"
        yield f"{name} right intent first", 100 * self.right_first, 90
        yield f"{name} right queue of accepted", 100 * self.right_queue, 95
        yield f"{name} rejected, at most", 100 * self.rejected, 8
        yield f"{name} out of scope not accepted", 100 * self.outside_not_accepted, 85
        yield f"{name} emergencies", 100 * self.emergencies, 99
        yield f"{name} false alarms, at most", 100 * self.false_alarms, 0.5
        yield f"{name} denials and corrections", 100 * self.contrast, 93
        yield f"{name} training s", self.train_s, 15
        yield f"{name} one utterance p95 ms", self.p95_ms, 6


@dataclass(frozen=True, slots=True)
class RasaFigures:
    """A Rasa server on the same lines."""

    language: str
    right_first: float
    p50_ms: float
    p95_ms: float

    def rows(self) -> Iterator[tuple[str, str]]:
        """What and how much, under the names of our own rows."""
        yield "right intent first, of bank matters", f"{self.right_first:.1%}"
        yield "one utterance, ms p50 / p95", f"{self.p50_ms:.1f} / {self.p95_ms:.1f}"


def read_callers(path: Path) -> list[Line]:
    """Lines of a file of ours."""
    with path.open(encoding="utf-8", newline="") as file:
        return [Line(row["text"], row["intent"], row["second"] or "") for row in csv.DictReader(file, delimiter="\t")]


def measure_callers(lang: str, semantic: bool, tell: Tell) -> CallersFigures:
    """Train the default pack of one language from nothing, then understand every line, one at a time."""
    with tempfile.TemporaryDirectory() as cache:
        began = time.perf_counter()
        classifier = nlu.load(
            languages=(lang,), cache=Path(cache), semantic=semantic, progress=lambda share, what: tell(0.7 * share, what)
        )
        spent = time.perf_counter() - began
    lines = read_callers(CALLERS[lang])
    found, times = understand_all(classifier, lines, lang, lambda share: tell(0.7 + 0.3 * share, "understanding"))
    contrast = measure_contrast(classifier.pack, classifier, lang)
    return summarise(lang, lines, found, spent, times, classifier.pack, contrast.right if contrast else 0.0)


def understand_all(
    classifier: Classifier, lines: Sequence[Line], lang: str, tell: Callable[[float], None]
) -> tuple[list[Understanding], list[float]]:
    """What `classifier` makes of each line, and the milliseconds each took."""
    found, times = [], []
    for number, line in enumerate(lines):
        began = time.perf_counter()
        found.append(classifier.understand([Hypothesis(line.text)], lang))
        times.append(1000 * (time.perf_counter() - began))
        tell(number / len(lines))
    return found, times


def summarise(
    lang: str,
    lines: Sequence[Line],
    found: Sequence[Understanding],
    train_s: float,
    times: Sequence[float],
    pack: Pack,
    contrast: float = 0.0,
) -> CallersFigures:
    """The figures of answers `found` to `lines`; `contrast` is the share of denials and corrections understood."""
    matters = [(line, one) for line, one in zip(lines, found, strict=True) if line.meant in pack.intents]
    outside = [one for line, one in zip(lines, found, strict=True) if line.meant == OUT_OF_SCOPE]
    acts = [(line, one) for line, one in zip(lines, found, strict=True) if line.meant in ACT_LABELS]
    emergencies = [one for line, one in matters if pack.is_emergency(line.meant)]
    ordinary = [one for line, one in zip(lines, found, strict=True) if not pack.is_emergency(line.meant)]
    accepted = [(line, one) for line, one in matters if one.decision is Decision.ACCEPT]
    decisions = Counter(one.decision for _, one in matters)
    right = np.array([line.is_meant(first_matter([r.intent for r in one.ranking])) for line, one in matters])
    confidence = np.array(
        [max((r.confidence for r in one.ranking if r.intent != OUT_OF_SCOPE), default=0.0) for _, one in matters]
    )
    return CallersFigures(
        language=lang,
        count=len(lines),
        right_first=float(right.mean()),
        right_queue=_share(
            [_queue(pack, one.intent) in (_queue(pack, line.meant), _queue(pack, line.second)) for line, one in accepted]
        ),
        accepted=decisions[Decision.ACCEPT] / len(matters),
        rejected=decisions[Decision.REJECT] / len(matters),
        outside_not_accepted=_share([one.decision is not Decision.ACCEPT for one in outside]),
        emergencies=_share([_heard_as_emergency(pack, one) for one in emergencies]),
        emergencies_offered=_share([_heard_as_emergency(pack, one) or _offers_emergency(pack, one) for one in emergencies]),
        emergencies_first=_share([pack.is_emergency(first_matter([r.intent for r in one.ranking])) for one in emergencies]),
        false_alarms=_share([one.decision is Decision.ACCEPT and pack.is_emergency(one.intent) for one in ordinary]),
        contrast=contrast,
        acts=_share([one.act is not None and one.act.value == line.meant for line, one in acts]),
        ece=calibration_error(confidence, right),
        train_s=train_s,
        p50_ms=float(np.percentile(times, 50)),
        p95_ms=float(np.percentile(times, 95)),
    )


def first_matter(ranking: Sequence[str]) -> str:
    """The likeliest label that is a matter of the bank, or nothing."""
    return next((name for name in ranking if name != OUT_OF_SCOPE and name not in ACT_LABELS), "")


def _share(flags: Sequence[bool]) -> float:
    return sum(flags) / len(flags) if flags else 0.0


def _queue(pack: Pack, intent: str) -> str | None:
    found = pack.intents.get(intent)
    return None if found is None else found.queue


def _heard_as_emergency(pack: Pack, found: Understanding) -> bool:
    return found.decision in (Decision.ACCEPT, Decision.CONFIRM) and pack.is_emergency(found.intent)


def _offers_emergency(pack: Pack, found: Understanding) -> bool:
    return found.decision is Decision.CHOOSE and any(map(pack.is_emergency, found.choices))


def ask_rasa(url: str, lang: str, tell: Tell) -> RasaFigures:
    """A Rasa server's ranking of the same lines, by its /model/parse. Raises httpx.HTTPError when it does not answer."""
    lines = read_callers(CALLERS[lang])
    known = Pack(BANK_PACK).intents
    right, times = [], []
    with httpx.Client(base_url=url.rstrip("/"), timeout=10) as client:
        for number, line in enumerate(lines):
            began = time.perf_counter()
            reply = client.post("/model/parse", json={"text": line.text}).raise_for_status().json()
            times.append(1000 * (time.perf_counter() - began))
            if line.meant in known:
                right.append(line.is_meant(first_matter([one["name"] for one in reply["intent_ranking"]])))
            tell(number / len(lines), "Rasa")
    return RasaFigures(lang, _share(right), float(np.percentile(times, 50)), float(np.percentile(times, 95)))
