"""What happens to a caller's voice on the way: noises, loss, levels, an echo. Pure, and the same for the same seed."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from audio.loudness import Floats, resampled, to_floats, to_pcm
from audio.music import quiet_music
from audio.recognisers.features import SAMPLE_RATE
from bench.asr import telephone

_PACKET = 160  # samples of 20 ms at 8 kHz
_LOST, _BURST = 0.05, 3.0  # share of packets, and how many follow each other, on average (Gilbert 1960)
_TALKERS = 6


@dataclass(frozen=True, slots=True)
class Scene:
    """One line as it was spoken, and what else can be heard: samples (n,) at 16 kHz, -1..1."""

    speech: Floats
    others: Sequence[Floats]
    """Other people's lines: a babble, or what the bot says."""
    seed: int


def mixed(speech: Floats, noise: Floats, above_db: float) -> Floats:
    """The speech with the noise (repeated or cut to its length) `above_db` decibels below it, by their whole power."""
    fitted = np.resize(noise, len(speech))
    wanted = float(np.sqrt(np.mean(speech**2))) * 10 ** (-above_db / 20)
    result: Floats = (speech + fitted * (wanted / max(float(np.sqrt(np.mean(fitted**2))), 1e-9))).astype(np.float32)
    return result


def coloured(length: int, steepness: float, seed: int) -> Floats:
    """Noise whose power falls by 3 dB an octave times `steepness`."""
    spectrum = np.fft.rfft(np.random.default_rng(seed).standard_normal(length))
    noise: Floats = np.fft.irfft(spectrum / np.arange(1, len(spectrum) + 1) ** (steepness / 2), length).astype(np.float32)
    return noise


def _street(scene: Scene) -> Floats:
    swell = 1.0 + 0.8 * np.sin(np.arange(len(scene.speech)) / SAMPLE_RATE * 2 * np.pi / 2.5 + scene.seed)  # cars that pass
    return mixed(scene.speech, (coloured(len(scene.speech), 1.0, scene.seed) * swell).astype(np.float32), 10.0)


def _car(scene: Scene) -> Floats:
    return mixed(scene.speech, coloured(len(scene.speech), 2.0, scene.seed), 0.0)  # most of it lies below the telephone band


def _babble(scene: Scene) -> Floats:
    draw = np.random.default_rng(scene.seed)
    chosen = draw.permutation(len(scene.others))[:_TALKERS]
    talk = [np.roll(np.resize(scene.others[one], len(scene.speech)), draw.integers(len(scene.speech))) for one in chosen]
    return mixed(scene.speech, np.sum(talk, axis=0).astype(np.float32), 8.0)


def _echo(scene: Scene) -> Floats:
    bot = scene.others[scene.seed % len(scene.others)]
    return mixed(scene.speech, np.roll(np.resize(bot, len(scene.speech)), round(0.12 * SAMPLE_RATE)), 15.0)


def _music(scene: Scene) -> Floats:
    sound = quiet_music()
    return mixed(scene.speech, resampled(to_floats(sound.pcm), sound.sample_rate, SAMPLE_RATE), 10.0)


def _with_losses(scene: Scene) -> tuple[bytes, int]:
    """Packets go missing in bursts; their place is silence."""
    pcm, rate = telephone(scene.speech)
    samples, draw, lost = to_floats(pcm).copy(), np.random.default_rng(scene.seed), False
    for at in range(0, len(samples), _PACKET):
        lost = draw.random() < (1 - 1 / _BURST if lost else _LOST / (1 - _LOST) / _BURST)
        if lost:
            samples[at : at + _PACKET] = 0
    return to_pcm(samples), rate


CONDITIONS: Mapping[str, Callable[[Scene], tuple[bytes, int]]] = {
    "clean": lambda scene: telephone(scene.speech),
    "street, 10 dB below": lambda scene: telephone(_street(scene)),
    "car, 0 dB below": lambda scene: telephone(_car(scene)),
    "babble, 8 dB below": lambda scene: telephone(_babble(scene)),
    "5 % loss in bursts": _with_losses,
    "clipped by 20 dB": lambda scene: telephone(scene.speech, peak=10.0),
    "30 dB too quiet": lambda scene: telephone(scene.speech, peak=0.5 * 10 ** (-30 / 20)),
    "echo of the bot, 15 dB below": lambda scene: telephone(_echo(scene)),
    "music, 10 dB below": lambda scene: telephone(_music(scene)),
}
"""What is heard, by name: 16-bit PCM and its rate. All of them over a telephone band and A-law."""
