"""A stream resampled in pieces is the stream resampled at once."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audio.resample import StreamResampler

TONE = (8000 * np.sin(2 * np.pi * 440 * np.arange(16000) / 16000)).astype("<i2").tobytes()


@given(sizes=st.lists(st.integers(1, 5000), min_size=1, max_size=10))
@settings(max_examples=25, deadline=None)
def test_pieces_of_any_size_give_the_same_sound(sizes: list[int]) -> None:
    stream, found, at = StreamResampler(16000, 8000), b"", 0
    while at < len(TONE):
        for size in sizes:
            found += stream.feed(TONE[at : at + size])
            at += size
    found += stream.finish()
    whole = StreamResampler(16000, 8000).finish(TONE)
    assert len(found) == len(whole)
    apart = np.frombuffer(found, dtype="<i2").astype(int) - np.frombuffer(whole, dtype="<i2")
    assert np.abs(apart).max() <= 4, "but for the dither"


@pytest.mark.parametrize(("source", "target"), [(48000, 16000), (16000, 8000), (8000, 16000), (22050, 8000)])
def test_a_second_stays_a_second(source: int, target: int) -> None:
    assert len(StreamResampler(source, target).finish(bytes(2 * source))) == pytest.approx(2 * target, abs=4)
