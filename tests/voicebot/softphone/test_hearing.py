"""The caller's ear tells speech from silence, and when each began."""

from __future__ import annotations

import numpy as np
import pytest

from voicebot.softphone.hearing import BotSound

RATE = 8000
CHUNK_S = 0.02


def _changes(levels: list[tuple[float, float]], start: float = 100.0) -> list[tuple[str, float]]:
    """Feed stretches of (seconds, amplitude 0..1) in real-time chunks; what the ear reported, times from the start."""
    ear = BotSound(RATE)
    now, found = start, []
    for seconds, amplitude in levels:
        for _ in range(round(seconds / CHUNK_S)):
            now += CHUNK_S
            time = np.arange(int(RATE * CHUNK_S)) / RATE
            pcm = (32767 * amplitude * np.sin(2 * np.pi * 400 * time)).astype(np.int16).tobytes()
            found += [(what, at - start) for what, at in ear.feed(pcm, now)]
    return found


@pytest.mark.parametrize(
    ("levels", "expected"),
    [
        pytest.param([(2.0, 0.0)], [], id="silence"),
        pytest.param([(1.0, 0.001)], [], id="line noise"),
        pytest.param([(0.5, 0.0), (0.02, 0.5), (1.0, 0.0)], [], id="a click"),
        pytest.param([(0.5, 0.0), (1.0, 0.3), (1.0, 0.0)], [("bot_started", 0.5), ("bot_stopped", 1.5)], id="one utterance"),
        pytest.param(
            [(0.5, 0.3), (0.2, 0.0), (0.5, 0.3), (1.0, 0.0)], [("bot_started", 0.0), ("bot_stopped", 1.2)], id="a pause inside"
        ),
        pytest.param(
            [(0.5, 0.3), (0.6, 0.0), (0.5, 0.3), (1.0, 0.0)],
            [("bot_started", 0.0), ("bot_stopped", 0.5), ("bot_started", 1.1), ("bot_stopped", 1.6)],
            id="two utterances",
        ),
    ],
)
def test_what_is_heard(levels: list[tuple[float, float]], expected: list[tuple[str, float]]) -> None:
    found = _changes(levels)
    assert [what for what, _ in found] == [what for what, _ in expected]
    assert [at for _, at in found] == pytest.approx([at for _, at in expected], abs=0.021)
