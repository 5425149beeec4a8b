"""Whether a file is a recording that callers can be played: it can be read, and there is speech's worth of sound in it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import soundfile

LOWEST_RATE = 8000
LONGEST_S = 120.0
SHORTEST_S = 0.2
SILENCE_DBFS = -50.0
"""The loudest moment of a recording lies above."""
FULL_SCALE = 0.999
CLIPPED_RUN = 3  # so many samples in a row at full scale are no peak
CLIPPED_SHARE = 0.0005
FASTEST = 45.0  # characters of text a second; the fastest speakers stay below 30
_WINDOW_S = 0.02
_SAVE_AS = "save it as WAV (16-bit PCM, mono, 16 kHz or more), FLAC, Ogg or MP3"

_Samples = npt.NDArray[np.float32]


def why_no_recording(file: Path, text: str) -> str:
    """Why the file cannot be the recording of this text; "" when it can."""
    try:
        info = soundfile.info(str(file))
        if info.samplerate < LOWEST_RATE:
            return f"{info.samplerate} Hz is too low for speech: at least {LOWEST_RATE} Hz are needed, 16000 or more are better"
        if info.duration > LONGEST_S:
            return f"{info.duration:.0f} s is too long for a prompt ({LONGEST_S:.0f} s): cut it into one file a prompt"
        channels, rate = soundfile.read(str(file), dtype="float32", always_2d=True)
    except (OSError, RuntimeError, TypeError, ValueError) as error:  # soundfile's own error is a RuntimeError
        return f"not a sound file that can be read ({_reason(error)}): {_SAVE_AS}"
    return _why_not(channels, int(rate), text)


def _reason(error: Exception) -> str:
    """What is wrong, without the path that soundfile puts before it."""
    if isinstance(error, TypeError):
        return "sound without a header says neither rate nor channels"
    reason = str(error).rpartition("': ")[2].strip()
    return reason.rstrip(".") or type(error).__name__


def _why_not(channels: _Samples, rate: int, text: str) -> str:
    if not channels.size:
        return "there is no sound in it: 0 samples"
    if not np.isfinite(channels).all():
        return f"damaged: some samples are no numbers; {_SAVE_AS}"
    samples = channels.mean(axis=1)
    levels = _levels(samples, rate)
    loud = np.flatnonzero(levels > SILENCE_DBFS)
    if not loud.size:
        if channels.shape[1] > 1 and max(_levels(channel, rate).max() for channel in channels.T) > SILENCE_DBFS:
            return "silent as one channel: its channels cancel each other out; save one of them as mono"
        return f"silent: its loudest moment is at {levels.max():.0f} dBFS, speech lies above {SILENCE_DBFS:.0f}"
    sounding = (int(loud[-1]) - int(loud[0]) + 1) * _WINDOW_S
    if sounding < SHORTEST_S or sounding < len(text) / FASTEST:
        return f"too short: {sounding:.1f} s of sound" + (f" for a text of {len(text)} characters" if text else "")
    clipped = _clipped(channels)
    if clipped > CLIPPED_SHARE:
        return f"clipped: {clipped:.1%} of it is cut off at full scale; record it again with less gain"
    return ""


def _levels(samples: _Samples, rate: int) -> npt.NDArray[np.float64]:
    """The level of each 20 ms in dBFS, without any constant offset."""
    width = max(1, round(_WINDOW_S * rate))
    padded = np.pad(samples - samples.mean(), (0, -len(samples) % width))
    power = np.square(padded.reshape(-1, width), dtype=np.float64).mean(axis=1)
    return np.asarray(10 * np.log10(np.maximum(power, 1e-12)))


def _clipped(channels: _Samples) -> float:
    """The share of samples that stand in a run at full scale."""
    full = np.abs(channels) >= FULL_SCALE
    runs = (
        np.lib.stride_tricks.sliding_window_view(full, CLIPPED_RUN, axis=0).all(axis=-1) if len(full) >= CLIPPED_RUN else full[:0]
    )
    return float(runs.sum()) / full.size
