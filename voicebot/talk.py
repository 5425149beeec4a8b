"""The conversation as text: scripts and people in place of callers, the same dialogue, understanding and directory.

A script's lines are what the caller says; in brackets what else they do: `[key 1]` or `[keys 123#]`, `[silence 8]` (seconds;
without a figure until the bot speaks again), `[interrupt] text`, `[hangup]`. An empty line is nothing, and so is what begins with
# (a line, or the rest after a bracket). A caller whose script has ended stays on the line and says nothing more, until it ends.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from datetime import datetime
from pathlib import Path
from typing import Any, Literal, assert_never, cast

from caller_id.directory import CustomerDirectory
from caller_id.identify import known_caller
from caller_id.phone_numbers import parse_number
from caller_id.types import Caller, NumberTrust, Segment
from dialogs import wire
from dialogs.data.bundle import Bundle
from dialogs.events import (
    CallStarted,
    Decided,
    HandOff,
    HandOffResult,
    HangUp,
    Heard,
    Interrupted,
    PromptFinished,
    Say,
    Silence,
)
from dialogs.rehearsal.rehearsal import Exchange, Rehearsal
from nlu.types import Understander
from voicebot.prompts.speaking import spoken_text

MARKS = "[key 1], [keys 123#], [silence 8], [interrupt] text, [hangup]"
MOST_SILENCES = 50
LETTERS_PER_S = 14.0
"""The pace of ordinary speech, pauses included, in Polish and in English."""
_COMMENT = re.compile(r"(?<=\])\s+#.*$")
_BRACKET = re.compile(r"^\[\s*(key|keys|silence|interrupt|hangup)\b\s*([^\]]*)\]\s*(.*)$", re.IGNORECASE)


class TalkError(ValueError):
    """A script's line cannot be followed; the message says which, and what to write."""

    code = "talk.script"


TurnKind = Literal["say", "key", "silence", "interrupt", "hangup"]


@dataclass(frozen=True, slots=True)
class CallerTurn:
    """One thing the caller does."""

    kind: TurnKind
    value: str = ""
    """The words, the keys, or the seconds (\"\": until the bot speaks again)."""


_OF_HAND_OFF = ("queue", "priority", "segment", "language", "intent", "second", "call_back", "due")


def parse_turn(line: str, where: str = "line") -> CallerTurn | None:
    """A script's line; None for an empty one or a comment. Raises TalkError."""
    text = _COMMENT.sub("", line.lstrip("\ufeff").strip())
    if not text or text.startswith("#"):
        return None
    if not text.startswith("["):
        return CallerTurn("say", text)
    match = _BRACKET.match(text)
    if match is None:
        raise TalkError(f"{where}: {text!r} is no mark. Write one of {MARKS}")
    kind, inside, after = match.group(1).lower(), match.group(2).strip(), match.group(3).strip()
    if kind == "interrupt":
        return CallerTurn("interrupt", " ".join(filter(None, (inside, after))))
    if after:
        raise TalkError(f"{where}: put {after!r} on a line of its own")
    if kind in ("key", "keys") and not re.fullmatch(r"[0-9*#]+", inside):
        raise TalkError(f"{where}: {inside!r} are no keys; write [key 1], with 0-9, * or #")
    if kind == "silence":
        inside = re.sub(r"\s*s(ec(onds?)?)?$", "", inside).replace(",", ".")
        if not re.fullmatch(r"(\d+(\.\d+)?)?", inside):
            raise TalkError(f"{where}: {inside!r} are no seconds; write [silence 8]")
    return CallerTurn("key" if kind == "keys" else cast("TurnKind", kind), inside)  # _BRACKET matches no other word


def parse_script(path: Path) -> list[CallerTurn]:
    """The turns of a script file. Raises TalkError with file and line."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise TalkError(f"{path}: cannot be read ({error.strerror}). Give the path of a text file") from error
    except UnicodeDecodeError as error:
        raise TalkError(f"{path}: is not UTF-8. Save it as UTF-8") from error
    return list(turns_of(text.split("\n"), f"{path}:"))


def turns_of(lines: Iterable[str], where: str) -> Iterator[CallerTurn]:
    """The turns of these lines, each as it is asked for; `where` goes before a line's number. Raises TalkError."""
    for number, line in enumerate(lines, 1):
        turn = parse_turn(line, f"{where}{number}")
        if turn is not None:
            yield turn


