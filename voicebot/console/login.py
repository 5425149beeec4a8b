"""Logging in (password, passkey, the bank's own log-in) and out, and the language of the pages."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib

import structlog
from sqlalchemy.exc import SQLAlchemyError
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from voicebot.accounts.oidc import OidcRefused, OidcUnavailable, Told
from voicebot.accounts.passwords import PasswordCheck
from voicebot.accounts.users import AccountError, User
from voicebot.console.desk_feed import desk_name
from voicebot.console.guard import COOKIE, Guard, from_here, read_form, safe_path
from voicebot.console.orphaned import changed
from voicebot.console.parts import ConsoleParts
from voicebot.console.render import LANGUAGE_COOKIE
from voicebot.console.routing import SEE_OTHER, TOKEN_FIELD
from voicebot.console.texts import LANGUAGES
from voicebot.errors import StateError, code_of

OIDC_COOKIE = "__Host-voicebot-oidc"
_A_YEAR_S = 365 * 24 * 3600
_TEN_MINUTES_S = 600

log = structlog.get_logger(__name__)


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
        try:
            user, stored = await asyncio.to_thread(users.password_of, name)
            right = await self._check.fits(next(iter(form.all("password")), ""), stored)
            if user is not None and right:
                await asyncio.to_thread(users.tried, user.user_id, right=True)
                return await self._begin(user, "password", to)
            locked = user is not None and await asyncio.to_thread(users.tried, user.user_id, right=False)
        except SQLAlchemyError:
            return self._guard.problem(request, 503, "away")
        who = user.name if user is not None else "unknown"  # a password typed into the wrong field must not be written down
        await self._parts.audit.note("console.login.refused", who=who, how="password", locked=int(locked))
        return self._ask(request, to, problem="login.wrong", status=401)

    # ------------------------------------------------------------------ passkeys

    async def passkey_options(self, request: Request) -> Response:
        """What a browser needs to ask for a passkey."""
        if not from_here(request):
            return JSONResponse({}, 403)
        try:
            return Response(await self._parts.passkeys.authentication(), media_type="application/json")
        except StateError:
            return JSONResponse({}, 503)

    async def passkey(self, request: Request) -> Response:
        """The answer of a passkey; sent by a form, so that the browser goes on by itself."""
        form = await read_form(request)
        to = safe_path(form.get("to", "/"))
        if not from_here(request):
            return self._ask(request, to, problem="login.stale", status=403)
        try:
            user = await self._parts.passkeys.authenticate(form.get("answer"))
        except AccountError as error:
            await self._parts.audit.note("console.login.refused", who="unknown", how="passkey", why=str(error))
            return self._ask(request, to, problem="login.passkey_wrong", status=401)
        except (StateError, SQLAlchemyError):
            return self._guard.problem(request, 503, "away")
        return await self._begin(user, "passkey", to)

    # ------------------------------------------------------------------ the bank's own log-in

    async def oidc(self, request: Request) -> Response:
        """To the bank's log-in."""
        to = safe_path(request.query_params.get("to", "/"))
        if self._parts.oidc is None:
            return self._ask(request, to, status=404)
        try:
            address, state = await self._parts.oidc.begin(to)
        except (OidcUnavailable, StateError) as error:
            log.warning("the bank's log-in cannot be used", code=error.code, why=str(error))
            return self._ask(request, to, problem="login.oidc_away", status=503)
        answer = RedirectResponse(address, SEE_OTHER)
        answer.set_cookie(OIDC_COOKIE, state, max_age=_TEN_MINUTES_S, path="/", secure=True, httponly=True, samesite="lax")
        return answer

    async def oidc_back(self, request: Request) -> Response:
        """Back from there."""
        if self._parts.oidc is None:
            return self._ask(request, "/", status=404)
        query, to = request.query_params, "/"
        try:
            told = await self._parts.oidc.finish(
                query.get("state", ""), request.cookies.get(OIDC_COOKIE, ""), query.get("code", "")
            )
            to = told.to
            user, _ = await changed(self._parts, "oidc", lambda: self._user_of(told))
        except (OidcRefused, AccountError) as error:
            await self._parts.audit.note("console.login.refused", who="unknown", how="oidc", why=str(error))
            problem = "login.no_role" if isinstance(error, AccountError) else "login.oidc_refused"
            return self._ask(request, safe_path(getattr(error, "to", to)), problem=problem, status=403)
        except (OidcUnavailable, StateError, SQLAlchemyError) as error:
            why = str(error) if isinstance(error, OidcUnavailable) else type(error).__name__
            log.warning("the bank's log-in cannot be used", code=code_of(error), why=why)
            return self._ask(request, safe_path(getattr(error, "to", to)), problem="login.oidc_away", status=503)
        answer = await self._begin(user, "oidc", to)
        answer.delete_cookie(OIDC_COOKIE, path="/", secure=True, httponly=True, samesite="lax")
        return answer

    def _user_of(self, told: Told) -> User:
        """The user of this subject, made when they come first; with the roles that the bank gives them now."""
        users = self._parts.users
        user = users.of_subject(told.subject)
        if not told.roles:
            raise AccountError("the bank gave no role of ours: console.oidc.roles names what stands for which")
        if user is None:
            return self._added(told)
        if not user.active:
            raise AccountError("the account is closed")
        return users.change(user.user_id, roles=told.roles) if user.roles != told.roles else user

    def _added(self, told: Told) -> User:
        """A local account of the same name is not theirs: then they get a name of their own."""
        unique = "user-" + hashlib.sha256(told.subject.encode()).hexdigest()[:12]
        for name in (told.name, unique):
            try:
                return self._parts.users.add(name, told.roles, made_by="oidc", shown=told.shown, subject=told.subject)
            except AccountError:
                if name == unique:
                    raise
        raise AssertionError

    # ------------------------------------------------------------------

    async def _begin(self, user: User, how: str, to: str) -> Response:
        """Begin a session of a person who proved who they are, and go to the page."""
        cookie = await asyncio.to_thread(self._parts.sessions.begin, user, how)
        await self._parts.audit.note("console.login", who=user.name, how=how, roles=" ".join(sorted(user.roles)))
        answer = RedirectResponse(to, SEE_OTHER)
        answer.set_cookie(COOKIE, cookie, path="/", secure=True, httponly=True, samesite="lax")
        return answer

    async def out(self, request: Request) -> Response:
        """End the session; with `everywhere` those at all other browsers of the person, too."""
        login = await self._guard.login(request)
        form = await read_form(request)
        if login is not None and from_here(request) and form.get(TOKEN_FIELD) == login.form_token:
            everywhere = "everywhere" in form
            await asyncio.to_thread(self._parts.sessions.end, login, everywhere=everywhere)
            await self._leave_desk(login.user)
            await self._parts.audit.note("console.logout", who=login.user.name, everywhere=int(everywhere))
        answer = RedirectResponse("/login", SEE_OTHER)
        answer.delete_cookie(COOKIE, path="/", secure=True, httponly=True, samesite="lax")
        return answer

    async def _leave_desk(self, user: User) -> None:
        """Chats of their queues are not kept for somebody who has gone; another browser of theirs says that it is there."""
        if self._parts.chats is not None:
            with contextlib.suppress(StateError):  # the lease ends by itself
                await self._parts.chats.talks.desks.here(desk_name(user), ())

    async def language(self, request: Request) -> Response:
        """Read the pages in another language from now on."""
        wanted = request.query_params.get("lang", "")
        answer = RedirectResponse(safe_path(request.query_params.get("to", "/")), SEE_OTHER)
        if wanted in LANGUAGES:
            answer.set_cookie(LANGUAGE_COOKIE, wanted, max_age=_A_YEAR_S, path="/", samesite="lax")
        return answer

    def _ask(self, request: Request, to: str, *, problem: str = "", status: int = 200) -> Response:
        offered = {"passwords": self._parts.settings.console.passwords, "oidc": self._parts.oidc is not None}
        language = self._guard.language(request)
        return self._guard.renderer.plain("login.html", language, status=status, to=to, problem=problem, **offered)


def login_routes(parts: ConsoleParts, guard: Guard) -> list[Route]:
    """What is open to those who are not logged in."""
    login = Login(parts, guard)
    return [
        Route("/login", login.page, methods=["GET"]),
        Route("/login", login.password, methods=["POST"]),
        Route("/login/passkey/options", login.passkey_options, methods=["POST"]),
        Route("/login/passkey", login.passkey, methods=["POST"]),
        Route("/login/oidc", login.oidc, methods=["GET"]),
        Route("/login/oidc/back", login.oidc_back, methods=["GET"]),
        Route("/logout", login.out, methods=["POST"]),
        Route("/language", login.language, methods=["GET"]),
    ]
