"""Recordings: both sides where they were on one clock, playable whatever happens to the process."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
import wave
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audio.recording import StereoRecording

RATE = 8000


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def pcm(seconds: float, value: int = 1000) -> bytes:
    return np.full(round(seconds * RATE), value, dtype="<i2").tobytes()


def channels(path: Path) -> npt.NDArray[np.int16]:
    """Caller and bot: (samples, 2)."""
    with wave.open(str(path)) as file:
        assert (file.getnchannels(), file.getsampwidth(), file.getframerate()) == (2, 2, RATE)
        return np.frombuffer(file.readframes(file.getnframes()), dtype="<i2").reshape(-1, 2)


def where(channel: npt.NDArray[np.int16]) -> tuple[float, float]:
    """Where sound begins and ends, in seconds."""
    heard = np.flatnonzero(channel)
    return float(heard[0]) / RATE, float(heard[-1] + 1) / RATE


def converse(recording: StereoRecording, clock: Clock, seconds: float, *, bot: int = 0) -> None:
    """The caller's line delivers 20 ms at a time, silence too; what the bot says is told as it is sent."""
    for _ in range(round(seconds / 0.02)):
        clock.now += 0.02
        recording.caller(pcm(0.02, 0))
        if bot:
            recording.bot(pcm(0.02, bot))


def test_the_caller_is_left_the_bot_right_each_at_its_time(tmp_path: Path) -> None:
    clock = Clock()
    recording = StereoRecording(tmp_path / "call.wav", RATE, clock=clock)
    converse(recording, clock, 2)
    converse(recording, clock, 1.5, bot=2000)
    converse(recording, clock, 1.5)
    for _ in range(50):
        clock.now += 0.02
        recording.caller(pcm(0.02, 700))
    recording.close()
    sound = channels(recording.path)
    assert where(sound[:, 1]) == pytest.approx((2, 3.5), abs=0.03)
    assert where(sound[:, 0]) == pytest.approx((5, 6), abs=0.03)
    assert len(sound) / RATE == pytest.approx(6, abs=0.05)


