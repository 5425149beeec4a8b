"""The first page: to where this person works; and their own account."""

from __future__ import annotations

import asyncio

from starlette.responses import RedirectResponse, Response

from voicebot.accounts.roles import EVERYBODY, Role
from voicebot.accounts.users import AccountError
from voicebot.console.parts import ConsoleParts
from voicebot.console.routing import SEE_OTHER, Pages, View

_FIRST = (
    (Role.SUPERVISOR, "/live"),
    (Role.TUNER, "/live"),
    (Role.VIEWER, "/live"),
    (Role.COMPLIANCE, "/audit"),
    (Role.ADMIN, "/people"),
    (Role.AGENT, "/desk"),
)
"""Where each role begins; the first that fits counts."""


def pages(parts: ConsoleParts) -> Pages:
    """The first page, and one's own account with its passkeys."""
    found = Pages()

    @found.get("/", roles=EVERYBODY)
    async def home(view: View) -> Response:
        return RedirectResponse(next((path for role, path in _FIRST if role in view.user.roles), "/me"), SEE_OTHER)

    async def account(view: View, *, problem: str = "", status: int = 200) -> Response:
        passkeys = await asyncio.to_thread(parts.passkeys.of, view.user.user_id)
        return view.show("me.html", status=status, passkeys=passkeys, problem=problem)

    @found.get("/me", roles=EVERYBODY)
    async def me(view: View) -> Response:
        return await account(view)

    @found.post("/me/passkeys/options", roles=EVERYBODY)
    async def options(view: View) -> Response:
        return Response(await parts.passkeys.registration(view.user), media_type="application/json")

    @found.post("/me/passkeys", roles=EVERYBODY)
    async def make(view: View) -> Response:
        try:
            await parts.passkeys.register(view.user, view.form.get("answer"), view.form.get("label"))
        except AccountError as error:
            return await account(view, problem=view.told(error), status=422)
        await parts.audit.note("console.passkey.added", who=view.user.name)
        return view.go("/me", "me.made")

    @found.post("/me/passkeys/remove", roles=EVERYBODY)
    async def remove(view: View) -> Response:
        await asyncio.to_thread(parts.passkeys.remove, view.user.user_id, view.form.get("id"))
        await parts.audit.note("console.passkey.removed", who=view.user.name)
        return view.go("/me", "me.removed")

    return found
