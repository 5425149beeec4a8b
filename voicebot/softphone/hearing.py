"""What the softphone hears: when the bot speaks and when it is silent, by the energy of the received sound."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from audio.synthesis import Sound, wav_of

_FRAME_S = 0.01
_LOUD_DBFS = -50.0
_LOUD_FRAMES = 3  # a click is no speech
_HANGOVER_S = 0.35  # pauses inside a sentence are shorter


class BotSound:
    """Received sound, judged in frames of 10 ms. Times are seconds of the clock given to `feed`."""

    speaking: bool
    """The bot speaks now; pauses up to 0.35 s belong to it."""
    started_at: float | None
    """When the present (or last) stretch of speech began; None before the first."""
    heard_at: float | None
    """When its last loud frame ended; None before the first."""
    spoken_s: float
    """Seconds of loud frames so far."""

    def __init__(self, sample_rate: int) -> None:
        self._rate = sample_rate
        self._frame = int(sample_rate * _FRAME_S)
        self._rest = np.zeros(0, dtype=np.int16)
        self._loud = 0
        self._parts: list[bytes] = []
        self.speaking = False
        self.started_at = None
        self.heard_at = None
        self.spoken_s = 0.0

    def feed(self, pcm: bytes, now: float) -> list[tuple[str, float]]:
        """Take PCM whose last sample was received at `now`; what changed ("bot_started" or "bot_stopped"), and when."""
        changes: list[tuple[str, float]] = []
        if pcm:
            self._parts.append(pcm)
            samples = np.concatenate([self._rest, np.frombuffer(pcm, dtype=np.int16)])
            count = len(samples) // self._frame
            self._rest = samples[count * self._frame :]
            frames = samples[: count * self._frame].reshape(count, self._frame).astype(np.float32)
            levels = 10 * np.log10(np.mean(frames * frames, axis=1) / 32768.0**2 + 1e-12) if count else np.zeros(0)
            for left, level in zip(range(count - 1, -1, -1), levels, strict=True):
                self._judge(float(level), now - left * _FRAME_S, changes)
        if self.speaking and self.heard_at is not None and now - self.heard_at > _HANGOVER_S:
            self.speaking = False
            changes.append(("bot_stopped", self.heard_at))
        return changes

    def _judge(self, level: float, at: float, changes: list[tuple[str, float]]) -> None:
        self._loud = self._loud + 1 if level > _LOUD_DBFS else 0
        if self._loud >= _LOUD_FRAMES:
            self.heard_at = at
            if not self.speaking:
                self.speaking = True
                self.started_at = at - _LOUD_FRAMES * _FRAME_S
                changes.append(("bot_started", self.started_at))
        if self._loud:
            self.spoken_s += _FRAME_S

    def save(self, path: Path) -> None:
        """Write all that was received as a mono 16-bit WAV."""
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(wav_of(Sound(b"".join(self._parts), self._rate)))
