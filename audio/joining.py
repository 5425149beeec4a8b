"""One sentence out of parts that were recorded apart: numbers, hours and the words around them, so that no join is heard.

Each part is cut to its speech, brought to one level, and crossed with the next within a few milliseconds; at a comma or full stop
stands a short pause.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from audio.loudness import Floats, frame_levels, levelled, speech_threshold, trimmed

LEAD_S, TAIL_S = 0.01, 0.02
"""Kept of the silence around a part's speech, on top of the 20 ms to which speech is told from silence."""
CROSS_S = 0.012
PAUSE_S = 0.04
"""More silence after a part that ends a clause. With what is kept of the parts a gap stays below 120 ms."""


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a sentence: its sound, and whether a clause ends with it."""

    samples: Floats
    pause: bool = False


def joined(parts: Sequence[Part], sample_rate: int) -> Floats:
    """The parts as one sentence, at the level of all prompts. Raises ValueError without parts."""
    if not parts:
        raise ValueError("nothing to join")
    cross = round(CROSS_S * sample_rate)
    rise = (0.5 - 0.5 * np.cos(np.pi * (np.arange(cross) + 0.5) / cross)).astype(np.float32)
    pause = np.zeros(round(PAUSE_S * sample_rate), dtype=np.float32)
    whole = np.zeros(cross, dtype=np.float32)
    for part in parts:
        samples = np.array(levelled(_speech(part.samples, sample_rate), sample_rate))  # ours to change
        if len(samples) < 2 * cross:
            samples = np.pad(samples, (0, 2 * cross - len(samples)))
        whole[-cross:] += samples[:cross] * rise
        samples[-cross:] *= rise[::-1]
        whole = np.concatenate([whole, samples[cross:], pause] if part.pause else [whole, samples[cross:]])
    return whole


def _speech(samples: Floats, sample_rate: int) -> Floats:
    threshold = speech_threshold(frame_levels(samples, sample_rate))
    return trimmed(samples, sample_rate, threshold, lead_s=LEAD_S, tail_s=TAIL_S)
