"""From prompts to sound: the approved text of the day, its values in words, and the prompt store's PCM."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

import structlog

from audio.errors import AudioError
from audio.prompt_store import PromptStore
from audio.spoken import speak
from dialogs.bundle import Bundle
from dialogs.errors import PromptMissing
from dialogs.events import Prompt, Say
from dialogs.prompts import PLACE, PromptText
from voicebot.driver import rescue

log = structlog.get_logger(__name__)

PAUSE_S = 0.18
PRIVATE_KINDS = frozenset({"phone", "digits"})


def spoken_text(text: PromptText, prompt: Prompt) -> str:
    """The text with every typed value in words of the text's language. Raises ValueError for a value that is none of its kind."""
    values = dict(prompt.params)
    return PLACE.sub(lambda place: speak(place.group(2), values[place.group(1)], text.language), text.text)


class Speaker:
    """Speaks `Say`s of one bundle; shared by all calls."""

    def __init__(self, bundle: Bundle, store: PromptStore) -> None:
        self._bundle = bundle
        self._store = store

    async def pcm(self, say: Say, sample_rate: int) -> bytes:
        """Everything the `Say` says, a short pause between prompts. Raises AudioError, PromptMissing."""
        parts = [await self._prompt(prompt, say, sample_rate) for prompt in say.prompts]
        return bytes(int(PAUSE_S * sample_rate) * 2).join(parts)

    async def _prompt(self, prompt: Prompt, say: Say, sample_rate: int) -> bytes:
        text = self._text(prompt, say.language)
        private = any(kind in PRIVATE_KINDS for _, kind in text.places)
        recording = self._bundle.recording(text) if say.speed == 1.0 else None
        words = spoken_text(text, prompt)
        return await self._store.pcm(words, text.language, sample_rate, say.speed, recording, private)

    def _text(self, prompt: Prompt, language: str) -> PromptText:
        try:
            return self._bundle.text(prompt, language, datetime.now(UTC))
        except PromptMissing:
            built_in = rescue.TEXTS.get((prompt.id, language)) or rescue.TEXTS.get((prompt.id, "pl"))
            if built_in is None:
                raise
            return PromptText(prompt.id, language if (prompt.id, language) in rescue.TEXTS else "pl", built_in)

    async def warm(self, sample_rates: Sequence[int]) -> None:
        """Make ready every text that holds no value. A text that cannot be spoken is logged."""
        for rate in sample_rates:
            for error in await self._store.warm(self._fixed_texts(), rate):
                log.error("a prompt cannot be spoken", code=error.code, why=str(error))

    async def warm_likely(self, says: Iterable[Say], sample_rates: Sequence[int]) -> None:
        """Make ready what calls are likely to need, one sentence after another; what fails is left for the call itself."""
        for say in says:
            for rate in sample_rates:
                with contextlib.suppress(AudioError, PromptMissing, ValueError):
                    await self.pcm(say, rate)

    def _fixed_texts(self) -> list[tuple[str, str]]:
        book, now = self._bundle.prompts, datetime.now(UTC)
        day = self._bundle.calendar.local(now).date()
        return [
            (self._bundle.text(Prompt(prompt_id), language, now).text, language)
            for language, file in book.files.items()
            for prompt_id in file.prompts
            if not book.places(prompt_id, language) and book.may_say(prompt_id, language, day)
        ]
