"""Prompts as sound: a recording where there is one, else synthesised once, kept on disk and in memory."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import soundfile

from .errors import PromptMissing, SynthesisError
from .joining import Part, joined
from .loudness import levelled, resampled, to_floats, to_pcm, trimmed
from .prompt_cache import DiskCache, MemoryCache, cache_name
from .sound_files import cut_off
from .synthesis import Sound, Voice

_log = logging.getLogger(__name__)

_WARM_AT_ONCE = 2  # so that one engine speaks beside another, and a call waits for one sentence at most
_REST_S = 30.0  # how long a voice that failed is left alone, when there is another


@dataclass(frozen=True, slots=True)
class RecordedPart:
    """A recorded part of a sentence, and whether a clause ends with it."""

    path: Path
    pause: bool = False


class PromptStore:
    """Sound for texts. One per process; all methods are called on its event loop."""

    def __init__(
        self,
        cache_dir: Path | None,
        voices: Mapping[str, Sequence[Voice]],
        *,
        memory_bytes: int = 64 << 20,
        disk_bytes: int = 1 << 30,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`voices` lists for each language the voices to try, best first. Without a `cache_dir` nothing is kept on disk."""
        self._disk = DiskCache(cache_dir, disk_bytes) if cache_dir is not None else None
        self._memory = MemoryCache(memory_bytes)
        self._voices = voices
        self._clock = clock
        self._rests_until: dict[str, float] = {}
        self._making: dict[tuple[str, ...], asyncio.Task[Sound]] = {}
        self._unreadable: set[Path] = set()

    async def pcm(
        self,
        text: str,
        language: str,
        sample_rate: int,
        speed: float = 1.0,
        recording: Path | None = None,
        private: bool = False,
        parts: Sequence[RecordedPart] = (),
    ) -> bytes:
        """16-bit mono PCM of the prompt at `sample_rate` Hz.

        `recording` (WAV, FLAC, Ogg) is played where it can be read whole, whatever `speed` says; and so are `parts`, joined,
        where all of them can be: one sentence has one voice. Another file in its place is heard at once. `private` speech (a
        phone number read back) is kept nowhere.

        Raises PromptMissing without text and recording, SynthesisError when every voice failed.
        """
        files = [*filter(None, [recording]), *(part.path for part in parts)]
        states = await asyncio.to_thread(_as_they_are, files) if files else []  # a folder may be on a network
        key = ("/".join(states), text, language, f"{speed:g}", str(sample_rate))
        if (kept := self._memory.get(key)) is not None:
            return kept
        sound = await self._recorded(recording) if recording is not None else None
        if sound is None and parts:
            sound = await self._joined(parts, states[-len(parts) :], sample_rate)
        if sound is None:
            if not text.strip():
                raise PromptMissing(
                    f"a prompt has neither text nor a recording in {language!r}: write one in prompts/{language}.yml"
                )
            sound = await self._spoken(text, language, speed, private)
        pcm = await asyncio.to_thread(_at_rate, sound, sample_rate)
        if not private:
            self._memory.put(key, pcm)
        return pcm

    async def warm(
        self,
        prompts: Iterable[tuple[str, str]],
        sample_rate: int,
        progress: Callable[[int, int], None] | None = None,
    ) -> list[SynthesisError]:
        """Make ready the (text, language) pairs; `progress(done, total)` after each. Returns what failed, one error a text."""
        wanted = list(dict.fromkeys(prompts))
        failed: list[SynthesisError] = []
        places = asyncio.Semaphore(_WARM_AT_ONCE)
        done = 0

        async def make(text: str, language: str) -> None:
            nonlocal done
            async with places:
                try:
                    await self.pcm(text, language, sample_rate)
                except SynthesisError as error:
                    failed.append(error)
            done += 1
            if progress is not None:
                progress(done, len(wanted))

        async with asyncio.TaskGroup() as group:
            for text, language in wanted:
                group.create_task(make(text, language))
        return failed

    async def close(self) -> None:
        """Stop the voices; harmless when repeated."""
        for task in list(self._making.values()):
            task.cancel()
        for voice in {id(voice): voice for voices in self._voices.values() for voice in voices}.values():
            await voice.close()

    async def _recorded(self, recording: Path) -> Sound | None:
        try:
            return await asyncio.to_thread(_read_recording, recording)
        except (OSError, RuntimeError) as error:  # soundfile's error is a RuntimeError
            if recording not in self._unreadable:
                self._unreadable.add(recording)
                _log.warning("the recording %s cannot be played (%s): the text is synthesised instead", recording, error)
            return None

    async def _joined(self, parts: Sequence[RecordedPart], states: Sequence[str], sample_rate: int) -> Sound | None:
        ready = []
        for part, state in zip(parts, states, strict=True):
            key = (state, "", "", "", str(sample_rate))
            pcm = self._memory.get(key)
            if pcm is None:
                sound = await self._recorded(part.path)
                if sound is None:
                    return None
                pcm = await asyncio.to_thread(_at_rate, sound, sample_rate)
                self._memory.put(key, pcm)
            ready.append(Part(to_floats(pcm), part.pause))
        return Sound(to_pcm(await asyncio.to_thread(joined, ready, sample_rate)), sample_rate)

    async def _spoken(self, text: str, language: str, speed: float, private: bool) -> Sound:
        """Of the same text asked for by several calls at once only the first is synthesised."""
        key = (text, language, f"{speed:g}", str(private))
        task = self._making.get(key)
        if task is None:
            task = asyncio.get_running_loop().create_task(self._synthesised(text, language, speed, private))
            self._making[key] = task
            task.add_done_callback(lambda done: self._made(key, done))
        return await asyncio.shield(task)

    def _made(self, key: tuple[str, ...], task: asyncio.Task[Sound]) -> None:
        self._making.pop(key, None)
        if not task.cancelled():
            task.exception()  # looked at, in case that nobody waits for it any more

    async def _synthesised(self, text: str, language: str, speed: float, private: bool) -> Sound:
        voices = self._voices.get(language, ())
        if not voices:
            raise SynthesisError(f"there is no voice for the language {language!r}: name one in the configuration")
        reasons = []
        for voice in self._in_order(voices):
            name = cache_name(voice.name, text, speed)
            if self._disk is not None and not private and (kept := await asyncio.to_thread(self._disk.read, name)):
                return kept
            try:
                raw = await voice.synthesise(text, speed)
            except SynthesisError as error:
                reasons.append(f"{voice.name}: {error}")
                if not self._rests(voice):  # once, not for each of a thousand texts
                    _log.warning("the voice %s failed: %s", voice.name, error)
                    self._rests_until[voice.name] = self._clock() + _REST_S
                continue
            sound = await asyncio.to_thread(_conditioned, raw)
            if self._disk is not None and not private:
                await asyncio.to_thread(self._disk.write, name, sound)
            return sound
        raise SynthesisError("; ".join(reasons))

    def _in_order(self, voices: Sequence[Voice]) -> list[Voice]:
        """Those that failed lately come last."""
        return sorted(voices, key=self._rests)

    def _rests(self, voice: Voice) -> bool:
        now = self._clock()
        return self._rests_until.get(voice.name, now) > now


