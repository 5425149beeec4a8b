"""Calls as they happen, on a terminal: a sink for journals that prints a line for whatever a person would want to see."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from rich.console import Console
from rich.text import Text

_COLOURS = ("cyan", "magenta", "green", "yellow", "blue", "bright_red", "bright_cyan", "bright_magenta")

PromptWords = Callable[[Mapping[str, Any]], str]
"""A `Say` as JSON, in words."""


class CallScreen:
    """Prints several calls at once, each in its own colour."""

    def __init__(self, console: Console, words: PromptWords) -> None:
        self._console = console
        self._words = words
        self._names: dict[str, str] = {}

    def __call__(self, call_id: str, line: Mapping[str, Any]) -> None:
        """One journal line."""
        shown = self._shown(line)
        if shown is None:
            return
        name = self._names.setdefault(call_id, f"call {len(self._names) + 1}")
        colour = _COLOURS[(int(name.split()[1]) - 1) % len(_COLOURS)]
        what, text = shown
        row = Text(f"{name:>8} {line['t']:6.2f}s ", style=colour)
        row.append(f"{what:10}", style="bold")
        row.append(text)
        self._console.print(row, highlight=False, soft_wrap=True)

    def _shown(self, line: Mapping[str, Any]) -> tuple[str, str] | None:
        kind = line.get("type") or line.get("kind")
        show = getattr(self, f"_show_{str(kind).lower()}", None)
        return show(line) if show is not None else None

    def _show_callstarted(self, line: Mapping[str, Any]) -> tuple[str, str]:
        caller = line["caller"]
        number = "number withheld" if caller["withheld"] else caller["number"] or "no number"
        return "caller", f"{number} · segment hint {caller['segment']} · trust {caller['trust']} · line {line['line']}"

    def _show_say(self, line: Mapping[str, Any]) -> tuple[str, str]:
        return "bot", self._words(line)

    def _show_partial(self, line: Mapping[str, Any]) -> tuple[str, str]:
        return "hearing", f"{line['text']} …"

    def _show_heard(self, line: Mapping[str, Any]) -> tuple[str, str]:
        found = line.get("understanding")
        if not found:
            return "heard", f"“{line['text']}”" if line["text"] else "(nothing understood)"
        act = f" · act {found['act']}" if found.get("act") else ""
        return "heard", f"“{line['text']}” → {found['intent']} {found['confidence']:.2f} ({found['decision']}){act}"

    def _show_keypressed(self, line: Mapping[str, Any]) -> tuple[str, str]:
        return "key", str(line["key"])

    def _show_silence(self, line: Mapping[str, Any]) -> tuple[str, str]:
        return "silence", f"{line['seconds']:.0f} s"

    def _show_interrupted(self, line: Mapping[str, Any]) -> tuple[str, str]:
        return "barge-in", f"bot stopped after {line['played_s']:.1f} s"

    def _show_ignored(self, line: Mapping[str, Any]) -> tuple[str, str]:
        return "ignored", f"“{line['text']}” ({line['why']})"

    def _show_decided(self, line: Mapping[str, Any]) -> tuple[str, str]:
        intent = f" {line['intent']}" if line.get("intent") else ""
        return "decision", f"{line['kind']}{intent}: {line['why']}"

    def _show_handoff(self, line: Mapping[str, Any]) -> tuple[str, str]:
        return "hand-off", f"{line['queue']} · priority {line['priority']} · {line['segment']} · {line['language']}"

    def _show_handoffresult(self, line: Mapping[str, Any]) -> tuple[str, str]:
        return "result", "put through" if line["ok"] else f"not taken: {line['reason']}"

    def _show_failed(self, line: Mapping[str, Any]) -> tuple[str, str]:
        return "failed", f"{line['stage']} ({line['code']})"

    def _show_latency(self, line: Mapping[str, Any]) -> tuple[str, str]:
        return "latency", f"{line['response_ms']} ms from end of speech to answer"

    def _show_error(self, line: Mapping[str, Any]) -> tuple[str, str]:
        return "error", str(line.get("code"))

    def _show_closed(self, line: Mapping[str, Any]) -> tuple[str, str]:
        return "ended", str(line["outcome"])
