"""Secrets that are told over several turns: "podam kod cvv" and then "739"; a card number in four parts; "moje hasło to", "kotek".

One `TurnRedaction` a conversation. What a turn leads one to expect is kept, and never what was said.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from nlu.languages import languages
from nlu.languages.language import fold
from nlu.text.patterns import folded, words
from nlu.text.redaction.births import BIRTH, birth_dates, names_birth
from nlu.text.redaction.dictation import items_of, lexicon, tokens_of
from nlu.text.redaction.harmless import find_harmless
from nlu.text.redaction.judging import CODE
from nlu.text.redaction.names import Name, names_in
from nlu.text.redaction.passwords import PASSWORD, announces_password
from nlu.text.redaction.redact import redact

_TURNS = 3
"""What was named is expected for so many turns of the caller."""
_CHOICES = 2
"""So many digits, a turn each, can be choices from menus."""
_PASSWORD_WORDS = 3
_STRENGTH: Mapping[Name, int] = {Name.STRONG: 3, Name.CODE: 2, Name.NUMBER: 1}


@dataclass(frozen=True, slots=True)
class _Expected:
    """What the turns before lead one to expect."""

    name: Name | None = None
    birth: bool = False
    password: bool = False
    turns: int = 0
    figures: int = 0
    """So many turns before were one digit and nothing else."""


class TurnRedaction:
    """`redact` for the turns of one conversation, in order."""

    def __init__(self) -> None:
        self._expected = _Expected()

    def look(self, text: str) -> str:
        """A turn that is not over: masked like one, and nothing is expected after it."""
        return self._masked(text)

    def redact(self, text: str) -> str:
        """What the caller said in one turn, with personal numbers and passwords masked. Never raises."""
        masked = self._masked(text)
        self._expected = self._after(text, masked)
        return masked

    def only_by_turns(self, text: str) -> str:
        """What the caller said in one turn: masked where only the turns before tell that it is a secret, else as it was said."""
        masked = self.redact(text)
        return masked if masked != redact(text) else text

    def _masked(self, text: str) -> str:
        expected = self._expected
        if expected.password and _is_password(text):
            return PASSWORD
        if expected.birth:
            for start, end in reversed(birth_dates(text, expected=True)):
                text = text[:start] + BIRTH + text[end:]
        masked = redact(text, expected=expected.name, alone=True)
        if masked == text and expected.name is not None and _is_part(text, expected.figures):
            return CODE
        return masked

    def _after(self, text: str, masked: str) -> _Expected:
        named = max((name for name, _, _ in names_in(text) if name in _STRENGTH), key=lambda name: _STRENGTH[name], default=None)
        birth = names_birth(text) and BIRTH not in masked
        password = announces_password(text) and PASSWORD not in masked
        said = _figures(text)
        figures = self._expected.figures + 1 if said == 1 else 0
        if named or birth or password:
            return _Expected(named, birth, password, _TURNS)
        if masked != text or said > 1:  # the number may go on
            return _Expected(self._expected.name or Name.NUMBER, turns=_TURNS, figures=figures)
        left = self._expected.turns - (said != 1)
        return replace(self._expected, turns=left, figures=figures) if left > 0 else _Expected()


def _figures(text: str) -> int:
    """How many digits are said, when nothing but a number is said, and no time of day; else 0."""
    tokens = tokens_of(text)
    items = items_of(text, tokens)
    harmless = find_harmless(text, folded(text), tokens, items)
    if any(harmless.elsewhere(item) for item in items):
        return 0
    taken = {at for item in items for at in range(item.first, item.last)}
    rest = (token.word for at, token in enumerate(tokens) if at not in taken)
    return sum(len(item.digits) for item in items) if items and all(word in lexicon().fillers for word in rest) else 0


def _is_part(text: str, before: int) -> bool:
    """Two digits and nothing else; single ones, which could choose from a menu, only where several came one after the other."""
    return _figures(text) >= (1 if before >= _CHOICES else 2)


def _is_password(text: str) -> bool:
    """A few words of which none is one that callers say."""
    known = languages().values()
    common = frozenset(fold(word) for each in known for word in each.common_words)
    skipped = lexicon().fillers | words(lambda each: each.links)
    said = [word for word in fold(text).replace(",", " ").replace(".", " ").split() if word not in skipped]
    return 1 <= len(said) <= _PASSWORD_WORDS and not common & set(said) and "<" not in text
