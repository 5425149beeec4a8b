"""Any speech service of pipecat as a recogniser: NVIDIA Riva, Speechmatics, Azure on premises, and all that derive like them.

Each utterance gets a service of its own, started when the caller begins to speak and cancelled once the words are known. So
what a service says too late, or of another turn, reaches nobody, and two callers never share a connection.
"""

from __future__ import annotations

import asyncio
import importlib
import inspect
import json
import time
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import structlog
from pipecat.frames.frames import (
    ErrorFrame,
    Frame,
    InputAudioRawFrame,
    InterimTranscriptionFrame,
    StartFrame,
    STTMetadataFrame,
    TranscriptionFrame,
    VADUserStartedSpeakingFrame,
    VADUserStoppedSpeakingFrame,
)
from pipecat.processors.frame_processor import FrameDirection, FrameProcessor
from pipecat.services.stt_service import STTService

from audio.errors import ModelError, RecogniserBusy, RecogniserError
from audio.recognisers.closed import expected
from audio.recognisers.grammar import grammar
from audio.recognisers.settings import RecogniserSettings
from audio.recognisers.vosk import joined_readings
from audio.types import UNSTATED, Reading, Recognition
from voicebot.pipeline.call import CallPipeline

log = structlog.get_logger(__name__)

LONGEST_S = 60.0  # of one utterance; what is said later is not sent
SETTLED_S = 0.3  # so long after its last words a service that does not say when it is done is taken to be done
MOST_LETTERS = 4000  # of an utterance, three times what can be said in a minute: more would stall all calls
ENDED_S = 8.0  # more than a pipeline's own deadlines: what a service still holds up then will never end
LEAST_WAIT_S = 1.0  # for a first word after the end of speech, however fast the service calls itself


class ServiceRecogniser:
    """A class of service and its arguments, for all calls of a language."""

    name = "pipecat"

    def __init__(self, settings: RecogniserSettings, language: str) -> None:
        """Make the service once, to see that it can be made. Must be called where no event loop runs. Raises ModelError."""
        self._settings = settings
        self._language = language
        self._class = service_class(settings.service or "")
        self._secrets = _secrets(settings)
        self._streams: set[ServiceStream] = set()
        try:
            asyncio.run(self._trial())
        except (Exception, SystemExit) as error:  # a service raises anything, about arguments above all
            raise ModelError(
                f"{settings.service} cannot be made ({_named(error)}): correct arguments, secrets or secret_files"
            ) from None

    async def _trial(self) -> None:
        self._make()

    def _make(self) -> STTService:
        return made(self._class, {**self._settings.arguments, **self._secrets}, self._language)

    def open(
        self,
        *,
        language: str,
        sample_rate: int,
        expect: str = "open",
        on_partial: Callable[[str], None] | None = None,
    ) -> ServiceStream:
        """See `audio.types.Recogniser`. Raises RecogniserBusy when as many run already as workers and waiting allow."""
        if len(self._streams) >= self._settings.workers + self._settings.waiting:
            raise RecogniserBusy(f"{len(self._streams)} speech services run already: allow more with workers and waiting")
        stream = ServiceStream(self._make, sample_rate, self._settings.deadline_s, language, expect, on_partial)
        self._streams.add(stream)
        stream.running.add_done_callback(lambda _: self._streams.discard(stream))
        return stream

    def close(self) -> None:
        """See `audio.types.Recogniser`."""
        for stream in tuple(self._streams):
            stream.close()

    async def ended(self) -> None:
        """Wait until the services of streams that are over have been brought down, but no longer than `ENDED_S`."""
        if self._streams:
            await asyncio.wait([stream.running for stream in self._streams], timeout=ENDED_S)


@dataclass(slots=True)
class _Told:
    """What a service told of an utterance."""

    finals: list[tuple[Reading, ...]] = field(default_factory=list)
    interim: str = ""
    error: str = ""
    usual_s: float = LEAST_WAIT_S
    """How long its last words usually take after the end of speech."""
    news: asyncio.Event = field(default_factory=asyncio.Event)
    complete: bool = False
    """It said that there is no more, or cannot say more."""

    @property
    def text(self) -> str:
        """So far."""
        return " ".join(filter(None, [*(best.text for best, *_ in self.finals), self.interim]))

    def hear(self, frame: Frame, *, spoken: bool) -> None:
        """A frame of the service. `spoken`: the caller has finished."""
        if isinstance(frame, STTMetadataFrame):
            self.usual_s = max(LEAST_WAIT_S, frame.ttfs_p99_latency)
        elif isinstance(frame, InterimTranscriptionFrame):
            self.interim = _words(frame.text)
            self.news.set()
        elif isinstance(frame, TranscriptionFrame):
            self.interim = ""
            readings = readings_of(frame)
            again = bool(readings and self.finals) and _plain(readings[0].text) == _plain(self.finals[-1][0].text)
            if readings and not again and len(self.text) < MOST_LETTERS:  # some say it twice, with a full stop or without
                self.finals.append(readings)
            self.complete = self.complete or (spoken and frame.finalized)
            self.news.set()


