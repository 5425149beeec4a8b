"""Scripts by the thousand: each is one call, held by the same understanding, and summed up in one object."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from caller_id.types import Caller
from dialogs.data.bundle import Bundle
from dialogs.events import (
    Action,
    CallStarted,
    CollectKeys,
    Decided,
    HandOff,
    HangUp,
    Heard,
    HungUp,
    KeyPressed,
    Listen,
    Say,
    Silence,
)
from dialogs.rehearsal.rehearsal import Exchange
from nlu.types import Understander, Understanding
from voicebot.handoff.record import make_record, record_codec
from voicebot.records.journal import HIDDEN_KEY
from voicebot.redaction import Redaction
from voicebot.talk.call import TextCall
from voicebot.talk.script import CallOptions, Script, TalkError, parse_script
from voicebot.talk.starting import Starter
from voicebot.talk.told import as_json, outcome_of, seconds_of, words_of

# the numbers and the keys are the script's own; what a caller dictates is masked as everywhere
_WRITTEN = Redaction(keep_numbers=True, keep_keys=True)
_NOT_OF_THE_CALL = ("ref", "call_id", "call_ref", "created", "expires")  # made anew for every hand-off
_HEARD = ("intent", "confidence", "decision", "act", "second")


def scripts_in(folder: Path) -> list[Path]:
    """Every file of the folder and of those in it, in the order of their names; hidden ones are none. Raises TalkError."""
    if not folder.is_dir():
        raise TalkError(f"{folder} is no folder. Name the folder that holds the scripts")
    found = [path for path in folder.rglob("*") if path.is_file() and not _hidden(path.relative_to(folder))]
    if not found:
        raise TalkError(f"there is no script in {folder}. Put one file into it for each call")
    return sorted(found)


def _hidden(path: Path) -> bool:
    return any(part.startswith(".") for part in path.parts)


class Batch:
    """Holds the calls of a folder's scripts. `options` come before those of a script's header."""

    def __init__(
        self, bundle: Bundle, understander: Understander, starter: Starter, options: CallOptions, *, events: bool = False
    ) -> None:
        self._bundle = bundle
        self._understander = understander
        self._starter = starter
        self._options = options
        self._events = events

    def hold(self, folder: Path, path: Path) -> dict[str, Any]:
        """One script's call as `summary_of` tells it, with its name; {"script", "error"} for a script with a mistake."""
        name = path.relative_to(folder).as_posix()
        try:
            script = parse_script(path)
            started, when = self._starter.start(self._options.over(script.options), script)
        except TalkError as error:
            return {"script": name, "error": {"code": error.code, "message": str(error)}}
        return {"script": name, **self._held(script, started, when)}

    def _held(self, script: Script, started: CallStarted, when: datetime) -> dict[str, Any]:
        exchanges: list[Exchange] = []
        TextCall(self._bundle, self._understander, at=when, show=exchanges.append).run(started, script.turns)
        summary = summary_of(exchanges, started.caller, self._bundle)
        if self._events:
            lines = [line for exchange in exchanges for line in as_json(exchange, self._bundle)]
            summary["events"] = _WRITTEN.value(lines)
        return summary


def summary_of(exchanges: Sequence[Exchange], caller: Caller, bundle: Bundle) -> dict[str, Any]:
    """A call in one object.

    `outcome`, `queue`, … are those of `outcome_of`. `said` are the bot's texts in order, `heard` the caller's utterances and keys
    as they were understood, `decisions` what was decided and why, `hand_off` the record the agent sees (None without one), `end`
    the reason of the end, `hung_up_by` caller or bot (None: put through), `turns` the caller's, `seconds` the length.
    """
    outcome = outcome_of(exchanges)
    heard = list(_heard(exchanges))
    summary = {
        **{name: value for name, value in outcome.items() if name not in ("what", "type", "at", "reason")},
        "end": outcome["reason"],
        "hung_up_by": _hung_up_by(exchanges, outcome["outcome"]),
        "turns": len(heard),
        "seconds": seconds_of(exchanges, bundle),
        "said": [words_of(action, bundle, at) for at, action in _actions(exchanges) if isinstance(action, Say)],
        "heard": heard,
        "decisions": [
            {"kind": action.kind, "why": action.why, "intent": action.intent, "confidence": action.confidence}
            for _, action in _actions(exchanges)
            if isinstance(action, Decided)
        ],
        "hand_off": _hand_off(exchanges, caller),
    }
    return _WRITTEN.fields(summary)


def _actions(exchanges: Sequence[Exchange]) -> Iterator[tuple[datetime, Action]]:
    yield from ((exchange.at, action) for exchange in exchanges for action in exchange.actions)


def _heard(exchanges: Sequence[Exchange]) -> Iterator[dict[str, Any]]:
    """Utterances, and keys pressed one after another as one; keys of a secret are not told, not even how many."""
    keys, secret = "", False
    for exchange in exchanges:
        event = exchange.event
        if isinstance(event, KeyPressed):
            keys = HIDDEN_KEY if secret else keys + event.key
        elif isinstance(event, Heard | Silence | HungUp) and keys:
            yield {"keys": keys}
            keys = ""
        if isinstance(event, Heard) and event.final:
            yield {"text": event.text, **_understood(event.understanding)}
        for action in exchange.actions:
            if isinstance(action, CollectKeys | Listen):
                secret = isinstance(action, CollectKeys) and action.secret
    if keys:
        yield {"keys": keys}


def _understood(found: Understanding | None) -> dict[str, Any]:
    return {name: getattr(found, name) for name in _HEARD} if found is not None else {}


def _hung_up_by(exchanges: Sequence[Exchange], outcome: str) -> str | None:
    if outcome == "handed_over":
        return None
    return "bot" if any(isinstance(action, HangUp) for _, action in _actions(exchanges)) else "caller"


def _hand_off(exchanges: Sequence[Exchange], caller: Caller) -> dict[str, Any] | None:
    """The record of the last hand-off."""
    asked = [(at, action) for at, action in _actions(exchanges) if isinstance(action, HandOff)]
    if not asked:
        return None
    at, action = asked[-1]
    record = make_record(action, caller=caller, call_id="", call_ref="", now=at, keep_for=timedelta())
    return {name: value for name, value in record_codec.encode(record).items() if name not in _NOT_OF_THE_CALL}
