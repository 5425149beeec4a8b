"""Sentences joined of recorded parts: no click, no hole, one level."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audio.joining import Part, joined
from audio.loudness import SILENCE_DBFS, TARGET_DBFS, Floats, frame_levels

RATE = 16000


def word(hertz: float, seconds: float, dbfs: float = -21.0, silence_s: float = 0.1, offset: float = 0.0) -> Floats:
    """A tone with silence around it, in which it rises and falls within 10 ms; without silence it is cut off hard."""
    at = np.arange(round(seconds * RATE)) / RATE
    sound = np.sqrt(2) * 10 ** (dbfs / 20) * np.sin(2 * np.pi * hertz * at + offset)
    if silence_s:
        sound *= np.clip(np.minimum(at, at[::-1]) / 0.01, 0, 1)
    silence = np.zeros(round(silence_s * RATE))
    return np.concatenate([silence, sound, silence]).astype(np.float32)


def longest_gap(samples: Floats) -> float:
    """Seconds, between the first sound and the last."""
    loud = np.flatnonzero(frame_levels(samples, RATE) > SILENCE_DBFS)
    return float((np.diff(loud).max() - 1) * 0.02) if len(loud) > 1 else 0.0


words = st.builds(
    word,
    st.floats(100, 400),
    st.floats(0.08, 0.6),
    st.floats(-30, -12),
    st.sampled_from([0.0, 0.06, 0.5]),
    st.floats(0, np.pi),
)


@given(st.lists(st.builds(Part, words, st.booleans()), min_size=2, max_size=6))
@settings(max_examples=40, deadline=None)
def test_no_join_clicks_no_gap_is_long_and_all_parts_stand_at_one_level(parts: list[Part]) -> None:
    whole = joined(parts, RATE)
    steepest = np.sqrt(2) * 10 ** (TARGET_DBFS / 20) * 2 * np.pi * 400 / RATE  # of the tones themselves
    assert np.abs(np.diff(whole)).max() <= 1.5 * steepest
    assert abs(whole[0]) < 0.001
    assert abs(whole[-1]) < 0.001
    assert longest_gap(whole) <= 0.12
    assert np.percentile(frame_levels(whole, RATE), 90) == pytest.approx(TARGET_DBFS, abs=2.5)


def test_two_parts_of_different_level_come_out_alike() -> None:
    whole = joined([Part(word(200, 0.4, -30)), Part(word(300, 0.4, -14))], RATE)
    half = len(whole) // 2
    first, second = (float(np.sqrt(np.mean(piece**2))) for piece in (whole[1000 : half - 1000], whole[half + 1000 : -1000]))
    assert 20 * np.log10(first / second) == pytest.approx(0, abs=1)


def test_nothing_cannot_be_joined() -> None:
    with pytest.raises(ValueError, match="nothing to join"):
        joined([], RATE)