class ServiceStream:
    """One utterance. See `audio.types.RecogniserStream`."""

    def __init__(
        self,
        make: Callable[[], STTService],
        sample_rate: int,
        deadline_s: float,
        language: str,
        expect: str,
        on_partial: Callable[[str], None] | None,
    ) -> None:
        self._make = make
        self._sample_rate = sample_rate
        self._deadline_s = deadline_s
        self._allowed = grammar(expect, language)
        self._on_partial = on_partial
        self._told = _Told()
        self._room = round(LONGEST_S * sample_rate) * 2
        self._audio: asyncio.Queue[bytes | None] = asyncio.Queue()
        self._over = False
        self._sent = asyncio.Event()
        """The service has started and got all that was said; or it failed, and never will."""
        self.running = asyncio.create_task(self._run(), name="speech-service")

    def feed(self, pcm: bytes) -> None:
        """Speech, and the silence behind it."""
        if self._over or self._room <= 0 or not pcm:
            return
        self._room -= len(pcm)
        self._audio.put_nowait(pcm)

    def pause(self) -> None:
        """Nothing to do: the service hears the pause."""

    def resume(self) -> None:
        """Nothing to do."""

    async def finish(self) -> Recognition:
        """The service's words; none when it says nothing in its time. Raises RecogniserError when it said nothing and failed, or
        did not even start.
        """
        if self._over:
            return Recognition()
        self._over = True
        ended = time.monotonic()
        self._audio.put_nowait(None)
        try:
            async with asyncio.timeout(self._deadline_s):
                await self._told_all()
        except TimeoutError:
            if not self._sent.is_set():
                self._told.error = "it did not start in time"
            log.warning("a speech service did not finish in time", code=RecogniserError.code)
        finally:
            self.running.cancel()
        finals = [*self._told.finals, *([(Reading(self._told.interim, UNSTATED),)] if self._told.interim else [])]
        readings = joined_readings(finals)
        if not readings and self._told.error:
            log.warning("a speech service failed", code=RecogniserError.code, why=self._told.error)
            raise RecogniserError(f"the speech service failed: {self._told.error}")
        if self._allowed:
            readings = expected(readings, self._allowed)
        return Recognition(readings, late_s=time.monotonic() - ended)

    def close(self) -> None:
        """Forget the utterance; the service is cancelled."""
        self._over = True
        self._on_partial = None
        self.running.cancel()

    async def _told_all(self) -> None:
        """Wait until the service has said all: it says so, or is silent for long enough after it was told all."""
        told = self._told
        await self._sent.wait()
        wait_s = told.usual_s
        while not told.complete:
            told.news.clear()
            try:
                await asyncio.wait_for(told.news.wait(), wait_s)
            except TimeoutError:
                if not told.interim:  # words that are not yet final are waited for until the deadline
                    return
            wait_s = SETTLED_S if told.finals and not told.interim else told.usual_s

    async def _run(self) -> None:
        """The service, from its start to its cancellation."""
        try:
            service = self._make()
            self._hear_of_start(service)
            self._hear_of_errors(service)
            source, sink = _Relay(), _Relay(self._heard)
            service.event_handler("on_error")(self._failed)
            async with CallPipeline([source, service, sink], self._sample_rate, ends_by_frame=True):
                await self._speak(source)
                self._sent.set()
                await asyncio.Event().wait()  # until `finish` has enough
        except Exception as error:  # a service raises anything
            self._failed_with(_named(error), for_good=True)

    def _hear_of_start(self, service: STTService) -> None:
        """What its `start` raises pipecat would log with its words, and go on as if it had started."""
        start = service.start

        async def told(frame: StartFrame) -> None:
            try:
                await start(frame)
            except Exception as error:
                self._failed_with(f"it did not start ({_named(error)})", for_good=True)

        service.start = told  # type: ignore[method-assign]

    def _hear_of_errors(self, service: STTService) -> None:
        """Pipecat would log what it raises with its words, and a service without its connection has an error for each piece of
        sound: fifty lines a second and call. One of an utterance is enough, and tells of the others.
        """
        heard_by = service.run_stt
        told = False

        async def heard(audio: bytes) -> AsyncGenerator[Frame | None, None]:
            nonlocal told
            try:
                async for frame in heard_by(audio):
                    if not (told and isinstance(frame, ErrorFrame) and not frame.fatal):
                        yield frame
                    told = told or isinstance(frame, ErrorFrame)
            except Exception as error:
                if not told:
                    told = True
                    yield ErrorFrame(_named(error), exception=error)

        service.run_stt = heard  # type: ignore[method-assign]

    async def _speak(self, source: FrameProcessor) -> None:
        await source.push_frame(VADUserStartedSpeakingFrame())
        while (pcm := await self._audio.get()) is not None:
            await source.push_frame(InputAudioRawFrame(audio=pcm, sample_rate=self._sample_rate, num_channels=1))
        await source.push_frame(VADUserStoppedSpeakingFrame())

    def _heard(self, frame: Frame) -> None:
        before = self._told.text
        self._told.hear(frame, spoken=self._over)
        if self._told.text not in ("", before) and not self._over and self._on_partial is not None:
            self._on_partial(self._told.text)

    async def _failed(self, service: STTService, error: ErrorFrame) -> None:
        self._failed_with("an error of the service", for_good=error.fatal or not service.is_usable)

    def _failed_with(self, why: str, *, for_good: bool) -> None:
        self._told.error = why
        if for_good:
            self._told.complete = True
            self._sent.set()
            self._told.news.set()


