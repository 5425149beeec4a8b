"""Set phrases: options of a question, names of keys, languages, and what helps the caller, said in a few fixed words."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from dialogs.data.bundle import Bundle
from dialogs.data.flow import Question, Step
from dialogs.engine.readings import keys
from dialogs.engine.readings.answers import Answer, Means
from dialogs.engine.state import CallState

LONGEST = 9  # words: longer utterances tell a story, and a set phrase inside of one means little
HELLO = "hello"  # counts only when nothing else was said
NO_RECORDING = "no_recording"
ANGRY = "angry"  # but for a swear-word, which says how the caller feels at any length
_KEY = "key_"  # commands called key_1, key_2…: the key's name said aloud
_LANGUAGE = "language_"  # language_en, language_uk…: the name of a language
_WITHOUT_CLASSIFIER = {"yes": Means.YES, "no": Means.NO, "agent": Means.AGENT}
_WORD = re.compile(r"[^\W_]+")


@dataclass(frozen=True, slots=True)
class Command:
    """A set phrase that was heard. `plain`: it is more than half of what was said."""

    name: str
    answer: Answer
    plain: bool


def find_command(bundle: Bundle, state: CallState, step: Step, text: str, *, classified: bool) -> Command | None:
    """The longest set phrase in `text`: an option of this step, the name of a key on offer, or a command that holds everywhere.

    Without a classifier (`classified` False) the phrases for yes, no and a human count too.
    """
    words = _WORD.findall(text.casefold())
    if not words:
        return None
    spoken = f" {' '.join(words)} "
    own = options_of(step)
    found = [
        (name in own, len(phrase), name, phrase)
        for name, phrases in bundle.flow.commands.items()
        for phrase in phrases.get(state.language, ())
        if f" {phrase} " in spoken
        and (name in own or name not in bundle.flow.options)
        and (name == ANGRY or len(words) <= LONGEST)
    ]
    if classified:
        found = [hit for hit in found if hit[2] not in _WITHOUT_CLASSIFIER]
    if not found:
        return None
    is_option, _, name, phrase = max(found)
    length = len(phrase.split())
    answer = _answer(bundle, state, step, name, is_option=is_option, whole=length == len(words))
    if answer is None:
        return None
    said = "" if name.startswith(_KEY) else text  # "two" says nothing to the agent
    return Command(name, replace(answer, by="words", text=said), plain=2 * length > len(words))


def _answer(bundle: Bundle, state: CallState, step: Step, name: str, *, is_option: bool, whole: bool) -> Answer | None:
    if name in _WITHOUT_CLASSIFIER:
        return Answer(_WITHOUT_CLASSIFIER[name])
    if name.startswith(_LANGUAGE):
        language = name.removeprefix(_LANGUAGE)
        return Answer(Means.LANGUAGE, option=language) if language != state.language else None
    if name == HELLO and not whole:
        return None
    if name.startswith(_KEY):
        return keys.read(bundle, state, step, name.removeprefix(_KEY)) if whole and keys.on_offer(step) else None
    return Answer(Means.OPTION if is_option else Means.COMMAND, option=name)


def find_urgent(urgent: Mapping[str, Mapping[str, Sequence[str]]], text: str) -> Answer | None:
    """An emergency in a language that the classifier was not taught: all the beginnings of words of one entry are there."""
    spoken = f" {' '.join(_WORD.findall(text.casefold()))}"
    for language, matters in urgent.items():
        for intent, entries in matters.items():
            if any(all(f" {stem}" in spoken for stem in entry.split()) for entry in entries):
                return Answer(Means.EMERGENCY, text=text, intent=intent, language=language)
    return None


def options_of(step: Step) -> frozenset[str]:
    """The names of what this step lets the caller choose from."""
    if isinstance(step, Question):
        return frozenset(step.answers) | frozenset(step.keys.values())
    return frozenset()
