"""Words that name several matters at once ("karta", "ja w sprawie konta"): what may be meant, as a pack's `ambiguous.yml` lists it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from pathlib import Path

from ruamel.yaml.comments import CommentedMap, CommentedSeq

from nlu.errors import PackError
from nlu.languages import languages
from nlu.languages.language import fold
from nlu.model.lemmas import Lemmas
from nlu.pack.pack import Pack
from nlu.pack.rasa_yaml import load_document
from nlu.text.normalise import canonical

_LONGEST = 3
"""After an opening, so many words are bare words at most; more say what is wanted."""
_FEWEST, _MOST = 2, 3
_FIX = "Write `word|other word: [intent, intent]` with two or three intents of intents.yml"


class BareWords:
    """The ambiguous words of one language, in whatever form they are said."""

    def __init__(self, choices: Mapping[str, tuple[str, ...]], lemmas: Lemmas) -> None:
        """`choices` by canonical words."""
        self._lemmas = lemmas
        self._choices = {self._key(words.split()): named for words, named in choices.items()}

    def choices(self, text: str) -> tuple[str, ...]:
        """The matters that `bare` words may mean, commonest first; none when they are not ambiguous or say more."""
        return self._choices.get(self._key(text.split()), ())

    def _key(self, words: list[str]) -> str:
        return " ".join(self._lemmas.of(word) for word in words)


def opened(text: str, lang: str) -> str:
    """A normalised text without what only opens it ("dzień dobry ja w sprawie konta" is "konta"), when little is left; else the text."""
    patterns = _patterns(lang)
    opening = patterns[0].match(fold(text)) if patterns is not None else None
    rest = text[opening.end() :] if opening else ""
    return rest if 0 < len(rest.split()) <= _LONGEST else text


def bare(text: str, lang: str) -> str:
    """An `opened` text of few words without those that tell nothing beside a thing ("moje konto" is "konto")."""
    patterns, words = _patterns(lang), opened(text, lang).split()
    if patterns is None or len(words) > _LONGEST:
        return text
    return " ".join(word for word in words if fold(word) not in patterns[1])


def read_ambiguous(path: Path, pack: Pack) -> dict[str, dict[str, tuple[str, ...]]]:
    """Choices by language and canonical words; empty without the file. Raises PackError with file, line and fix."""
    if not path.is_file():
        return {}
    document = load_document(path)
    return {str(lang): dict(_entries(document, lang, path, pack)) for lang in document}


def _entries(document: CommentedMap, lang: str, path: Path, pack: Pack) -> Iterator[tuple[str, tuple[str, ...]]]:
    entries = document[lang]
    if not isinstance(entries, CommentedMap):
        raise PackError(path, document.lc.key(lang)[0] + 1, f"{lang}: is not a mapping of words", _FIX)
    for words, choices in entries.items():
        line = entries.lc.key(words)[0] + 1
        if not isinstance(choices, CommentedSeq) or not _FEWEST <= len(choices) <= _MOST:
            raise PackError(path, line, f"{words}: is not a list of two or three intents", _FIX)
        unknown = [str(one) for one in choices if one not in pack.intents]
        if unknown:
            raise PackError(path, line, f"unknown intent {unknown[0]!r}", "Use an id of intents.yml")
        for each in str(words).split("|"):
            yield canonical(each), tuple(map(str, choices))


@lru_cache(maxsize=16)
def _patterns(lang: str) -> tuple[re.Pattern[str], frozenset[str]] | None:
    known = languages().get(lang)
    if known is None:
        return None
    empty = frozenset(fold(word) for word in known.matters.empty.split())
    return re.compile(rf"(?:{known.matters.opens})\s+(?=\S)"), empty
