"""Vosk (Kaldi) as a recogniser: it hears while the caller speaks, so partial results cost nothing and the final one is quick.

The model is always a folder given by path: Vosk's own look-up downloads without a checksum and ends the process when it fails.
"""

from __future__ import annotations

import heapq
import json
import math
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from audio.checksums import differing
from audio.errors import ModelError
from audio.types import Reading

from .grammar import Grammar, grammar
from .pool import DecodePool
from .settings import VOSK_FILES
from .streaming import HearingStream

_ALTERNATIVES = 8  # asked of the engine; a reading's confidence is its share among them
_READINGS = 3
_UNKNOWN = "[unk]"
_FST_MAGIC = (2125659606).to_bytes(4, "little")


class VoskRecogniser:
    """One model and one pool of workers for all calls. Any sample rate goes in; Kaldi resamples."""

    name = "vosk"

    def __init__(self, folder: Path, pool: DecodePool, *, grammars: Callable[[str, str], Grammar | None] = grammar) -> None:
        """Load the model in `folder` (0.5 to 6 s). Raises ModelError."""
        self._vosk = _engine()
        self._model = _loaded(self._vosk, folder)
        self._pool = pool
        self._grammars = grammars

    def open(
        self,
        *,
        language: str,
        sample_rate: int,
        expect: str = "open",
        on_partial: Callable[[str], None] | None = None,
    ) -> HearingStream:
        """See `audio.types.Recogniser`."""
        allowed = self._grammars(expect, language)
        return HearingStream(lambda: VoskListener(self._recogniser(sample_rate, allowed)), self._pool, sample_rate, on_partial)

    def close(self) -> None:
        """See `audio.types.Recogniser`. The model is freed when the last stream is gone."""
        self._pool.close()

    def _recogniser(self, sample_rate: int, allowed: Grammar | None) -> Any:
        """A Kaldi recogniser. Called in a worker: building a grammar's graph takes some milliseconds."""
        if allowed is None:
            kaldi = self._vosk.KaldiRecognizer(self._model, sample_rate)
        else:
            phrases = json.dumps([*allowed.phrases, _UNKNOWN], ensure_ascii=False)
            kaldi = self._vosk.KaldiRecognizer(self._model, sample_rate, phrases)
        kaldi.SetMaxAlternatives(_ALTERNATIVES)
        return kaldi


class VoskListener:
    """Kaldi's state of one utterance. See `streaming.Listener`."""

    def __init__(self, kaldi: Any) -> None:
        self._kaldi = kaldi
        self._segments: list[tuple[Reading, ...]] = []

    def hear(self, pcm: bytes) -> str:
        """See `streaming.Listener`."""
        if pcm and self._kaldi.AcceptWaveform(pcm):
            self._segments.append(parse_alternatives(self._kaldi.Result()))
        partial = str(json.loads(self._kaldi.PartialResult()).get("partial", ""))
        return " ".join(filter(None, (*(best.text for best, *_ in filter(None, self._segments)), _known(partial))))

    def conclude(self) -> tuple[Reading, ...]:
        """See `streaming.Listener`."""
        return joined_readings([*self._segments, parse_alternatives(self._kaldi.FinalResult())])


def parse_alternatives(result: str) -> tuple[Reading, ...]:
    """Readings of one segment from Vosk's JSON, best first.

    Vosk gives each alternative its log-likelihood; a reading's confidence is its share of the likelihood of all alternatives.
    """
    found = [(str(one["text"]), float(one["confidence"])) for one in json.loads(result).get("alternatives", ())]
    if not found:
        return ()
    most = max(likelihood for _, likelihood in found)
    shares = [math.exp(likelihood - most) for _, likelihood in found]
    texts: dict[str, float] = {}
    for (text, _), share in zip(found, shares, strict=True):
        texts[_known(text)] = texts.get(_known(text), 0.0) + share / sum(shares)
    return _best(texts.items())


def joined_readings(segments: Sequence[tuple[Reading, ...]]) -> tuple[Reading, ...]:
    """Readings of an utterance that the engine heard in several segments; empty when no words were heard."""
    so_far: tuple[Reading, ...] = (Reading("", 1.0),)
    for segment in filter(None, segments):
        pairs = [(before, after) for before in so_far for after in segment]
        so_far = _best((f"{a.text} {b.text}".strip(), a.confidence * b.confidence) for a, b in pairs)
    return tuple(reading for reading in so_far if reading.text)


def _best(readings: Iterable[tuple[str, float]]) -> tuple[Reading, ...]:
    best = heapq.nlargest(_READINGS, readings, key=lambda pair: pair[1])
    return tuple(Reading(text, round(confidence, 4)) for text, confidence in best)


def _known(text: str) -> str:
    return " ".join(word for word in text.split() if word != _UNKNOWN)


def _engine() -> Any:
    try:
        import vosk
    except (ImportError, OSError) as error:
        raise ModelError(f"the engine vosk cannot be loaded ({error}): reinstall the package vosk") from error
    vosk.SetLogLevel(-1)
    return vosk


def _loaded(engine: Any, folder: Path) -> Any:
    if not any((folder / place).is_file() for place in VOSK_FILES):
        raise ModelError(f"{folder} is no Vosk model (am/final.mdl is missing): unpack one there, or correct the path")
    _check(folder)
    try:
        return engine.Model(str(folder))
    except Exception as error:  # vosk raises nothing more precise
        raise ModelError(f"the Vosk model in {folder} cannot be loaded ({error}): fetch it again") from error


def _check(folder: Path) -> None:
    """Find a damaged model before Kaldi does: it loads a graph it cannot read and crashes when it is used."""
    for graph in [*folder.glob("*.fst"), *folder.glob("graph/*.fst")]:
        with graph.open("rb") as file:
            if file.read(4) != _FST_MAGIC:
                raise ModelError(f"{graph} is damaged (no OpenFst file): fetch the model again")
    if (wrong := differing(folder)) is not None:
        raise ModelError(f"the Vosk model in {folder} is not as it was fetched ({wrong}): fetch it again")