def caller_for(number: str | None, directory: CustomerDirectory | None, segment: Segment | None = None) -> Caller:
    """A caller whose number the trunk vouches for, with the directory's hints; `segment` overrides the hint. None is withheld;
    what is no number is a caller without one, as on the telephone.
    """
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

    def take(self, turn: CallerTurn) -> None:
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
            case "hangup":
                call.hang_up()
            case _:
                assert_never(turn.kind)
        self._tell()

    def hang_up(self) -> None:
        """The caller listens to the end of what is being said, and hangs up if the call is not over then."""
        self._rehearsal.finish_speech()
        self._tell()
        if not self.over:
            self._rehearsal.hang_up()
            self._tell()

    def fall_silent(self) -> None:
        """The caller stays on the line and does nothing more: the call ends by itself, at a human or with a goodbye."""
        for _ in range(MOST_SILENCES):
            if self.over:
                return
            self._rehearsal.stay_silent()
            self._tell()
        self.hang_up()  # a flow whose conversation never ends is wrong; this command must end all the same

    def run(self, started: CallStarted, turns: Iterable[CallerTurn]) -> None:
        """A whole script; the caller falls silent after it."""
        self.start(started)
        for turn in turns:
            if self.over:
                break
            self.take(turn)
        self.fall_silent()

    def _tell(self) -> None:
        fresh, self._shown = self._rehearsal.exchanges[self._shown :], len(self._rehearsal.exchanges)
        for exchange in fresh:
            self._show(exchange)


def outcome_of(exchanges: Sequence[Exchange]) -> dict[str, Any]:
    """How a call ended, as the last line of `--json`: {"what": "outcome", "type": "Outcome", "at", "outcome", "queue", …}.

    `outcome` is handed_over, callback, message (the caller's, for a case), self_service (approved messages were enough), goodbye,
    apology, or caller_hung_up. `queue`, `priority`, `segment`, `language`, `intent`, `second`, `call_back` and `due` are those of
    the last hand-off that was taken over, None without one; `messages` are the approved messages the caller heard, by their ids,
    and `reason` is that of the end.
    """
    pairs = [(exchange.event, exchange.actions) for exchange in exchanges]
    actions = [action for _, done in pairs for action in done]
    results = [event for event, _ in pairs if isinstance(event, HandOffResult)]
    hand_offs = [action for action in actions if isinstance(action, HandOff)]
    taken = [asked for asked, result in zip(hand_offs, results, strict=False) if result.ok]
    decided = [action.why for action in actions if isinstance(action, Decided) and action.kind == "message"]
    messages = [why for why in decided if why.startswith("message.")]
    end = next((action.reason for action in reversed(actions) if isinstance(action, HangUp)), "caller_hung_up")
    last = taken[-1] if taken else None
    return {
        "what": "outcome",
        "type": "Outcome",
        "at": exchanges[-1].at.isoformat() if exchanges else None,
        "outcome": _outcome(last, messages, end),
        **{name: getattr(last, name, None) for name in _OF_HAND_OFF},
        "messages": messages,
        "reason": end,
    }


def _outcome(taken: HandOff | None, messages: Sequence[str], end: str) -> str:
    if taken is not None:
        return {"transfer": "handed_over"}.get(taken.kind, taken.kind)
    return "self_service" if messages and end in ("done", "goodbye") else end


def seconds_of(exchanges: Sequence[Exchange], bundle: Bundle) -> float:
    """How long the call would have taken on the telephone, in seconds: what was said at an ordinary pace, and the silences."""
    spoken: dict[str, float] = {}
    total = 0.0
    for exchange in exchanges:
        match exchange.event:
            case PromptFinished(mark=mark):
                total += spoken.pop(mark, 0.0)
            case Interrupted(mark=mark, played_s=played_s):
                total += min(played_s, spoken.pop(mark, 0.0))
            case Heard(text=text, final=True):
                total += len(text) / LETTERS_PER_S
            case Silence(seconds=seconds):
                total += seconds
            case _:
                pass
        for action in exchange.actions:
            if isinstance(action, Say):
                spoken[action.mark] = len(words_of(action, bundle, exchange.at)) / LETTERS_PER_S / action.speed
    return round(total, 1)


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
