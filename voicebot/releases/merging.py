"""Three-way merge of text by line: what two sides changed since a common base, each kept; places that both changed, for a person
to settle. Pure.

The places are those of diff3 (Khanna, Kunal and Pierce, "A Formal Investigation of Diff3", 2007), but that changes of
neighbouring lines, which no order could confuse, are no conflict.
"""

from __future__ import annotations

import difflib
import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

_CONTEXT = 4


class Choice(StrEnum):
    """Whose lines stand in a place that both sides changed."""

    MINE = "mine"
    """The draft's."""
    THEIRS = "theirs"
    """Those of what went live meanwhile."""
    BOTH = "both"
    """The draft's behind the others."""


@dataclass(frozen=True, slots=True)
class Place:
    """Lines that both sides changed, each in its own way. Lines have their ends."""

    base: tuple[str, ...]
    theirs: tuple[str, ...]
    mine: tuple[str, ...]
    context: tuple[str, ...] = ()
    """Some lines before it."""

    def lines(self, choice: Choice) -> tuple[str, ...]:
        """Those that then stand there."""
        match choice:
            case Choice.MINE:
                return self.mine
            case Choice.THEIRS:
                return self.theirs
            case Choice.BOTH:
                return (*self.theirs, *self.mine)


Part = tuple[str, ...] | Place
"""Lines that are settled, or a place."""


@dataclass(frozen=True, slots=True)
class _Change:
    """Lines `first` to before `end` of the base became others; none of the base where lines were only added."""

    first: int
    end: int
    new: tuple[str, ...]


def merge(base: Sequence[str], theirs: Sequence[str], mine: Sequence[str]) -> tuple[Part, ...]:
    """All of both sides, in order."""
    parts: list[Part] = []
    settled: list[str] = []
    at = 0
    for their_changes, my_changes in _grouped(_changes(base, theirs), _changes(base, mine)):
        changes = (*their_changes, *my_changes)
        first, end = min(each.first for each in changes), max(each.end for each in changes)
        settled += base[at:first]
        at = end
        one, other = (_applied(base, first, end, each) for each in (their_changes, my_changes))
        if not my_changes or one == other:
            settled += one
        elif not their_changes:
            settled += other
        else:
            parts += [tuple(settled), Place(tuple(base[first:end]), one, other, tuple(settled[-_CONTEXT:]))]
            settled = []
    return (*parts, (*settled, *base[at:]))


def places(parts: Iterable[Part]) -> tuple[Place, ...]:
    """Those that wait for a person."""
    return tuple(part for part in parts if isinstance(part, Place))


def settle(parts: Iterable[Part], choices: Sequence[Choice]) -> str:
    """The whole text, with a choice for each place. Raises ValueError when they are not as many."""
    found = tuple(parts)
    chosen = iter(choices)
    if len(choices) != len(places(found)):
        raise ValueError(f"{len(places(found))} places, and {len(choices)} choices")
    lines: list[str] = []
    for part in found:
        lines += part.lines(next(chosen)) if isinstance(part, Place) else part
    ended = [line if line.endswith("\n") else f"{line}\n" for line in lines[:-1]]  # a last line may be the last no more
    return "".join((*ended, *lines[-1:]))


def _changes(base: Sequence[str], side: Sequence[str]) -> list[_Change]:
    matched = difflib.SequenceMatcher(None, base, side, autojunk=False)
    return [_Change(a, b, tuple(side[c:d])) for tag, a, b, c, d in matched.get_opcodes() if tag != "equal"]


def _grouped(theirs: list[_Change], mine: list[_Change]) -> Iterable[tuple[list[_Change], list[_Change]]]:
    """Changes of both sides that meet, together; all others alone."""
    waiting = sorted([(each, 0) for each in theirs] + [(each, 1) for each in mine], key=lambda one: (one[0].first, one[0].end))
    group: tuple[list[_Change], list[_Change]] = ([], [])
    for change, side in waiting:
        if not any(_meet(each, change) for each in (*group[0], *group[1])) and any(group):
            yield group
            group = ([], [])
        group[side].append(change)
    if any(group):
        yield group


def _meet(one: _Change, later: _Change) -> bool:
    """Whether both have a line of the base; lines that are only added meet what they touch."""
    touching_is_enough = one.first == one.end or later.first == later.end
    return later.first <= one.end if touching_is_enough else later.first < one.end


def _applied(base: Sequence[str], first: int, end: int, changes: Iterable[_Change]) -> tuple[str, ...]:
    """The lines of the base between these, changed by one side."""
    lines: list[str] = []
    at = first
    for change in changes:
        lines += [*base[at : change.first], *change.new]
        at = change.end
    return (*lines, *base[at:end])


# ---------------------------------------------------------------------- files

_TEXTS = (".yml", ".yaml")


@dataclass(frozen=True, slots=True)
class BothChanged:
    """A file that both sides changed, each in its own way."""

    path: str
    theirs: bytes | None
    """None: that side took it away."""
    mine: bytes | None
    parts: tuple[Part, ...] | None
    """Merged by line; None where it can only be taken whole, as one place."""

    @property
    def places(self) -> tuple[Place, ...]:
        """What is to be settled; none where all goes together."""
        return places(self.parts) if self.parts is not None else (Place((), (), ()),)

    def write(self, folder: Path, choices: Sequence[Choice]) -> None:
        """As it is then, into the folder of a release. Raises OSError."""
        data = settle(self.parts, choices).encode() if self.parts is not None else self._whole(choices[0])
        path = folder / self.path
        if data is None:
            path.unlink(missing_ok=True)
        else:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)

    def _whole(self, choice: Choice) -> bytes | None:
        """What cannot be put together stays the draft's, unless the other is chosen."""
        return self.theirs if choice is Choice.THEIRS else self.mine


def both_changed(path: str, base: bytes | None, theirs: bytes | None, mine: bytes | None) -> BothChanged:
    """Texts in YAML are merged by line; a file that one side took away, and what is no text, is taken whole."""
    parts: tuple[Part, ...] | None = None
    if path.endswith(_TEXTS) and theirs is not None and mine is not None:
        try:
            parts = merge(*(list(io.StringIO((each or b"").decode(), newline="\n")) for each in (base, theirs, mine)))
        except UnicodeDecodeError:
            parts = None
    return BothChanged(path, theirs, mine, parts)
