"""Numbers that belong together: said without a break, or in a dictation that a few words break."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from operator import attrgetter

from nlu.text.redaction.dictation import Item, gap_joins, lexicon
from nlu.text.redaction.harmless import counts_things
from nlu.text.redaction.names import Name
from nlu.text.redaction.naming import directly_named
from nlu.text.redaction.reading import LONG_RUN, Reading, Run

_ASIDES = 5
"""So many words beside the numbers still leave an utterance a dictation."""
_PART = 3
"""So many digits are part of a dictation that goes on after a break."""
_BREAK = 3
"""So many words that have nothing to do with it may break a dictation in two."""
_NAMED_BREAK = 5
"""The same where a secret is named."""


def runs_of(read: Reading) -> Iterator[Run]:
    """The numbers of a text, joined where they are one; harmless ones are left out."""
    dictation = _is_dictation(read)
    parts: list[Item] = []
    count = 0
    for run in _without_break(read):
        if not (parts and run.items and _goes_on(read, parts, count, run, dictation)):
            if parts:
                yield Run(tuple(parts))
            parts, count = [], 0
        parts += run.items
        count += run.count
    if parts:
        yield Run(tuple(parts))


def belong_together(read: Reading, run: Run, following: Run) -> bool:
    """Of two runs one of which is a secret: the other is a part of it, too short to be known by itself."""
    before, after = run.items[-1], following.items[0]
    return not _parted(read, before, after) and gap_joins(read.text, before, after, read.tokens, _BREAK)


def _without_break(read: Reading) -> list[Run]:
    """A run without numbers stands for a harmless one, which parts its neighbours."""
    tight: list[list[Item]] = []
    named = directly_named(read)
    for item in read.items:
        run = tight[-1] if tight else []
        goes_on = bool(run and run[-1].last == item.first and read.harmless.surely(run[-1]))
        if read.harmless.surely(item) and item.first not in named and not (goes_on and not read.harmless.is_counted(item)):
            tight.append([])
        elif run and gap_joins(read.text, run[-1], item, read.tokens, 0):
            run.append(item)
        else:
            tight.append([item])
    return [Run(tuple(run)) for run in tight]


def _goes_on(read: Reading, parts: Sequence[Item], count: int, following: Run, dictation: bool) -> bool:
    """A dictation that was broken off goes on. `count` is of the digits of `parts`."""
    before, after = parts[-1], following.items[0]
    if read.by_machine:
        return False
    if _parted(read, before, after):
        return False
    if read.expected is not None or any(name.secret for name in read.kinds):
        return gap_joins(read.text, before, after, read.tokens, _NAMED_BREAK)
    dictated = min(count, following.count) >= _PART and min(len(parts), len(following.items)) > 1
    of_a_number = Name.NUMBER in read.kinds and min(count, following.count) >= 2
    return (dictated or of_a_number or dictation) and gap_joins(read.text, before, after, read.tokens, _BREAK)


def _parted(read: Reading, before: Item, after: Item) -> bool:
    """The two are numbers of different things: one counts something, or another number is named between them. What only says where
    in a number one is ("końcówka", "ending") is no such name.
    """
    if any(read.harmless.elsewhere(item) or counts_things(item, read.tokens) for item in (before, after)):
        return True
    fillers = lexicon().fillers
    first, last = (bisect_left(read.named, place, key=attrgetter("first")) for place in (before.last, after.first))
    return any(token.word not in fillers for each in read.named[first:last] for token in read.tokens[each.first : each.last])


def _is_dictation(read: Reading) -> bool:
    """A whole utterance of numbers, with few words beside them and none of the numbers counting anything."""
    if not read.alone or any(
        item.multiplied or read.harmless.elsewhere(item) or counts_things(item, read.tokens) for item in read.items
    ):
        return False
    said = sum(item.last - item.first for item in read.items)
    strange = read.words_between(0, len(read.tokens)) - said
    return sum(len(item.digits) for item in read.items) >= LONG_RUN and strange <= min(_ASIDES, said)
