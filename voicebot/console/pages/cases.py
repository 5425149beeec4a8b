"""Cases by filters, to do and done; one case: what was asked, until when, whose it is, its history, and what is done."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from urllib.parse import urlencode

from starlette.responses import Response

from voicebot.cases.case import Case, Status
from voicebot.cases.listing import CaseFilter, page
from voicebot.cases.store import LONGEST_NOTE, CaseError, Cases
from voicebot.console.desk_socket import AGENTS, queues_of
from voicebot.console.pages.calls import day_in
from voicebot.console.parts import ConsoleParts
from voicebot.console.routing import Pages, View
from voicebot.handoff.record import HandOffRecord


def pages(parts: ConsoleParts) -> Pages:
    """The list, a case and its forms. A case is shown to those who answer its queue; its number only to its owner."""
    found = Pages()
    cases = Cases(parts.engine)

    async def case_of(view: View) -> Case | None:
        case = await asyncio.to_thread(cases.of, view.path["ref"])
        gone = case is not None and case.queue not in parts.bundle().queues  # of a queue that the bank has no more: for all
        return case if case is not None and (gone or case.queue in queues_of(view.user, parts.bundle().queues)) else None

    @found.get("/desk/cases", roles=AGENTS)
    async def several(view: View) -> Response:
        query, known = dict(view.query), parts.bundle().queues
        chosen = CaseFilter(
            done=query.get("status") != "to_do",
            queues=queues_of(view.user, known) if view.user.queues else None,
            known=known,
            queue=query.get("queue") or None,
            owner=query.get("owner", "").strip() or None,
            since=day_in(query.get("from", ""), parts),
            until=day_in(query.get("to", ""), parts, ends=True),
        )
        shown = await asyncio.to_thread(page, parts.engine, chosen, after=query.get("after", ""))
        kept = {name: value for name, value in query.items() if value and name not in ("after", "notice")}
        return view.show(
            "desk_cases.html",
            cases=shown.cases,
            histories=await asyncio.to_thread(cases.histories, [case.ref for case in shown.cases]),
            following=urlencode({**kept, "after": shown.following}) if shown.following else "",
            query=query,
            done=chosen.done,
            queues=queues_of(view.user, known),
            now=parts.clock(),
        )

    @found.get("/desk/cases/{ref}", roles=AGENTS)
    async def show(view: View) -> Response:
        case = await case_of(view)
        return await _show(view, case)

    async def _show(view: View, case: Case | None, *, typed: str = "", problem: str = "") -> Response:
        """`typed`: the note of a form that was not taken, and `problem` why."""
        if case is None:
            return view.show("desk_case.html", status=404, case=None)
        record = await parts.stores.handoffs.get(case.ref)
        mine = case.status is Status.TAKEN and case.owner == view.user.name
        number = _number(record) if mine and record is not None else None
        if number is not None:
            await parts.audit.note("desk.case.number", who=view.user.name, ref=case.ref)
        return view.show(
            "desk_case.html",
            status=409 if problem else 200,
            case=case,
            typed=typed,
            problem=problem,
            stands=case.standing(parts.clock()).value,
            history=await asyncio.to_thread(cases.history, case.ref),
            record=record,
            number=number,
            mine=mine,
            longest=LONGEST_NOTE,
        )

    @found.post("/desk/cases/{ref}", roles=AGENTS)
    async def change(view: View) -> Response:
        case = await case_of(view)
        if case is None:
            return await _show(view, None)
        path, who, now, note = f"/desk/cases/{case.ref}", view.user.name, parts.clock(), view.form.get("note").strip()
        changes: dict[str, Callable[[], Case]] = {
            "take": lambda: cases.take(case.ref, who, now, note),
            "give_back": lambda: cases.give_back(case.ref, who, now, note),
            "done": lambda: cases.done(case.ref, who, now, note),
            "open_again": lambda: cases.open_again(case.ref, who, now, note),
            "note": lambda: cases.note(case.ref, who, now, note),
        }
        what = view.form.get("what")
        if what not in changes or (what == "note" and not note):
            return view.go(path, "cases.nothing")
        if what == "open_again" and not note:
            return view.go(path, "cases.why_again")
        try:
            await asyncio.to_thread(changes[what])
        except CaseError:
            return await _show(view, await case_of(view), typed=note, problem="cases.changed_meanwhile")
        return view.go(path, "cases.kept")

    return found


def _number(record: HandOffRecord) -> str | None:
    """The number to ring, as the customer gave it or called from."""
    return record.call_back or record.answer_to or record.number
