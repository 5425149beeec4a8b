"""A text, read for its numbers and their names."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate, pairwise
from operator import attrgetter

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


@dataclass(frozen=True)
class Reading:
    """A text, read. Long texts are read in time proportional to their length: what lies between two places is counted once."""

    text: str
    tokens: Sequence[Token]
    items: Sequence[Item]
    named: Sequence[Named]
    """In order; none overlaps another."""
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
        if last < first or self._masks[first] != self._masks[last]:
            return -1
        return self._meaning[last] - self._meaning[first]

    def names_before(self, at: int) -> Iterator[tuple[Named, int]]:
        """The names before this place, the nearest first, and the words between; up to a mask."""
        for place in reversed(range(bisect_right(self.named, at, key=attrgetter("last")))):
            each = self.named[place]
            if (between := self.words_between(each.last, at)) < 0:
                return
            yield each, between

    def names_after(self, at: int) -> Iterator[tuple[Named, int]]:
        """The same after this place."""
        for place in range(bisect_left(self.named, at, key=attrgetter("first")), len(self.named)):
            each = self.named[place]
            if (between := self.words_between(at, each.first)) < 0:
                return
            yield each, between

    def says_only(self, run: Run) -> bool:
        """There is nothing beside these numbers but fillers, links, and words that say how often."""
        first, last = run.items[0].first, run.items[-1].last
        return self._strange[-1] == self._strange[last] - self._strange[first]

    @cached_property
    def kinds(self) -> frozenset[Name]:
        """What is named anywhere."""
        return frozenset(each.name for each in self.named)

    @cached_property
    def _masks(self) -> Sequence[int]:
        """How many masks stand before each place; the next two say the same of words that mean something."""
        return _counted(not token.word for token in self.tokens)

    @cached_property
    def _meaning(self) -> Sequence[int]:
        known = lexicon().fillers | links()
        return _counted(token.word not in known for token in self.tokens)

    @cached_property
    def _strange(self) -> Sequence[int]:
        known = lexicon().fillers | links() | lexicon().repeats.keys()
        return _counted(token.word not in known for token in self.tokens)


def _counted(each: Iterable[bool]) -> list[int]:
    return list(accumulate(each, initial=0))


@dataclass(frozen=True)
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

    @cached_property
    def count(self) -> int:
        """Of its digits."""
        return sum(len(item.digits) for item in self.items)

    @cached_property
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
    starts = [token.start for token in tokens]
    places = ((name, bisect_left(starts, start), bisect_left(starts, end)) for name, start, end in names_in(text))
    named = sorted((Named(*each) for each in places if each[1] < each[2]), key=attrgetter("first"))
    return Reading(text, tokens, items, named, find_harmless(text, plain, tokens, items), expected, alone, by_machine)
