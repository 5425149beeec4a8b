"""The ladder diagram of a call: who sent what to whom, and between the messages what happened in the conversation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from voicebot.endpoints.sip.tracing.facts import Fact
from voicebot.endpoints.sip.tracing.ring import TracedCall
from voicebot.endpoints.sip.tracing.wire import Address, WireMessage

BOT = "voicebot"
_WIDTH = 34  # characters from one line of the ladder to the next
_REPEATED = " (again)"


@dataclass(frozen=True, slots=True)
class Rung:
    """One row: an arrow from column to column, or (both the bot's) a fact."""

    at: float
    """Seconds since the first row."""
    source: int
    target: int
    text: str
    is_fact: bool = False


@dataclass(frozen=True, slots=True)
class Ladder:
    """Columns, the bot's first, and the rows in order."""

    columns: tuple[str, ...]
    rungs: tuple[Rung, ...]
    began: float
    """Unix time of the first row."""


def ladder_of(calls: Sequence[TracedCall]) -> Ladder:
    """Of a call and the legs that belong to it."""
    messages = [message for call in calls for message in call.messages]
    facts = [fact for call in calls for fact in call.facts]
    entries: list[WireMessage | Fact] = sorted([*messages, *facts], key=lambda entry: entry.at)
    began = entries[0].at if entries else 0.0
    columns: dict[Address, int] = {}
    for message in messages:
        columns.setdefault(message.far, len(columns) + 1)
    seen: set[str] = set()
    rungs = [_rung(entry, began, columns, seen) for entry in entries]
    return Ladder((BOT, *(f"{host}:{port}" for host, port in columns)), tuple(rungs), began)


def _rung(entry: WireMessage | Fact, began: float, columns: dict[Address, int], seen: set[str]) -> Rung:
    if isinstance(entry, Fact):
        return Rung(entry.at - began, 0, 0, entry.text, is_fact=True)
    far = columns[entry.far]
    again = _REPEATED if entry.text in seen else ""
    seen.add(entry.text)
    source, target = (far, 0) if entry.received else (0, far)
    return Rung(entry.at - began, source, target, entry.label + again)


def as_text(ladder: Ladder) -> str:
    """For a terminal: a line a row, nothing but printable characters."""
    started = datetime.fromtimestamp(ladder.began, UTC).astimezone()
    margin = " " * 10
    lines = [
        f"began {started:%Y-%m-%d %H:%M:%S %Z}",
        "",
        margin + "".join(f"{name:<{_WIDTH}}" for name in ladder.columns).rstrip(),
    ]
    lines += [_line(rung, len(ladder.columns)) for rung in ladder.rungs]
    return "\n".join(_plain(line) for line in lines)


def _line(rung: Rung, columns: int) -> str:
    stamp = f"{rung.at:8.3f}  "
    if rung.is_fact:
        return f"{stamp}* {rung.text}"
    cells = ["|" if at % _WIDTH == 0 else " " for at in range((columns - 1) * _WIDTH + 1)]
    left, right = sorted((rung.source * _WIDTH, rung.target * _WIDTH))
    room = right - left - 3
    label = f" {rung.text} " if len(rung.text) + 2 <= room else f" {rung.text[: room - 3]}… "
    inside = label.center(room, "-")
    cells[left + 1 : right] = list(f"-{inside}>" if rung.target > rung.source else f"<{inside}-")
    return stamp + "".join(cells)


def _plain(text: str) -> str:
    return "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in text)
