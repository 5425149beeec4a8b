"""What the bot says, as it is written: the approved text of the text channel, its values in figures instead of words."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from audio.spoken import speak
from dialogs.data.bundle import Bundle
from dialogs.data.errors import PromptMissing
from dialogs.data.prompts import PLACE, PromptText
from dialogs.events import Prompt, Say
from voicebot.conversation import rescue

CHANNEL = "chat"
_ABOUT = {"pl": "około", "en": "about"}


def written_text(bundle: Bundle, prompt: Prompt, language: str, when: datetime, channel: str = CHANNEL) -> str:
    """The approved wording of a prompt. Raises PromptMissing, ValueError for a value that is none of its kind."""
    text = _approved(bundle, prompt, language, when, channel)
    values = dict(prompt.params)
    return PLACE.sub(lambda place: _written(place.group(2), values[place.group(1)], text.language), text.text)


def written_say(bundle: Bundle, say: Say, when: datetime, *, without: Iterable[str] = (), channel: str = CHANNEL) -> str:
    """Everything a `Say` says but the prompts in `without`, which the page shows as buttons."""
    left_out = frozenset(without)
    said = (prompt for prompt in say.prompts if prompt.id not in left_out)
    return " ".join(written_text(bundle, prompt, say.language, when, channel) for prompt in said)


def _approved(bundle: Bundle, prompt: Prompt, language: str, when: datetime, channel: str) -> PromptText:
    """The bundle's text; the few of the conversation of last resort need no bundle."""
    try:
        return bundle.text(prompt, language, when, channel)
    except PromptMissing:
        for spoken in (language, "pl"):
            if (prompt.id, spoken) in rescue.TEXTS:
                return PromptText(prompt.id, spoken, rescue.TEXTS[(prompt.id, spoken)])
        raise


def _written(kind: str, value: str, language: str) -> str:
    match kind:
        case "number" | "hour" | "phone":
            return value
        case "minutes":
            return f"{value} min"
        case "about_minutes":
            return f"{_ABOUT.get(language, '~')} {value} min"
        case "digits":
            return " ".join(value[at : at + 3] for at in range(0, len(value), 3))
    return speak(kind, value, language)
