"""The first page: to where this person works."""

from __future__ import annotations

from starlette.responses import RedirectResponse, Response

from voicebot.accounts.roles import EVERYBODY, Role
from voicebot.console.parts import ConsoleParts
from voicebot.console.routing import SEE_OTHER, Pages, View

_FIRST = (
    (Role.SUPERVISOR, "/live"),
    (Role.TUNER, "/live"),
    (Role.VIEWER, "/live"),
    (Role.COMPLIANCE, "/audit"),
    (Role.ADMIN, "/people"),
)
"""Where each role begins; the first that fits counts."""


def pages(parts: ConsoleParts) -> Pages:
    """The first page."""
    found = Pages()

    @found.get("/", roles=EVERYBODY)
    async def home(view: View) -> Response:
        return RedirectResponse(next((path for role, path in _FIRST if role in view.user.roles), "/me"), SEE_OTHER)

    @found.get("/me", roles=EVERYBODY)
    async def me(view: View) -> Response:
        return view.show("me.html")

    return found
