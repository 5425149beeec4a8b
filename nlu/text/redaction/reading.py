"""A text, read for its numbers and their names."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from nlu.text.patterns import folded
from nlu.text.redaction.dictation import Item, Token, items_of, lexicon, tokens_of
from nlu.text.redaction.harmless import Harmless, find_harmless
from nlu.text.redaction.names import Name, links, names_in

LONG_RUN = 6
"""So many digits in a row are personal unless they are plainly something else."""
_AMOUNTS = 8
"""Fewer digits than these, in whole hundreds with words between, are amounts that are compared."""


@dataclass(frozen=True, slots=True)
class Named:
    """A name that was said, and its tokens (`last` is exclusive)."""

    name: Name
    first: int
    last: int


@dataclass(frozen=True, slots=True)
class Reading:
    """A text, read."""

    text: str
    tokens: Sequence[Token]
    items: Sequence[Item]
    named: Sequence[Named]
    harmless: Harmless
    expected: Name | None
    """What was named in the turn before."""
    alone: bool
    """The text is a whole utterance."""
    by_machine: bool
    """A program wrote it, not a person."""

    def words_between(self, first: int, last: int) -> int:
        """How many words that mean something stand between two places; -1 when the second is not behind the first, or a mask
        between.
        """
        if last < first or any(not token.word for token in self.tokens[first:last]):
            return -1
        fillers, linking = lexicon().fillers, links()
        return sum(token.word not in fillers and token.word not in linking for token in self.tokens[first:last])


@dataclass(frozen=True, slots=True)
class Run:
    """Numbers that may be parts of one."""

    items: tuple[Item, ...]

    @property
    def start(self) -> int:
        """Where it begins in the text."""
        return self.items[0].start

    @property
    def end(self) -> int:
        """Where it ends in the text, exclusive."""
        return self.items[-1].end

    @property
    def count(self) -> int:
        """Of its digits."""
        return sum(len(item.digits) for item in self.items)

    @property
    def most(self) -> int:
        """How many digits it can stand for."""
        return sum(item.most for item in self.items)

    @property
    def long(self) -> bool:
        """Digits that are dictated and not one large number said in words ("sto pięćdziesiąt tysięcy")."""
        plain = sum(len(item.digits) for item in self.items if not item.multiplied)
        return plain >= LONG_RUN or (len(self.items) >= 3 and self.count >= 9)

    @property
    def amounts(self) -> bool:
        """ "from four hundred to four fifty"."""
        apart = any(before.last != after.first for before, after in pairwise(self.items))
        zeros = any(item.digits.startswith("0") for item in self.items)
        return apart and not zeros and self.count <= _AMOUNTS and any(item.round and not item.written for item in self.items)


def read(text: str, *, expected: Name | None, alone: bool, by_machine: bool) -> Reading:
    """The numbers of a text, their names, and which of them are plainly harmless."""
    plain = folded(text)
    tokens = tokens_of(text)
    items = items_of(text, tokens)
    named = []
    for name, start, end in names_in(text):
        within = [at for at, token in enumerate(tokens) if start <= token.start < end]
        if within:
            named.append(Named(name, within[0], within[-1] + 1))
    return Reading(text, tokens, items, named, find_harmless(text, plain, tokens, items), expected, alone, by_machine)
