"""How often texts were said lately: what a change of them would change. Blocks; raises what SQLAlchemy raises."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Engine, select

from voicebot.records import schema
from voicebot.records.among import among
from voicebot.records.models import CallRow, LineRow

NEWEST = 200
"""Calls that are looked at: a share of so many is known to some 7 points, and they are read while somebody waits."""


@dataclass(frozen=True, slots=True)
class Spoken:
    """Of the newest calls."""

    calls: int
    said_in: Mapping[tuple[str, str], int]
    """By prompt and language: in how many of them it was said, once or more."""


def spoken_lately(engine: Engine, texts: Collection[tuple[str, str]]) -> Spoken:
    """Of these texts, each a prompt and a language."""
    schema.ready(engine)
    wanted = set(texts)
    said: set[tuple[str, str, str]] = set()
    with engine.connect() as connection:
        calls = list(connection.scalars(select(CallRow.call_id).order_by(CallRow.started.desc()).limit(NEWEST)))
        lines = select(LineRow.call_id, LineRow.data).where(among(LineRow.call_id, calls), LineRow.what == "action")
        for call_id, line in connection.execute(lines):
            if line.get("type") == "Say":
                said.update((call_id, name, line["language"]) for prompt in line["prompts"] for name in _names(prompt))
    counts = Counter((prompt, language) for _, prompt, language in said if (prompt, language) in wanted)
    return Spoken(len(calls), counts)


def _names(prompt: Mapping[str, Any]) -> Iterator[str]:
    """The prompt's, and those of texts that are said within it, like the name of a matter."""
    yield prompt["id"]
    yield from (value for _, value in prompt["params"] if isinstance(value, str))
