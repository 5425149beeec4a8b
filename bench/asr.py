"""How well and how fast the embedded recogniser hears, and what voice activity costs: `python -m bench.asr DATA`.

DATA holds real recordings: `manifest.tsv` (file, lang, text, tab-separated, a head line) and the 16 kHz files it names.
"Telephone" is simulated: 300-3400 Hz (Butterworth, 4th order), 8 kHz, A-law.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile

from audio.loudness import Floats, to_pcm
from audio.recognisers.decoding import WhisperDecoder
from audio.recognisers.features import SAMPLE_RATE
from audio.recognisers.weights import WHISPER_BASE, joined
from audio.telephone import RATE as TELEPHONE_RATE
from audio.telephone import narrowed, through_a_law
from audio.vad import VoiceActivity, feed_together, shared_session
from voicebot.hearing.scoring import errors


@dataclass(frozen=True, slots=True)
class Clip:
    """One recording: 16 kHz samples and what was said."""

    samples: Floats
    language: str
    text: str
    folder: str


def clips(data: Path) -> Iterator[Clip]:
    """All recordings of the manifest."""
    for line in (data / "manifest.tsv").read_text(encoding="utf-8").splitlines()[1:]:
        name, language, text = line.split("\t")
        samples, rate = soundfile.read(data / name, dtype="float32")
        if rate != SAMPLE_RATE:
            raise SystemExit(f"{name} is at {rate} Hz, not at {SAMPLE_RATE}")
        yield Clip(samples, language, text, name.partition("/")[0])


def wideband(samples: Floats) -> tuple[bytes, int]:
    """As a wideband codec carries it, near enough."""
    return to_pcm(samples), SAMPLE_RATE


def telephone(samples: Floats, peak: float = 0.5) -> tuple[bytes, int]:
    """Band-passed, its loudest sample at `peak` of full scale (over 1: clipped), through A-law and back."""
    passed = narrowed(samples, SAMPLE_RATE)
    return through_a_law(to_pcm(passed * np.float32(peak / max(float(np.abs(passed).max()), 1e-9)))), TELEPHONE_RATE


Line = Callable[[Floats], tuple[bytes, int]]


def error_rate(decoder: WhisperDecoder, chosen: Sequence[Clip], line: Line, expect: str = "open") -> tuple[float, float]:
    """Word error rate in percent, and the share of clips without an error in percent."""

    def judge(clip: Clip) -> tuple[int, int]:
        pcm, rate = line(clip.samples)
        readings = decoder.readings(pcm, rate, clip.language, expect)
        found = errors(clip.text, readings[0].text if readings else "", clip.language)
        return found.words, found.of_words

    with ThreadPoolExecutor(2) as workers:
        found = list(workers.map(judge, chosen))
    wrong, words = (sum(numbers) for numbers in zip(*found, strict=True))
    return 100 * wrong / words, 100 * sum(not errors_ for errors_, _ in found) / len(found)


def decode_ms(decoder: WhisperDecoder, clip: Clip, seconds: float) -> tuple[float, float]:
    """Median of seven decodes of this much speech, one at a time, in milliseconds: by the clock, and of CPU."""
    pcm = to_pcm(np.tile(clip.samples, 10)[: round(seconds * SAMPLE_RATE)])
    clock, cpu = [], []
    for _ in range(7):
        begun, begun_cpu = time.perf_counter(), time.process_time()
        decoder.readings(pcm, SAMPLE_RATE, clip.language)
        clock.append(time.perf_counter() - begun)
        cpu.append(time.process_time() - begun_cpu)
    return 1000 * float(np.median(clock)), 1000 * float(np.median(cpu))


def vad_us(pcm: bytes, calls: int) -> float:
    """Microseconds of CPU a window, `calls` calls judged together, fed 60 ms at a time."""
    activities = [VoiceActivity(shared_session(), TELEPHONE_RATE) for _ in range(calls)]
    windows, begun = 0, time.process_time()
    for at in range(0, len(pcm), 960):
        piece = pcm[at : at + 960]
        together = feed_together([(activity, piece) for activity in activities]) if calls > 1 else [activities[0].feed(piece)]
        windows += sum(map(len, together))
    return 1e6 * (time.process_time() - begun) / windows


def main(data: Path) -> None:
    """Measure and print."""
    everything = list(clips(data))
    sentences = [clip for clip in everything if clip.folder != "pl_numbers"]
    with tempfile.TemporaryDirectory() as cache:
        decoder = WhisperDecoder(joined(WHISPER_BASE, Path(cache)), workers=2)
        for language in ("pl", "en"):
            chosen = [clip for clip in sentences if clip.language == language]
            for name, line in (("wideband", wideband), ("telephone", telephone)):
                print(f"asr_wer_{language}_{name}_percent: {error_rate(decoder, chosen, line)[0]:.1f}", flush=True)
        numbers = [clip for clip in everything if clip.folder == "pl_numbers"]
        for name, line in (("wideband", wideband), ("telephone", telephone)):
            print(f"asr_numbers_right_{name}_percent: {error_rate(decoder, numbers, line, 'digits')[1]:.1f}", flush=True)
        taken, cpu = decode_ms(decoder, sentences[0], 3.0)
        print(f"asr_decode_3s_ms: {taken:.0f}")
        print(f"asr_decode_3s_cpu_ms: {cpu:.0f}")
        print(f"asr_rtf: {taken / 3000:.3f}", flush=True)
    pcm, _ = telephone(np.concatenate([clip.samples for clip in sentences[:12]]))
    print(f"vad_us_per_window: {vad_us(pcm, 1):.0f}")
    print(f"vad_us_per_window_8_calls: {vad_us(pcm, 8):.0f}")
    print(f"vad_us_per_silent_window: {vad_us(bytes(len(pcm)), 1):.1f}")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        raise SystemExit("usage: python -m bench.asr DATA")
    main(Path(sys.argv[1]))
