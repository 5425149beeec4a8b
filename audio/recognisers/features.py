"""Whisper's input: the log-mel spectrogram of 16 kHz speech (Radford et al. 2022, section 2.2), padded only as far as asked."""

from __future__ import annotations

from functools import cache

import numpy as np
import numpy.typing as npt

SAMPLE_RATE = 16_000
FRAMES_PER_S = 100

_FFT = 400  # 25 ms
_HOP = SAMPLE_RATE // FRAMES_PER_S
_SILENCE = -10.0  # log10 of the least power told apart

Floats = npt.NDArray[np.float32]


def log_mel(samples: Floats, context_s: float, bands: int = 80) -> Floats:
    """Spectrogram (bands, 100 * context_s) of `samples` (n,) at 16 kHz, -1..1; what is missing to `context_s` is silence."""
    frames = round(context_s * FRAMES_PER_S)
    kept = samples[: frames * _HOP]
    half = _FFT // 2
    heard = min(frames, (len(kept) + half) // _HOP + 1)  # frames that any sample reaches; the others are silence
    padded = np.zeros((heard - 1) * _HOP + _FFT, dtype=np.float32)
    reach = min(len(kept), len(padded) - half)
    padded[half : half + reach] = kept[:reach]
    padded[:half] = padded[half + 1 : _FFT + 1][::-1]  # reflected, as in training; the far end is silence anyway
    cut = np.lib.stride_tricks.sliding_window_view(padded, _FFT)[::_HOP]
    spectrum = np.fft.rfft(cut * _window(), axis=1)
    power = spectrum.real**2 + spectrum.imag**2
    mel = np.full((bands, frames), _SILENCE, dtype=np.float32)
    np.log10(np.maximum(_filters(bands) @ power.T, 10**_SILENCE), out=mel[:, :heard])
    np.maximum(mel, mel.max() - 8.0, out=mel)
    return (mel + np.float32(4.0)) / np.float32(4.0)


@cache
def _window() -> Floats:
    return np.hanning(_FFT + 1)[:-1].astype(np.float32)


@cache
def _filters(bands: int) -> Floats:
    """Triangles on Slaney's mel scale (linear below 1 kHz, logarithmic above), each of equal area: (bands, 201)."""
    top = 15 + np.log(SAMPLE_RATE / 2 / 1000) * 27 / np.log(6.4)
    mels = np.linspace(0, top, bands + 2)
    hertz = np.where(mels < 15, mels * 200 / 3, 1000 * np.exp((mels - 15) * np.log(6.4) / 27))
    bins = np.linspace(0, SAMPLE_RATE / 2, _FFT // 2 + 1)
    slopes = hertz[:, None] - bins
    rising = -slopes[:-2] / np.diff(hertz)[:-1, None]
    falling = slopes[2:] / np.diff(hertz)[1:, None]
    triangles = np.maximum(0, np.minimum(rising, falling)) * (2 / (hertz[2:] - hertz[:-2]))[:, None]
    return triangles.astype(np.float32)
