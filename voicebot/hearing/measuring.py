"""Engines on one folder, one after another: errors in words and matters, how late, and what they take of the machine."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from audio.errors import AudioError
from audio.loudness import resampled, to_pcm
from audio.recognisers.settings import RecogniserSettings
from audio.telephone import RATE, telephone
from audio.types import Recogniser, Recognition
from nlu.types import Hypothesis
from voicebot.engines import close_recogniser, open_recogniser
from voicebot.figures.estimates import Estimate, per_call, wilson
from voicebot.hearing.folder import FolderError, Spoken, read_audio
from voicebot.hearing.scoring import Errors, errors
from voicebot.memory import peak_bytes
from voicebot.understanding.service import UnderstandingService

WIDE_RATE = 16_000
_PIECE_S = 0.1
_CLEAR = Path("/proc/self/clear_refs")

Tell = Callable[[str, float], None]
"""What is being done, and its share of all, 0..1."""


@dataclass(frozen=True, slots=True)
class Heard:
    """One file heard by one engine. `errors` is None where nobody wrote the words down, `wrong` where nobody knows the matter."""

    spoken: Spoken
    text: str
    errors: Errors | None
    wrong: bool | None
    late_s: float
    """From the end of the audio to the words."""


@dataclass(frozen=True, slots=True)
class EngineFigures:
    """What one engine came to."""

    name: str
    heard: tuple[Heard, ...]
    failed: Mapping[Path, str]
    """Files that were not heard, each with why."""
    audio_s: float
    cpu_s: float
    memory_mb: float | None
    """The most that the process took above what it took before, loading included; None where the system does not tell."""

    @property
    def word_errors(self) -> Estimate:
        """Share of the words, with a bootstrap interval over files."""
        return per_call([(one.errors.words, one.errors.of_words) for one in self.heard if one.errors is not None])

    @property
    def letter_errors(self) -> Estimate:
        """Share of the letters, in the same way."""
        return per_call([(one.errors.letters, one.errors.of_letters) for one in self.heard if one.errors is not None])

    @property
    def matter_errors(self) -> Estimate:
        """Share of the files that were taken for another matter, with Wilson's interval."""
        judged = [one.wrong for one in self.heard if one.wrong is not None]
        return wilson(sum(judged), len(judged))

    @property
    def words(self) -> int:
        """Words that were said."""
        return sum(one.errors.of_words for one in self.heard if one.errors is not None)

    @property
    def letters(self) -> int:
        """Letters that were said."""
        return sum(one.errors.of_letters for one in self.heard if one.errors is not None)

    def late_ms(self, percentile: float) -> float:
        """Milliseconds from the end of speech to the words."""
        return 1000 * float(np.percentile([one.late_s for one in self.heard], percentile)) if self.heard else 0.0

    @property
    def cpu_per_s(self) -> float:
        """CPU seconds for a second of audio."""
        return self.cpu_s / self.audio_s if self.audio_s else 0.0


@dataclass(frozen=True, slots=True)
class Way:
    """How the files are given to an engine."""

    language: str
    over_telephone: bool
    live: bool
    """As fast as a call would; else as fast as it goes, which makes engines that listen along look slow."""


class Measuring:
    """One folder for engines to hear."""

    def __init__(self, files: Sequence[Spoken], way: Way, understanding: UnderstandingService | None) -> None:
        """Without `understanding` matters are not judged."""
        self._files = files
        self._way = way
        self._understanding = understanding

    async def engine(self, name: str, settings: RecogniserSettings, cache: Path, tell: Tell) -> EngineFigures:
        """Load an engine and let it hear all files; one that cannot be heard is told in `failed`. Raises ModelError."""
        before = _fresh_memory()
        recogniser = await asyncio.to_thread(open_recogniser, settings, self._way.language, cache)
        if recogniser is None:
            raise FolderError(f"{name} hears nothing: choose an engine")
        heard: list[Heard] = []
        failed: dict[Path, str] = {}
        audio_s, cpu_s = 0.0, 0.0
        try:
            for number, spoken in enumerate(self._files):
                tell(f"{name}: {spoken.name}", number / len(self._files))
                try:
                    pcm, rate = await asyncio.to_thread(self._sound, spoken.path)
                    began = time.process_time()
                    recognition, late_s = await self._hear(recogniser, pcm, rate)
                    cpu_s += time.process_time() - began
                except (FolderError, AudioError) as error:
                    failed[spoken.path] = str(error)
                    continue
                audio_s += len(pcm) / 2 / rate
                heard.append(await self._judged(spoken, recognition, late_s))
        finally:
            await close_recogniser(recogniser)
        after = _peak_mb()
        memory = max(0.0, after - before) if after is not None and before is not None else None
        return EngineFigures(name, tuple(heard), failed, audio_s, cpu_s, memory)

    def _sound(self, path: Path) -> tuple[bytes, int]:
        samples, rate = read_audio(path)
        if self._way.over_telephone:
            return telephone(samples, rate), RATE
        wide = RATE if rate == RATE else WIDE_RATE
        return to_pcm(resampled(samples, rate, wide)), wide

    async def _hear(self, recogniser: Recogniser, pcm: bytes, rate: int) -> tuple[Recognition, float]:
        stream = recogniser.open(language=self._way.language, sample_rate=rate)
        size = 2 * round(_PIECE_S * rate)
        began = time.monotonic()
        try:
            for number, at in enumerate(range(0, len(pcm), size), 1):
                stream.feed(pcm[at : at + size])
                await asyncio.sleep(max(0.0, began + number * _PIECE_S - time.monotonic()) if self._way.live else 0)
            ended = time.monotonic()
            stream.pause()
            recognition = await stream.finish()
            return recognition, time.monotonic() - ended
        finally:
            stream.close()

    async def _judged(self, spoken: Spoken, recognition: Recognition, late_s: float) -> Heard:
        found = errors(spoken.text, recognition.text, self._way.language) if spoken.text else None
        wrong = None
        if spoken.matter and self._understanding is not None:
            hypotheses = [Hypothesis(one.text, one.confidence) for one in recognition.readings] or [Hypothesis("")]
            understood = await self._understanding.understand(hypotheses, self._way.language)
            wrong = spoken.matter not in (understood.intent, understood.act)
        return Heard(spoken, recognition.text, found, wrong, late_s)


def worst(figures: Sequence[EngineFigures], most: int) -> Iterator[tuple[Spoken, tuple[Heard | None, ...]]]:
    """Files with the most word errors, of any engine, each with what every engine heard."""
    by_file: dict[Path, list[Heard | None]] = {}
    for number, engine in enumerate(figures):
        for one in engine.heard:
            by_file.setdefault(one.spoken.path, [None] * len(figures))[number] = one

    def wrongness(heard: Sequence[Heard | None]) -> float:
        return max(one.errors.words / max(1, one.errors.of_words) if one and one.errors else 0.0 for one in heard)

    for heard in sorted(by_file.values(), key=wrongness, reverse=True)[:most]:
        first = next(one for one in heard if one is not None)
        if wrongness(heard):
            yield first.spoken, tuple(heard)


def _fresh_memory() -> float | None:
    """Megabytes taken now; the peak counts from here (proc(5), clear_refs)."""
    with suppress(OSError):
        _CLEAR.write_text("5")
    return _peak_mb()


def _peak_mb() -> float | None:
    peak = peak_bytes()
    return peak / (1 << 20) if peak is not None else None
