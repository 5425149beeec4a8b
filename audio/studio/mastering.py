"""From a studio's file to a prompt: one channel, silence trimmed, the level of all prompts, one format."""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile

from audio.loudness import LEAD_S, PEAK, TAIL_S, TARGET_DBFS, Floats, frame_levels, levelled, resampled, to_pcm
from audio.studio.checking import FRAME_S, Measured, measured, speech_span
from audio.studio.decoding import decoded, mono
from audio.synthesis import Sound

HIGHEST_RATE = 24_000
"""Telephones end at 8 kHz of sound; a file needs no more."""
FADE_S = 0.005
_OVER = 4  # oversampling that shows the peaks between samples (ITU-R BS.1770, annex 2)


@dataclass(frozen=True, slots=True)
class Mastered:
    """A recording as callers will hear it, and what it was like before."""

    sound: Sound
    measured: Measured
    gain_db: float

    @property
    def seconds(self) -> float:
        """How long it lasts."""
        return len(self.sound.pcm) / 2 / self.sound.sample_rate


def mastered(path: Path, text: str, *, part: bool = False) -> Mastered:
    """The recording of `text`, or of a `part` of a sentence. Raises RecordingRefused."""
    take = decoded(path)
    found = measured(take, text, part=part)
    rate = min(take.sample_rate, HIGHEST_RATE)
    samples = mono(take)
    samples = resampled(samples - samples.mean(dtype=np.float32), take.sample_rate, rate)
    samples = _faded(_trimmed(samples, rate), rate)
    near = samples * np.float32(10 ** ((TARGET_DBFS - found.speech_dbfs) / 20))  # so that levelling need not go far
    loud = levelled(near, rate)
    loud = loud * np.float32(min(1.0, PEAK / true_peak(loud)))
    gain = float(np.abs(loud).max() / np.abs(samples).max())
    return Mastered(Sound(to_pcm(loud), rate), found, 20 * float(np.log10(gain)))


def true_peak(samples: Floats) -> float:
    """The highest point of the sound between the samples too, 1.0 at full scale."""
    return max(float(np.abs(samples).max()), float(np.abs(resampled(samples, 1, _OVER)).max()))


def as_flac(sound: Sound) -> bytes:
    """The sound as a FLAC file, 16 bits."""
    out = io.BytesIO()
    soundfile.write(out, np.frombuffer(sound.pcm, dtype="<i2"), sound.sample_rate, subtype="PCM_16", format="FLAC")
    return out.getvalue()


def holds(path: Path, sound: Sound) -> bool:
    """Whether the file is this very sound, whole."""
    try:
        samples, rate = soundfile.read(path, dtype="int16")
    except (OSError, RuntimeError):  # soundfile's error is a RuntimeError
        return False
    return int(rate) == sound.sample_rate and samples.tobytes() == sound.pcm


def _trimmed(samples: Floats, rate: int) -> Floats:
    first, last = speech_span(frame_levels(samples, rate))
    start, stop = first * FRAME_S - LEAD_S, (last + 1) * FRAME_S + TAIL_S
    return samples[max(0, round(start * rate)) : round(stop * rate)]


def _faded(samples: Floats, rate: int) -> Floats:
    """The ends rise and fall within 5 ms: cut in the middle of a room's noise they would tick."""
    ramp = np.linspace(0, 1, min(round(FADE_S * rate), len(samples) // 2), dtype=np.float32)
    faded = samples.copy()
    faded[: len(ramp)] *= ramp
    faded[len(faded) - len(ramp) :] *= ramp[::-1]
    return faded
