"""Switches: surge, closure and announcement, with who would hear what before anything is set."""

from __future__ import annotations

import asyncio
from datetime import UTC, date, datetime

from sqlalchemy.exc import SQLAlchemyError
from starlette.responses import Response

from dialogs.authoring.prompt_list import rendered
from dialogs.data.bundle import Bundle
from voicebot.accounts.roles import Role
from voicebot.console.pages.live import WATCHERS
from voicebot.console.parts import ConsoleParts
from voicebot.console.routing import Form, Pages, View
from voicebot.state.conditions import SwitchKind, SwitchSetting
from voicebot.switches.board import Kept
from voicebot.switches.orders import SwitchRefused, announcements, check
from voicebot.switches.preview import Changed, expected_calls, preview, with_expected

_HISTORY = 50
_LONGEST_WHY = 200


def offered(bundle: Bundle, day: date, language: str) -> list[tuple[str, str]]:
    """The announcements of this day with their words, in the reader's language where they may be said in it."""
    languages = sorted(bundle.prompts.files, key=lambda each: each != language)
    found = []
    for prompt in announcements(bundle, day):
        said = next(each for each in languages if bundle.prompts.may_say(prompt, each, day))
        found.append((prompt, rendered(bundle, prompt, said, day)))
    return found


def ordered(form: Form, who: str, now: datetime, parts: ConsoleParts) -> SwitchSetting:
    """The switch that a form describes. Raises SwitchRefused."""
    kind, why = form.get("kind"), form.get("why")[:_LONGEST_WHY]
    if kind not in set(SwitchKind):
        raise SwitchRefused("choose what to do: surge or closure", "no_kind")
    on = form.get("on", "1") == "1"
    if on and not why:
        raise SwitchRefused("say why: whoever comes after you must know", "no_why")
    queue = form.get("queue") if kind == SwitchKind.CLOSURE else ""
    until = _moment(form.get("until"), parts)
    return SwitchSetting(
        SwitchKind(kind), on, who, now, queue=queue if queue != "*" else "", why=why, prompt=form.get("prompt"), until=until
    )


def _moment(written: str, parts: ConsoleParts) -> datetime | None:
    if not written:
        return None
    try:
        at = datetime.fromisoformat(written)
        return (at if at.tzinfo else at.replace(tzinfo=parts.bundle().calendar.zone)).astimezone(UTC)
    except (ValueError, OverflowError):
        raise SwitchRefused("the end is no time; write it like 2026-11-27T18:00", "no_time") from None


def pages(parts: ConsoleParts) -> Pages:
    """What is on, the forms to order and to take back, the preview, the history."""
    found = Pages()
    setters = frozenset({Role.SUPERVISOR})

    async def show(view: View, *, status: int = 200, **values: object) -> Response:
        now, bundle = parts.clock(), parts.bundle()
        try:
            history = await parts.switches.history(_HISTORY)
        except SQLAlchemyError:
            history = None
        shown = {"problem": "", "changes": None, "wanted": None, **values}
        return view.show(
            "switches.html",
            status=status,
            holding=parts.switches.holding(now),
            history=history,
            closable=[name for name, queue in bundle.queues.items() if not queue.emergency and not queue.self_service],
            prompts=offered(bundle, bundle.calendar.local(now).date(), view.language),
            may_set=view.may(*setters),
            **shown,
        )

    async def refused(view: View, error: SwitchRefused) -> Response:
        problem = view.told(error)
        return await show(view, status=422, problem=problem, wanted=view.form)

    async def changes_of(setting: SwitchSetting, view: View) -> list[Changed]:
        bundle, now = parts.bundle(), parts.clock()
        changes = await asyncio.to_thread(preview, setting, parts.stores.conditions.snapshot, bundle, view.language)
        try:
            matters = [each.matter for each in changes]
            expected = await asyncio.to_thread(expected_calls, parts.engine, matters, now, setting.until, bundle)
        except SQLAlchemyError:
            expected = {}
        return with_expected(changes, expected)

    @found.get("/switches", roles=WATCHERS, nav="nav.switches", order=15)
    async def switches(view: View) -> Response:
        return await show(view)

    @found.post("/switches/preview", roles=setters)
    async def look(view: View) -> Response:
        try:
            setting = ordered(view.form, view.user.name, parts.clock(), parts)
            check(setting, parts.bundle())
        except SwitchRefused as error:
            return await refused(view, error)
        return await show(view, changes=await changes_of(setting, view), wanted=view.form)

    @found.post("/switches", roles=setters)
    async def order(view: View) -> Response:
        try:
            setting = ordered(view.form, view.user.name, parts.clock(), parts)
            if setting.on or not parts.switches.known(setting.name):
                check(setting, parts.bundle())
        except SwitchRefused as error:
            return await refused(view, error)
        kept = await parts.switches.order(setting)
        if kept is Kept.NOWHERE:
            return await show(view, status=503, problem=view.t("switches.nowhere"), wanted=view.form)
        done = "switches.is_set" if setting.on else "switches.is_off"
        return view.go("/switches", done if kept is Kept.WHOLLY else "switches.not_kept")

    return found
