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


def trimmed(
    samples: Floats, sample_rate: int, silence_dbfs: float = SILENCE_DBFS, *, lead_s: float = LEAD_S, tail_s: float = TAIL_S
) -> Floats:
    """Without long silence at both ends; all of it when there is nothing but silence."""
    loud = np.flatnonzero(frame_levels(samples, sample_rate) > silence_dbfs)
    if not loud.size:
        return samples
    frame = round(_FRAME_S * sample_rate)
    start = max(0, int(loud[0]) * frame - round(lead_s * sample_rate))
    stop = (int(loud[-1]) + 1) * frame + round(tail_s * sample_rate)
    return samples[start:stop]


def levelled(samples: Floats, sample_rate: int, *, most_gain_db: float = MOST_GAIN_DB) -> Floats:
    """With its active speech at `TARGET_DBFS`, by at most `most_gain_db`, and no peak over `PEAK`: scaled, never squeezed."""
    levels = frame_levels(samples, sample_rate)
    active = levels[levels > SILENCE_DBFS]
    if not active.size:
        return samples
    level = 10 * np.log10(np.mean(10 ** (active / 10)))
    gain = 10 ** (float(np.clip(TARGET_DBFS - level, -most_gain_db, most_gain_db)) / 20)
    gain = min(gain, PEAK / float(np.abs(samples).max()))
    return samples * np.float32(gain)


def frame_levels(samples: Floats, sample_rate: int) -> npt.NDArray[np.float64]:
    """Level of each 20 ms frame in dBFS, -120 for digital silence: (frames,)."""
    frame = round(_FRAME_S * sample_rate)
    whole = np.zeros(-(-len(samples) // frame) * frame)
    whole[: len(samples)] = samples
    power = (whole.reshape(-1, frame) ** 2).mean(axis=1)
    levels: npt.NDArray[np.float64] = 10 * np.log10(np.maximum(power, 1e-12))
    return levels


def speech_level(levels: npt.NDArray[np.float64]) -> float:
    """Of the frames' levels: the mean power, in dBFS, of those within 20 dB of the loudest."""
    active = levels[levels > np.percentile(levels, 95) - 20.0]
    return float(10 * np.log10(np.mean(10 ** (active / 10))))


def noise_level(levels: npt.NDArray[np.float64]) -> float:
    """Of the frames' levels: the mean power of the quietest tenth of a second, in dBFS."""
    width = min(len(levels), 5)
    power = np.convolve(10 ** (levels / 10), np.full(width, 1 / width), "valid")
    return float(10 * np.log10(max(power.min(), 1e-12)))


def speech_threshold(levels: npt.NDArray[np.float64]) -> float:
    """The level in dBFS above which a frame counts as speech: 30 dB below the speech, but above the noise. What lies within 20 dB
    of the speech is no noise: it is speech that was cut close.
    """
    speech, noise = speech_level(levels), noise_level(levels)
    return max(speech - 30.0, noise + 8.0 if noise < speech - 20.0 else -120.0)
