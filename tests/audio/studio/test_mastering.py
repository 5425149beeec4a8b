"""A studio's file becomes a prompt at the level of the others; formats that need ffmpeg say so where it is missing."""

from __future__ import annotations

import io
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from audio.errors import RecordingRefused
from audio.loudness import LEAD_S, PEAK, SILENCE_DBFS, TAIL_S, TARGET_DBFS, Floats, frame_levels, to_floats, to_pcm
from audio.studio.decoding import decoded
from audio.studio.mastering import as_flac, mastered, true_peak
from audio.telephone import through_a_law

RATE = 44100
SYLLABLES_S = 2.4


def speech(
    level_dbfs: float = -25.0, noise_dbfs: float = -70.0, rate: int = RATE, before_s: float = 0.7, after_s: float = 1.3
) -> Floats:
    """Syllables of a voice-like tone, in a room."""
    at = np.arange(round(SYLLABLES_S * rate)) / rate
    tone = sum(np.sin(2 * np.pi * 140 * harmonic * at) / harmonic for harmonic in range(1, 20))
    voiced = tone * np.abs(np.sin(2 * np.pi * 1.25 * at + 0.3))
    voiced *= 10 ** (level_dbfs / 20) / np.sqrt(np.mean(voiced**2))
    whole = np.concatenate([np.zeros(round(0.7 * rate)), voiced, np.zeros(round(1.3 * rate))])
    room = 10 ** (noise_dbfs / 20) * np.random.default_rng(1).standard_normal(len(whole))
    return np.asarray(whole + room, dtype=np.float32)


@given(
    level=st.floats(-45, -14),
    noise=st.floats(-90, -60),
    rate=st.sampled_from([8000, 16000, 44100, 48000]),
    offset=st.floats(-0.02, 0.02),
    subtype=st.sampled_from(["PCM_16", "PCM_24", "FLOAT"]),
)
@settings(max_examples=20, deadline=None)
def test_whatever_the_level_the_room_and_the_offset_it_comes_out_alike(
    level: float, noise: float, rate: int, offset: float, subtype: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.mktemp("take") / "take.wav"
    soundfile.write(path, np.clip(speech(level, min(noise, level - 35), rate) + offset, -0.99, 0.99), rate, subtype)
    found = mastered(path, "Dzień dobry, tu automat")
    samples = to_floats(found.sound.pcm)
    levels = frame_levels(samples, found.sound.sample_rate)
    active = levels[levels > SILENCE_DBFS]
    assert 10 * np.log10(np.mean(10 ** (active / 10))) == pytest.approx(TARGET_DBFS, abs=1.0)
    assert true_peak(samples) <= PEAK + 0.01
    assert found.seconds == pytest.approx(SYLLABLES_S + LEAD_S + TAIL_S, abs=0.12)
    assert abs(samples.mean()) < 0.002
    assert found.measured.dc == pytest.approx(offset, abs=0.003)
    again, _ = soundfile.read(io.BytesIO(as_flac(found.sound)), dtype="float32")
    assert to_pcm(again) == found.sound.pcm, "the file holds this very sound"


def test_the_louder_channel_is_taken_where_the_other_is_empty(tmp_path: Path) -> None:
    one = speech()
    soundfile.write(tmp_path / "left.wav", np.column_stack([one, np.zeros_like(one)]), RATE, "PCM_24")
    soundfile.write(tmp_path / "mono.wav", one, RATE, "PCM_24")
    assert mastered(tmp_path / "left.wav", "x").sound == mastered(tmp_path / "mono.wav", "x").sound


def test_a_click_beside_the_speech_is_cut_off(tmp_path: Path) -> None:
    take = speech()
    take[100:110] = 0.5
    soundfile.write(tmp_path / "take.wav", take, RATE)
    assert mastered(tmp_path / "take.wav", "x").seconds == pytest.approx(SYLLABLES_S + LEAD_S + TAIL_S, abs=0.1)


def test_a_telephone_carries_it_with_the_noise_of_a_law() -> None:
    pcm = to_pcm(speech(rate=8000))
    heard = through_a_law(pcm)
    assert len(heard) == len(pcm)
    noise = to_floats(heard) - to_floats(pcm)
    assert 30 < 10 * np.log10(np.mean(to_floats(pcm) ** 2) / np.mean(noise**2)) < 45


def test_a_format_that_needs_ffmpeg_names_the_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "take.m4a").write_bytes(b"\0\0\0 ftypM4A " + bytes(99))
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(RecordingRefused, match=r"\.m4a needs ffmpeg: install Debian's package ffmpeg, or save it as WAV"):
        decoded(tmp_path / "take.m4a")
    (tmp_path / "take.m4a").rename(tmp_path / "take.wav")
    with pytest.raises(RecordingRefused, match="the MP4 in it needs ffmpeg"):
        decoded(tmp_path / "take.wav")


@pytest.mark.skipif(shutil.which("ffmpeg") is None or shutil.which("ffprobe") is None, reason="ffmpeg is not installed")
@pytest.mark.parametrize(("name", "codec"), [("take.m4a", "aac"), ("take.aac", "aac"), ("alac.m4a", "alac")])
def test_with_ffmpeg_the_formats_of_phones_are_read(tmp_path: Path, name: str, codec: str) -> None:
    soundfile.write(tmp_path / "take.wav", speech(), RATE)
    subprocess.run(["ffmpeg", "-v", "error", "-i", tmp_path / "take.wav", "-c:a", codec, tmp_path / name], check=True)
    assert mastered(tmp_path / name, "x").seconds == pytest.approx(SYLLABLES_S + LEAD_S + TAIL_S, abs=0.12)
    (tmp_path / "list.m4a").write_text(f"#EXTM3U\n#EXTINF:1,\n{tmp_path / 'take.wav'}\n")
    with pytest.raises(RecordingRefused, match="not a sound file that can be read"):
        decoded(tmp_path / "list.m4a")
