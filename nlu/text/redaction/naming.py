"""Whether what is said before or after a number makes it a secret."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain

from nlu.text.redaction.dictation import Item
from nlu.text.redaction.names import Name, links
from nlu.text.redaction.reading import LONG_RUN, Named, Reading, Run

LONE = 3
"""So many digits and nothing else are an answer to something: a code, a part of a number."""
_NEAR = 2
"""So many words after its name a number may be read as more digits than it seems to have."""
_OCTETS = 4


@dataclass(frozen=True, slots=True)
class _Reach:
    """How far from its name a number is taken for it, in words that are neither fillers nor links; and its fewest digits."""

    before: int
    after: int
    shortest: int


_REACH = {Name.STRONG: _Reach(8, 1, 3), Name.CODE: _Reach(6, 1, 3), Name.NUMBER: _Reach(2, 0, 4), Name.HARMLESS: _Reach(1, -1, 0)}
_FARTHEST_BEFORE, _FARTHEST_AFTER = 8, 1
"""No name reaches further."""
_MACHINE_REACH = {Name.STRONG: _Reach(4, -1, 3), Name.CODE: _Reach(4, -1, 4)}
"""What a program writes speaks of codes of its own."""


def is_named(read: Reading, run: Run) -> bool:
    """What is said before or after the number makes it a secret."""
    if read.expected is not None and run.count >= LONE:
        return not all(read.harmless.elsewhere(item) for item in run.items)
    return not is_called_harmless(read, run) and any(_names(read, run, each) for each in _near(read, run))


def is_called_harmless(read: Reading, run: Run) -> bool:
    """It is said to be the number of a house, a postal code and the like."""
    return run.count <= LONG_RUN and Name.HARMLESS in {each.name for each, _ in _within(read.names_before(run.items[0].first), 1)}


def directly_named(read: Reading) -> frozenset[int]:
    """The numbers, by their first token, that are set aside as harmless though the name of a secret stands right beside them, and
    no currency after them.
    """
    if read.by_machine:
        return frozenset()
    return frozenset(item.first for piece in _pieces(read) for item in _directly_named(read, piece))


def _directly_named(read: Reading, piece: Run) -> Iterator[Item]:
    known = read.harmless
    aside = [item for item in piece.items if known.surely(item) and not known.is_counted(item)]
    if not aside or is_called_harmless(read, piece):
        return
    beside = any(each.name.secret and _is_beside(read, piece, each) for each in _near(read, piece))
    # nobody dictates a machine's address
    named = (read.alone and len(piece.items) == _OCTETS) or any(_names(read, piece, each) for each in _near(read, piece))
    yield from (item for item in aside if (named if item.first in known.decimals else beside))


def _pieces(read: Reading) -> Iterator[Run]:
    """Numbers without a word between."""
    piece: list[Item] = []
    for item in read.items:
        if piece and piece[-1].last != item.first:
            yield Run(tuple(piece))
            piece = []
        piece.append(item)
    if piece:
        yield Run(tuple(piece))


def _near(read: Reading, run: Run) -> Iterator[Named]:
    """The names that can be those of these numbers."""
    before = _within(read.names_before(run.items[0].first), _FARTHEST_BEFORE)
    after = _within(read.names_after(run.items[-1].last), _FARTHEST_AFTER)
    return (each for each, _ in chain(before, after))


def _within(names: Iterable[tuple[Named, int]], most: int) -> Iterator[tuple[Named, int]]:
    """Those with at most so many words between."""
    for each, between in names:
        if between > most:
            return
        yield each, between


def _names(read: Reading, run: Run, named: Named) -> bool:
    reach = (_MACHINE_REACH if read.by_machine else _REACH).get(named.name)
    if reach is None or named.name is Name.HARMLESS:
        return False
    secret = named.name is not Name.NUMBER
    before = read.words_between(named.last, run.items[0].first)
    if secret and (before == 0 or (reach.after >= 0 and _is_beside(read, run, named))):
        return run.most >= reach.shortest
    count = run.most if secret and 0 <= before <= _NEAR else run.count
    if count < reach.shortest or all(read.harmless.maybe(item) for item in run.items) or (not secret and run.amounts):
        return False
    after = read.words_between(run.items[-1].last, named.first)
    return 0 <= before <= reach.before or (0 <= after <= reach.after and _linked(read, run, named))


def _is_beside(read: Reading, run: Run, named: Named) -> bool:
    """Nothing but fillers and links stands between the number and the name."""
    before = read.words_between(named.last, run.items[0].first)
    after = read.words_between(run.items[-1].last, named.first)
    return before == 0 or (after == 0 and _linked(read, run, named))


def _linked(read: Reading, run: Run, named: Named) -> bool:
    """A name after the number needs words that link them ("to mój", "is my"), or, for a secret, nothing between."""
    between = read.tokens[run.items[-1].last : named.first]
    if named.name is Name.NUMBER:
        return bool(between) and between[0].word in links()
    return not between or any(token.word in links() for token in between)
