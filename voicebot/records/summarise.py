"""One row from a call's journal."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from datetime import timedelta
from pathlib import Path
from typing import Any

from caller_id.types import Caller
from voicebot.records.journal import Journal, Line
from voicebot.records.summary import CallSummary
from voicebot.records.turns import count_turns

SURVEY = "survey"
"""The kind of decision that keeps the answer to the survey's question, in its `why`."""


def summarise(
    journal: Journal,
    *,
    caller: Caller,
    line: str,
    bundle_version: str,
    release: str = "",
    recording: Path | None = None,
    channel: str = "voice",
) -> CallSummary:
    """What statistics need of a finished call. The last hand-off counts; without one, the last decision about a matter."""
    hand_off = _last(journal.lines, "HandOff")
    decided = _last(line for line in journal.lines if line.get("intent"))
    heard = _last(line for line in journal.lines if line.get("type") == "Heard" and line.get("understanding"))
    surveyed = _last(line for line in journal.lines if line.get("type") == "Decided" and line.get("kind") == SURVEY)
    notes = [line for line in journal.lines if line.get("kind") == "hand_off"]
    return CallSummary(
        call_id=journal.call_id,
        started=journal.started,
        ended=journal.started + timedelta(seconds=journal.lines[-1]["t"] if journal.lines else 0.0),
        outcome=journal.outcome or "failed",
        line=line,
        language=_last(journal.lines, "Say").get("language", "pl"),
        number=caller.number,
        segment=caller.segment.value,
        intent=hand_off.get("intent") or decided.get("intent"),
        confidence=hand_off.get("confidence") or decided.get("confidence"),
        decision=_last(line for line in journal.lines if line.get("type") == "Decided" and line.get("kind") != SURVEY).get(
            "kind"
        ),
        queue=hand_off.get("queue"),
        priority=hand_off.get("priority", 0),
        seconds_to_steer=hand_off.get("t"),
        response_ms=tuple(line["response_ms"] for line in journal.lines if line.get("kind") == "latency"),
        bundle_version=bundle_version,
        release=release,
        model=heard.get("understanding", {}).get("model", ""),
        recording=str(recording) if recording is not None else None,
        handoff_ref=notes[-1].get("ref") if notes else None,
        survey=surveyed.get("why"),
        channel=channel,
        **asdict(count_turns(journal.lines)),
    )


def _last(lines: Iterable[Line], kind: str | None = None) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for line in lines:
        if kind is None or line.get("type") == kind:
            found = dict(line)
    return found
