"""What every page passes: who is logged in, whether they may, and whether a form came from a page of ours."""

from __future__ import annotations

import asyncio
import hmac
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from urllib.parse import parse_qs, quote, urlsplit

import structlog
from sqlalchemy.exc import SQLAlchemyError
from starlette.requests import HTTPConnection, Request
from starlette.responses import RedirectResponse, Response

from voicebot.accounts.sessions import LoggedIn, Sessions, typed_by
from voicebot.chat.page import wanted_language
from voicebot.console.render import LANGUAGE_COOKIE, Renderer
from voicebot.console.routing import SEE_OTHER, TOKEN_FIELD, Form, PageRoute, View
from voicebot.console.texts import LANGUAGES
from voicebot.errors import RecordsError, StateError, code_of
from voicebot.identity.audit import Audit

COOKIE = "__Host-voicebot"
_MOST_FIELDS = 500

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Guard:
    """Lets people in to pages."""

    sessions: Sessions
    renderer: Renderer
    audit: Audit
    default_language: str

    def page(self, route: PageRoute) -> Callable[[Request], Awaitable[Response]]:
        """The route as Starlette calls it."""

        async def answer(request: Request) -> Response:
            try:
                return await self._answer(route, request)
            except (SQLAlchemyError, RecordsError, StateError) as error:
                log.warning("a page cannot be shown", code=code_of(error), why=type(error).__name__)
                away = "state_away" if isinstance(error, StateError) else "away"
                return self.problem(request, 503, away, headers={"Retry-After": "5"})

        return answer

    async def _answer(self, route: PageRoute, request: Request) -> Response:
        login = await self.login(request)
        if login is None:
            form = await read_form(request) if request.method != "GET" and from_here(request) else Form({})
            return self._unsent(request, form) if set(form.values) - {TOKEN_FIELD} else self.to_login(request)
        if not route.roles & login.user.roles:
            await self.audit.note("console.refused", who=login.user.name, page=f"{route.method} {route.path}")
            return self.problem(request, 403, "forbidden")
        form = Form({})
        if route.method != "GET":
            form = await read_form(request)
            if not from_here(request):
                return self.problem(request, 403, "stale_form")
            if not hmac.compare_digest(form.get(TOKEN_FIELD).encode(), login.form_token.encode()):
                return self._unsent(request, form, login)
        return await route.handler(View(request, login, form, self.language(request), self.renderer))

    async def login(self, request: HTTPConnection) -> LoggedIn | None:
        """Who sits at this browser."""
        cookie = request.cookies.get(COOKIE, "")
        return await asyncio.to_thread(self.sessions.of, cookie) if cookie else None

    def language(self, request: Request) -> str:
        """Chosen by the reader, else the browser's."""
        order = (self.default_language, *(each for each in LANGUAGES if each != self.default_language))
        return wanted_language(request.cookies.get(LANGUAGE_COOKIE), request.headers.get("accept-language", ""), order)

    def to_login(self, request: Request) -> Response:
        """To the log-in, and back afterwards to the page that was asked for."""
        url = request.url
        back = url.path + (f"?{url.query}" if url.query else "") if request.method == "GET" else "/"
        return RedirectResponse(f"/login?to={quote(back, safe='')}", SEE_OTHER)

    def _unsent(self, request: Request, form: Form, login: LoggedIn | None = None) -> Response:
        """The session of this form is over: what was typed is shown, to be sent by the one that there is now (`login`) once the
        person has looked at it; not to somebody else at this browser. A password is not repeated: such a form is filled in anew.
        """
        token = form.get(TOKEN_FIELD)
        if login is not None and typed_by(token) != login.user.user_id:
            return self.problem(request, 403, "unsent_other")
        fields = [(name, value) for name, values in form.values.items() if name != TOKEN_FIELD for value in values]
        secret = any("password" in name and value for name, value in fields)
        return self.renderer.plain(
            "unsent.html",
            self.language(request),
            status=403,
            fields=[(name, value) for name, value in fields if "password" not in name],
            secret=secret,
            action=request.url.path + (f"?{request.url.query}" if request.url.query else ""),
            token=login.form_token if login is not None else token,
            login=login,
        )

    def problem(self, request: Request, status: int, what: str, *, headers: dict[str, str] | None = None) -> Response:
        """A page that says what went wrong and what to do: texts `problem.<what>` and `problem.<what>_do`."""
        answer = self.renderer.plain("problem.html", self.language(request), status=status, what=what)
        answer.headers.update(headers or {})
        return answer


async def read_form(request: Request) -> Form:
    """What a form sent (application/x-www-form-urlencoded); empty when it cannot be read."""
    body = (await request.body()).decode("utf-8", "replace").replace("%00", "").replace("\0", "")  # no database keeps it
    try:
        fields = parse_qs(body, keep_blank_values=True, max_num_fields=_MOST_FIELDS)
    except ValueError:
        return Form({})
    return Form({name: tuple(values) for name, values in fields.items()})


def from_here(request: HTTPConnection) -> bool:
    """Whether a browser says that a page of ours sent this: Sec-Fetch-Site, else Origin (Fetch Metadata, W3C)."""
    site = request.headers.get("sec-fetch-site")
    if site is not None:
        return site == "same-origin"
    origin = request.headers.get("origin")
    return origin is not None and urlsplit(origin).netloc == request.headers.get("host")


def safe_path(path: str) -> str:
    """Where to go after the log-in: a page of ours, whatever stands in the address."""
    parts = urlsplit(path)
    ours = path.startswith("/") and not path.startswith(("//", "/\\")) and not parts.netloc and "\\" not in path
    return path if ours and path.isprintable() else "/"
