"""Music for whoever waits: the built-in piece, and a bank's own file."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

from audio.music import Music, quiet_music


def test_the_built_in_piece_is_quiet_and_comes_back_without_a_seam() -> None:
    sound = quiet_music()
    samples = np.frombuffer(sound.pcm, "<i2").astype(int)
    assert 15 < len(samples) / sound.sample_rate < 60
    assert np.abs(samples).max() < 32768 / 5, "behind speech"
    assert abs(samples[0] - samples[-1]) <= np.abs(np.diff(samples)).max(), "a click would be heard every time"
    power = (samples.reshape(-1, sound.sample_rate // 5) ** 2).mean(axis=1)
    assert power.min() > 0, "no gap in which somebody would think that the line is dead"


@pytest.mark.parametrize("rate", [8000, 16000])
@pytest.mark.parametrize("channels", [1, 2])
def test_a_file_is_played_at_any_rate(tmp_path: Path, rate: int, channels: int) -> None:
    file = tmp_path / "music.flac"
    tone = 0.1 * np.sin(np.arange(44100) * 2 * np.pi * 440 / 44100)
    soundfile.write(file, np.stack([tone] * channels, axis=1), 44100)
    samples = np.frombuffer(Music(file).pcm(rate), "<i2").astype(float)
    assert abs(len(samples) - rate) < rate / 100
    assert abs(np.abs(np.fft.rfft(samples)).argmax() * rate / len(samples) - 440) < 2


@pytest.mark.parametrize("content", [None, b"", b"no music"])
def test_what_cannot_be_read_is_replaced(tmp_path: Path, content: bytes | None) -> None:
    file = tmp_path / "music.wav"
    if content is not None:
        file.write_bytes(content)
    assert Music(file).pcm(16000) == Music().pcm(16000)


def test_a_piece_is_made_once_a_rate() -> None:
    music = Music()
    assert music.pcm(8000) is music.pcm(8000)
