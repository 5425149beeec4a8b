"""One person's data: found by their number, exported, deleted (GDPR, articles 15, 17 and 20), with proof in the audit trail.

The number travels in forms, never in an address; the trail names its keyed hash.
"""

from __future__ import annotations

import asyncio
import re
import shutil
import tempfile
from datetime import UTC, datetime
from pathlib import Path

from starlette.background import BackgroundTask
from starlette.responses import FileResponse, Response

from caller_id.phone_numbers import shorten
from voicebot.accounts.roles import Role
from voicebot.console.parts import ConsoleParts
from voicebot.console.routing import Pages, View
from voicebot.errors import VoicebotError
from voicebot.person.erasing import delete
from voicebot.person.export import export
from voicebot.person.finding import PersonError, find, notes, read_address, read_number
from voicebot.person.stores import of_process

_OFFICERS = frozenset({Role.COMPLIANCE})
_TOLD_APART = 9
"""The last digits of a number, which people write without its country."""


def pages(parts: ConsoleParts) -> Pages:
    """The form, what was found, the archive, the deletion."""
    found = Pages()

    def show(view: View, *, status: int = 200, **values: object) -> Response:
        shown = {"problem": "", "number": "", "short": "", "counts": None, "notes": (), "deleted": None, **values}
        return view.show("person.html", status=status, **shown)

    def address_of(view: View) -> str | None:
        given = view.form.get("email")
        return read_address(given) if given.strip() else None

    def asked(view: View) -> tuple[str, str | None, str]:
        """Whose data, and why: the trail keeps the reason for ever, and so it may not name the person. Raises PersonError."""
        number, address, reason = read_number(view.form.get("number")), address_of(view), view.form.get("reason")[:100]
        if not reason:
            raise PersonError(view.t("person.no_reason"))
        if number[-_TOLD_APART:] in re.sub(r"\D", "", reason) or (address is not None and address in reason.lower()):
            raise PersonError(view.t("person.reason_names"))
        return number, address, reason

    async def note(view: View, what: str, number: str, reason: str, **facts: int) -> None:
        whose = parts.stores.records.number_hash(number) or "unknown"
        await parts.audit.note(f"person.{what}", who=view.user.name, person=whose, reason=reason, **facts)

    @found.get("/person", roles=_OFFICERS, nav="nav.person", order=85)
    async def person(view: View) -> Response:
        return show(view)

    @found.post("/person/find", roles=_OFFICERS)
    async def look(view: View) -> Response:
        try:
            number, address, reason = asked(view)
            await note(view, "looked_for", number, reason)
            with of_process(parts.settings, parts.stores, parts.engine) as stores:
                kept = await find(stores, number, address, whole=False)
                told = list(notes(kept, stores))
        except VoicebotError as error:
            return show(view, status=422, problem=view.told(error), number=view.form.get("number"))
        return show(view, number=number, short=shorten(number), counts=kept.counts(), notes=told)

    @found.post("/person/export", roles=_OFFICERS)
    async def archive(view: View) -> Response:
        folder = Path(await asyncio.to_thread(tempfile.mkdtemp, prefix="voicebot-person-"))
        try:
            number, address, reason = asked(view)
            with of_process(parts.settings, parts.stores, parts.engine) as stores:
                kept = await find(stores, number, address)
                told = list(notes(kept, stores))
                now = datetime.now(UTC)
                files = await asyncio.to_thread(export, kept, folder / "person.zip", notes=told, now=now)
            await note(view, "exported", number, reason, files=files)
        except VoicebotError as error:
            await asyncio.to_thread(shutil.rmtree, folder, True)
            return show(view, status=422, problem=view.told(error), number=view.form.get("number"))
        name = f"person-{now:%Y%m%d-%H%M%S}.zip"
        after = BackgroundTask(shutil.rmtree, folder, True)
        return FileResponse(folder / "person.zip", filename=name, media_type="application/zip", background=after)

    @found.post("/person/delete", roles=_OFFICERS)
    async def forget(view: View) -> Response:
        try:
            number, address, reason = asked(view)
            if "sure" not in view.form:
                raise PersonError(view.t("person.not_sure"))
            await note(view, "deletion_began", number, reason)  # so that one which is broken off is known, too
            with of_process(parts.settings, parts.stores, parts.engine) as stores:
                deleted = await delete(stores, await find(stores, number, address, whole=False))
                left = await find(stores, number, address, whole=False)
                told = list(notes(left, stores))
            await note(view, "deleted", number, reason, deleted=sum(count for _, count in deleted), left=int(not left.empty))
        except VoicebotError as error:
            return show(view, status=422, problem=view.told(error), number=view.form.get("number"))
        problem = "" if left.empty else view.t("person.left")
        return show(view, short=shorten(number), deleted=deleted, notes=told, problem=problem)

    return found
