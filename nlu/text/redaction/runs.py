"""Numbers that belong together: said without a break, or in a dictation that a few words break."""

from __future__ import annotations

from collections.abc import Iterator

from nlu.text.redaction.dictation import Item, gap_joins, lexicon
from nlu.text.redaction.harmless import counts_things
from nlu.text.redaction.names import Name
from nlu.text.redaction.naming import is_directly_named
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
    joined: list[Run] = []
    for run in _without_break(read):
        if joined and joined[-1].items and run.items and _goes_on(read, joined[-1], run):
            joined[-1] = Run((*joined[-1].items, *run.items))
        else:
            joined.append(run)
    return (run for run in joined if run.items)


def belong_together(read: Reading, run: Run, following: Run) -> bool:
    """Of two runs one of which is a secret: the other is a part of it, too short to be known by itself."""
    before, after = run.items[-1], following.items[0]
    return not _parted(read, before, after) and gap_joins(read.text, before, after, read.tokens, _BREAK)


def _without_break(read: Reading) -> list[Run]:
    """A run without numbers stands for a harmless one, which parts its neighbours."""
    tight: list[Run] = []
    for item in read.items:
        run = tight[-1] if tight else None
        goes_on = bool(run and run.items and run.items[-1].last == item.first and read.harmless.surely(run.items[-1]))
        if (
            read.harmless.surely(item)
            and not is_directly_named(read, item)
            and not (goes_on and not read.harmless.is_counted(item))
        ):
            tight.append(Run(()))
        elif run and run.items and gap_joins(read.text, run.items[-1], item, read.tokens, 0):
            tight[-1] = Run((*run.items, item))
        else:
            tight.append(Run((item,)))
    return tight


def _goes_on(read: Reading, run: Run, following: Run) -> bool:
    """A dictation that was broken off goes on."""
    before, after = run.items[-1], following.items[0]
    if read.by_machine:
        return False
    if _parted(read, before, after):
        return False
    if read.expected is not None or any(each.name.secret for each in read.named):
        return gap_joins(read.text, before, after, read.tokens, _NAMED_BREAK)
    dictated = min(run.count, following.count) >= _PART and min(len(run.items), len(following.items)) > 1
    parts = any(each.name is Name.NUMBER for each in read.named) and min(run.count, following.count) >= 2
    return (dictated or parts or _is_dictation(read)) and gap_joins(read.text, before, after, read.tokens, _BREAK)


def _parted(read: Reading, before: Item, after: Item) -> bool:
    """The two are numbers of different things: one counts something, or another number is named between them. What only says where
    in a number one is ("końcówka", "ending") is no such name.
    """
    if any(read.harmless.elsewhere(item) or counts_things(item, read.tokens) for item in (before, after)):
        return True
    fillers = lexicon().fillers
    between = (each for each in read.named if before.last <= each.first < after.first)
    return any(token.word not in fillers for each in between for token in read.tokens[each.first : each.last])


def _is_dictation(read: Reading) -> bool:
    """A whole utterance of numbers, with few words beside them and none of the numbers counting anything."""
    if not read.alone or any(
        item.multiplied or read.harmless.elsewhere(item) or counts_things(item, read.tokens) for item in read.items
    ):
        return False
    said = sum(item.last - item.first for item in read.items)
    strange = read.words_between(0, len(read.tokens)) - said
    return sum(len(item.digits) for item in read.items) >= LONG_RUN and strange <= min(_ASIDES, said)
