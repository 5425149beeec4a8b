"""What is told of a call in text: its events and actions as JSON, its outcome, its length, its words."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import fields
from datetime import datetime
from typing import Any

from dialogs import wire
from dialogs.data.bundle import Bundle
from dialogs.events import (
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
from dialogs.rehearsal.rehearsal import Exchange
from voicebot.prompts.speaking import spoken_text

LETTERS_PER_S = 14.0
"""The pace of ordinary speech, pauses included, in Polish and in English."""
_OF_HAND_OFF = ("queue", "priority", "segment", "language", "intent", "second", "call_back", "due")


def outcome_of(exchanges: Sequence[Exchange]) -> dict[str, Any]:
    """How a call ended, as the last line of `--json`: {"what": "outcome", "type": "Outcome", "at", "outcome", "queue", …}.

    `outcome` is handed_over, callback, message (the caller's, for a case), self_service (approved messages were enough), goodbye,
    apology, or caller_hung_up. `queue`, `priority`, `segment`, `language`, `intent`, `second`, `call_back` and `due` are those of
    the last hand-off that was taken over, None without one; `messages` are the approved messages the caller heard, by their ids,
    and `reason` is that of the end.
    """
    actions = [action for exchange in exchanges for action in exchange.actions]
    results = [exchange.event for exchange in exchanges if isinstance(exchange.event, HandOffResult)]
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


def words_of_record(bundle: Bundle, when: datetime) -> Callable[[Mapping[str, Any]], str]:
    """Gives the words of each `Say` of a record, as this bundle has them; a prompt that it does not know any more by its name."""

    def words(say: Mapping[str, Any]) -> str:
        try:
            return say_in_words(say, bundle, when)
        except Exception:  # the bundle has changed since the call, in whatever way
            return " + ".join(str(prompt.get("id", prompt)) for prompt in say.get("prompts", ()) if isinstance(prompt, dict))

    return words


def words_of(say: Say, bundle: Bundle, when: datetime) -> str:
    """What a `Say` says, in words."""
    return " ".join(spoken_text(bundle.text(prompt, say.language, when), prompt) for prompt in say.prompts)
