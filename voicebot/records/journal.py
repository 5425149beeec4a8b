"""A call's journal: everything that happened and was done, in order, redacted, with the seconds since the call began."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

import structlog

from dialogs import wire
from dialogs.events import (
    Action,
    AuthorisationAsked,
    CodeTyped,
    CollectKeys,
    Event,
    HandOff,
    Heard,
    KeyPressed,
    Listen,
    Prompt,
    Say,
    Silence,
)
from voicebot.redaction import RECORDS, JsonValue

Line = dict[str, Any]
JournalSink = Callable[[str, Line], None]

HIDDEN_KEY = "•"
HIDDEN_WORDS = "•"
PAIR = "pair"
_MENU_KEYS = 3  # more keys in a row that nobody asked for are a number someone types

_log = structlog.get_logger(__name__)


class Journal:
    """One call's journal. Every line is {"t": seconds, "what": "event" | "action" | "note", …}, and goes to the sinks as it is
    written. A sink that raises is dropped for the rest of the call: a screen must never harm a call.
    """

    def __init__(
        self,
        call_id: str,
        *,
        started: datetime,
        sinks: Sequence[JournalSink] = (),
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.call_id = call_id
        self.started = started
        self.lines: list[Line] = []
        self.outcome: str | None = None
        self._sinks = list(sinks)
        self._clock = clock
        self._began = clock()
        self._collecting = False
        self._keys_in_a_row = 0
        self._nobody_asks = False

    def happened(self, event: Event) -> None:
        """An event that the dialogue was given."""
        if isinstance(event, AuthorisationAsked):
            event = replace(event, words=HIDDEN_WORDS)
        self._write("event", lambda: wire.encode(self._with_keys_hidden(event)))

    def did(self, action: Action) -> None:
        """An action that the dialogue asked for."""
        if isinstance(action, CollectKeys | Listen | HandOff):
            self._collecting = isinstance(action, CollectKeys)
            self._nobody_asks = isinstance(action, HandOff)
        self._write("action", lambda: wire.encode(_without_pair(action)))

    def note(self, kind: str, **data: JsonValue) -> None:
        """Anything else worth keeping: partial results, latencies, errors with their code."""
        self._write("note", lambda: {"kind": kind, **data})

    def close(self, outcome: str) -> None:
        """The call is over; nothing is written after this."""
        if self.outcome is None:
            self._write("note", lambda: {"kind": "closed", "outcome": outcome})
            self.outcome = outcome

    def _with_keys_hidden(self, event: Event) -> Event:
        """A caller who types a PIN into a menu must not find it in a record."""
        if isinstance(event, Heard | Silence | CodeTyped):
            self._keys_in_a_row = 0
        if not isinstance(event, KeyPressed) or self._collecting:
            return event
        self._keys_in_a_row += 1
        menu = self._keys_in_a_row <= _MENU_KEYS and not self._nobody_asks  # to the music of a queue no key is a menu's
        return event if menu else replace(event, key=HIDDEN_KEY)

    def _write(self, what: str, data: Callable[[], Mapping[str, object]]) -> None:
        if self.outcome is not None:
            return
        try:
            line: Line = {"t": round(self._clock() - self._began, 3), "what": what, **RECORDS.fields(data())}
        except Exception:  # a line less in the record, and not a call less
            _log.exception("a line of the journal cannot be written", call_id=self.call_id, what=what)
            return
        self.lines.append(line)
        for sink in tuple(self._sinks):
            try:
                sink(self.call_id, line)
            except Exception:
                self._sinks.remove(sink)
                _log.exception("a listener of the journal failed and is dropped", call_id=self.call_id)


def _without_pair(action: Action) -> Action:
    """The two words that tell the caller's app from a stranger's request are in no record of that caller."""
    if not isinstance(action, Say) or not any(name == PAIR for prompt in action.prompts for name, _ in prompt.params):
        return action
    return replace(action, prompts=tuple(_hidden(prompt) for prompt in action.prompts))


def _hidden(prompt: Prompt) -> Prompt:
    return replace(prompt, params=tuple((name, HIDDEN_WORDS if name == PAIR else value) for name, value in prompt.params))


def wordless(line: Line) -> Line:
    """The line without the caller's words: what happened stays, what they said does not."""
    match line.get("type"):
        case "Heard":
            understanding = line.get("understanding")
            kept = {**understanding, "text": "", "entities": []} if isinstance(understanding, dict) else understanding
            return {**line, "text": "", "understanding": kept}
        case "HandOff":
            return {**line, "words": "", "entities": [], "story": []}
    return {**line, "text": ""} if "text" in line else line
