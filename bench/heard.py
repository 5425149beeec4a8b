"""What the embedded recogniser makes of a pack's own lines: `python -m bench.heard COUNT OUT.tsv`.

Training data is written, callers are heard. This speaks COUNT English lines of the default pack in several voices and speeds,
sends them down a noisy telephone line, recognises them, and keeps what came out as other words. OUT.tsv has intent, voice, said
and heard, one line each; a run that was interrupted goes on from it. Read the result before any of it becomes training data.
Polish has to wait for a Polish voice: the recogniser does not understand espeak-ng's.
"""

from __future__ import annotations

import asyncio
import csv
import itertools
import random
import sys
import time
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from rapidfuzz import fuzz

from audio.errors import SynthesisError
from audio.loudness import Floats
from audio.recognisers.cleaning import loops
from audio.recognisers.decoding import WhisperDecoder, to_whisper
from audio.recognisers.weights import WHISPER_BASE, joined
from audio.synthesis import EspeakVoice, PiperVoice, Voice, embedded_piper_model
from bench.asr import telephone
from nlu.pack.pack import ACT_LABELS, Pack
from nlu.text.normalise import normalise
from nlu.tools.likeness import LIKE

LANGUAGE = "en"
SPEEDS = (0.9, 1.0, 1.15, 1.3)  # of the voice's usual pace
ACCENTS = ("en-gb-scotland+m3", "en-us+f2", "en-gb-x-rp+f4", "en-029+m1", "en-gb-x-gbclan+m7")  # espeak-ng's, men and women
NOISE_DB = (8.0, 25.0)  # speech above noise, drawn evenly from this range
LEAST_WORDS, MOST_WORDS = 3, 40
LEAST_LIKENESS = 75.0  # percent of letters in common, below which it is another sentence; from LIKE up it is a near-copy
HEAD = ("intent", "voice", "said", "heard")


@dataclass(frozen=True, slots=True)
class Line:
    """One training line: what it is about and what is said."""

    intent: str
    text: str


@dataclass(frozen=True, slots=True)
class Mouth:
    """A voice at a speed (1: its usual pace)."""

    name: str
    voice: Voice
    speed: float


def varied(lines: Iterable[Line], count: int, seed: int = 0) -> list[Line]:
    """`count` lines, shuffled, taken from each intent in turn; dialogue acts, the very short and the very long are left out."""
    groups: dict[str, list[Line]] = {}
    for line in lines:
        if line.intent not in ACT_LABELS and LEAST_WORDS <= len(line.text.split()) <= MOST_WORDS:
            groups.setdefault(line.intent, []).append(line)
    for group in groups.values():
        random.Random(seed).shuffle(group)
    in_turn = (line for row in itertools.zip_longest(*groups.values()) for line in row if line is not None)
    return list(itertools.islice(in_turn, count))


def noisy(samples: Floats, above_db: float, seed: int) -> Floats:
    """With noise falling by 3 dB an octave, as of a street or a crowd, `above_db` decibels below the speech."""
    spectrum = np.fft.rfft(np.random.default_rng(seed).standard_normal(len(samples)))
    noise = np.fft.irfft(spectrum / np.sqrt(np.arange(1, len(spectrum) + 1)), len(samples))
    wanted = float(np.sqrt(np.mean(samples**2))) * 10 ** (-above_db / 20)
    mixed: Floats = (samples + noise * (wanted / float(np.sqrt(np.mean(noise**2))))).astype(np.float32)
    return mixed


def misheard(said: str, heard: str) -> bool:
    """Whether these are other words, yet a try at what was said, and no loop. Near-copies teach nothing and are not wanted."""
    said, heard = normalise(said, "pl"), normalise(heard, "pl")
    return not loops(heard) and LEAST_LIKENESS <= fuzz.ratio(said, heard) < LIKE


def mouths() -> list[Mouth]:
    """The neural voice, where it is installed, at every speed; each accent of espeak-ng at one."""
    model = embedded_piper_model()
    neural = [Mouth("piper", PiperVoice(model), speed) for speed in SPEEDS] if model else []
    return neural + [Mouth(name, EspeakVoice(name), speed) for name, speed in zip(ACCENTS, itertools.cycle(SPEEDS), strict=False)]


def shared_out(lines: Sequence[Line], speakers: Sequence[Mouth]) -> Iterator[tuple[Mouth, Line]]:
    """Every line with one speaker; a speaker's lines follow each other, for each is a process to start."""
    for number, speaker in enumerate(speakers):
        for line in lines[number :: len(speakers)]:
            yield speaker, line


async def transcripts(jobs: Sequence[tuple[Mouth, Line]], decoder: WhisperDecoder) -> AsyncIterator[tuple[Mouth, Line, str]]:
    """Each job with what was heard, one after another; "" where there was nothing to say or to hear."""
    for speaker, line in jobs:
        try:
            sound = await speaker.voice.synthesise(line.text, speaker.speed)
        except SynthesisError as error:
            print(f"{speaker.name}: {error}", file=sys.stderr)
            yield speaker, line, ""
            continue
        draw = random.Random(line.text)
        pcm, rate = telephone(noisy(to_whisper(sound.pcm, sound.sample_rate), draw.uniform(*NOISE_DB), draw.getrandbits(32)))
        readings = await asyncio.to_thread(decoder.readings, pcm, rate, LANGUAGE)
        yield speaker, line, readings[0].text if readings else ""
    for speaker in {id(speaker.voice): speaker for speaker, _ in jobs}.values():
        await speaker.voice.close()


async def main(count: int, out: Path) -> None:
    """Speak, hear, write; a line of progress every 25."""
    done = _done(out)
    lines = varied((Line(example.intent, example.text) for example in Pack().training_data(LANGUAGE).examples), count)
    jobs = [job for job in shared_out(lines, mouths()) if job[1].text not in done]
    cache = Path.home() / ".cache" / "voicebot"
    decoder = WhisperDecoder(joined(WHISPER_BASE, cache), workers=1)
    began, kept = time.monotonic(), 0
    with out.open("a", encoding="utf-8", newline="") as file:
        table = csv.writer(file, delimiter="\t", lineterminator="\n")
        if not done:
            table.writerow(HEAD)
        number = 0
        async for speaker, line, heard in transcripts(jobs, decoder):
            number += 1
            wrong = misheard(line.text, heard)
            kept += wrong
            table.writerow((line.intent, f"{speaker.name} {speaker.speed:g}", line.text, heard if wrong else ""))
            if number % 25 == 0:
                file.flush()
                print(f"{number} of {len(jobs)} heard, {kept} otherwise, {time.monotonic() - began:.0f} s", flush=True)
    print(f"{kept} of {number} heard otherwise, in {out}")


def _done(out: Path) -> set[str]:
    if not out.is_file():
        return set()
    with out.open(encoding="utf-8", newline="") as file:
        return {row["said"] for row in csv.DictReader(file, delimiter="\t")}


if __name__ == "__main__":
    if len(sys.argv) != 3 or not sys.argv[1].isdigit():
        raise SystemExit("usage: python -m bench.heard COUNT OUT.tsv")
    asyncio.run(main(int(sys.argv[1]), Path(sys.argv[2])))
