"""What a telephone line leaves of a voice: 300 to 3400 Hz at 8 kHz, in the steps of A-law (ITU-T G.711)."""

from __future__ import annotations

import io

import numpy as np
import soundfile
from scipy.signal import butter, sosfilt

from .loudness import Floats, resampled, to_pcm

RATE = 8000  # Hz
_BAND_HZ = (300, 3400)


def narrowed(samples: Floats, sample_rate: int) -> Floats:
    """`samples` (n,) in the telephone's band (Butterworth, 4th order), at 8 kHz."""
    band = butter(4, _BAND_HZ, btype="band", fs=RATE, output="sos")
    passed: Floats = sosfilt(band, resampled(samples, sample_rate, RATE))
    return passed


def through_a_law(pcm: bytes) -> bytes:
    """16-bit PCM at 8 kHz after A-law (ITU-T G.711) and back."""
    file = io.BytesIO()
    soundfile.write(file, np.frombuffer(pcm, dtype="<i2"), RATE, subtype="ALAW", format="WAV")
    file.seek(0)
    samples, _ = soundfile.read(file, dtype="int16")
    return bytes(samples.astype("<i2").tobytes())


def telephone(samples: Floats, sample_rate: int) -> bytes:
    """16-bit PCM at 8 kHz, as loud as the samples are."""
    return through_a_law(to_pcm(narrowed(samples, sample_rate)))
