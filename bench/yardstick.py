"""How fast this machine is, in three fixed pieces of work: figures of two machines are compared by the ratio of these.

Each is the best of several runs, on one core: what a quiet machine would do, as far as this one can show.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import ctranslate2
import numpy as np

from audio.loudness import to_pcm
from audio.recognisers.features import SAMPLE_RATE, log_mel
from audio.recognisers.weights import WHISPER_BASE, joined
from audio.vad import WINDOW_S, VoiceActivity, shared_session

Say = Callable[[str, float, str], None]

_TELEPHONE_RATE = 8000
_WINDOWS = 200
_LOOP = 1_000_000
_CONTEXT_S = 8.0  # the encoder context of a short utterance


def measure_yardstick(say: Say, cache: Path) -> None:
    """Print the three; `cache` keeps the joined Whisper weights."""
    say("yardstick_python_loop_ms", _best_ms(_python_loop, 5), f"{_LOOP:,} additions in a loop; best of 5")
    say("yardstick_silero_window_us", _silero_ms() * 1000, f"one window of {1000 * WINDOW_S:g} ms at 8 kHz, one call; best of 5")
    how = f"one encoder pass over {_CONTEXT_S:g} s, Whisper base, int8, one thread; best of 5"
    say("yardstick_whisper_encoder_ms", _encoder_ms(joined(WHISPER_BASE, cache)), how)


def _best_ms(work: Callable[[], object], times: int) -> float:
    taken = []
    for _ in range(times):
        began = time.perf_counter()
        work()
        taken.append(time.perf_counter() - began)
    return 1000 * min(taken)


def _python_loop() -> int:
    total = 0
    for number in range(_LOOP):
        total += number & 7
    return total


def _noise(seconds: float, sample_rate: int) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    """The same on every machine, and loud enough that no gate saves the work."""
    return (np.random.default_rng(0).standard_normal(round(seconds * sample_rate)) * 0.1).astype(np.float32)


def _silero_ms() -> float:
    """Milliseconds a window."""
    pcm = to_pcm(_noise(_WINDOWS * WINDOW_S, _TELEPHONE_RATE))
    activity = VoiceActivity(shared_session(), _TELEPHONE_RATE)
    judged = len(activity.feed(pcm))  # a first round, to warm up
    return _best_ms(lambda: activity.feed(pcm), 5) / max(1, judged)


def _encoder_ms(folder: Path) -> float:
    model = ctranslate2.models.Whisper(str(folder), device="cpu", compute_type="int8", inter_threads=1, intra_threads=1)
    mel = log_mel(_noise(_CONTEXT_S, SAMPLE_RATE), _CONTEXT_S, int(model.n_mels))
    features = ctranslate2.StorageView.from_array(mel[None])
    model.encode(features, to_cpu=True)
    return _best_ms(lambda: model.encode(features, to_cpu=True), 5)
