"""Vosk (Kaldi) as a recogniser: it hears while the caller speaks, so partial results cost nothing and the final one is quick.

The model is always a folder given by path: Vosk's own look-up downloads without a checksum and ends the process when it fails.
"""

from __future__ import annotations

import asyncio
import heapq
import json
import math
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from audio.checksums import differing
from audio.errors import ModelError, RecogniserBusy, RecogniserError
from audio.types import Reading, Recognition

from .grammar import Grammar, grammar
from .pool import DecodePool
from .settings import VOSK_FILES

_ALTERNATIVES = 8  # asked of the engine; a reading's confidence is its share among them
_READINGS = 3
_STEP_S = 0.1  # of audio handed to the engine at a time
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
    ) -> VoskStream:
        """See `audio.types.Recogniser`."""
        allowed = self._grammars(expect, language)
        return VoskStream(lambda: self._recogniser(sample_rate, allowed), self._pool, sample_rate, on_partial)

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


@dataclass(slots=True)
class _Hearing:
    """What one utterance's worker jobs share. Only one of them runs at a time; `lock` guards what the event loop adds to."""

    make: Callable[[], Any]
    lock: threading.Lock = field(default_factory=threading.Lock)
    waiting: bytearray = field(default_factory=bytearray)
    kaldi: Any = None
    segments: list[tuple[Reading, ...]] = field(default_factory=list)

    def advance(self) -> str:
        """Hear what waits; the text so far."""
        if self.kaldi is None:
            self.kaldi = self.make()
        with self.lock:
            pcm, self.waiting = bytes(self.waiting), bytearray()
        if pcm and self.kaldi.AcceptWaveform(pcm):
            self.segments.append(parse_alternatives(self.kaldi.Result()))
        partial = str(json.loads(self.kaldi.PartialResult()).get("partial", ""))
        return " ".join(filter(None, (*(best.text for best, *_ in filter(None, self.segments)), _known(partial))))

    def conclude(self) -> tuple[Reading, ...]:
        """Hear what waits and make up one's mind."""
        self.advance()
        return joined_readings([*self.segments, parse_alternatives(self.kaldi.FinalResult())])


class VoskStream:
    """One utterance. See `audio.types.RecogniserStream`."""

    def __init__(
        self, make: Callable[[], Any], pool: DecodePool, sample_rate: int, on_partial: Callable[[str], None] | None
    ) -> None:
        self._hearing = _Hearing(make)
        self._pool = pool
        self._step = round(_STEP_S * sample_rate) * 2
        self._on_partial = on_partial
        self._text = ""
        self._closed = False
        self._failure: RecogniserError | None = None
        self._job: asyncio.Task[None] | None = None

    def feed(self, pcm: bytes) -> None:
        """Audio, silence too: the engine knows a pause when it hears one."""
        if self._closed:
            return
        with self._hearing.lock:
            self._hearing.waiting += pcm
        self._advance(self._step)

    def pause(self) -> None:
        """Hear the rest of what was fed, so that the text so far is complete."""
        self._advance(1)

    def resume(self) -> None:
        """Nothing to do: the engine never stopped."""

    async def finish(self) -> Recognition:
        """The final result. Raises RecogniserError, also for what failed on the way, and RecogniserBusy."""
        ended = time.monotonic()
        if self._closed:
            return Recognition()
        self._closed = True
        if self._job is not None:
            await asyncio.wait([self._job])
        if self._failure is not None:
            raise self._failure
        readings = await self._pool.run(self._hearing.conclude)
        return Recognition(readings, late_s=time.monotonic() - ended)

    def close(self) -> None:
        """Forget the utterance; what the engine is hearing at the moment it hears out."""
        self._closed = True
        self._on_partial = None
        with self._hearing.lock:
            self._hearing.waiting.clear()

    def _advance(self, least: int) -> None:
        """Give the engine what waits, one job at a time so that it stays in order."""
        idle = self._job is None or self._job.done()
        if idle and self._failure is None and not self._closed and len(self._hearing.waiting) >= least:
            self._job = asyncio.get_running_loop().create_task(self._hear())

    async def _hear(self) -> None:
        try:
            text = await self._pool.run(self._hearing.advance)
        except RecogniserBusy:
            return  # the audio still waits: heard with the next piece, or at the end
        except RecogniserError as error:
            self._failure = error
            return
        if text and text != self._text and self._on_partial is not None:
            self._text = text
            self._on_partial(text)


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
