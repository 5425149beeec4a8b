"""The engines of one process: understanding, recognisers and voices, loaded as the settings say."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import structlog

from audio.errors import ModelError
from audio.prompt_store import PromptStore
from audio.recognisers.load import for_one_language, load_recogniser
from audio.recognisers.settings import RecogniserSettings
from audio.types import Recogniser
from dialogs.data.bundle import Bundle
from voicebot.config.settings import Settings
from voicebot.pace import Pace
from voicebot.pipeline.speech_service import ServiceRecogniser
from voicebot.prompts.speaking import Speaker
from voicebot.prompts.voices import voices_of
from voicebot.prompts.warming import likely_says, opening_says
from voicebot.tasks import cancelled
from voicebot.understanding.service import UnderstandingService, open_understanding

log = structlog.get_logger(__name__)

WARM_RATES = (8000, 16000)


@dataclass(frozen=True, slots=True)
class Engines:
    """What hears, understands and speaks."""

    understanding: UnderstandingService
    speaker: Speaker
    recognisers: Mapping[str, Recogniser]
    """By language; a language without one is served with keys."""
    prompts_ready: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when every prompt has been made; calls are taken before, and one that needs another prompt waits for it."""


async def open_engines(
    settings: Settings,
    bundle: Bundle,
    stack: AsyncExitStack,
    *,
    clock: Callable[[], datetime],
    progress: Callable[[str], None],
) -> Engines:
    """Load everything; `stack` closes it. Raises PackError. A recogniser that cannot be loaded is logged and left out."""
    progress("loading the classifier (the first time it is trained); meanwhile the first prompts are spoken")
    speaker = _speaker(settings, bundle, clock, stack)
    first = asyncio.create_task(_make_first_prompts(speaker, bundle, clock(), progress), name="first-prompts")
    stack.push_async_callback(cancelled, first)
    understanding = await open_understanding(settings.nlu, bundle.prompts.languages)
    stack.push_async_callback(understanding.close)
    progress("loading the recognisers")
    recognisers = await asyncio.to_thread(_recognisers, settings)
    for recogniser in {id(one): one for one in recognisers.values()}.values():
        stack.push_async_callback(close_recogniser, recogniser)
    ready = asyncio.Event()
    await first
    rest = asyncio.create_task(_make_prompts(speaker, bundle, clock(), ready), name="make-prompts")
    stack.push_async_callback(cancelled, rest)
    return Engines(understanding, speaker, recognisers, ready)


def _recognisers(settings: Settings) -> dict[str, Recogniser]:
    """By language; languages with the same settings share one engine."""
    loaded: dict[tuple[str, str], Recogniser | None] = {}
    found: dict[str, Recogniser] = {}
    for language, wanted in settings.recognisers.items():
        key = (language if for_one_language(wanted) else "", wanted.model_dump_json())
        if key not in loaded:
            try:
                loaded[key] = open_recogniser(wanted, language, settings.state.data_dir / "models")
            except ModelError as error:
                log.error("no recogniser, calls go on with keys", code=error.code, language=language, why=str(error))
                loaded[key] = None
        engine = loaded[key]
        if engine is not None:
            found[language] = engine
    return found


def open_recogniser(wanted: RecogniserSettings, language: str, cache_dir: Path) -> Recogniser | None:
    """A language's recogniser of any engine, None for the engine "none". Blocks, where no event loop runs. Raises ModelError."""
    if wanted.engine == "pipecat":
        return ServiceRecogniser(wanted, language)
    return load_recogniser(wanted, language=language, cache_dir=cache_dir)


async def close_recogniser(recogniser: Recogniser) -> None:
    """Close it; of services of its own none outlives the loop."""
    recogniser.close()
    if isinstance(recogniser, ServiceRecogniser):
        await recogniser.ended()


def _speaker(settings: Settings, bundle: Bundle, clock: Callable[[], datetime], stack: AsyncExitStack) -> Speaker:
    languages = dict.fromkeys([*settings.voices, *bundle.prompts.files])
    voices = {language: voices_of(language, settings) for language in languages}
    store = PromptStore(settings.state.data_dir / "prompts", voices)
    stack.push_async_callback(store.close)
    return Speaker(bundle, store, clock=clock)


async def _make_first_prompts(speaker: Speaker, bundle: Bundle, at: datetime, progress: Callable[[str], None]) -> None:
    """The languages at the same time, for each may have a voice of its own."""
    opening = await asyncio.to_thread(lambda: list(opening_says(bundle, at)))
    async with asyncio.TaskGroup() as group:
        for language in bundle.prompts.languages:
            says = [say for say in opening if say.language == language]
            group.create_task(speaker.warm_likely(says, WARM_RATES, _pace(language, progress)))


def _pace(language: str, progress: Callable[[str], None]) -> Pace:
    return Pace(lambda done, total: progress(f"making the first prompts ready ({language}): {done} of {total}"))


async def _make_prompts(speaker: Speaker, bundle: Bundle, at: datetime, ready: asyncio.Event) -> None:
    """All others, while calls are answered: the likely ones first."""
    says = await asyncio.to_thread(lambda: list(likely_says(bundle, at)))
    told = Pace(lambda done, total: log.info("likely sentences are being made ready for calls", done=done, of=total))
    await speaker.warm_likely(says, WARM_RATES, told)
    await speaker.warm(WARM_RATES, Pace(lambda done, total: log.info("prompts are being made ready", done=done, of=total)))
    ready.set()
