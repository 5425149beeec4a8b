"""Which prompt a studio's file is of, by its name: "012_Ask Matter-final v2.wav" is `ask_matter`."""

from __future__ import annotations

import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterable

_TAKE = re.compile(
    r"(v|ver|version|wersja|take|tk|t|ujecie|nr|no|mix|rev)?\d*"
    r"|final|finalna|finalny|finalne|ost|ostateczna|ostateczny|master|mastered|mstr|mix|edit|edited|clean|new|nowe|nowa|nowy"
    r"|ok|fix|fixed|popr|poprawka|poprawione|copy|kopia|mono|stereo|(16|24|32)bit|\d+k(hz)?|raw|wav"
)
_NUMBER = re.compile(r"\d+")
_LETTERS = str.maketrans({"ł": "l", "đ": "d", "ø": "o", "ß": "ss", "æ": "ae"})


def folded(text: str) -> str:
    """Lower case without diacritics."""
    plain = unicodedata.normalize("NFKD", text.casefold().translate(_LETTERS))
    return "".join(letter for letter in plain if not unicodedata.combining(letter))


def name_tokens(name: str) -> tuple[str, ...]:
    """The name's words and numbers, folded; everything else parts them."""
    return tuple(re.findall(r"[^\W_]+", folded(name)))


class RecordingNames:
    """The names that recordings may have."""

    def __init__(self, ids: Iterable[str]) -> None:
        self._ids = frozenset(ids)
        by_key: dict[str, set[str]] = defaultdict(set)
        for each in self._ids:
            if key := "".join(name_tokens(each)):
                by_key[key].add(each)
        self._by_key = {key: tuple(sorted(found)) for key, found in by_key.items()}

    def matches(self, stem: str) -> tuple[str, ...]:
        """The ids that a file name (without its ending) may mean: none, one, or several between which only a person can choose.

        The name as it is comes first, then without case and diacritics, then without a number in front, then without what studios
        put behind (take, version, "final"), word after word.
        """
        if stem in self._ids:
            return (stem,)
        tokens = name_tokens(stem)
        while True:
            for rest in (tokens, _without_number(tokens)):
                if found := self._by_key.get("".join(rest)):
                    return found
            if not tokens or not _TAKE.fullmatch(tokens[-1]):
                return ()
            tokens = tokens[:-1]


def _without_number(tokens: tuple[str, ...]) -> tuple[str, ...]:
    start = 0
    while start < len(tokens) and _NUMBER.fullmatch(tokens[start]):
        start += 1
    return tokens[start:]
