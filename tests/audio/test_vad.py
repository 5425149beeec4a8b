"""Voice activity: speech is told from noise and silence, whatever the rate and the size of the pieces it comes in."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audio.vad import VadError, VadSession, VoiceActivity, bundled_model, feed_together, shared_session
from tests.audio.conftest import LOST_CARD, Caller

Floats = npt.NDArray[np.float32]


class CountingSession(VadSession):
    """Counts the windows that the network was really asked about."""

    def __init__(self) -> None:
        super().__init__()
        self.asked = 0

    def run(self, windows: Floats, state: Floats, sample_rate: int) -> tuple[Floats, Floats]:
        self.asked += len(windows)
        return super().run(windows, state, sample_rate)


def noise(seconds: float, sample_rate: int, level: float = 0.01) -> bytes:
    samples = np.random.default_rng(7).normal(0, level * 32768, round(seconds * sample_rate))
    return samples.astype("<i2").tobytes()


@pytest.mark.parametrize("sample_rate", [8000, 16000, 24000, 48000])
def test_speech_is_heard_at_every_rate_and_noise_is_not(caller: Caller, sample_rate: int) -> None:
    speech = VoiceActivity(shared_session(), sample_rate).feed(caller.says(LOST_CARD, sample_rate, silence_after_s=0))
    hiss = VoiceActivity(shared_session(), sample_rate).feed(noise(1.5, sample_rate))
    assert np.mean(np.array(speech) > 0.5) > 0.6
    assert max(hiss[3:]) < 0.5


@pytest.mark.parametrize(("sample_rate", "samples"), [(8000, 256), (16000, 512)])
def test_every_32_ms_give_one_probability(sample_rate: int, samples: int) -> None:
    activity = VoiceActivity(shared_session(), sample_rate)
    assert len(activity.feed(noise(1, sample_rate)[: 2 * samples * 10 + 100])) == 10
    assert len(activity.feed(bytes(2 * samples - 100))) == 1, "the rest of the window before counts"


def test_digital_silence_is_no_speech_and_costs_no_inference() -> None:
    session = CountingSession()
    assert VoiceActivity(session, 8000).feed(bytes(8000 * 2)) == [0.0] * 31
    assert session.asked == 0


def test_speech_after_long_silence_is_found_as_in_the_first_second(caller: Caller) -> None:
    activity = VoiceActivity(shared_session(), 8000)
    activity.feed(caller.says(LOST_CARD, 8000, silence_after_s=10.016))  # whole windows of silence behind
    activity.feed(bytes(2 * 256 - len(activity._waiting)))
    again = activity.feed(caller.says(LOST_CARD, 8000))
    assert again == pytest.approx(VoiceActivity(shared_session(), 8000).feed(caller.says(LOST_CARD, 8000)), abs=1e-6)


def test_speech_after_minutes_of_line_noise_is_still_found(caller: Caller) -> None:
    """The network's state drifts in long noise; it is set back during clear non-speech."""
    activity = VoiceActivity(shared_session(), 8000)
    activity.feed(noise(60, 8000, level=0.003))
    found = activity.feed(caller.says(LOST_CARD, 8000, silence_after_s=0))
    fresh = VoiceActivity(shared_session(), 8000).feed(caller.says(LOST_CARD, 8000, silence_after_s=0))
    first, first_fresh = (int(np.argmax(np.array(probabilities) > 0.5)) for probabilities in (found, fresh))
    assert abs(first - first_fresh) <= 3


@given(sizes=st.lists(st.integers(1, 2000), min_size=1, max_size=20))
@settings(max_examples=20, deadline=None)
def test_the_size_of_the_pieces_does_not_matter(sizes: list[int]) -> None:
    pcm = noise(0.5, 8000, level=0.05)
    pieces: list[bytes] = []
    at = 0
    while at < len(pcm):
        size = sizes[len(pieces) % len(sizes)]
        pieces.append(pcm[at : at + size])
        at += size
    activity = VoiceActivity(shared_session(), 8000)
    found = [probability for piece in pieces for probability in activity.feed(piece)]
    assert found == VoiceActivity(shared_session(), 8000).feed(pcm)


def test_calls_on_one_session_do_not_disturb_each_other(caller: Caller) -> None:
    speech, hiss = caller.says(LOST_CARD, 8000), noise(2, 8000)
    one, two = VoiceActivity(shared_session(), 8000), VoiceActivity(shared_session(), 8000)
    mixed = []
    for at in range(0, len(speech), 960):
        mixed += one.feed(speech[at : at + 960])
        two.feed(hiss[at : at + 960])
    assert mixed == VoiceActivity(shared_session(), 8000).feed(speech)


def test_calls_judged_together_get_what_they_get_alone(caller: Caller) -> None:
    fed = [
        (8000, caller.says(LOST_CARD, 8000)),
        (16000, caller.says("No.", 16000)),
        (8000, bytes(4000)),
        (8000, noise(1, 8000)),
        (16000, b""),
    ]
    together = feed_together([(VoiceActivity(shared_session(), rate), pcm) for rate, pcm in fed])
    for (rate, pcm), found in zip(fed, together, strict=True):
        assert found == pytest.approx(VoiceActivity(shared_session(), rate).feed(pcm), abs=1e-4)


def test_reset_forgets_what_was_heard(caller: Caller) -> None:
    activity = VoiceActivity(shared_session(), 8000)
    activity.feed(noise(1, 8000)[:-100])
    activity.reset()
    assert activity.feed(caller.says("No.")) == VoiceActivity(shared_session(), 8000).feed(caller.says("No."))


def test_the_network_gives_what_pipecats_own_wrapper_gives(caller: Caller) -> None:
    """Same model, same context, same state: up to the first blanking, window by window."""
    from pipecat.audio.vad.silero import SileroOnnxModel

    reference = SileroOnnxModel(str(bundled_model()))  # type: ignore[no-untyped-call]
    pcm = caller.says(LOST_CARD, 8000, silence_after_s=0)
    samples = np.frombuffer(pcm, dtype="<i2").astype(np.float32) / 32768
    windows = [samples[at : at + 256] for at in range(0, len(samples) - 255, 256)]
    loud = [window for window in windows if window @ window > 256 * 10**-6.5]
    expected = [float(reference(window, 8000)[0, 0]) for window in loud]
    activity = VoiceActivity(shared_session(), 8000)
    found = activity.feed(b"".join((window * 32768).astype("<i2").tobytes() for window in loud))
    assert found == pytest.approx(expected, abs=1e-5)


def test_a_file_that_is_no_model_is_named(tmp_path: Path) -> None:
    broken = tmp_path / "silero_vad.onnx"
    broken.write_bytes(b"not a model")
    with pytest.raises(VadError, match=r"silero_vad\.onnx.*put the file back"):
        VadSession(broken)


@pytest.mark.parametrize("hertz", [(425,), (440, 480), (480, 620), (1100,), (2100,)], ids=str)
def test_tones_of_a_line_are_no_speech(hertz: tuple[int, ...]) -> None:
    """Ringing, busy, and a fax that calls or answers, half a second on and half a second off."""
    time = np.arange(4 * 8000) / 8000
    tone = 0.2 * sum(np.sin(2 * np.pi * each * time) for each in hertz) / len(hertz) * (time % 1.0 < 0.5)
    assert max(VoiceActivity(shared_session(), 8000).feed((tone * 32767).astype("<i2").tobytes())) < 0.3
