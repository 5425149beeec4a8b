"""Set phrases: options of a question, names of keys, languages, and what helps the caller, said in a few fixed words."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import dropwhile

from dialogs.data.bundle import Bundle
from dialogs.data.flow import SKIP, Confirmation, Question, Step
from dialogs.engine.readings import keys
from dialogs.engine.readings.answers import Answer, Means
from dialogs.engine.readings.hints import fold, folded, heard_in, words_of
from dialogs.engine.readings.offers import LAST, OTHER, filler_of, without_filler
from dialogs.engine.state import CallState

LONGEST = 9  # words: longer utterances tell a story, and a set phrase inside of one means little
HELLO = "hello"  # counts only when nothing else was said
OPENER = "opener"  # "I have a question": nothing else was said either
NO_RECORDING = "no_recording"
ANGRY = "angry"  # but for a swear-word, which says how the caller feels at any length
FAREWELL = "farewell"
MOMENT = "moment"
PLAIN_NO, LEADING_NO = "plain_no", "leading_no"
TROUBLE = "trouble"  # what begins with a no and denies nothing
_KEY = "key_"  # commands called key_1, key_star…: the key's name said aloud
_KEYS = {"star": "*", "hash": "#"}
_LANGUAGE = "language_"  # language_en, language_uk…: the name of a language
_WITHOUT_CLASSIFIER = {"yes": Means.YES, "no": Means.NO, "agent": Means.AGENT}
_PARTS = frozenset({HELLO, OPENER, FAREWELL, MOMENT, PLAIN_NO, LEADING_NO, "filler", LAST, OTHER})  # read in ways of their own
_ENDS = frozenset({"wrong_number"})  # what ends the call must be most of what was said
_LONGEST_HINT = 14


@dataclass(frozen=True, slots=True)
class Command:
    """A set phrase that was heard. `plain`: it is more than half of what was said; `hinted`: it was only hinted at."""

    name: str
    answer: Answer
    plain: bool
    hinted: bool = False


def find_command(bundle: Bundle, state: CallState, step: Step, text: str, *, classified: bool) -> Command | None:
    """The longest set phrase in `text`: an option of this step, the name of a key on offer, or a command that holds everywhere.

    Without a classifier (`classified` False) the phrases for yes, no and a human count too.
    """
    words = words_of(text)
    if not words:
        return None
    if only_opens(bundle, state.language, words):
        return Command(HELLO, Answer(Means.COMMAND, option=HELLO, text=text), plain=True)
    key = _named_key(bundle, state, step, words)
    if key is not None:
        return Command(f"{_KEY}{key.option}", key, plain=True)
    own = options_of(step)
    found = max(_said(bundle, state, own, words, classified=classified), default=None)
    if found is None:
        return _hinted(bundle, state, own, words, text)
    is_option, length, name = found
    answer = _answer(state, name, is_option=is_option)
    if name in _ENDS and 2 * length <= len(without_filler(bundle, state.language, words)):
        return None  # "I got the amount wrong" is no wrong number
    said = words if not is_option else without_filler(bundle, state.language, words)
    return Command(name, replace(answer, by="words", text=text), plain=2 * length > len(said)) if answer else None


def _said(
    bundle: Bundle, state: CallState, own: frozenset[str], words: Sequence[str], *, classified: bool
) -> Iterable[tuple[bool, int, str]]:
    """Phrases that were heard: whether each is an option of the step, its length in words, its name."""
    spoken = f" {' '.join(words)} "
    for name, phrases in bundle.flow.commands.items():
        ours = name in own or name not in bundle.flow.options
        long = len(words) > LONGEST and name != ANGRY
        if name in _PARTS or name.startswith(_KEY) or not ours or long or (classified and name in _WITHOUT_CLASSIFIER):
            continue
        for phrase in folded(phrases.get(state.language, ())):
            if f" {phrase} " in spoken:
                yield name in own, phrase.count(" ") + 1, name


def _hinted(bundle: Bundle, state: CallState, own: frozenset[str], words: Sequence[str], text: str) -> Command | None:
    """A command or an option that is hinted at: what can be said in more ways than phrases can list."""
    if len(words) > _LONGEST_HINT:
        return None
    for name, hints in bundle.flow.hints.items():
        known = name in own or (name in bundle.flow.commands and name not in bundle.flow.options)
        if known and heard_in(hints.get(state.language, ()), words):
            answer = _answer(state, name, is_option=name in own)
            return Command(name, replace(answer, text=text), plain=True, hinted=True) if answer else None
    return None


def _answer(state: CallState, name: str, *, is_option: bool) -> Answer | None:
    if name in _WITHOUT_CLASSIFIER:
        return Answer(_WITHOUT_CLASSIFIER[name])
    if name.startswith(_LANGUAGE):
        language = name.removeprefix(_LANGUAGE)
        return Answer(Means.LANGUAGE, option=language) if language != state.language else Answer(Means.COMMAND, option=name)
    return Answer(Means.OPTION if is_option else Means.COMMAND, option=name)


def _named_key(bundle: Bundle, state: CallState, step: Step, words: Sequence[str]) -> Answer | None:
    """The key whose name is all that was said. Keys that hold everywhere can be named everywhere."""
    said = " ".join(without_filler(bundle, state.language, words)) or " ".join(words)
    for name, phrases in bundle.flow.commands.items():
        if not name.startswith(_KEY) or said not in folded(phrases.get(state.language, ())):
            continue
        key = _KEYS.get(name.removeprefix(_KEY), name.removeprefix(_KEY))
        if keys.on_offer(step) or key in keys.everywhere(bundle):
            return replace(keys.read(bundle, state, step, key), by="words")
    return None


def only_opens(bundle: Bundle, language: str, words: Sequence[str]) -> bool:
    """Nothing but a greeting, or "I have a question": the matter is still to come."""
    opening = (*bundle.flow.phrases(HELLO, language), *bundle.flow.phrases(OPENER, language))
    return len(words) <= _LONGEST_HINT and _covered(words, _longest_first(opening), filler_of(bundle, language))


@lru_cache(maxsize=64)
def _longest_first(phrases: tuple[str, ...]) -> tuple[tuple[str, ...], ...]:
    return tuple(sorted((tuple(fold(phrase).split()) for phrase in phrases), key=len, reverse=True))


def _covered(words: Sequence[str], phrases: Sequence[tuple[str, ...]], filler: frozenset[str]) -> bool:
    """The phrases (longest first) cover all words, one at least, but for filler."""
    at, found = 0, False
    while at < len(words):
        size = next((len(phrase) for phrase in phrases if tuple(words[at : at + len(phrase)]) == phrase), 0)
        if not size and words[at] not in filler:
            return False
        at, found = at + (size or 1), found or bool(size)
    return found


def says_farewell(bundle: Bundle, language: str, text: str) -> bool:
    """An unmistakable farewell: it is the last thing said, or all of it."""
    words, filler = words_of(text), filler_of(bundle, language)
    spoken = " ".join(words)
    while words and words[-1] in filler:  # "bye, thank you very much"
        words.pop()
    ends = (spoken, " ".join(words))
    phrases = folded(bundle.flow.phrases(FAREWELL, language))
    return any(f" {end}".endswith(f" {phrase}") for phrase in phrases for end in ends)


def asks_for_a_moment(bundle: Bundle, language: str, text: str) -> bool:
    """Words that ask to wait are in it, and are not denied ("I have no time to wait")."""
    phrases = bundle.flow.phrases(MOMENT, language)
    return heard_in(tuple(phrase.replace(" ", "_") for phrase in phrases), words_of(text))


def begins_with_no(bundle: Bundle, language: str, text: str) -> bool:
    """The first word, but for filler, is a no, and more follows it."""
    return len(after_no(bundle, language, text)) > 0


def after_no(bundle: Bundle, language: str, text: str) -> list[str]:
    """The words after the no, or several, that they begin with; none when they do not begin so."""
    words, no = _from_the_first_word(bundle, language, text), folded(bundle.flow.phrases(LEADING_NO, language))
    rest = [*dropwhile(lambda word: word in no, words)]
    return rest if len(rest) < len(words) and not reports_trouble(bundle, language, text) else []


def reports_trouble(bundle: Bundle, language: str, text: str) -> bool:
    """They begin with a no that is none: "nie działa", "can't find it"."""
    entries = bundle.flow.hints_of(TROUBLE, language)
    words = _from_the_first_word(bundle, language, text)
    return any(heard_in(entries, words[:length]) for length in (2, 3)) if words else False


def _from_the_first_word(bundle: Bundle, language: str, text: str) -> list[str]:
    """The words from the first on that is neither filler nor a call to stop ("wait, wait")."""
    aside = filler_of(bundle, language) | frozenset(folded(bundle.flow.phrases(MOMENT, language)))
    return [*dropwhile(lambda word: word in aside, words_of(text))]


def denies_plainly(bundle: Bundle, language: str, text: str) -> bool:
    """It begins with words that can only be a no ("neither", "far from it"), whatever follows them."""
    filler = filler_of(bundle, language)
    spoken = f"{' '.join(dropwhile(lambda word: word in filler, words_of(text)))} "
    return any(spoken.startswith(f"{phrase} ") for phrase in folded(bundle.flow.phrases(PLAIN_NO, language)))


def content(bundle: Bundle, language: str, text: str) -> list[str]:
    """The words but for filler."""
    return without_filler(bundle, language, words_of(text))


def find_urgent(urgent: Mapping[str, Mapping[str, tuple[str, ...]]], text: str) -> Answer | None:
    """An emergency in a language that the classifier was not taught: all the beginnings of words of one entry are there."""
    words = words_of(text)
    for language, matters in urgent.items():
        for intent, entries in matters.items():
            if heard_in(entries, words):
                return Answer(Means.EMERGENCY, text=text, intent=intent, language=language)
    return None


def options_of(step: Step) -> frozenset[str]:
    """The names of what this step lets the caller choose from."""
    if isinstance(step, Question):
        return frozenset(step.answers) | frozenset(step.keys.values())
    if isinstance(step, Confirmation):
        return frozenset({SKIP})
    return frozenset()
