"""Pages and who may open them. A page without roles cannot be made, so no page is open by mistake.

A page is a function `async def page(view: View) -> Response`, registered with `Pages.get` or `Pages.post`. What a form sends is
in `view.form`; the guard has checked before that it came from a page of ours (`voicebot.console.guard`).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Protocol

from starlette.datastructures import QueryParams
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from voicebot.accounts.roles import Role
from voicebot.accounts.sessions import LoggedIn
from voicebot.accounts.users import User
from voicebot.console import texts
from voicebot.errors import Refused

SEE_OTHER = 303
TOKEN_FIELD = "token"
"""The hidden field of every form: `{{ token(view) }}` in a template."""


class Renders(Protocol):
    """Makes pages out of templates; see `voicebot.console.render.Renderer`."""

    def text(self, language: str, key: str, **values: object) -> str:
        """One text."""
        ...

    def page(self, view: View, template: str, status: int, values: Mapping[str, object]) -> Response:
        """A page."""
        ...


@dataclass(frozen=True, slots=True)
class Form:
    """What a form sent."""

    values: Mapping[str, tuple[str, ...]]

    def get(self, name: str, default: str = "") -> str:
        """The field's value without blanks around it; the first where there are several."""
        return next(iter(self.values.get(name, ())), default).strip()

    def all(self, name: str) -> tuple[str, ...]:
        """All values of a field that may be there several times."""
        return self.values.get(name, ())

    def __contains__(self, name: str) -> bool:
        return name in self.values


@dataclass(frozen=True, slots=True)
class View:
    """One request for a page, by a person who is logged in and may see it."""

    request: Request
    login: LoggedIn
    form: Form
    """Empty for a page that is only read."""
    language: str
    """Of the page: pl or en."""
    renderer: Renders

    @property
    def user(self) -> User:
        """Who asks."""
        return self.login.user

    @property
    def query(self) -> QueryParams:
        """What stands behind the question mark."""
        return self.request.query_params

    @property
    def path(self) -> Mapping[str, str]:
        """The variable parts of the address."""
        return self.request.path_params

    def may(self, *roles: Role) -> bool:
        """Whether the person has one of these roles."""
        return bool(self.user.roles & set(roles))

    def t(self, key: str, **values: object) -> str:
        """A text of ours, "calls.title", in the page's language."""
        return self.renderer.text(self.language, key, **values)

    def told(self, error: Exception) -> str:
        """Why something could not be done, in the page's language; in English, and marked so, what only programs tell."""
        if not isinstance(error, Refused):
            return texts.english(error)
        return self.t(f"refused.{error.why}", **error.facts) if error.why else str(error)

    def named(self, group: str, value: str) -> str:
        """The word for a value of the records, in the page's language."""
        return texts.named(self.language, group, value)

    def show(self, template: str, *, status: int = 200, **values: object) -> Response:
        """The page of this template."""
        return self.renderer.page(self, template, status, values)

    def go(self, path: str, notice: str = "") -> Response:
        """Back to a page after a form, with a word on what was done: `notice` is the key of a text."""
        mark = "&" if "?" in path else "?"
        return RedirectResponse(f"{path}{mark}notice={notice}" if notice else path, SEE_OTHER)


def whole_number(written: str) -> int:
    """A whole number out of a form or an address; -1, which nothing has, for anything else."""
    return int(written) if written.isdecimal() and len(written) < 10 else -1


def day(written: str) -> date | None:
    """A day out of an address; None for what is none, or too far away to be reckoned with."""
    try:
        found = date.fromisoformat(written)
    except ValueError:
        return None
    return found if 1900 <= found.year < 2200 else None


Handler = Callable[[View], Awaitable[Response]]


@dataclass(frozen=True, slots=True)
class PageRoute:
    """One page, or what one form does."""

    method: str
    path: str
    """As Starlette writes it: /calls/{call_id}."""
    roles: frozenset[Role]
    """Who may."""
    handler: Handler
    nav: str = ""
    """The key of its name in the list of pages; "" for a page that is not in it."""
    order: int = 100
    """Its place in that list."""


class Pages:
    """The pages of one part of the console."""

    def __init__(self) -> None:
        self._routes: list[PageRoute] = []

    def __iter__(self) -> Iterator[PageRoute]:
        return iter(self._routes)

    def get(self, path: str, *, roles: Collection[Role], nav: str = "", order: int = 100) -> Callable[[Handler], Handler]:
        """Registers a page. Raises ValueError without roles."""
        return self._add("GET", path, roles, nav, order)

    def post(self, path: str, *, roles: Collection[Role]) -> Callable[[Handler], Handler]:
        """Registers what a form does. Raises ValueError without roles."""
        return self._add("POST", path, roles, "", 100)

    def _add(self, method: str, path: str, roles: Collection[Role], nav: str, order: int) -> Callable[[Handler], Handler]:
        if not roles:
            raise ValueError(f"{method} {path} names no roles: write who may open it")

        def register(handler: Handler) -> Handler:
            self._routes.append(PageRoute(method, path, frozenset(roles), handler, nav, order))
            return handler

        return register
