"""Logging in and out, and the language of the pages."""

from __future__ import annotations

import asyncio

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from voicebot.accounts.passwords import PasswordCheck
from voicebot.accounts.users import User
from voicebot.console.guard import COOKIE, Guard, from_here, read_form, safe_path
from voicebot.console.parts import ConsoleParts
from voicebot.console.render import LANGUAGE_COOKIE
from voicebot.console.routing import SEE_OTHER, TOKEN_FIELD
from voicebot.console.texts import LANGUAGES

_A_YEAR_S = 365 * 24 * 3600


class Login:
    """The page to log in at, and what it does."""

    def __init__(self, parts: ConsoleParts, guard: Guard) -> None:
        self._parts = parts
        self._guard = guard
        self._check = PasswordCheck()

    async def page(self, request: Request) -> Response:
        """Asks who it is."""
        return self._ask(request, safe_path(request.query_params.get("to", "/")))

    async def password(self, request: Request) -> Response:
        """Name and password."""
        form = await read_form(request)
        to = safe_path(form.get("to", "/"))
        if not from_here(request) or not self._parts.settings.console.passwords:
            return self._ask(request, to, problem="login.stale", status=403)
        users, name = self._parts.users, form.get("name")[:80]
        user, stored = await asyncio.to_thread(users.password_of, name)
        right = await self._check.fits(next(iter(form.all("password")), ""), stored)
        if user is None or not right:
            locked = user is not None and await asyncio.to_thread(users.tried, user.user_id, right=False)
            who = user.name if user is not None else "unknown"  # a password typed into the wrong field must not be written down
            await self._parts.audit.note("console.login.refused", who=who, locked=int(locked))
            return self._ask(request, to, problem="login.wrong", status=401)
        await asyncio.to_thread(users.tried, user.user_id, right=True)
        return await self.begin(request, user, "password", to)

    async def begin(self, request: Request, user: User, how: str, to: str) -> Response:
        """Begin a session of a person who proved who they are, and go to the page."""
        cookie = await asyncio.to_thread(self._parts.sessions.begin, user, how)
        await self._parts.audit.note("console.login", who=user.name, how=how, roles=" ".join(sorted(user.roles)))
        answer = RedirectResponse(to, SEE_OTHER)
        answer.set_cookie(COOKIE, cookie, path="/", secure=True, httponly=True, samesite="lax")
        return answer

    async def out(self, request: Request) -> Response:
        """End the session."""
        login = await self._guard.login(request)
        form = await read_form(request)
        if login is not None and from_here(request) and form.get(TOKEN_FIELD) == login.form_token:
            await asyncio.to_thread(self._parts.sessions.end, login.session)
            await self._parts.audit.note("console.logout", who=login.user.name)
        answer = RedirectResponse("/login", SEE_OTHER)
        answer.delete_cookie(COOKIE, path="/", secure=True, httponly=True, samesite="lax")
        return answer

    async def language(self, request: Request) -> Response:
        """Read the pages in another language from now on."""
        wanted = request.query_params.get("lang", "")
        answer = RedirectResponse(safe_path(request.query_params.get("to", "/")), SEE_OTHER)
        if wanted in LANGUAGES:
            answer.set_cookie(LANGUAGE_COOKIE, wanted, max_age=_A_YEAR_S, path="/", samesite="lax")
        return answer

    def _ask(self, request: Request, to: str, *, problem: str = "", status: int = 200) -> Response:
        console = self._parts.settings.console
        language = self._guard.language(request)
        return self._guard.renderer.plain(
            "login.html",
            language,
            status=status,
            to=to,
            problem=problem,
            passwords=console.passwords,
            oidc=console.oidc is not None,
        )


def login_routes(parts: ConsoleParts, guard: Guard) -> list[Route]:
    """What is open to those who are not logged in."""
    login = Login(parts, guard)
    return [
        Route("/login", login.page, methods=["GET"]),
        Route("/login", login.password, methods=["POST"]),
        Route("/logout", login.out, methods=["POST"]),
        Route("/language", login.language, methods=["GET"]),
    ]
