"""The engines of one process: understanding, recognisers and voices, loaded as the settings say."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import datetime

import structlog

from audio.errors import ModelError
from audio.prompt_store import PromptStore
from audio.recognisers.load import load_recogniser
from audio.types import Recogniser
from dialogs.data.bundle import Bundle
from voicebot.config.settings import Settings
from voicebot.prompts.speaking import Speaker
from voicebot.prompts.voices import voices_of
from voicebot.prompts.warming import Pace, likely_says
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


async def open_engines(
    settings: Settings,
    bundle: Bundle,
    stack: AsyncExitStack,
    *,
    clock: Callable[[], datetime],
    progress: Callable[[str], None],
) -> Engines:
    """Load everything; `stack` closes it. Raises PackError. A recogniser that cannot be loaded is logged and left out."""
    progress("loading the classifier (the first time it is trained)")
    understanding = await open_understanding(settings.nlu, bundle.prompts.languages)
    stack.push_async_callback(understanding.close)
    progress("loading the recognisers")
    recognisers = await asyncio.to_thread(_recognisers, settings)
    for recogniser in {id(one): one for one in recognisers.values()}.values():
        stack.callback(recogniser.close)
    progress("making the prompts ready")
    speaker = await _speaker(settings, bundle, clock, progress, stack)
    return Engines(understanding, speaker, recognisers)


def _recognisers(settings: Settings) -> dict[str, Recogniser]:
    """By language; languages with the same settings share one engine."""
    loaded: dict[str, Recogniser | None] = {}
    found: dict[str, Recogniser] = {}
    for language, wanted in settings.recognisers.items():
        key = wanted.model_dump_json()
        if key not in loaded:
            try:
                loaded[key] = load_recogniser(wanted, cache_dir=settings.state.data_dir / "models")
            except ModelError as error:
                log.error("no recogniser, calls go on with keys", code=error.code, language=language, why=str(error))
                loaded[key] = None
        engine = loaded[key]
        if engine is not None:
            found[language] = engine
    return found


async def _speaker(
    settings: Settings, bundle: Bundle, clock: Callable[[], datetime], progress: Callable[[str], None], stack: AsyncExitStack
) -> Speaker:
    languages = dict.fromkeys([*settings.voices, *bundle.prompts.files])
    voices = {language: voices_of(language, settings) for language in languages}
    store = PromptStore(settings.state.data_dir / "prompts", voices)
    stack.push_async_callback(store.close)
    speaker = Speaker(bundle, store, clock=clock)
    await speaker.warm(WARM_RATES, Pace(lambda done, total: progress(f"making the prompts ready: {done} of {total}")))
    likely = asyncio.create_task(_warm_likely(speaker, bundle, clock()), name="warm-prompts")
    stack.push_async_callback(cancelled, likely)
    return speaker


async def _warm_likely(speaker: Speaker, bundle: Bundle, at: datetime) -> None:
    """While calls are answered already."""
    says = await asyncio.to_thread(lambda: list(likely_says(bundle, at)))
    told = Pace(lambda done, total: log.info("likely sentences are being made ready for calls", done=done, of=total))
    await speaker.warm_likely(says, WARM_RATES, told)
