"""What happened in a conversation, in a few words for the ladder: never what was said, nor which key was pressed."""

from __future__ import annotations

import re
from dataclasses import dataclass

from voicebot.records.journal import Line

_DIGIT = re.compile(r"\d")
REFERENCE = "offered"
"""The journal's first note, which names the call in the network."""


@dataclass(frozen=True, slots=True)
class Fact:
    """One thing that happened."""

    at: float
    """Unix time."""
    text: str


def fact_of(at: float, line: Line) -> Fact | None:
    """A line of a call's journal as a fact; None for what no telephone engineer looks for."""
    text = _text(line)
    return None if text is None else Fact(at, " ".join(text.split())[:200])


def _text(line: Line) -> str | None:
    match line.get("type") or line.get("kind"):
        case "offered":
            return "answered"
        case "CallStarted":
            caller = line.get("caller") or {}
            number = "withheld" if caller.get("withheld") else "known" if caller.get("number") else "none"
            return f"caller: number {number}, trust {caller.get('trust')}, line {line.get('line')}"
        case "Say":
            return "bot speaks"
        case "Heard":
            found = line.get("understanding") or {}
            return f"heard: {found.get('intent', '?')} ({found.get('decision', '?')})" if found else "heard, not understood"
        case "KeyPressed":
            return "key pressed"
        case "CodeTyped":
            return "code typed"
        case "Silence":
            return "silence"
        case "Interrupted":
            return "caller speaks over the bot"
        case "Decided":
            why = _DIGIT.sub("•", str(line.get("why")))  # it may name the key
            return f"decided: {line.get('kind')} {line.get('intent') or ''} ({why})"
        case "HandOff":
            return f"hand-off to {line.get('queue')}, priority {line.get('priority')}"
        case "HandOffResult":
            return "hand-off: put through" if line.get("ok") else f"hand-off: not taken ({line.get('reason')})"
        case "bridged":
            return f"joined with {line.get('queue')}"
        case "bridge_ended":
            return f"bridge ended by {line.get('by')} ({line.get('cause')})"
        case "Failed":
            return f"failed: {line.get('stage')} ({line.get('code')})"
        case "error":
            return f"error: {line.get('code')}"
        case "HungUp":
            return "caller hung up"
        case "HangUp":
            return "bot hangs up"
        case "closed":
            return f"ended: {line.get('outcome')}"
    return None