def _read_recording(path: Path) -> Sound:
    with soundfile.SoundFile(path) as file:
        samples = file.read(dtype="float32", always_2d=True)
        told, frames, sample_rate = file.extra_info, file.frames, int(file.samplerate)
    if not samples.size:
        raise OSError("it is empty")
    if cut_off(told, frames, len(samples)):
        raise OSError("it is cut off")
    return Sound(to_pcm(samples.mean(axis=1)), sample_rate)


def _as_they_are(paths: Sequence[Path]) -> list[str]:
    return [_as_it_is(path) for path in paths]


def _as_it_is(path: Path) -> str:
    """The file's name, and what tells it from another that takes its place."""
    try:
        found = path.stat()
    except OSError:
        return str(path)
    return f"{path} {found.st_ino} {found.st_size} {found.st_mtime_ns}"


def _conditioned(sound: Sound) -> Sound:
    samples = trimmed(to_floats(sound.pcm), sound.sample_rate)
    return Sound(to_pcm(levelled(samples, sound.sample_rate)), sound.sample_rate)


def _at_rate(sound: Sound, sample_rate: int) -> bytes:
    if sound.sample_rate == sample_rate:
        return sound.pcm
    return to_pcm(resampled(to_floats(sound.pcm), sound.sample_rate, sample_rate))
