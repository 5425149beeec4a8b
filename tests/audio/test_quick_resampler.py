"""Between 8 and 16 kHz without delay: what is in the band stays, what would fold does not, and nothing waits inside."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from audio.resample import QuickResampler

RATES = [(8000, 16000), (16000, 8000)]


def tone(hertz: float, rate: int, seconds: float = 1.0) -> bytes:
    samples = 10_000 * np.sin(np.arange(int(rate * seconds)) * 2 * np.pi * hertz / rate)
    return bytes(samples.astype("<i2").tobytes())


def level(pcm: bytes, rate: int, hertz: float) -> float:
    """Of one tone in the middle half second, as a share of full scale."""
    samples = np.frombuffer(pcm, "<i2").astype(float)[rate // 4 : rate * 3 // 4]
    wave = np.exp(-2j * np.pi * hertz * np.arange(len(samples)) / rate)
    return float(2 * abs((samples * wave).mean()) / 32768)


@pytest.mark.parametrize(("source", "target"), RATES)
@pytest.mark.parametrize("hertz", [300, 1000, 2000, 3000])
def test_speech_keeps_its_level_and_no_image_of_it_is_made(source: int, target: int, hertz: int) -> None:
    made = QuickResampler(source, target).feed(tone(hertz, source))
    assert level(made, target, hertz) == pytest.approx(10_000 / 32768, rel=0.06)
    if target > source:
        assert level(made, target, 8000 - hertz) < 0.001


@pytest.mark.parametrize("hertz", [5000, 6000, 7500])
def test_what_would_fold_into_speech_is_held_back(hertz: int) -> None:
    made = QuickResampler(16000, 8000).feed(tone(hertz, 16000))
    assert level(made, 8000, 8000 - hertz) < 0.001


@given(pieces=st.lists(st.integers(0, 700), max_size=30), rates=st.sampled_from(RATES))
def test_in_pieces_it_is_the_same_as_in_one_and_nothing_waits(pieces: list[int], rates: tuple[int, int]) -> None:
    pcm = tone(700, rates[0])[: sum(pieces)]
    resampler, made, at = QuickResampler(*rates), b"", 0
    for piece in pieces:
        made += resampler.feed(pcm[at : at + piece])
        at += piece
    assert made == QuickResampler(*rates).feed(pcm)
    assert abs(len(made) / rates[1] - len(pcm) / rates[0]) <= 4 / rates[1] + 4 / rates[0]


def test_other_ratios_are_refused() -> None:
    with pytest.raises(ValueError, match="StreamResampler"):
        QuickResampler(8000, 48000)
