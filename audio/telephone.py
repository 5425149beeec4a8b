"""What a telephone line leaves of a voice: 300 to 3400 Hz at 8 kHz, in the steps of A-law (ITU-T G.711)."""

from __future__ import annotations

import numpy as np
from scipy.signal import butter, sosfilt

from .loudness import Floats, resampled, to_pcm

RATE = 8000  # Hz
_BAND_HZ = (300, 3400)
_A = 87.6


def narrowed(samples: Floats, sample_rate: int) -> Floats:
    """`samples` (n,) in the telephone's band (Butterworth, 4th order), at 8 kHz."""
    band = butter(4, _BAND_HZ, btype="band", fs=RATE, output="sos")
    passed: Floats = sosfilt(band, resampled(samples, sample_rate, RATE))
    return passed


def through_a_law(samples: Floats) -> Floats:
    """There and back; what is beyond -1..1 is clipped."""
    samples = np.clip(samples, -1, 1)
    size, whole = np.abs(samples), 1 + np.log(_A)
    curved = np.where(size < 1 / _A, _A * size / whole, (1 + np.log(np.maximum(_A * size, 1))) / whole)
    steps = np.round(curved * 127) / 127
    expanded: Floats = np.sign(samples) * np.where(steps < 1 / whole, steps * whole / _A, np.exp(steps * whole - 1) / _A)
    return expanded.astype(np.float32)


def telephone(samples: Floats, sample_rate: int) -> bytes:
    """16-bit PCM at 8 kHz, as loud as the samples are."""
    return to_pcm(through_a_law(narrowed(samples, sample_rate)))