class _Relay(FrameProcessor):
    """Before the service and behind it: passes all frames on, and tells of each."""

    def __init__(self, heard: Callable[[Frame], None] = lambda frame: None) -> None:
        super().__init__(enable_direct_mode=True)
        self._heard_frame = heard

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        await super().process_frame(frame, direction)
        self._heard_frame(frame)
        await self.push_frame(frame, direction)


def service_class(name: str) -> type[STTService]:
    """The class of this name (module.Class). Raises ModelError, which says what to do, when it is none of STTService's."""
    module, _, wanted = name.rpartition(".")
    try:
        found = getattr(importlib.import_module(module), wanted, None)
    except Exception as error:  # a module of somebody else, and what it needs
        raise ModelError(f"{module} cannot be imported ({_named(error)}): correct service, or install what it needs") from None
    if not (inspect.isclass(found) and issubclass(found, STTService)) or inspect.isabstract(found):
        raise ModelError(f"{name} is no speech service of pipecat: give a class derived from STTService, as module.Class")
    return found


def made(service: type[STTService], arguments: Mapping[str, Any], language: str) -> STTService:
    """A service of this class. It is told the language unless its settings say another. Raises what the class raises."""
    given = dict(arguments)
    known = inspect.signature(service.__init__).parameters
    if "settings" in known and (settings := getattr(service, "Settings", None)) is not None:
        given["settings"] = settings(**{"language": language, **given.get("settings", {})})
    if "params" in given and (params := getattr(service, "InputParams", None)) is not None:
        given["params"] = params(**given["params"])
    return service(**given)


def readings_of(frame: TranscriptionFrame) -> tuple[Reading, ...]:
    """The words of a final frame, best first, with confidences where the service's own result has them."""
    text = _words(frame.text)
    if not text:
        return ()
    best, *others = _alternatives(frame.result) or [Reading(text, UNSTATED)]
    return (Reading(text, best.confidence), *(one for one in others if one.text and one.text != text))


def _alternatives(result: Any) -> Sequence[Reading]:
    """N-best lists as Riva, Google, Deepgram, Speechmatics, Amazon and Azure write them."""
    if (written := _part(_part(result, "result"), "json")) is not None:  # Azure's event
        try:
            result = json.loads(written)
        except (TypeError, ValueError):
            return ()
    found = next((many for name in ("alternatives", "Alternatives", "NBest") if (many := _part(result, name))), None)
    if found is None:
        found = _part(_part(result, "channel"), "alternatives") or ()
    try:
        return [Reading(*_spoken(one)) for one in found]
    except (TypeError, ValueError):
        return ()


def _spoken(alternative: Any) -> tuple[str, float]:
    texts = (_part(alternative, name) for name in ("transcript", "Transcript", "content", "Display"))
    text = _words(next((each for each in texts if isinstance(each, str)), ""))
    sure = next((each for name in ("confidence", "Confidence") if (each := _part(alternative, name)) is not None), 0.0)
    return text, min(1.0, float(sure)) if float(sure) > 0 else UNSTATED  # 0 is how several say that they did not ask


def _words(text: str | None) -> str:
    """Text that can be kept and shown: no NUL and no half of a character in it, and no more than can be said."""
    return " ".join("".join(letter if letter.isprintable() else " " for letter in (text or "")[:MOST_LETTERS]).split())


def _plain(text: str) -> str:
    return "".join(filter(str.isalnum, text)).casefold()


def _part(whole: Any, name: str) -> Any:
    return whole.get(name) if isinstance(whole, Mapping) else getattr(whole, name, None)


def _secrets(settings: RecogniserSettings) -> dict[str, str]:
    found = {name: secret.get_secret_value() for name, secret in settings.secrets.items()}
    for name, path in settings.secret_files.items():
        try:
            found[name] = path.read_text(encoding="utf-8").partition("\n")[0].strip()
        except (OSError, UnicodeDecodeError) as error:
            raise ModelError(
                f"secret_files: {path} cannot be read ({type(error).__name__}): correct the path or its rights"
            ) from None
    return found


def _named(error: BaseException) -> str:
    """An error in words without what it was about: messages of libraries quote arguments, and those may be secrets."""
    if isinstance(error, ImportError) and error.name:
        return f"{type(error).__name__}: {error.name}"
    return type(error).__name__
