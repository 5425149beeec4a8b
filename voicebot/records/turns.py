"""The turns of a call, counted from its journal: answers, silences, what was not understood, when a human was asked for.

A turn is a time of listening that an answer, a key or a silence ended. The kinds of decision are those of `dialogs/engine`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

BEFORE, AFTER = "before", "after"
_SETTLED = frozenset({"accept", "emergency"})
"""Decisions that take a matter as told."""


@dataclass(frozen=True, slots=True)
class Turns:
    """Counts of one call."""

    turns: int = 0
    no_match: int = 0
    """Answers in words of which nothing could be made."""
    no_input: int = 0
    """Silences while listening."""
    reasks: int = 0
    """Times that the bot asked again."""
    asked_human: str = ""
    """A human was asked for "before" or "after" a matter was taken as told; "" never."""
    by_keys: bool = False
    """A key of a menu was pressed, or the menu was offered."""
    first_decision: str | None = None
    """The classifier's decision on the first answer in words."""
    last_decision: str | None = None
    """On the last one."""


def count_turns(lines: Iterable[Mapping[str, Any]]) -> Turns:
    """From the lines of a journal, in order."""
    turns = no_match = no_input = reasks = 0
    asked_human, by_keys, settled, listening, words = "", False, False, False, False
    decisions: list[str] = []
    for line in lines:
        match line.get("type"):
            case "Listen" | "CollectKeys":
                listening = True
            case "Heard" if line.get("final"):
                turns, words, listening = turns + listening, listening, False
                understanding = line.get("understanding") or {}
                decisions += [understanding["decision"]] if understanding.get("decision") else []
                if words and understanding.get("decision") == "reject" and not understanding.get("act"):
                    no_match += 1
                    words = False  # the question that follows is not counted once more
            case "KeyPressed":
                turns, listening, by_keys = turns + listening, False, True
            case "Silence" if listening:
                turns, no_input, listening = turns + 1, no_input + 1, False
            case "Decided":
                kind = line.get("kind")
                if kind == "reask":
                    reasks += 1
                    no_match, words = no_match + words, False
                settled = settled or kind in _SETTLED
                by_keys = by_keys or kind == "menu"
                if kind == "human" and not asked_human:
                    asked_human = AFTER if settled else BEFORE
    first, last = (decisions[0], decisions[-1]) if decisions else (None, None)
    return Turns(turns, no_match, no_input, reasks, asked_human, by_keys, first, last)
