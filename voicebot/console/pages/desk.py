"""The agents' desk: what came to the agent's queues, the story of a call, chats, callbacks, and the agent's verdict."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Collection, Coroutine, Sequence
from datetime import datetime, timedelta
from typing import Any

from starlette.responses import JSONResponse, Response

from caller_id.phone_numbers import shorten
from dialogs.data.whisper import desk_texts
from dialogs.events import Prompt
from voicebot.cases.store import Cases
from voicebot.chat.handed import Look, as_shown
from voicebot.chat.wording import written_text
from voicebot.console.desk_feed import ChatFeed, DesksHere, gone
from voicebot.console.desk_socket import AGENTS, queues_of
from voicebot.console.parts import ConsoleParts
from voicebot.console.routing import Pages, View
from voicebot.console.texts import names
from voicebot.handoff.callback_service import ClaimLost, Outcome
from voicebot.handoff.record import HandOffRecord
from voicebot.outcomes.handed import lately
from voicebot.outcomes.store import Outcomes, Verdict
from voicebot.tasks import cancelled

_LATELY = timedelta(hours=8)
_HOLD_S = 4.0
_CLAIM_S = 900.0
"""So long an agent has for a callback."""


def pages(parts: ConsoleParts) -> Pages:
    """The desk, a call, a chat, a callback."""
    found = Pages()
    outcomes, cases = Outcomes(parts.engine), Cases(parts.engine)
    talks = parts.chats.talks if parts.chats is not None else None
    feed = ChatFeed(talks.chats.everywhere, parts.stopping) if talks is not None else None
    desks = DesksHere(talks.desks) if talks is not None else None

    def queues(view: View) -> list[str]:
        return queues_of(view.user, parts.bundle().queues)

    async def chats_of(view: View) -> list[dict[str, Any]]:
        """Chats that wait in the agent's queues, or have an agent."""
        return [] if feed is None else [as_shown(look, parts.clock()) for look in _of(await feed.now(), queues(view))]

    @found.get("/desk", roles=AGENTS, nav="nav.desk", order=15)
    async def desk(view: View) -> Response:
        mine, since = queues(view), parts.clock() - _LATELY
        return view.show(
            "desk.html",
            queues=mine,
            calls=await asyncio.to_thread(lately, parts.engine, mine, since),
            chats=await chats_of(view),
            takes_chats=parts.chats is not None,
            callbacks=await parts.callbacks.lines(mine),
            held=await parts.callbacks.held(mine, _pseudonym(view)),
            cases=await asyncio.to_thread(cases.to_do, mine),
            now=parts.clock(),
            shorten=shorten,
        )

    @found.get("/desk/chats.json", roles=AGENTS)
    async def chats(view: View) -> Response:
        """What the page asks for again and again; with `take` the person takes chats of their queues until they stop asking. With
        `hold` the answer comes as soon as it is another than the one marked `known`, else after some seconds: who asks at once
        again needs no timer.
        """
        if feed is None or desks is None:
            return JSONResponse({"chats": [], "mark": ""})
        mine, known = queues(view), view.query.get("known")
        if "take" in view.query:
            await desks.here(view.user, mine if view.query["take"] == "1" else ())
        if "hold" in view.query:
            with desks.holding(view.user):
                there = await _until(
                    gone(view.request),
                    feed.once(lambda looks: known not in (None, _mark(looks, mine)), _HOLD_S),
                    parts.stopping.wait(),
                )
            if not there:
                await desks.closed(view.user)
        looks = await feed.now()
        return JSONResponse({"chats": [as_shown(look, parts.clock()) for look in _of(looks, mine)], "mark": _mark(looks, mine)})

    @found.get("/desk/find", roles=AGENTS)
    async def find(view: View) -> Response:
        return await _call(view, view.query.get("key", "").strip())

    @found.get("/desk/calls/{key:path}", roles=AGENTS)
    async def call(view: View) -> Response:
        return await _call(view, view.path["key"])

    async def _call(view: View, key: str) -> Response:
        record = await parts.stores.handoffs.find(key) if key else None
        if record is None:
            return view.show("desk_call.html", status=404 if key else 200, record=None, key=key)
        await parts.audit.note("desk.call", who=view.user.name, ref=record.ref, call=record.call_id)
        return view.show(
            "desk_call.html",
            record=record,
            key=key,
            number=shorten(record.number) if record.number else None,
            matters=sorted(parts.bundle().routes.matters),
            verdict=await _verdict_of(view, record.ref),
            outcome=(await asyncio.to_thread(outcomes.of, [record.ref])).get(record.ref),
        )

    async def _verdict_of(view: View, ref: str) -> Verdict | None:
        given = await asyncio.to_thread(outcomes.verdicts, ref)
        return next((each for each in given if each.agent == _pseudonym(view)), None)

    @found.post("/desk/verdict", roles=AGENTS)
    async def verdict(view: View) -> Response:
        record = await parts.stores.handoffs.get(view.form.get("ref"))
        matter = view.form.get("intent")
        right = view.form.get("right") == "yes"
        if record is None:
            return view.go("/desk", "desk.expired")
        if not right and matter and matter not in parts.bundle().routes.matters:
            return view.go(f"/desk/calls/{record.ref}", "desk.unknown_matter")
        given = Verdict(record.ref, _pseudonym(view), parts.clock(), right, None if right else matter or None)
        await asyncio.to_thread(outcomes.judge, given)
        return view.go(f"/desk/calls/{record.ref}", "desk.thanks")

    @found.get("/desk/chats/{ref}", roles=AGENTS)
    async def chat(view: View) -> Response:
        look = await parts.chats.talks.chats.look(view.path["ref"]) if parts.chats is not None else None
        known = look.chat if look is not None and look.chat is not None and look.chat.queue in queues(view) else None
        language = known.language if known is not None else view.language
        return view.show(
            "desk_chat.html",
            status=200 if known is not None else 404,
            chat=known,
            queues=list(parts.bundle().queues),
            canned=_canned(parts, language, parts.clock()),
            not_sent=names(view.language, "not_sent"),
        )

    @found.post("/desk/callbacks/take", roles=AGENTS)
    async def take(view: View) -> Response:
        """One at a time: who has one goes on with it, also after a second click or a page loaded anew."""
        queue, mine, by = view.form.get("queue"), queues(view), _pseudonym(view)
        taken = next(iter(await parts.callbacks.held(mine, by)), None)
        if taken is None and queue in mine:
            taken = await parts.callbacks.take(queue, seconds=_CLAIM_S, by=by)
        return view.go("/desk", "desk.no_callback") if taken is None else view.go(f"/desk/callbacks/{taken.callback.ref}")

    @found.get("/desk/callbacks/{ref}", roles=AGENTS)
    async def callback(view: View) -> Response:
        held = await parts.callbacks.held(queues(view), _pseudonym(view))
        taken = next((each for each in held if each.callback.ref == view.path["ref"]), None)
        if taken is None:
            return view.go("/desk", "desk.claim_lost")
        await parts.audit.note("desk.callback", who=view.user.name, ref=taken.callback.ref)
        return view.show("desk_callback.html", taken=taken, record=await _story(taken.callback.ref))

    async def _story(ref: str) -> HandOffRecord | None:
        return await parts.stores.handoffs.get(ref)

    @found.post("/desk/callbacks/outcome", roles=AGENTS)
    async def outcome(view: View) -> Response:
        form, told = view.form, view.form.get("outcome")
        if told not in set(Outcome) or form.get("queue") not in queues(view):
            return view.go("/desk", "desk.no_outcome")
        try:
            await parts.callbacks.settle(form.get("queue"), form.get("ref"), form.get("claim"), Outcome(told))
        except ClaimLost:
            return view.go("/desk", "desk.claim_lost")
        return view.go("/desk", "desk.settled")

    return found


def _of(looks: Sequence[Look], queues: Collection[str]) -> list[Look]:
    return [look for look in looks if look.chat is not None and look.chat.queue in queues]


def _mark(looks: Sequence[Look], queues: Collection[str]) -> str:
    """Another one when a chat came or went, was taken or given back."""
    told = [(look.chat.ref, look.chat.queue, look.agent is None) for look in _of(looks, queues) if look.chat is not None]
    return hashlib.sha256(repr(told).encode()).hexdigest()[:16]


async def _until(over: Coroutine[Any, Any, object], *waited: Coroutine[Any, Any, object]) -> bool:
    """Wait for any of them; whether it was not `over`."""
    tasks = [asyncio.create_task(each) for each in (over, *waited)]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        return not tasks[0].done()
    finally:
        await cancelled(*tasks)


def _pseudonym(view: View) -> str:
    return f"user-{view.user.user_id[:16]}"


def _canned(parts: ConsoleParts, language: str, now: datetime) -> list[str]:
    """The approved texts for agents, as they are written in a chat."""
    bundle = parts.bundle()
    names = desk_texts(bundle.prompts, language, bundle.calendar.local(now).date())
    return [written_text(bundle, Prompt(name), language, now) for name in names]
