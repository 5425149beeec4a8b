"""Life in danger, by phrases: what must be heard when no model is there, in any language, whatever the language of the line.

A pack's `danger.yml` lists phrases of stems. Single words are no sign ("umrę ze śmiechu"), so a phrase is words near each other and in
order, and what makes it a figure of speech, a claim or a story of last year is listed beside it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ruamel.yaml.comments import CommentedMap, CommentedSeq

from nlu.errors import PackError
from nlu.languages.language import fold
from nlu.pack.rasa_yaml import load_document
from nlu.text.normalise import canonical

_BETWEEN = r"(?:\s\w+){0,2}?\s"
"""At most two other words stand between two words of a phrase."""
_STEM = re.compile(r"=?\w+")
_WORD = re.compile(r"\w+")
_FIX = "Write stems with spaces between, like `nie oddycha`, `zawał|wylew !ubezpiecz`"


@dataclass(frozen=True, slots=True)
class _Phrase:
    stems: tuple[str, ...]
    """With one of these its first word begins."""
    said: re.Pattern[str]
    never: re.Pattern[str] | None

    def heard(self, folded: str) -> bool:
        return self.said.search(folded) is not None and (self.never is None or self.never.search(folded) is None)


class Danger:
    """The phrases of all languages together, found by the stems that they begin with."""

    def __init__(self, phrases: Iterable[_Phrase]) -> None:
        self._phrases: dict[str, list[_Phrase]] = {}
        for phrase in phrases:
            for stem in phrase.stems:
                self._phrases.setdefault(stem, []).append(phrase)

    def heard(self, text: str) -> bool:
        """Whether the words speak of life in danger now. Pure; some 0.02 ms a line."""
        folded = fold(canonical(text))
        stems = {word[:size] for word in _WORD.findall(folded) for size in range(1, len(word) + 1)}
        return any(phrase.heard(folded) for stem in stems & self._phrases.keys() for phrase in self._phrases[stem])


def read_danger(path: Path) -> Danger | None:
    """The phrases of a `danger.yml`; None without the file. Raises PackError with file, line and fix."""
    if not path.is_file():
        return None
    document = load_document(path)
    return Danger(phrase for lang in document for phrase in _phrases(document, lang, path))


def _phrases(document: CommentedMap, lang: Any, path: Path) -> Iterator[_Phrase]:
    entries = document[lang]
    if not isinstance(entries, CommentedSeq):
        raise PackError(path, document.lc.key(lang)[0] + 1, f"{lang}: is not a list of phrases", _FIX)
    for at, written in enumerate(entries):
        line = entries.lc.item(at)[0] + 1
        words = fold(written).split() if isinstance(written, str) else []
        groups = [_group(word, path, line) for word in words if not word.startswith("!")]
        never = [_group(word[1:], path, line) for word in words if word.startswith("!")]
        if not groups:
            raise PackError(path, line, f"{written!r} asks for nothing to be said", _FIX)
        stems = next(word for word in words if not word.startswith("!")).replace("=", "").split("|")
        yield _Phrase(tuple(stems), re.compile(_BETWEEN.join(groups)), re.compile("|".join(never)) if never else None)


def _group(word: str, path: Path, line: int) -> str:
    """One place of a phrase as a pattern: a word that begins with one of the stems, or is the word after "="."""
    stems = word.split("|")
    if not all(_STEM.fullmatch(stem) for stem in stems):
        raise PackError(path, line, f"{word!r} is not made of stems", _FIX)
    return r"\b(?:" + "|".join(stem[1:] + r"\b" if stem.startswith("=") else stem + r"\w*" for stem in stems) + ")"
