"""From prompts to sound: the approved text of the day, its values in words, and the prompt store's PCM."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from itertools import zip_longest

import structlog

from audio.errors import AudioError
from audio.prompt_store import PromptStore, RecordedPart
from audio.spoken import speak
from dialogs.data.bundle import Bundle
from dialogs.data.errors import PromptMissing
from dialogs.data.prompts import PLACE, PromptText
from dialogs.events import Prompt, Say
from voicebot.conversation import rescue
from voicebot.pace import Told

log = structlog.get_logger(__name__)

PAUSE_S = 0.18
PRIVATE_KINDS = frozenset({"phone", "digits", "text"})


def spoken_text(text: PromptText, prompt: Prompt) -> str:
    """The text with every typed value in words of the text's language. Raises ValueError for a value that is none of its kind."""
    values = dict(prompt.params)
    return PLACE.sub(lambda place: speak(place.group(2), values[place.group(1)], text.language), text.text)


class Speaker:
    """Speaks `Say`s of one bundle; shared by all calls."""

    def __init__(self, bundle: Bundle, store: PromptStore, *, clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        """`clock` tells the day whose approved texts are spoken."""
        self._bundle = bundle
        self._store = store
        self._clock = clock

    def of(self, bundle: Bundle) -> Speaker:
        """A speaker of another bundle, with the same store of sounds."""
        return Speaker(bundle, self._store, clock=self._clock)

    async def pcm(self, say: Say, sample_rate: int) -> bytes:
        """Everything the `Say` says, a short pause between prompts. Raises AudioError, PromptMissing."""
        parts = [await self._prompt(prompt, say, sample_rate) for prompt in say.prompts]
        return bytes(int(PAUSE_S * sample_rate) * 2).join(parts)

    async def _prompt(self, prompt: Prompt, say: Say, sample_rate: int) -> bytes:
        text = self._text(prompt, say.language)
        private = any(kind in PRIVATE_KINDS for _, kind in text.places)
        recorded = say.speed == 1.0
        recording = self._bundle.recording(text) if recorded else None
        words = spoken_text(text, prompt)
        found = self._bundle.parts(text.language, words) if recorded and text.composed else ()
        parts = [RecordedPart(path, pause) for path, pause in found]
        return await self._store.pcm(words, text.language, sample_rate, say.speed, recording, private, parts)

    def _text(self, prompt: Prompt, language: str) -> PromptText:
        try:
            return self._bundle.text(prompt, language, self._clock())
        except PromptMissing:
            built_in = rescue.TEXTS.get((prompt.id, language)) or rescue.TEXTS.get((prompt.id, "pl"))
            if built_in is None:
                raise
            return PromptText(prompt.id, language if (prompt.id, language) in rescue.TEXTS else "pl", built_in)

    async def warm(self, sample_rates: Sequence[int], told: Told = lambda done, total: None) -> None:
        """Make ready every text that holds no value; `told` hears how far it is. A text that cannot be spoken is logged."""
        texts = self._fixed_texts()
        for rate in sample_rates:
            first = rate == sample_rates[0]  # the others are only resampled from it: a millisecond each
            for error in await self._store.warm(texts, rate, told if first else None):
                log.error("a prompt cannot be spoken", code=error.code, why=str(error))

    async def warm_likely(self, says: Sequence[Say], sample_rates: Sequence[int], told: Told = lambda done, total: None) -> None:
        """Make ready what calls are likely to need, one sentence after another, so that a call that needs another meanwhile waits
        for one at most; `told` hears how far it is. What fails is left for the call itself.
        """
        for done, say in enumerate(says, start=1):
            for rate in sample_rates:
                with contextlib.suppress(AudioError, PromptMissing, ValueError):
                    await self.pcm(say, rate)
            told(done, len(says))

    def _fixed_texts(self) -> list[tuple[str, str]]:
        """Each text with its language; the languages take turns, for each may have an engine of its own."""
        book, now = self._bundle.prompts, self._clock()
        day = self._bundle.calendar.local(now).date()
        by_language = [
            [
                (self._bundle.text(Prompt(prompt_id), language, now).text, language)
                for prompt_id in file.prompts
                if not book.places(prompt_id, language) and book.may_say(prompt_id, language, day)
            ]
            for language, file in book.files.items()
        ]
        return [text for turn in zip_longest(*by_language) for text in turn if text is not None]
