"""What makes prompts of different origin sound alike: no long silence around them, one level, and a rate of choice."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import soxr

TARGET_DBFS = -21.0  # level of the active speech (ITU-T P.56 in spirit); leaves a telephone line some headroom
MOST_GAIN_DB = 12.0
PEAK = 0.89  # -1 dBFS
LEAD_S, TAIL_S = 0.04, 0.12  # silence left at the ends
SILENCE_DBFS = -50.0

_FRAME_S = 0.02

Floats = npt.NDArray[np.float32]


def to_floats(pcm: bytes) -> Floats:
    """16-bit PCM as floats in -1..1."""
    return np.frombuffer(pcm, dtype="<i2").astype(np.float32) / np.float32(32768)


def to_pcm(samples: Floats) -> bytes:
    """Floats in -1..1 as 16-bit PCM; what is louder is clipped."""
    return (np.clip(samples, -1.0, 32767 / 32768) * 32768).round().astype("<i2").tobytes()


def resampled(samples: Floats, source: int, target: int) -> Floats:
    """`samples` at `target` Hz, band-limited (soxr HQ)."""
    if source == target:
        return samples
    result: Floats = soxr.resample(samples, source, target, quality="HQ")
    return result


def trimmed(samples: Floats, sample_rate: int) -> Floats:
    """Without long silence at both ends; all of it when there is nothing but silence."""
    loud = np.flatnonzero(_levels(samples, sample_rate) > SILENCE_DBFS)
    if not loud.size:
        return samples
    frame = round(_FRAME_S * sample_rate)
    start = max(0, int(loud[0]) * frame - round(LEAD_S * sample_rate))
    stop = (int(loud[-1]) + 1) * frame + round(TAIL_S * sample_rate)
    return samples[start:stop]


def levelled(samples: Floats, sample_rate: int, *, most_gain_db: float = MOST_GAIN_DB) -> Floats:
    """With its active speech at `TARGET_DBFS`, by at most `most_gain_db`, and no peak over `PEAK`: scaled, never squeezed."""
    levels = _levels(samples, sample_rate)
    active = levels[levels > SILENCE_DBFS]
    if not active.size:
        return samples
    level = 10 * np.log10(np.mean(10 ** (active / 10)))
    gain = 10 ** (float(np.clip(TARGET_DBFS - level, -most_gain_db, most_gain_db)) / 20)
    gain = min(gain, PEAK / float(np.abs(samples).max()))
    return samples * np.float32(gain)


def _levels(samples: Floats, sample_rate: int) -> npt.NDArray[np.float64]:
    """Level of each 20 ms frame in dBFS, -120 for digital silence: (frames,)."""
    frame = round(_FRAME_S * sample_rate)
    whole = np.zeros(-(-len(samples) // frame) * frame)
    whole[: len(samples)] = samples
    power = (whole.reshape(-1, frame) ** 2).mean(axis=1)
    levels: npt.NDArray[np.float64] = 10 * np.log10(np.maximum(power, 1e-12))
    return levels
