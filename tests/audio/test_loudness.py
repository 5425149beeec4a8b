"""Prompts of any origin come out at one level, without long silence around them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audio.loudness import LEAD_S, PEAK, TAIL_S, TARGET_DBFS, Floats, levelled, resampled, to_floats, to_pcm, trimmed

RATE = 8000


def tone(level_dbfs: float, seconds: float = 1.0, sample_rate: int = RATE, hertz: float = 440) -> Floats:
    at = np.arange(round(seconds * sample_rate)) / sample_rate
    samples: Floats = (np.sqrt(2) * 10 ** (level_dbfs / 20) * np.sin(2 * np.pi * hertz * at)).astype(np.float32)
    return samples


def level(samples: Floats) -> float:
    return float(10 * np.log10(np.mean(samples.astype(np.float64) ** 2)))


@pytest.mark.parametrize("quiet", [-33.0, -27.0, -21.0, -10.0])
def test_speech_is_brought_to_one_level(quiet: float) -> None:
    assert level(levelled(tone(quiet), RATE)) == pytest.approx(TARGET_DBFS, abs=0.2)


def test_a_whisper_is_raised_gently_not_wholly() -> None:
    assert level(levelled(tone(-45), RATE)) == pytest.approx(-33, abs=0.2)


def test_no_peak_is_clipped() -> None:
    samples = tone(-40)
    samples[100] = 0.9
    assert np.abs(levelled(samples, RATE)).max() <= PEAK + 1e-6


def test_silence_stays_silence() -> None:
    nothing = np.zeros(RATE, dtype=np.float32)
    assert np.array_equal(levelled(nothing, RATE), nothing)
    assert np.array_equal(trimmed(nothing, RATE), nothing)


def test_long_silence_around_speech_is_cut_and_the_speech_is_whole() -> None:
    silence = np.zeros(RATE, dtype=np.float32)
    cut = trimmed(np.concatenate([silence, tone(-20), silence]), RATE)
    assert len(cut) == pytest.approx(RATE * (1 + LEAD_S + TAIL_S), abs=RATE * 0.04)
    assert np.sum(cut**2) == pytest.approx(np.sum(tone(-20) ** 2), rel=1e-3)


def test_going_down_to_telephone_rate_leaves_nothing_above_its_band() -> None:
    """6 kHz does not fold back into 2 kHz."""
    assert level(resampled(tone(-10, sample_rate=22050, hertz=6000), 22050, 8000)[400:-400]) < -80


@given(st.binary(max_size=400).map(lambda data: data[: len(data) // 2 * 2]))
@settings(deadline=None)
def test_pcm_survives_the_way_through_floats(pcm: bytes) -> None:
    assert to_pcm(to_floats(pcm)) == pcm
