"""The conversation as text: scripts and people in place of callers, the same dialogue, understanding and directory.

A script's lines are what the caller says; in brackets what else they do: `[key 1]`, `[silence 8]`, `[interrupt] text`,
`[hangup]`. An empty line or one beginning with # is nothing. When the script ends while the bot waits, the caller hangs up.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, fields, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from caller_id.directory import CustomerDirectory
from caller_id.identify import known_caller
from caller_id.numbers import parse_number
from caller_id.types import Caller, NumberTrust, Segment
from dialogs import wire
from dialogs.bundle import Bundle
from dialogs.events import CallStarted, Say
from dialogs.rehearsal import Exchange, Rehearsal
from nlu.types import Understander
from voicebot.speaking import spoken_text

_BRACKET = re.compile(r"^\[\s*(key|keys|silence|interrupt|hangup)\b\s*([^\]]*)\]\s*(.*)$", re.IGNORECASE)


class TalkError(ValueError):
    """A script's line cannot be followed; the message says which, and the mend."""

    code = "talk.script"


@dataclass(frozen=True, slots=True)
class Turn:
    """One thing the caller does: say, key, silence, interrupt or hangup, with its words, keys or seconds."""

    kind: str
    value: str = ""


def parse_turn(line: str, where: str = "line") -> Turn | None:
    """A script's line; None for an empty one or a comment. Raises TalkError."""
    text = line.strip()
    if not text or text.startswith("#"):
        return None
    if not text.startswith("["):
        return Turn("say", text)
    match = _BRACKET.match(text)
    if match is None:
        raise TalkError(f"{where}: {text!r} is none of [key 1], [silence 8], [interrupt] text, [hangup]")
    kind, inside, after = match.group(1).lower(), match.group(2).strip(), match.group(3).strip()
    if kind == "interrupt":
        return Turn("interrupt", " ".join(filter(None, (inside, after))))
    if after:
        raise TalkError(f"{where}: put {after!r} on a line of its own")
    if kind in ("key", "keys") and not re.fullmatch(r"[0-9*#]+", inside):
        raise TalkError(f"{where}: {inside!r} are no keys; write [key 1], with 0-9, * or #")
    if kind == "silence" and not re.fullmatch(r"\d*(\.\d+)?", inside):
        raise TalkError(f"{where}: {inside!r} are no seconds; write [silence 8]")
    return Turn("key" if kind == "keys" else kind, inside)


def parse_script(path: Path) -> list[Turn]:
    """The turns of a script file. Raises TalkError with file and line."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except OSError as error:
        raise TalkError(f"{path}: cannot be read ({error.strerror})") from error
    turns = (parse_turn(line, f"{path}:{number}") for number, line in enumerate(lines, 1))
    return [turn for turn in turns if turn is not None]


def caller_for(number: str | None, directory: CustomerDirectory | None, segment: Segment | None = None) -> Caller:
    """A caller whose number the trunk vouches for, with the directory's hints; `segment` overrides the hint."""
    caller = known_caller(parse_number(number or "anonymous"), NumberTrust.TRUNK, directory)
    return replace(caller, segment=segment) if segment is not None else caller


class TextCall:
    """One call in text. `exchanges` come as they happen through `show`."""

    def __init__(
        self, bundle: Bundle, understander: Understander | None, *, at: datetime, show: Callable[[Exchange], None]
    ) -> None:
        self._rehearsal = Rehearsal(bundle, understander, at=at, call_id="talk")
        self._show = show
        self._shown = 0

    @property
    def over(self) -> bool:
        """The call has ended."""
        return self._rehearsal.over

    @property
    def rehearsal(self) -> Rehearsal:
        """The call itself."""
        return self._rehearsal

    def start(self, started: CallStarted) -> None:
        """Answer; the greeting is heard unless the first turn interrupts it."""
        self._rehearsal.start(started)
        self._tell()

    def take(self, turn: Turn) -> None:
        """Do one thing the caller does."""
        call = self._rehearsal
        match turn.kind:
            case "say":
                call.say(turn.value)
            case "interrupt":
                call.interrupt()
                self._tell()
                call.say(turn.value)
            case "key":
                for key in turn.value:
                    call.press(key)
            case "silence":
                call.stay_silent(float(turn.value) if turn.value else None)
            case _:
                call.hang_up()
        self._tell()

    def finish(self) -> None:
        """The caller listens to the end of what is being said, and hangs up if the call is not over then."""
        self._rehearsal.finish_speech()
        self._tell()
        if not self.over:
            self._rehearsal.hang_up()
            self._tell()

    def run(self, started: CallStarted, turns: Iterable[Turn]) -> None:
        """A whole script."""
        self.start(started)
        for turn in turns:
            if self.over:
                break
            self.take(turn)
        self.finish()

    def _tell(self) -> None:
        fresh, self._shown = self._rehearsal.exchanges[self._shown :], len(self._rehearsal.exchanges)
        for exchange in fresh:
            self._show(exchange)


def as_json(exchange: Exchange, bundle: Bundle) -> Iterator[dict[str, Any]]:
    """The event and its actions, one object each: `what` is event or action, `at` the time; a Say carries its `text`."""
    at = exchange.at.isoformat()
    yield {"what": "event", "at": at, **wire.encode(exchange.event)}
    for action in exchange.actions:
        line = {"what": "action", "at": at, **wire.encode(action)}
        if isinstance(action, Say):
            line["text"] = words_of(action, bundle, exchange.at)
        yield line


def say_in_words(line: Mapping[str, Any], bundle: Bundle, when: datetime) -> str:
    """`words_of` for a `Say` as a journal's line. Raises WireError for anything else."""
    known = {field.name for field in fields(Say)} | {"type"}
    say = wire.decode({name: value for name, value in line.items() if name in known})
    if not isinstance(say, Say):
        raise wire.WireError(f"{type(say).__name__} is no Say")
    return words_of(say, bundle, when)


def words_of(say: Say, bundle: Bundle, when: datetime) -> str:
    """What a `Say` says, in words."""
    return " ".join(spoken_text(bundle.text(prompt, say.language, when), prompt) for prompt in say.prompts)
