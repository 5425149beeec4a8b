"""One call: its turns, decisions, times, hand-off and recording; notes; a conversation test made of it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from starlette.exceptions import HTTPException
from starlette.responses import FileResponse, PlainTextResponse, Response

from dialogs.data.routes import Routes
from dialogs.rehearsal.record_to_test import to_test
from nlu.pack.pack import BANK_PACK, Pack
from voicebot.accounts.roles import READERS, Role
from voicebot.console.listening import LISTENERS, REASONS, Answer, Listening
from voicebot.console.parts import ConsoleParts
from voicebot.console.routing import Pages, View
from voicebot.errors import RecordsError
from voicebot.outcomes.events import Event, Outcome, outcome_of
from voicebot.outcomes.misroute import Judged, judge
from voicebot.outcomes.store import Outcomes, Verdict
from voicebot.records.notes import LONGEST, CallNotes
from voicebot.records.reading import exchanges_of
from voicebot.records.summary import CallRecord, CallSummary
from voicebot.review.why import Why, why_known
from voicebot.talk import words_of_record


@dataclass(frozen=True, slots=True)
class Shown:
    """A line of a call as the page shows it."""

    t: float
    who: str
    """bot, caller, decision, or event."""
    text: str
    detail: str = ""
    why: Why | None = None
    """Of what a caller said: the ranking, and what each decision would have cost."""


def shown_lines(
    record: CallRecord, words: Callable[[Mapping[str, Any]], str], named: Callable[[str, str], str], pack: Pack
) -> list[Shown]:
    """What was said and decided, in order; what only the machine cares for is left out. `words` tells what the bot said, `named`
    the word for a value (`View.named`); costs are those of `pack`. Blocks.
    """
    found = []
    for line in record.lines:
        t = float(line.get("t", 0.0))
        match line.get("type") or line.get("kind"):
            case "Say":
                found.append(Shown(t, "bot", words(line)))
            case "Heard" if line.get("final"):
                understood = line.get("understanding")
                found.append(Shown(t, "caller", line.get("text") or "…", _understood(line, named), why_known(understood, pack)))
            case "KeyPressed":
                found.append(Shown(t, "caller", f"[{line.get('key')}]"))
            case "Silence":
                found.append(Shown(t, "event", named("event", "silence")))
            case "Interrupted":
                found.append(Shown(t, "event", named("event", "interrupted")))
            case "Decided":
                sure = f" {line['confidence']:.2f}" if isinstance(line.get("confidence"), float) else ""
                kind = named("kind", str(line.get("kind")))
                found.append(Shown(t, "decision", f"{kind} {line.get('intent') or ''}{sure}".strip(), line.get("why", "")))
            case "HandOffResult":
                found.append(
                    Shown(t, "event", f"{line.get('queue')}: {named('event', 'ok') if line.get('ok') else line.get('reason')}")
                )
            case "Failed" | "error":
                found.append(Shown(t, "event", str(line.get("code") or line.get("stage") or line.get("kind"))))
            case "closed":
                found.append(Shown(t, "event", named("outcome", str(line.get("outcome")))))
    return found


@dataclass(frozen=True, slots=True)
class InTheQueue:
    """What became of a hand-off, as the contact centre and its agents told."""

    events: Sequence[Event]
    """In order."""
    outcome: Outcome
    judged: Judged
    """What the rule for misroutes says."""
    verdicts: Sequence[Verdict]


def in_the_queue(outcomes: Outcomes, call: CallSummary, routes: Routes) -> InTheQueue | None:
    """None for a call that was not handed over. Blocks; raises what SQLAlchemy raises."""
    if call.handoff_ref is None:
        return None
    events = outcomes.events(call.handoff_ref)
    outcome = outcome_of(call.handoff_ref, events)
    judged = judge(outcome, queue=call.queue or "", intent=call.intent, routes=routes)
    return InTheQueue(events, outcome, judged, outcomes.verdicts(call.handoff_ref))


def _understood(line: Mapping[str, Any], named: Callable[[str, str], str]) -> str:
    understanding = line.get("understanding")
    if not isinstance(understanding, dict):
        return ""
    ranking = understanding.get("ranking") or []
    best = ", ".join(f"{each['intent']} {each['confidence']:.2f}" for each in ranking[:3] if isinstance(each, dict))
    act = f" · {understanding['act']}" if understanding.get("act") else ""
    decision = named("decision", str(understanding.get("decision") or ""))
    return f"{decision or '–'}{act} · {best}" if best or act else decision


def pages(parts: ConsoleParts) -> Pages:
    """The call, its sound, its notes, its test."""
    found = Pages()
    notes, listening, outcomes = CallNotes(parts.engine), Listening(parts), Outcomes(parts.engine)
    pack = Pack(parts.settings.nlu.pack or BANK_PACK)

    async def record_of(view: View) -> CallRecord | None:
        return await parts.stores.records.call(view.path["call_id"])

    def missing(view: View) -> Response:
        return view.show("call_missing.html", status=404, call_id=view.path["call_id"])

    @found.get("/calls/{call_id}", roles=READERS)
    async def call(view: View) -> Response:
        record = await record_of(view)
        if record is None:
            return missing(view)
        summary = record.summary
        await parts.audit.note("call.read", who=view.user.name, call=summary.call_id)
        words = words_of_record(parts.bundle(), summary.started)
        listens = await listening.allowed(view, summary.call_id)
        return view.show(
            "call.html",
            call=summary,
            lines=await asyncio.to_thread(shown_lines, record, words, view.named, pack),
            queue=await asyncio.to_thread(in_the_queue, outcomes, summary, parts.bundle().routes),
            notes=await asyncio.to_thread(notes.of, summary.call_id),
            recorded=_recording(record) is not None,
            listening=listens,
            may_listen=view.may(*LISTENERS),
            reasons=REASONS,
            longest=LONGEST,
        )

    @found.post("/calls/{call_id}/notes", roles=READERS)
    async def note(view: View) -> Response:
        record = await record_of(view)
        if record is None:
            return missing(view)
        call_id, written = record.summary.call_id, view.form.get("note")
        if written:
            await asyncio.to_thread(notes.add, call_id, view.user.name, written, parts.clock())
        return view.go(f"/calls/{call_id}", "call.noted" if written else "")

    @found.post("/calls/{call_id}/listen", roles=LISTENERS)
    async def listen(view: View) -> Response:
        call_id = view.path["call_id"]
        match await listening.ask(view, call_id, view.form.get("reason")):
            case Answer.NO_REASON:
                return view.go(f"/calls/{call_id}", "call.no_reason")
            case Answer.NO_AUDIT:
                return view.show("call_missing.html", status=503, call_id=call_id, what="call.no_audit")
            case Answer.ALLOWED:
                return view.go(f"/calls/{call_id}#recording")

    @found.get("/calls/{call_id}/recording.wav", roles=LISTENERS)
    async def recording(view: View) -> Response:
        record = await record_of(view)
        path = _recording(record) if record is not None else None
        if record is None or path is None:
            raise HTTPException(404)
        if not await listening.allowed(view, record.summary.call_id):
            return PlainTextResponse("say why first: on the page of the call", 403)
        return FileResponse(path, media_type="audio/wav")

    @found.get("/calls/{call_id}/test.yml", roles=frozenset({Role.TUNER}))
    async def test(view: View) -> Response:
        record = await record_of(view)
        if record is None:
            return missing(view)
        try:
            made = to_test(parts.bundle(), exchanges_of(record), record.summary.call_id)
        except (ValueError, KeyError, TypeError, IndexError, RecordsError):
            return view.show("call_missing.html", status=422, call_id=record.summary.call_id, what="call.no_test")
        name = f"{record.summary.call_id}.yml"
        return PlainTextResponse(made, headers={"Content-Disposition": f'attachment; filename="{name}"'})

    return found


def _recording(record: CallRecord) -> Path | None:
    """The file of its sound, if it is there."""
    path = Path(record.summary.recording) if record.summary.recording else None
    return path if path is not None and path.is_file() else None
