"""What is measured of a recording before it is touched, and what of it the speaker or the studio should mend."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from audio.errors import RecordingRefused
from audio.loudness import SILENCE_DBFS, Floats, frame_levels, noise_level, speech_level, speech_threshold
from audio.studio.decoding import SAVE_AS, Take, mono

SHORTEST_S = 0.2
SHORTEST_PART_S = 0.05
"""Of a part of a sentence: "i", "do"."""
FULL_SCALE = 0.999
CLIPPED_RUN = 3  # so many samples in a row at full scale are no peak
CLIPPED_SHARE = 0.0005
FASTEST = 45.0  # characters of text a second; the fastest speakers stay below 30
BRISK, SLOW = 28.0, 5.0
"""Characters a second outside of which the recording may be of another text. A pause at a comma or full stop is no speech."""
PAUSE_S = 0.6
LEAST_SNR_DB = 30.0
LOUDEST_NOISE_DBFS = -50.0
MOST_DC = 0.01
QUIET_DBFS = -42.0
"""Speech below it is raised so far that the room is heard."""
_CLICK_S, _APART_S = 0.04, 0.25
FRAME_S = 0.02
"""Of the levels that are looked at."""


@dataclass(frozen=True, slots=True)
class Measured:
    """A recording as it came."""

    seconds: float
    """From the first sound to the last."""
    speech_dbfs: float
    """Level of the active speech."""
    noise_dbfs: float
    """Level of the quietest tenth; -120 for digital silence."""
    peak_dbfs: float
    clipped: float
    """Share of samples cut off at full scale."""
    dc: float
    """Constant offset, 1.0 at full scale."""

    def doubts(self, text: str) -> tuple[str, ...]:
        """What somebody should listen to before callers do; () when all is well."""
        found = []
        if self.clipped:
            found.append(f"clipped in {self.clipped:.2%} of it")
        if self.noise_dbfs > LOUDEST_NOISE_DBFS and self.speech_dbfs - self.noise_dbfs < LEAST_SNR_DB:
            found.append(f"noise at {self.noise_dbfs:.0f} dBFS, {self.speech_dbfs - self.noise_dbfs:.0f} dB below the speech")
        if abs(self.dc) > MOST_DC:
            found.append(f"constant offset of {self.dc:.1%} (taken out)")
        if self.speech_dbfs < QUIET_DBFS:
            found.append(f"quiet: speech at {self.speech_dbfs:.0f} dBFS")
        pauses = PAUSE_S * sum(text.rstrip(" .,:;!?").count(mark) for mark in ".,:;!?")
        if len(text) >= 12 and self.seconds < len(text) / BRISK:
            found.append(f"fast: {self.seconds:.1f} s for {len(text)} characters; is it the whole text?")
        elif len(text) >= 12 and self.seconds > len(text) / SLOW + pauses:
            found.append(f"long: {self.seconds:.1f} s for {len(text)} characters; is it this text?")
        return tuple(found)


def measured(take: Take, text: str, *, part: bool = False) -> Measured:
    """What the recording is like. Raises RecordingRefused when callers must not hear it as this text."""
    if not take.samples.size:
        raise RecordingRefused("there is no sound in it: 0 samples")
    if not np.isfinite(take.samples).all():
        raise RecordingRefused(f"damaged: some samples are no numbers; {SAVE_AS}")
    samples = mono(take)
    offset = float(samples.mean(dtype=np.float64))
    levels = frame_levels(samples - np.float32(offset), take.sample_rate)
    loud = np.flatnonzero(levels > SILENCE_DBFS)
    if not loud.size:
        raise RecordingRefused(f"silent: its loudest moment is at {levels.max():.0f} dBFS, speech lies above {SILENCE_DBFS:.0f}")
    first, last = speech_span(levels)
    seconds = (last - first + 1) * FRAME_S
    if seconds < (SHORTEST_PART_S if part else SHORTEST_S) or seconds < len(text) / FASTEST:
        raise RecordingRefused(f"too short: {seconds:.1f} s of sound" + f" for a text of {len(text)} characters")
    clipped = _clipped(take.samples)
    if clipped > CLIPPED_SHARE:
        raise RecordingRefused(f"clipped: {clipped:.1%} of it is cut off at full scale; record it again with less gain")
    peak = float(np.abs(take.samples).max())
    return Measured(seconds, speech_level(levels), noise_level(levels), 20 * float(np.log10(max(peak, 1e-6))), clipped, offset)


def speech_span(levels: npt.NDArray[np.float64]) -> tuple[int, int]:
    """The first and the last frame of speech. A click that stands alone (a mouse, the start of a codec) is none of it."""
    loud = np.flatnonzero(levels > speech_threshold(levels))
    runs = np.split(loud, np.flatnonzero(np.diff(loud) > _APART_S / FRAME_S) + 1)
    spoken = [run for run in runs if len(run) * FRAME_S > _CLICK_S] or runs
    return int(spoken[0][0]), int(spoken[-1][-1])


def _clipped(channels: Floats) -> float:
    """The share of samples that stand in a run at full scale."""
    full = np.abs(channels) >= FULL_SCALE
    runs = (
        np.lib.stride_tricks.sliding_window_view(full, CLIPPED_RUN, axis=0).all(axis=-1) if len(full) >= CLIPPED_RUN else full[:0]
    )
    return float(runs.sum()) / full.size
