"""What an agent hears before taking a call: approved texts only, one after another, and never a name or a number."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

from dialogs.data.prompts import ALONE, PromptBook
from dialogs.events import HandOff, Prompt, Say

INTRO, SURE, UNSURE, KEYS = "whisper.intro", "whisper.sure", "whisper.unsure", "whisper.keys"
NEEDED = (INTRO, SURE, UNSURE, KEYS)
PREFIXES = ("whisper.", "waiting.", "connecting.", "desk.")
"""Texts that no step says: `waiting.` is for the caller while a queue rings, `desk.` for agents to send in a chat."""
SURE_FROM = 0.8
"""With this confidence the matter is told as a fact."""


def whisper(book: PromptBook, action: HandOff, language: str, day: date) -> Say:
    """For the agent who is to take this call, in `language`: segment, matter, how sure, the caller's language, the keys. What has
    no text that may be said on that day is left out.
    """
    named = [prompt_id for prompt_id in _named(action, book, language, day) if book.may_say(prompt_id, language, day)]
    return Say(tuple(Prompt(prompt_id) for prompt_id in named), language, mark="whisper", barge_in=False)


def _named(action: HandOff, book: PromptBook, language: str, day: date) -> Iterator[str]:
    yield INTRO
    yield f"whisper.segment.{action.segment}"
    if action.intent:
        alone = f"{ALONE}{action.intent}"
        yield alone if book.may_say(alone, language, day) else f"matter.{action.intent}"
        sure = action.confidence is None or action.confidence >= SURE_FROM
        yield SURE if sure else UNSURE
    if action.language != language:
        yield f"whisper.language.{action.language}"
    yield KEYS


def waiting_texts(book: PromptBook, language: str, day: date) -> list[str]:
    """The approved texts for whoever waits, in the order of the file."""
    names = book.files[language].prompts if language in book.files else ()
    return [prompt_id for prompt_id in names if prompt_id.startswith("waiting.") and book.may_say(prompt_id, language, day)]


def desk_texts(book: PromptBook, language: str, day: date) -> list[str]:
    """The approved texts that an agent may send in a chat, in the order of the file. One with places for values is left out."""
    names = book.files[language].prompts if language in book.files else ()
    return [
        prompt_id
        for prompt_id in names
        if prompt_id.startswith("desk.") and book.may_say(prompt_id, language, day) and not book.places(prompt_id, language)
    ]
