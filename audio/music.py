"""Music for whoever waits: a bank's own file, or a quiet one made here, so that no licence is needed and nothing is missing."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
import soundfile

from .loudness import levelled, resampled, to_floats, to_pcm
from .synthesis import Sound

_log = logging.getLogger(__name__)

_RATE = 16000
_BEAT_S = 0.4
_LEVEL = 0.12  # of full scale: behind speech, above the noise of a line
# broken chords (C, a, F, G), two octaves around middle C: what 300 to 3400 Hz lets through
_CHORDS = ((262, 330, 392, 523), (220, 330, 440, 523), (262, 349, 440, 523), (247, 294, 392, 494))
_OVERTONES = ((1.0, 1.0), (2.0, 0.35), (3.0, 0.12))
_MOST_S = 600.0


def quiet_music() -> Sound:
    """A slow broken chord that comes back to its beginning (26 s, 16 kHz)."""
    beat = int(_BEAT_S * _RATE)
    order = (0, 1, 2, 3, 2, 1, 2, 1)
    notes = [chord[place] for chord in (*_CHORDS, *reversed(_CHORDS)) for place in order]
    sound = np.zeros(beat * len(notes), dtype=np.float64)
    tone = 4 * beat  # a note rings on under those that follow it
    time = np.arange(tone) / _RATE
    fade = np.minimum(1.0, time / 0.02) * np.exp(-time * 2.2)
    for number, hertz in enumerate(notes):
        note = sum(share * np.sin(2 * np.pi * hertz * times * time) for times, share in _OVERTONES) * fade
        places = (np.arange(tone) + number * beat) % len(sound)  # the last notes ring into the first: no seam
        sound[places] += note
    sound *= _LEVEL / np.abs(sound).max()
    return Sound((sound * 32767).astype("<i2").tobytes(), _RATE)


class Music:
    """One piece at the rates that calls have. Made once each; all calls share it."""

    def __init__(self, file: Path | None = None) -> None:
        """`file` (WAV, FLAC, Ogg) is read when it is first needed; what cannot be read is replaced by the quiet music."""
        self._file = file
        self._sound: Sound | None = None
        self._at_rate: dict[int, bytes] = {}

    def pcm(self, sample_rate: int) -> bytes:
        """16-bit mono PCM to be played round and round. Takes tens of milliseconds the first time: not for an event loop."""
        if sample_rate not in self._at_rate:
            sound = self._sound = self._sound or self._read()
            samples = resampled(to_floats(sound.pcm), sound.sample_rate, sample_rate)
            self._at_rate[sample_rate] = to_pcm(samples)
        return self._at_rate[sample_rate]

    def _read(self) -> Sound:
        if self._file is None:
            return quiet_music()
        try:
            with soundfile.SoundFile(self._file) as file:
                samples = file.read(int(_MOST_S * file.samplerate), dtype="float32", always_2d=True)
                rate = int(file.samplerate)
        except (OSError, RuntimeError) as error:  # soundfile's error is a RuntimeError
            _log.error("the music %s cannot be played (%s): the quiet one is played instead", self._file, error)
            return quiet_music()
        if not len(samples):
            return quiet_music()
        return Sound(to_pcm(levelled(samples.mean(axis=1), rate)), rate)
