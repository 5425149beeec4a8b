"""What calls heard, read from their records: which texts the synthetic voice spoke, and which matters came up."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from dialogs import wire
from dialogs.data.bundle import Bundle
from dialogs.data.errors import PromptMissing
from dialogs.events import CallStarted, Prompt, Say
from voicebot.records.store import RecordStore
from voicebot.records.summary import CallSummary

Told = Callable[[int, int], None]
"""Hears how many calls are read, of how many."""

PAGE = 500
_LEAST = timedelta(microseconds=1)  # calls that began in the same moment may stand on two pages


@dataclass(slots=True)
class Heard:
    """How often, over a number of calls. `synthetic` and `with_values` count texts by (prompt, language): those that could be
    recorded and are not, and those that hold a value. `matters` counts calls by (intent, language).
    """

    calls: int = 0
    synthetic: Counter[tuple[str, str]] = field(default_factory=Counter)
    with_values: Counter[tuple[str, str]] = field(default_factory=Counter)
    matters: Counter[tuple[str, str]] = field(default_factory=Counter)


async def read(
    store: RecordStore, bundle: Bundle, since: datetime, told: Told = lambda done, total: None, *, page: int = PAGE
) -> Heard:
    """The calls that began since then, held against the recordings that the bundle has now; the store is asked for `page` calls
    at a time. Raises RecordsError.
    """
    heard = Heard()
    calls = await _calls(store, since, page)
    for done, summary in enumerate(calls, start=1):
        record = await store.call(summary.call_id)
        if record is not None:  # it was deleted meanwhile
            _count(heard, bundle, summary, record.lines)
        told(done, len(calls))
    return heard


async def _calls(store: RecordStore, since: datetime, limit: int) -> list[CallSummary]:
    found: dict[str, CallSummary] = {}
    before: datetime | None = None
    while True:
        page = await store.calls(limit=limit, before=before)
        new = [summary for summary in page if summary.call_id not in found]
        found |= {summary.call_id: summary for summary in new if summary.started >= since}
        if len(page) < limit or page[-1].started < since:
            return list(found.values())
        limit = limit if new else 2 * limit
        before = page[-1].started + _LEAST


def _count(heard: Heard, bundle: Bundle, summary: CallSummary, lines: Any) -> None:
    heard.calls += 1
    if summary.intent:
        heard.matters[summary.intent, summary.language] += 1
    for line in lines:
        message = _message(line)
        if isinstance(message, CallStarted) and message.channel != "voice":
            return  # a chat is read, not heard
        if isinstance(message, Say):
            for prompt in message.prompts:
                _count_prompt(heard, bundle, summary, prompt, message)


def _message(line: Mapping[str, Any]) -> object:
    """The event or action of a line of the journal; None for what another version wrote or nobody hears."""
    if line.get("type") not in (CallStarted.__name__, Say.__name__):
        return None
    try:
        return wire.decode({name: value for name, value in line.items() if name not in ("t", "what")})
    except wire.WireError:
        return None


def _count_prompt(heard: Heard, bundle: Bundle, summary: CallSummary, prompt: Prompt, say: Say) -> None:
    try:
        text = bundle.text(prompt, say.language, summary.started)
        holds_values = bool(bundle.prompts.places(prompt.id, text.language))
    except (PromptMissing, KeyError):
        return  # a text that this bundle does not have any more, or whose values have changed
    if holds_values:
        heard.with_values[prompt.id, text.language] += 1
    elif bundle.recording(text) is None:
        heard.synthetic[prompt.id, text.language] += 1