def test_a_gap_of_the_network_stays_a_gap(tmp_path: Path) -> None:
    clock = Clock()
    recording = StereoRecording(tmp_path / "call.wav", RATE, clock=clock)
    clock.now += 0.5
    recording.caller(pcm(0.5))
    clock.now += 2.5
    recording.caller(pcm(0.5))
    recording.close()
    caller = channels(recording.path)[:, 0]
    assert np.all(caller[: RATE // 2] == 1000)
    assert not np.any(caller[RATE // 2 : round(2.5 * RATE)])
    assert np.all(caller[round(2.5 * RATE) :] == 1000)


@given(jitter=st.lists(st.floats(-0.009, 0.009), min_size=50, max_size=120))
@settings(max_examples=20, deadline=None)
def test_jitter_of_the_event_loop_cuts_nothing_into_pieces(tmp_path_factory: pytest.TempPathFactory, jitter: list[float]) -> None:
    clock = Clock()
    recording = StereoRecording(tmp_path_factory.mktemp("jitter") / "call.wav", RATE, clock=clock)
    for number, late in enumerate(jitter, 1):
        clock.now = 100.0 + 0.02 * number + late
        recording.caller(pcm(0.02))
    recording.close()
    caller = channels(recording.path)[:, 0]
    first, last = (round(second * RATE) for second in where(caller))
    assert last - first == len(jitter) * RATE // 50
    assert np.all(caller[first:last] == 1000)


def test_secret_moments_are_silence_on_both_sides(tmp_path: Path) -> None:
    clock = Clock()
    recording = StereoRecording(tmp_path / "call.wav", RATE, clock=clock)
    for value in (1, 2, 3):
        if value == 2:
            recording.pause()
        for _ in range(50):
            clock.now += 0.02
            recording.caller(pcm(0.02, value))
            recording.bot(pcm(0.02, value))
        recording.resume()
    recording.close()
    sound = channels(recording.path)
    assert set(np.unique(sound)) == {0, 1, 3}
    assert not np.any(sound[round(1.03 * RATE) : round(1.97 * RATE)])


def test_memory_does_not_grow_with_the_call(tmp_path: Path) -> None:
    clock = Clock()
    recording = StereoRecording(tmp_path / "call.wav", RATE, clock=clock)
    converse(recording, clock, 50)
    kept = sum(len(samples) for side in recording._sides for _, samples in side._pieces)
    assert kept < 3 * RATE
    recording.close()
    assert len(channels(recording.path)) / RATE == pytest.approx(50, abs=0.1)


def test_closing_twice_and_feeding_after_is_harmless(tmp_path: Path) -> None:
    recording = StereoRecording(tmp_path / "call.wav", RATE)
    recording.caller(pcm(0.1))
    recording.close()
    size = recording.path.stat().st_size
    recording.close()
    recording.caller(pcm(0.1))
    recording.bot(pcm(0.1))
    assert recording.path.stat().st_size == size


def test_a_call_of_nothing_is_an_empty_recording(tmp_path: Path) -> None:
    recording = StereoRecording(tmp_path / "deep" / "folder" / "call.wav", RATE)
    recording.close()
    assert len(channels(recording.path)) == 0


def test_a_discarded_recording_leaves_no_file(tmp_path: Path) -> None:
    recording = StereoRecording(tmp_path / "call.wav", RATE)
    recording.caller(pcm(0.1))
    recording.discard()
    recording.discard()
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_written_is_an_error_at_once(tmp_path: Path) -> None:
    (tmp_path / "recordings").write_text("a file where the folder should be")
    with pytest.raises(OSError, match="recordings"):
        StereoRecording(tmp_path / "recordings" / "call.wav", RATE)


def test_a_disk_that_fills_up_ends_the_recording_not_the_call(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def full(data: bytes) -> None:
        raise OSError(28, "No space left on device")

    clock = Clock()
    recording = StereoRecording(tmp_path / "call.wav", RATE, clock=clock)
    monkeypatch.setattr(recording._writer, "_write", full)
    converse(recording, clock, 5)
    recording.close()
    assert len(channels(recording.path)) == 0, "short, but playable"
    assert len([line for line in caplog.messages if "ends early: [Errno 28] No space left" in line]) == 1


def test_a_disk_that_stalls_keeps_the_call_going_and_memory_bounded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    gate, clock = threading.Event(), Clock()
    recording = StereoRecording(tmp_path / "call.wav", RATE, clock=clock)
    monkeypatch.setattr(recording._writer, "_write", lambda data: gate.wait(30))
    converse(recording, clock, 120)
    assert recording._writer._blocks.qsize() <= 65
    gate.set()
    recording.close()
    assert len([line for line in caplog.messages if "the disk is too slow" in line]) == 1


def test_a_file_that_takes_nothing_is_an_error_at_once() -> None:
    with pytest.raises(OSError, match="No space left"):
        StereoRecording(Path("/dev/full"), RATE)


KILLED = """
import sys, time
from pathlib import Path
from audio.recording import StereoRecording

recording = StereoRecording(Path(sys.argv[1]), 8000)
while True:
    recording.caller(b"\\x10\\x27" * 800)
    time.sleep(0.01)
    print("more", flush=True)
"""


def test_a_process_killed_leaves_a_playable_file(tmp_path: Path) -> None:
    path = tmp_path / "call.wav"
    process = subprocess.Popen([sys.executable, "-c", KILLED, str(path)], stdout=subprocess.PIPE)
    deadline = time.monotonic() + 60
    assert process.stdout is not None
    while not path.exists() or path.stat().st_size < 50_000:
        assert process.stdout.readline(), "it died by itself"
        assert time.monotonic() < deadline
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    process.stdout.close()
    caller = channels(path)[:, 0]
    assert len(caller) >= 8000
    assert np.mean(caller == 10000) > 0.5
