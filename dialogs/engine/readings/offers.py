"""What was offered can be said: the names read out, parts of them, their places, and the keys' own names."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache

from dialogs.data.bundle import Bundle
from dialogs.data.flow import Menu, Question, Step
from dialogs.data.prompts import ALONE
from dialogs.engine.readings import keys
from dialogs.engine.readings.answers import Answer, Means
from dialogs.engine.readings.hints import folded, words_of
from dialogs.engine.state import CallState

LAST = "last"  # "the last one", of whatever was offered
OTHER = "other"  # "the other one", of two: the one read out last
_MOST_WORDS = 5  # of content: whoever says more tells a story, and the classifier reads those
_TWO = 2
_LEAST_ALIKE = 3
_ENDING = 2  # letters that a case may change


def find_offer(bundle: Bundle, state: CallState, step: Step, text: str) -> Answer | None:
    """The option that these words name among those on offer at this step; None when they name none, or several alike."""
    if not isinstance(step, Menu) and not (isinstance(step, Question) and step.option is not None):
        return None
    words = without_filler(bundle, state.language, words_of(text))
    if not words or len(words) > _MOST_WORDS:
        return None
    offered = _menu_names(bundle, state) if isinstance(step, Menu) else _candidate_names(bundle, state)
    key = _last(bundle, state, list(offered), words) or _best(offered, words)
    if key is None:
        return None
    answer = keys.read(bundle, state, step, key)
    return None if answer.means is Means.NOTHING else answer


def without_filler(bundle: Bundle, language: str, words: Sequence[str]) -> list[str]:
    """The words but for politeness and what goes with any choice ("please", "number", "I choose")."""
    filler = filler_of(bundle, language)
    return [word for word in words if word not in filler]


def filler_of(bundle: Bundle, language: str) -> frozenset[str]:
    """The words that go along with anything."""
    return _single_words(bundle.flow.phrases("filler", language))


@lru_cache(maxsize=64)
def _single_words(phrases: tuple[str, ...]) -> frozenset[str]:
    return frozenset(word for phrase in phrases for word in words_of(phrase))


def _last(bundle: Bundle, state: CallState, offered: Sequence[str], words: Sequence[str]) -> str | None:
    """The last of what was read out, when that is what was said."""
    phrases = bundle.flow.phrases(LAST, state.language)
    if len(offered) == _TWO:
        phrases = (*phrases, *bundle.flow.phrases(OTHER, state.language))
    return offered[-1] if offered and " ".join(words) in folded(phrases) else None


def _menu_names(bundle: Bundle, state: CallState) -> Mapping[str, list[str]]:
    options = bundle.routes.menus.get(state.menu, {})
    return {key: _words_of_prompts(bundle, state.language, (option.say,)) for key, option in options.items()}


def _candidate_names(bundle: Bundle, state: CallState) -> Mapping[str, list[str]]:
    """The candidates' names as spoken in a sentence, and as on the keypad menu."""
    return {
        str(place): _words_of_prompts(bundle, state.language, (f"matter.{intent}", f"{ALONE}{intent}", f"menu_name.{intent}"))
        for place, intent in enumerate(state.candidates, start=1)
    }


def _words_of_prompts(bundle: Bundle, language: str, prompts: Sequence[str]) -> list[str]:
    texts = [bundle.prompts.files[language].prompts[name].text for name in prompts if bundle.prompts.has(name, language)]
    return [word for text in texts for word in _words_of_text(text)]


@lru_cache(maxsize=1024)
def _words_of_text(text: str) -> tuple[str, ...]:
    return tuple(words_of(text))


def _best(offered: Mapping[str, Sequence[str]], words: Sequence[str]) -> str | None:
    """The one option whose name has all these words; of several, the one whose name they cover best, if it stands out."""
    fitting = {key: name for key, name in offered.items() if all(_in_name(word, name) for word in words)}
    if len(fitting) < 2:
        return next(iter(fitting), None)
    covered: Callable[[str], float] = lambda key: sum(_in_name(own, words) for own in fitting[key]) / len(fitting[key])  # noqa: E731
    ordered = sorted(fitting, key=covered, reverse=True)
    return ordered[0] if covered(ordered[0]) > covered(ordered[1]) and covered(ordered[0]) == 1 else None


def _in_name(word: str, name: Sequence[str]) -> bool:
    return any(_alike(word, own) for own in name)


def _alike(word: str, other: str) -> bool:
    """The same word but for its ending."""
    same = max(_LEAST_ALIKE, min(len(word), len(other)) - _ENDING)
    return word == other or (
        min(len(word), len(other)) >= same and word[:same] == other[:same] and abs(len(word) - len(other)) <= 4
    )
